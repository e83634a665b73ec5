package influxdb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"oibus/agent/connector"
	"oibus/agent/content"
	"oibus/agent/interval"
	"oibus/agent/south"
)

var start = time.Date(2024, 1, 15, 10, 0, 0, 0, time.UTC)

// source is a server of version 3 that answers with *answer, and notes the last query.
func source(t *testing.T, answer *string) (d *InfluxDB, query *string, log *strings.Builder) {
	t.Helper()
	query, log = new(string), &strings.Builder{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Q string }
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		*query = body.Q
		_, _ = io.WriteString(w, *answer)
	}))
	t.Cleanup(s.Close)
	settings, _ := json.Marshal(map[string]any{"version": "3", "url": s.URL, "token": "the-secret-token", "database": "plant"})
	d, err := build(south.Env{Env: connector.Env{Name: "s", Settings: settings, TempDir: t.TempDir(), Log: slog.New(slog.NewTextHandler(log, nil)),
		Host: connector.Host{Version: "3.8.8", Now: func() time.Time { return start }}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Disconnect(t.Context()) })
	return d, query, log
}

func item() south.Item {
	return south.Item{ID: "i", Name: "item", Settings: []byte(`{"query":"SELECT * FROM m WHERE time > '@StartTime' AND time <= '@EndTime' AND '@StartTime' <> ''","requestTimeout":"15000"}`)}
}

// read reads a window, and returns what was emitted, one line a content.
func read(t *testing.T, d *InfluxDB, w interval.Window) (emitted string, result south.WindowResult, err error) {
	t.Helper()
	result, err = d.ReadWindow(t.Context(), south.WindowQuery{Items: []south.Item{item()}, Window: w, Emit: func(_ context.Context, c content.Content, items []south.Item) error {
		if c.Kind != content.AnyContent || c.FileName != "" || len(items) != 1 {
			t.Errorf("got %+v for %d items", c, len(items))
		}
		emitted += textOf(t, c) + "\n"
		return nil
	}})
	return strings.TrimSuffix(emitted, "\n"), result, err
}

func textOf(t *testing.T, c content.Content) string {
	t.Helper()
	r, err := c.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	raw, err := io.ReadAll(r)
	if err != nil || int64(len(raw)) != c.Size {
		t.Errorf("got %d bytes of %d, %v", len(raw), c.Size, err)
	}
	return string(raw)
}

func TestAWindowIsPutIntoTheQueryAndTheGreatestTimeIsTracked(t *testing.T) {
	t.Parallel()
	answer := `{"time":"2024-01-15T10:00:02","v":1}` + "\n" + `{"time":"2024-01-15T10:00:03.5","v":2}` + "\n" + `{"time":"2024-01-15T10:00:01","v":3}`
	d, query, log := source(t, &answer)
	emitted, result, err := read(t, d, interval.Window{Start: start, End: start.Add(time.Hour)})
	want := `[{"time":"2024-01-15T10:00:02Z","v":1},{"time":"2024-01-15T10:00:03.5Z","v":2},{"time":"2024-01-15T10:00:01Z","v":3}]`
	if err != nil || emitted != want || !result.Tracked.Equal(start.Add(3500*time.Millisecond)) || string(result.Last) != `{"time":"2024-01-15T10:00:01Z","v":3}` {
		t.Errorf("got %s, %+v, %v", emitted, result, err)
	}
	const first, last = "2024-01-15T10:00:00.000Z", "2024-01-15T11:00:00.000Z"
	if *query != "SELECT * FROM m WHERE time > '"+first+"' AND time <= '"+last+"' AND '"+first+"' <> ''" {
		t.Errorf("got %s", *query)
	}
	if !strings.Contains(log.String(), "@StartTime = "+first+" @EndTime = "+last) || strings.Contains(log.String(), "secret") {
		t.Errorf("got %s", log)
	}
}

func TestNothingIsEmittedOfAnEmptyResult(t *testing.T) {
	t.Parallel()
	answer := ""
	d, _, _ := source(t, &answer)
	if emitted, result, err := read(t, d, interval.Window{Start: start, End: start.Add(time.Hour)}); err != nil || emitted != "" || !result.Tracked.IsZero() || result.Last != nil {
		t.Errorf("got %s, %+v, %v", emitted, result, err)
	}
	tested, err := d.TestItem(t.Context(), south.TestRequest{Item: item()})
	if err != nil || textOf(t, tested.Content) != "[]" || tested.Content.Kind != content.AnyContent {
		t.Errorf("got %+v, %v", tested, err)
	}
}

func TestRowsWithoutTimeAreNotTracked(t *testing.T) {
	t.Parallel()
	answer := `{"time":5}` + "\n" + `{"time":"soon"}` + "\n{}"
	d, _, _ := source(t, &answer)
	emitted, result, err := read(t, d, interval.Window{Start: start, End: start.Add(time.Hour)})
	if err != nil || emitted != `[{"time":5},{"time":"soon"},{}]` || !result.Tracked.IsZero() || string(result.Last) != "{}" {
		t.Errorf("got %s, %+v, %v", emitted, result, err)
	}
}

func TestRowsOfTheTrackedInstantAreHandedOnOnce(t *testing.T) {
	t.Parallel()
	a, b, c := `{"time":"2024-01-15T10:00:00.500100Z","v":1}`, `{"time":"2024-01-15T10:00:00.500100Z","v":2}`, `{"time":"2024-01-15T10:00:00.500900Z","v":3}`
	answer := ""
	d, _, _ := source(t, &answer)
	w := interval.Window{Start: start, End: start.Add(time.Hour)}
	tracked := start.Add(500 * time.Millisecond)
	expect := func(rows []string, want []string) {
		t.Helper()
		answer = strings.Join(rows, "\n")
		emitted, result, err := read(t, d, w)
		text := "[" + strings.Join(want, ",") + "]"
		if want == nil {
			text = ""
		}
		if err != nil || emitted != text || !result.Tracked.Equal(tracked) {
			t.Errorf("got %s, %v, %v; want %s", emitted, result.Tracked, err, text)
		}
		w.Start = tracked
	}
	expect([]string{a, a}, []string{a, a})
	expect([]string{a, a}, nil)
	expect([]string{b, a, a, a}, []string{b, a}) // one more of the same, and another one
	expect([]string{a, a, a, b}, nil)
	expect([]string{a, a, a, b, c}, []string{c})
	w.Start = start // read again on purpose
	expect([]string{a, c}, []string{a, c})
}

func TestRowsThatWereNotTakenComeAgain(t *testing.T) {
	t.Parallel()
	answer := `{"time":"2024-01-15T10:00:00Z"}`
	d, _, _ := source(t, &answer)
	full := errors.New("full")
	q := south.WindowQuery{Items: []south.Item{item()}, Window: interval.Window{Start: start, End: start.Add(time.Hour)},
		Emit: func(context.Context, content.Content, []south.Item) error { return full }}
	if _, err := d.ReadWindow(t.Context(), q); !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
	if emitted, _, err := read(t, d, q.Window); err != nil || emitted == "" {
		t.Errorf("got %s, %v", emitted, err)
	}
}

func TestLongResultsAreHeldInAFileThatIsRemoved(t *testing.T) {
	t.Parallel()
	const n = 20_000
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, `{"time":"2024-01-15T10:00:00Z","v":%d,"text":"some text to make it long"}`+"\n", i)
	}
	answer := text.String()
	d, _, _ := source(t, &answer)
	w := interval.Window{Start: start, End: start.Add(time.Hour)}
	emitted, _, err := read(t, d, w)
	var rows []struct{ V int }
	if jsonErr := json.Unmarshal([]byte(emitted), &rows); err != nil || jsonErr != nil || len(rows) != n || rows[n-1].V != n-1 {
		t.Errorf("got %d rows, %v, %v", len(rows), err, jsonErr)
	}
	answer += `{"time":`
	if emitted, _, err := read(t, d, w); err == nil || emitted != "" {
		t.Errorf("half a result was handed on: %d bytes, %v", len(emitted), err)
	}
	if left, err := os.ReadDir(d.temp); err != nil || len(left) != 0 {
		t.Errorf("%v, %v is left", err, left)
	}
}
