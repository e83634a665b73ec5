package proxy

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func netipFrom(ip net.IP) (netip.Addr, bool) {
	a, ok := netip.AddrFromSlice(ip)
	return a.Unmap(), ok
}

func TestTheProxyMovesToAnotherPortAndFreesTheOldOne(t *testing.T) {
	t.Parallel()
	target, web := raw(t, echo), serving(t, hello)
	h := start(t, Settings{}, nil)
	old := h.addr()
	c, br := h.connect(t, target, "")
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	want := free.Addr().(*net.TCPAddr).Port
	free.Close()
	if err := h.Apply(Settings{Enabled: true, Port: want}); err != nil {
		t.Fatal(err)
	}
	if h.Port() != want {
		t.Errorf("listens on %d", h.Port())
	}
	if status, _ := get(t, h.client(t, nil), web.URL); status != 200 {
		t.Errorf("on the new port: %d", status)
	}
	ended(t, c, br)
	l, err := net.Listen("tcp", old)
	if err != nil {
		t.Fatalf("the old port is still taken: %v", err)
	}
	l.Close()
}

func TestABusyPortLeavesEverythingAsItWas(t *testing.T) {
	t.Parallel()
	target, web := raw(t, echo), serving(t, hello)
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	h := start(t, Settings{Username: "bob", PasswordHash: "hash of pw"}, nil)
	before := h.Port()
	c, br := h.connect(t, target, basicHeader("bob:pw"))
	err = h.Apply(Settings{Enabled: true, Port: busy.Addr().(*net.TCPAddr).Port})
	if err == nil || !strings.Contains(err.Error(), "cannot listen on port") {
		t.Fatalf("got %v", err)
	}
	alive(t, c, br)
	if h.Port() != before {
		t.Errorf("listens on %d", h.Port())
	}
	if status, _ := get(t, h.client(t, nil), web.URL); status != 407 {
		t.Errorf("without the password that is still needed: %d", status)
	}
	if err := h.Apply(Settings{Enabled: true, Upstream: Upstream{Enabled: true, URL: "socks5://x"}}); err == nil {
		t.Error("an upstream proxy of another kind was accepted")
	}
	alive(t, c, br)
}

func TestEqualSettingsDisturbNobodyAndOthersEndTheTunnels(t *testing.T) {
	t.Parallel()
	target := raw(t, echo)
	settings := Settings{Enabled: true, Username: "bob", PasswordHash: "hash of pw"}
	h := start(t, settings, nil)
	c, br := h.connect(t, target, basicHeader("bob:pw"))
	if err := h.Apply(settings); err != nil {
		t.Fatal(err)
	}
	alive(t, c, br)
	port := h.Port()
	settings.Username = "alice"
	if err := h.Apply(settings); err != nil {
		t.Fatal(err)
	}
	ended(t, c, br)
	if h.Port() != port {
		t.Error("the port changed")
	}
	c, br = h.connect(t, target, basicHeader("alice:pw"))
	alive(t, c, br)
}

func TestAFilterThatChangesEndsTheTunnelsOfThoseItShutsOut(t *testing.T) {
	t.Parallel()
	target := raw(t, echo)
	h := start(t, Settings{}, nil)
	c, br := h.connect(t, target, "")
	h.Recheck()
	alive(t, c, br)
	h.allowed.Store(false)
	h.Recheck()
	ended(t, c, br)
}

func TestSwitchingOffEndsTunnelsAtOnceAndLetsRequestsFinish(t *testing.T) {
	t.Parallel()
	arrived, finish := make(chan struct{}), make(chan struct{})
	web := serving(t, func(w http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-finish
		_, _ = io.WriteString(w, "done")
	})
	target := raw(t, echo)
	h := start(t, Settings{}, nil)
	c, br := h.connect(t, target, "")
	conn, err := net.Dial("tcp", h.addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "GET "+web.URL+" HTTP/1.1\r\nHost: x\r\n\r\n")
	<-arrived
	address := h.addr()
	if err := h.Apply(Settings{}); err != nil {
		t.Fatal(err)
	}
	if h.Port() != 0 {
		t.Errorf("still says port %d", h.Port())
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatalf("the port is not free: %v", err)
	}
	l.Close()
	ended(t, c, br)
	close(finish)
	answer, _ := io.ReadAll(conn)
	if !strings.HasPrefix(string(answer), "HTTP/1.1 200 OK") || !strings.HasSuffix(string(answer), "done") {
		t.Errorf("the request under way was answered %q", answer)
	}
	if err := h.Apply(Settings{Enabled: true}); err != nil {
		t.Fatalf("switched on again: %v", err)
	}
	c, br = h.connect(t, target, "")
	alive(t, c, br)
}

func TestARequestThatDoesNotFinishIsBrokenOffWhenItHadItsTime(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{})
	web := serving(t, func(w http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
	})
	h := start(t, Settings{}, func(l *limits) { l.drain = 50 * time.Millisecond })
	conn, err := net.Dial("tcp", h.addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "GET "+web.URL+" HTTP/1.1\r\nHost: x\r\n\r\n")
	<-arrived
	if err := h.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := h.Apply(Settings{Enabled: true}); err == nil {
		t.Error("a closed proxy was switched on")
	}
}

func TestAnImpatientCloseBreaksOffAtOnce(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{})
	web := serving(t, func(w http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
	})
	h := start(t, Settings{}, func(l *limits) { l.drain = time.Hour })
	conn, err := net.Dial("tcp", h.addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "GET "+web.URL+" HTTP/1.1\r\nHost: x\r\n\r\n")
	<-arrived
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := h.Close(ctx); err != nil {
		t.Error(err)
	}
}

func TestAProxyThatWasNeverOnCloses(t *testing.T) {
	t.Parallel()
	s := New(Options{Allowed: func(netip.Addr) bool { return true }})
	if err := s.Apply(Settings{}); err != nil {
		t.Error(err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestTheLimitsFitTogether(t *testing.T) {
	t.Parallel()
	l := defaultLimits
	if !(l.header <= l.keepAlive && l.connect < l.answer && l.answer < l.quiet && l.drain < l.quiet) {
		t.Errorf("%+v", l)
	}
}
