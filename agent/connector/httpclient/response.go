package httpclient

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"oibus/agent/wording"
)

const (
	maxErrorBody = 64 << 10  // read of the body of a refusal
	maxErrorText = 8 << 10   // kept of it
	maxDrained   = 256 << 10 // read of a body that nobody wants, so that its connection can be used again
	maxRetry     = time.Hour // the longest wait that a target may ask for
)

// Response is an answer. It must be closed, after which its connection may be used again.
type Response struct {
	Status int
	Header http.Header

	client   *Client
	caller   context.Context
	ctx      context.Context
	res      *http.Response
	up       *upload
	pace     *pace
	streamed bool
	proxied  bool
}

// OK says whether the status is a success.
func (r *Response) OK() bool { return r.Status >= 200 && r.Status <= 299 }

// Taken is nil when the target read the whole body that was streamed to it; a target that answers before has not
// got it, whatever its status.
func (r *Response) Taken() error {
	if whole, _ := r.up.state(); r.streamed && !whole {
		return &Error{text: "the target answered " + strconv.Itoa(r.Status) + " before it had read the whole content"}
	}
	return nil
}

// Read reads the body. An error other than io.EOF is an *Error.
func (r *Response) Read(p []byte) (int, error) {
	n, err := r.res.Body.Read(p)
	r.pace.move(n)
	if err != nil && err != io.EOF {
		err = r.client.failure(r.caller, r.ctx, r.res.Request.URL, &upload{}, err)
	}
	return n, err
}

// Length is the announced length of the body, -1 when it is unknown.
func (r *Response) Length() int64 { return r.res.ContentLength }

// Message is the beginning of the body for an error: without secrets, and as much as a log line holds.
func (r *Response) Message() string {
	if r.proxied && r.Status == http.StatusProxyAuthRequired {
		return "Proxy Authentication Required (407)"
	}
	raw, _ := io.ReadAll(io.LimitReader(r, maxErrorBody)) // what can be read is enough
	return wording.Clip(r.client.Hide(strings.ToValidUTF8(string(raw), "\uFFFD")), maxErrorText)
}

// RetryAfter is how long the target asks to wait, 0 when it does not say.
func (r *Response) RetryAfter() time.Duration { return retryAfter(r.Header, time.Now()) }

// retryAfter reads seconds or a date. A date is compared with the clock of the target where it sends one: that of this
// machine may be wrong.
func retryAfter(h http.Header, now time.Time) time.Duration {
	text := strings.TrimSpace(h.Get("Retry-After"))
	if n, err := strconv.ParseUint(text, 10, 64); err == nil || errors.Is(err, strconv.ErrRange) {
		return time.Duration(min(n, uint64(maxRetry/time.Second))) * time.Second
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	if theirs, err := http.ParseTime(h.Get("Date")); err == nil {
		now = theirs
	}
	return min(max(at.Sub(now), 0), maxRetry)
}

// Close reads a short rest of the body, so that the connection can be used again, and ends the exchange. When it
// returns nothing reads the body of the request any more.
func (r *Response) Close() {
	_, _ = io.CopyN(io.Discard, r, maxDrained)
	r.res.Body.Close()
	r.pace.stop()
	r.up.wait()
}

// clip cuts text to limit bytes, not inside a character.

func quote(s string) string { return strconv.Quote(wording.Clip(s, 120)) }

// Retryable says whether a refusal with that status may pass (protocol/data-plane.md, section 6.0).
func Retryable(status int) bool {
	switch status {
	case 401, 403, 404, 407, 408, 429, 500, 502, 503, 504, 511:
		return true
	}
	return false
}

// AboutContent says whether a refusal with that status may be due to what was sent, so that something else could pass:
// not when the credentials, the rate, a maintenance or the network are refused.
func AboutContent(status int) bool {
	switch status {
	case 401, 407, 408, 429, 503, 511:
		return false
	}
	return true
}
