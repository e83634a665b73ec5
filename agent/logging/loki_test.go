package logging

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"oibus/agent/entity"
)

// fakeLoki collects the lines that are pushed to it.
type fakeLoki struct {
	mu     sync.Mutex
	lines  []lokiPushed
	answer func(w http.ResponseWriter) bool // whether it answered itself
	auth   map[string]bool
}

type lokiPushed struct {
	labels  map[string]string
	at      int64
	Message string
	ScopeID *string
	Seq     uint64
}

func (l *fakeLoki) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.answer != nil && l.answer(w) {
		return
	}
	user, password, _ := r.BasicAuth()
	l.auth[r.Method+" "+r.URL.Path+" "+r.Header.Get("Content-Type")+" "+user+":"+password] = true
	var push lokiPush
	if err := json.NewDecoder(r.Body).Decode(&push); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	for _, s := range push.Streams {
		for _, v := range s.Values {
			line := lokiPushed{labels: s.Labels}
			line.at, _ = strconv.ParseInt(v[0], 10, 64)
			if err := json.Unmarshal([]byte(v[1]), &line); err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			l.lines = append(l.lines, line)
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

func (l *fakeLoki) messages(prefix string) (list []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.lines {
		if strings.HasPrefix(line.Message, prefix) {
			list = append(list, line.Message)
		}
	}
	return list
}

func lokiHub(t *testing.T, l *fakeLoki) (*Hub, *httptest.Server, entity.LoggerSettings) {
	t.Helper()
	l.auth = map[string]bool{}
	server := httptest.NewServer(l)
	t.Cleanup(server.Close)
	h := openHub(t, t.TempDir(), Options{})
	s := settings()
	s.Loki = entity.LokiSettings{Level: "info", Interval: 10, Address: server.URL, Username: "user"}
	if err := h.Apply("Line 4", s, "pass-word"); err != nil {
		t.Fatal(err)
	}
	return h, server, s
}

func TestLokiGetsStreamsWithLabelsAndBasicAuth(t *testing.T) {
	t.Parallel()
	loki := &fakeLoki{}
	h, _, _ := lokiHub(t, loki)
	before := time.Now()
	write(t, h, "m", 1, 2500)
	h.Logger(Scope{ID: Engine}).Warn("careful")
	h.Logger(Scope{ID: Engine}).Debug("not this")
	closeHub(t, h)
	wantNumbered(t, loki.messages("m"), "m", 1, 2500)
	if want := "POST /loki/api/v1/push application/json user:pass-word"; !loki.auth[want] || len(loki.auth) != 1 {
		t.Errorf("requests %v", loki.auth)
	}
	last := loki.lines[len(loki.lines)-1]
	if len(loki.lines) != 2501 || fmt.Sprint(last.labels) != "map[level:warn name:Line 4 scopeType:INTERNAL]" ||
		last.Message != "careful" || *last.ScopeID != "engine" || last.at < before.UnixNano()/1000*1000 || last.at > time.Now().UnixNano() {
		t.Errorf("%d lines, the last %+v", len(loki.lines), last)
	}
}

func TestLokiThatIsAwayComesBack(t *testing.T) {
	t.Parallel()
	loki := &fakeLoki{answer: func(w http.ResponseWriter) bool {
		http.Error(w, "<html>captive portal</html>", http.StatusServiceUnavailable)
		return true
	}}
	h, _, s := lokiHub(t, loki)
	write(t, h, "m", 1, 1500)
	eventually(t, "the failure is logged", func() bool {
		p, _ := h.Search(Query{Text: "Cannot forward logs to Loki: 503 - <html>captive portal</html>"})
		return p.Total == 1
	})
	loki.mu.Lock()
	loki.answer = nil
	loki.mu.Unlock()
	if err := h.Apply("Line 5", s, "pass-word"); err != nil { // a new name makes a new target, and ends the pause
		t.Fatal(err)
	}
	eventually(t, "the full batch arrives", func() bool { return len(loki.messages("m")) >= 1000 })
	closeHub(t, h)
	wantNumbered(t, loki.messages("m"), "m", 1, 1500)
	if got := loki.messages("Cannot forward"); len(got) > 0 {
		t.Errorf("Loki was told about itself: %q", got)
	}
}

func TestARedirectOfLokiIsNotFollowed(t *testing.T) {
	t.Parallel()
	loki := &fakeLoki{answer: func(w http.ResponseWriter) bool {
		w.Header().Set("Location", "http://elsewhere.invalid/")
		w.WriteHeader(http.StatusTemporaryRedirect)
		return true
	}}
	h, _, _ := lokiHub(t, loki)
	write(t, h, "m", 1, 1000)
	eventually(t, "the redirect is an error", func() bool {
		p, _ := h.Search(Query{Text: "Cannot forward logs to Loki: 307 -"})
		return p.Total == 1
	})
}

func TestALokiAddressThatIsNoneIsSaid(t *testing.T) {
	t.Parallel()
	h := openHub(t, t.TempDir(), Options{})
	for _, address := range []string{"loki:3100", "ftp://x", "http://", "http://user:secret@:port", "::"} {
		s := settings()
		s.Loki = entity.LokiSettings{Level: "info", Address: address}
		if err := h.Apply("OIBus", s, ""); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", address, err)
		}
	}
	target, err := newLokiTarget(lokiConfig{address: "http://loki:3100/base/"})
	if err != nil || target.url != "http://loki:3100/base/loki/api/v1/push" {
		t.Errorf("%v, %v", target, err)
	}
}

func TestRetryAfterIsSecondsOrADate(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 4, 8, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": 0, "120": 2 * time.Minute, "-5": 0, "soon": 0, "99999999999999999999": 0,
		"Wed, 04 Mar 2026 08:01:00 GMT": time.Minute, "Wed, 04 Mar 2026 07:00:00 GMT": 0,
	} {
		if got := parseRetryAfter(text, now); got != want {
			t.Errorf("%q is %s, want %s", text, got, want)
		}
	}
}
