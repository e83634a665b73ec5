package proxy

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"oibus/platform/task"
)

func TestHTTPIsForwardedAsTheClientSentIt(t *testing.T) {
	t.Parallel()
	seen := make(chan *http.Request, 1)
	target := serving(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		seen <- r
		w.Header().Set("X-Answer", "yes")
		w.Header().Set("Keep-Alive", "timeout=5")
		w.Header().Set("Proxy-Authenticate", "Basic")
		w.Header().Set("Connection", "X-Hop")
		w.Header().Set("X-Hop", "1")
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, "short and stout")
	})
	h := start(t, Settings{}, nil)
	host := target.Listener.Addr().String()
	_, _, res := say(t, h.addr(), "POST http://"+host+"/a/../b%2Fc?x=1;y=2&z HTTP/1.1\r\nHost: "+host+"\r\nContent-Length: 4\r\n"+
		"X-Forwarded-For: 10.1.1.1\r\nX-Custom: kept\r\nProxy-Connection: keep-alive\r\nConnection: close, X-Private\r\nX-Private: 1\r\n"+
		basicHeader("me:s3cret")+"\r\nbody")
	body, _ := io.ReadAll(res.Body)
	if res.StatusCode != http.StatusTeapot || string(body) != "short and stout" || res.Header.Get("X-Answer") != "yes" {
		t.Errorf("got %d %q %v", res.StatusCode, body, res.Header)
	}
	for _, name := range []string{"Keep-Alive", "Proxy-Authenticate", "X-Hop"} {
		if res.Header.Get(name) != "" {
			t.Errorf("%s: %s came through from the target", name, res.Header.Get(name))
		}
	}
	r := <-seen
	got, _ := io.ReadAll(r.Body)
	if r.RequestURI != "/a/../b%2Fc?x=1;y=2&z" || r.Method != "POST" || r.Host != host || string(got) != "body" {
		t.Errorf("the target saw %s %s %s %q", r.Method, r.Host, r.RequestURI, got)
	}
	var names []string
	for name := range r.Header {
		names = append(names, name)
	}
	slices.Sort(names)
	if want := []string{"Content-Length", "X-Custom", "X-Forwarded-For"}; !slices.Equal(names, want) || r.Header.Get("X-Forwarded-For") != "10.1.1.1" {
		t.Errorf("the target saw the headers %v", r.Header)
	}
}

func TestHTTPSGoesThroughATunnel(t *testing.T) {
	t.Parallel()
	target := securely(t, hello)
	h := start(t, Settings{}, nil)
	if status, body := get(t, over(h.client(t, nil), target), target.URL); status != 200 || body != "hello" {
		t.Errorf("got %d %q", status, body)
	}
}

func TestTheIPFilterComesBeforeThePasswordAndThePasswordBeforeTheTarget(t *testing.T) {
	t.Parallel()
	reached := false
	target := serving(t, func(w http.ResponseWriter, r *http.Request) { reached = true })
	h := start(t, Settings{Username: "bob", PasswordHash: "hash of pw"}, nil)
	host := target.Listener.Addr().String()
	ask := func(method, headers string) *http.Response {
		address := "http://" + host + "/"
		if method == "CONNECT" {
			address = host
		}
		_, _, res := say(t, h.addr(), method+" "+address+" HTTP/1.1\r\nHost: "+host+"\r\n"+headers+"\r\n")
		return res
	}
	for _, method := range []string{"GET", "CONNECT"} {
		for _, headers := range []string{"", basicHeader("bob:wrong"), basicHeader("alice:pw"), basicHeader("bob"), "Proxy-Authorization: Bearer pw\r\n", "Proxy-Authorization: Basic %%%\r\n"} {
			res := ask(method, headers)
			if res.StatusCode != 407 || res.Header.Get("Proxy-Authenticate") != `Basic realm="OIBus Proxy"` || reached {
				t.Errorf("%s with %q: %d %v, reached %v", method, headers, res.StatusCode, res.Header, reached)
			}
		}
		h.allowed.Store(false)
		before := h.verified.Load()
		res := ask(method, basicHeader("bob:pw"))
		body, _ := io.ReadAll(res.Body)
		if res.StatusCode != 403 || !strings.Contains(string(body), "Access denied. IP ADDRESS 127.0.0.1 UNAUTHORIZED") || reached || h.verified.Load() != before {
			t.Errorf("%s of a filtered client: %d %q", method, res.StatusCode, body)
		}
		h.allowed.Store(true)
	}
	if res := ask("GET", strings.Replace(basicHeader("bob:pw"), "Basic", "basic", 1)); res.StatusCode != 200 || !reached {
		t.Errorf("the right password: %d", res.StatusCode)
	}
}

func TestAPasswordIsHashedOnceHoweverOftenItIsSent(t *testing.T) {
	t.Parallel()
	target := serving(t, hello)
	settings := Settings{Username: "bob", PasswordHash: "hash of p:w"}
	h := start(t, settings, nil)
	c := h.client(t, url.UserPassword("bob", "p:w"))
	for range 20 {
		if status, _ := get(t, c, target.URL); status != 200 {
			t.Fatalf("got %d", status)
		}
	}
	if n := h.verified.Load(); n != 1 {
		t.Errorf("hashed %d times", n)
	}
	if status, _ := get(t, h.client(t, url.UserPassword("bob", "other")), target.URL); status != 407 {
		t.Errorf("another password: %d", status)
	}
	settings.Enabled, settings.PasswordHash = true, "hash of new"
	if err := h.Apply(settings); err != nil {
		t.Fatal(err)
	}
	if status, _ := get(t, c, target.URL); status != 407 {
		t.Errorf("the old password: %d", status)
	}
}

func TestAUserWithoutPasswordLetsNobodyIn(t *testing.T) {
	t.Parallel()
	target := serving(t, hello)
	h := start(t, Settings{Username: "bob"}, nil)
	if status, _ := get(t, h.client(t, url.UserPassword("bob", "")), target.URL); status != 407 || h.verified.Load() != 0 {
		t.Errorf("got %d", status)
	}
}

func TestWhatIsNoRequestForAProxyIsRefused(t *testing.T) {
	t.Parallel()
	h := start(t, Settings{}, nil)
	for _, line := range []string{
		"GET / HTTP/1.1", "GET https://acme.com/ HTTP/1.1", "GET ftp://acme.com/ HTTP/1.1", "OPTIONS * HTTP/1.1", "GET http:///x HTTP/1.1",
		"CONNECT acme.com HTTP/1.1", "CONNECT :443 HTTP/1.1", "CONNECT acme.com:0 HTTP/1.1", "CONNECT acme.com:99999 HTTP/1.1", "CONNECT acme.com:https HTTP/1.1",
	} {
		if _, _, res := say(t, h.addr(), line+"\r\nHost: acme.com\r\n\r\n"); res.StatusCode != 400 {
			t.Errorf("%s: %d", line, res.StatusCode)
		}
	}
}

func TestATargetThatCannotBeReachedIsABadGatewayAndASilentOneAGatewayTimeout(t *testing.T) {
	t.Parallel()
	l, _ := net.Listen("tcp", "127.0.0.1:0")
	closed := l.Addr().String()
	l.Close()
	silent := raw(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	cut := raw(t, func(c net.Conn) {})
	h := start(t, Settings{}, func(l *limits) { l.answer = 500 * time.Millisecond })
	for target, want := range map[string]int{closed: 502, silent: 504, cut: 502} {
		if status, _ := get(t, h.client(t, nil), "http://"+target); status != want {
			t.Errorf("%d, want %d", status, want)
		}
	}
	if _, _, res := say(t, h.addr(), "CONNECT "+closed+" HTTP/1.1\r\nHost: x\r\n\r\n"); res.StatusCode != 502 {
		t.Errorf("CONNECT: %d", res.StatusCode)
	}
}

func TestAnAnswerIsPassedOnAsItComes(t *testing.T) {
	t.Parallel()
	next := make(chan struct{})
	target := serving(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "first\n")
		_ = http.NewResponseController(w).Flush()
		<-next
		_, _ = io.WriteString(w, "second\n")
	})
	h := start(t, Settings{}, nil)
	res, err := h.client(t, nil).Get(target.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	br := bufio.NewReader(res.Body)
	if line, err := br.ReadString('\n'); line != "first\n" {
		t.Fatalf("got %q, %v", line, err)
	}
	close(next)
	if line, err := br.ReadString('\n'); line != "second\n" {
		t.Fatalf("got %q, %v", line, err)
	}
}

func TestATargetMayAnswerBeforeItHasTheWholeBody(t *testing.T) {
	t.Parallel()
	target := serving(t, func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		_, _ = io.ReadFull(r.Body, make([]byte, 4))
		_, _ = io.WriteString(w, strings.Repeat("early", 2000))
		_ = http.NewResponseController(w).Flush()
		_, _ = io.Copy(io.Discard, r.Body)
	})
	h := start(t, Settings{}, nil)
	c, br, res := say(t, h.addr(), "POST "+target.URL+" HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\nhalf")
	if _, err := io.ReadFull(res.Body, make([]byte, 10000)); err != nil || res.StatusCode != 200 {
		t.Fatalf("%d, %v", res.StatusCode, err)
	}
	_, _ = io.WriteString(c, "half")
	if _, err := io.ReadAll(res.Body); err != nil {
		t.Error(err)
	}
	_ = br
}

func TestAConnectionThatChangesProtocolIsCarried(t *testing.T) {
	t.Parallel()
	target := raw(t, func(c net.Conn) {
		br := bufio.NewReader(c)
		if _, err := http.ReadRequest(br); err != nil {
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		_, _ = io.Copy(c, br)
	})
	settings := Settings{Username: "bob", PasswordHash: "hash of pw"}
	h := start(t, settings, nil)
	c, br, res := say(t, h.addr(), "GET http://"+target+"/ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n"+basicHeader("bob:pw")+"\r\n")
	if res.StatusCode != 101 {
		t.Fatalf("got %d", res.StatusCode)
	}
	alive(t, c, br)
	settings.Enabled, settings.PasswordHash = true, "hash of new"
	if err := h.Apply(settings); err != nil {
		t.Fatal(err)
	}
	ended(t, c, br)
}

func TestWhatTheClientSendsRightBehindItsRequestReachesTheTarget(t *testing.T) {
	t.Parallel()
	target := raw(t, echo)
	h := start(t, Settings{}, nil)
	c, br, res := say(t, h.addr(), "CONNECT "+target+" HTTP/1.1\r\nHost: x\r\n\r\nearly\n")
	if line, err := br.ReadString('\n'); res.StatusCode != 200 || line != "early\n" {
		t.Fatalf("%d: got %q, %v", res.StatusCode, line, err)
	}
	alive(t, c, br)
}

func TestOneSideMayEndWhileTheOtherStillTalks(t *testing.T) {
	t.Parallel()
	target := raw(t, func(c net.Conn) {
		all, _ := io.ReadAll(c) // to the end
		_, _ = fmt.Fprintf(c, "got %d bytes", len(all))
	})
	h := start(t, Settings{}, nil)
	c, br := h.connect(t, target, "")
	_, _ = c.Write(make([]byte, 100_000))
	_ = c.(*net.TCPConn).CloseWrite()
	if all, err := io.ReadAll(br); err != nil || string(all) != "got 100000 bytes" {
		t.Errorf("got %q, %v", all, err)
	}
}

func TestATunnelInWhichNothingMovesEnds(t *testing.T) {
	t.Parallel()
	closed := make(chan struct{})
	target := raw(t, func(c net.Conn) { echo(c); close(closed) })
	h := start(t, Settings{}, func(l *limits) { l.quiet = 300 * time.Millisecond })
	c, br := h.connect(t, target, "")
	ended(t, c, br)
	<-closed
}

func TestABodyThatStopsInTheMiddleEndsTheRequest(t *testing.T) {
	t.Parallel()
	target := serving(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	h := start(t, Settings{}, func(l *limits) { l.quiet, l.header = 100*time.Millisecond, 100*time.Millisecond })
	c, err := net.Dial("tcp", h.addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, _ = io.WriteString(c, "POST "+target.URL+" HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf")
	ended(t, c, bufio.NewReader(c))
}

func TestAClientThatNeverSaysWhatItWantsIsCutOffAndHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	target := serving(t, hello)
	h := start(t, Settings{}, func(l *limits) { l.header, l.exchanges = 300*time.Millisecond, 4 })
	var slow []net.Conn
	for range 4 + spare { // all the connections there are
		c, err := net.Dial("tcp", h.addr())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_, _ = io.WriteString(c, "GET http://")
		slow = append(slow, c)
	}
	if status, body := get(t, h.client(t, nil), target.URL); status != 200 || body != "hello" {
		t.Errorf("got %d %q", status, body)
	}
	for _, c := range slow {
		ended(t, c, bufio.NewReader(c))
	}
}

func TestARefusedClientCannotHoldItsConnectionWithABody(t *testing.T) {
	t.Parallel()
	h := start(t, Settings{Username: "bob"}, func(l *limits) { l.header = 100 * time.Millisecond })
	c, err := net.Dial("tcp", h.addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, _ = io.WriteString(c, "POST http://acme.com/ HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf")
	ended(t, c, bufio.NewReader(c))
}

func TestMoreRequestsThanTheLimitAreToldSo(t *testing.T) {
	t.Parallel()
	target := raw(t, echo)
	h := start(t, Settings{}, func(l *limits) { l.exchanges = 2 })
	c1, br1 := h.connect(t, target, "")
	c2, br2 := h.connect(t, target, "")
	if _, _, res := say(t, h.addr(), "CONNECT "+target+" HTTP/1.1\r\nHost: x\r\n\r\n"); res.StatusCode != 503 || res.Header.Get("Retry-After") == "" {
		t.Errorf("the third: %d", res.StatusCode)
	}
	alive(t, c1, br1)
	alive(t, c2, br2)
}

func TestManyClientsAtOnceAreServedEachItsOwnAnswer(t *testing.T) {
	t.Parallel()
	answer := func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, strings.Repeat(r.URL.Path, 2000))
	}
	plain, secure := serving(t, answer), securely(t, answer)
	h := start(t, Settings{Username: "bob", PasswordHash: "hash of pw"}, nil)
	c := over(h.client(t, url.UserPassword("bob", "pw")), secure)
	tasks := task.New(t.Context(), nil)
	for i := range 40 {
		tasks.Go("client", func(context.Context) error {
			for j := range 5 {
				host := []*httptest.Server{plain, secure}[(i+j)%2].URL
				path := fmt.Sprintf("/%d-%d", i, j)
				if status, body := get(t, c, host+path); status != 200 || body != strings.Repeat(path, 2000) {
					t.Errorf("%s: %d and %d bytes", path, status, len(body))
				}
			}
			return nil
		})
	}
	if err := tasks.Wait(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestTheAgentsOwnPagesCannotBeReached(t *testing.T) {
	t.Parallel()
	page := serving(t, func(http.ResponseWriter, *http.Request) { t.Error("the page was reached") })
	_, pagePort, _ := net.SplitHostPort(page.Listener.Addr().String())
	upstream := newUpstream(t, "")
	for name, settings := range map[string]Settings{
		"directly":         {},
		"through upstream": {Upstream: Upstream{Enabled: true, URL: upstream.URL}},
	} {
		h := start(t, settings, nil)
		h.protected.Store(int64(page.Listener.Addr().(*net.TCPAddr).Port))
		for _, host := range []string{"127.0.0.1", "127.1.2.3", "localhost", "LOCALHOST.", "x.localhost", "0.0.0.0", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::1%25lo]"} {
			for _, p := range []string{pagePort, port(h.Port())} {
				if status, _ := get(t, h.client(t, nil), "http://"+host+":"+p+"/"); status != 403 {
					t.Errorf("%s: http://%s:%s: %d", name, host, p, status)
				}
			}
			if host == "[::1%25lo]" {
				continue
			}
			_, _, res := say(t, h.addr(), "CONNECT "+host+":"+pagePort+" HTTP/1.1\r\nHost: x\r\n\r\n")
			if res.StatusCode != 403 {
				t.Errorf("%s: CONNECT %s: %d", name, host, res.StatusCode)
			}
		}
	}
}

func TestNoNameLeadsToTheAgentsOwnPages(t *testing.T) {
	t.Parallel()
	page := serving(t, hello)
	h := start(t, Settings{}, nil)
	// What is checked is the address connected to, whichever name led there.
	address := page.Listener.Addr().String()
	if c, err := h.dial(t.Context(), address); err != nil {
		t.Fatal(err)
	} else {
		c.Close()
	}
	h.protected.Store(int64(page.Listener.Addr().(*net.TCPAddr).Port))
	if c, err := h.dial(t.Context(), address); !errors.Is(err, errOwn) {
		t.Errorf("got %v, %v", c, err)
	}
}

func TestEveryAddressOfTheMachineIsItsOwn(t *testing.T) {
	t.Parallel()
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Skip(err)
	}
	for _, a := range addrs {
		if ip, _, err := net.ParseCIDR(a.String()); err == nil {
			if addr, ok := netipFrom(ip); ok && !isLocal(addr) {
				t.Errorf("%s is taken for another machine", addr)
			}
		}
	}
	if addr, _ := netipFrom(net.ParseIP("192.0.2.1")); isLocal(addr) {
		t.Error("a documentation address is taken for this machine")
	}
}

func TestAnUpstreamProxyCarriesBothWithItsOwnCredentials(t *testing.T) {
	t.Parallel()
	for name, kind := range map[string]func(*testing.T, http.HandlerFunc) *httptest.Server{"http": serving, "https": securely} {
		t.Run(name, func(t *testing.T) { carriesBoth(t, newUpstreamOf(t, "up:p w", kind)) })
	}
}

func carriesBoth(t *testing.T, upstream *upstream) {
	t.Helper()
	plain, secure := serving(t, hello), securely(t, hello)
	h := start(t, Settings{
		Username: "bob", PasswordHash: "hash of pw",
		Upstream: Upstream{Enabled: true, URL: upstream.URL + "/path", Username: "up", Password: "p w"},
	}, nil)
	c := over(h.client(t, url.UserPassword("bob", "pw")), secure)
	for _, target := range []*httptest.Server{plain, secure} {
		if status, body := get(t, c, target.URL+"/x"); status != 200 || body != "hello" {
			t.Errorf("%s: %d %q", target.URL, status, body)
		}
	}
	if got, want := upstream.seen(), []string{"GET " + plain.URL + "/x", "CONNECT " + secure.Listener.Addr().String()}; !slices.Equal(got, want) {
		t.Errorf("the upstream proxy saw %q, want %q", got, want)
	}
}

func TestARefusalOfTheUpstreamProxyIsNotTheClientsBusiness(t *testing.T) {
	t.Parallel()
	upstream := newUpstream(t, "up:right")
	h := start(t, Settings{Upstream: Upstream{Enabled: true, URL: upstream.URL, Username: "up", Password: "s3cret"}}, nil)
	status, body := get(t, h.client(t, nil), "http://target.test/")
	if status != 502 || !strings.Contains(body, "the upstream proxy answered 407") || strings.Contains(body, "s3cret") {
		t.Errorf("got %d %q", status, body)
	}
	_, _, res := say(t, h.addr(), "CONNECT target.test:443 HTTP/1.1\r\nHost: x\r\n\r\n")
	said, _ := io.ReadAll(res.Body)
	if res.StatusCode != 502 || !strings.Contains(string(said), "407") || strings.Contains(string(said), "s3cret") {
		t.Errorf("got %d %q", res.StatusCode, said)
	}
}

func TestATargetThatSpeaksFirstIsHeardThroughAnUpstreamProxy(t *testing.T) {
	t.Parallel()
	upstream := raw(t, func(c net.Conn) {
		br := bufio.NewReader(c)
		if _, err := http.ReadRequest(br); err != nil {
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nX: y\r\n\r\n220 welcome\n") // in one piece
		_, _ = io.Copy(c, br)
	})
	h := start(t, Settings{Upstream: Upstream{Enabled: true, URL: "http://" + upstream}}, nil)
	c, br := h.connect(t, "mail.test:25", "")
	if line, err := br.ReadString('\n'); line != "220 welcome\n" {
		t.Fatalf("got %q, %v", line, err)
	}
	alive(t, c, br)
}

func TestAnUpstreamProxyThatDoesNotSpeakHTTPIsABadGateway(t *testing.T) {
	t.Parallel()
	for _, talk := range []string{"", "SSH-2.0\r\n", "HTTP/1.1 200 OK\r\n" + strings.Repeat("X: "+strings.Repeat("y", 1000)+"\r\n", 100)} {
		upstream := raw(t, func(c net.Conn) {
			_, _ = http.ReadRequest(bufio.NewReader(c))
			_, _ = io.WriteString(c, talk)
		})
		h := start(t, Settings{Upstream: Upstream{Enabled: true, URL: "http://" + upstream}}, nil)
		if _, _, res := say(t, h.addr(), "CONNECT x.test:443 HTTP/1.1\r\nHost: x\r\n\r\n"); res.StatusCode != 502 {
			t.Errorf("%.10q: %d", talk, res.StatusCode)
		}
	}
}

// upstream is a proxy that wants login and notes what it was asked.
type upstream struct {
	*httptest.Server
	mu    sync.Mutex
	asked []string
}

func (u *upstream) seen() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Clone(u.asked)
}

func newUpstream(t *testing.T, login string) *upstream { return newUpstreamOf(t, login, serving) }

func newUpstreamOf(t *testing.T, login string, begin func(*testing.T, http.HandlerFunc) *httptest.Server) *upstream {
	t.Helper()
	u := &upstream{}
	next := start(t, Settings{}, nil) // for its handling of what was authorised here
	u.Server = begin(t, func(w http.ResponseWriter, r *http.Request) {
		u.mu.Lock()
		u.asked = append(u.asked, r.Method+" "+r.RequestURI)
		u.mu.Unlock()
		if want := strings.TrimSpace(strings.TrimPrefix(basicHeader(login), "Proxy-Authorization: ")); login != "" && r.Header.Get("Proxy-Authorization") != want {
			w.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
		next.rules.Load().handle(w, r)
	})
	return u
}

func FuzzCredentialsAreReadOrRefused(f *testing.F) {
	f.Add("Basic Ym9iOnB3")
	f.Add("basic  Ym9i")
	f.Add("Bearer x")
	f.Fuzz(func(t *testing.T, header string) {
		a := newAccess("bob", "hash", func(_, password string) bool { return password == "pw" })
		user, password, ok := basic(header)
		if a.admits(t.Context(), header) != (ok && user == "bob" && password == "pw") {
			t.Errorf("%q", header)
		}
	})
}
