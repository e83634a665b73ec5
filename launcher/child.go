package launcher

import (
	"context"
	"io"
	"log/slog"
	"time"

	"oibus/launcher/handshake"
	"oibus/platform"
	"oibus/platform/task"
)

// drainLimit is how long the last output of an agent that has ended, and its tree with it, is waited for.
const drainLimit = 2 * time.Second

// The prefixes of the agent's output, those of the reference (protocol/control-plane.md, section 9.4).
const (
	stdoutPrefix = "OIBus stdout: "
	stderrPrefix = "OIBus stderr: "
)

// program says what is started as the agent.
type program struct {
	path     string
	args     []string
	mark     string
	interval time.Duration // of its heartbeats
	env      []string
	plain    bool // what it prints is shown as it is
}

// child is a running agent.
type child struct {
	process  *platform.Child
	log      *slog.Logger
	readers  *task.Group
	waiter   *task.Group
	messages chan handshake.Message
	ended    chan platform.Exit
}

// startChild starts the agent and forwards what it prints to out.
func startChild(p program, out io.Writer, log *slog.Logger) (*child, error) {
	process, err := platform.StartChild(platform.ChildSpec{
		Path:     p.path,
		Args:     p.args,
		Env:      append([]string{handshake.IntervalVariable + "=" + p.interval.String()}, p.env...),
		Mark:     p.mark,
		Variable: handshake.Variable,
	})
	if err != nil {
		return nil, err
	}
	outPrefix, errPrefix := stdoutPrefix, stderrPrefix
	if p.plain {
		outPrefix, errPrefix = "", ""
	}
	c := &child{process: process, log: log, messages: make(chan handshake.Message), ended: make(chan platform.Exit, 1)}
	failed := func(name string, err error) { log.Warn("reading from the agent failed", "task", name, "error", err) }
	c.readers = task.New(context.Background(), failed)
	c.waiter = task.New(context.Background(), failed)
	c.readers.Go("output of the agent", func(context.Context) error { return forward(process.Stdout, outPrefix, out) })
	c.readers.Go("errors of the agent", func(context.Context) error { return forward(process.Stderr, errPrefix, out) })
	c.readers.Go("messages of the agent", c.read)
	c.waiter.Go("end of the agent", c.wait)
	return c, nil
}

// read passes the messages on.
func (c *child) read(ctx context.Context) error {
	decoder := handshake.NewDecoder(c.process.Notify)
	defer close(c.messages)
	for {
		m, err := decoder.Next()
		if err != nil {
			if n := decoder.Skipped(); n > 0 {
				c.log.Warn("the agent wrote lines to its notify pipe that are no messages", "lines", n)
			}
			return endOfOutput(err)
		}
		select {
		case c.messages <- m:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// wait ends what the agent left behind, then reads to the end what it said.
func (c *child) wait(context.Context) error {
	exit := c.process.Wait()
	c.kill()
	ctx, cancel := context.WithTimeout(context.Background(), drainLimit)
	defer cancel()
	drained := c.readers.Wait(ctx)
	c.readers.Stop()
	closed := c.process.Close()
	c.ended <- exit
	if ctx.Err() != nil {
		return drained
	}
	return closed
}

func (c *child) pid() int { return c.process.PID() }

// heard gives the messages; it is closed when no more can come.
func (c *child) heard() <-chan handshake.Message { return c.messages }

// gone gives how the agent ended, once its whole tree has.
func (c *child) gone() <-chan platform.Exit { return c.ended }

func (c *child) requestStop() { c.note("ask the agent to stop", c.process.CloseStdin()) }

func (c *child) interrupt() { c.note("interrupt the agent", c.process.Interrupt()) }

func (c *child) abort() { c.note("abort the agent", c.process.Abort()) }

func (c *child) kill() { c.note("end the agent", c.process.KillTree()) }

func (c *child) note(what string, err error) {
	if err != nil {
		c.log.Warn("cannot "+what, "error", err)
	}
}
