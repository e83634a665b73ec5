package upgrade

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"oibus/launcher/handshake"
	"oibus/platform"
	"oibus/platform/task"
)

const (
	// probeLimit is how long a program may take to say which version it is.
	probeLimit = 15 * time.Second
	// maxAnswer bounds what it may say.
	maxAnswer = 64 << 10
	// answerPrefix stands before the version in the answer (protocol/control-plane.md, section 11.1).
	answerPrefix = "OIBus version: "
)

// Probe runs the program with --version and returns what it says. It gets an empty folder for its data, so that it can
// change nothing of the real one, and is ended with all that it started. mark is that of the launcher's children.
func Probe(ctx context.Context, path, mark string) (version string, err error) {
	dir, err := os.MkdirTemp("", "oibus-probe-")
	if err != nil {
		return "", fmt.Errorf("cannot ask %q for its version: %w", path, err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	c, err := platform.StartChild(platform.ChildSpec{
		Path: path, Args: []string{"--version", "--config", dir}, Mark: mark, Variable: handshake.Variable,
	})
	if err != nil {
		return "", fmt.Errorf("its program does not run: %w", err)
	}
	out, exit, err := listen(ctx, c, probeLimit)
	if err != nil {
		return "", err
	}
	if exit.Code != handshake.ExitStopped {
		return "", fmt.Errorf("its program does not say its version: %s: %s", exit.Text, excerpt(out))
	}
	return parseAnswer(out)
}

// listen reads what a child prints until it ends, or is ended after limit.
func listen(ctx context.Context, c *platform.Child, limit time.Duration) (out string, exit platform.Exit, err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	g := task.New(context.Background(), nil)
	var text strings.Builder
	g.Go("answer", func(context.Context) error {
		_, err := io.Copy(&text, io.LimitReader(c.Stdout, maxAnswer))
		return errors.Join(err, drain(c.Stdout))
	})
	g.Go("errors", func(context.Context) error { return drain(c.Stderr) })
	g.Go("messages", func(context.Context) error { return drain(c.Notify) })
	ended := make(chan platform.Exit, 1)
	g.Go("end", func(context.Context) error { ended <- c.Wait(); return nil })
	select {
	case exit = <-ended:
	case <-ctx.Done():
		err = fmt.Errorf("its program did not say its version within %s", limit)
	}
	killed := c.KillTree()
	rest, stop := context.WithTimeout(context.Background(), limit)
	defer stop()
	waited := g.Wait(rest)
	if err == nil {
		err = waited
	}
	return text.String(), exit, errors.Join(err, killed, c.Close())
}

func drain(r io.Reader) error {
	_, err := io.Copy(io.Discard, r)
	return err
}

func parseAnswer(out string) (string, error) {
	for line := range strings.Lines(out) {
		if version, ok := strings.CutPrefix(strings.TrimSpace(line), answerPrefix); ok {
			return strings.TrimPrefix(strings.TrimSpace(version), "v"), nil
		}
	}
	return "", fmt.Errorf("its program does not say its version, but %s", excerpt(out))
}

func excerpt(out string) string {
	const limit = 200
	if len(out) > limit {
		out = out[:limit] + "…"
	}
	return fmt.Sprintf("%q", strings.TrimSpace(out))
}
