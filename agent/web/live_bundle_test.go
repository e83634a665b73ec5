package web

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"oibus/agent/logging"
	"oibus/agent/web/access"
)

func bundleOf(addresses ...string) string {
	return bundlePath + "?" + url.Values{"of": addresses}.Encode()
}

// typed reads to the end of the next event, and returns its type and data.
func (s *stay) typed(t *testing.T) (kind, data string) {
	t.Helper()
	for s.lines.Scan() {
		line := s.lines.Text()
		for prefix, into := range map[string]*string{"event: ": &kind, "data: ": &data, "id: ": &s.last} {
			if text, ok := strings.CutPrefix(line, prefix); ok {
				*into = text
			}
		}
		if line == "" && kind != "" {
			return kind, data
		}
	}
	t.Fatalf("the stream ended: %v", s.lines.Err())
	return "", ""
}

func TestABundleCarriesStatesAndALogThatGoesOn(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	log := s.logs.Logger(logging.Scope{Type: logging.South, ID: "s1", Name: "PLC 1"})
	stream := s.stay(bundleOf("/sse/home", "/sse/logs?scopeIds=s1"), "")
	const entries = 300
	states := 0
	next := func() string { // of the log
		for {
			switch kind, data := stream.typed(t); kind {
			case "0":
				states++
				if !sameJSON(data, `{"norths":{},"engine":{"processUptime":1.5},"souths":{}}`) {
					t.Fatalf("the state is %s", data)
				}
			case "1":
				return data
			default:
				t.Fatalf("got %s %s", kind, data)
			}
		}
	}
	if data := next(); data != "" || stream.last == "" {
		t.Fatalf("the log begins with %q and the id %q", data, stream.last)
	}
	for i := range entries {
		log.Info(fmt.Sprintf("line %d.", i))
	}
	for i := range entries {
		data := next()
		for data == "" {
			data = next()
		}
		if want := fmt.Sprintf(`"message":"line %d."`, i); !strings.Contains(data, want) {
			t.Fatalf("event %d is %s", i, data)
		}
		if i%97 == 96 {
			stream.body.Close() // another window wants something else: the bundle is asked for anew
			stream = s.stay(bundleOf("/sse/home", "/sse/logs?scopeIds=s1&after="+stream.last), "7")
		}
	}
	for states == 0 {
		if kind, _ := stream.typed(t); kind == "0" {
			states++
		}
	}
}

// TestABundleIsOfStreamsAlone asks for what must not be had through it: other routes, itself, other hosts, and too much.
func TestABundleIsOfStreamsAlone(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	none := []string{"/api/engine", "/api/users", bundleOf("/sse/engine"), "/sse/../api/engine", "/nothing", "/sse/logs?after=yesterday", "/sse/logs%2F.."}
	stream := s.stay(bundleOf(append(none, "/sse/engine")...), "")
	ended := map[string]bool{}
	for len(ended) < len(none) {
		kind, data := stream.typed(t)
		if kind == fmt.Sprint(len(none)) {
			continue
		}
		if kind != "end" {
			t.Fatalf("%s is answered %s", kind, data)
		}
		ended[data] = true
	}
	if kind, _ := stream.typed(t); kind != fmt.Sprint(len(none)) {
		t.Errorf("the only stream among them is disturbed by %s", kind)
	}
	for _, of := range [][]string{{}, {"http://elsewhere/sse/engine"}, {"//elsewhere/sse/engine"}, {"sse/engine"}} {
		if r := s.as("GET", bundleOf(of...), ""); r.status != 400 {
			t.Errorf("%q: %d %s", of, r.status, r.body)
		}
	}
	if r := s.do(call{method: "GET", path: bundleOf("/sse/engine")}); r.status != 401 {
		t.Errorf("without credentials: %d", r.status)
	}
}

func TestABundleEndsWithItsSessionAndLeavesNothingOpen(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	first, second := s.browser(), s.browser()
	first.Timeout, second.Timeout = 0, 0
	of := bundleOf("/sse/engine", "/sse/home", "/sse/logs")
	signedOut, kept := s.listen(of, first), s.listen(of, second)
	signedOut.next(t)
	kept.next(t)
	s.do(call{method: "POST", path: "/logout", client: first})
	signedOut.waitEnd(t)
	select {
	case <-kept.end:
		t.Fatal("another session ended with it")
	default:
	}
	if err := s.server.Close(t.Context()); err != nil { // which waits for every request
		t.Error(err)
	}
	kept.waitEnd(t)
	if open := s.server.streams.all(); len(open) > 0 {
		t.Errorf("%d streams are open", len(open))
	}
}

func TestEveryStreamMayBeInABundle(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	for _, op := range append(s.server.table(), s.server.connectorTable()...) {
		pattern := op.method + " " + op.path
		if want := op.level == access.Stream && op.path != bundlePath; s.server.streams.routes[pattern] != want {
			t.Errorf("%s: %v", pattern, !want)
		}
	}
}
