package launcher

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"oibus/platform/task"
)

const (
	// maxLine bounds a line of the agent's output; the rest of a longer one is dropped.
	maxLine = 64 << 10
	// consoleQueue is how many lines may wait for a console that is slow.
	consoleQueue = 256
	// consolePatience is how long a line waits for a console that does not move before lines are dropped: whoever
	// stopped reading the launcher's output must not stop the agent.
	consolePatience = time.Second
	// closeLimit is how long closing waits for the last lines to be written.
	closeLimit = 2 * time.Second
)

// console writes lines of several sources one at a time, without ever holding up a source for long.
type console struct {
	tasks *task.Group
	lines chan []byte
	stuck atomic.Bool  // the console does not move
	lost  atomic.Int64 // lines dropped since it last moved
}

func newConsole(out io.Writer) *console {
	c := &console{
		tasks: task.New(context.Background(), nil),
		lines: make(chan []byte, consoleQueue),
	}
	c.tasks.Go("console", func(ctx context.Context) error { return c.run(ctx, out) })
	return c
}

// run writes until it is stopped, then what is still queued. That the console is gone is nobody's failure.
func (c *console) run(ctx context.Context, out io.Writer) error {
	for {
		select {
		case line := <-c.lines:
			c.put(out, line)
		case <-ctx.Done():
			for {
				select {
				case line := <-c.lines:
					c.put(out, line)
				default:
					return nil
				}
			}
		}
	}
}

func (c *console) put(out io.Writer, line []byte) {
	_, _ = out.Write(line)
	c.stuck.Store(false)
	if n := c.lost.Swap(0); n > 0 {
		_, _ = fmt.Fprintf(out, "%d lines were dropped: nobody read the output of the launcher\n", n)
	}
}

// Write queues a line, which must end in a newline, or drops it when the console does not move. It implements
// io.Writer for loggers, and never fails.
func (c *console) Write(line []byte) (int, error) {
	if !c.queue(bytes.Clone(line)) {
		c.lost.Add(1)
	}
	return len(line), nil
}

func (c *console) queue(line []byte) bool {
	select {
	case c.lines <- line:
		return true
	default:
	}
	if c.stuck.Load() {
		return false
	}
	limit := time.NewTimer(consolePatience)
	defer limit.Stop()
	select {
	case c.lines <- line:
		return true
	case <-limit.C:
		c.stuck.Store(true)
		return false
	}
}

// close writes what is queued, if the console still moves.
func (c *console) close() error { return c.tasks.StopAndWait(closeLimit) }

// forward writes what r gives, line by line, each behind prefix, to w until r ends.
func forward(r io.Reader, prefix string, w io.Writer) error {
	lines := bufio.NewReaderSize(r, maxLine)
	for {
		line, err := lines.ReadSlice('\n')
		if len(line) > 0 {
			if _, err := fmt.Fprintf(w, "%s%s\n", prefix, bytes.TrimRight(line, "\r\n")); err != nil {
				return fmt.Errorf("cannot forward output: %w", err)
			}
		}
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = lines.ReadSlice('\n')
		}
		if err != nil {
			return endOfOutput(err)
		}
	}
}

// endOfOutput takes the ways in which a pipe ends for no error.
func endOfOutput(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}
