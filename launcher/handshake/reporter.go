package handshake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"oibus/platform"
	"oibus/platform/task"
)

// queueLength is how many messages may wait for a launcher that reads slowly; more heartbeats are dropped.
const queueLength = 16

// flushLimit bounds the wait for a last message to be written before the agent exits.
const flushLimit = 500 * time.Millisecond

// defaultInterval is used when the launcher gave none.
const defaultInterval = 2 * time.Second

// Reporter is the agent's side. A nil Reporter, that of an agent started without a launcher, does nothing and never
// asks to stop. No method blocks longer than flushLimit, whatever the launcher does.
type Reporter struct {
	tasks    *task.Group
	queue    chan outgoing
	stop     chan struct{}
	interval time.Duration
}

type outgoing struct {
	message Message
	written chan struct{}
}

// FromEnvironment returns the Reporter of the launcher that started this process, or nil when none did. It removes
// the variables from the environment, so that no process started from here takes the pipe for its own. It takes over
// the standard input: its end is the request to stop. Call it once, early.
func FromEnvironment() (*Reporter, error) {
	number, text := os.Getenv(Variable), os.Getenv(IntervalVariable)
	if number == "" {
		return nil, nil
	}
	if err := errors.Join(os.Unsetenv(Variable), os.Unsetenv(IntervalVariable)); err != nil {
		return nil, fmt.Errorf("cannot clean the environment: %w", err)
	}
	pipe, err := platform.OpenInherited(number)
	if err != nil {
		return nil, fmt.Errorf("cannot report to the launcher: %w", err)
	}
	interval, err := time.ParseDuration(text)
	if err != nil || interval <= 0 {
		interval = defaultInterval
	}
	platform.SurviveBrokenOutput() // of a launcher that was killed: the agent still stops in order
	return newReporter(pipe, os.Stdin, interval), nil
}

func newReporter(pipe io.Writer, stdin io.Reader, interval time.Duration) *Reporter {
	r := &Reporter{
		tasks:    task.New(context.Background(), nil),
		queue:    make(chan outgoing, queueLength),
		stop:     make(chan struct{}),
		interval: interval,
	}
	r.tasks.Go("reports to the launcher", func(ctx context.Context) error { return r.write(ctx, pipe) })
	r.tasks.Go("stop request of the launcher", func(context.Context) error {
		defer close(r.stop)
		_, err := io.Copy(io.Discard, stdin)
		return err
	})
	return r
}

// write goes on after an error, that of a launcher that is gone, so that nobody waits for it.
func (r *Reporter) write(ctx context.Context, pipe io.Writer) error {
	var failed error
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case out := <-r.queue:
			line, err := encode(out.message)
			if err == nil && failed == nil {
				_, failed = pipe.Write(line)
			}
			close(out.written)
		}
	}
}

// Interval is how often Heartbeat should be called: often enough that the launcher never thinks the agent dead.
func (r *Reporter) Interval() time.Duration {
	if r == nil {
		return defaultInterval
	}
	return r.interval
}

// StopRequested is closed when the launcher wants the agent to stop, or is gone.
func (r *Reporter) StopRequested() <-chan struct{} {
	if r == nil {
		return nil
	}
	return r.stop
}

// Ready reports that the agent serves.
func (r *Reporter) Ready(version string) {
	r.post(Message{Kind: Ready, Version: version, PID: os.Getpid()}, true)
}

// Waiting reports that a launcher works for another one, and that its agent does not serve yet.
func (r *Reporter) Waiting(version string) {
	r.post(Message{Kind: Ready, Version: version, PID: os.Getpid(), Waiting: true}, true)
}

// Heartbeat reports that the agent is alive. Call it from where a hang would show.
func (r *Reporter) Heartbeat() { r.post(Message{Kind: Heartbeat}, false) }

// Fatal reports why the agent is about to exit with an error.
func (r *Reporter) Fatal(reason string) { r.post(Message{Kind: Fatal, Reason: reason}, true) }

// Stopping reports that the agent has begun to stop and why. The launcher then grants it the whole stop limit.
func (r *Reporter) Stopping(reason string) { r.post(Message{Kind: Stopping, Reason: reason}, true) }

// post queues m. A message that matters waits for room and until it is written, within flushLimit; a heartbeat for
// which there is no room is dropped.
func (r *Reporter) post(m Message, matters bool) {
	if r == nil {
		return
	}
	out := outgoing{message: m, written: make(chan struct{})}
	if !matters {
		select {
		case r.queue <- out:
		default:
		}
		return
	}
	limit := time.NewTimer(flushLimit)
	defer limit.Stop()
	select {
	case r.queue <- out:
	case <-limit.C:
		return
	}
	select {
	case <-out.written:
	case <-limit.C:
	}
}
