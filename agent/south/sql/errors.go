package sql

import (
	"context"
	"crypto/x509"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"
)

// Problem is what a test found, in the reference's words, before those of the driver.
type Problem struct {
	Text string
	Err  error // nil when there is nothing to add
}

func (p *Problem) Error() string {
	if p.Err == nil {
		return p.Text
	}
	return p.Text + " " + p.Err.Error()
}

// Unwrap gives the error of the driver.
func (p *Problem) Unwrap() error { return p.Err }

// Error is an error as it is shown: in the server's words, without secrets.
type Error struct {
	text  string
	cause error
}

func (e *Error) Error() string { return e.text }

// Unwrap gives the cause, so that errors.Is finds a cancelled context. Its text may hold secrets.
func (e *Error) Unwrap() error { return e.cause }

// shown is err as people see it.
func (s *South) shown(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return &Error{"cancelled", ctx.Err()}
	}
	return &Error{s.database.hide(s.database.text(err)), err}
}

func (d *Database) text(err error) string {
	var p *Problem
	if errors.As(err, &p) {
		if p.Err == nil {
			return p.Text
		}
		return p.Text + " " + d.text(p.Err)
	}
	if d.Words != nil {
		return d.Words(err)
	}
	return err.Error()
}

// shortest is a secret that is hidden: one that is shorter would be told by what is hidden.
const shortest = 3

func (d *Database) hide(text string) string {
	for _, secret := range d.Secrets {
		if len(secret) < shortest {
			continue
		}
		for _, spelled := range []string{secret, url.QueryEscape(secret), url.PathEscape(secret), url.UserPassword("", secret).String()[1:]} {
			text = strings.ReplaceAll(text, spelled, "********")
		}
	}
	return text
}

// systemErrors names the errors of connections as the reference does; the second number is that of Windows Sockets.
var systemErrors = []struct {
	posix, winsock syscall.Errno
	name           string
}{
	{syscall.ECONNREFUSED, 10061, "ECONNREFUSED"}, {syscall.ECONNRESET, 10054, "ECONNRESET"}, {syscall.ECONNABORTED, 10053, "ECONNABORTED"},
	{syscall.EHOSTUNREACH, 10065, "EHOSTUNREACH"}, {syscall.ENETUNREACH, 10051, "ENETUNREACH"}, {syscall.ETIMEDOUT, 10060, "ETIMEDOUT"},
	{syscall.EPIPE, 10058, "EPIPE"}, {syscall.EADDRNOTAVAIL, 10049, "EADDRNOTAVAIL"},
}

// Unreachable says whether err means that nobody answered at the address, rather than something.
func Unreachable(err error) bool {
	var op *net.OpError
	var dns *net.DNSError
	return errors.As(err, &dns) || errors.As(err, &op) || TimedOut(err) || closedByPeer(err)
}

// TimedOut says whether err means that an answer took too long.
func TimedOut(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded)
}

func closedByPeer(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, driver.ErrBadConn)
}

// NetworkWords is what went wrong with a connection to address, in the reference's words, or what err says.
func NetworkWords(err error, address string) string {
	var op *net.OpError
	var dns *net.DNSError
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return "getaddrinfo ENOTFOUND " + dns.Name
	case errors.As(err, &dns):
		return "getaddrinfo EAI_AGAIN " + dns.Name
	case errors.As(err, &authority):
		return "unable to get local issuer certificate: " + authority.Error()
	case errors.As(err, &host):
		return "Hostname/IP does not match certificate's altnames: " + host.Error()
	case TimedOut(err):
		return "connect ETIMEDOUT " + address
	case errors.As(err, &op) && op.Op == "dial":
		if op.Addr != nil {
			address = op.Addr.String()
		}
		return "connect " + systemName(err) + " " + address
	case errors.As(err, &op) && (op.Op == "read" || op.Op == "write"):
		return op.Op + " " + systemName(err)
	case closedByPeer(err):
		return "Connection terminated unexpectedly"
	}
	return err.Error()
}

// systemName is the name of the system error in err, or what it says.
func systemName(err error) string {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return err.Error()
	}
	for _, e := range systemErrors {
		if errno == e.posix || errno == e.winsock {
			return e.name
		}
	}
	return errno.Error()
}
