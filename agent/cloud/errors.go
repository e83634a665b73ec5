package cloud

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Kind is where a call failed.
type Kind string

// The kinds of failure.
const (
	Local     Kind = "local"     // settings that cannot work: nothing was sent
	Network   Kind = "network"   // no answer, or one cut in the middle
	Timeout   Kind = "timeout"   // no complete answer in time
	Proxy     Kind = "proxy"     // the proxy refused
	Status    Kind = "status"    // an answer that is not a success
	Answer    Kind = "answer"    // a success that is not what it should be, for example a captive portal's page
	Cancelled Kind = "cancelled" // the caller gave up
)

// Bounds of what an error keeps.
const (
	maxErrorBody = 64 << 10 // read of the body of a refusal
	maxErrorText = 8 << 10  // kept of it: enough for the rules that look for words in it, small enough for a log line
	maxPreview   = 120      // shown of an answer that is not what it should be
)

// Error is how every call fails. Its text is what the reference logs (protocol/control-plane.md, section 1.7) and
// holds no secret: neither the query of the URL, nor credentials.
type Error struct {
	Kind       Kind
	Method     string        // of the call
	Path       string        // of the call, without query
	Status     int           // of the answer, 0 when there was none
	Body       string        // of an answer of kind Status, bounded
	RetryAfter time.Duration // how long the server asks to wait, 0 when it does not say
	text       string
	cause      error
}

// Error is "<status> - <body>" for an answer that is not a success.
func (e *Error) Error() string {
	if e.Kind == Status {
		return fmt.Sprintf("%d - %s", e.Status, e.Body)
	}
	return e.text
}

// Unwrap gives the cause, so that errors.Is finds a cancelled context.
func (e *Error) Unwrap() error { return e.cause }

// Describe adds to the text which call failed, for the log.
func (e *Error) Describe() string { return strings.TrimSpace(e.Method+" "+e.Path) + ": " + e.Error() }

// Retryable tells whether the same call may succeed later without anybody changing anything.
func (e *Error) Retryable() bool {
	switch e.Kind {
	case Network, Timeout, Proxy, Answer:
		return true
	case Status:
		return e.Status < 400 || e.Status >= 500 || retryableRefusals[e.Status]
	default:
		return false
	}
}

// Refusals of the class 4xx that pass.
var retryableRefusals = map[int]bool{
	http.StatusProxyAuthRequired: true, http.StatusRequestTimeout: true, http.StatusTooEarly: true, http.StatusTooManyRequests: true,
}

// Retryable tells whether the call that failed with err may succeed later without anybody changing anything.
func Retryable(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Retryable()
}

// StatusOf is the status of the answer that err is about, 0 when there is none.
func StatusOf(err error) int {
	var e *Error
	if errors.As(err, &e) {
		return e.Status
	}
	return 0
}

// RetryAfter is how long the server that answered err asked to wait.
func RetryAfter(err error) time.Duration {
	var e *Error
	if errors.As(err, &e) {
		return e.RetryAfter
	}
	return 0
}

func localError(text string, cause error) *Error {
	return &Error{Kind: Local, text: text, cause: cause}
}

// failure turns what the transport returned into an Error. host is the one connected to, for a TLS handshake that
// takes too long.
func (c *Client) failure(ctx context.Context, r request, host string, err error) *Error {
	e := &Error{Kind: Network, Method: r.method, Path: r.shownPath(), cause: err}
	var proxy *proxyError
	var own *Error
	switch {
	case errors.As(err, &own):
		own.Method, own.Path = e.Method, e.Path
		return own
	case errors.As(err, &proxy):
		e.Kind, e.text = Proxy, proxy.Error()
	case errors.Is(context.Cause(ctx), errBodyTimeout):
		e.Kind, e.text = Timeout, errBodyTimeout.Error()
	case errors.Is(context.Cause(ctx), context.Canceled):
		e.Kind, e.text, e.cause = Cancelled, "the call was cancelled", context.Canceled
	case ctx.Err() != nil:
		e.Kind, e.text = Timeout, callTimeoutText
	default:
		e.Kind, e.text = describe(err, host, c.limits.Connect)
	}
	return e
}
