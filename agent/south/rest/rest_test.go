package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"oibus/agent/connector"
	"oibus/agent/content"
	"oibus/agent/interval"
	"oibus/agent/south"
)

var window = interval.Window{Start: time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC), End: time.Date(2024, 1, 1, 6, 0, 0, 0, time.UTC)}

// source answers with what the test sets, and notes what it was asked.
type source struct {
	*httptest.Server
	status      int
	contentType string
	header      map[string]string
	body        string
	serve       func(w io.Writer)

	uri, sent, method string
	got               http.Header
}

func newSource(t *testing.T) *source {
	t.Helper()
	s := &source{status: 200, contentType: "application/json"}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		s.uri, s.sent, s.method, s.got = r.RequestURI, string(raw), r.Method, r.Header
		w.Header()["Content-Type"] = nil
		if s.contentType != "" {
			w.Header().Set("Content-Type", s.contentType)
		}
		for k, v := range s.header {
			w.Header().Set(k, v)
		}
		w.WriteHeader(s.status)
		if s.serve != nil {
			s.serve(w)
			return
		}
		_, _ = io.WriteString(w, s.body)
	}))
	t.Cleanup(s.Close)
	return s
}

type emitted struct {
	name, text string
}

// kit is a South on a source, and what it emitted.
type kit struct {
	t      *testing.T
	rest   *REST
	item   map[string]any
	sent   []emitted
	refuse error
	log    bytes.Buffer
	count  bool
	bytes  int64
}

func newKit(t *testing.T, host string, changes map[string]any) *kit {
	t.Helper()
	k := &kit{t: t, item: map[string]any{"method": "GET", "endpoint": "/rest/data", "returnType": "body", "queryParams": []any{}, "headers": []any{},
		"trackingInstant": map[string]any{"trackInstant": false}}}
	all := map[string]any{"host": host, "acceptUnauthorized": false, "timeout": 30, "authentication": map[string]any{"type": "none"},
		"proxy": map[string]any{"useProxy": false}, "test": map[string]any{"method": "GET", "endpoint": "/rest/test", "successCode": 200}}
	for key, v := range changes {
		all[key] = v
	}
	raw, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	k.rest, err = build(south.Env{Env: connector.Env{Name: "REST", Settings: raw, TempDir: t.TempDir(), Log: slog.New(slog.NewTextHandler(&k.log, nil)),
		Host: connector.Host{Version: "3.8.8", Now: time.Now}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.rest.Disconnect(t.Context()) })
	return k
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
	if k.count {
		k.bytes, err = io.Copy(io.Discard, r)
		return err
	}
	raw, err := io.ReadAll(r)
	k.sent = append(k.sent, emitted{c.FileName, string(raw)})
	return err
}

func (k *kit) settings() json.RawMessage {
	raw, err := json.Marshal(k.item)
	if err != nil {
		k.t.Fatal(err)
	}
	return raw
}

func (k *kit) read() (south.WindowResult, error) {
	k.t.Helper()
	k.sent = nil
	result, err := k.rest.ReadWindow(k.t.Context(), south.WindowQuery{Window: window, Emit: k.emit,
		Items: []south.Item{{ID: "i", Name: "r", Settings: k.settings()}}})
	if left, dirErr := os.ReadDir(k.rest.temp); dirErr != nil || len(left) != 0 {
		k.t.Errorf("left %v, %v", left, dirErr)
	}
	return result, err
}

func TestTheRequestIsThatOfTheReference(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	s.body = `{"ok": true, "items": [{"id": "a", "v": 1.5}]}`
	k := newKit(t, s.URL, map[string]any{"authentication": map[string]any{"type": "basic", "username": "u1", "password": "south-secret"}})
	k.item["queryParams"] = []any{map[string]any{"key": "from", "value": "@StartTime", "dateTimeInput": map[string]any{"type": "iso-string"}}}
	if _, err := k.read(); err != nil {
		t.Fatal(err)
	}
	if s.method != "GET" || s.uri != "/rest/data?from=2024-01-01T00%3A00%3A00.000Z" || len(s.got) != 2 || s.got.Get("Authorization") != "Basic dTE6c291dGgtc2VjcmV0" {
		t.Errorf("got %s %s %v", s.method, s.uri, s.got)
	}
	if len(k.sent) != 1 || k.sent[0].text != `{"ok":true,"items":[{"id":"a","v":1.5}]}` || !regexp.MustCompile(`^REST-r-[0-9a-zA-Z]{10}\.json$`).MatchString(k.sent[0].name) {
		t.Errorf("got %v", k.sent)
	}
}

func TestVariablesAreFilledInEverywhere(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	s.body = "[]"
	k := newKit(t, s.URL, map[string]any{"authentication": map[string]any{"type": "api-key", "apiKey": "X-Key", "apiValue": "v", "addTo": "query-params"}})
	k.item["method"], k.item["endpoint"] = "POST", "/q?fixed=1"
	k.item["queryParams"] = []any{
		map[string]any{"key": "w", "value": "@StartTime..@EndTime/@StartTime", "dateTimeInput": map[string]any{"type": "unix-epoch"}},
		map[string]any{"key": "k", "value": "1"}, map[string]any{"key": "k", "value": "2"},
		map[string]any{"key": "plain", "value": "@EndTime"},
	}
	k.item["headers"] = []any{map[string]any{"key": "X-From", "value": "<@StartTime>",
		"dateTimeInput": map[string]any{"type": "string", "timezone": "Europe/Paris", "format": "yyyy-MM-dd HH:mm:ss"}},
		map[string]any{"key": "content-type", "value": "text/plain"}}
	k.item["body"] = map[string]any{"content": `{"from":@StartTime,"to":@EndTime}`, "dateTimeInput": map[string]any{"type": "unix-epoch-ms"}}
	if _, err := k.read(); err != nil {
		t.Fatal(err)
	}
	if want := "/q?fixed=1&w=1704067200..1704088800%2F1704067200&k=1&k=2&plain=2024-01-01T06%3A00%3A00.000Z&X-Key=v"; s.uri != want {
		t.Errorf("got %s, want %s", s.uri, want)
	}
	if s.got.Get("X-From") != "<2024-01-01 01:00:00>" || s.got.Get("Content-Type") != "text/plain" || len(s.got["Content-Type"]) != 1 {
		t.Errorf("got %v", s.got)
	}
	if s.sent != `{"from":1704067200000,"to":1704088800000}` {
		t.Errorf("got %s", s.sent)
	}
	k.item["body"] = map[string]any{"content": "@StartTime"}
	k.item["headers"] = []any{}
	if _, err := k.read(); err != nil || s.sent != "2024-01-01T00:00:00.000Z" || s.got.Get("Content-Type") != "application/json" {
		t.Errorf("got %s, %v, %v", s.sent, s.got, err)
	}
}

func TestAnswersAreWhatTheyAreWhateverTheyAreCalled(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	k := newKit(t, s.URL, nil)
	for _, c := range []struct{ contentType, body, text, extension string }{
		{"application/json; charset=utf-8", " [ 1 ] ", "[1]", ".json"},
		{"application/vnd.x+json", `{"a" : 12345678901234567890}`, `{"a":12345678901234567890}`, ".json"},
		{"text/plain", "[ 1, 2 ]", "[1,2]", ".json"},
		{"", `{"a": 1}`, `{"a":1}`, ".json"},
		{"text/plain", " 42 ", " 42 ", ".json"},
		{"application/xml", "<a> b </a>", "<a> b </a>", ".xml"},
		{"text/csv", "a;b\r\n1;2", "a;b\r\n1;2", ""},
		{"text/plain", "[not json", "[not json", ""},
		{"application/octet-stream", "\x00\xff\xfe", "\x00\xff\xfe", ""},
	} {
		s.contentType, s.body = c.contentType, c.body
		_, err := k.read()
		if err != nil || len(k.sent) != 1 || k.sent[0].text != c.text || !regexp.MustCompile(`^REST-r-\w{10}`+regexp.QuoteMeta(c.extension)+`$`).MatchString(k.sent[0].name) {
			t.Errorf("%s %q: got %q, %v", c.contentType, c.body, k.sent, err)
		}
	}
	s.contentType, s.body = "application/json", "{broken"
	if _, err := k.read(); err == nil || !strings.HasPrefix(err.Error(), "the answer is no JSON: ") || len(k.sent) != 0 {
		t.Errorf("got %v, %v", err, k.sent)
	}
	for _, contentType := range []string{"application/json", "text/plain", "text/xml"} {
		s.contentType, s.body = contentType, ""
		if _, err := k.read(); err != nil || len(k.sent) != 0 {
			t.Errorf("empty %s: got %v, %v", contentType, err, k.sent)
		}
	}
}

func TestFilesKeepTheirBytesAndASafeName(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	k := newKit(t, s.URL, nil)
	k.item["returnType"] = "file"
	s.contentType, s.body = "application/json", "\x00\xff{ broken"
	for disposition, want := range map[string]string{
		`attachment; filename="report.csv"`:            `^report\.csv$`,
		`attachment; filename=my report.csv`:           `^my-report\.csv$`,
		`attachment; filename*=UTF-8''%c3%a9t%c3%a9.x`: `^-t-\.x$`,
		`attachment; filename="../../etc/passwd"`:      `^\.\.-\.\.-etc-passwd$`,
		`attachment; filename=".."`:                    `^REST-r-\w{10}$`,
		``:                                             `^REST-r-\w{10}$`,
	} {
		s.header = map[string]string{"Content-Disposition": disposition}
		_, err := k.read()
		if err != nil || len(k.sent) != 1 || k.sent[0].text != s.body || !regexp.MustCompile(want).MatchString(k.sent[0].name) {
			t.Errorf("%s: got %q, %v", disposition, k.sent, err)
		}
	}
}

func TestTheGreatestInstantIsTracked(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	k := newKit(t, s.URL, nil)
	track := func(path string, dateTime map[string]any) {
		k.item["trackingInstant"] = map[string]any{"trackInstant": "true", "jsonPath": path, "dateTimeInput": dateTime}
	}
	want := time.Date(2024, 1, 1, 9, 0, 0, 0, time.UTC)
	paris := map[string]any{"type": "string", "timezone": "Europe/Paris", "format": "yyyy-MM-dd HH:mm:ss", "locale": "en-En"}
	for _, c := range []struct {
		path     string
		dateTime map[string]any
		body     string
		want     time.Time
	}{
		{"$.items[*].t", paris, `{"items":[{"t":"2024-01-01 10:00:00"},{"t":"2024-01-01 09:59:00"},{"t":""},{"t":null},{"t":"soon"}]}`, want},
		{"$..t", map[string]any{"type": "unix-epoch"}, `[{"t":1704099600},{"t":"1704099000"},{"t":0}]`, want},
		{"$[*].t", map[string]any{"type": "unix-epoch-ms"}, `[{"t":1704099600000}]`, want},
		{"$[*].t", map[string]any{"type": "iso-string"}, `[{"t":"2024-01-01T10:00:00+01:00"}]`, want},
		{"$[?(@.ok==true)].t", map[string]any{"type": "iso-string"}, `[{"t":"2024-01-01T10:00:00+01:00","ok":true},{"t":"2024-01-02T10:00:00Z","ok":false}]`, want},
		{"$[-1:].t", map[string]any{"type": "iso-string"}, `[{"t":"2025-01-01T10:00:00Z"},{"t":"2024-01-01T09:00:00Z"}]`, want},
		{"$[*].t", nil, `[{"x":1}]`, time.Time{}},
		{"$[*].t", nil, `[]`, time.Time{}},
	} {
		track(c.path, c.dateTime)
		for _, contentType := range []string{"application/json", "text/plain"} {
			s.body, s.contentType = c.body, contentType
			result, err := k.read()
			if err != nil || !result.Tracked.Equal(c.want) || len(k.sent) != 1 {
				t.Errorf("%s: got %v, %v; want %v", c.path, result.Tracked, err, c.want)
			}
		}
	}
	if !strings.Contains(k.log.String(), "no dates") {
		t.Errorf("no warning: %s", k.log.String())
	}
	for _, c := range []struct{ path, dateTime, body string }{
		{"$[*].t", "unix-epoch", `[{"t":"soon"}]`}, {"$[*].t", "iso-string", `[{"t":7}]`}, {"$[*].t", "iso-string", `[{"t":{}}]`}, {"$[*].t", "iso-string", `[{"t":true}]`},
		{"$[", "iso-string", `[]`}, {"", "iso-string", `[]`}, {"$", "nonsense", `[]`},
	} {
		track(c.path, map[string]any{"type": c.dateTime})
		s.body = c.body
		if _, err := k.read(); err == nil || len(k.sent) != 0 {
			t.Errorf("%s %s: no error, sent %v", c.path, c.body, k.sent)
		}
	}
}

func TestFailuresKeepTheWindow(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	k := newKit(t, s.URL, map[string]any{"authentication": map[string]any{"type": "bearer", "token": "the token"}})
	s.status, s.body = 503, "Bearer the token is not welcome"
	_, err := k.read()
	if want := "HTTP request failed with status code 503 and message: Bearer ******** is not welcome"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	s.status, s.body = 200, "[1]"
	k.refuse = errors.New("no north wants it")
	if _, err := k.read(); !errors.Is(err, k.refuse) {
		t.Errorf("got %v", err)
	}
	k.refuse, s.header = nil, map[string]string{"Content-Length": "1000"}
	if _, err := k.read(); err == nil || err.Error() != "other side closed" || len(k.sent) != 0 {
		t.Errorf("half an answer: got %v, %v", err, k.sent)
	}
	s.Close()
	_, err = k.read()
	if want := "Fetch error: connect ECONNREFUSED " + strings.TrimPrefix(s.URL, "http://"); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestTheLastValueIsTheAnswerAsText(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	k := newKit(t, s.URL, nil)
	s.body = `{"a":"é"}`
	if result, err := k.read(); err != nil || string(result.Last) != `"{\"a\":\"é\"}"` {
		t.Errorf("got %s, %v", result.Last, err)
	}
	s.contentType, s.body = "text/plain", "\xff"
	if result, err := k.read(); err != nil || result.Last != nil {
		t.Errorf("got %s, %v", result.Last, err)
	}
	s.body = "x" + strings.Repeat("é", maxLast)
	if result, err := k.read(); err != nil || len(result.Last) < maxLast-2 || !json.Valid(result.Last) {
		t.Errorf("got %d bytes, %v", len(result.Last), err)
	}
}

func TestTheTestAsksWhatItIsTold(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	test := map[string]any{"method": "PUT", "endpoint": "/t", "successCode": "201", "body": "{}"}
	k := newKit(t, s.URL, map[string]any{"test": test})
	s.status = 201
	report, err := k.rest.Test(t.Context())
	raw, _ := json.Marshal(report)
	if err != nil || string(raw) != `{"items":[]}` || s.method != "PUT" || s.uri != "/t" || s.sent != "{}" {
		t.Errorf("got %s, %v, %s %s %s", raw, err, s.method, s.uri, s.sent)
	}
	s.status, s.body = 200, "hello"
	if _, err := k.rest.Test(t.Context()); err == nil || err.Error() != "HTTP request failed with status code 200, expected 201. Message: hello" {
		t.Errorf("got %v", err)
	}
}

func TestTheTestOfAnItemReadsIt(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	s.body = `{"ok": true}`
	k := newKit(t, s.URL, nil)
	k.item["queryParams"] = []any{map[string]any{"key": "from", "value": "@StartTime"}}
	for _, w := range []*interval.Window{&window, nil} {
		result, err := k.rest.TestItem(t.Context(), south.TestRequest{Item: south.Item{ID: "test", Name: "r", Settings: k.settings()}, Window: w})
		if err != nil {
			t.Fatal(err)
		}
		r, err := result.Content.Open()
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(r)
		r.Close()
		if err != nil || string(raw) != `{"ok":true}` || !regexp.MustCompile(`^REST-r-\w{10}\.json$`).MatchString(result.FilePath) || result.Connection != 0 {
			t.Errorf("got %s, %+v, %v", raw, result, err)
		}
	}
}

func TestLargeAnswersTakeLittleMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("a lot of work, which the race detector only makes slow")
	}
	s := newSource(t)
	const elements = 500_000
	s.serve = func(w io.Writer) {
		for i := range elements {
			lead := ","
			if i == 0 {
				lead = "["
			}
			fmt.Fprintf(w, `%s{"t": %d, "value": "a reading of some length"}`, lead, 1704099600000+i)
		}
		_, _ = io.WriteString(w, "]")
	}
	k := newKit(t, s.URL, nil)
	k.count = true
	k.item["trackingInstant"] = map[string]any{"trackInstant": true, "jsonPath": "$[*].t", "dateTimeInput": map[string]any{"type": "unix-epoch-ms"}}
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	result, err := k.read()
	runtime.ReadMemStats(&after)
	if err != nil || result.Tracked.UnixMilli() != 1704099600000+elements-1 || k.bytes < 20*elements {
		t.Fatalf("got %v, %v, %d bytes", result.Tracked, err, k.bytes)
	}
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 32<<20 {
		t.Errorf("the heap grew by %d bytes", grown)
	}
}

func FuzzAttachment(f *testing.F) {
	f.Add(`attachment; filename="a/../b"`)
	f.Add(`filename=x;;"`)
	f.Fuzz(func(t *testing.T, disposition string) {
		name := attachment(http.Header{"Content-Disposition": {disposition}})
		if strings.ContainsAny(name, "/\\\x00") || name == "." || name == ".." {
			t.Errorf("%q: %q", disposition, name)
		}
	})
}
