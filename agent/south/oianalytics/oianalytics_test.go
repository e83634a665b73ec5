package oianalytics

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"oibus/agent/cloud"
	"oibus/agent/connector"
	"oibus/agent/content"
	"oibus/agent/interval"
	"oibus/agent/south"
)

var window = interval.Window{Start: time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC), End: time.Date(2024, 1, 1, 6, 0, 0, 0, time.UTC)}

const recorded = `[{"type": "time-values", "unit": {"id": "2", "label": "%"}, "data": {"dataType": "RAW_TIME_DATA", "id": "D4", "reference": "MOCK_O2",
	"description": "Mock O2"}, "timestamps": ["2024-01-01T00:00:00.000Z", "2024-01-01T00:10:00Z"], "values": [63.64, 87.22]}]`

type kit struct {
	t      *testing.T
	south  *OIAnalytics
	item   map[string]any
	uri    string
	header http.Header
	status int
	body   string
	serve  func(w io.Writer)

	name, text string
	sent       int
	refuse     error
	count      bool
	bytes      int64
}

func newKit(t *testing.T) *kit {
	t.Helper()
	k := &kit{t: t, status: 200, body: recorded, item: map[string]any{"endpoint": "/api/oianalytics/time-values/query",
		"queryParams": []any{map[string]any{"key": "from", "value": "@StartTime"}, map[string]any{"key": "to", "value": "@EndTime"}, map[string]any{"key": "tag", "value": "MOCK_O2"}}}}
	k.serialization(nil)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		k.uri, k.header = r.RequestURI, r.Header
		w.WriteHeader(k.status)
		if k.serve != nil {
			k.serve(w)
			return
		}
		_, _ = io.WriteString(w, k.body)
	}))
	t.Cleanup(s.Close)
	var err error
	k.south, err = build(south.Env{Env: connector.Env{Name: "OIA/S", Settings: json.RawMessage(`{"useOiaModule":true,"timeout":30}`), TempDir: t.TempDir(), Host: connector.Host{
		Version: "3.8.8", Now: func() time.Time { return window.End },
		OIAnalytics: func() (cloud.Connection, error) {
			return cloud.Connection{Host: s.URL, Token: "mock-token"}, nil
		}}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.south.Disconnect(t.Context()) })
	return k
}

func (k *kit) serialization(changes map[string]any) {
	s := map[string]any{"type": "csv", "filename": "@ConnectorName-@ItemName-@CurrentDate.csv", "delimiter": "COMMA", "compression": false,
		"outputTimestampFormat": "yyyy-MM-dd HH:mm:ss.SSS", "outputTimezone": "Europe/Paris"}
	for key, v := range changes {
		s[key] = v
	}
	k.item["serialization"] = s
}

func (k *kit) emit(_ context.Context, c content.Content, items []south.Item) error {
	if k.refuse != nil {
		return k.refuse
	}
	if c.Kind != content.Any || len(items) != 1 {
		k.t.Errorf("got kind %s for %d items", c.Kind, len(items))
	}
	r, err := c.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	k.sent++
	if k.count {
		k.bytes, err = io.Copy(io.Discard, r)
		return err
	}
	raw, err := io.ReadAll(r)
	k.name, k.text = c.FileName, string(raw)
	return err
}

func (k *kit) items() []south.Item {
	raw, err := json.Marshal(k.item)
	if err != nil {
		k.t.Fatal(err)
	}
	return []south.Item{{ID: "i", Name: "o", Settings: raw}}
}

func (k *kit) read() (south.WindowResult, error) {
	k.t.Helper()
	k.sent, k.name, k.text = 0, "", ""
	result, err := k.south.ReadWindow(k.t.Context(), south.WindowQuery{Items: k.items(), Window: window, Emit: k.emit})
	if left, dirErr := os.ReadDir(k.south.temp); dirErr != nil || len(left) != 0 {
		k.t.Errorf("left %v, %v", left, dirErr)
	}
	return result, err
}

func TestEveryValueStandsInTheFile(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	result, err := k.read()
	if err != nil {
		t.Fatal(err)
	}
	if want := "/api/oianalytics/time-values/query?from=2024-01-01T00%3A00%3A00.000Z&to=2024-01-01T06%3A00%3A00.000Z&tag=MOCK_O2"; k.uri != want {
		t.Errorf("got %s", k.uri)
	}
	if len(k.header) != 2 || k.header.Get("Authorization") != "Bearer mock-token" {
		t.Errorf("got %v", k.header)
	}
	if want := "pointId,timestamp,value,unit\r\nMOCK_O2,2024-01-01 01:00:00.000,63.64,%\r\nMOCK_O2,2024-01-01 01:10:00.000,87.22,%"; k.text != want {
		t.Errorf("got %q, want %q", k.text, want)
	}
	if k.name != "OIA-S-o-2024_01_01_06_00_00_000.csv" || !result.Tracked.Equal(window.Start.Add(10*time.Minute)) ||
		string(result.Last) != `{"pointId":"MOCK_O2","timestamp":"2024-01-01T00:10:00.000Z","data":{"value":87.22,"unit":"%"}}` {
		t.Errorf("got %s, %v, %s", k.name, result.Tracked, result.Last)
	}
}

func TestTheFileIsAsTheSettingsSay(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	k.body = `[{"data":{"reference":"a;b"},"unit":null,"timestamps":["2024-01-01T00:00:00+01:00","2024-01-01T00:00:01Z","2024-01-01T00:00:02Z"],"values":["x \"y\"",null,true]},
		{"data":{"reference":"c"},"unit":{"label":"m;s"},"timestamps":[],"values":[]}]`
	k.serialization(map[string]any{"delimiter": "SEMI_COLON", "filename": "sub/@ItemName@ItemName", "compression": "true", "outputTimestampFormat": ""})
	if _, err := k.read(); err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(strings.NewReader(k.text))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(z)
	want := "pointId;timestamp;value;unit\r\n\"a;b\";2023-12-31T23:00:00.000Z;\"x \"\"y\"\"\";\r\n\"a;b\";2024-01-01T00:00:01.000Z;;\r\n\"a;b\";2024-01-01T00:00:02.000Z;true;"
	if err != nil || string(raw) != want || k.name != "sub/oo.gz" {
		t.Errorf("got %q, %v, %s; want %q", raw, err, k.name, want)
	}
	k.serialization(map[string]any{"delimiter": "NOPE"})
	if _, err := k.read(); err == nil || k.sent != 0 {
		t.Errorf("an unknown delimiter: got %v", err)
	}
}

func TestAnEmptyAnswerIsNothingAndMovesNothing(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	for _, body := range []string{"[]", `[{"data":{"reference":"c"},"timestamps":[],"values":[]}]`} {
		k.body = body
		if result, err := k.read(); err != nil || k.sent != 0 || !result.Tracked.IsZero() || result.Last != nil {
			t.Errorf("got %+v, %v", result, err)
		}
	}
}

func TestAWrongAnswerIsNone(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	for body, want := range map[string]string{
		"":             "the answer is no list of time series: ",
		"<html>":       "the answer is no list of time series: ",
		recorded[:200]: "the answer is no list of time series: ",
		`[{}]`:         "time series 1 of the answer: it has no data.reference",
		`[7]`:          "time series 1 of the answer: it has no data.reference",
		`[{"data":{"reference":"a"},"values":[]}]`:                                       "time series 1 of the answer: it has no list of timestamps",
		`[{"data":{"reference":"a"},"timestamps":["2024-01-01T00:00:00Z"],"values":[]}]`: "time series 1 of the answer: it has not as many timestamps as values",
		`[{"data":{"reference":"a"},"timestamps":["yesterday"],"values":[1]}]`:           `time series 1 of the answer: "yesterday" is no ISO 8601 date`,
	} {
		k.body = body
		if _, err := k.read(); err == nil || !strings.HasPrefix(err.Error(), want) || k.sent != 0 {
			t.Errorf("%.40s: got %v, want %s", body, err, want)
		}
	}
	k.status, k.body = 403, "no access"
	if _, err := k.read(); err == nil || err.Error() != "HTTP request failed with status code 403 and message: no access" {
		t.Errorf("got %v", err)
	}
}

func TestWhatIsNotTakenIsNotTracked(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	k.refuse = errors.New("no north wants it")
	if result, err := k.read(); !errors.Is(err, k.refuse) || !result.Tracked.IsZero() {
		t.Errorf("got %+v, %v", result, err)
	}
}

func TestTheTestOfAnItemGivesTimeValues(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	result, err := k.south.TestItem(t.Context(), south.TestRequest{Item: k.items()[0], Window: &window})
	if err != nil {
		t.Fatal(err)
	}
	r, err := result.Content.Open()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(r)
	want := `[{"pointId":"MOCK_O2","timestamp":"2024-01-01T00:00:00.000Z","data":{"value":63.64,"unit":"%"}},` +
		`{"pointId":"MOCK_O2","timestamp":"2024-01-01T00:10:00.000Z","data":{"value":87.22,"unit":"%"}}]`
	if err != nil || string(raw) != want || result.Content.Kind != content.TimeValues || result.Content.Elements != 2 {
		t.Errorf("got %s, %v", raw, err)
	}
	if _, err := k.south.TestItem(t.Context(), south.TestRequest{Item: k.items()[0]}); err != nil || !strings.Contains(k.uri, "from=2024-01-01T05%3A00%3A00.000Z") {
		t.Errorf("without a window: got %s, %v", k.uri, err)
	}
}

func TestTheTestOfTheConnectionAsksForTheStatus(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	if report, err := k.south.Test(t.Context()); err != nil || len(report.Items) != 0 || k.uri != "/api/oianalytics/oibus/status" {
		t.Errorf("got %v, %v, %s", report, err, k.uri)
	}
}

func TestManySeriesTakeTheMemoryOfOne(t *testing.T) {
	k := newKit(t)
	const series, each = 200, 2000
	k.count = true
	k.serve = func(w io.Writer) {
		times := strings.TrimSuffix(strings.Repeat(`"2024-01-01T00:00:00.000Z",`, each), ",")
		values := strings.TrimSuffix(strings.Repeat("12.5,", each), ",")
		_, _ = io.WriteString(w, "[")
		for i := range series {
			if i > 0 {
				_, _ = io.WriteString(w, ",")
			}
			fmt.Fprintf(w, `{"data":{"reference":"s%d"},"unit":{"label":"m"},"timestamps":[%s],"values":[%s]}`, i, times, values)
		}
		_, _ = io.WriteString(w, "]")
	}
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := k.read()
	runtime.ReadMemStats(&after)
	if err != nil || k.bytes < series*each*30 {
		t.Fatalf("got %d bytes, %v", k.bytes, err)
	}
	if allocations := after.Mallocs - before.Mallocs; allocations > series*each {
		t.Errorf("%d allocations for %d values", allocations, series*each)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(recorded))
	f.Add([]byte(`[{"data":{"reference":"a"},"timestamps":["2024-W01"],"values":[{"x":[1]}]}]`))
	instant := regexp.MustCompile(`^[-+]?\d{4,6}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`)
	f.Fuzz(func(t *testing.T, raw []byte) {
		_ = parse(strings.NewReader(string(raw)), func(r *reading) error {
			v := r.timeValue()
			if !json.Valid(v.Data) || !json.Valid(content.AppendTimeValue(nil, v)) || !instant.MatchString(v.Timestamp) {
				t.Errorf("%q: got %s %s", raw, v.Timestamp, v.Data)
			}
			return nil
		})
	})
}
