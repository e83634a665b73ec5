package rest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"oibus/agent/connector"
	"oibus/agent/content"
	"oibus/agent/north"
)

type seen struct {
	method, uri string
	header      http.Header
	body        string
}

// target answers with the status in *status and what it was sent, and notes it.
func target(t *testing.T, status *int) (url string, last *seen) {
	t.Helper()
	last = &seen{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		*last = seen{r.Method, r.RequestURI, r.Header, string(raw)}
		w.WriteHeader(*status)
		fmt.Fprint(w, "answer to ", r.RequestURI, " ", r.Header.Get("Authorization"))
	}))
	t.Cleanup(s.Close)
	return s.URL, last
}

func settingsOf(host string, changes map[string]any) json.RawMessage {
	all := map[string]any{
		"host": host, "acceptUnauthorized": false, "method": "POST", "endpoint": "/api/data", "timeout": 30, "sendAs": "body", "successCode": 200,
		"authentication": map[string]any{"type": "none"}, "proxy": map[string]any{"useProxy": false},
		"queryParams": []any{}, "headers": []any{},
		"test": map[string]any{"testMethod": "GET", "testEndpoint": "/", "testSuccessCode": 200},
	}
	for k, v := range changes {
		all[k] = v
	}
	raw, _ := json.Marshal(all)
	return raw
}

func built(t *testing.T, host string, changes map[string]any) *REST {
	t.Helper()
	r, err := build(north.Env{Env: connector.Env{Name: "n", Settings: settingsOf(host, changes),
		Host: connector.Host{Version: "3.8.8", Now: func() time.Time { return time.UnixMilli(1705312800000) }}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Disconnect(t.Context()) })
	return r
}

func file(name, text string) north.Delivery {
	return north.Delivery{Kind: content.Any, Name: name, Size: int64(len(text)),
		Open: func() io.ReadCloser { return io.NopCloser(strings.NewReader(text)) }}
}

func pairs(kv ...string) []map[string]string {
	list := []map[string]string{}
	for i := 0; i < len(kv); i += 2 {
		list = append(list, map[string]string{"key": kv[i], "value": kv[i+1]})
	}
	return list
}

func TestFilesAreSentAsBodyWithTheTypeOfTheirExtension(t *testing.T) {
	t.Parallel()
	status := 200
	url, last := target(t, &status)
	for name, want := range map[string]string{"a.json": "application/json", "a.XML": "application/xml", "sub/a.txt": "text/plain", "a.CSV": "text/csv", "a.bin": "", "a": ""} {
		if err := built(t, url, map[string]any{"method": "PUT"}).Send(t.Context(), file(name, "text")); err != nil {
			t.Fatal(err)
		}
		if last.method != "PUT" || last.uri != "/api/data" || last.body != "text" || last.header.Get("Content-Type") != want {
			t.Errorf("%s: got %+v", name, *last)
		}
	}
}

func TestQueriesAndKeysInThemWork(t *testing.T) {
	t.Parallel()
	status := 200
	url, last := target(t, &status)
	r := built(t, url, map[string]any{"endpoint": "/data?x=1", "queryParams": pairs("a", "1", "b", "2", "a", "3"),
		"authentication": map[string]any{"type": "api-key", "apiKey": "key", "apiValue": "the secret", "addTo": "query-params"}})
	if err := r.Send(t.Context(), file("a", "text")); err != nil || last.uri != "/data?x=1&a=3&b=2&key=the%20secret" {
		t.Errorf("got %s, %v", last.uri, err)
	}
	status = 400
	err := r.Send(t.Context(), file("a", "text"))
	if want := "HTTP request failed with status code 400 and message: answer to /data?x=1&a=3&b=2&key=******** "; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestOneHeaderOfEachName(t *testing.T) {
	t.Parallel()
	status := 200
	url, last := target(t, &status)
	headers := pairs("Content-Type", "text/special", "X-A", "1", "x-a", "2")
	if err := built(t, url, map[string]any{"headers": headers}).Send(t.Context(), file("a.json", "text")); err != nil {
		t.Fatal(err)
	}
	if got := last.header["Content-Type"]; len(got) != 1 || got[0] != "text/special" || last.header.Get("X-A") != "2" || len(last.header["X-A"]) != 1 {
		t.Errorf("got %v", last.header)
	}
	if err := built(t, url, map[string]any{"headers": headers, "sendAs": "file"}).Send(t.Context(), file("a\".json", "text")); err != nil {
		t.Fatal(err)
	}
	if got := last.header["Content-Type"]; len(got) != 1 || got[0] != "multipart/form-data; boundary=OIBusBoundary1705312800000" ||
		!strings.Contains(last.body, `filename="a%22.json"`) {
		t.Errorf("got %v %q", last.header, last.body)
	}
}

func TestTheSuccessCodeCounts(t *testing.T) {
	t.Parallel()
	status := 0
	url, _ := target(t, &status)
	for _, c := range []struct {
		want, got int
		success   bool
	}{{200, 200, true}, {200, 204, true}, {201, 201, true}, {201, 200, false}, {302, 302, true}, {200, 302, false}, {202, 500, false}} {
		status = c.got
		err := built(t, url, map[string]any{"successCode": c.want}).Send(t.Context(), file("a", "text"))
		if (err == nil) != c.success {
			t.Errorf("%d wanted, %d answered: %v", c.want, c.got, err)
		}
		if _, again := north.IsAgain(err); again != (c.got == 500) {
			t.Errorf("%d: again %t", c.got, again)
		}
	}
}

func TestTheTestTellsTheReferencesTexts(t *testing.T) {
	t.Parallel()
	status := 202
	url, last := target(t, &status)
	test := map[string]any{"testMethod": "POST", "testEndpoint": "/t?x=1", "body": `{"a":1}`, "testSuccessCode": "202"}
	auth := map[string]any{"type": "basic", "username": "u", "password": "password"}
	r := built(t, url, map[string]any{"test": test, "authentication": auth})
	report, err := r.Test(t.Context())
	raw, _ := json.Marshal(report)
	if want := `{"items":[{"key":"URL","value":"` + url + `/t"},{"key":"Status Code","value":"202"}]}`; err != nil || string(raw) != want {
		t.Errorf("got %s, %v; want %s", raw, err, want)
	}
	if last.method != "POST" || last.body != `{"a":1}` || last.header.Get("Content-Type") != "application/json" {
		t.Errorf("got %+v", *last)
	}
	status = 403
	_, err = r.Test(t.Context())
	if want := "HTTP request failed with status code 403, expected 202. Message: answer to /t?x=1 Basic ********"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	dead := httptest.NewServer(http.NotFoundHandler())
	dead.Close()
	_, err = built(t, dead.URL, nil).Test(t.Context())
	if want := "Fetch error: connect ECONNREFUSED " + strings.TrimPrefix(dead.URL, "http://"); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	err = built(t, dead.URL, nil).Send(t.Context(), file("a", "x"))
	if want := `Failed to reach file endpoint "` + dead.URL + `/api/data": connect ECONNREFUSED ` + strings.TrimPrefix(dead.URL, "http://"); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestSettingsThatCannotWorkAreRefused(t *testing.T) {
	t.Parallel()
	for want, changes := range map[string]map[string]any{
		`the method "GET" cannot send a content: choose POST, PUT or PATCH`: {"method": "GET"},
		"Proxy URL not specified": {"proxy": map[string]any{"useProxy": true, "proxyUrl": nil}},
	} {
		_, err := build(north.Env{Env: connector.Env{Settings: settingsOf("http://h", changes)}})
		if err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
