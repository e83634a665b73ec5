package script

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
	"time"

	"github.com/dop251/goja"

	"oibus/platform"
	"oibus/platform/task"
)

// Exit codes of a worker.
const (
	exitDone   = 0
	exitBroken = 1
	exitMemory = 3
)

const (
	memoryText = "the script needs more memory than the limit of 256 MB"
	stackText  = "Maximum call stack size exceeded"

	watchEvery   = 5 * time.Millisecond
	collectEvery = 100 * time.Millisecond // to see what is not garbage
	heapSlack    = 32 << 20               // what is garbage already, between two collections
	heapTooMuch  = 256 << 20              // beyond the limit: the interpreter did not stop in time
	dataLimit    = 2 << 30                // what the operating system gives, the program itself included
	stackLimit   = 128 << 20              // of native recursion
)

// Serve is a worker: it executes what it reads from in and answers on out, until in ends. It returns the exit code.
func Serve(in io.Reader, out io.Writer) int {
	confined := platform.Confine(dataLimit)
	debug.SetMemoryLimit(heapLimit + heapTooMuch) // collects more eagerly near the end, without standing still
	debug.SetMaxStack(stackLimit)
	s := &server{out: bufio.NewWriterSize(out, 64<<10), compiled: newPrograms()}
	tasks := task.New(context.Background(), func(name string, err error) { os.Exit(exitBroken) })
	requests := make(chan work)
	// Reading goes on while a script runs: the end of in is the death of the parent, and nothing may outlive that.
	tasks.Go("read", func(ctx context.Context) error { return read(in, requests) })
	tasks.Go("watch", func(ctx context.Context) error { return s.watch(ctx) })
	ready := answer{Kind: saidReady}
	if confined != nil {
		ready.Confined = confined.Error()
	}
	if s.say(ready, nil) != nil {
		return exitBroken
	}
	for w := range requests {
		if err := s.serve(w); err != nil {
			return exitBroken
		}
	}
	return exitDone
}

type work struct {
	request request
	body    []byte
}

func read(in io.Reader, requests chan<- work) error {
	r := bufio.NewReaderSize(in, 64<<10)
	for {
		var w work
		body, err := readFrame(r, &w.request, inputLimit)
		if err != nil {
			code := exitBroken
			if errors.Is(err, io.EOF) {
				code = exitDone
			}
			os.Exit(code)
		}
		w.body = body
		requests <- w
	}
}

// server is the state of a worker.
type server struct {
	out      *bufio.Writer
	compiled *programs
	running  atomic.Pointer[goja.Runtime]
}

func (s *server) say(a answer, body []byte) error {
	if err := writeFrame(s.out, a, body); err != nil {
		return err
	}
	return s.out.Flush()
}

func (s *server) serve(w work) error {
	a, body, err := s.execute(w)
	if err != nil {
		return s.say(answer{Kind: saidError, Err: asError(err)}, nil)
	}
	if len(body) > outputLimit {
		return s.say(answer{Kind: saidError, Err: failure(MemoryLimit, "the result is larger than the limit of 128 MB")}, nil)
	}
	a.Kind = saidResult
	return s.say(a, body)
}

// Reasons of an interruption.
type interruption string

const (
	tooMuch interruption = memoryText
	tooLong interruption = timedOut
)

// watch interrupts a script that takes too much memory, and ends the process when that does not help.
func (s *server) watch(ctx context.Context) error {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	var collected time.Time
	t := time.NewTicker(watchEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
		vm := s.running.Load()
		if vm == nil {
			continue
		}
		metrics.Read(sample)
		if sample[0].Value.Uint64() <= heapLimit+heapSlack {
			continue
		}
		if time.Since(collected) < collectEvery {
			continue
		}
		runtime.GC() // what the script before left is no fault of this one
		collected = time.Now()
		metrics.Read(sample)
		switch used := sample[0].Value.Uint64(); {
		case used > heapLimit+heapTooMuch:
			os.Exit(exitMemory)
		case used > heapLimit:
			vm.Interrupt(tooMuch)
		}
	}
}
