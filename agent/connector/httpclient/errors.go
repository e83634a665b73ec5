package httpclient

import (
	"context"
	"errors"
	"net"
	"net/url"

	"oibus/agent/wording"
)

// SettingsError says that settings cannot work: nothing was sent.
type SettingsError struct{ Text string }

func (e *SettingsError) Error() string { return e.Text }

// BodyError says that the body of a request could not be read: it is not the target's fault.
type BodyError struct{ Err error }

func (e *BodyError) Error() string { return "cannot read what is to be sent: " + e.Err.Error() }
func (e *BodyError) Unwrap() error { return e.Err }

// Error is an exchange that failed on the way, in the reference's words. It shows no secret.
type Error struct {
	text  string
	cause error
}

func (e *Error) Error() string { return e.text }

// Unwrap gives the cause, so that errors.Is finds a cancelled context.
func (e *Error) Unwrap() error { return e.cause }

// IsLocal says whether nothing of err has to do with the network: the settings are wrong, or what was to be sent could
// not be read.
func IsLocal(err error) bool {
	var settings *SettingsError
	var body *BodyError
	return errors.As(err, &settings) || errors.As(err, &body)
}

// failure says why an exchange failed. caller is the context without the pace.
func (c *Client) failure(caller, ctx context.Context, u *url.URL, up *upload, err error) error {
	_, broken := up.state()
	switch {
	case caller.Err() != nil:
		return &Error{text: "cancelled", cause: caller.Err()}
	case broken != nil:
		return &BodyError{broken}
	case errors.Is(context.Cause(ctx), errTimeout):
		return &Error{text: errTimeout.Error(), cause: context.DeadlineExceeded}
	}
	return &Error{text: c.Hide(describe(err, u)), cause: err}
}

// describe puts what the transport reports into the reference's words (protocol/control-plane.md, section 1.7).
func describe(err error, u *url.URL) string {
	var op *net.OpError
	var dns *net.DNSError
	var tunnel *tunnelError
	var timeout net.Error
	certificate := wording.Certificate(err)
	connect, failedToConnect := wording.Dial(err)
	switch {
	case errors.As(err, &tunnel):
		return tunnel.Error()
	case errors.As(err, &dns):
		return wording.Lookup(dns.Name, err)
	case certificate != "":
		return certificate
	case errors.As(err, &timeout) && timeout.Timeout():
		return "Connect Timeout Error (attempted address: " + hostPort(u) + ", timeout: 10000ms)"
	case wording.ClosedByPeer(err):
		return "other side closed"
	case failedToConnect:
		return connect
	case errors.As(err, &op) && (op.Op == "read" || op.Op == "write"):
		return op.Op + " " + wording.System(err)
	}
	return wording.System(err)
}

func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}
