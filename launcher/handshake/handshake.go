// Package handshake is what launcher and agent say to each other: over an inherited pipe the agent reports that it is
// ready, that it is alive, that it cannot go on or that it is stopping; by closing the agent's standard input the
// launcher asks it to stop; and by its exit code the agent says what it wants next. It promises that neither side can
// block or break the other: lines are bounded, what is not understood is skipped, and a launcher that is gone or does
// not read never holds up the agent.
package handshake

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// The environment variables by which the launcher tells the agent where to report and how often to show that it lives.
const (
	Variable         = "OIBUS_NOTIFY"
	IntervalVariable = "OIBUS_HEARTBEAT"
)

// Kind is what a message says.
type Kind string

// The messages of the agent.
const (
	Ready     Kind = "ready"     // it serves, or it waits for what it has started to serve: Version and PID say who
	Heartbeat Kind = "heartbeat" // it is alive
	Fatal     Kind = "fatal"     // it cannot go on and will exit: Reason says why
	Stopping  Kind = "stopping"  // it was asked to stop, restart or upgrade and will exit: Reason says what
)

// Message is one line of JSON on the pipe.
type Message struct {
	Kind    Kind   `json:"kind"`
	Version string `json:"version,omitempty"`
	PID     int    `json:"pid,omitempty"`
	Reason  string `json:"reason,omitempty"`
	// Waiting says of a launcher that it works, but that its agent does not serve yet.
	Waiting bool `json:"waiting,omitempty"`
}

// maxLine bounds a line on the pipe, so that garbage cannot fill the launcher's memory, and stays below what a pipe
// writes in one piece. maxText keeps every message below it, even when each byte is escaped to six.
const (
	maxLine = 4096
	maxText = 600
)

// encode returns the line of m, its texts cut to what a line may hold.
func encode(m Message) ([]byte, error) {
	m.Version, m.Reason = cut(m.Version, 60), cut(m.Reason, maxText)
	line, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("cannot encode %s message: %w", m.Kind, err)
	}
	return append(line, '\n'), nil
}

func cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit]
}

// Decoder reads the messages of an agent.
type Decoder struct {
	lines   *bufio.Reader
	skipped int
}

// NewDecoder reads from the launcher's end of the pipe.
func NewDecoder(r io.Reader) *Decoder { return &Decoder{lines: bufio.NewReaderSize(r, maxLine)} }

// Skipped counts the lines so far that were no messages.
func (d *Decoder) Skipped() int { return d.skipped }

// Next returns the next message and skips lines that are too long or not understood. Its error is io.EOF when the
// agent has closed the pipe, or what reading failed with.
func (d *Decoder) Next() (Message, error) {
	for {
		line, err := d.lines.ReadSlice('\n')
		if m, ok := decode(line); ok {
			return m, nil
		}
		if len(line) > 0 {
			d.skipped++
		}
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = d.lines.ReadSlice('\n')
		}
		if err != nil {
			return Message{}, err
		}
	}
}

func decode(line []byte) (Message, bool) {
	var m Message
	if len(line) == 0 || line[len(line)-1] != '\n' || json.Unmarshal(line, &m) != nil {
		return Message{}, false
	}
	switch m.Kind {
	case Ready, Heartbeat, Fatal, Stopping:
		return m, true
	default:
		return Message{}, false
	}
}
