package e2e

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"sync"
	"testing"

	"oibus/testing/fault/site"
	"oibus/testing/harness"
)

// from is a client that comes from an address of this machine, through a proxy when there is one.
func from(address string, proxy *url.URL) *http.Client {
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	t := &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}
	if proxy != nil {
		t.Proxy = http.ProxyURL(proxy)
	}
	return &http.Client{Transport: t}
}

// fetch gets a page and returns its status and text.
func fetch(t *testing.T, c *http.Client, address string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(limited(t), "GET", address, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := c.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

func TestTheForwardProxyServesThoseWhoMayUseIt(t *testing.T) {
	t.Parallel()
	s := site.Start(t, site.Options{})
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "a plain page") }))
	defer plain.Close()
	secure := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "a secret page") }))
	defer secure.Close()
	port := harness.FreePort(t)
	settings := map[string]any{"enabled": true, "port": port, "username": "plant", "password": "proxy-Secret-8", "forward": map[string]any{"enabled": false}}
	must(t, s.Client, "PUT", "/api/engine/proxy", settings, nil)

	address := &url.URL{Scheme: "http", Host: fmt.Sprintf("127.0.0.1:%d", port)}
	if status, body := fetch(t, from("127.0.0.1", address), plain.URL); status != 407 {
		t.Errorf("without a password: %d %s", status, body)
	}
	named := *address
	named.User = url.UserPassword("plant", "proxy-Secret-8")
	if status, body := fetch(t, from("127.0.0.1", &named), plain.URL); status != 200 || body != "a plain page" {
		t.Errorf("a page: %d %s", status, body)
	}
	tunnel := from("127.0.0.1", &named)
	tunnel.Transport.(*http.Transport).TLSClientConfig = secure.Client().Transport.(*http.Transport).TLSClientConfig
	if status, body := fetch(t, tunnel, secure.URL); status != 200 || body != "a secret page" {
		t.Errorf("a page over TLS: %d %s", status, body)
	}
	if status, body := fetch(t, from("127.0.0.2", &named), plain.URL); status != 403 {
		t.Errorf("for a stranger: %d %s", status, body)
	}
	must(t, s.Client, "POST", "/api/ip-filters", map[string]any{"address": "127.0.0.2", "description": ""}, nil)
	if status, body := fetch(t, from("127.0.0.2", &named), plain.URL); status != 200 {
		t.Errorf("for a stranger who was let in: %d %s", status, body)
	}

	upstream := newUpstream(t, "up", "up-Secret-9")
	settings["username"], settings["password"] = "", ""
	settings["forward"] = map[string]any{"enabled": true, "url": upstream.URL, "username": "up", "password": "up-Secret-9"}
	completes(t, s, "Engine proxy settings updated successfully", command("update-engine-proxy", settings))
	if status, body := fetch(t, from("127.0.0.1", address), plain.URL); status != 200 || body != "a plain page" || len(upstream.seen()) != 1 {
		t.Errorf("through another proxy, which saw %d requests: %d %s", len(upstream.seen()), status, body)
	}

	settings["enabled"] = false
	must(t, s.Client, "PUT", "/api/engine/proxy", settings, nil)
	if status, body := fetch(t, from("127.0.0.1", address), plain.URL); status != 0 {
		t.Errorf("switched off it answers %d %s", status, body)
	}
}

// upstream is a proxy that wants a password and notes what passes.
type upstream struct {
	*httptest.Server
	wanted string

	mu     sync.Mutex
	passed []string
}

func newUpstream(t *testing.T, user, password string) *upstream {
	t.Helper()
	u := &upstream{wanted: "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))}
	u.Server = httptest.NewServer(u)
	t.Cleanup(u.Close)
	t.Cleanup(u.CloseClientConnections)
	return u
}

// seen lists what has passed: method and address.
func (u *upstream) seen() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Clone(u.passed)
}

// ServeHTTP implements http.Handler.
func (u *upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Proxy-Authorization") != u.wanted {
		w.Header().Set("Proxy-Authenticate", `Basic realm="upstream"`)
		w.WriteHeader(http.StatusProxyAuthRequired)
		return
	}
	u.mu.Lock()
	u.passed = append(u.passed, r.Method+" "+r.RequestURI)
	u.mu.Unlock()
	if r.Method == http.MethodConnect {
		u.tunnel(w, r)
		return
	}
	u.forward(w, r)
}

func (u *upstream) forward(w http.ResponseWriter, r *http.Request) {
	out := r.Clone(r.Context())
	out.RequestURI = ""
	out.Header.Del("Proxy-Authorization")
	answer, err := http.DefaultTransport.RoundTrip(out)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer answer.Body.Close()
	for name, values := range answer.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.StatusCode)
	_, _ = io.Copy(w, answer.Body) // a client that went away is no one to tell
}

func (u *upstream) tunnel(w http.ResponseWriter, r *http.Request) {
	far, err := (&net.Dialer{}).DialContext(r.Context(), "tcp", r.Host)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer far.Close()
	near, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer near.Close()
	if _, err := io.WriteString(near, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() { _, _ = io.Copy(far, near); cancel() }()
	go func() { _, _ = io.Copy(near, far); cancel() }()
	<-ctx.Done()
}
