package wording

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"
)

func TestErrorsOfConnectionsAreSaidInTheWordsThatPeopleKnow(t *testing.T) {
	t.Parallel()
	address := &net.TCPAddr{IP: net.IPv6loopback, Port: 80}
	refused := &net.OpError{Op: "dial", Addr: address, Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	for _, c := range []struct {
		err  error
		want string
	}{
		{refused, "connect ECONNREFUSED ::1:80"},
		{&net.OpError{Op: "proxyconnect", Err: refused}, "connect ECONNREFUSED ::1:80"},
		{&net.OpError{Op: "dial", Addr: address, Err: syscall.Errno(10061)}, "connect ECONNREFUSED ::1:80"},
		{&net.OpError{Op: "dial", Err: errors.New("no route")}, "connect no route an unknown address"},
		{&net.DNSError{Name: "plant", IsNotFound: true}, "getaddrinfo ENOTFOUND plant"},
		{&net.DNSError{Name: "plant", IsTemporary: true}, "getaddrinfo EAI_AGAIN plant"},
	} {
		if got, ok := Dial(fmt.Errorf("around: %w", c.err)); got != c.want || !ok {
			t.Errorf("%v is said as %q, want %q", c.err, got, c.want)
		}
	}
	if _, ok := Dial(io.EOF); ok {
		t.Error("an end of file is taken for a failed connection")
	}
	if !ClosedByPeer(fmt.Errorf("read: %w", io.ErrUnexpectedEOF)) || ClosedByPeer(refused) {
		t.Error("who closed the connection is mistaken")
	}
}

func TestWhatIsWrongWithACertificateIsSaid(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		want string
	}{
		{x509.UnknownAuthorityError{Cert: &x509.Certificate{}}, "self-signed certificate: "},
		{x509.UnknownAuthorityError{}, "unable to get local issuer certificate: "},
		{x509.CertificateInvalidError{Cert: &x509.Certificate{}, Reason: x509.Expired}, "certificate has expired: "},
		{x509.HostnameError{Certificate: &x509.Certificate{}, Host: "plant"}, "Hostname/IP does not match certificate's altnames: "},
		{io.EOF, ""},
	} {
		if got := Certificate(c.err); !strings.HasPrefix(got, c.want) || (c.want == "") != (got == "") {
			t.Errorf("%T is said as %q", c.err, got)
		}
	}
}

func FuzzClip(f *testing.F) {
	f.Add("é€𝄞", 3)
	f.Add("a\xffb", 1)
	f.Fuzz(func(t *testing.T, s string, limit int) {
		if limit < 0 {
			return
		}
		if got := Clip(s, limit); !utf8.ValidString(got) || len(got) > limit+len("…") {
			t.Errorf("%q cut to %d is %q", s, limit, got)
		}
	})
}
