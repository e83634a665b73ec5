package mssql

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"oibus/agent/connector"
	"oibus/agent/content"
	"oibus/agent/entity"
	"oibus/agent/interval"
	"oibus/agent/south"
	"oibus/agent/store"
)

// result answers a query with a result.
func result(columns []column, rows ...[]byte) func(*peer, call) {
	return func(p *peer, _ call) { p.send(join(metadata(columns...), join(rows...), done(doneCount, len(rows)))) }
}

func TestEachTypeBecomesItsText(t *testing.T) {
	t.Parallel()
	at := clock("2024-01-15 10:20:30").Add(123456700)
	var columns []column
	var values, nulls, sparse [][]byte
	var want []string
	for i, c := range []struct {
		kind  sqlType
		value []byte
		want  string
	}{
		{dateType, date(at), "2024-01-15T00:00:00.000Z"},
		{dateTimeType, dateTime(at), "2024-01-15T10:20:30.123Z"},
		{dateTimeType, dateTime(clock("1753-01-01 00:00:00")), "1753-01-01T00:00:00.000Z"},
		{dateTimeType, dateTime(clock("9999-12-31 23:59:59").Add(997 * time.Millisecond)), "9999-12-31T23:59:59.997Z"},
		{smallDateTimeType, smallDateTime(at), "2024-01-15T10:20:00.000Z"},
		{dateTime2Type, dateTime2(at), "2024-01-15T10:20:30.123Z"},
		{dateTime2Type, dateTime2(clock("0001-01-01 00:00:00")), "0001-01-01T00:00:00.000Z"},
		{dateTimeOffsetType, dateTimeOffset(at, 120), "2024-01-15T10:20:30.123Z"},
		{dateTimeOffsetType, dateTimeOffset(at, -570), "2024-01-15T10:20:30.123Z"},
		{timeType, timeOnly(at), "1970-01-01T10:20:30.123Z"},
		{decimalType, fixed(true, 0, 123450), "1234.5"},
		{decimalType, fixed(false, 0, 5), "-0.05"},
		{decimalType, fixed(true, 542101086242752217, 68739955140067328), "100000000000000000000000000000000000.00"},
		{moneyType, money(9223372036854775807), "922337203685477.5807"},
		{moneyType, money(-123456), "-12.3456"},
		{smallMoneyType, integer(-15000, 4), "-1.5"},
		{bitType, integer(1, 1), "true"},
		{bitType, integer(0, 1), "false"},
		{tinyIntType, integer(255, 1), "255"},
		{intType, integer(-2147483648, 4), "-2147483648"},
		{bigIntType, integer(9007199254740993, 8), "9007199254740993"},
		{realType, single(1.1), "1.1"},
		{floatType, float(0.1), "0.1"},
		{floatType, float(1e21), "1e+21"},
		{guidType, value([]byte{0x67, 0x45, 0x23, 0x01, 0xAB, 0x89, 0xEF, 0xCD, 1, 2, 3, 4, 5, 6, 7, 8}), "01234567-89AB-CDEF-0102-030405060708"},
		{varbinaryType, sizedValue([]byte("\x00\xffA")), "\x00\ufffdA"},
		{varcharType, sizedValue([]byte("Caf\xe9 \x80")), "Café €"},
		{nvarcharType, sizedValue(wide("Größe 温度 😀")), "Größe 温度 😀"},
		{nvarcharType, sizedValue(wide(`a,"b"`)), `"a,""b"""`},
		{nvarcharMaxType, chunks(wide(strings.Repeat("é", 9000)), 5000), strings.Repeat("é", 9000)},
		{xmlType, chunks(wide(`<a b="1">ß</a>`), 7), `"<a b=""1"">ß</a>"`},
	} {
		columns = append(columns, column{fmt.Sprint("c", i), c.kind})
		values, nulls, sparse = append(values, c.value), append(nulls, c.kind.null), append(sparse, nil)
		want = append(want, c.want)
	}
	sparse[len(sparse)-1] = values[len(values)-1]
	f := (&fakeServer{encryption: encryptNothing, answer: result(columns, row(values...), row(nulls...), sparseRow(values...), sparseRow(sparse...))}).start(t)
	got, _, err := read(t.Context(), f.south(t, nil), item(t, "SELECT * FROM types"), day)
	if err != nil {
		t.Fatal(err)
	}
	full, empty := strings.Join(want, ","), strings.Repeat(",", len(want)-1)
	rows := strings.Split(got, "\r\n")
	if len(rows) != 5 || rows[1] != full || rows[2] != empty || rows[3] != full || rows[4] != empty+want[len(want)-1] {
		t.Errorf("%d rows: %.2000q, want\n%.2000q", len(rows), got, full)
	}
}

func TestVariablesAreParameters(t *testing.T) {
	t.Parallel()
	const query = "SELECT '@StartTime' FROM t WHERE ts > @StartTime AND ts <= @EndTime OR ts = @StartTime"
	for _, c := range []struct {
		query      string
		field      map[string]any
		declared   string
		start, end any
	}{
		{query, nil, "@StartTime nvarchar(24),@EndTime nvarchar(24)", "2024-01-15T00:00:00.000Z", "2024-01-16T00:00:00.000Z"},
		{query, map[string]any{"type": "unix-epoch-ms"}, "@StartTime bigint,@EndTime bigint", int64(1705276800000), int64(1705363200000)},
		{query, map[string]any{"type": "date-time", "timezone": "Asia/Tokyo"}, "@StartTime nvarchar(23),@EndTime nvarchar(23)", "2024-01-15 09:00:00.000", "2024-01-16 09:00:00.000"},
		{query, map[string]any{"type": "date", "timezone": "Asia/Tokyo"}, "@StartTime nvarchar(10),@EndTime nvarchar(10)", "2024-01-15", "2024-01-16"},
		{"SELECT 1 /* @StartTime */", nil, "", nil, nil},
		{"SELECT 1 WHERE 'ß' <> @EndTime", nil, "@EndTime nvarchar(24)", nil, "2024-01-16T00:00:00.000Z"},
	} {
		f := (&fakeServer{encryption: encryptNothing, answer: func(p *peer, _ call) { p.send(join(metadata(column{"n", intType}), procedureDone(0))) }}).start(t)
		var fields []map[string]any
		if c.field != nil {
			c.field["fieldName"], c.field["useAsReference"] = "ts", true
			fields = append(fields, c.field)
		}
		if text, r, err := read(t.Context(), f.south(t, nil), item(t, c.query, fields...), day); text != "" || err != nil || !r.Tracked.IsZero() {
			t.Errorf("%q %v, error %v", text, r, err)
		}
		_, calls, _ := f.seen()
		if got := calls[0]; len(calls) != 1 || got.text != c.query || got.declared != c.declared || got.params["@StartTime"] != c.start || got.params["@EndTime"] != c.end {
			t.Errorf("%+v, want %+v", calls, c)
		}
	}
}

// A statement that fails fails the window, also when it fails behind rows, or only one of a batch does.
func TestAFailedStatementIsQuoted(t *testing.T) {
	t.Parallel()
	one := join(metadata(column{"n", intType}), row(integer(1, 4)))
	failed := join(failure(208, "Invalid object name 'nope'."), done(doneFailed, 0))
	for name, answer := range map[string][]byte{
		"before rows": failed,
		"behind rows": join(one, failed),
		"in a call":   join(failure(208, "Invalid object name 'nope'."), ended(0xfe, doneFailed, 0)),
	} {
		f := (&fakeServer{encryption: encryptNothing, answer: func(p *peer, _ call) { p.send(answer) }}).start(t)
		if text, _, err := read(t.Context(), f.south(t, nil), item(t, "SELECT * FROM nope"), day); text != "" || fmt.Sprint(err) != "Invalid object name 'nope'." {
			t.Errorf("%s: %q, error %v", name, text, err)
		}
	}
}

func TestOnlyTheFirstResultIsRead(t *testing.T) {
	t.Parallel()
	f := (&fakeServer{encryption: encryptNothing, answer: func(p *peer, _ call) {
		p.send(join(done(doneMore|doneCount, 5), metadata(column{"a", intType}), row(integer(1, 4)), row(integer(2, 4)), done(doneMore|doneCount, 2),
			metadata(column{"b", intType}, column{"c", intType}), row(integer(3, 4), integer(4, 4)), done(doneCount, 1)))
	}}).start(t)
	if text, _, err := read(t.Context(), f.south(t, nil), item(t, "INSERT …; SELECT a; SELECT b, c"), day); text != "a\r\n1\r\n2" || err != nil {
		t.Errorf("%q, error %v", text, err)
	}
}

// A query that is cancelled is cancelled on the server too, before and behind the first rows.
func TestAQueryThatHangsIsCancelledOnTheServer(t *testing.T) {
	t.Parallel()
	begun := join(metadata(column{"n", intType}), row(integer(1, 4)), row(integer(2, 4)))
	for name, first := range map[string][]byte{"before rows": nil, "behind rows": begun} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asked := make(chan struct{}, 1000)
			f := (&fakeServer{encryption: encryptNothing, answer: func(p *peer, _ call) {
				if first != nil {
					p.begin(first)
				}
				asked <- struct{}{}
			}}).start(t)
			times := f.late(t, func(limit int) {
				text, r, err := read(t.Context(), f.south(t, map[string]any{"requestTimeout": limit}), item(t, "WAITFOR DELAY '1:00'"), day)
				if want := fmt.Sprintf("the query took longer than %d ms and was cancelled", limit); fmt.Sprint(err) != want || text != "" || !r.Tracked.IsZero() {
					t.Errorf("%q %v, error %v", text, r, err)
				}
			})
			<-asked
			ctx, stop := context.WithCancel(t.Context())
			go func() { <-asked; stop() }()
			if _, _, err := read(ctx, f.south(t, nil), item(t, "WAITFOR DELAY '1:00'"), day); fmt.Sprint(err) != "cancelled" {
				t.Errorf("error %v", err)
			}
			f.rest(t, times+1)
			if _, _, attentions := f.seen(); attentions != 2 {
				t.Errorf("%d of 2 queries were cancelled on the server", attentions)
			}
		})
	}
}

// late runs something with a time limit in milliseconds. On a machine so slow that the limit is over before the server is
// asked, it does that again, with a greater one. It returns how often.
func (f *fakeServer) late(t *testing.T, run func(limit int)) (times int) {
	t.Helper()
	for limit := 100; limit < 100_000; limit *= 2 {
		run(limit)
		times++
		f.rest(t, times)
		if _, calls, _ := f.seen(); len(calls) > 0 || t.Failed() {
			return times
		}
	}
	t.Error("the server was never asked")
	return times
}

// A result without end is cancelled too, and nothing of it stays: the server is told, or can send no more.
func TestAResultWithoutEndIsCancelledOnTheServer(t *testing.T) {
	t.Parallel()
	some := packets(join(slices.Repeat([][]byte{row(integer(1, 4))}, 1000)...), false)
	f := (&fakeServer{encryption: encryptNothing, answer: func(p *peer, _ call) {
		told := make(chan byte, 1)
		p.f.sessions.Go(func() {
			kind, _, _ := p.receive() // 0 when the client has gone
			told <- kind
		})
		p.begin(metadata(column{"n", intType}))
		for {
			select {
			case kind := <-told:
				if kind == attentionMessage {
					p.send(done(doneAttention, 0))
				}
				return
			default:
			}
			if _, err := p.Write(some); err != nil {
				return
			}
		}
	}}).start(t)
	text, r, err := read(t.Context(), f.south(t, map[string]any{"requestTimeout": 100}), item(t, "SELECT n FROM t, t, t"), day)
	if fmt.Sprint(err) != "the query took longer than 100 ms and was cancelled" || text != "" || r.Last != nil {
		t.Errorf("%.100q %v, error %v", text, r, err)
	}
	f.rest(t, 1) // the server has ended it
}

// A server that does not answer when it is told to cancel is left after a while.
func TestAServerThatCannotBeCancelledIsLeft(t *testing.T) {
	t.Parallel()
	f := (&fakeServer{encryption: encryptNothing, instead: map[byte]func(*peer){attentionMessage: hang}, answer: func(*peer, call) {}}).start(t)
	if _, _, err := read(t.Context(), f.south(t, map[string]any{"requestTimeout": 100}), item(t, "SELECT 1"), day); fmt.Sprint(err) != "the query took longer than 100 ms and was cancelled" {
		t.Errorf("error %v", err)
	}
}

// changes are when clocks of a zone change, and by how much they go back, 0 when they go forward.
var changes = []struct {
	zone, at string
	back     time.Duration
}{
	{"Europe/Paris", "2024-03-31T01:00:00Z", 0}, {"Europe/Paris", "2024-10-27T01:00:00Z", time.Hour},
	{"America/New_York", "2024-03-10T07:00:00Z", 0}, {"America/New_York", "2024-11-03T06:00:00Z", time.Hour},
	{"Australia/Lord_Howe", "2024-10-05T15:30:00Z", 0}, {"Australia/Lord_Howe", "2024-04-06T15:00:00Z", 30 * time.Minute},
}

// dated is a row of a table that a server can select by time: the server compares key, as its type is spelled, with the
// variables of the query.
type dated struct {
	at    time.Time
	key   string
	value []byte
}

// table answers queries for the rows after @StartTime and up to @EndTime.
func table(kind sqlType, rows []dated) func(*peer, call) {
	return func(p *peer, request call) {
		start, end := request.params["@StartTime"].(string), request.params["@EndTime"].(string)
		out := metadata(column{"n", intType}, column{"ts", kind})
		for i, r := range rows {
			if r.key > start && r.key <= end {
				out = append(out, row(integer(int64(i), 4), r.value)...)
			}
		}
		p.send(append(out, procedureDone(0)...))
	}
}

// dateTypes are the types of columns that have a zone or need one: how a key is spelled, and what a value is made of.
var dateTypes = map[string]struct {
	kind   sqlType
	layout string
	value  func(clock, at time.Time) []byte
	step   time.Duration
}{
	"date":             {dateType, "2006-01-02", func(clock, _ time.Time) []byte { return date(clock) }, 24 * time.Hour},
	"small-date-time":  {smallDateTimeType, "2006-01-02 15:04:05", func(clock, _ time.Time) []byte { return smallDateTime(clock) }, 10 * time.Minute},
	"date-time":        {dateTimeType, "2006-01-02 15:04:05.000", func(clock, _ time.Time) []byte { return dateTime(clock) }, 10 * time.Minute},
	"date-time-2":      {dateTime2Type, "2006-01-02 15:04:05.000", func(clock, _ time.Time) []byte { return dateTime2(clock) }, 10 * time.Minute},
	"date-time-offset": {dateTimeOffsetType, "", func(_, at time.Time) []byte { return dateTimeOffset(at, 90) }, 10 * time.Minute},
}

// Rows that lie before and behind a change of the clocks are read window by window, each once and at its instant; but those
// of an hour that clocks show twice come at least once, at one of the two.
func TestDatesAreReadAcrossChangesOfTheClocks(t *testing.T) {
	t.Parallel()
	for _, c := range changes {
		for name, d := range dateTypes {
			t.Run(c.zone+" "+c.at+" "+name, func(t *testing.T) {
				t.Parallel()
				zone, err := time.LoadLocation(c.zone)
				if err != nil {
					t.Fatal(err)
				}
				change, err := time.Parse(time.RFC3339, c.at)
				if err != nil {
					t.Fatal(err)
				}
				first, last, window := change.Add(-5*time.Hour), change.Add(5*time.Hour), time.Hour
				if d.step == 24*time.Hour { // midnights
					y, m, day := change.In(zone).Date()
					first, last, window = time.Date(y, m, day-2, 0, 0, 0, 0, zone), time.Date(y, m, day+3, 0, 0, 0, 0, zone), 7*time.Hour
				}
				var rows []dated
				for at := first; !at.After(last); {
					local := at.In(zone)
					clock := time.Date(local.Year(), local.Month(), local.Day(), local.Hour(), local.Minute(), local.Second(), 0, time.UTC)
					r := dated{at: at, key: clock.Format(d.layout), value: d.value(clock, at)}
					if d.layout == "" {
						r.key = at.UTC().Format("2006-01-02T15:04:05.000Z")
					}
					rows = append(rows, r)
					if at = at.Add(d.step); d.step == 24*time.Hour {
						at = time.Date(local.Year(), local.Month(), local.Day()+1, 0, 0, 0, 0, zone)
					}
				}
				f := (&fakeServer{encryption: encryptNothing, answer: table(d.kind, rows)}).start(t)
				south := f.south(t, nil)
				i := item(t, "SELECT n, ts FROM t WHERE ts > @StartTime AND ts <= @EndTime", map[string]any{"fieldName": "ts", "useAsReference": true, "type": name, "timezone": c.zone})
				seen := map[int][]time.Time{}
				for start := first; start.Before(last); start = start.Add(window) {
					text, _, err := read(t.Context(), south, i, interval.Window{Start: start, End: start.Add(window)})
					if err != nil {
						t.Fatal(err)
					}
					for n, at := range numbered(t, text) {
						seen[n] = append(seen[n], at)
					}
				}
				for n := 1; n < len(rows); n++ { // the first lies on the first bound
					want := rows[n].at
					twice := c.back > 0 && d.layout != "" && d.step < time.Hour && !want.Before(change.Add(-c.back)) && want.Before(change.Add(c.back))
					switch {
					case !twice && (len(seen[n]) != 1 || !seen[n][0].Equal(want)):
						t.Errorf("%s came as %v", want, seen[n])
					case twice && (len(seen[n]) == 0 || len(seen[n]) > 3 || slices.ContainsFunc(seen[n], func(at time.Time) bool { off := at.Sub(want).Abs(); return off != 0 && off != c.back })):
						t.Errorf("%s, which clocks show twice, came as %v", want, seen[n])
					}
				}
			})
		}
	}
}

// numbered are the instants of a result by the numbers of its rows.
func numbered(t *testing.T, text string) map[int]time.Time {
	t.Helper()
	out := map[int]time.Time{}
	for i, line := range strings.Split(text, "\r\n") {
		if i == 0 || line == "" {
			continue
		}
		var n int
		number, stamp, _ := strings.Cut(line, ",")
		at, err := time.Parse(time.RFC3339, stamp)
		if _, numberErr := fmt.Sscan(number, &n); err != nil || numberErr != nil {
			t.Fatalf("%q in %q", line, text)
		}
		out[n] = at
	}
	return out
}

// A server that breaks in the middle of rows, again and again, costs no row, and none comes twice: the South that runs,
// with what it remembers, reads the window again.
func TestAServerThatBreaksInTheMiddleCostsNoRow(t *testing.T) {
	t.Parallel()
	const hours, perHour = 6, 400
	var rows []dated
	for n := range hours * perHour {
		at := day.Start.Add(time.Duration(n+1) * time.Hour / perHour)
		rows = append(rows, dated{at, at.Format("2006-01-02 15:04:05.000"), dateTime2(at)})
	}
	whole := table(dateTime2Type, rows)
	var mu sync.Mutex
	asked := 0
	f := (&fakeServer{encryption: encryptNothing, answer: func(p *peer, request call) {
		mu.Lock()
		defer mu.Unlock()
		asked++
		switch asked % 4 {
		case 1: // cut in the middle of the rows, in the middle of a packet
			whole(&peer{Conn: half{p.Conn}, f: p.f}, request)
			_ = p.Close()
		case 2: // killed by an administrator
			p.send(join(metadata(column{"n", intType}, column{"ts", dateTime2Type}), row(integer(1, 4), rows[0].value),
				failure(596, "Cannot continue the execution because the session is in the kill state."), done(doneFailed|0x100, 0)))
			_ = p.Close()
		case 3: // nonsense behind rows
			p.send(join(metadata(column{"n", intType}, column{"ts", dateTime2Type}), row(integer(2, 4), rows[1].value), []byte{0x01, 0x02, 0x03}))
		default:
			whole(p, request)
		}
	}}).start(t)
	got, failures := f.run(t, item(t, "SELECT n, ts FROM t WHERE ts > @StartTime AND ts <= @EndTime",
		map[string]any{"fieldName": "ts", "useAsReference": true, "type": "date-time-2", "timezone": "UTC"}), day.Start, day.Start.Add(hours*time.Hour))
	seen := map[int]int{}
	for _, text := range got {
		for n, at := range numbered(t, text) {
			if seen[n]++; !at.Equal(rows[n].at) {
				t.Errorf("row %d came as %s", n, at)
			}
		}
	}
	for n := range rows {
		if seen[n] != 1 {
			t.Errorf("row %d came %d times", n, seen[n])
		}
	}
	for _, want := range []string{"Connection terminated unexpectedly", "kill state", "unknown token"} {
		if !strings.Contains(failures, want) || strings.Contains(failures, password) {
			t.Errorf("the log does not say %q: %s", want, failures)
		}
	}
}

// half passes on half of what is written.
type half struct{ net.Conn }

func (h half) Write(p []byte) (int, error) {
	_, err := h.Conn.Write(p[:len(p)/2])
	return len(p), err
}

// run runs a South as the agent does, until it has read everything up to end, one hour at a time. It returns what
// arrived and what was logged.
func (f *fakeServer) run(t *testing.T, i south.Item, begin, end time.Time) (arrived []string, logged string) {
	t.Helper()
	memory, err := store.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	tracking, err := south.OpenTracking(memory)
	if err != nil {
		t.Fatal(err)
	}
	var now atomic.Pointer[time.Time]
	first, hour := begin.Add(time.Hour), 3600.0
	now.Store(&first)
	e := entity.South{Connector: entity.Connector{Audit: entity.Audit{ID: "s"}, Name: "S", Type: "mssql", Enabled: true},
		Items: []entity.SouthItem{{Audit: entity.Audit{ID: i.ID}, Name: i.Name, Enabled: true, Settings: i.Settings, ScanModeID: "m", History: entity.History{MaxReadInterval: &hour}}}}
	var log bytes.Buffer
	r, err := south.Start(south.Options{South: e, Settings: f.settings(t, nil), Type: Type, TempDir: t.TempDir(), Tracking: tracking, Store: memory,
		Host: connector.Host{Now: func() time.Time { return *now.Load() }}, Log: slog.New(slog.NewTextHandler(&log, nil)),
		ScanMode: func(id string) (entity.ScanMode, bool) {
			return entity.ScanMode{Audit: entity.Audit{ID: id}, Name: "m"}, true
		},
		Emit: func(_ context.Context, c content.Content, _ content.Source) error {
			text, err := textOf(c)
			arrived = append(arrived, text)
			return err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []time.Time{first, end} {
		now.Store(&at)
		for until := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
			if row, ok := tracking.Book("s").Row("item/" + i.ID); ok && !row.Tracked.Before(at) {
				break
			}
			if r.Tick("m"); time.Now().After(until) {
				t.Error("reading takes too long")
				break
			}
		}
	}
	if err := errors.Join(r.Stop(context.Background()), tracking.Close()); err != nil {
		t.Error(err)
	}
	return arrived, log.String()
}
