package script

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"oibus/platform"
	"oibus/platform/task"
)

// worker is a process that runs Serve, seen from its parent. One execution at a time.
type worker struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	said chan said // closed when the worker has ended
	tail *tail     // of its standard error
	end  context.CancelFunc

	idleSince time.Time
}

type said struct {
	answer answer
	body   []byte
}

func startWorker(ctx context.Context, tasks *task.Group, command []string) (_ *worker, confined string, err error) {
	life, end := context.WithCancel(tasks.Context())
	w := &worker{cmd: exec.CommandContext(life, command[0], command[1:]...), said: make(chan said), tail: &tail{}, end: end}
	w.cmd.Env = environment()
	w.cmd.Stderr = w.tail
	w.cmd.WaitDelay = time.Second
	platform.HideWindow(w.cmd)
	out, err := w.cmd.StdoutPipe()
	if err == nil {
		w.in, err = w.cmd.StdinPipe()
	}
	if err == nil {
		err = w.cmd.Start()
	}
	if err != nil {
		end()
		return nil, "", fmt.Errorf("cannot start a process for scripts: %w", err)
	}
	tasks.Go("script worker", func(context.Context) error { return w.listen(life, out) })
	wait, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	s, ok, err := w.next(wait)
	if err == nil && (!ok || s.answer.Kind != saidReady) {
		err = errors.New(w.tail.text())
	}
	if err != nil {
		w.kill()
		return nil, "", fmt.Errorf("the process for scripts did not start: %w", err)
	}
	return w, s.answer.Confined, nil
}

// environment is all that a worker inherits: the time zone, and as many processors as the script, its watch and the
// collector need.
func environment() []string {
	e := []string{"GOMAXPROCS=2"}
	if zone, set := os.LookupEnv("TZ"); set {
		e = append(e, "TZ="+zone)
	}
	return append(e, platform.NeededEnvironment()...)
}

// listen passes on what the worker says until it ends, and reaps it.
func (w *worker) listen(life context.Context, out io.Reader) error {
	defer close(w.said)
	r := bufio.NewReaderSize(out, 64<<10)
	for {
		var s said
		body, err := readFrame(r, &s.answer, outputLimit)
		if err != nil {
			break // it has ended, or talks nonsense: then it must end
		}
		s.body = body
		select {
		case w.said <- s:
			continue
		case <-life.Done():
		}
		break
	}
	w.end()
	_ = w.cmd.Wait() // how it ended is seen by its silence; what it printed is in the tail
	return nil
}

// next is what the worker says next; false when it has ended.
func (w *worker) next(ctx context.Context) (said, bool, error) {
	select {
	case s, ok := <-w.said:
		return s, ok, nil
	case <-ctx.Done():
		return said{}, false, ctx.Err()
	}
}

func (w *worker) alive() bool {
	select {
	case <-w.said: // ended, or says something unasked
		return false
	default:
		return true
	}
}

func (w *worker) kill() { w.end() }

// execute runs one request. reusable says whether the worker is in order afterwards.
func (w *worker) execute(ctx context.Context, r request, body []byte, limit time.Duration, console func(level, text string)) (_ answer, _ []byte, reusable bool, _ error) {
	ctx, cancel := context.WithTimeoutCause(ctx, limit+grace+sendTime(len(body)), errDeadline)
	defer cancel()
	stop := context.AfterFunc(ctx, w.kill) // also ends a write that the worker does not read
	defer stop()
	if err := writeFrame(w.in, r, body); err != nil {
		return answer{}, nil, false, w.ended(ctx)
	}
	for lines := 0; ; {
		s, ok, err := w.next(ctx)
		if err != nil || !ok {
			return answer{}, nil, false, w.ended(ctx)
		}
		switch s.answer.Kind {
		case saidLog:
			if lines++; console != nil && lines <= logLimit {
				console(s.answer.Level, s.answer.Text)
			}
		case saidError:
			if s.answer.Err == nil {
				return answer{}, nil, false, failure(Runtime, "the process for scripts gave no reason")
			}
			c := s.answer.Err.Category
			return answer{}, nil, stop() && (c == Runtime || c == Syntax), s.answer.Err
		case saidResult:
			return s.answer, s.body, stop(), nil
		}
	}
}

var errDeadline = errors.New("deadline of the script")

// sendTime allows for handing over large contents.
func sendTime(n int) time.Duration { return time.Duration(n/(20<<20)) * time.Second }

// ended explains why a worker has not answered.
func (w *worker) ended(ctx context.Context) error {
	w.kill()
	if cause := context.Cause(ctx); errors.Is(cause, errDeadline) {
		return failure(Timeout, timedOut)
	} else if cause != nil {
		return cause
	}
	for range w.said { // until it was reaped: then all it printed is here
	}
	text := w.tail.text()
	if code := w.cmd.ProcessState.ExitCode(); code == exitMemory || strings.Contains(text, "out of memory") || strings.Contains(text, "cannot allocate memory") || strings.Contains(text, "failed to allocate") {
		return failure(MemoryLimit, memoryText)
	}
	if strings.Contains(text, "stack overflow") || strings.Contains(text, "stack exceeds") {
		return failure(Runtime, stackText)
	}
	reason, _, _ := strings.Cut(text, "\n")
	return failure(Runtime, fmt.Sprintf("the process for scripts ended (%s): %s", w.cmd.ProcessState, reason))
}

// tail keeps the beginning and the end of what a worker prints.
type tail struct {
	mu    sync.Mutex
	first bytes.Buffer
}

const tailLimit = 8 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if room := tailLimit - t.first.Len(); room > 0 {
		t.first.Write(p[:min(len(p), room)])
	}
	return len(p), nil
}

func (t *tail) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(t.first.String())
}
