package web

import (
	"bufio"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"oibus/agent/web/access"
)

// patienceOfTests bounds what must happen, on whatever machine.
const patienceOfTests = time.Minute

func basicOf(login, password string) string {
	return base64.StdEncoding.EncodeToString([]byte(login + ":" + password))
}

// raw sends bytes as they are, and returns all that is answered until the server closes the connection.
func (s *site) raw(t *testing.T, text string) string {
	t.Helper()
	conn, err := net.Dial("tcp", s.server.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patienceOfTests))
	io.WriteString(conn, text) // the server may close before it has read all
	if half, ok := conn.(*net.TCPConn); ok {
		half.CloseWrite()
	}
	answer, err := io.ReadAll(conn)
	if err != nil && len(answer) == 0 && !strings.Contains(err.Error(), "reset") {
		t.Fatal(err)
	}
	return string(answer)
}

func TestASessionThatSomebodyElsePlantedIsNotTakenOver(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	at, err := url.Parse(s.url("/"))
	if err != nil {
		t.Fatal(err)
	}
	const planted = "cGxhbnRlZC1ieS1zb21lYm9keS1lbHNlLXRoYXQtaXMtbG9uZw"
	jar.SetCookies(at, []*http.Cookie{{Name: "oibus-session", Value: planted, Path: "/"}})
	victim := newClient(jar)
	defer victim.CloseIdleConnections()
	signIn := func() string {
		r := s.do(call{method: "POST", path: "/login", client: victim, body: "login=" + adminLogin + "&password=" + adminPassword, header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}})
		if r.status != 200 {
			t.Fatalf("sign in: %d", r.status)
		}
		return jar.Cookies(at)[0].Value
	}
	first := signIn()
	if first == planted {
		t.Fatal("the planted session was signed in")
	}
	if second := signIn(); second == first {
		t.Error("a second sign-in has the session of the first")
	}
	for _, cookie := range []string{planted, first + "x", ""} {
		if r := s.do(call{method: "GET", path: "/api/engine", header: map[string]string{"Cookie": "oibus-session=" + cookie}}); r.status != 401 {
			t.Errorf("cookie %q: %d", cookie, r.status)
		}
	}
}

func TestNoAnswerWithANameOfAPersonIsAPage(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	const evil = `<script>alert(1)</script>\"'><img src=x onerror=alert(1)>`
	fill := strings.NewReplacer("{mode}", s.settings.ScanModes()[0].ID, `"name":"Files"`, `"name":"`+evil+`"`, "To the console", evil, `"a"`, `"`+evil+`"`, "Every 5 seconds", evil, "Louder", evil)
	for path, body := range map[string]string{"/api/south": southBody, "/api/north": northBody, "/api/scan-modes": `{"name":"Every 5 seconds","description":"","cron":"* * * * * *"}`,
		"/api/ip-filters": `{"address":"10.0.0.1","description":"` + evil + `"}`} {
		if r := s.as("POST", path, fill.Replace(body)); r.status != 201 {
			t.Fatalf("%s: %d %s", path, r.status, r.body)
		}
	}
	s.as("PUT", "/api/engine/name", `{"name":"`+evil+`"}`)
	south := s.connectors.Souths()[0].ID
	for _, path := range []string{"/api/south", "/api/south/" + south, "/api/south/" + south + "/items/list", "/api/north", "/api/connectors", "/api/scan-modes", "/api/ip-filters", "/api/engine",
		"/api/engine/info", "/api/logs", "/api/users", "/api/south/" + url.PathEscape("<script>alert(1)</script>"), "/api/" + url.PathEscape("<script>"), "/" + url.PathEscape("<script>"), "/sse/south/%3Cscript%3E", "/api/users?page=%3Cscript%3E"} {
		r := s.as("GET", path, "")
		if kind := r.header.Get("Content-Type"); !strings.HasPrefix(kind, "application/json") || r.header.Get("X-Content-Type-Options") != "nosniff" || r.header.Get("Content-Security-Policy") == "" {
			t.Errorf("%s: %s %v", path, kind, r.header)
		}
		if strings.Contains(r.body, "<script") || strings.Contains(r.body, "<img") {
			t.Errorf("%s: %s", path, r.body)
		}
	}
	for _, c := range []struct{ path, body string }{
		{"/api/south/" + south + "/items/export", `{"delimiter":";"}`}, {"/api/south/folder-scanner/items/to-csv", form("delimiter", ",", "@items", "[]")},
	} {
		r := s.asForm("POST", c.path, c.body)
		if kind := r.header.Get("Content-Type"); !strings.HasPrefix(kind, "text/csv") || !strings.HasPrefix(r.header.Get("Content-Disposition"), "attachment") || r.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %v", c.path, r.header)
		}
	}
	r := s.as("GET", "/api/page/diagnostics", "")
	if disposition := r.header.Get("Content-Disposition"); r.status != 200 || strings.ContainsAny(disposition, "<>\"'\r\n") || !strings.HasPrefix(disposition, "attachment; filename=") {
		t.Errorf("%d %q", r.status, disposition)
	}
}

func TestNothingThatIsSentBecomesAHeader(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	for _, text := range []string{
		"GET /?next=%0d%0aX-Evil:%201 HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\nConnection: close\r\n\r\n",
		"GET /a%0d%0aX-Evil:%201 HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\nConnection: close\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 1\r\n X-Evil: 1\r\nConnection: close\r\n\r\n",
		"GET /api/users/x%0d%0aX-Evil:1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: localhost\rX-Evil: 1\r\nConnection: close\r\n\r\n",
	} {
		answer := s.raw(t, text)
		head, _, _ := strings.Cut(answer, "\r\n\r\n")
		if strings.Contains(strings.ToLower(head), "\nx-evil") || !strings.HasPrefix(answer, "HTTP/1.1 ") {
			t.Errorf("%q: %q", text, head)
		}
	}
	if path := access.LocalPath("/\r\nX-Evil: 1"); strings.ContainsAny(path, "\r\n") {
		t.Errorf("after the sign-in: %q", path)
	}
}

func TestNoPathLeadsOutOfTheServer(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("TOP-S3CRET"), 0o600); err != nil {
		t.Fatal(err)
	}
	basic := "Authorization: Basic " + basicOf(adminLogin, adminPassword) + "\r\n"
	up := strings.Repeat("../", 12)
	for _, path := range []string{
		"/assets/" + up + secret, "/assets/" + strings.ReplaceAll(up, "/", "%2f") + secret, "/" + up + secret, "//" + secret, "/./" + up + secret,
		"/assets/..%5c..%5c" + secret, "/api/south/" + url.PathEscape(up+secret), "/api/north/" + url.PathEscape(up+secret) + "/cache/content/x?folder=cache",
		"/api/north/x/cache/content/" + url.PathEscape(up+secret) + "?folder=" + url.QueryEscape(up), "/api/south/manifests/" + url.PathEscape(up+secret),
		"/api/transformers/template/" + url.PathEscape(up+secret), "/api/logs/items/" + url.PathEscape(up+secret), "/api/docs/" + url.PathEscape(up+secret), "file://" + secret, "http://localhost" + secret,
	} {
		answer := s.raw(t, "GET "+path+" HTTP/1.1\r\nHost: localhost\r\n"+basic+"Connection: close\r\n\r\n")
		if strings.Contains(answer, "TOP-S3CRET") || !strings.HasPrefix(answer, "HTTP/1.1 ") || strings.HasPrefix(answer, "HTTP/1.1 5") {
			t.Errorf("%s: %.300q", path, answer)
		}
	}
}

func TestOneRequestIsNeverReadAsTwo(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	const smuggled = "GET /api/status HTTP/1.1\r\nHost: localhost\r\n\r\n"
	for what, text := range map[string]string{
		"a length and chunks":            "POST /api/status HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled,
		"two lengths":                    "POST /api/status HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nContent-Length: 48\r\n\r\n" + smuggled,
		"a list of lengths":              "POST /api/status HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0, 48\r\n\r\n" + smuggled,
		"a signed length":                "POST /api/status HTTP/1.1\r\nHost: localhost\r\nContent-Length: +0\r\n\r\n" + smuggled,
		"an unknown coding":              "POST /api/status HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: xchunked\r\n\r\n" + smuggled,
		"two codings":                    "POST /api/status HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + smuggled,
		"a space before the colon":       "POST /api/status HTTP/1.1\r\nHost: localhost\r\nContent-Length : 48\r\n\r\n" + smuggled,
		"a coding behind a vertical tab": "POST /api/status HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: \x0bchunked\r\n\r\n" + smuggled,
		"a bad chunk":                    "POST /api/status HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n" + smuggled,
		"two hosts":                      "GET /api/status HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
		"no host":                        "GET /api/status HTTP/1.1\r\n\r\n",
	} {
		answer := s.raw(t, text)
		if strings.Contains(answer, "HTTP/1.1 204") {
			t.Errorf("%s: what was hidden in the request was answered: %q", what, answer)
		}
		if !strings.HasPrefix(answer, "HTTP/1.1 4") && !strings.HasPrefix(answer, "HTTP/1.1 501") {
			t.Errorf("%s: %.200q", what, answer)
		}
	}
}

func TestRequestsThatNeverEndAreCut(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.server.patience = time.Second
	basic := "Authorization: Basic " + basicOf(adminLogin, adminPassword) + "\r\n"
	for what, start := range map[string]string{
		"headers that come slowly": "GET /api/status HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
		"a body that comes slowly": "POST /api/scan-modes HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" + basic + "Content-Length: 1000000\r\n\r\n{",
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			conn, err := net.Dial("tcp", s.server.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := io.WriteString(conn, start); err != nil {
				t.Fatal(err)
			}
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				io.Copy(io.Discard, conn)
			}()
			drip := time.NewTicker(100 * time.Millisecond)
			defer drip.Stop()
			limit := time.After(patienceOfTests)
			for {
				select {
				case <-ended:
					return
				case <-drip.C:
					conn.Write([]byte(" ")) // a failure shows as the end
				case <-limit:
					t.Fatal("the connection is still open")
				}
			}
		})
	}
}

func TestTenThousandIdleConnectionsKeepNobodyOut(t *testing.T) {
	if testing.Short() {
		t.Skip("a lot of work, which the race detector only makes slow")
	}
	t.Parallel()
	s := newSite(t, nil)
	const attackers = 10_000
	held := make([]net.Conn, 0, attackers)
	defer func() {
		for _, c := range held {
			c.Close()
		}
	}()
	for i := range attackers {
		conn, err := net.Dial("tcp", s.server.Addr().String())
		if err != nil {
			if strings.Contains(err.Error(), "too many open files") && i > 2*maxConnections {
				t.Logf("this process may open no more than %d connections", i)
				break
			}
			t.Fatal(err)
		}
		held = append(held, conn)
		if i%3 == 0 { // some have been answered before
			io.WriteString(conn, "GET /api/status HTTP/1.1\r\nHost: localhost\r\n\r\n")
		}
	}
	for range 20 {
		if r := s.as("GET", "/api/engine", ""); r.status != 200 {
			t.Fatalf("somebody who came late: %d", r.status)
		}
	}
	s.server.mu.Lock()
	conns := s.server.door.conns
	s.server.mu.Unlock()
	conns.mu.Lock()
	open := len(conns.open)
	conns.mu.Unlock()
	if open > maxConnections+1 {
		t.Errorf("%d connections are held", open)
	}
	for i := 0; i < len(held)/4; i += 97 { // the attackers see it, too: those who came first were cut
		held[i].SetReadDeadline(time.Now().Add(patienceOfTests))
		if _, err := io.Copy(io.Discard, held[i]); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("connection %d of %d is still held", i, len(held))
		}
	}
}

// pretend is a connection that only knows whether it was closed.
type pretend struct {
	net.Conn
	closed bool
}

func (p *pretend) Close() error { p.closed = true; return nil }

func TestBusyConnectionsDoNotGiveWayToIdleOnes(t *testing.T) {
	t.Parallel()
	c := newConnections(2)
	conns := []*pretend{{}, {}, {}, {}}
	for _, conn := range conns[:2] {
		c.note(conn, http.StateNew)
		c.note(conn, http.StateActive)
	}
	c.note(conns[2], http.StateNew)
	if conns[0].closed || conns[1].closed || !conns[2].closed {
		t.Error("all are busy, and a new one comes")
	}
	c.note(conns[1], http.StateIdle)
	c.note(conns[3], http.StateNew)
	if conns[0].closed || !conns[1].closed || conns[3].closed {
		t.Error("one waits, and a new one comes")
	}
	c.closeSilent()
	if conns[0].closed || !conns[3].closed {
		t.Error("one is silent at the end")
	}
	for _, conn := range conns {
		c.note(conn, http.StateClosed)
	}
	if len(c.open) != 0 || c.waiting.Len() != 0 {
		t.Errorf("%d are remembered, %d as waiting", len(c.open), c.waiting.Len())
	}
}

func TestBodiesThatAreTooLongAreRefusedWhileTheyCome(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	basic := "Authorization: Basic " + basicOf(adminLogin, adminPassword) + "\r\n"
	for what, c := range map[string]struct {
		path, kind string
		limit      int64
	}{
		"JSON":   {"/api/scan-modes", "application/json", maxBody},
		"a form": {"/login", "application/x-www-form-urlencoded", maxForm},
	} {
		conn, err := net.Dial("tcp", s.server.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(patienceOfTests))
		fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\n%sContent-Length: %d\r\n\r\n", c.path, c.kind, basic, int64(1)<<40)
		sent := int64(0)
		piece := []byte(strings.Repeat("a", 64<<10))
		answered := make(chan string, 1)
		go func() {
			line, _ := bufio.NewReader(conn).ReadString('\n')
			answered <- line
		}()
		for sent < 4*c.limit {
			n, err := conn.Write(piece)
			sent += int64(n)
			if err != nil {
				break
			}
		}
		if line := <-answered; !strings.HasPrefix(line, "HTTP/1.1 4") && line != "" || sent >= 4*c.limit && line == "" {
			t.Errorf("%s: after %d bytes: %q", what, sent, line)
		}
	}
	huge := s.raw(t, "GET /api/status HTTP/1.1\r\nHost: localhost\r\nX-Huge: "+strings.Repeat("a", 2*maxHeaderBytes)+"\r\n\r\n")
	if huge != "" && !strings.HasPrefix(huge, "HTTP/1.1 431") {
		t.Errorf("huge headers: %.200q", huge)
	}
}
