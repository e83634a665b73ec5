package cloud

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

const portal = "<!DOCTYPE html>\n<html><head><title>Welcome to Hotel WiFi</title></head><body>Please log in</body></html>"

// calls are all endpoints with a body that matters or not.
func calls(t *testing.T) map[string]func(c *Client, conn Connection) error {
	ctx := t.Context()
	return map[string]func(c *Client, conn Connection) error{
		"Register": func(c *Client, conn Connection) error {
			_, err := c.Register(ctx, conn, RegisterRequest{})
			return err
		},
		"Check":   func(c *Client, conn Connection) error { _, err := c.Check(ctx, conn, "/check?id=s3cret"); return err },
		"Status":  func(c *Client, conn Connection) error { return c.Status(ctx, conn, false) },
		"Pending": func(c *Client, conn Connection) error { _, err := c.Pending(ctx, conn); return err },
		"Cancelled": func(c *Client, conn Connection) error {
			_, err := c.Cancelled(ctx, conn, []string{"s3cret"})
			return err
		},
		"UpdateStatus":      func(c *Client, conn Connection) error { return c.UpdateStatus(ctx, conn, []byte("[]")) },
		"PutConfiguration":  func(c *Client, conn Connection) error { return c.PutConfiguration(ctx, conn, []byte("{}")) },
		"PutHistoryQueries": func(c *Client, conn Connection) error { return c.PutHistoryQueries(ctx, conn, []byte("{}")) },
		"PostLogs":          func(c *Client, conn Connection) error { return c.PostLogs(ctx, conn, []byte("[]")) },
		"Asset": func(c *Client, conn Connection) error {
			a, err := c.Asset(ctx, conn, "s3cret", Resume{})
			if err == nil {
				a.Body.Close()
			}
			return err
		},
	}
}

func TestACaptivePortalThatAnswers200IsNotTakenForOIAnalytics(t *testing.T) {
	t.Parallel()
	html := answering(t, 200, "text/html; charset=utf-8", portal)
	untyped := answering(t, 200, "", portal)
	for name, call := range calls(t) {
		hosts := []string{html.URL}
		if name != "Asset" { // its content is verified, whatever it is
			hosts = append(hosts, untyped.URL)
		}
		for _, host := range hosts {
			e := failureOf(t, call(newClient(t), Connection{Host: host, Token: "s3cret"}), Answer)
			if !strings.Contains(e.Error(), "captive portal") || !strings.Contains(e.Error(), e.Method+" "+e.Path) {
				t.Errorf("%s: the error does not say what happened: %v", name, e)
			}
			if strings.Contains(e.Error()+e.Describe(), "s3cret") {
				t.Errorf("%s: the error shows a secret: %v", name, e)
			}
			if !e.Retryable() || e.Status != 200 {
				t.Errorf("%s: status %d, retryable %v", name, e.Status, e.Retryable())
			}
		}
	}
}

func TestAnswersThatAreNotWhatTheyShouldBeAreErrorsThatShowHowTheyBegin(t *testing.T) {
	t.Parallel()
	all := calls(t)
	for _, c := range []struct{ call, body, want string }{
		{"Pending", "", "GET /api/oianalytics/oibus/commands/pending: expected a JSON array, got 200 application/json with an empty body"},
		{"Pending", "   ", "expected a JSON array"},
		{"Pending", `{"content":[]}`, `got 200 application/json "{\"content\":[]}": it is no array`},
		{"Pending", `null`, "it is no array"},
		{"Pending", `"text"`, "it is no array"},
		{"Pending", `[{"id":"a"},{"id":`, "unexpected EOF"},
		{"Pending", `[{"id":"a"}`, "EOF"},
		{"Pending", `[{"id":"a"}] tail`, "expected a JSON array"},
		{"Pending", `[{"id":"a"}][]`, "something follows the array"},
		{"Pending", `[1,,2]`, "invalid character"},
		{"Pending", strings.Repeat("[", 20000), "max depth"},
		{"Cancelled", `{}`, "GET /api/oianalytics/oibus/commands/list-by-ids: expected a JSON array"},
		{"Register", "", "POST /api/oianalytics/oibus/registration: expected a JSON object, got 200 application/json with an empty body"},
		{"Register", "[]", "expected a JSON object"},
		{"Register", "null", "expected a JSON object"},
		{"Register", "{}", "expected a redirectUrl"},
		{"Register", `{"redirectUrl":null}`, "expected a redirectUrl"},
		{"Register", `{"redirectUrl":5}`, "cannot unmarshal number"},
		{"Register", `{"redirectUrl":"/x"`, "unexpected end of JSON input"},
		{"Register", `{"redirectUrl":"/x"} x`, "invalid character"},
		{"Register", `{"a":"` + strings.Repeat("x", maxObject) + `"}`, "of more than 1048576 bytes"},
		{"Check", "", "GET /check: expected a JSON object"},
		{"Check", `{"status":5}`, "cannot unmarshal"},
		{"Check", `{}`, "expected a status"},
		{"Check", `{"status":"COMPLETED"}`, "expected an accessToken"},
		{"Check", `{"status":"COMPLETED","accessToken":{}}`, "cannot unmarshal"},
	} {
		s := answering(t, 200, "application/json", c.body)
		e := failureOf(t, all[c.call](newClient(t), Connection{Host: s.URL, Token: "tok"}), Answer)
		if !strings.Contains(e.Error(), c.want) || strings.Contains(e.Error(), "s3cret") || len(e.Error()) > 1000 {
			t.Errorf("%s answered %.60q: %v\nwant %q in it", c.call, c.body, e, c.want)
		}
	}
}

func TestRightAnswersAreReadWhateverElseTheyHold(t *testing.T) {
	t.Parallel()
	c, ctx := newClient(t), t.Context()
	s := answering(t, 201, "text/plain", " \n{\"redirectUrl\":\"/check?id=1\",\"expirationDate\":\"2026-03-04T09:15:30.000Z\",\"activationCode\":\"x\",\"more\":[1]} ")
	got, err := c.Register(ctx, Connection{Host: s.URL}, RegisterRequest{})
	if want := (RegisterAnswer{"/check?id=1", "2026-03-04T09:15:30.000Z"}); err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
	s = answering(t, 200, "", `{"status":"EXPIRED","expired":true,"accessToken":null}`)
	if got, err := c.Check(ctx, Connection{Host: s.URL}, "/check"); err != nil || got != (CheckAnswer{"EXPIRED", true, ""}) {
		t.Errorf("got %+v, %v", got, err)
	}
	s = answering(t, 200, "application/json;charset=UTF-8", `[{"id":"a", "n":12345678901234567890}, 5, null, {"id":"b"}]`)
	list, err := c.Pending(ctx, Connection{Host: s.URL})
	if err != nil || len(list) != 4 || string(list[0]) != `{"id":"a", "n":12345678901234567890}` || string(list[2]) != "null" {
		t.Errorf("got %s, %v", list, err)
	}
	s = answering(t, 200, "application/json", `[]`)
	if list, err := c.Pending(ctx, Connection{Host: s.URL}); err != nil || list == nil || len(list) != 0 {
		t.Errorf("got %v, %v", list, err)
	}
}

func TestTheBodyOfAConfirmationDoesNotMatter(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"", "OK", "{}", "{broken", strings.Repeat("x", 3*maxIgnored)} {
		s := answering(t, 200, "text/plain", body)
		if err := newClient(t).UpdateStatus(t.Context(), Connection{Host: s.URL}, []byte("[]")); err != nil {
			t.Errorf("body %.20q: %v", body, err)
		}
	}
	addr := raw(t, func(_ int, c net.Conn) {
		readRequest(c)
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ncut")
	})
	if err := newClient(t).UpdateStatus(t.Context(), Connection{Host: "http://" + addr}, []byte("[]")); err != nil {
		t.Errorf("the status had confirmed: %v", err)
	}
}

func TestLogsAreConfirmedBy200And201And204Only(t *testing.T) {
	t.Parallel()
	for status, ok := range map[int]bool{200: true, 201: true, 204: true, 202: false, 203: false, 206: false} {
		s := answering(t, status, "", "")
		err := newClient(t).PostLogs(t.Context(), Connection{Host: s.URL}, []byte("[]"))
		if (err == nil) != ok {
			t.Errorf("status %d: %v", status, err)
		}
		if err := newClient(t).PutConfiguration(t.Context(), Connection{Host: s.URL}, []byte("[]")); err != nil {
			t.Errorf("status %d is a success elsewhere: %v", status, err)
		}
	}
}

func TestCompressionThatNobodyAskedForIsNotUnpacked(t *testing.T) {
	t.Parallel()
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	_, _ = z.Write(append([]byte{'['}, bytes.Repeat([]byte(" "), 10<<20)...))
	z.Close()
	s := serving(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "" {
			t.Errorf("asked for %q", r.Header.Get("Accept-Encoding"))
		}
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(bomb.Bytes())
	})
	_, err := newClient(t).Pending(t.Context(), Connection{Host: s.URL})
	if e := failureOf(t, err, Answer); !strings.Contains(e.Error(), "gzip encoding") {
		t.Errorf("got %v", e)
	}
}

func TestAListWithoutEndIsCutAtItsBound(t *testing.T) {
	t.Parallel()
	s := serving(t, func(w http.ResponseWriter, r *http.Request) {
		piece := []byte(`"` + strings.Repeat("x", 1<<16) + `",`)
		_, _ = w.Write([]byte("["))
		for {
			if _, err := w.Write(piece); err != nil {
				return
			}
		}
	})
	c := newClient(t)
	if c.maxList != 64<<20 {
		t.Errorf("a list may have %d bytes", c.maxList)
	}
	c.maxList = 1 << 20
	elements, err := c.Pending(t.Context(), Connection{Host: s.URL})
	if n := len(elements); err != nil || n < 10 || n > 16 {
		t.Errorf("%d elements of 64 kB, %v", n, err)
	}
}

func TestOnlyCommandsThatWereAskedForAreTakenAsCancelled(t *testing.T) {
	t.Parallel()
	s := answering(t, 200, "application/json", `[{"id":"b","status":"?"},{"id":"foreign"},5,null,{"id":7},"c",{"noid":1},[]]`)
	got, err := newClient(t).Cancelled(t.Context(), Connection{Host: s.URL}, []string{"a", "b", "c"})
	if err != nil || len(got) != 1 || got[0] != "b" {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestCancellationsAreAskedForInShortURLs(t *testing.T) {
	t.Parallel()
	var asked []string
	longest := 0
	s := serving(t, func(w http.ResponseWriter, r *http.Request) { // one call at a time
		longest = max(longest, len("http://"+r.Host+r.RequestURI))
		ids := r.URL.Query()["ids"]
		asked = append(asked, ids...)
		_ = json.NewEncoder(w).Encode([]map[string]string{{"id": ids[len(ids)-1]}})
	})
	ids := make([]string, 1000)
	for i := range ids {
		ids[i] = fmt.Sprintf("6f0e9a52-7d0b-4a0e-9a43-%08d/é", i)
	}
	got, err := newClient(t).Cancelled(t.Context(), Connection{Host: s.URL, UseAPIGateway: true, GatewayBase: "/gateway/v1"}, ids)
	if err != nil {
		t.Fatal(err)
	}
	if longest > maxURL || longest < maxURL/2 {
		t.Errorf("the longest URL has %d bytes", longest)
	}
	if strings.Join(asked, ",") != strings.Join(ids, ",") {
		t.Errorf("asked for %d ids", len(asked))
	}
	if len(got) < 10 || got[len(got)-1] != ids[999] {
		t.Errorf("got %d cancelled", len(got))
	}
}

func TestNoIdsMakeNoCallAndAnIdLongerThanAURLGoesAlone(t *testing.T) {
	t.Parallel()
	if got, err := newClient(t).Cancelled(t.Context(), Connection{Host: "http://127.0.0.1:1"}, nil); err != nil || len(got) != 0 {
		t.Errorf("got %v, %v", got, err)
	}
	got := chunks([]string{"a", strings.Repeat("x", 5000), "b", "c"}, 1000)
	if len(got) != 3 || len(got[1]) != 1 || len(got[2]) != 2 {
		t.Errorf("got %d chunks", len(got))
	}
}

func TestWhatWasCancelledIsKeptWhenALaterPieceFails(t *testing.T) {
	t.Parallel()
	n := 0
	s := serving(t, func(w http.ResponseWriter, r *http.Request) {
		if n++; n > 1 {
			w.WriteHeader(503)
			return
		}
		_ = json.NewEncoder(w).Encode([]map[string]string{{"id": "0"}})
	})
	ids := make([]string, 1000)
	for i := range ids {
		ids[i] = strconv.Itoa(i)
	}
	got, err := newClient(t).Cancelled(t.Context(), Connection{Host: s.URL}, ids)
	if StatusOf(err) != 503 || len(got) != 1 || got[0] != "0" {
		t.Errorf("got %v, %v", got, err)
	}
}

func FuzzAListIsReadAsJSONReadsIt(f *testing.F) {
	for _, s := range []string{`[]`, `[{"id":"a"},5]`, `[1,`, `{}`, `null`, `[[[]]] `, "[\x00]", `["\ud800"]`, `[]]`, `[] []`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := decodeList(bytes.NewReader(body))
		var want []json.RawMessage
		wantErr := json.Unmarshal(body, &want)
		if wantErr == nil && want != nil && len(want) <= maxElements {
			if err != nil || len(got) != len(want) {
				t.Errorf("%q: got %d elements and %v, JSON has %d", body, len(got), err, len(want))
			}
		} else if err == nil {
			t.Errorf("%q was taken for a list", body)
		}
	})
}

func FuzzAnyAnswerGivesAResultOrABoundedError(f *testing.F) {
	f.Add("application/json", []byte(`{"status":"COMPLETED","accessToken":"x"}`))
	f.Add("text/html", []byte(portal))
	f.Add("", []byte("\xef\xbb\xbf<HTML>"))
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		fresh := func() *answer {
			res := &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {contentType}}, Body: io.NopCloser(bytes.NewReader(body))}
			return &answer{request: request{method: "GET", path: "/x?token=s3cret"}, res: res}
		}
		var check CheckAnswer
		var reg RegisterAnswer
		_, listErr := fresh().list(maxList)
		for _, err := range []error{fresh().object(&check), fresh().object(&reg), listErr, fresh().ignore()} {
			if err != nil && (len(err.Error()) > 4096 || strings.Contains(err.Error(), "token=s3cret")) {
				t.Errorf("error %q", err)
			}
		}
	})
}
