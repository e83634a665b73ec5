// Package console is the North that prints contents to standard output, to try a South out (protocol/data-plane.md,
// section 6.10). It promises that a broken output is an error, that contents of any size are printed in little memory,
// and that nothing in a content can control the terminal. It guards against the console nobody reads.
package console

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"oibus/agent/connector"
	"oibus/agent/connector/setting"
	"oibus/agent/content"
	"oibus/agent/north"
)

// Type is the row of the catalogue.
var Type = north.Type{
	ID:      "console",
	Accepts: []content.Kind{content.Any, content.TimeValues, content.Setpoints},
	New:     func(env north.Env) (north.Connector, error) { return build(env, os.Stdout) },
}

type settings struct {
	Verbose setting.Flag `json:"verbose"`
}

// Console is a configured North.
type Console struct {
	settings settings
	out      io.Writer
}

func build(env north.Env, out io.Writer) (*Console, error) {
	c := &Console{out: out}
	if err := setting.Decode(env.Settings, &c.settings); err != nil {
		return nil, err
	}
	return c, nil
}

// Connect has nothing to do.
func (c *Console) Connect(context.Context) error { return nil }

// Disconnect has nothing to do.
func (c *Console) Disconnect(context.Context) error { return nil }

// Test prints two lines of a table.
func (c *Console) Test(context.Context) (connector.Report, error) {
	err := c.print(func(w *bufio.Writer) error {
		if _, err := w.WriteString("North Console output test.\r\n"); err != nil {
			return err
		}
		rows := func(yield func([]string) error) error {
			if err := yield([]string{"foo", "bar"}); err != nil {
				return err
			}
			return yield([]string{"Foo", "Bar"})
		}
		return table(w, []string{"data", "value"}, rows)
	})
	var broken *outputError
	if errors.As(err, &broken) {
		//lint:ignore ST1005 the reference's text
		return connector.Report{}, fmt.Errorf("Node process is unable to write to STDOUT. %w", broken.err)
	}
	return connector.Report{}, err
}

// Send prints a content, or how much it is.
func (c *Console) Send(ctx context.Context, d north.Delivery) error {
	return c.print(func(w *bufio.Writer) error {
		if c.settings.Verbose {
			return verbose(ctx, w, d)
		}
		_, err := w.WriteString(summary(d) + "\r\n")
		return err
	})
}

func summary(d north.Delivery) string {
	switch d.Kind {
	case content.Any:
		return "North Console sent 1 file."
	case content.Setpoints:
		return fmt.Sprintf("North Console sent %d setpoint.", d.Elements)
	default:
		return fmt.Sprintf("North Console sent %d values.", d.Elements)
	}
}

// outputError is a standard output that takes nothing any more.
type outputError struct{ err error }

func (e *outputError) Error() string {
	return "The process.stdout stream has been destroyed, errored or ended"
}
func (e *outputError) Unwrap() error { return e.err }

// output tells errors of writing from those of what is printed.
type output struct{ io.Writer }

func (o output) Write(p []byte) (int, error) {
	n, err := o.Writer.Write(p)
	if err != nil {
		err = &outputError{err}
	}
	return n, err
}

// print buffers what f writes.
func (c *Console) print(f func(w *bufio.Writer) error) error {
	w := bufio.NewWriterSize(output{c.out}, 64<<10)
	if err := f(w); err != nil {
		return err
	}
	return w.Flush()
}
