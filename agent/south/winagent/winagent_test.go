package winagent

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"oibus/agent/connector"
	"oibus/agent/connector/winagent"
	"oibus/agent/content"
	"oibus/agent/interval"
	"oibus/agent/south"
	sim "oibus/testing/peers/winagent"
)

var (
	noon   = time.Date(2024, 1, 15, 12, 0, 0, 0, time.UTC)
	window = interval.Window{Start: noon.Add(-time.Hour), End: noon}
)

// kit is a South on a simulated agent, and what it emitted.
type kit struct {
	t      *testing.T
	agent  *sim.Agent
	sql    *SQL
	item   map[string]any
	names  []string
	texts  []string
	refuse error
	lost   []string
	dir    string
	log    bytes.Buffer
}

func newKit(t *testing.T) *kit {
	t.Helper()
	k := &kit{t: t, agent: sim.New(t), dir: t.TempDir(), item: map[string]any{"query": "SELECT * FROM t WHERE time > '@StartTime' AND time <= '@EndTime' AND x <> '@StartTime'",
		"dateTimeFields": []any{map[string]any{"fieldName": "time", "useAsReference": true, "type": "string", "timezone": "Europe/Paris", "format": "yyyy-MM-dd HH:mm:ss", "locale": "en-En"}},
		"serialization":  serialization(nil)}}
	var err error
	k.sql, err = NewSQL(k.env(), Database{Family: winagent.OLEDB, AgentURL: k.agent.URL + "/", ConnectionString: "Data Source=x;Password=top secret;", Secrets: []string{"top secret"},
		ConnectTimeout: 1500 * time.Millisecond, RequestTimeout: 2500 * time.Millisecond, RetryInterval: 7 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.sql.Disconnect(context.Background()) })
	return k
}

func (k *kit) env() south.Env {
	return south.Env{Env: connector.Env{ID: "s1", Name: "My DB", TempDir: k.dir, Log: slog.New(slog.NewTextHandler(&k.log, nil)), Host: connector.Host{Version: "4.0.0", Now: func() time.Time { return noon }}},
		Lost: func(reason error, after time.Duration) {
			k.lost = append(k.lost, fmt.Sprintf("%v after %v", reason, after))
		}}
}

func serialization(changed map[string]any) map[string]any {
	all := map[string]any{"type": "csv", "filename": "@ConnectorName-@ItemName-@CurrentDate.csv", "delimiter": "SEMI_COLON", "compression": false,
		"outputTimestampFormat": "yyyy-MM-dd HH:mm:ss.SSS", "outputTimezone": "Europe/Paris"}
	maps.Copy(all, changed)
	return all
}

func (k *kit) items() []south.Item {
	raw, err := json.Marshal(k.item)
	if err != nil {
		k.t.Fatal(err)
	}
	return []south.Item{{ID: "i1", Name: "a/b", Settings: raw}}
}

func (k *kit) emit(_ context.Context, c content.Content, items []south.Item) error {
	if k.refuse != nil {
		return k.refuse
	}
	r, err := c.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	raw, err := io.ReadAll(r)
	if c.Kind != content.Any || len(items) != 1 {
		k.t.Errorf("got kind %s for %d items", c.Kind, len(items))
	}
	k.names, k.texts = append(k.names, c.FileName), append(k.texts, string(raw))
	return err
}

func (k *kit) read() (south.WindowResult, error) {
	k.names, k.texts = nil, nil
	return k.sql.ReadWindow(k.t.Context(), south.WindowQuery{Items: k.items(), Window: window, Emit: k.emit})
}

// answers has the agent answer every reading with v.
func (k *kit) answers(v any) {
	raw, err := json.Marshal(v)
	if err != nil {
		k.t.Fatal(err)
	}
	k.agent.Reads(func(string, []byte) (int, string) { return http.StatusOK, string(raw) })
}

// stop ends the agent, of which no connection is left to try.
func (k *kit) stop() {
	k.agent.Stop()
	k.sql.session.Client.Close()
}

const table = "time;value\r\n2024-01-15 12:00:00.000;\"a \"\"b\"\"; c\"\r\n2024-01-15 12:30:00.000;é😀"

func (k *kit) connect() {
	k.t.Helper()
	if err := k.sql.Connect(k.t.Context()); err != nil {
		k.t.Fatal(err)
	}
	k.agent.Calls()
}

func TestATableIsHandedOnAsItCame(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	if err := k.sql.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	k.answers(map[string]any{"recordCount": 2, "content": table, "maxInstant": "2024-01-15T11:30:00.000Z"})
	result, err := k.read()
	if err != nil || len(k.texts) != 1 || k.texts[0] != table || k.names[0] != "My DB-a-b-2024_01_15_12_00_00_000.csv" {
		t.Errorf("got %q, %q, %v", k.names, k.texts, err)
	}
	if !result.Tracked.Equal(noon.Add(-30*time.Minute)) || string(result.Last) != `{"time":"2024-01-15 12:30:00.000","value":"é😀"}` {
		t.Errorf("got %v, %s", result.Tracked, result.Last)
	}
	if err := k.sql.Disconnect(t.Context()); err != nil {
		t.Error(err)
	}
	want := []string{
		`PUT ole/s1/connect {"connectionString":"Data Source=x;Password=top secret;","connectionTimeout":1500}`,
		`PUT ole/s1/read {"connectionString":"Data Source=x;Password=top secret;","sql":"SELECT * FROM t WHERE time > '2024-01-15 12:00:00' AND time <= '2024-01-15 13:00:00' AND x <> '2024-01-15 12:00:00'",` +
			`"readTimeout":2500,"timeColumn":"time","datasourceTimestampFormat":"yyyy-MM-dd HH:mm:ss","datasourceTimezone":"Europe/Paris","delimiter":";","outputTimestampFormat":"yyyy-MM-dd HH:mm:ss.SSS","outputTimezone":"Europe/Paris"}`,
		`DELETE ole/s1/disconnect`,
	}
	if got := k.agent.Calls(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
	if !strings.Contains(k.log.String(), `@StartTime = 2024-01-15 12:00:00 @EndTime = 2024-01-15 13:00:00`) || strings.Contains(k.log.String(), "secret") {
		t.Errorf("logged %s", k.log.String())
	}
	if left, err := os.ReadDir(k.dir); err != nil || len(left) != 0 {
		t.Errorf("left %v, %v", left, err)
	}
}

func TestVariablesAreSpelledAsTheReferenceColumn(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	k.connect()
	k.item["query"] = "@StartTime|@EndTime"
	field := func(kind string, reference bool) map[string]any {
		return map[string]any{"fieldName": "t", "useAsReference": reference, "type": kind, "timezone": "UTC", "format": "dd/MM/yyyy", "locale": "en-En"}
	}
	for _, c := range []struct {
		fields     []any
		sql, extra string
	}{
		{nil, "2024-01-15T11:00:00.000Z|2024-01-15T12:00:00.000Z", ""},
		{[]any{field("unix-epoch", false)}, "2024-01-15T11:00:00.000Z|2024-01-15T12:00:00.000Z", ""},
		{[]any{field("unix-epoch", true)}, "1705316400|1705320000", `"timeColumn":"t",`},
		{[]any{field("unix-epoch-ms", true)}, "1705316400000|1705320000000", `"timeColumn":"t",`},
		{[]any{field("iso-string", true)}, "2024-01-15T11:00:00.000Z|2024-01-15T12:00:00.000Z", `"timeColumn":"t",`},
		{[]any{field("iso-string", false), field("string", true)}, "15/01/2024|15/01/2024", `"timeColumn":"t","datasourceTimestampFormat":"dd/MM/yyyy","datasourceTimezone":"UTC",`},
	} {
		k.item["dateTimeFields"] = c.fields
		if _, err := k.read(); err != nil {
			t.Error(err)
		}
		want := `"sql":"` + c.sql + `","readTimeout":2500,` + c.extra + `"delimiter"`
		if calls := k.agent.Calls(); len(calls) != 1 || !strings.Contains(calls[0].Body, want) {
			t.Errorf("got %v, want %s", calls, want)
		}
	}
	k.item["dateTimeFields"], k.item["serialization"] = nil, serialization(map[string]any{"delimiter": "HASH"})
	if _, err := k.read(); err == nil || len(k.agent.Calls()) != 0 {
		t.Errorf("got %v", err)
	}
}

func TestWhatIsNotThereIsNotHandedOn(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	k.connect()
	for _, answer := range []any{map[string]any{"recordCount": 0, "content": "", "maxInstant": nil}, map[string]any{}, map[string]any{"recordCount": 0, "content": "time;value"}} {
		k.answers(answer)
		if result, err := k.read(); err != nil || len(k.texts) != 0 || !result.Tracked.IsZero() || result.Last != nil {
			t.Errorf("%v: got %+v, %v, %q", answer, result, err, k.texts)
		}
	}
	for _, answer := range []any{map[string]any{"recordCount": 1}, map[string]any{"recordCount": "x"}, map[string]any{"recordCount": 1, "content": 7}} {
		k.answers(answer)
		if _, err := k.read(); err == nil || len(k.texts) != 0 {
			t.Errorf("%v: got %v, %q", answer, err, k.texts)
		}
	}
	for _, c := range []struct{ max, warning any }{{"2024-01-15T11:00:00.000Z", nil}, {"", nil}, {nil, nil}, {"soon", "is no instant"}, {5, "is not what it should be"}} {
		k.log.Reset()
		k.answers(map[string]any{"recordCount": 1, "content": table, "maxInstant": c.max})
		result, err := k.read()
		if err != nil || len(k.texts) != 1 || !result.Tracked.IsZero() {
			t.Errorf("%v: got %+v, %v", c.max, result, err)
		}
		if c.warning != nil && !strings.Contains(k.log.String(), fmt.Sprint(c.warning)) {
			t.Errorf("%v: logged %s", c.max, k.log.String())
		}
	}
	k.refuse = errors.New("no north wants it")
	if result, err := k.read(); !errors.Is(err, k.refuse) || !result.Tracked.IsZero() {
		t.Errorf("got %+v, %v", result, err)
	}
}

func TestTablesAreCompressedWhenAsked(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	k.connect()
	k.item["serialization"] = serialization(map[string]any{"compression": "true", "filename": ""})
	k.answers(map[string]any{"recordCount": 2, "content": table})
	result, err := k.read()
	if err != nil || len(k.names) != 1 || !strings.HasSuffix(k.names[0], ".csv.gz") {
		t.Fatalf("got %v, %v", k.names, err)
	}
	z, err := gzip.NewReader(strings.NewReader(k.texts[0]))
	if err != nil {
		t.Fatal(err)
	}
	if raw, err := io.ReadAll(z); err != nil || string(raw) != table || result.Last == nil {
		t.Errorf("got %q, %v, %s", raw, err, result.Last)
	}
}

func TestAnAgentThatWasStartedAgainIsConnectedAgain(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	k.connect()
	k.answers(map[string]any{"recordCount": 1, "content": table})
	k.agent.Restart()
	want := "Error occurred when querying remote agent with status 404: there is no connection ole/s1"
	if _, err := k.read(); err == nil || err.Error() != want || len(k.lost) != 0 {
		t.Errorf("got %v, lost %v", err, k.lost)
	}
	if _, err := k.read(); err != nil || len(k.texts) != 1 {
		t.Errorf("got %v", err)
	}
	k.agent.Refuse("read", 400, "the query with top secret is wrong")
	if _, err := k.read(); err == nil || err.Error() != "Error occurred when querying remote agent with status 400: the query with ******** is wrong" {
		t.Errorf("got %v", err)
	}
	k.agent.Refuse("read", 0, "")
	k.stop()
	address := strings.TrimPrefix(k.agent.URL, "http://")
	_, err := k.read()
	if want := "Error while sending connection HTTP request into agent. Reconnecting in 7000 ms. connect ECONNREFUSED " + address; err == nil || err.Error() != want || len(k.lost) != 1 || k.lost[0] != want+" after 7s" {
		t.Errorf("got %v, lost %v", err, k.lost)
	}
}

func TestAnAgentThatGoesAwayIsWaitedFor(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	k.connect()
	k.stop()
	if _, err := k.read(); err == nil || !strings.HasPrefix(err.Error(), "connect ECONNREFUSED ") || len(k.lost) != 1 {
		t.Errorf("got %v, lost %v", err, k.lost)
	}
	if err := k.sql.Disconnect(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestConnectingSaysWhyItFailed(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	for status, want := range map[int]string{400: "Error occurred when sending connect command to remote agent with status 400: no such ********", 500: "Error occurred when sending connect command to remote agent with status 500"} {
		k.lost = nil
		k.agent.Refuse("connect", status, "no such top secret")
		if err := k.sql.Connect(t.Context()); err == nil || err.Error() != want || len(k.lost) != 1 || k.lost[0] != want+" after 7s" {
			t.Errorf("got %v, lost %v", err, k.lost)
		}
		if _, err := k.sql.Test(t.Context()); err == nil || err.Error() != want {
			t.Errorf("got %v", err)
		}
	}
	k.lost = nil
	k.stop()
	err := k.sql.Connect(t.Context())
	if want := "Error while sending connection HTTP request into agent. Reconnecting in 7000 ms. connect ECONNREFUSED " + strings.TrimPrefix(k.agent.URL, "http://"); err == nil || err.Error() != want || len(k.lost) != 1 {
		t.Errorf("got %v, lost %v", err, k.lost)
	}
	if _, err := NewSQL(k.env(), Database{AgentURL: "ftp://x"}); err == nil {
		t.Error("a URL of another kind was taken")
	}
}

func TestTestsLeaveTheRunningConnectionAlone(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	k.connect()
	report, err := k.sql.Test(t.Context())
	raw, _ := json.Marshal(report)
	if err != nil || string(raw) != `{"items":[]}` || k.agent.Connected() != 1 {
		t.Errorf("got %s, %v", raw, err)
	}
	k.answers(map[string]any{"recordCount": 2, "content": table})
	for _, w := range []*interval.Window{&window, nil} {
		k.agent.Calls()
		result, err := k.sql.TestItem(t.Context(), south.TestRequest{Item: k.items()[0], Window: w})
		if err != nil {
			t.Fatal(err)
		}
		r, err := result.Content.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		r.Close()
		if err != nil || string(text) != table || !strings.HasSuffix(result.FilePath, "My DB-a-b-2024_01_15_12_00_00_000.csv") || !strings.HasPrefix(result.FilePath, k.dir) {
			t.Errorf("got %q, %+v, %v", text, result, err)
		}
		calls := k.agent.Calls()
		if len(calls) != 3 || calls[1].Path != "ole/s1-test/read" || !strings.Contains(calls[1].Body, "time > '2024-01-15 12:00:00' AND time <= '2024-01-15 13:00:00'") || k.agent.Connected() != 1 {
			t.Errorf("got %v", calls)
		}
	}
	k.answers(map[string]any{"recordCount": 0})
	if result, err := k.sql.TestItem(t.Context(), south.TestRequest{Item: k.items()[0]}); err != nil || result.Content.Size != 0 {
		t.Errorf("got %+v, %v", result, err)
	}
	if left, err := os.ReadDir(k.dir); err != nil || len(left) != 0 {
		t.Errorf("left %v, %v", left, err)
	}
}

func TestATableOfAnySizeTakesLittleMemory(t *testing.T) {
	k := newKit(t)
	k.connect()
	const rows = 100_000
	var text strings.Builder
	text.WriteString(`{"recordCount":100000,"content":"time;value`)
	for i := range rows {
		fmt.Fprintf(&text, `\r\n%d;a reading of some length`, i)
	}
	text.WriteString(`"}`)
	k.agent.Reads(func(string, []byte) (int, string) { return http.StatusOK, text.String() })
	var size int64
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	result, err := k.sql.ReadWindow(t.Context(), south.WindowQuery{Items: k.items(), Window: window, Emit: func(_ context.Context, c content.Content, _ []south.Item) error {
		size = c.Size
		return nil
	}})
	runtime.ReadMemStats(&after)
	if err != nil || string(result.Last) != `{"time":"99999","value":"a reading of some length"}` || size < 25*rows {
		t.Errorf("got %s, %d bytes, %v", result.Last, size, err)
	}
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 2<<20 {
		t.Errorf("%d bytes were allocated for a table of %d", grown, size)
	}
}
