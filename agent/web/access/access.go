// Package access holds the few words that the web server and the pages mounted on it share: what a route asks of
// its caller, who the caller is, and why a sign-in was refused. It promises that a handler behind a route that asks
// for credentials finds an Identity in its context, and guards against a page that invents its own idea of who is
// signed in. It opens no socket and keeps no state.
package access

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Level is what a route asks of its caller, beyond the checks that every request passes (IP filter, Host allow-list,
// cross-origin protection).
type Level int

const (
	// Public asks for nothing. Valid credentials that come along are recognised.
	Public Level = iota
	// Page asks for a session cookie, Basic or Bearer; a browser without them is sent to the sign-in page.
	Page
	// API asks for the same; a caller without them gets the JSON answers of protocol/rest-notes.md.
	API
	// Stream is API that also takes ?token=<JWT>, and may answer for as long as the caller stays signed in.
	Stream
)

// Route is one row of a route table. Method and Path are in the syntax of net/http patterns.
type Route struct {
	Method, Path string
	Level        Level
	Handler      http.HandlerFunc
}

// Means is how a caller proved who it is.
type Means int

const (
	Cookie Means = iota + 1 // a session of the admin page
	Basic                   // login and password on this very request
	Bearer                  // a JWT from /api/users/authentication
)

// Identity is a caller that proved who it is.
type Identity struct {
	UserID, Login string
	Means         Means
}

type contextKey struct{}

// With returns a context that carries id.
func With(ctx context.Context, id Identity) context.Context {
	return context.WithValue(ctx, contextKey{}, id)
}

// From returns who calls, if the caller proved it.
func From(ctx context.Context) (Identity, bool) {
	id, ok := ctx.Value(contextKey{}).(Identity)
	return id, ok
}

// ErrCredentials says that the login or the password is wrong, and deliberately not which.
var ErrCredentials = errors.New("wrong login or password")

// LimitedError says that there were too many wrong passwords, from this address or from everywhere.
type LimitedError struct{ RetryAfter time.Duration }

// Seconds is RetryAfter in whole seconds, at least 1, as the Retry-After header takes it.
func (e *LimitedError) Seconds() int {
	return max(1, int((e.RetryAfter+time.Second-1)/time.Second))
}

func (e *LimitedError) Error() string {
	return fmt.Sprintf("too many wrong passwords: try again in %d s", e.Seconds())
}

// LocalPath returns next when it is a path on this server, and "/" otherwise, so that a link to the sign-in page
// cannot send the person elsewhere afterwards.
func LocalPath(next string) string {
	if len(next) == 0 || len(next) > 2000 || next[0] != '/' {
		return "/"
	}
	if len(next) > 1 && (next[1] == '/' || next[1] == '\\') {
		return "/"
	}
	for i := range len(next) { // browsers drop tabs and line ends, and take "\" for "/"
		if c := next[i]; c < ' ' || c == 0x7f || c == '\\' {
			return "/"
		}
	}
	return next
}
