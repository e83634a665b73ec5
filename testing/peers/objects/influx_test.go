package objects

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"oibus/agent/connector"
	"oibus/agent/content"
	"oibus/agent/interval"
	"oibus/agent/south"
	"oibus/agent/south/influxdb"
	"oibus/testing/harness"
)

// influxServer is InfluxDB 1.x, which wants a password.
type influxServer struct {
	*harness.Peer
	host, port string
	line       *harness.Line
	database   string
}

const influxPassword = "influx-password"

func newInflux(t testing.TB) *influxServer {
	t.Helper()
	path := harness.FindPeer(t, "influxd")
	dir := t.TempDir()
	address, backup := net.JoinHostPort("127.0.0.1", strconv.Itoa(harness.FreePort(t))), net.JoinHostPort("127.0.0.1", strconv.Itoa(harness.FreePort(t)))
	config := fmt.Sprintf(`reporting-disabled = true
bind-address = %q
[meta]
dir = %q
[data]
dir = %q
wal-dir = %q
query-log-enabled = false
[monitor]
store-enabled = false
[http]
bind-address = %q
auth-enabled = true
log-enabled = false
`, backup, filepath.Join(dir, "meta"), filepath.Join(dir, "data"), filepath.Join(dir, "wal"), address)
	file := filepath.Join(dir, "influxdb.conf")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &influxServer{database: "plant"}
	s.Peer = harness.StartPeer(t, harness.PeerOptions{Path: path, Args: []string{"-config", file}, Dir: dir, Address: address})
	s.line = harness.NewLine(t, address)
	s.host, s.port, _ = net.SplitHostPort(s.line.Address)
	s.ask(t, "CREATE USER admin WITH PASSWORD '"+influxPassword+"' WITH ALL PRIVILEGES")
	s.ask(t, "CREATE DATABASE plant")
	return s
}

func (s *influxServer) do(t testing.TB, path string, params url.Values, body string) {
	t.Helper()
	params.Set("u", "admin")
	params.Set("p", influxPassword)
	r, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+s.line.Address+path+"?"+params.Encode(), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	res, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if raw, _ := io.ReadAll(res.Body); res.StatusCode > 299 || strings.Contains(string(raw), `"error"`) {
		t.Fatalf("%s: %d %s", path, res.StatusCode, raw)
	}
}

func (s *influxServer) ask(t testing.TB, q string) { s.do(t, "/query", url.Values{"q": {q}}, "") }

func (s *influxServer) write(t testing.TB, lines string) {
	s.do(t, "/write", url.Values{"db": {s.database}, "precision": {"ns"}}, lines)
}

func (s *influxServer) south(t testing.TB, changes map[string]any) *influxdb.InfluxDB {
	t.Helper()
	port, _ := strconv.Atoi(s.port)
	settings := map[string]any{"version": "1", "host": s.host, "port": port, "protocol": "http", "database": s.database, "username": "admin", "password": influxPassword}
	for k, v := range changes {
		settings[k] = v
	}
	raw, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	c, err := influxdb.Type.New(south.Env{Env: connector.Env{ID: "s1", Name: "source", Type: "influxdb", Settings: raw, TempDir: t.TempDir(),
		Log: slog.New(slog.DiscardHandler), Host: connector.Host{Version: "3.8.8", Now: time.Now}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Disconnect(t.Context()) })
	return c.(*influxdb.InfluxDB)
}

func influxItem(query string) south.Item {
	settings, _ := json.Marshal(map[string]any{"query": query, "requestTimeout": 15000})
	return south.Item{ID: "i1", Name: "item", Settings: settings}
}

// window reads a window, and returns the texts that were emitted.
func window(t testing.TB, s *influxdb.InfluxDB, query string, w interval.Window, take func(content.Content) error) (south.WindowResult, error) {
	t.Helper()
	return s.ReadWindow(t.Context(), south.WindowQuery{Items: []south.Item{influxItem(query)}, Window: w,
		Emit: func(_ context.Context, c content.Content, _ []south.Item) error { return take(c) }})
}

func text(t testing.TB, c content.Content) string {
	t.Helper()
	r, err := c.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	raw, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

const influxQuery = `SELECT * FROM readings WHERE time > '@StartTime' AND time <= '@EndTime'`

func TestInfluxDBGivesItsRowsAsJSON(t *testing.T) {
	t.Parallel()
	server := newInflux(t)
	s := server.south(t, nil)
	report, err := s.Test(t.Context())
	if got := facts(report); err != nil || !strings.HasPrefix(got["Version"], "1.") || got["Host"] != server.line.Address {
		t.Errorf("got %v, %v", got, err)
	}
	server.write(t, `readings,site=Gr\ "é",unit=° a=1.5,b=12345678901234567i,c="text \"x\"",d=true 1705312800000000000
readings,site=other a=-2e-7 1705312800123456789`)
	at := time.Date(2024, 1, 15, 10, 0, 0, 0, time.UTC)
	w := interval.Window{Start: at.Add(-time.Hour), End: at.Add(time.Hour)}
	var got string
	result, err := window(t, s, influxQuery, w, func(c content.Content) error {
		got = text(t, c)
		if c.Kind != content.AnyContent {
			t.Errorf("got a %s", c.Kind)
		}
		return nil
	})
	want := `[{"time":"2024-01-15T10:00:00.000Z","a":1.5,"b":12345678901234567,"c":"text \"x\"","d":true,"site":"Gr \"é\"","unit":"°"},` +
		`{"time":"2024-01-15T10:00:00.123Z","a":-2e-7,"site":"other"}]`
	if err != nil || got != want || !result.Tracked.Equal(at.Add(123*time.Millisecond)) || !strings.HasSuffix(want, string(result.Last)+"]") {
		t.Errorf("got %s, %v, %+v\nwant %s", got, err, result, want)
	}
	// The last row has nanoseconds: it is found again, and not handed on again.
	server.write(t, `readings,site=other a=3 1705312800123456999`)
	got = ""
	result, err = window(t, s, influxQuery, interval.Window{Start: result.Tracked, End: w.End}, func(c content.Content) error { got = text(t, c); return nil })
	if want := `[{"time":"2024-01-15T10:00:00.123Z","a":3,"site":"other"}]`; err != nil || got != want {
		t.Errorf("got %s, %v; want %s", got, err, want)
	}
	if result, err = window(t, s, influxQuery, interval.Window{Start: result.Tracked, End: w.End}, func(content.Content) error { return errors.New("emitted") }); err != nil {
		t.Errorf("got %v, %+v", err, result)
	}
	grouped := `SELECT mean(a) FROM readings WHERE time > '@StartTime' AND time <= '@EndTime' GROUP BY site`
	if _, err = window(t, s, grouped, w, func(c content.Content) error { got = text(t, c); return nil }); err != nil || strings.Count(got, `"mean":`) != 2 || !strings.Contains(got, `,"site":"other"}`) {
		t.Errorf("got %s, %v", got, err)
	}
	tested, err := s.TestItem(t.Context(), south.TestRequest{Item: influxItem(influxQuery), Window: &w})
	if err != nil || strings.Count(text(t, tested.Content), "{") != 3 {
		t.Errorf("got %v", err)
	}
}

func TestInfluxDBTellsWhatIsWrongWithoutThePassword(t *testing.T) {
	t.Parallel()
	server := newInflux(t)
	w := interval.Window{Start: time.Now().Add(-time.Hour), End: time.Now()}
	for _, c := range []struct {
		changes     map[string]any
		query, want string
	}{
		{map[string]any{"password": "wrong-password"}, influxQuery, "InfluxDB answered with status code 401: authorization failed"},
		{map[string]any{"database": "other"}, influxQuery, "database not found: other"},
		{nil, "SELECT nothing", "InfluxDB answered with status code 400: error parsing query"},
	} {
		_, err := window(t, server.south(t, c.changes), c.query, w, func(content.Content) error { return nil })
		if err == nil || !strings.HasPrefix(err.Error(), c.want) || strings.Contains(err.Error(), "wrong-password") {
			t.Errorf("%v: got %v", c.changes, err)
		}
	}
	server.line.Cut()
	_, err := server.south(t, nil).Test(t.Context())
	if err == nil || !strings.HasPrefix(err.Error(), "Could not connect to InfluxDB v1 at "+server.line.Address+". ") {
		t.Errorf("got %v", err)
	}
}

func TestInfluxDBIsReadWithoutGapsOverItsDeath(t *testing.T) {
	t.Parallel()
	influxKilled(t, 60_000)
}

func TestInfluxDBSweepOfLongResults(t *testing.T) {
	t.Parallel()
	sweep(t)
	influxKilled(t, 1_000_000)
}

// deadly is a line to target that kills after so many bytes of answers.
func deadly(t *testing.T, target string, after int64, kill func()) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	t.Cleanup(func() { _ = listener.Close(); all.Wait() })
	all.Go(func() {
		client, err := listener.Accept()
		if err != nil {
			return
		}
		defer client.Close()
		server, err := net.Dial("tcp", target)
		if err != nil {
			return
		}
		defer server.Close()
		all.Go(func() { _, _ = io.Copy(server, client) }) // ends when either side ends
		if n, _ := io.CopyN(client, server, after); n == after {
			kill()
		}
		_, _ = io.Copy(client, server)
	})
	return listener.Addr().String()
}

// influxKilled reads rows in one window, during which the server is killed once.
func influxKilled(t *testing.T, n int) {
	server := newInflux(t)
	start := time.Date(2024, 3, 31, 0, 0, 0, 0, time.UTC)
	for from := 0; from < n; from += 20_000 {
		var lines strings.Builder
		for i := from; i < min(from+20_000, n); i++ {
			fmt.Fprintf(&lines, "readings,tag=t%d value=%di %d\n", i%3, i, start.Add(time.Duration(i)*10*time.Millisecond).UnixNano())
		}
		server.write(t, lines.String())
	}
	s := server.south(t, nil)
	w := interval.Window{Start: start.Add(-time.Second), End: start.Add(time.Duration(n) * 10 * time.Millisecond)}
	emitted := 0
	host, port, _ := net.SplitHostPort(deadly(t, server.line.Address, int64(n)*20, server.Kill))
	number, _ := strconv.Atoi(port)
	_, err := window(t, server.south(t, map[string]any{"host": host, "port": number}), influxQuery, w, func(content.Content) error { emitted++; return nil })
	if err == nil || emitted > 0 {
		t.Fatalf("the server died in the middle of a result: %d were emitted, %v", emitted, err)
	}
	server.Restart()
	harness.Until(t, time.Minute, "the server has its rows", func() bool {
		_, err := window(t, s, "SHOW MEASUREMENTS", w, func(content.Content) error { return nil })
		return err == nil
	})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began := time.Now()
	result, err := window(t, s, influxQuery, w, func(c content.Content) error {
		runtime.ReadMemStats(&after)
		r, err := c.Open()
		if err != nil {
			return err
		}
		defer r.Close()
		a := content.NewArray(r)
		for i := 0; ; i++ {
			row, err := a.Next()
			if errors.Is(err, io.EOF) {
				if i != n {
					t.Errorf("%d rows came, there are %d", i, n)
				}
				return nil
			}
			if err != nil {
				return err
			}
			if string(content.Member(row, "value")) != strconv.Itoa(i) {
				return fmt.Errorf("row %d is %s", i, row)
			}
		}
	})
	if err != nil || !result.Tracked.Equal(start.Add(time.Duration(n-1)*10*time.Millisecond)) {
		t.Errorf("got %v, %v", result.Tracked, err)
	}
	t.Logf("%d rows in %v; heap %d KiB before, %d KiB after", n, time.Since(began), before.HeapAlloc>>10, after.HeapAlloc>>10)
}
