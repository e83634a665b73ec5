package logging

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func oiaEntry(t *testing.T, s Scope, level slog.Level, message string, at time.Time, dialectR bool) string {
	t.Helper()
	line := appendNumbered(nil, 1, appendLine(nil, at, level, appendScope(nil, s.normal(), ""), []byte(message)))
	r, err := parseRecord(line)
	if err != nil {
		t.Fatal(err)
	}
	return string((&oiaTarget{dialectR: dialectR}).append(nil, &r))
}

func TestAnEntryOfEachDialect(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 4, 8, 15, 30, 123999999, time.UTC)
	for _, c := range []struct {
		name    string
		scope   Scope
		level   slog.Level
		n, r    string
		message string
	}{
		{name: "item", level: slog.LevelInfo, message: "Connected to \"10.0.0.5:502\"",
			scope: Scope{Type: South, ID: "k3JdQ9", Name: "PLC 1", ItemID: "x1Y2z3", ItemName: "Temp 1", GroupID: "g", GroupName: "G"},
			n: `{"timestamp":"2026-03-04T08:15:30.123Z","level":"INFO","scopeType":"SOUTH","scopeId":"k3JdQ9","scopeName":"PLC 1",` +
				`"itemId":"x1Y2z3","itemName":"Temp 1","groupId":null,"groupName":null,"message":"Connected to \"10.0.0.5:502\""}`,
			r: `{"timestamp":"2026-03-04T08:15:30.123Z","level":"INFO","scopeType":"SOUTH","scopeId":"k3JdQ9","scopeName":"PLC 1",` +
				`"message":"Connected to \"10.0.0.5:502\""}`},
		{name: "web server", level: LevelTrace, message: "m", scope: Scope{ID: WebServer},
			n: `{"timestamp":"2026-03-04T08:15:30.123Z","level":"TRACE","scopeType":"INTERNAL","scopeId":"web-server","scopeName":null,` +
				`"itemId":null,"itemName":null,"groupId":null,"groupName":null,"message":"m"}`,
			r: `{"timestamp":"2026-03-04T08:15:30.123Z","level":"TRACE","scopeType":"WEB_SERVER","scopeId":null,"scopeName":null,"message":"m"}`},
		{name: "engine", level: slog.LevelError, message: "m", scope: Scope{ID: Engine},
			n: `{"timestamp":"2026-03-04T08:15:30.123Z","level":"ERROR","scopeType":"INTERNAL","scopeId":"engine","scopeName":null,` +
				`"itemId":null,"itemName":null,"groupId":null,"groupName":null,"message":"m"}`,
			r: `{"timestamp":"2026-03-04T08:15:30.123Z","level":"ERROR","scopeType":"INTERNAL","scopeId":null,"scopeName":null,"message":"m"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := oiaEntry(t, c.scope, c.level, c.message, at, false); got != c.n {
				t.Errorf("dialect N\ngot  %s\nwant %s", got, c.n)
			}
			if got := oiaEntry(t, c.scope, c.level, c.message, at, true); got != c.r {
				t.Errorf("dialect R\ngot  %s\nwant %s", got, c.r)
			}
		})
	}
}

// TestRecordedEntriesAreWrittenKeyForKey takes what the reference sent and writes it again.
func TestRecordedEntriesAreWrittenKeyForKey(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"golden/logs.json", "golden-R/logs.json", "golden-R/logs-connectors.json"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dialectR := filepath.Dir(name) == "golden-R"
			for _, raw := range recordedEntries(t, name) {
				var e struct {
					Timestamp                 time.Time
					Level, ScopeType, Message string
					ScopeID, ScopeName        *string
				}
				if err := json.Unmarshal(raw, &e); err != nil {
					t.Fatal(err)
				}
				s := Scope{Type: e.ScopeType}
				if e.ScopeID != nil {
					s.ID = *e.ScopeID
				}
				if e.ScopeName != nil {
					s.Name = *e.ScopeName
				}
				if e.ScopeType == "WEB_SERVER" {
					s = Scope{Type: Internal, ID: WebServer}
				}
				got := oiaEntry(t, s, ParseLevel(e.Level), e.Message, e.Timestamp, dialectR)
				if !slices.Equal(tokens(t, []byte(got)), tokens(t, raw)) {
					t.Fatalf("got  %s\nwant %s", got, raw)
				}
			}
		})
	}
}

// tokens are the keys and values of data in their order.
func tokens(t *testing.T, data []byte) (list []json.Token) {
	t.Helper()
	for d := json.NewDecoder(bytes.NewReader(data)); ; {
		token, err := d.Token()
		if err == io.EOF {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, token)
	}
}

func recordedEntries(t *testing.T, name string) []json.RawMessage {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
	}
	data, err := os.ReadFile(filepath.Join(dir, "..", "shared", filepath.FromSlash(name)))
	if os.IsNotExist(err) {
		t.Skip("the recorded exchanges are not here: ../shared/" + name)
	}
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Exchanges []struct{ Body []json.RawMessage }
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	var entries []json.RawMessage
	for _, e := range file.Exchanges {
		entries = append(entries, e.Body...)
	}
	if len(entries) == 0 {
		t.Fatal("no recorded entry")
	}
	return entries
}
