package cloud

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"oibus/platform/task"
)

func sprint(format string, v any) string { return fmt.Sprintf(format, v) }

// newClient has limits that no test comes near unless it means to.
func newClient(t *testing.T) *Client {
	t.Helper()
	c := New("3.9.0")
	c.limits = callLimits{Call: 20 * time.Second, Connect: 15 * time.Second, Asset: 30 * time.Second, Idle: 25 * time.Second}
	t.Cleanup(c.CloseIdle)
	return c
}

// answering starts a server that answers every request with status, content type and body.
func answering(t *testing.T, status int, contentType, body string) *httptest.Server {
	t.Helper()
	return serving(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if contentType != "" {
			w.Header().Set("Content-Type", contentType)
		} else {
			w.Header()["Content-Type"] = nil
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
}

func serving(t *testing.T, f http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	return s
}

// raw starts a server that handles each connection itself and is told which one it is, from 0.
func raw(t *testing.T, handle func(n int, c net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	tasks := task.New(t.Context(), func(name string, err error) { t.Errorf("%s: %v", name, err) })
	var mu sync.Mutex
	var open []net.Conn
	tasks.Go("accept", func(context.Context) error {
		for n := 0; ; n++ {
			c, err := l.Accept()
			if err != nil {
				return nil
			}
			mu.Lock()
			open = append(open, c)
			mu.Unlock()
			tasks.Go("connection", func(context.Context) error {
				defer c.Close()
				handle(n, c)
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

// readRequest reads the head of a request and its body, and returns the head's lines.
func readRequest(c net.Conn) []string {
	r := bufio.NewReader(c)
	var lines []string
	length := 0
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return lines
		}
		if line = strings.TrimRight(line, "\r\n"); line == "" {
			_, _ = io.CopyN(io.Discard, r, int64(length))
			return lines
		}
		_, _ = fmt.Sscanf(strings.ToLower(line), "content-length: %d", &length)
		lines = append(lines, line)
	}
}

// failureOf checks that err is an *Error of kind and returns it.
func failureOf(t *testing.T, err error, kind Kind) *Error {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want an error of kind %s", err, kind)
	}
	if e.Kind != kind {
		t.Fatalf("got kind %s (%v), want %s", e.Kind, err, kind)
	}
	return e
}

// testProxy is a forward proxy that notes what it was asked.
type testProxy struct {
	*httptest.Server
	mu       sync.Mutex
	requests []string // method and target
	auth     []string // Proxy-Authorization of each
	agents   []string // User-Agent of each
}

// newProxy starts a proxy that wants login ("user:password"), or nothing when it is empty.
func newProxy(t *testing.T, login string, start func(http.Handler) *httptest.Server) *testProxy {
	t.Helper()
	p := &testProxy{}
	transport := &http.Transport{DisableCompression: true}
	p.Server = start(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		p.requests = append(p.requests, r.Method+" "+r.RequestURI)
		p.auth = append(p.auth, r.Header.Get("Proxy-Authorization"))
		p.agents = append(p.agents, r.Header.Get("User-Agent"))
		p.mu.Unlock()
		if login != "" && r.Header.Get("Proxy-Authorization") != "Basic "+base64.StdEncoding.EncodeToString([]byte(login)) {
			w.Header().Set("Proxy-Authenticate", "Basic")
			w.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
		if r.Method == http.MethodConnect {
			tunnel(w, r)
			return
		}
		r.RequestURI = ""
		r.Header.Del("Proxy-Authorization")
		res, err := transport.RoundTrip(r)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer res.Body.Close()
		for k, v := range res.Header {
			w.Header()[k] = v
		}
		w.WriteHeader(res.StatusCode)
		_, _ = io.Copy(w, res.Body)
	}))
	t.Cleanup(func() { transport.CloseIdleConnections(); p.Close() })
	return p
}

func tunnel(w http.ResponseWriter, r *http.Request) {
	target, err := net.Dial("tcp", r.Host)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer target.Close()
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "HTTP/1.1 200 Connection Established\r\n\r\n")
	tasks := task.New(r.Context(), nil)
	tasks.Go("back", func(context.Context) error {
		_, _ = io.Copy(conn, target)
		conn.Close()
		return nil
	})
	_, _ = io.Copy(target, conn)
	target.Close()
	_ = tasks.StopAndWait(10 * time.Second)
}

func (p *testProxy) seen() (requests, auth []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string{}, p.requests...), append([]string{}, p.auth...)
}
