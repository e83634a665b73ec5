package cloud

import (
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"time"
)

const callTimeoutText = "The operation was aborted due to timeout"

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

// systemName is the name of the system error in err, or the words of the system for one that has none.
func systemName(err error) string {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return clip(lowest(err).Error(), maxCause)
	}
	for _, e := range systemErrors {
		if errno == e.posix || errno == e.winsock {
			return e.name
		}
	}
	return clip(errno.Error(), maxCause)
}

func lowest(err error) error {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err
		}
		err = next
	}
}

// lookupText says why host has no address.
func lookupText(host string, err error) string {
	var dns *net.DNSError
	if errors.As(err, &dns) && !dns.IsNotFound {
		return "getaddrinfo EAI_AGAIN " + host
	}
	return "getaddrinfo ENOTFOUND " + host
}

// describe puts what the transport reports into the reference's words.
func describe(err error, host string, connect time.Duration) (Kind, string) {
	var c *connectError
	var op *net.OpError
	var timeout net.Error
	switch {
	case errors.As(err, &c):
		if c.timeout {
			return Timeout, c.text
		}
		return Network, c.text
	case errors.As(err, &timeout) && timeout.Timeout() && strings.Contains(err.Error(), "TLS handshake"):
		return Timeout, connectTimeout(host, nil, connect).text
	case errors.As(err, &timeout) && timeout.Timeout() && strings.Contains(err.Error(), "response headers"):
		return Timeout, "Headers Timeout Error"
	case closedByPeer(err):
		return Network, "other side closed"
	case certificateText(err) != "" && errors.As(err, &op) && op.Op == "proxyconnect":
		return Network, certificateText(err) + " (this is the certificate of the proxy)"
	case certificateText(err) != "":
		return Network, certificateText(err)
	case errors.As(err, &op) && (op.Op == "read" || op.Op == "write"):
		return Network, op.Op + " " + systemName(err)
	default:
		return Network, systemName(err)
	}
}

// closedByPeer recognises an end of the connection that came too early. The transport has no error value for a
// connection that closed while idle.
func closedByPeer(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || strings.Contains(err.Error(), "server closed idle connection")
}

// certificateText says what is wrong with the certificate of the other side, in the reference's words and then in
// those that name the certificate.
func certificateText(err error) string {
	var authority x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var host x509.HostnameError
	switch {
	case errors.As(err, &authority):
		if c := authority.Cert; c != nil && c.Subject.String() == c.Issuer.String() {
			return "self-signed certificate: " + clip(authority.Error(), maxCause)
		}
		return "unable to get local issuer certificate: " + clip(authority.Error(), maxCause)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "certificate has expired: " + clip(invalid.Error(), maxCause)
	case errors.As(err, &invalid):
		return clip(invalid.Error(), maxCause)
	case errors.As(err, &host):
		return "Hostname/IP does not match certificate's altnames: " + clip(host.Error(), maxCause)
	default:
		return ""
	}
}
