package logging

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"oibus/agent/entity"
)

// settings are the defaults with every sink of the journal at trace.
func settings() entity.LoggerSettings {
	s := entity.DefaultEngineSettings().Logger
	s.File.Level, s.Database.Level = "trace", "trace"
	return s
}

func oiaSettings(level string) entity.LoggerSettings {
	s := settings()
	s.OIA.Level = level
	return s
}

type buffer struct {
	mu   sync.Mutex
	data bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.data.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.data.String()
}

// openHub opens a hub in dir that is closed at the end of the test unless the test did it.
func openHub(t testing.TB, dir string, o Options) *Hub {
	t.Helper()
	if o.Console == nil {
		o.Console = &buffer{}
	}
	h, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(h) })
	return h
}

// stop ends a hub as Close does, whatever its state, without a chance to send.
func stop(h *Hub) {
	h.sending.StopAndWait(time.Second)
	h.queue.close()
	h.grown.close()
	h.tasks.StopAndWait(time.Second)
}

func apply(t testing.TB, h *Hub, s entity.LoggerSettings) {
	t.Helper()
	if err := h.Apply("OIBus", s, ""); err != nil {
		t.Fatal(err)
	}
}

func flush(t testing.TB, h *Hub) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if err := h.Flush(ctx); err != nil {
		t.Fatal(err)
	}
}

func closeHub(t testing.TB, h *Hub) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if err := h.Close(ctx); err != nil {
		t.Fatal(err)
	}
}

// journalLines are the lines of all journal files in dir, oldest first.
func journalLines(t testing.TB, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "journal-*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, currentName)); err == nil {
		names = append(names, filepath.Join(dir, currentName))
	}
	var lines []string
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(data) {
			lines = append(lines, string(line))
		}
	}
	return lines
}

// wantWhole fails unless lines are whole and numbered without a gap.
func wantWhole(t testing.TB, lines []string) {
	t.Helper()
	var last uint64
	for _, line := range lines {
		r, err := parseRecord([]byte(line))
		if err != nil {
			t.Fatalf("damaged line %q", line)
		}
		if last != 0 && r.seq != last+1 {
			t.Fatalf("line %d follows line %d", r.seq, last)
		}
		last = r.seq
	}
}

// cloudLog is a received E10 entry.
type cloudLog struct {
	Level, ScopeType, Message string
	ScopeID                   *string
}

// fakeCloud is a Sender that collects, after whatever answer says.
type fakeCloud struct {
	mu      sync.Mutex
	batches [][]cloudLog
	calls   int
	answer  func(call int, batch []cloudLog) error
}

func (c *fakeCloud) send(_ context.Context, body []byte) error {
	var batch []cloudLog
	if err := json.Unmarshal(body, &batch); err != nil {
		return fmt.Errorf("the body is not JSON: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls++
	if c.answer != nil {
		if err := c.answer(c.calls, batch); err != nil {
			return err
		}
	}
	c.batches = append(c.batches, batch)
	return nil
}

func (c *fakeCloud) setAnswer(answer func(call int, batch []cloudLog) error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answer = answer
}

func (c *fakeCloud) count() (calls, batches int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.calls, len(c.batches)
}

// messages are those received, in order, that start with prefix.
func (c *fakeCloud) messages(prefix string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var list []string
	for _, batch := range c.batches {
		for _, e := range batch {
			if strings.HasPrefix(e.Message, prefix) {
				list = append(list, e.Message)
			}
		}
	}
	return list
}

// wantNumbered fails unless got is exactly prefix followed by from to to.
func wantNumbered(t testing.TB, got []string, prefix string, from, to int) {
	t.Helper()
	if len(got) != to-from+1 {
		t.Fatalf("%d messages arrived, want %d", len(got), to-from+1)
	}
	for i, m := range got {
		if want := fmt.Sprintf("%s%d", prefix, from+i); m != want {
			t.Fatalf("message %d is %q, want %q", i, m, want)
		}
	}
}

// eventually waits for ok in real time.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("did not happen: %s", what)
		}
	}
}

func contextFor(t testing.TB, d time.Duration) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithTimeout(context.Background(), d)
}
