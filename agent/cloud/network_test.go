package cloud

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"oibus/agent/wording"
)

// closedPort is a local address nobody listens on.
func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func resolving(ips ...string) func(context.Context, string) ([]netip.Addr, error) {
	var addrs []netip.Addr
	for _, ip := range ips {
		addrs = append(addrs, netip.MustParseAddr(ip))
	}
	return func(context.Context, string) ([]netip.Addr, error) { return addrs, nil }
}

func TestARefusedConnectionReadsAsInTheReference(t *testing.T) {
	t.Parallel()
	addr := closedPort(t)
	e := failureOf(t, newClient(t).Status(t.Context(), Connection{Host: "http://" + addr}, true), Network)
	if e.Error() != "connect ECONNREFUSED "+addr || !e.Retryable() || !errors.Is(e, syscall.ECONNREFUSED) {
		t.Errorf("got %v", e)
	}
}

func TestEveryAddressOfANameIsTriedAndSaidWhyItFailed(t *testing.T) {
	t.Parallel()
	_, port, _ := net.SplitHostPort(closedPort(t))
	c := newClient(t)
	c.lookup = resolving("127.0.0.2", "::ffff:127.0.0.3")
	e := failureOf(t, c.Status(t.Context(), Connection{Host: "http://cloud.test:" + port}, true), Network)
	if e.Error() != "connect ECONNREFUSED 127.0.0.2:"+port+"; connect ECONNREFUSED 127.0.0.3:"+port {
		t.Errorf("got %v", e)
	}
	if got := unbracketed("[::1]:443"); got != "::1:443" {
		t.Errorf("an IPv6 address reads %s", got)
	}
}

func TestADeadAddressDoesNotHideALivingOne(t *testing.T) {
	t.Parallel()
	s := answering(t, 200, "", "[]")
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	c := newClient(t)
	c.lookup = resolving("127.0.0.2", "127.0.0.3", "127.0.0.1")
	if _, err := c.Pending(t.Context(), Connection{Host: "http://cloud.test:" + port}); err != nil {
		t.Error(err)
	}
}

func TestANameWithoutAddressReadsAsInTheReference(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{
		"getaddrinfo ENOTFOUND cloud.test": &net.DNSError{IsNotFound: true},
		"getaddrinfo EAI_AGAIN cloud.test": &net.DNSError{IsTemporary: true, Err: "server misbehaving"},
	} {
		c := newClient(t)
		c.lookup = func(context.Context, string) ([]netip.Addr, error) { return nil, err }
		e := failureOf(t, c.Status(t.Context(), Connection{Host: "https://cloud.test"}, true), Network)
		if e.Error() != want {
			t.Errorf("got %v, want %s", e, want)
		}
	}
	c := newClient(t)
	c.lookup = resolving()
	if e := failureOf(t, c.Status(t.Context(), Connection{Host: "https://cloud.test"}, true), Network); e.Error() != "getaddrinfo ENOTFOUND cloud.test" {
		t.Errorf("got %v", e)
	}
}

func TestANameServerThatDoesNotAnswerIsAConnectTimeout(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	c.limits.Connect = 30 * time.Millisecond
	c.lookup = func(ctx context.Context, _ string) ([]netip.Addr, error) { <-ctx.Done(); return nil, ctx.Err() }
	for host, want := range map[string]string{
		"https://cloud.test":     "Connect Timeout Error (attempted address: cloud.test:443, timeout: 30ms)",
		"http://cloud.test:8080": "Connect Timeout Error (attempted address: cloud.test:8080, timeout: 30ms)",
	} {
		e := failureOf(t, c.Status(t.Context(), Connection{Host: host}, true), Timeout)
		if e.Error() != want || !e.Retryable() {
			t.Errorf("got %v, want %s", e, want)
		}
	}
}

func TestAServerThatNeverShakesHandsIsAConnectTimeout(t *testing.T) {
	t.Parallel()
	addr := raw(t, func(_ int, c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	c := newClient(t)
	c.limits.Connect = 500 * time.Millisecond
	e := failureOf(t, c.Status(t.Context(), Connection{Host: "https://" + addr}, true), Timeout)
	if want := "Connect Timeout Error (attempted addresses: " + addr + ", timeout: 500ms)"; e.Error() != want {
		t.Errorf("got %v, want %s", e, want)
	}
}

func TestAServerThatDoesNotAnswerInTimeReadsAsInTheReference(t *testing.T) {
	t.Parallel()
	silent := raw(t, func(_ int, c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	stalled := raw(t, func(_ int, c net.Conn) {
		readRequest(c)
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n[")
		_, _ = io.Copy(io.Discard, c)
	})
	for _, addr := range []string{silent, stalled} {
		c := newClient(t)
		c.limits.Call = 50 * time.Millisecond
		_, err := c.Pending(t.Context(), Connection{Host: "http://" + addr})
		if e := failureOf(t, err, Timeout); e.Error() != "The operation was aborted due to timeout" || !e.Retryable() {
			t.Errorf("got %v", e)
		}
	}
}

func TestAConnectionCutInTheMiddleIsANetworkErrorAndNotAShortAnswer(t *testing.T) {
	t.Parallel()
	for name, part := range map[string]string{
		"before the answer":    "",
		"in the status line":   "HTTP/1.1 2",
		"in the headers":       "HTTP/1.1 200 OK\r\nContent-Le",
		"in a counted body":    "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[]",
		"in a chunked body":    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n",
		"in the head of chunk": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n1",
	} {
		addr := raw(t, func(_ int, c net.Conn) {
			readRequest(c)
			_, _ = io.WriteString(c, part)
		})
		_, err := newClient(t).Pending(t.Context(), Connection{Host: "http://" + addr})
		e := failureOf(t, err, Network)
		if !e.Retryable() || !strings.Contains("other side closed, malformed", strings.Fields(e.Error())[0]) {
			t.Errorf("cut %s: %v", name, e)
		}
		if strings.HasPrefix(name, "before") || strings.HasSuffix(name, "body") {
			if e.Error() != "other side closed" {
				t.Errorf("cut %s: %v", name, e)
			}
		}
	}
}

func TestAResetConnectionReadsAsInTheReference(t *testing.T) {
	t.Parallel()
	addr := raw(t, func(_ int, c net.Conn) {
		readRequest(c)
		_ = c.(*net.TCPConn).SetLinger(0)
	})
	_, err := newClient(t).Pending(t.Context(), Connection{Host: "http://" + addr})
	if e := failureOf(t, err, Network); e.Error() != "read ECONNRESET" {
		t.Errorf("got %v", e)
	}
}

func TestSomethingThatSpeaksNoHTTPIsAnErrorOfBoundedLength(t *testing.T) {
	t.Parallel()
	for _, talk := range []string{"SSH-2.0-OpenSSH_9.2\r\n", strings.Repeat("\x00", 1<<20), "HTTP/1.1 abc\r\n\r\n", "HTTP/1.1 200 OK\r\n" + strings.Repeat("X: "+strings.Repeat("y", 1000)+"\r\n", 400)} {
		addr := raw(t, func(_ int, c net.Conn) { readRequest(c); _, _ = io.WriteString(c, talk); _, _ = io.Copy(io.Discard, c) })
		c := newClient(t)
		c.limits.Call = time.Second
		_, err := c.Pending(t.Context(), Connection{Host: "http://" + addr})
		var e *Error
		if !errors.As(err, &e) || len(e.Error()) > 1000 || (e.Kind != Network && e.Kind != Timeout) {
			t.Errorf("%.20q: %v", talk, err)
		}
	}
}

func TestErrorsOfWindowsSocketsBearTheSameNames(t *testing.T) {
	t.Parallel()
	for errno, want := range map[syscall.Errno]string{10061: "ECONNREFUSED", 10054: "ECONNRESET", 10065: "EHOSTUNREACH", 10060: "ETIMEDOUT", syscall.EHOSTUNREACH: "EHOSTUNREACH"} {
		if got := wording.System(&net.OpError{Op: "dial", Err: errno}); got != want {
			t.Errorf("%d reads %s, want %s", errno, got, want)
		}
	}
}

// counting starts a server that counts its connections and answers [].
func counting(t *testing.T) (*httptest.Server, *atomic.Int64, chan struct{}) {
	t.Helper()
	var opened atomic.Int64
	closed := make(chan struct{}, 100)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, "[]")
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			opened.Add(1)
		case http.StateClosed:
			closed <- struct{}{}
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	return s, &opened, closed
}

func TestOneConnectionServesCallAfterCall(t *testing.T) {
	t.Parallel()
	s, opened, _ := counting(t)
	c, conn := newClient(t), Connection{Host: s.URL, Token: "t"}
	for range 5 {
		if _, err := c.Pending(t.Context(), conn); err != nil {
			t.Fatal(err)
		}
		if err := c.PutConfiguration(t.Context(), conn, []byte("{}")); err != nil {
			t.Fatal(err)
		}
		if err := c.PostLogs(t.Context(), conn, []byte("[]")); err != nil {
			t.Fatal(err)
		}
	}
	if n := opened.Load(); n != 1 {
		t.Errorf("%d connections for 15 calls", n)
	}
}

func TestNewSettingsCloseTheIdleConnectionsOfTheOldOnes(t *testing.T) {
	t.Parallel()
	s, opened, closed := counting(t)
	c := newClient(t)
	for _, insecure := range []bool{false, true, false} {
		if _, err := c.Pending(t.Context(), Connection{Host: s.URL, AcceptUnauthorized: insecure}); err != nil {
			t.Fatal(err)
		}
	}
	<-closed
	<-closed
	if opened.Load() != 3 || len(c.transports) != 2 {
		t.Errorf("%d connections, %d transports", opened.Load(), len(c.transports))
	}
	c.CloseIdle()
	<-closed
}

func TestManyDifferentSettingsKeepFewTransports(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	for i := range 50 {
		conn := Connection{Host: "http://x", UseProxy: true, ProxyURL: "http://proxy", ProxyUsername: strings.Repeat("u", i+1)}
		if _, err := c.transportOf(conn); err != nil {
			t.Fatal(err)
		}
	}
	if len(c.transports) > maxTransports {
		t.Errorf("%d transports are kept", len(c.transports))
	}
	last, _ := c.transportOf(Connection{Host: "http://y", UseProxy: true, ProxyURL: "http://proxy", ProxyUsername: strings.Repeat("u", 50)})
	again, _ := c.transportOf(Connection{Host: "http://z", UseProxy: true, ProxyURL: "http://proxy", ProxyUsername: strings.Repeat("u", 50)})
	if last != again {
		t.Error("equal settings do not share a transport")
	}
}

func TestAnIdleConnectionThatWentStaleIsReplacedWithinTheCall(t *testing.T) {
	t.Parallel()
	firstUsed := make(chan struct{})
	addr := raw(t, func(n int, c net.Conn) {
		for i := 0; ; i++ {
			if lines := readRequest(c); len(lines) == 0 {
				return
			}
			if n == 0 && i == 1 {
				return // as a server does that closes an idle connection just as a call arrives
			}
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]")
			if n == 0 {
				close(firstUsed)
			}
		}
	})
	c, conn := newClient(t), Connection{Host: "http://" + addr}
	if _, err := c.Pending(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	<-firstUsed
	if err := c.UpdateStatus(t.Context(), conn, []byte("[]")); err != nil {
		t.Errorf("the call should have been made on a new connection: %v", err)
	}
}

func TestTheLimitsStandInTheRightOrder(t *testing.T) {
	t.Parallel()
	l := defaultLimits
	if l.Call != 30*time.Second || l.Connect != 10*time.Second || l.Asset != 900*time.Second || l.Idle != 300*time.Second {
		t.Errorf("the limits are not those of the protocol: %+v", l)
	}
	if !(l.Connect < l.Call && l.Call < l.Idle && l.Idle < l.Asset && stagger*maxAddresses < l.Connect) {
		t.Errorf("the limits do not fit together: %+v", l)
	}
}
