package web

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"oibus/agent/entity"
	"oibus/agent/logging"
	"oibus/agent/web/access"
)

// freePort is a port that was free a moment ago.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func webServer(port int) string {
	return `{"port":` + strconv.Itoa(port) + `,"authTokenDuration":"7d"}`
}

func TestAChangeOfPortMovesThePage(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	old, port := s.url("/api/status"), freePort(t)
	browser := s.browser()
	r := s.as("PUT", "/api/engine/web-server", webServer(port))
	r.want(t, "change", 200, `{"needsRedirect":true,"newPort":`+strconv.Itoa(port)+`}`)
	s.do(call{method: "GET", path: "/api/status"}).want(t, "new port", 204, "")
	s.do(call{method: "GET", path: "/", client: browser}).want(t, "the session is still good", 200, "home")
	client := newClient(nil)
	defer client.CloseIdleConnections()
	if resp, err := client.Get(old); err == nil {
		resp.Body.Close()
		t.Errorf("the old port still answers: %d", resp.StatusCode)
	}
	s.as("PUT", "/api/engine/web-server", webServer(port)).want(t, "no change", 200, `{"needsRedirect":false,"newPort":null}`)
}

func TestABusyPortIsRefusedAndThePageStays(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	busy := other.Addr().(*net.TCPAddr).Port
	r := s.as("PUT", "/api/engine/web-server", webServer(busy))
	if r.status != 400 || !strings.Contains(r.body, strconv.Itoa(busy)) {
		t.Errorf("a busy port: %d %s", r.status, r.body)
	}
	s.do(call{method: "GET", path: "/api/status"}).want(t, "the old port", 204, "")
	if port := s.settings.Engine().Settings.WebServer.Port; port != 2223 {
		t.Errorf("the setting is %d", port)
	}
	var invalid *entity.InvalidError
	if err := s.server.Rebind(busy); !errors.As(err, &invalid) {
		t.Errorf("rebind: %v", err)
	}
}

func TestAPortThatWasLeftCanBeTakenBackAtOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	first, second := freePort(t), freePort(t)
	for _, port := range []int{first, second, first} {
		if err := s.server.Rebind(port); err != nil {
			t.Fatal(err)
		}
		s.do(call{method: "GET", path: "/api/status"}).want(t, "after the move", 204, "")
	}
}

func TestRequestsUnderWayOnTheOldPortAreAnswered(t *testing.T) {
	t.Parallel()
	started, release := make(chan struct{}), make(chan struct{})
	s := newSite(t, func(o *Options) {
		o.Info = func() Info { close(started); <-release; return Info{Version: "slow"} }
	})
	answered := make(chan reply, 1)
	go func() { answered <- s.as("GET", "/api/engine/info", "") }()
	<-started
	if err := s.server.Rebind(freePort(t)); err != nil {
		t.Fatal(err)
	}
	close(release)
	if r := <-answered; r.status != 200 || !strings.Contains(r.body, "slow") {
		t.Errorf("got %d %s", r.status, r.body)
	}
}

func TestAStartOnABusyPortFailsAndCanBeMended(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	busy := s.server.Addr().(*net.TCPAddr).Port
	o := plain(s.settings)
	o.Port = busy
	second := makeServer(t, o)
	if err := second.Start(t.Context()); err == nil || !strings.Contains(err.Error(), strconv.Itoa(busy)) {
		t.Errorf("got %v", err)
	}
	if err := second.Rebind(freePort(t)); err != nil {
		t.Errorf("another port: %v", err)
	}
	(&site{t: t, server: second}).do(call{method: "GET", path: "/api/status"}).want(t, "there", 204, "")
	if err := second.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := second.Rebind(freePort(t)); err == nil {
		t.Error("a closed server moved")
	}
}

func TestClosingEndsStreamsAndLetsRequestsEnd(t *testing.T) {
	t.Parallel()
	started, release := make(chan struct{}), make(chan struct{})
	s := newSite(t, func(o *Options) {
		o.Info = func() Info { close(started); <-release; return Info{Version: "slow"} }
	})
	events := s.listen("/sse/engine", nil)
	answered := make(chan reply, 1)
	go func() { answered <- s.as("GET", "/api/engine/info", "") }()
	<-started
	closed := make(chan error, 1)
	go func() { closed <- s.server.Close(context.Background()) }()
	events.waitEnd(t)
	select {
	case err := <-closed:
		t.Fatalf("closed before the last answer: %v", err)
	default:
	}
	close(release)
	if r := <-answered; r.status != 200 {
		t.Errorf("got %d %s", r.status, r.body)
	}
	if err := <-closed; err != nil {
		t.Errorf("close: %v", err)
	}
}

func TestAMissingPartIsFoundAtOnce(t *testing.T) {
	t.Parallel()
	o := plain(openSettings(t, t.TempDir()))
	o.Signer = nil
	if _, err := New(o); err == nil || !strings.Contains(err.Error(), "Signer") {
		t.Errorf("got %v", err)
	}
}

func TestASilentConnectionDoesNotHoldUpTheEnd(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	conn, err := net.Dial("tcp", s.server.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	s.do(call{method: "GET", path: "/api/status"})                 // accepted after conn
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second) // http.Server alone waits 5 s
	defer cancel()
	if err := s.server.Close(ctx); err != nil {
		t.Error(err)
	}
}

func TestRestartIsAnsweredBeforeItHappens(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.as("POST", "/api/engine/restart", "").want(t, "restart", 204, "")
	until(t, "the restart", func() bool { return s.restarts.Load() == 1 })
}

func TestMetricsAreResetAndShown(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.as("POST", "/api/engine/metrics/reset", "").want(t, "reset", 204, "")
	if s.metrics.resets.Load() != 1 {
		t.Error("nothing was reset")
	}
	s.as("GET", "/metrics", "").want(t, "metrics", 200, "oibus_up 1\n")
	if r := s.do(call{method: "GET", path: "/metrics"}); r.status != 401 {
		t.Errorf("metrics without credentials: %d", r.status)
	}
}

func TestHealthIsPublicAndTellsNoSecrets(t *testing.T) {
	t.Parallel()
	var sick error
	s := newSite(t, func(o *Options) { o.Health = func() error { return sick } })
	s.do(call{method: "GET", path: "/healthz"}).want(t, "healthy", 200, "ok\n")
	sick = errors.New("the disk /srv/secret is full")
	s.do(call{method: "GET", path: "/healthz"}).want(t, "sick", 503, "not healthy: see the log of OIBus\n")
}

func TestCommandsAreSearchedByPageAndFilter(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	for i := range 120 {
		s.commands.content = append(s.commands.content, []byte(`{"id":"c`+strconv.Itoa(i)+`","type":"restart-engine"}`))
	}
	r := s.as("GET", "/api/oianalytics/commands/search?types=a,b&types=c&status=COMPLETED&start=2026-03-04T08:15:30.123Z&ack=false&page=2", "")
	if !strings.HasPrefix(r.body, `{"content":[{"id":"c100","type":"restart-engine"}`) || !strings.HasSuffix(r.body, `"totalElements":120,"size":50,"number":2,"totalPages":3}`) {
		t.Errorf("got %s", r.body)
	}
	q := s.commands.asked
	if strings.Join(q.Types, " ") != "a b c" || q.Statuses[0] != "COMPLETED" || q.Ack == nil || *q.Ack || q.Start.UnixMilli() != 1772612130123 || !q.End.IsZero() || q.Page != 2 {
		t.Errorf("asked for %+v", q)
	}
	s.as("GET", "/api/oianalytics/commands/search?page=9", "").want(t, "beyond the end", 200, `{"content":[],"totalElements":120,"size":50,"number":9,"totalPages":3}`)
}

func TestLogsAreSearched(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.fill()
	r := s.as("GET", "/api/logs?scopeTypes=south&levels=info&messageContent=CONNECTED", "")
	if !strings.Contains(r.body, `"message":"Connected to 10.0.0.5:502"`) || !strings.Contains(r.body, `"totalElements":1`) {
		t.Errorf("got %s", r.body)
	}
	s.clock.advance(25 * time.Hour)
	s.as("GET", "/api/logs", "").want(t, "older than a day", 200, `{"content":[],"totalElements":0,"size":50,"number":0,"totalPages":0}`)
	s.as("GET", "/api/logs/scopes/nothing", "").want(t, "an unknown scope", 200, "null")
	s.as("GET", "/api/logs/items/suggest?name=TEMP", "").want(t, "items", 200, `[{"itemId":"i1","itemName":"Temp 1","scopeId":"k3JdQ9","scopeName":"PLC 1"}]`)
	s.as("GET", "/api/logs/items/suggest?name=temp&scopeId=other", "").want(t, "items of another scope", 200, `[]`)
}

// events are those of one stream.
type events struct {
	data chan string
	end  chan struct{}
}

// listen opens a stream and waits until it is answered.
func (s *site) listen(path string, client *http.Client) events {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), "GET", s.url(path), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	if client == nil {
		client = newClient(nil)
		client.Timeout = 0
		s.t.Cleanup(client.CloseIdleConnections)
		req.SetBasicAuth(adminLogin, adminPassword)
	}
	resp, err := client.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" {
		s.t.Fatalf("%s: %d %s", path, resp.StatusCode, resp.Header.Get("Content-Type"))
	}
	e := events{data: make(chan string, 100), end: make(chan struct{})}
	go func() {
		defer close(e.end)
		defer resp.Body.Close()
		for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				e.data <- data
			}
		}
	}()
	return e
}

func (e events) next(t *testing.T) string {
	t.Helper()
	select {
	case data := <-e.data:
		return data
	case <-time.After(2 * time.Minute):
		t.Fatal("no event")
		return ""
	}
}

func (e events) waitEnd(t *testing.T) {
	t.Helper()
	select {
	case <-e.end:
	case <-time.After(2 * time.Minute):
		t.Fatal("the stream did not end")
	}
}

func TestStreamsRunSideBySide(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	engine, home := s.listen("/sse/engine", nil), s.listen("/sse/home", nil)
	for range 2 {
		if got := engine.next(t); got != `{"processUptime":1.5}` {
			t.Errorf("engine: %s", got)
		}
		if got := home.next(t); !sameJSON(got, `{"norths":{},"engine":{"processUptime":1.5},"souths":{}}`) {
			t.Errorf("home: %s", got)
		}
	}
}

func TestTheLogIsFollowedWithItsFilters(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	follow := s.listen("/sse/logs?levels=error&scopeTypes=north", nil)
	log := s.logs.Logger(logging.Scope{Type: logging.North, ID: "n1", Name: "Out"})
	log.Info("not this one")
	log.Error("this one")
	if got := follow.next(t); !strings.Contains(got, `"message":"this one"`) || !strings.Contains(got, `"scopeType":"north"`) {
		t.Errorf("got %s", got)
	}
	s.as("GET", "/sse/logs?levels=loud", "").want(t, "an unknown level", 400,
		`{"message":{"levels":{"message":"should be one of the following; ['silent','error','warn','info','debug','trace']"}}}`)
}

func TestStreamsTakeATokenInTheAddressAndNothingElseDoes(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	plain := newClient(nil)
	plain.Timeout = 0
	t.Cleanup(plain.CloseIdleConnections)
	s.listen("/sse/engine?token="+s.token(), plain).next(t)
	if r := s.do(call{method: "GET", path: "/api/engine?token=" + s.token()}); r.status != 401 {
		t.Errorf("a token in the address of an operation: %d", r.status)
	}
	if r := s.do(call{method: "GET", path: "/sse/engine?token=x"}); r.status != 403 {
		t.Errorf("a forged token: %d", r.status)
	}
	if r := s.do(call{method: "GET", path: "/sse/engine"}); r.status != 401 {
		t.Errorf("without credentials: %d", r.status)
	}
}

func TestStreamsEndWithTheirSession(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	first, second := s.browser(), s.browser()
	first.Timeout, second.Timeout = 0, 0
	signedOut, kept := s.listen("/sse/engine", first), s.listen("/sse/logs", second)
	s.do(call{method: "POST", path: "/logout", client: first})
	signedOut.waitEnd(t)
	select {
	case <-kept.end:
		t.Fatal("another session ended with it")
	default:
	}
	if err := s.settings.UpdatePassword("system", s.admin.ID, "another-pass"); err != nil {
		t.Fatal(err)
	}
	kept.waitEnd(t)
}

func TestStreamsEndWhenThePageMoves(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	stream := s.listen("/sse/engine", nil)
	if err := s.server.Rebind(freePort(t)); err != nil {
		t.Fatal(err)
	}
	stream.waitEnd(t)
}

func TestAMountedStreamEndsToo(t *testing.T) {
	t.Parallel()
	server := makeServer(t, plain(openSettings(t, t.TempDir())))
	server.streams.pace = 20 * time.Millisecond
	server.Mount(access.Route{Method: "GET", Path: "/page/live", Level: access.Stream, Handler: func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, "data: 1\n\n")
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Errorf("flush: %v", err)
		}
		<-r.Context().Done()
	}})
	if err := server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	stream := (&site{t: t, server: server}).listen("/page/live", nil)
	stream.next(t)
	if err := server.Close(t.Context()); err != nil {
		t.Error(err)
	}
	stream.waitEnd(t)
}

func TestThePageIsServedOverTLSWithSecureCookies(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t, func(o *Options) {
		o.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	})
	client := newClient(nil)
	client.Transport = &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}
	defer client.CloseIdleConnections()
	resp, err := client.Post(strings.Replace(s.url("/login"), "http:", "https:", 1), "application/x-www-form-urlencoded",
		strings.NewReader("login="+adminLogin+"&password="+adminPassword))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if cookie := resp.Header.Get("Set-Cookie"); resp.ProtoMajor != 2 || !strings.Contains(cookie, "Secure") {
		t.Errorf("HTTP/%d with cookie %q", resp.ProtoMajor, cookie)
	}
}

func TestUnknownPathsHaveAPageForBrowsers(t *testing.T) {
	t.Parallel()
	s := makeServer(t, plain(openSettings(t, t.TempDir())))
	s.NotFoundPage(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(404)
		io.WriteString(w, "<h1>Not here</h1>")
	})
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer s.Close(t.Context())
	from := &site{t: t, server: s}
	html := map[string]string{"Accept": "text/html"}
	from.do(call{method: "GET", path: "/nothing", header: html}).want(t, "a browser", 404, "<h1>Not here</h1>")
	from.do(call{method: "GET", path: "/nothing"}).want(t, "a script", 404, `{"error":"Not Found","message":"Cannot GET /nothing"}`)
	from.do(call{method: "GET", path: "/sse/nothing", header: html}).want(t, "a stream", 404, `{"error":"Not Found","message":"Cannot GET /sse/nothing"}`)
}

func TestTheLifeOfASessionFollowsTheSetting(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	for text, want := range map[string]time.Duration{"1h": time.Hour, "6h": 6 * time.Hour, "1d": 24 * time.Hour, "3d": 72 * time.Hour, "7d": 168 * time.Hour, "14d": 336 * time.Hour, "30d": 720 * time.Hour} {
		body := `{"port":2223,"authTokenDuration":"` + text + `"}`
		if err := s.settings.UpdateWebServer("system", []byte(body)); err != nil {
			t.Fatal(err)
		}
		if got := s.server.lifetime(); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}
