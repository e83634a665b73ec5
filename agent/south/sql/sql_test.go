package sql

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the tests name zones that a machine may lack

	"oibus/agent/connector"
	"oibus/agent/content"
	"oibus/agent/interval"
	"oibus/agent/south"
	"oibus/agent/transform/datetime"
)

var day = interval.Window{Start: time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC), End: time.Date(2024, 1, 2, 0, 0, 0, 0, time.UTC)}

// fake is a database in memory.
type fake struct {
	columns []string
	rows    [][]Cell
	fail    error // behind the last row
	hang    bool  // behind the last row

	query      string
	args       []Arg
	open, next int
}

func (f *fake) Open(context.Context) (Session, error) { f.open++; f.next = 0; return f, nil }
func (f *fake) Close() error                          { f.open--; return nil }

func (f *fake) Query(_ context.Context, query string, args []Arg) (Rows, error) {
	f.query, f.args = query, args
	return fakeRows{f}, nil
}

type fakeRows struct{ *fake }

func (f fakeRows) Columns() []string           { return f.columns }
func (f fakeRows) Close(context.Context) error { return nil }

func (f fakeRows) Next(ctx context.Context, cells []Cell) error {
	if f.next == len(f.rows) {
		switch {
		case f.hang:
			<-ctx.Done()
			return ctx.Err()
		case f.fail != nil:
			return f.fail
		}
		return io.EOF
	}
	copy(cells, f.rows[f.next])
	f.next++
	return nil
}

// kit is a South on a fake.
type kit struct {
	*South
	fake *fake
	temp string
	log  strings.Builder
}

func newKit(t testing.TB, f *fake, change func(*Database)) *kit {
	t.Helper()
	k := &kit{fake: f, temp: t.TempDir()}
	d := &Database{Open: f.Open, ItemTimeout: true, Secrets: []string{"pass&word"}}
	if change != nil {
		change(d)
	}
	kind := Kind{ID: "fake", Syntax: Syntax{Placeholder: func(n int) string { return fmt.Sprint(":", n) }}, Configure: func(connector.Env) (*Database, error) { return d, nil }}
	c, err := kind.Type().New(south.Env{Env: connector.Env{Name: "a/b", TempDir: k.temp, Log: slog.New(slog.NewTextHandler(&k.log, nil)),
		Host: connector.Host{Now: func() time.Time { return day.End }}}})
	if err != nil {
		t.Fatal(err)
	}
	k.South = c.(*South)
	return k
}

func settings(t testing.TB, query string, change map[string]any, fields ...map[string]any) south.Item {
	t.Helper()
	serialization := map[string]any{"type": "csv", "filename": "@ConnectorName/@ItemName-@CurrentDate-@ItemName.csv", "delimiter": "COMMA", "outputTimestampFormat": "yyyy-MM-dd HH:mm:ss", "outputTimezone": "Europe/Paris"}
	for k, v := range change {
		serialization[k] = v
	}
	raw, err := json.Marshal(map[string]any{"query": query, "requestTimeout": 100, "dateTimeFields": fields, "serialization": serialization})
	if err != nil {
		t.Fatal(err)
	}
	return south.Item{ID: "i", Name: "../c", Settings: raw}
}

func (k *kit) read(t testing.TB, i south.Item) (name, text string, r south.WindowResult, err error) {
	t.Helper()
	return k.readWindow(t, i, day)
}

func (k *kit) readWindow(t testing.TB, i south.Item, w interval.Window) (name, text string, r south.WindowResult, err error) {
	t.Helper()
	r, err = k.ReadWindow(t.Context(), south.WindowQuery{Items: []south.Item{i}, Window: w, Emit: func(_ context.Context, c content.Content, _ []south.Item) error {
		f, err := c.Open()
		if err != nil {
			return err
		}
		defer f.Close()
		raw, err := io.ReadAll(f)
		name, text = c.FileName, string(raw)
		return err
	}})
	if left, dirErr := os.ReadDir(k.temp); dirErr != nil || len(left) > 0 {
		t.Errorf("files are left: %v %v", left, dirErr)
	}
	if k.fake.open != 0 {
		t.Errorf("%d sessions are left", k.fake.open)
	}
	return name, text, r, err
}

func texts(values ...string) (cells []Cell) {
	for _, v := range values {
		cells = append(cells, Cell{As: Text, Text: []byte(v)})
	}
	return cells
}

func TestAResultBecomesAFile(t *testing.T) {
	t.Parallel()
	f := &fake{columns: []string{"ts", "a,b"}, rows: [][]Cell{texts("2024-01-01T10:00:00Z", "x\r\ny"), texts("2024-01-01T09:00:00Z", " z"), {{As: Null}, {As: Float, Float: 1e21}}}}
	k := newKit(t, f, nil)
	i := settings(t, "SELECT * FROM t WHERE ts > @StartTime", nil, map[string]any{"fieldName": "ts", "useAsReference": true, "type": "iso-string"})
	name, text, r, err := k.read(t, i)
	if err != nil || name != "a-b/..-c-2024_01_02_00_00_00_000-..-c.csv" || text != "ts,\"a,b\"\r\n2024-01-01 11:00:00,\"x\r\ny\"\r\n2024-01-01 10:00:00,\" z\"\r\n,1e+21" {
		t.Errorf("%s %q, error %v", name, text, err)
	}
	if !r.Tracked.Equal(day.Start.Add(10*time.Hour)) || string(r.Last) != `{"ts":null,"a,b":1e+21}` {
		t.Errorf("%+v %s", r, r.Last)
	}
	if f.query != "SELECT * FROM t WHERE ts > :1" || len(f.args) != 1 || f.args[0].Value() != "2024-01-01T00:00:00.000Z" {
		t.Errorf("%s %v", f.query, f.args)
	}
	if !strings.Contains(k.log.String(), `Sending \"SELECT * FROM t WHERE ts > @StartTime\" with @StartTime = 2024-01-01T00:00:00.000Z`) {
		t.Error(k.log.String())
	}
}

func TestRowsOfTheTrackedInstantAreHandedOnOnce(t *testing.T) {
	t.Parallel()
	f := &fake{columns: []string{"ts", "v"}}
	k := newKit(t, f, nil)
	i := settings(t, "SELECT * FROM t WHERE ts > @StartTime", nil, map[string]any{"fieldName": "ts", "useAsReference": true, "type": "iso-string"})
	earlier, a, b, c := texts("2024-01-01T10:00:00.400Z", "0"), texts("2024-01-01T10:00:00.500123Z", "1"), texts("2024-01-01T10:00:00.500123Z", "2"), texts("2024-01-01T10:00:00.500900Z", "3")
	later := texts("2024-01-01T10:00:01Z", "4")
	w := day
	expect := func(rows [][]Cell, want string) {
		t.Helper()
		f.rows = rows
		_, text, r, err := k.readWindow(t, i, w)
		values := ""
		for _, line := range strings.Split(text, "\r\n")[1:] {
			_, v, _ := strings.Cut(line, ",")
			values += v
		}
		if err != nil || values != want || r.Tracked.IsZero() {
			t.Errorf("got %q, %v, %v; want %q", values, r.Tracked, err, want)
		}
		w.Start = r.Tracked
	}
	expect([][]Cell{earlier, a, a}, "011")
	expect([][]Cell{a, a}, "")
	expect([][]Cell{b, a, a, a}, "21") // one more of the same, and another one
	expect([][]Cell{a, a, a, b}, "")
	expect([][]Cell{a, c, a, a, b}, "3")
	expect([][]Cell{a, a, a, b, c, later}, "4")
	expect([][]Cell{later}, "")
	w.Start = w.Start.Add(-time.Hour) // an overlap reads again on purpose
	expect([][]Cell{later}, "4")
}

func TestRowsOfOneMillisecondAreNotTakenForEachOther(t *testing.T) {
	t.Parallel()
	at := time.Date(2024, 1, 1, 10, 0, 0, 500_000_000, time.UTC)
	stamp := func(text string) (c Cell) { c.SetStamp([]byte(text), nil); return c }
	given := func(v time.Time) (c Cell) {
		if err := c.Set(v); err != nil {
			t.Fatal(err)
		}
		return c
	}
	for first, second := range map[*Cell]Cell{
		new(given(at)):                           given(at.Add(time.Microsecond)),
		new(stamp("2024-01-01 10:00:00.500000")): stamp("2024-01-01 10:00:00.500001"),
	} {
		f := &fake{columns: []string{"ts"}, rows: [][]Cell{{*first}}}
		k := newKit(t, f, nil)
		i := settings(t, "SELECT 1", nil, map[string]any{"fieldName": "ts", "useAsReference": true, "type": "timestamptz"})
		_, text, r, err := k.readWindow(t, i, day)
		if err != nil || text == "" {
			t.Fatalf("%q, %v", text, err)
		}
		f.rows = [][]Cell{{second}} // the first is not found again, as it is not after the position
		if _, text, _, err := k.readWindow(t, i, interval.Window{Start: r.Tracked, End: day.End}); err != nil || text == "" {
			t.Errorf("%q, %v: a row is lost", text, err)
		}
		f.rows = [][]Cell{{second}}
		if _, text, _, err := k.readWindow(t, i, interval.Window{Start: r.Tracked, End: day.End}); err != nil || text != "" {
			t.Errorf("%q, %v: a row comes twice", text, err)
		}
	}
}

func TestRowsThatWereNotTakenComeAgain(t *testing.T) {
	t.Parallel()
	f := &fake{columns: []string{"ts"}, rows: [][]Cell{texts("2024-01-01T00:00:00.0005Z")}}
	k := newKit(t, f, nil)
	i := settings(t, "SELECT 1", nil, map[string]any{"fieldName": "ts", "useAsReference": true, "type": "iso-string"})
	full := errors.New("full")
	for range 2 {
		r, err := k.ReadWindow(t.Context(), south.WindowQuery{Items: []south.Item{i}, Window: day, Emit: func(context.Context, content.Content, []south.Item) error { return full }})
		if !errors.Is(err, full) || !r.Tracked.IsZero() {
			t.Errorf("got %+v, %v", r, err)
		}
	}
	for _, want := range []string{"ts\r\n2024-01-01 01:00:00", ""} {
		if _, text, _, err := k.read(t, i); err != nil || text != want {
			t.Errorf("got %q, %v", text, err)
		}
	}
}

func TestAFileIsCompressed(t *testing.T) {
	t.Parallel()
	k := newKit(t, &fake{columns: []string{"a"}, rows: [][]Cell{texts("x")}}, nil)
	name, text, _, err := k.read(t, settings(t, "SELECT 1", map[string]any{"compression": true, "filename": ""}))
	if err != nil || name != "a-b-..-c-2024_01_02_00_00_00_000.csv.gz" {
		t.Fatalf("%s, error %v", name, err)
	}
	z, err := gzip.NewReader(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if raw, err := io.ReadAll(z); err != nil || string(raw) != "a\r\nx" {
		t.Errorf("%q, error %v", raw, err)
	}
}

func TestNothingIsSentOfAnEmptyOrBrokenResult(t *testing.T) {
	t.Parallel()
	k := newKit(t, &fake{columns: []string{"a"}}, nil)
	if name, _, r, err := k.read(t, settings(t, "SELECT 1", nil)); name != "" || err != nil || !r.Tracked.IsZero() || r.Last != nil {
		t.Errorf("%s %v, error %v", name, r, err)
	}
	k = newKit(t, &fake{columns: []string{"a"}, rows: [][]Cell{texts("x")}, fail: errors.New("dial fake://user:pass%26word@host?p=pass&word")}, nil)
	if name, _, _, err := k.read(t, settings(t, "SELECT 1", nil)); name != "" || fmt.Sprint(err) != "dial fake://user:********@host?p=********" {
		t.Errorf("%s, error %v", name, err)
	}
	k = newKit(t, &fake{columns: []string{"a"}, rows: [][]Cell{texts("x")}, hang: true}, nil)
	if name, _, _, err := k.read(t, settings(t, "SELECT 1", nil)); name != "" || fmt.Sprint(err) != "the query took longer than 100 ms and was cancelled" {
		t.Errorf("%s, error %v", name, err)
	}
	k = newKit(t, &fake{columns: []string{"a"}, rows: [][]Cell{texts("x"), {}}}, func(d *Database) {
		d.Open = func(context.Context) (Session, error) { panic("a server that lies") }
	})
	if name, _, _, err := k.read(t, settings(t, "SELECT 1", nil)); name != "" || err == nil || !strings.Contains(err.Error(), "a server that lies") {
		t.Errorf("%s, error %v", name, err)
	}
}

func TestAConnectorStopsReadingAtOnce(t *testing.T) {
	t.Parallel()
	k := newKit(t, &fake{columns: []string{"a"}, hang: true}, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := k.ReadWindow(ctx, south.WindowQuery{Items: []south.Item{settings(t, "SELECT 1", nil)}, Window: day})
	if !errors.Is(err, context.Canceled) || err.Error() != "cancelled" {
		t.Errorf("error %v", err)
	}
}

func TestWhatADateMayBe(t *testing.T) {
	t.Parallel()
	noon := day.Start.Add(12 * time.Hour).UnixMilli()
	for _, c := range []struct {
		what  string
		field map[string]any
		cell  Cell
		want  string // "" for an empty cell
		fail  string
	}{
		{"seconds", map[string]any{"type": "unix-epoch"}, Cell{As: Integer, Int: noon / 1000}, "13:00", ""},
		{"seconds as text", map[string]any{"type": "unix-epoch"}, Cell{As: Text, Text: fmt.Append(nil, noon/1000)}, "13:00", ""},
		{"seconds as digits", map[string]any{"type": "unix-epoch"}, Cell{As: Digits, Text: fmt.Append(nil, noon/1000)}, "13:00", ""},
		{"seconds with a fraction", map[string]any{"type": "unix-epoch"}, Cell{As: Float, Float: float64(noon)/1000 + 0.5}, "13:00", ""},
		{"milliseconds", map[string]any{"type": "unix-epoch-ms"}, Cell{As: Float, Float: float64(noon)}, "13:00", ""},
		{"zero", map[string]any{"type": "unix-epoch"}, Cell{As: Integer}, "", ""},
		{"zero as digits", map[string]any{"type": "unix-epoch"}, Cell{As: Digits, Text: []byte("0")}, "", ""},
		{"zero, a float", map[string]any{"type": "unix-epoch"}, Cell{As: Float}, "", ""},
		{"false", map[string]any{"type": "unix-epoch"}, Cell{As: Boolean}, "", ""},
		{"true", map[string]any{"type": "unix-epoch"}, Cell{As: Boolean, Int: 1}, "", `Failed to convert "true" to Instant for type "unix-epoch": The value must be a number or numeric string for type "unix-epoch": "true"`},
		{"null", map[string]any{"type": "date-time"}, Cell{As: Null}, "", ""},
		{"nothing", map[string]any{"type": "iso-string"}, Cell{As: Text}, "", ""},
		{"no date", map[string]any{"type": "iso-string"}, Cell{As: Text, Text: []byte("soon")}, "", ""},
		{"no date in a format", map[string]any{"type": "string", "format": "yyyy"}, Cell{As: Text, Text: []byte("soon")}, "", ""},
		{"a format", map[string]any{"type": "string", "format": "dd.MM.yyyy HH", "timezone": "Asia/Tokyo"}, Cell{As: Text, Text: []byte("01.01.2024 21")}, "13:00", ""},
		{"a number where a text must be", map[string]any{"type": "iso-string"}, Cell{As: Integer, Int: 5}, "", `Failed to convert "5" to Instant for type "iso-string": The value must be a string for type "iso-string": "5"`},
		{"a date where a text must be", map[string]any{"type": "iso-string"}, Cell{As: Time, Int: noon}, "", `Failed to convert "2024-01-01T12:00:00Z" to Instant for type "iso-string": The value must be a string for type "iso-string": "2024-01-01T12:00:00Z"`},
		{"a text where a date must be", map[string]any{"type": "date-time"}, Cell{As: Text, Text: []byte("x")}, "", `Failed to convert "x" to Instant for type "date-time": The value must be a Date object for type "date-time": "x"`},
		{"text that is no number", map[string]any{"type": "unix-epoch"}, Cell{As: Text, Text: []byte("2024-01-01")}, "", `Failed to convert "2024-01-01" to Instant for type "unix-epoch": The value must be a number or numeric string for type "unix-epoch": "2024-01-01"`},
		{"a clock of a zone", map[string]any{"type": "date-time", "timezone": "Asia/Tokyo"}, Cell{As: Time, Int: noon + 9*3600e3}, "13:00", ""},
		{"an instant", map[string]any{"type": "date-time-offset", "timezone": "Asia/Tokyo"}, Cell{As: Time, Int: noon}, "13:00", ""},
		{"infinity", map[string]any{"type": "timestamptz"}, Cell{As: NoTime, Text: []byte("infinity")}, "", ""},
	} {
		c.field["fieldName"], c.field["useAsReference"] = "ts", true
		k := newKit(t, &fake{columns: []string{"ts"}, rows: [][]Cell{{c.cell}}}, nil)
		name, text, r, err := k.read(t, settings(t, "SELECT 1", map[string]any{"outputTimestampFormat": "HH:mm"}, c.field))
		if c.fail != "" {
			if fmt.Sprint(err) != c.fail || name != "" {
				t.Errorf("%s: error %v, want %s", c.what, err, c.fail)
			}
			continue
		}
		if err != nil || text != "ts\r\n"+c.want || r.Tracked.IsZero() != (c.want == "") {
			t.Errorf("%s: %q, tracked %s, error %v", c.what, text, r.Tracked, err)
		}
		if bad := c.want == "" && len(c.cell.Text) > 1; bad != strings.Contains(k.log.String(), "1 values are no dates") {
			t.Errorf("%s: %s", c.what, k.log.String())
		}
	}
}

func TestAReferenceThatIsNotThereIsTold(t *testing.T) {
	t.Parallel()
	k := newKit(t, &fake{columns: []string{"TS"}, rows: [][]Cell{texts("x")}}, nil)
	if _, _, _, err := k.read(t, settings(t, "SELECT 1", nil, map[string]any{"fieldName": "ts", "useAsReference": true, "type": "iso-string"})); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(k.log.String(), `the query returns no column \"ts\": nothing is tracked`) {
		t.Error(k.log.String())
	}
}

func TestVariablesAreSpelledLikeTheReference(t *testing.T) {
	t.Parallel()
	w := interval.Window{Start: day.Start, End: day.Start.Add(90 * time.Minute)}
	local := day.Start.In(time.Local).Format("2006-01-02 15:04:05.000")
	for _, c := range []struct {
		field      *field
		start, end any
	}{
		{nil, "2024-01-01T00:00:00.000Z", "2024-01-01T01:30:00.000Z"},
		{&field{Type: "iso-string"}, "2024-01-01T00:00:00.000Z", "2024-01-01T01:30:00.000Z"},
		{&field{Type: "timestamptz", Timezone: "Asia/Tokyo"}, "2024-01-01T00:00:00.000Z", "2024-01-01T01:30:00.000Z"},
		{&field{Type: "date-time-offset"}, "2024-01-01T00:00:00.000Z", "2024-01-01T01:30:00.000Z"},
		{&field{Type: "unix-epoch"}, int64(1704067200), int64(1704072600)},
		{&field{Type: "unix-epoch-ms"}, int64(1704067200000), int64(1704072600000)},
		{&field{Type: "string", Format: "dd/MM/yy HH'h'mm", Timezone: "Asia/Tokyo"}, "01/01/24 09h00", "01/01/24 10h30"},
		{&field{Type: "date", Timezone: "America/New_York"}, "2023-12-31", "2023-12-31"},
		{&field{Type: "small-date-time", Timezone: "Asia/Tokyo"}, "2024-01-01 09:00:00", "2024-01-01 10:30:00"},
		{&field{Type: "date-time", Timezone: "Asia/Tokyo"}, "2024-01-01 09:00:00.000", "2024-01-01 10:30:00.000"},
		{&field{Type: "date-time-2", Timezone: "Asia/Tokyo"}, "2024-01-01 09:00:00.000", "2024-01-01 10:30:00.000"},
		{&field{Type: "timestamp", Timezone: "Asia/Tokyo"}, local, nil}, // what is left of another type does not count
	} {
		args, err := Statement{Variables: []string{startTime, endTime}}.args(c.field, w)
		if err != nil || args[0].Value() != c.start || c.end != nil && args[1].Value() != c.end || args[0].Name != "StartTime" || args[1].Name != "EndTime" {
			t.Errorf("%+v: %v, error %v", c.field, args, err)
		}
	}
}

func TestAWindowCoversAnHourThatClocksShowTwice(t *testing.T) {
	t.Parallel()
	f := foldOf(datetime.Spec{Type: datetime.DateTime, Timezone: "Europe/Paris"})
	change := time.Date(2024, 10, 27, 1, 0, 0, 0, time.UTC) // 03:00 is 02:00 again
	for _, c := range []struct {
		start, end time.Duration // from the change
		want       string        // on the clocks
	}{
		{-10 * time.Minute, 10 * time.Minute, "02:00:00.000 02:59:59.999"},
		{-90 * time.Minute, 10 * time.Minute, "01:30:00.000 02:59:59.999"},
		{-10 * time.Minute, 90 * time.Minute, "02:00:00.000 03:30:00.000"},
		{-90 * time.Minute, 90 * time.Minute, "01:30:00.000 03:30:00.000"},
		{10 * time.Minute, 20 * time.Minute, "02:10:00.000 02:20:00.000"},
		{-20 * time.Minute, -10 * time.Minute, "02:40:00.000 02:50:00.000"},
	} {
		w := f.widen(interval.Window{Start: change.Add(c.start), End: change.Add(c.end)})
		const layout = "15:04:05.000"
		if got := w.Start.In(f.zone).Format(layout) + " " + w.End.In(f.zone).Format(layout); got != c.want {
			t.Errorf("%s to %s: %s, want %s", c.start, c.end, got, c.want)
		}
	}
	w := interval.Window{Start: change.Add(10 * time.Minute), End: change.Add(20 * time.Minute)}
	for first, want := range map[time.Duration]time.Duration{-45 * time.Minute: 15 * time.Minute, -50 * time.Minute: 10 * time.Minute, -55 * time.Minute: -55 * time.Minute, -2 * time.Hour: -2 * time.Hour, 12 * time.Minute: 12 * time.Minute} {
		if got := time.UnixMilli(f.choose(change.Add(first).UnixMilli(), w)).Sub(change); got != want {
			t.Errorf("%s: %s, want %s", first, got, want)
		}
	}
	if f := foldOf(datetime.Spec{Type: datetime.ISOString}); f != nil || f.widen(w) != w || f.choose(5, w) != 5 {
		t.Error("an instant has a fold")
	}
}

func TestVariablesAreFoundInQueriesOnly(t *testing.T) {
	t.Parallel()
	number := func(n int) string { return fmt.Sprint("$", n) }
	postgres, mysql := Syntax{Placeholder: number, Escapes: true, Nested: true}, Syntax{Placeholder: func(int) string { return "?" }, Backslash: true, Hash: true}
	oracle, mssql := Syntax{Placeholder: number, Q: true}, Syntax{Bracket: true, Nested: true}
	for _, c := range []struct {
		syntax            Syntax
		query, want, vars string
	}{
		{postgres, "a > @StartTime AND a <= @EndTime", "a > $1 AND a <= $2", "@StartTime @EndTime"},
		{postgres, "@EndTime @StartTime @EndTime", "$1 $2 $3", "@EndTime @StartTime @EndTime"},
		{postgres, "(@StartTime)::text||@EndTime", "($1)::text||$2", "@StartTime @EndTime"},
		{postgres, "@starttime @StartTimes @@StartTime @StartTime_ @StartTimeé", "@starttime @StartTimes @@StartTime @StartTime_ @StartTimeé", ""},
		{postgres, `'@StartTime' 'it''s @StartTime' "@EndTime" @EndTime`, `'@StartTime' 'it''s @StartTime' "@EndTime" $1`, "@EndTime"},
		{postgres, `'\' @EndTime e'\'@StartTime' ''`, `'\' $1 e'\'@StartTime' ''`, "@EndTime"},
		{postgres, "-- @StartTime\n@EndTime /* @StartTime /* */ @StartTime */ @EndTime", "-- @StartTime\n$1 /* @StartTime /* */ @StartTime */ $2", "@EndTime @EndTime"},
		{postgres, "$$@StartTime$$ $a$ $$ @StartTime$a$ a$1 $1 @EndTime", "$$@StartTime$$ $a$ $$ @StartTime$a$ a$1 $1 $1", "@EndTime"},
		{mysql, `'\'@StartTime' "\"@StartTime" @EndTime`, `'\'@StartTime' "\"@StartTime" ?`, "@EndTime"},
		{mysql, "1--@StartTime # @EndTime\n@EndTime -- @EndTime", "1--? # @EndTime\n? -- @EndTime", "@StartTime @EndTime"},
		{mysql, "/*!40000 @StartTime */ /* @EndTime */ `@EndTime`", "/*!40000 ? */ /* @EndTime */ `@EndTime`", "@StartTime"},
		{oracle, "q'[it's @StartTime]' Nq'!'@StartTime!' @EndTime", "q'[it's @StartTime]' Nq'!'@StartTime!' $1", "@EndTime"},
		{mssql, "[@StartTime]]@StartTime] N'@EndTime' @StartTime @EndTime @StartTime", "[@StartTime]]@StartTime] N'@EndTime' @StartTime @EndTime @StartTime", "@StartTime @EndTime"},
		{mssql, "@EndTime", "@EndTime", "@EndTime"},
		{mysql, "'@StartTime", "'@StartTime", ""}, {mysql, "/* @StartTime", "/* @StartTime", ""}, {mysql, `'\`, `'\`, ""}, {oracle, "q'", "q'", ""}, {postgres, "$a$ @StartTime", "$a$ @StartTime", ""},
	} {
		st := c.syntax.Parse(c.query)
		if st.Text != c.want || strings.Join(st.Variables, " ") != c.vars {
			t.Errorf("%s: %s %v", c.query, st.Text, st.Variables)
		}
	}
}

// FuzzParse parses any query in all dialects: what is not a variable stays as it is.
func FuzzParse(f *testing.F) {
	f.Add("SELECT 'a' FROM t WHERE ts > @StartTime -- $a$ e'\\' q'[")
	f.Add("/*! @EndTime */ `x` [y] \"z\" #")
	f.Fuzz(func(t *testing.T, query string) {
		for i := range 64 {
			s := Syntax{Backslash: i&1 > 0, Escapes: i&2 > 0, Hash: i&4 > 0, Bracket: i&8 > 0, Nested: i&16 > 0, Q: i&32 > 0}
			kept := s.Parse(query)
			if kept.Text != query || len(kept.Variables) > 2 {
				t.Fatalf("%q became %q with %v", query, kept.Text, kept.Variables)
			}
			s.Placeholder = func(int) string { return "\x00" }
			replaced := s.Parse(query)
			back := replaced.Text
			if strings.Count(query, "\x00") == 0 {
				for _, name := range replaced.Variables {
					back = strings.Replace(back, "\x00", name, 1)
				}
				if back != query {
					t.Fatalf("%q became %q with %v", query, replaced.Text, replaced.Variables)
				}
			}
		}
	})
}

func TestDatesOfServersAreRead(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"2024-01-15":                   "2024-01-15T00:00:00.000Z",
		"2024-01-15 10:00:00":          "2024-01-15T10:00:00.000Z",
		"2024-01-15 10:00:00.123999":   "2024-01-15T10:00:00.123Z and 999000",
		"2024-01-15T10:00:00.5":        "2024-01-15T10:00:00.500Z",
		"2024-01-15 10:00:00+02":       "2024-01-15T08:00:00.000Z zoned",
		"2024-01-15 10:00:00.1-03:30":  "2024-01-15T13:30:00.100Z zoned",
		"1880-01-15 10:00:00+00:09:21": "1880-01-15T09:50:39.000Z zoned",
		"2024-01-15 10:00:00Z":         "2024-01-15T10:00:00.000Z zoned",
		"12024-01-15":                  "+012024-01-15T00:00:00.000Z",
		"2024-02-29 24:00:00":          "2024-03-01T00:00:00.000Z",
		"0001-01-01 00:00:00.000":      "0001-01-01T00:00:00.000Z",
	} {
		ms, fine, zoned, ok := parseStamp([]byte(text))
		got := string(datetime.AppendInstant(nil, ms))
		if fine != 0 {
			got += fmt.Sprint(" and ", fine)
		}
		if zoned {
			got += " zoned"
		}
		if !ok || got != want {
			t.Errorf("%s: %s %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "infinity", "-infinity", "0000-00-00", "2024-00-00 00:00:00", "2024-02-30", "2024-01-15 10:00", "2024-01-15 10:00:00.", "2024-01-15 10:00:00+", "2024-01-15 10:00:00 x", "0044-03-15 BC", "24-01-15", "2024-01-15 25:00:00"} {
		if ms, _, _, ok := parseStamp([]byte(text)); ok {
			t.Errorf("%q is %s", text, datetime.AppendInstant(nil, ms))
		}
	}
}

// FuzzStamp reads what is written, and anything.
func FuzzStamp(f *testing.F) {
	f.Add("2024-01-15 10:00:00.123456+02:30", int64(1705312800123))
	f.Fuzz(func(t *testing.T, text string, ms int64) {
		parseStamp([]byte(text))
		at := time.UnixMilli(ms % 253402300800000).UTC()
		if at.Year() < 0 {
			return
		}
		for _, layout := range []string{"2006-01-02 15:04:05.000", "2006-01-02T15:04:05.000Z07:00"} {
			if got, _, _, ok := parseStamp([]byte(at.Format(layout))); !ok || got != at.UnixMilli() {
				t.Fatalf("%s: %d %v", at.Format(layout), got, ok)
			}
		}
	})
}

func TestNumbersAreWrittenAsTheReferenceDoes(t *testing.T) {
	t.Parallel()
	for want, v := range map[string]float64{"0": math.Copysign(0, -1), "1.5": 1.5, "-3": -3, "9007199254740992": 1 << 53, "1e+21": 1e21, "100000000000000000000": 1e20, "1e-7": 1e-7, "NaN": math.NaN(), "-Infinity": math.Inf(-1)} {
		if got := string(appendFloat(nil, v)); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	for text, want := range map[string]string{"1.50": "1.5", "-0.10": "-0.1", "1.0000": "1", "123456789012345678.90": "123456789012345678.90", "x": "x", "": ""} {
		var c Cell
		if c.SetDecimal([]byte(text)); string(c.appendTo(nil)) != want {
			t.Errorf("%s: %s", text, c.appendTo(nil))
		}
	}
	var c Cell
	if c.SetFloat32(1.1); string(c.appendTo(nil)) != "1.1" {
		t.Errorf("%s", c.appendTo(nil))
	}
}

func TestNumbersAgreeWithThoseOfOtherContents(t *testing.T) {
	t.Parallel()
	for i := range uint64(100_000) {
		v := math.Float64frombits(i * 0x9E3779B97F4A7C15)
		if math.IsNaN(v) || math.IsInf(v, 0) {
			continue
		}
		if got, want := string(appendFloat(nil, v)), string(content.AppendNumber(nil, v)); got != want {
			t.Fatalf("%s, want %s", got, want)
		}
	}
}

func TestATestReadsOnlyWhatCanBeShown(t *testing.T) {
	t.Parallel()
	row := texts(strings.Repeat("x", 1<<20))
	f := &fake{columns: []string{"a"}, hang: true}
	for range 80 {
		f.rows = append(f.rows, row)
	}
	k := newKit(t, f, func(d *Database) { d.ItemTimeout = false })
	r, err := k.TestItem(t.Context(), south.TestRequest{Item: settings(t, "SELECT 1", nil)})
	if err != nil || r.Content.Size < 64<<20 || r.Content.Size > 68<<20 || f.open != 0 {
		t.Errorf("%d bytes, %d sessions, error %v", r.Content.Size, f.open, err)
	}
}
