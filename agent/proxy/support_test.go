package proxy

import (
	"bufio"
	"context"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"oibus/platform/task"
)

// harness is a proxy with what it depends on in the test's hands.
type harness struct {
	*Server
	allowed   atomic.Bool
	verified  atomic.Int64 // passwords hashed
	protected atomic.Int64 // a port
}

// start runs a proxy on a free local port. The password of everybody is that of which the hash is "hash of <it>".
func start(t *testing.T, settings Settings, adjust func(*limits)) *harness {
	t.Helper()
	h := &harness{}
	h.allowed.Store(true)
	h.Server = New(Options{
		Address: "127.0.0.1",
		Allowed: func(ip netip.Addr) bool { return ip.IsValid() && h.allowed.Load() },
		VerifyPassword: func(hash, password string) bool {
			h.verified.Add(1)
			return hash == "hash of "+password
		},
		Roots:     trusted(t),
		Protected: func() []int { return []int{int(h.protected.Load())} },
	})
	h.limits.drain = 10 * time.Second
	if adjust != nil {
		adjust(&h.limits)
	}
	settings.Enabled = true
	if err := h.Apply(settings); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		defer cancel()
		if err := h.Close(ctx); err != nil {
			t.Errorf("the proxy does not end: %v", err)
		}
		if n := len(h.exchanges.running); n != 0 {
			t.Errorf("%d exchanges are left", n)
		}
	})
	return h
}

// trusted is the certificate of every httptest server.
func trusted(t *testing.T) *x509.CertPool {
	t.Helper()
	s := securely(t, hello)
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	return roots
}

func (h *harness) addr() string { return net.JoinHostPort("127.0.0.1", port(h.Port())) }

func port(n int) string {
	return netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(n)).String()[len("0.0.0.0:"):]
}

// client uses the proxy with login, which may be nil.
func (h *harness) client(t *testing.T, login *url.Userinfo) *http.Client {
	t.Helper()
	u := &url.URL{Scheme: "http", Host: h.addr(), User: login}
	transport := &http.Transport{Proxy: http.ProxyURL(u), DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 30 * time.Second}
}

// over makes c trust s.
func over(c *http.Client, s *httptest.Server) *http.Client {
	c.Transport.(*http.Transport).TLSClientConfig = s.Client().Transport.(*http.Transport).TLSClientConfig
	return c
}

func serving(t *testing.T, f http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	return s
}

func securely(t *testing.T, f http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(f)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func hello(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }

// get returns status and body.
func get(t *testing.T, c *http.Client, address string) (int, string) {
	t.Helper()
	res, err := c.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

// say sends text to addr and returns the connection and the answer to it, whose body is read only when whole is true.
func say(t *testing.T, addr, text string) (net.Conn, *bufio.Reader, *http.Response) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	br := bufio.NewReader(c)
	method := http.MethodGet
	if len(text) > 7 && text[:7] == "CONNECT" {
		method = http.MethodConnect
	}
	res, err := http.ReadResponse(br, &http.Request{Method: method})
	if err != nil {
		t.Fatalf("answer to %.40q: %v", text, err)
	}
	return c, br, res
}

// connect opens a tunnel to target.
func (h *harness) connect(t *testing.T, target, headers string) (net.Conn, *bufio.Reader) {
	t.Helper()
	c, br, res := say(t, h.addr(), "CONNECT "+target+" HTTP/1.1\r\nHost: "+target+"\r\n"+headers+"\r\n")
	if res.StatusCode != 200 {
		t.Fatalf("CONNECT answered %d", res.StatusCode)
	}
	return c, br
}

// raw starts a server that handles each connection itself.
func raw(t *testing.T, handle func(c net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	tasks := task.New(context.Background(), func(name string, err error) { t.Errorf("%s: %v", name, err) })
	var mu sync.Mutex
	var open []net.Conn
	tasks.Go("accept", func(context.Context) error {
		for {
			c, err := l.Accept()
			if err != nil {
				return nil
			}
			mu.Lock()
			open = append(open, c)
			mu.Unlock()
			tasks.Go("connection", func(context.Context) error {
				defer c.Close()
				handle(c)
				return nil
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		for _, c := range open {
			c.Close()
		}
		mu.Unlock()
		if err := tasks.StopAndWait(10 * time.Second); err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

func echo(c net.Conn) { _, _ = io.Copy(c, c) }

// exchangeOver checks that a tunnel to an echo is alive.
func alive(t *testing.T, c net.Conn, br *bufio.Reader) {
	t.Helper()
	if _, err := io.WriteString(c, "ping\n"); err != nil {
		t.Fatal(err)
	}
	if line, err := br.ReadString('\n'); err != nil || line != "ping\n" {
		t.Fatalf("the tunnel answered %q, %v", line, err)
	}
}

// ended waits for the end of a connection.
func ended(t *testing.T, c net.Conn, br *bufio.Reader) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(2 * time.Minute))
	if _, err := io.Copy(io.Discard, br); err != nil && isTimeout(err) {
		t.Fatalf("the connection is still open: %v", err)
	}
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

func basicHeader(login string) string {
	return "Proxy-Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(login)) + "\r\n"
}
