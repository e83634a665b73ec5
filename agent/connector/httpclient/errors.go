package httpclient

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/url"
	"strings"
	"syscall"
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
	certificate := certificateText(err)
	switch {
	case errors.As(err, &tunnel):
		return tunnel.Error()
	case errors.As(err, &dns) && dns.IsNotFound:
		return "getaddrinfo ENOTFOUND " + dns.Name
	case errors.As(err, &dns):
		return "getaddrinfo EAI_AGAIN " + dns.Name
	case certificate != "":
		return certificate
	case errors.As(err, &timeout) && timeout.Timeout():
		return "Connect Timeout Error (attempted address: " + hostPort(u) + ", timeout: 10000ms)"
	case closedByPeer(err):
		return "other side closed"
	case dialed(err) != nil:
		return "connect " + systemName(err) + " " + address(dialed(err))
	case errors.As(err, &op) && (op.Op == "read" || op.Op == "write"):
		return op.Op + " " + systemName(err)
	}
	return systemName(err)
}

// dialed finds the attempt to connect in err: the operation on a proxy stands around it.
func dialed(err error) *net.OpError {
	for err != nil {
		if op, ok := err.(*net.OpError); ok && op.Op == "dial" {
			return op
		}
		err = errors.Unwrap(err)
	}
	return nil
}

func address(op *net.OpError) string {
	if op.Addr == nil {
		return "an unknown address"
	}
	return strings.NewReplacer("[", "", "]", "").Replace(op.Addr.String())
}

func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// closedByPeer recognises an end of the connection that came too early. The transport has no error value for a
// connection that closed while idle.
func closedByPeer(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || strings.Contains(err.Error(), "server closed idle connection")
}

// systemErrors names the errors of connections as the reference does; the second number is that of Windows Sockets.
var systemErrors = []struct {
	posix, winsock syscall.Errno
	name           string
}{
	{syscall.ECONNREFUSED, 10061, "ECONNREFUSED"}, {syscall.ECONNRESET, 10054, "ECONNRESET"},
	{syscall.ECONNABORTED, 10053, "ECONNABORTED"}, {syscall.EHOSTUNREACH, 10065, "EHOSTUNREACH"},
	{syscall.ENETUNREACH, 10051, "ENETUNREACH"}, {syscall.ENETDOWN, 10050, "ENETDOWN"},
	{syscall.ETIMEDOUT, 10060, "ETIMEDOUT"}, {syscall.EADDRNOTAVAIL, 10049, "EADDRNOTAVAIL"},
	{syscall.EAFNOSUPPORT, 10047, "EAFNOSUPPORT"}, {syscall.EACCES, 10013, "EACCES"},
	{syscall.EMFILE, 10024, "EMFILE"}, {syscall.EPIPE, 10058, "EPIPE"},
}

// systemName is the name of the system error in err, or the words of the lowest error for one that has none.
func systemName(err error) string {
	const limit = 500 // of words that may be those of a hostile server
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		for next := errors.Unwrap(err); next != nil; next = errors.Unwrap(err) {
			err = next
		}
		return clip(err.Error(), limit)
	}
	for _, e := range systemErrors {
		if errno == e.posix || errno == e.winsock {
			return e.name
		}
	}
	return clip(errno.Error(), limit)
}

// certificateText says what is wrong with the certificate of the other side, "" when it is something else.
func certificateText(err error) string {
	var authority x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var host x509.HostnameError
	switch {
	case errors.As(err, &authority):
		if c := authority.Cert; c != nil && c.Subject.String() == c.Issuer.String() {
			return "self-signed certificate: " + authority.Error()
		}
		return "unable to get local issuer certificate: " + authority.Error()
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "certificate has expired: " + invalid.Error()
	case errors.As(err, &invalid):
		return invalid.Error()
	case errors.As(err, &host):
		return "Hostname/IP does not match certificate's altnames: " + host.Error()
	}
	return ""
}
