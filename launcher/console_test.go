package launcher

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"oibus/platform"
)

func TestOutputIsForwardedLineByLineAndBounded(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ in, want string }{
		"lines":       {"a\nb\n", "> a\n> b\n"},
		"Windows":     {"a\r\nb\r\n", "> a\n> b\n"},
		"no newline":  {"a\nb", "> a\n> b\n"},
		"empty line":  {"\n", "> \n"},
		"nothing":     {"", ""},
		"a long line": {strings.Repeat("x", 3*maxLine) + "\nb\n", "> " + strings.Repeat("x", maxLine) + "\n> b\n"},
	} {
		var out bytes.Buffer
		if err := forward(strings.NewReader(c.in), "> ", &out); err != nil || out.String() != c.want {
			t.Errorf("%s: got %d bytes, %v, want %d", name, out.Len(), err, len(c.want))
		}
	}
}

func TestAnOutputThatFailsIsReportedAndOneThatEndsIsNot(t *testing.T) {
	t.Parallel()
	for cause, want := range map[error]error{io.EOF: nil, os.ErrClosed: nil, io.ErrUnexpectedEOF: io.ErrUnexpectedEOF} {
		r, w := io.Pipe()
		_ = w.CloseWithError(cause)
		if err := forward(r, "", io.Discard); !errors.Is(err, want) {
			t.Errorf("%v: got %v", cause, err)
		}
	}
}

// gate is a console that moves only when it is open.
type gate struct {
	open chan struct{}
	got  bytes.Buffer
}

func (g *gate) Write(line []byte) (int, error) {
	<-g.open
	return g.got.Write(line)
}

func TestAConsoleThatNobodyReadsHoldsUpNobodyForLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := &gate{open: make(chan struct{})}
		c := newConsole(g)
		begin := time.Now()
		const lines = 10 * consoleQueue
		for i := range lines {
			if n, err := fmt.Fprintf(c, "line %d\n", i); n == 0 || err != nil {
				t.Fatalf("writing should never fail, got %d, %v", n, err)
			}
		}
		if took := time.Since(begin); took != consolePatience {
			t.Errorf("all lines together should wait %v, they took %v", consolePatience, took)
		}
		close(g.open)
		synctest.Wait()
		fmt.Fprintln(c, "it moves again")
		if err := c.close(); err != nil {
			t.Error(err)
		}
		// One line was being written, as many as fit waited.
		dropped := fmt.Sprintf("%d lines were dropped", lines-consoleQueue-1)
		for _, want := range []string{"line 0\n", dropped, "it moves again"} {
			if !strings.Contains(g.got.String(), want) {
				t.Errorf("the console should show %q", want)
			}
		}
	})
}

func TestWhatIsQueuedIsWrittenWhenTheConsoleIsClosed(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	c := newConsole(&out)
	for range 100 {
		fmt.Fprintln(c, "x")
	}
	if err := c.close(); err != nil || out.Len() != 200 {
		t.Fatalf("got %d bytes, %v", out.Len(), err)
	}
}

func TestTheLogFileIsBounded(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l, err := openLogFile(dir)
	if err != nil {
		t.Fatal(err)
	}
	line := bytes.Repeat([]byte("x"), 100<<10)
	for range 50 {
		if _, err := l.Write(line); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"launcher.log", "launcher.log.1"} {
		info, err := os.Stat(filepath.Join(dir, "logs", name))
		if err != nil || info.Size() == 0 || info.Size() > maxLogFile {
			t.Errorf("%s: got %v, %v", name, info, err)
		}
	}
}

func TestTheEventLogGetsWhatAPersonMustKnow(t *testing.T) {
	t.Parallel()
	var events []string
	var lines bytes.Buffer
	log := newLogger(&lines, &platform.ServiceManager{
		Warn:  func(text string) { events = append(events, "W "+text) },
		Error: func(text string) { events = append(events, "E "+text) },
	})
	log.Info("all is well")
	log.Warn("it failed", "reason", "no disk")
	log.Error("it failed again")
	if got := strings.Join(events, "|"); got != "W it failed\r\nreason=no disk|E it failed again" {
		t.Errorf("got %q", got)
	}
	if strings.Count(lines.String(), "\n") != 3 {
		t.Errorf("the lines should have all of it, got %q", lines.String())
	}
}
