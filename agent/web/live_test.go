package web

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"oibus/agent/logging"
)

// stay opens a stream as EventSource does: it returns what is sent, line by line, and can be cut.
type stay struct {
	lines *bufio.Scanner
	body  io.Closer
	last  string // id of the last event
}

func (s *site) stay(path, last string) *stay {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), "GET", s.url(path), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	req.SetBasicAuth(adminLogin, adminPassword)
	if last != "" {
		req.Header.Set("Last-Event-ID", last)
	}
	client := newClient(nil)
	client.Timeout = 0
	s.t.Cleanup(client.CloseIdleConnections)
	resp, err := client.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { resp.Body.Close() })
	if resp.StatusCode != 200 {
		s.t.Fatalf("%s: %d", path, resp.StatusCode)
	}
	return &stay{bufio.NewScanner(resp.Body), resp.Body, last}
}

// event reads to the end of the next event, and returns its data: none, when it only has an id.
func (s *stay) event(t *testing.T) string {
	t.Helper()
	data := ""
	for s.lines.Scan() {
		line := s.lines.Text()
		if id, ok := strings.CutPrefix(line, "id: "); ok {
			s.last = id
		}
		if text, ok := strings.CutPrefix(line, "data: "); ok {
			data = text
		}
		if line == "" {
			return data
		}
	}
	t.Fatalf("the stream ended: %v", s.lines.Err())
	return ""
}

func TestACutLogStreamGoesOnWithoutALossOrADouble(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	const entries = 2000
	log := s.logs.Logger(logging.Scope{Type: logging.South, ID: "s1", Name: "PLC 1"})
	stream := s.stay("/sse/logs?scopeIds=s1", "")
	if data := stream.event(t); data != "" || stream.last == "" {
		t.Fatalf("a new stream begins with %q and the id %q", data, stream.last)
	}
	var writing sync.WaitGroup
	writing.Go(func() {
		for i := range entries {
			log.Info(fmt.Sprintf("line %d.", i))
			if i%100 == 0 {
				s.server.log.Info("of another scope")
			}
		}
	})
	defer writing.Wait()
	for i := range entries {
		data := stream.event(t)
		for data == "" {
			data = stream.event(t)
		}
		if want := fmt.Sprintf(`"message":"line %d."`, i); !strings.Contains(data, want) {
			t.Fatalf("event %d is %s", i, data)
		}
		if i%97 == 96 {
			stream.body.Close() // in the middle of what is under way
			stream = s.stay("/sse/logs?scopeIds=s1", stream.last)
		}
	}
}

func TestALogStreamThatWasQuietLosesNothingToACut(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	log := s.logs.Logger(logging.Scope{Type: logging.South, ID: "s1", Name: "PLC 1"})
	stream := s.stay("/sse/logs?scopeIds=s1", "")
	stream.event(t)
	stream.body.Close()
	log.Info("while nobody looked")
	stream = s.stay("/sse/logs?scopeIds=s1&after="+stream.last, "")
	if data := stream.event(t); data != "" {
		t.Fatalf("the first event is %s", data)
	}
	if data := stream.event(t); !strings.Contains(data, "while nobody looked") {
		t.Errorf("got %s", data)
	}
	s.as("GET", "/sse/logs?after=yesterday", "").want(t, "no id", 400, `{"message":{"after":{"message":"invalid id of an event"}}}`)
}

func TestStreamsOfStatesBeginWithTheWholeStateAgain(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	fill := strings.NewReplacer("{mode}", s.settings.ScanModes()[0].ID)
	var ids []string
	for path, body := range map[string]string{"/api/south": southBody, "/api/north": northBody} {
		made := s.as("POST", path, fill.Replace(body))
		_, id, _ := strings.Cut(made.body, `"id":"`)
		id, _, _ = strings.Cut(id, `"`)
		ids = append(ids, strings.Replace(path, "/api/", "/sse/", 1)+"/"+id)
	}
	for _, path := range append(ids, "/sse/engine", "/sse/home", "/sse/connectors") {
		first := s.stay(path, "")
		before := first.event(t)
		first.body.Close()
		if again := s.stay(path, "7").event(t); again != before || !strings.HasPrefix(again, "{") {
			t.Errorf("%s: %s, then %s", path, before, again)
		}
	}
}

// TestReadersThatDoNotReadHoldNoMemory lets fifty clients open the log and never read, while more is logged than all
// buffers on the way hold.
func TestReadersThatDoNotReadHoldNoMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("a lot of work, which the race detector only makes slow")
	}
	t.Parallel()
	s := newSite(t, nil)
	const readers = 50
	for range readers {
		conn, err := net.Dial("tcp", s.server.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		conn.(*net.TCPConn).SetReadBuffer(4 << 10)
		fmt.Fprintf(conn, "GET /sse/logs?scopeIds=loud&token=%s HTTP/1.1\r\nHost: localhost\r\n\r\n", s.token())
		if _, err := io.ReadFull(conn, make([]byte, 200)); err != nil { // it is answered
			t.Fatal(err)
		}
	}
	log := s.logs.Logger(logging.Scope{Type: logging.South, ID: "loud", Name: "PLC 1"})
	text := strings.Repeat("x", 1000)
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	for range 20_000 { // 20 MB for each
		log.Info(text)
	}
	if err := s.logs.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if after := heap(); after > before+200<<20 {
		t.Errorf("%d readers hold %d MB of 1,000 MB that they do not read", readers, (after-before)>>20)
	}
	stream := s.stay("/sse/logs?scopeIds=loud&after=1", "")
	stream.event(t)
	if data := stream.event(t); !strings.Contains(data, text) {
		t.Error("somebody who reads gets nothing beside those who do not")
	}
}

func TestFiftyDashboardsGetTheStateThatIsMadeOnce(t *testing.T) {
	t.Parallel()
	states := sharedStates{}
	made := 0
	start := time.Now()
	for range 50 {
		if _, err := states.get("/sse/home", func() any { made++; return made }); err != nil {
			t.Fatal(err)
		}
	}
	if most := 1 + int(time.Since(start)/stateAge); made > most {
		t.Errorf("the state was made %d times", made)
	}
	s := newSite(t, nil)
	var open sync.WaitGroup
	for range 50 {
		stream := s.stay("/sse/home", "")
		open.Go(func() {
			for range 2 {
				if data := stream.event(t); !sameJSON(data, `{"norths":{},"engine":{"processUptime":1.5},"souths":{}}`) {
					t.Errorf("got %s", data)
				}
			}
		})
	}
	open.Wait()
}
