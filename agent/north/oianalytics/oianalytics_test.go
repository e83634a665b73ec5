package oianalytics

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"oibus/agent/cloud"
	"oibus/agent/connector"
	"oibus/agent/content"
	"oibus/agent/north"
)

const token = "mock-access-token-0123456789abcdef"

type seen struct {
	method, path, query string
	header              http.Header
	chunked             bool
	body                []byte
}

// cloudOf answers every request with status and body, and notes it.
func cloudOf(t *testing.T, status int, body string) (url string, requests func() []seen) {
	t.Helper()
	var mu sync.Mutex
	var all []seen
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		mu.Lock()
		all = append(all, seen{r.Method, r.URL.EscapedPath(), r.URL.RawQuery, r.Header, len(r.TransferEncoding) == 1, raw})
		mu.Unlock()
		w.Header().Set("Retry-After", "3")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(s.Close)
	return s.URL, func() []seen { mu.Lock(); defer mu.Unlock(); return all }
}

func built(t *testing.T, name, settings, host string) *OIAnalytics {
	t.Helper()
	o, err := build(north.Env{Env: connector.Env{Name: name, Settings: json.RawMessage(settings), Host: connector.Host{
		Version: "3.8.8", Now: time.Now,
		OIAnalytics: func() (cloud.Connection, error) { return cloud.Connection{Host: host, Token: token}, nil },
	}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = o.Disconnect(t.Context()) })
	return o
}

func delivery(kind content.Kind, name, text string) north.Delivery {
	return north.Delivery{Kind: kind, Name: name, Size: int64(len(text)),
		Open: func() io.ReadCloser { return io.NopCloser(strings.NewReader(text)) }}
}

// recorded are the requests that the reference was seen to make.
func recorded(t *testing.T) []recording {
	t.Helper()
	dir, err := filepath.Abs(".")
	for err == nil {
		if _, missing := os.Stat(filepath.Join(dir, "go.mod")); missing == nil {
			break
		}
		if filepath.Dir(dir) == dir {
			t.Skip("there is no module root above")
		}
		dir = filepath.Dir(dir)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "..", "shared", "golden", "north-oianalytics.json"))
	if err != nil {
		t.Skip("the recorded requests are not here: ", err)
	}
	var all []recording
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

type recording struct {
	Name     string
	Requests []struct {
		Method, Path, Query string
		Headers             [][2]string
		Gzip                bool
		Body                json.RawMessage
		BodyText            string
		BodyBase64          string
	}
}

var boundary = regexp.MustCompile(`OIBusBoundary\d{13}`)

func TestRequestsAreThoseOfTheReference(t *testing.T) {
	t.Parallel()
	const csv = "id,timestamp,value\nA,2024-01-01 00:00:00.000,1\nB,2024-07-01 00:00:01.000,2.5\nC,2024-01-01 00:00:02.000,text\n" +
		"D,2024-01-01 00:00:03.000,true\nE,2024-01-01 00:00:04.000,\n"
	for _, r := range recorded(t) {
		var d north.Delivery
		name, compress := "OIA plain", false
		switch r.Name {
		case "time-values-plain", "time-values-compressed":
			d = delivery(content.OIAnalytics, "x.json", string(r.Requests[0].Body))
		case "file-plain":
			d = delivery(content.Any, "raw file \u00c3\u00a9.csv", csv)
		case "file-compressed":
			d = delivery(content.Any, "raw.csv", csv)
		case "file-already-gz":
			d = delivery(content.Any, "raw.csv.gz", "\x1f\x8b not really")
		default:
			continue
		}
		if r.Name == "time-values-compressed" || strings.HasPrefix(r.Name, "file-") && r.Name != "file-plain" {
			name, compress = "OIA gz&é", true
		}
		url, requests := cloudOf(t, 200, "{}")
		o := built(t, name, fmt.Sprintf(`{"useOiaModule":true,"timeout":30,"compress":%t}`, compress), url)
		if err := o.Send(t.Context(), d); err != nil {
			t.Errorf("%s: %v", r.Name, err)
			continue
		}
		got, want := requests()[0], r.Requests[0]
		if got.method != want.Method || got.path != want.Path || got.query != want.Query || !got.chunked {
			t.Errorf("%s: got %s %s?%s", r.Name, got.method, got.path, got.query)
		}
		for _, h := range want.Headers {
			if h[0] == "host" || h[0] == "connection" || h[0] == "transfer-encoding" {
				continue
			}
			if boundary.ReplaceAllString(got.header.Get(h[0]), "B") != boundary.ReplaceAllString(h[1], "B") {
				t.Errorf("%s: header %s is %q, want %q", r.Name, h[0], got.header.Get(h[0]), h[1])
			}
			got.header.Del(h[0])
		}
		if len(got.header) > 0 {
			t.Errorf("%s: more headers: %v", r.Name, got.header)
		}
		body := []byte(want.BodyText)
		switch {
		case want.BodyBase64 != "":
			body, _ = base64.StdEncoding.DecodeString(want.BodyBase64)
		case want.BodyText == "":
			body = want.Body
		}
		if want.Gzip {
			got.body = gunzip(t, got.body)
		}
		if string(normal(t, got.body)) != string(normal(t, body)) {
			t.Errorf("%s: got body\n%q, want\n%q", r.Name, normal(t, got.body), normal(t, body))
		}
	}
}

// normal is a body whose boundary and compressed part do not depend on the time and the library.
func normal(t *testing.T, body []byte) []byte {
	t.Helper()
	body = boundary.ReplaceAll(body, []byte("B"))
	head, rest, _ := bytes.Cut(body, []byte("\r\n\r\n"))
	file, _, found := bytes.Cut(rest, []byte("\r\n--B--"))
	if found && bytes.HasPrefix(file, []byte("\x1f\x8b\x08")) {
		return append(head, gunzip(t, file)...)
	}
	return body
}

func gunzip(t *testing.T, data []byte) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

const module = `{"useOiaModule":true,"timeout":30,"compress":false}`

func TestRefusalsReadAsThoseOfTheReferenceAndPassOrNot(t *testing.T) {
	t.Parallel()
	for status, again := range map[int]bool{400: false, 302: false, 429: true, 500: true} {
		url, _ := cloudOf(t, status, "because")
		err := built(t, "n", module, url).Send(t.Context(), delivery(content.TimeValues, "", "[]"))
		found, isAgain := north.IsAgain(err)
		if err == nil || err.Error() != fmt.Sprintf("Error %d: because", status) || isAgain != again || isAgain && found.After != 3*time.Second {
			t.Errorf("%d: got %v", status, err)
		}
	}
}

func TestATargetThatIsNotThereIsTriedForEver(t *testing.T) {
	t.Parallel()
	dead := httptest.NewServer(http.NotFoundHandler())
	dead.Close()
	o := built(t, "n", module, dead.URL)
	address := strings.TrimPrefix(dead.URL, "http://")
	for kind, want := range map[content.Kind]string{
		content.TimeValues: "Fail to reach values endpoint " + dead.URL + "/api/oianalytics/oibus/time-values. connect ECONNREFUSED " + address,
		content.Any:        "Fail to reach file endpoint " + dead.URL + "/api/oianalytics/file-uploads. connect ECONNREFUSED " + address,
	} {
		err := o.Send(t.Context(), delivery(kind, "x", "[]"))
		if found, again := north.IsAgain(err); !again || found.Answer || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestWithoutRegistrationItIsAnErrorOfTheConnector(t *testing.T) {
	t.Parallel()
	o := built(t, "n", module, "")
	o2, err := build(north.Env{Env: connector.Env{Settings: json.RawMessage(module), Host: connector.Host{Now: time.Now,
		OIAnalytics: func() (cloud.Connection, error) {
			return cloud.Connection{}, errors.New("OIBus not registered in OIAnalytics")
		}}}})
	if err != nil {
		t.Fatal(err)
	}
	err = o2.Send(t.Context(), delivery(content.TimeValues, "", "[]"))
	if _, again := north.IsAgain(err); !again || err == nil || err.Error() != "OIBus not registered in OIAnalytics" {
		t.Errorf("got %v", err)
	}
	if err := o.Send(t.Context(), delivery(content.TimeValues, "", "[]")); err == nil || err.Error() != "Invalid URL" {
		t.Errorf("got %v", err)
	}
}

func TestTheTestIsTheOneOfTheReference(t *testing.T) {
	t.Parallel()
	url, requests := cloudOf(t, 200, `{"status":"OK"}`)
	report, err := built(t, "n", module, url).Test(t.Context())
	raw, _ := json.Marshal(report)
	if err != nil || string(raw) != `{"items":[]}` {
		t.Errorf("got %s, %v", raw, err)
	}
	r := requests()[0]
	if r.method != "GET" || r.path != "/api/oianalytics/oibus/status" || r.header.Get("Authorization") != "Bearer "+token || len(r.header) != 2 {
		t.Errorf("got %+v", r)
	}
}

func TestSpecificSettingsWithBasicAuthentication(t *testing.T) {
	t.Parallel()
	url, requests := cloudOf(t, 200, "{}")
	settings := fmt.Sprintf(`{"useOiaModule":false,"timeout":30,"compress":false,"specificSettings":{"host":%q,"acceptUnauthorized":false,
		"authentication":"basic","accessKey":"AK","secretKey":"SK","useProxy":false}}`, url)
	if err := built(t, "n", settings, "http://127.0.0.1:1").Send(t.Context(), delivery(content.TimeValues, "", "[]")); err != nil {
		t.Fatal(err)
	}
	if got := requests()[0].header.Get("Authorization"); got != "Basic QUs6U0s=" {
		t.Errorf("got %s", got)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestFilesOfAnySizeTakeTheSameMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("a lot of work, which the race detector only makes slow")
	}
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	t.Cleanup(s.Close)
	for _, compress := range []bool{false, true} {
		d := north.Delivery{Kind: content.Any, Name: "big",
			Open: func() io.ReadCloser { return io.NopCloser(io.LimitReader(zeros{}, 64<<20)) }}
		o := built(t, "n", fmt.Sprintf(`{"useOiaModule":true,"compress":%t}`, compress), s.URL)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if err := o.Send(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 8<<20 {
			t.Errorf("compressed %t: %d bytes were allocated", compress, grown)
		}
	}
}
