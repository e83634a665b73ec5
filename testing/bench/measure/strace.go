package measure

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

const attachLimit = 10 * time.Second

// ParseTrace reads the output of strace -f -ttt: the moment of each call. A call that another thread interrupted in the
// output stands on two lines, and counts once.
func ParseTrace(text string) ([]time.Time, error) {
	var calls []time.Time
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 3 || !strings.Contains(fields[2], "(") { // resumed calls, signals, the end of a thread
			continue
		}
		seconds, micros, ok := strings.Cut(fields[1], ".")
		s, err := strconv.ParseInt(seconds, 10, 64)
		us, fractionErr := strconv.ParseInt(micros, 10, 64)
		if !ok || len(micros) != 6 || err != nil || fractionErr != nil {
			return nil, fmt.Errorf("cannot understand the line %q of strace", strings.TrimSpace(line))
		}
		calls = append(calls, time.Unix(s, us*1000))
	}
	return calls, nil
}

// Trace returns the moments of system calls, named as strace wants them, that a process makes while f runs. The process
// is slower meanwhile.
func Trace(ctx context.Context, pid int, calls string, f func() error) ([]time.Time, error) {
	program, err := exec.LookPath("strace")
	if err != nil {
		return nil, errors.New("strace is not installed")
	}
	dir, err := os.MkdirTemp("", "oibus-bench")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "calls")
	said := &announcement{want: "attached", heard: make(chan struct{})}
	tracer := exec.CommandContext(ctx, program, "-f", "-ttt", "-e", "trace="+calls, "-o", out, "-p", strconv.Itoa(pid))
	tracer.Stderr = said
	tracer.Cancel = func() error { return tracer.Process.Signal(os.Interrupt) } // it lets go of the process
	if err := tracer.Start(); err != nil {
		return nil, fmt.Errorf("cannot start strace: %w", err)
	}
	err = said.wait(ctx)
	if err == nil {
		err = f()
	}
	_ = tracer.Process.Signal(os.Interrupt)
	_ = tracer.Wait() // it ends by the signal
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(out)
	if err != nil {
		return nil, fmt.Errorf("strace noted nothing: %s", said)
	}
	return ParseTrace(string(text))
}

// announcement is written to until it holds what is waited for.
type announcement struct {
	mu    sync.Mutex
	text  []byte
	want  string
	once  sync.Once
	heard chan struct{}
}

func (a *announcement) Write(b []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.text = append(a.text, b...)
	if bytes.Contains(a.text, []byte(a.want)) {
		a.once.Do(func() { close(a.heard) })
	}
	return len(b), nil
}

func (a *announcement) String() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return strings.TrimSpace(string(a.text))
}

func (a *announcement) wait(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, attachLimit)
	defer cancel()
	select {
	case <-a.heard:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("strace cannot follow the process: %s", a)
	}
}
