package logging

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// consoleLimit bounds what waits for a console that nobody reads, in bytes.
const consoleLimit = 256 << 10

// console writes lines for people. A console that blocks costs lines, which are counted, and never the time of those
// who log.
type console struct {
	out     io.Writer
	mu      sync.Mutex
	data    []byte
	lost    int
	arrived chan struct{}
}

func newConsole(out io.Writer) *console {
	return &console{out: out, arrived: make(chan struct{}, 1)}
}

func (c *console) push(line []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.data)+len(line) > consoleLimit {
		c.lost++
		return
	}
	c.data = append(c.data, line...)
	signal(c.arrived)
}

func (c *console) run(ctx context.Context) error {
	for ctx.Err() == nil {
		select {
		case <-c.arrived:
		case <-ctx.Done():
		}
		c.drain()
	}
	return nil
}

func (c *console) drain() {
	c.mu.Lock()
	data, lost := c.data, c.lost
	c.data, c.lost = nil, 0
	c.mu.Unlock()
	if lost > 0 {
		data = fmt.Appendf(data, "%d lines are missing here: the console did not keep up\n", lost)
	}
	if len(data) > 0 {
		// There is nobody left to tell that the console cannot be written.
		_, _ = c.out.Write(data)
	}
}

// label is how the console shows a scope: [South PLC 1 / Temp 1].
func label(s Scope) string {
	if s.Type == Internal && s.ID == "" && s.Name == "" {
		return ""
	}
	parts := []string{strings.ToLower(strings.ReplaceAll(s.Type, "_", " "))}
	if name := orElse(s.Name, s.ID); name != "" {
		parts[0] += " " + name
	}
	if item := orElse(s.ItemName, s.ItemID); item != "" {
		parts = append(parts, item)
	}
	if group := orElse(s.GroupName, s.GroupID); group != "" {
		parts = append(parts, group)
	}
	return "[" + strings.Join(parts, " / ") + "] "
}

func orElse(text, other string) string {
	if text == "" {
		return other
	}
	return text
}

// appendConsole adds one line. Control characters in it are made visible, and a line within the message is indented,
// so that no text of a device looks like a line of its own or commands the terminal.
func appendConsole(dst []byte, at time.Time, level slog.Level, label string, message []byte) []byte {
	dst = at.UTC().AppendFormat(dst, "2006-01-02T15:04:05.000Z ")
	name := strings.ToUpper(LevelName(level))
	dst = append(dst, name...)
	dst = append(dst, "      "[len(name):]...)
	dst = appendVisible(dst, []byte(label))
	dst = appendVisible(dst, bytes.TrimRight(message, "\n"))
	return append(dst, '\n')
}

func appendVisible(dst, text []byte) []byte {
	for _, c := range text {
		switch {
		case c == '\n':
			dst = append(dst, "\n    "...)
		case c < ' ' && c != '\t' || c == 0x7f:
			dst = append(dst, '\\', 'x', hexDigits[c>>4], hexDigits[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return dst
}
