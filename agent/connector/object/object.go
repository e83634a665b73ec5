// Package object has what the clients of object stores share: reading what is put part by part, the words of a refusal,
// and a clock that follows the server's. It promises that no text of a server is longer than it may be or more than one
// line. It guards against objects whose bytes changed while they were sent, and against signatures that are refused for
// years because the clock of the machine is wrong.
package object

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"oibus/agent/connector/httpclient"
	"oibus/agent/wording"
)

// maxText bounds a code or message of a server, in bytes.
const maxText = 500

// maxSkew is how far a clock may be off before it is corrected: beyond 15 minutes signatures are refused.
const maxSkew = 5 * time.Minute

// ReadPart reads the next part of an object, which must be followed by nothing when it is the last one. Its error is a
// *httpclient.BodyError.
func ReadPart(source io.Reader, part []byte, last bool) error {
	_, err := io.ReadFull(source, part)
	if err == nil && last {
		if _, err = io.ReadFull(source, make([]byte, 1)); errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = errors.New("it is longer than announced")
		}
	}
	if err != nil {
		return &httpclient.BodyError{Err: err}
	}
	return nil
}

// Refusal is an answer that is no success.
type Refusal struct {
	Status  int
	Code    string // "" when the answer does not tell
	Message string
	After   time.Duration // how long the server asks to wait, 0 when it does not
	Date    time.Time     // of the server, zero when the answer does not tell
}

// Refused is what the head of an answer tells of a refusal.
func Refused(res *httpclient.Response) Refusal {
	r := Refusal{Status: res.Status, After: res.RetryAfter()}
	if at, err := http.ParseTime(res.Header.Get("Date")); err == nil {
		r.Date = at
	}
	return r
}

func (r *Refusal) Error() string {
	switch {
	case r.Code == "" && r.Message == "":
		return strings.TrimSpace(fmt.Sprintf("%d %s", r.Status, http.StatusText(r.Status)))
	case r.Message == "":
		return fmt.Sprintf("%s (%d)", r.Code, r.Status)
	default:
		return fmt.Sprintf("%s: %s (%d)", r.Code, r.Message, r.Status)
	}
}

// Line is one line of a text of a server.
func Line(text string) string { return wording.Clip(strings.Join(strings.Fields(text), " "), maxText) }

// Clock is ours, as far off as it is from the server's.
type Clock struct {
	now func() time.Time

	mu   sync.Mutex
	skew time.Duration // of the server's clock against ours
}

// NewClock begins with the time of this machine.
func NewClock(now func() time.Time) *Clock { return &Clock{now: now} }

// Now is the time of the server, as far as it is known.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now().Add(c.skew)
}

// Follow takes over the time of a server when it differs so much that signatures may be refused. It returns by how much
// the clock of this machine is wrong, and whether anything changed.
func (c *Clock) Follow(server time.Time) (wrong time.Duration, changed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if server.IsZero() {
		return 0, false
	}
	wrong = server.Sub(c.now())
	if off := wrong - c.skew; max(off, -off) < maxSkew {
		return 0, false
	}
	c.skew = wrong
	return wrong.Round(time.Second), true
}
