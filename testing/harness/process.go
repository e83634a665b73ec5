package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"testing"
)

// outputLimit bounds what is kept of the output of a process: the end of it is what explains a failure.
const outputLimit = 256 << 10

// process is a started program. It ends with its test at the latest.
type process struct {
	cmd    *exec.Cmd
	output *tail
	ended  chan struct{}
}

func startProcess(t testing.TB, output *tail, env []string, dir, path string, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(path, args...), output: output, ended: make(chan struct{})}
	p.cmd.WaitDelay = stopLimit // a child that it leaves behind may hold its output
	p.cmd.Env, p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr, p.cmd.SysProcAttr = env, dir, output, output, withParent()
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("cannot start %s: %v", path, err)
	}
	go func() {
		defer close(p.ended)
		var exit *exec.ExitError
		if err := p.cmd.Wait(); err != nil && !errors.As(err, &exit) {
			fmt.Fprintf(output, "cannot wait for %s: %v\n", path, err)
		}
	}()
	return p
}

func (p *process) running() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// interrupt asks the process to stop. Where that cannot be asked, as on Windows, the process is ended.
func (p *process) interrupt() {
	if p.cmd.Process.Signal(os.Interrupt) != nil && p.running() {
		p.kill()
	}
}

// kill ends the process at once, as SIGKILL does, and waits until it is gone.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended already
	<-p.ended
}

// endWith ends the process when its test ends. A launcher is asked first, so that it ends its agent.
func (p *process) endWith(ask bool) func() {
	return func() {
		if ask && p.running() {
			p.interrupt()
			ctx, cancel := context.WithTimeout(context.Background(), stopLimit)
			defer cancel()
			_, _ = p.wait(ctx) // otherwise it is ended now
		}
		p.kill()
	}
}

// wait waits for the end and returns the exit code, -1 when a signal ended it.
func (p *process) wait(ctx context.Context) (int, error) {
	select {
	case <-p.ended:
		return p.cmd.ProcessState.ExitCode(), nil
	case <-ctx.Done():
		return 0, fmt.Errorf("%s has not ended: %w", p.cmd.Path, ctx.Err())
	}
}

// tail keeps the end of what is written.
type tail struct {
	mu   sync.Mutex
	text []byte
}

func (w *tail) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text = append(w.text, b...)
	if over := len(w.text) - outputLimit; over > 0 {
		w.text = append(w.text[:0], w.text[over:]...)
	}
	return len(b), nil
}

func (w *tail) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return string(w.text)
}
