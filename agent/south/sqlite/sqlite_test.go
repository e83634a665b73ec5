package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite" // makes the files

	"oibus/agent/connector"
	"oibus/agent/content"
	"oibus/agent/interval"
	"oibus/agent/south"
)

var window = interval.Window{Start: time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC), End: time.Date(2024, 1, 1, 6, 0, 0, 0, time.UTC)}

// database makes a file by statements.
func database(t testing.TB, statements ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "src.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func build(t testing.TB, path string) (south.Connector, string) {
	t.Helper()
	settings, err := json.Marshal(map[string]any{"databasePath": path})
	if err != nil {
		t.Fatal(err)
	}
	temp := t.TempDir()
	c, err := Type.New(south.Env{Env: connector.Env{ID: "id", Name: "sqlite:test-connection", Settings: settings, Log: slog.New(slog.DiscardHandler), TempDir: temp,
		Host: connector.Host{Now: func() time.Time { return time.Date(2026, 11, 22, 19, 42, 34, 389e6, time.UTC) }}}})
	if err != nil {
		t.Fatal(err)
	}
	return c, temp
}

func item(t testing.TB, query string, fields ...map[string]any) south.Item {
	t.Helper()
	raw, err := json.Marshal(map[string]any{"query": query, "dateTimeFields": fields, "serialization": map[string]any{
		"type": "csv", "filename": "@ConnectorName-@ItemName-@CurrentDate.csv", "delimiter": "COMMA", "compression": false,
		"outputTimestampFormat": "yyyy-MM-dd HH:mm:ss.SSS", "outputTimezone": "Europe/Paris"}})
	if err != nil {
		t.Fatal(err)
	}
	return south.Item{ID: "i", Name: "q", Settings: raw}
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

// read tests an item, and returns what it read with | for the ends of rows.
func read(t testing.TB, path, query string, fields ...map[string]any) (string, error) {
	t.Helper()
	c, _ := build(t, path)
	r, err := c.TestItem(t.Context(), south.TestRequest{Item: item(t, query, fields...), Window: &window})
	if err != nil {
		return "", err
	}
	return strings.ReplaceAll(text(t, r.Content), "\r\n", "|"), nil
}

func ts(kind string) map[string]any {
	return map[string]any{"fieldName": "ts", "useAsReference": true, "type": kind}
}

func golden(t testing.TB) string {
	t.Helper()
	return database(t, "CREATE TABLE t (ts TEXT, point TEXT, value REAL)", `INSERT INTO t VALUES
		('2024-01-01T01:00:00.000Z', 'P1', 1.5), ('2024-01-01T02:00:00.000Z', 'P2', 3.0), ('2024-01-01T03:00:00.000Z', 'P0', 4.5),
		('2024-01-01T07:00:00.000Z', 'P0', 9.5)`)
}

func TestTheReferencesTestOfAnItem(t *testing.T) {
	t.Parallel()
	c, temp := build(t, golden(t))
	q := item(t, "SELECT ts, point, value FROM t WHERE ts > @StartTime AND ts <= @EndTime ORDER BY ts", ts("iso-string"))
	r, err := c.TestItem(t.Context(), south.TestRequest{Item: q, Window: &window})
	if err != nil {
		t.Fatal(err)
	}
	want := "ts,point,value\r\n2024-01-01 02:00:00.000,P1,1.5\r\n2024-01-01 03:00:00.000,P2,3\r\n2024-01-01 04:00:00.000,P0,4.5"
	if got := text(t, r.Content); got != want {
		t.Errorf("%q", got)
	}
	if want := filepath.Join(temp, "sqlite:test-connection-q-2026_11_22_19_42_34_389.csv"); r.FilePath != want {
		t.Errorf("%s, want %s", r.FilePath, want)
	}
}

func TestAWindowIsReadAndTracked(t *testing.T) {
	t.Parallel()
	c, temp := build(t, golden(t))
	q := item(t, "SELECT * FROM t WHERE ts > @StartTime AND ts <= @EndTime", ts("iso-string"))
	var got string
	emit := func(_ context.Context, c content.Content, _ []south.Item) error {
		got = c.FileName + "\n" + text(t, c)
		return nil
	}
	r, err := c.(south.Historian).ReadWindow(t.Context(), south.WindowQuery{Items: []south.Item{q}, Window: window, Emit: emit})
	if err != nil || !r.Tracked.Equal(window.Start.Add(3*time.Hour)) || string(r.Last) != `{"ts":"2024-01-01T03:00:00.000Z","point":"P0","value":4.5}` {
		t.Errorf("%+v %s, error %v", r, r.Last, err)
	}
	if !strings.HasPrefix(got, "sqlite:test-connection-q-2026_11_22_19_42_34_389.csv\nts,point,value\r\n") {
		t.Errorf("%q", got)
	}
	boom := errors.New("boom")
	r, err = c.(south.Historian).ReadWindow(t.Context(), south.WindowQuery{Items: []south.Item{q}, Window: window,
		Emit: func(context.Context, content.Content, []south.Item) error { return boom }})
	if !errors.Is(err, boom) || !r.Tracked.IsZero() {
		t.Errorf("%+v, error %v", r, err)
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("files are left: %v %v", left, err)
	}
}

func TestValuesArriveAsTheyAreStored(t *testing.T) {
	t.Parallel()
	path := database(t, "PRAGMA encoding = 'UTF-16'", "CREATE TABLE t (a DATETIME, b DATE, c TIMESTAMP, d BOOLEAN, e, f BLOB)",
		`INSERT INTO t VALUES ('2024-01-01 10:00', '01/02/2024', 1704067200, 1, 'é, "x"', x'6162'), (9007199254740993, -1.5, 1e21, 1e-7, 'a' || char(0) || 'b', NULL), (0.1, 3.0, '', ' ', 9e999, x'')`)
	got, err := read(t, path, "SELECT * FROM t")
	want := `a,b,c,d,e,f|2024-01-01 10:00,01/02/2024,1704067200,1,"é, ""x""",ab|9007199254740993,-1.5,1e+21,1e-7,a` + "\x00" + `b,|0.1,3,," ",Infinity,`
	if err != nil || got != want {
		t.Errorf("%s, error %v, want\n%s", got, err, want)
	}
}

func TestEachKindOfDateIsBoundAsItIsStored(t *testing.T) {
	t.Parallel()
	path := database(t, "CREATE TABLE t (iso, epoch, ms, text)", `INSERT INTO t VALUES
		('2023-12-31T23:00:00.000Z', 1704063600, 1704063600000, '01/01/2024 00:00:00'), ('2024-01-01T01:00:00.000Z', 1704070800, 1704070800000, '01/01/2024 02:00:00')`)
	for column, field := range map[string]map[string]any{
		"iso": {"type": "iso-string"}, "epoch": {"type": "unix-epoch"}, "ms": {"type": "unix-epoch-ms"},
		"text": {"type": "string", "format": "dd/MM/yyyy HH:mm:ss", "timezone": "Europe/Paris", "locale": "en-En"},
	} {
		field["fieldName"], field["useAsReference"] = "ts", true
		got, err := read(t, path, fmt.Sprintf("SELECT %s AS ts FROM t WHERE ts > @StartTime AND ts <= @EndTime -- @StartTime\n AND @StartTime <> '@EndTime'", column), field)
		if err != nil || got != "ts|2024-01-01 02:00:00.000" {
			t.Errorf("%s: %s, error %v", column, got, err)
		}
	}
}

func TestWhatIsRefused(t *testing.T) {
	t.Parallel()
	path := golden(t)
	for query, want := range map[string]string{
		"SELECT * FROM nope":               "no such table: nope",
		"DELETE FROM t":                    "this statement does not return data",
		"DELETE FROM t RETURNING *":        "attempt to write a readonly database",
		"ATTACH '" + path + "2' AS x":      "this statement does not return data",
		"VACUUM INTO '" + path + "2'":      "this statement does not return data",
		"SELECT 1; SELECT 2":               "the query holds more than one statement",
		"SELECT @LastRun":                  `the variable "@LastRun" of the query has no value: there are @StartTime and @EndTime`,
		"-- nothing":                       "this statement does not return data",
		"SELECT 1\x00":                     "the query holds a zero byte",
		"SELECT 1; -- and\n /* so on */ ;": "",
	} {
		_, err := read(t, path, query)
		if got := fmt.Sprint(err); got != want && !(want == "" && err == nil) {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	if left, err := filepath.Glob(path + "2*"); err != nil || len(left) > 0 {
		t.Errorf("a file was made: %v %v", left, err)
	}
}

func TestTheTestOfAConnection(t *testing.T) {
	t.Parallel()
	c, _ := build(t, golden(t))
	r, err := c.Test(t.Context())
	if got, _ := json.Marshal(r); err != nil || string(got) != `{"items":[{"key":"SQLite Version","value":"`+version()+`"},{"key":"Tables","value":"1"},{"key":"File Size","value":"8.0 KB"}]}` {
		t.Errorf("%s, error %v", got, err)
	}
	missing := filepath.Join(t.TempDir(), "nope.db")
	noDatabase := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(noDatabase, []byte(strings.Repeat("This is no database. ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	empty := database(t, "CREATE TABLE t (a)", "DROP TABLE t")
	for path, want := range map[string]string{
		missing:    fmt.Sprintf(`Access error on "%s". ENOENT: no such file or directory, access '%s'`, missing, missing),
		noDatabase: "Unable to query system table. file is not a database",
		empty:      fmt.Sprintf(`Database "%s" has no tables`, empty),
	} {
		c, _ := build(t, path)
		if _, err := c.Test(t.Context()); fmt.Sprint(err) != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if _, err := os.Stat(missing); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file was made: %v", err)
	}
}

func TestALockIsWaitedFor(t *testing.T) {
	t.Parallel()
	path := golden(t)
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("BEGIN EXCLUSIVE"); err != nil {
		t.Fatal(err)
	}
	released := make(chan error, 1)
	time.AfterFunc(100*time.Millisecond, func() {
		_, err := db.Exec("COMMIT")
		released <- err
	})
	got, err := read(t, path, "SELECT COUNT(*) AS n FROM t")
	if err != nil || got != "n|4" {
		t.Errorf("%s, error %v", got, err)
	}
	if err := <-released; err != nil {
		t.Fatal(err)
	}
}

// endless never ends.
const endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) FROM n"

func TestAQueryEndsWithItsContext(t *testing.T) {
	t.Parallel()
	c, _ := build(t, golden(t))
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	begun := time.Now()
	_, err := c.TestItem(ctx, south.TestRequest{Item: item(t, endless), Window: &window})
	if !errors.Is(err, context.Canceled) || time.Since(begun) > 10*time.Second {
		t.Errorf("after %s: error %v", time.Since(begun), err)
	}
}

func TestALongResultIsReadInLittleMemory(t *testing.T) { long(t, 300_000) }

func TestSweepTenMillionRowsAreReadInLittleMemory(t *testing.T) {
	if os.Getenv("OIBUS_SWEEP") != "1" {
		t.Skip("OIBUS_SWEEP is not 1")
	}
	long(t, 10_000_000)
}

func long(t *testing.T, rows int64) {
	c, _ := build(t, golden(t))
	q := item(t, fmt.Sprintf("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) SELECT 1704067200000 + i AS ts, 'point ' || i AS point, i / 7.0 AS value FROM n", rows), ts("unix-epoch-ms"))
	var before, most runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	lines := int64(0)
	begun := time.Now()
	emit := func(_ context.Context, c content.Content, _ []south.Item) error {
		runtime.ReadMemStats(&most)
		r, err := c.Open()
		if err != nil {
			return err
		}
		defer r.Close()
		buf := make([]byte, 1<<20)
		for {
			n, err := r.Read(buf)
			lines += int64(strings.Count(string(buf[:n]), "\n"))
			if errors.Is(err, io.EOF) {
				return nil
			} else if err != nil {
				return err
			}
		}
	}
	r, err := c.(south.Historian).ReadWindow(t.Context(), south.WindowQuery{Items: []south.Item{q}, Window: window, Emit: emit})
	if err != nil || lines != rows || r.Tracked.UnixMilli() != 1704067200000+rows {
		t.Fatalf("%d lines, tracked %s, error %v", lines, r.Tracked, err)
	}
	if grown := int64(most.HeapSys) - int64(before.HeapSys); grown > 32<<20 {
		t.Errorf("the heap has grown by %d bytes", grown)
	}
	t.Logf("%d rows in %s", rows, time.Since(begun))
}
