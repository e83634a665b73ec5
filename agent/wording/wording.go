// Package wording puts errors of networks and certificates into the reference's words, which people and their scripts
// know (protocol/control-plane.md, section 1.7). It promises the same words on each operating system and a bound on what
// a hostile server can make them say. It guards against two parts that name one fault differently.
package wording

import (
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"unicode/utf8"
)

// maxCause bounds the words of the operating system or of a hostile server, in bytes.
const maxCause = 500

// Clip shortens s to limit bytes, without half characters, and says so with an ellipsis. What is not UTF-8 is replaced.
func Clip(s string, limit int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= limit {
		return s
	}
	cut := limit
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

// systemErrors names the errors of connections as the reference does, whichever system reports them: the second
// number is that of Windows Sockets, which exists on no other system.
var systemErrors = []struct {
	posix, winsock syscall.Errno
	name           string
}{
	{syscall.ECONNREFUSED, 10061, "ECONNREFUSED"},
	{syscall.ECONNRESET, 10054, "ECONNRESET"},
	{syscall.ECONNABORTED, 10053, "ECONNABORTED"},
	{syscall.EHOSTUNREACH, 10065, "EHOSTUNREACH"},
	{syscall.ENETUNREACH, 10051, "ENETUNREACH"},
	{syscall.ENETDOWN, 10050, "ENETDOWN"},
	{syscall.ETIMEDOUT, 10060, "ETIMEDOUT"},
	{syscall.EADDRNOTAVAIL, 10049, "EADDRNOTAVAIL"},
	{syscall.EADDRINUSE, 10048, "EADDRINUSE"},
	{syscall.EAFNOSUPPORT, 10047, "EAFNOSUPPORT"},
	{syscall.EACCES, 10013, "EACCES"},
	{syscall.EPERM, 10013, "EPERM"},
	{syscall.EINVAL, 10022, "EINVAL"},
	{syscall.EMFILE, 10024, "EMFILE"},
	{syscall.EPIPE, 10058, "EPIPE"},
}

// System is the name of the system error in err, or the words of the lowest error for one that has none.
func System(err error) string {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return Clip(lowest(err).Error(), maxCause)
	}
	for _, e := range systemErrors {
		if errno == e.posix || errno == e.winsock {
			return e.name
		}
	}
	return Clip(errno.Error(), maxCause)
}

func lowest(err error) error {
	for next := errors.Unwrap(err); next != nil; next = errors.Unwrap(err) {
		err = next
	}
	return err
}

// Dial puts a failed attempt to connect to a host into words. ok is false when err is something else.
func Dial(err error) (text string, ok bool) {
	var dns *net.DNSError
	switch op := dialed(err); {
	case errors.As(err, &dns):
		return Lookup(dns.Name, err), true
	case op == nil:
		return "", false
	case op.Addr == nil:
		return "connect " + System(err) + " an unknown address", true
	default:
		return "connect " + System(err) + " " + strings.NewReplacer("[", "", "]", "").Replace(op.Addr.String()), true
	}
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

// Lookup says why host has no address.
func Lookup(host string, err error) string {
	var dns *net.DNSError
	if errors.As(err, &dns) && !dns.IsNotFound {
		return "getaddrinfo EAI_AGAIN " + host
	}
	return "getaddrinfo ENOTFOUND " + host
}

// ClosedByPeer recognises an end of the connection that came too early. The transport of HTTP has no error value for a
// connection that closed while idle.
func ClosedByPeer(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || strings.Contains(err.Error(), "server closed idle connection")
}

// Certificate says what is wrong with the certificate of the other side, in the reference's words and then in those that
// name the certificate; "" when it is something else.
func Certificate(err error) string {
	var authority x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var host x509.HostnameError
	switch {
	case errors.As(err, &authority):
		if c := authority.Cert; c != nil && c.Subject.String() == c.Issuer.String() {
			return "self-signed certificate: " + Clip(authority.Error(), maxCause)
		}
		return "unable to get local issuer certificate: " + Clip(authority.Error(), maxCause)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "certificate has expired: " + Clip(invalid.Error(), maxCause)
	case errors.As(err, &invalid):
		return Clip(invalid.Error(), maxCause)
	case errors.As(err, &host):
		return "Hostname/IP does not match certificate's altnames: " + Clip(host.Error(), maxCause)
	default:
		return ""
	}
}
