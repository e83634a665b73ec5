package azure

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"oibus/agent/connector/httpclient"
)

// The example of "Authorize with Shared Key" in the documentation of Azure Storage.
func TestTheTextToSignIsThatOfTheDocumentation(t *testing.T) {
	t.Parallel()
	u, _ := url.Parse("https://myaccount.blob.core.windows.net/mycontainer?restype=container&comp=metadata&timeout=20")
	got := stringToSign("myaccount", "GET", u, httpclient.Header{{Key: "x-ms-version", Value: "2015-02-21"}, {Key: "x-ms-date", Value: "Fri, 26 Jun 2015 23:39:12 GMT"}}, 0)
	want := "GET\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\nx-ms-version:2015-02-21\n/myaccount/mycontainer\ncomp:metadata\nrestype:container\ntimeout:20"
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	u, _ = url.Parse("https://myaccount.blob.core.windows.net/mycontainer/my%20blob?comp=list&include=snapshots&include=metadata")
	got = stringToSign("myaccount", "PUT", u, httpclient.Header{{Key: "Content-Type", Value: "text/plain"}, {Key: "Content-MD5", Value: "x=="}}, 11)
	if want := "PUT\n\n\n11\nx==\ntext/plain\n\n\n\n\n\n\n/myaccount/mycontainer/my%20blob\ncomp:list\ninclude:metadata,snapshots"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

var accountKey = base64.StdEncoding.EncodeToString([]byte("the key of the account"))

// storage is a small server of both services that checks signatures. fault may answer a request in its place.
type storage struct {
	*httptest.Server
	mu       sync.Mutex
	now      time.Time
	files    map[string]string
	blocks   map[string]map[string]string // by path and name
	appended map[string]string
	calls    []string
	fault    func(w http.ResponseWriter, r *http.Request, call string) bool
}

func newStorage(t *testing.T) *storage {
	s := &storage{now: time.Now(), files: map[string]string{}, blocks: map[string]map[string]string{}, appended: map[string]string{}}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *storage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		return
	}
	q := r.URL.Query()
	call := strings.TrimSpace(r.Method + " " + q.Get("comp") + q.Get("resource") + q.Get("action"))
	if q.Has("position") {
		call += " " + q.Get("position")
	}
	s.calls = append(s.calls, call)
	w.Header().Set("Date", s.now.UTC().Format(http.TimeFormat))
	at, _ := http.ParseTime(r.Header.Get("X-Ms-Date"))
	var header httpclient.Header
	for name := range r.Header {
		if name != "Content-Length" {
			header = append(header, httpclient.Param{Key: name, Value: r.Header.Get(name)})
		}
	}
	key, _ := parseKey(accountKey)
	sum := md5.Sum(body)
	digest := r.Header.Get("Content-MD5")
	authorization := r.Header.Get("Authorization")
	off := at.Sub(s.now)
	switch {
	case strings.HasPrefix(authorization, "SharedKey ") && (max(off, -off) > 15*time.Minute ||
		authorization != "SharedKey account:"+signature(key, stringToSign("account", r.Method, r.URL, header, len(body)))):
		w.WriteHeader(403)
		_, _ = io.WriteString(w, "\ufeff<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>AuthenticationFailed</Code><Message>Server failed to authenticate the request.\nRequestId:1\nTime:2</Message><AuthenticationErrorDetail>Request date header too old</AuthenticationErrorDetail></Error>")
	case digest != "" && digest != base64.StdEncoding.EncodeToString(sum[:]):
		w.WriteHeader(400)
		_, _ = io.WriteString(w, "<Error><Code>Md5Mismatch</Code></Error>")
	case s.fault != nil && s.fault(w, r, call):
	default:
		s.serve(w, r.Method, call, r.URL.Path, q, string(body))
	}
}

func (s *storage) serve(w http.ResponseWriter, method, call, path string, q url.Values, body string) {
	switch verb, _, _ := strings.Cut(call, " "); {
	case call == "PUT block":
		if s.blocks[path] == nil {
			s.blocks[path] = map[string]string{}
		}
		s.blocks[path][q.Get("blockid")] = body
	case call == "GET blocklist":
		if s.blocks[path] == nil {
			w.WriteHeader(404)
			return
		}
		_, _ = io.WriteString(w, "\ufeff<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList><UncommittedBlocks>")
		for id, text := range s.blocks[path] {
			fmt.Fprintf(w, "<Block><Name>%s</Name><Size>%d</Size></Block>", id, len(text))
		}
		_, _ = io.WriteString(w, "</UncommittedBlocks></BlockList>")
	case call == "PUT blocklist":
		var list struct{ Latest []string }
		if err := xml.Unmarshal([]byte(body), &list); err != nil {
			w.WriteHeader(400)
			return
		}
		text := ""
		for _, id := range list.Latest {
			text += s.blocks[path][id]
		}
		s.files[path] = text
		delete(s.blocks, path)
	case call == "PUT file":
		s.files[path], s.appended[path] = "", ""
		w.WriteHeader(201)
	case strings.HasPrefix(call, "PATCH append"):
		at, _ := strconv.Atoi(q.Get("position"))
		s.appended[path] = s.appended[path][:at] + body
		w.WriteHeader(202)
	case strings.HasPrefix(call, "PATCH flush"):
		if at, _ := strconv.Atoi(q.Get("position")); at != len(s.appended[path]) {
			w.WriteHeader(400)
			_, _ = io.WriteString(w, `{"error":{"code":"InvalidFlushPosition","message":"The uploaded data is not contiguous.\nRequestId:1"}}`)
			return
		}
		s.files[path] = s.appended[path]
	case method == "PUT":
		s.files[path] = body
		w.WriteHeader(201)
	case verb == "DELETE":
		delete(s.files, path)
	default:
		if _, there := s.files[path]; !there {
			w.WriteHeader(404)
		}
	}
}

func (s *storage) file(path string) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	text, ok := s.files["/account/c/"+path]
	return text, ok
}

func (s *storage) faulty(f func(w http.ResponseWriter, r *http.Request, call string) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls, s.fault = nil, f
}

func (s *storage) called() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

func clientOf(t *testing.T, s *storage, o Options) *Client {
	t.Helper()
	o.URL, o.Container, o.Now = s.URL+"/account", "c", time.Now
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.SAS == "" && o.Tokens == nil {
		o.Key = accountKey
	}
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	c.part = 10
	t.Cleanup(c.Close)
	return c
}

func fileOf(path, text string) File {
	return File{Path: path, ID: path, Size: int64(len(text)), Open: func() io.ReadCloser { return io.NopCloser(bytes.NewReader([]byte(text))) }}
}

func TestFilesOfAllSizesArriveWhole(t *testing.T) {
	t.Parallel()
	for _, lake := range []bool{false, true} {
		s := newStorage(t)
		c := clientOf(t, s, Options{DataLake: lake})
		for _, size := range []int{0, 1, 9, 10, 11, 20, 25, 137} {
			text := strings.Repeat("0123456789abc", 20)[:size]
			path := "folder/ä b+c&d=é%41$('*)!~/" + strconv.Itoa(size)
			for range 2 { // a file that is there is replaced
				if err := c.Put(t.Context(), fileOf(path, text)); err != nil {
					t.Fatal(err)
				}
			}
			if got, ok := s.file(path); got != text || !ok {
				t.Errorf("lake %t, %d bytes: got %q", lake, size, got)
			}
			if there, err := c.Exists(t.Context(), path); err != nil || !there {
				t.Errorf("got %t, %v", there, err)
			}
			if err := c.Delete(t.Context(), path); err != nil {
				t.Error(err)
			}
			if there, err := c.Exists(t.Context(), path); err != nil || there {
				t.Errorf("got %t, %v", there, err)
			}
		}
	}
}

// breaking ends the connection at a call.
func breaking(name string) func(w http.ResponseWriter, r *http.Request, call string) bool {
	return func(_ http.ResponseWriter, _ *http.Request, call string) bool {
		if call == name {
			panic(http.ErrAbortHandler)
		}
		return false
	}
}

func TestBlocksThatAreThereAreNotSentAgain(t *testing.T) {
	t.Parallel()
	s := newStorage(t)
	text := strings.Repeat("0123456789", 4) + "end"
	s.faulty(breaking("PUT blocklist"))
	err := clientOf(t, s, Options{}).Put(t.Context(), fileOf("k", text))
	if _, there := s.file("k"); err == nil || there {
		t.Fatalf("got %v, there %t", err, there)
	}
	s.faulty(nil)
	text = text[:12] + "!" + text[13:] // the second block is another one
	if err := clientOf(t, s, Options{}).Put(t.Context(), fileOf("k", text)); err != nil {
		t.Fatal(err)
	}
	if want := []string{"GET blocklist", "PUT block", "PUT blocklist"}; !slices.Equal(s.called(), want) {
		t.Errorf("got %q, want %q", s.called(), want)
	}
	if got, _ := s.file("k"); got != text {
		t.Errorf("got %q", got)
	}
}

func TestAFileOfADataLakeGoesOnWhereItWasInterrupted(t *testing.T) {
	t.Parallel()
	s := newStorage(t)
	text := strings.Repeat("0123456789", 4) + "end"
	s.faulty(breaking("PATCH append 20"))
	c := clientOf(t, s, Options{DataLake: true})
	if err := c.Put(t.Context(), fileOf("k", text)); err == nil {
		t.Fatal("no error")
	}
	s.faulty(nil)
	if err := c.Put(t.Context(), fileOf("k", text)); err != nil {
		t.Fatal(err)
	}
	if want := []string{"PATCH append 20", "PATCH append 30", "PATCH append 40", "PATCH flush 43"}; !slices.Equal(s.called(), want) {
		t.Errorf("got %q, want %q", s.called(), want)
	}
	// Somebody else wrote it meanwhile.
	s.faulty(breaking("PATCH append 20"))
	if err := c.Put(t.Context(), fileOf("k", text)); err == nil {
		t.Fatal("no error")
	}
	s.faulty(func(w http.ResponseWriter, _ *http.Request, call string) bool {
		if strings.HasPrefix(call, "PATCH flush") {
			w.WriteHeader(400)
			_, _ = io.WriteString(w, `{"error":{"code":"InvalidFlushPosition","message":"no"}}`)
			return true
		}
		return false
	})
	var refused *Error
	if err := c.Put(t.Context(), fileOf("k", text)); !errors.As(err, &refused) || !refused.Temporary() {
		t.Errorf("got %v", err)
	}
	s.faulty(nil)
	if err := c.Put(t.Context(), fileOf("k", text)); err != nil || s.called()[0] != "PUT file" {
		t.Errorf("got %v, %q", err, s.called())
	}
}

func TestAWrongClockIsCorrected(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	s := newStorage(t)
	s.now = time.Now().Add(-73 * time.Hour)
	c := clientOf(t, s, Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	for range 2 {
		if err := c.Put(t.Context(), fileOf("k", "text")); err != nil {
			t.Fatal(err)
		}
	}
	if len(s.called()) != 3 || !strings.Contains(log.String(), "The clock of this machine differs by -73h0m") {
		t.Errorf("got %q, %s", s.called(), log.String())
	}
	wrong := clientOf(t, newStorage(t), Options{})
	wrong.key = []byte("another")
	if err := wrong.Put(t.Context(), fileOf("k", "text")); err == nil || err.Error() != "AuthenticationFailed: Server failed to authenticate the request. Request date header too old (403)" {
		t.Errorf("got %v", err)
	}
}

// changing gives another token each time it is told that one was refused.
type changing struct{ n int }

func (c *changing) Token(context.Context) (string, error) { return "token-" + strconv.Itoa(c.n), nil }
func (c *changing) Forget()                               { c.n++ }
func (c *changing) Close()                                {}

func TestATokenThatIsRefusedIsAskedForAgain(t *testing.T) {
	t.Parallel()
	s := newStorage(t)
	s.faulty(func(w http.ResponseWriter, r *http.Request, _ string) bool {
		if r.Header.Get("Authorization") != "Bearer token-1" {
			w.WriteHeader(401)
			return true
		}
		return false
	})
	if err := clientOf(t, s, Options{Tokens: &changing{}}).Put(t.Context(), fileOf("k", "text")); err != nil {
		t.Error(err)
	}
}

func TestASignatureInTheQueryIsSentAndNotShown(t *testing.T) {
	t.Parallel()
	const sas = "sv=2020-08-04&sp=w&sig=the%2Fsecret%2Bsignature%3D"
	s := newStorage(t)
	var query string
	s.faulty(func(w http.ResponseWriter, r *http.Request, _ string) bool {
		query = r.URL.RawQuery
		w.WriteHeader(403)
		fmt.Fprintf(w, "<Error><Code>AuthenticationFailed</Code><Message>%s or %s</Message></Error>", strings.ReplaceAll(query, "&", "&amp;"), "the/secret+signature=")
		return true
	})
	err := clientOf(t, s, Options{SAS: " ?" + sas}).Put(t.Context(), fileOf("k", "text"))
	if query != sas || err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %s, %v", query, err)
	}
	s.Close()
	if err = clientOf(t, s, Options{SAS: sas}).Put(t.Context(), fileOf("k", "text")); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v", err)
	}
}

func TestRefusalsSayWhyAndWhetherTheyPass(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status           int
		code             string
		temporary, about bool
	}{
		{503, "ServerBusy", true, false}, {429, "", true, false}, {403, "AuthorizationPermissionMismatch", true, false}, {404, "ContainerNotFound", true, false},
		{404, "FilesystemNotFound", true, false}, {409, "ContainerBeingDeleted", true, false}, {412, "LeaseIdMissing", true, true}, {409, "InvalidBlobType", false, true},
		{400, "InvalidResourceName", false, true}, {500, "InternalError", true, true}, {413, "RequestBodyTooLarge", false, true}, {400, "Md5Mismatch", true, true},
	} {
		for _, form := range []string{"<Error><Code>%s</Code><Message>m</Message></Error>", `{"error":{"code":%q,"message":"m"}}`, "%.0s"} {
			s := newStorage(t)
			s.faulty(func(w http.ResponseWriter, _ *http.Request, _ string) bool {
				w.Header().Set("Retry-After", "7")
				w.Header().Set("X-Ms-Error-Code", c.code)
				w.WriteHeader(c.status)
				fmt.Fprintf(w, form, c.code)
				return true
			})
			err := clientOf(t, s, Options{}).Put(t.Context(), fileOf("k", "text"))
			var refused *Error
			if !errors.As(err, &refused) || refused.Temporary() != c.temporary || refused.AboutFile() != c.about || refused.After != 7*time.Second || !strings.Contains(err.Error(), c.code) {
				t.Errorf("%d %s: got %v", c.status, c.code, err)
			}
		}
	}
}

func TestASourceThatIsNotAsAnnouncedIsNotSent(t *testing.T) {
	t.Parallel()
	s := newStorage(t)
	for _, lake := range []bool{false, true} {
		c := clientOf(t, s, Options{DataLake: lake})
		for _, wrong := range []int64{31, 33} {
			f := fileOf("k", strings.Repeat("a", 32))
			f.Size = wrong
			var source *httpclient.BodyError
			if err := c.Put(t.Context(), f); !errors.As(err, &source) {
				t.Errorf("%d: got %v", wrong, err)
			}
			if got, _ := s.file("k"); got != "" {
				t.Errorf("%d: %q was put", wrong, got)
			}
		}
	}
}

func TestAddressesAndAccounts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		o                Options
		address, account string
	}{
		{Options{Account: "acc"}, "https://acc.blob.core.windows.net/c/a/b%20c", "acc"},
		{Options{Account: "acc", DataLake: true}, "https://acc.dfs.core.windows.net/c/a/b%20c", "acc"},
		{Options{URL: "https://acc.blob.core.chinacloudapi.cn", Account: "old"}, "https://acc.blob.core.chinacloudapi.cn/c/a/b%20c", "acc"},
		{Options{URL: "http://127.0.0.1:10000/acc/", Account: "old"}, "http://127.0.0.1:10000/acc/c/a/b%20c", "acc"},
		{Options{URL: "http://localhost:10000/acc"}, "http://localhost:10000/acc/c/a/b%20c", "acc"},
		{Options{URL: "https://files.example.com", Account: "acc"}, "https://files.example.com/c/a/b%20c", "acc"},
		{Options{URL: "https://files.example.com"}, "https://files.example.com/c/a/b%20c", "files"},
	} {
		c.o.Container = "c"
		client, err := New(c.o)
		if err != nil {
			t.Fatal(err)
		}
		if got := client.address(call{file: "a/b c"}).String(); got != c.address || client.Account() != c.account {
			t.Errorf("got %s, %s; want %s, %s", got, client.Account(), c.address, c.account)
		}
	}
	for name, o := range map[string]Options{"no account": {Container: "c"}, "an account with a dot": {Account: "a.evil.example/", Container: "c"}, "no container": {Account: "a"}, "a container that is none": {Account: "a", Container: "My Container"},
		"a key that is none": {Account: "a", Container: "c", Key: "the secret!"}, "a SAS that is none": {Account: "a", Container: "c", SAS: "the;secret"}, "no URL": {URL: "x", Container: "c"}} {
		var settings *httpclient.SettingsError
		if _, err := New(o); !errors.As(err, &settings) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func FuzzAnswers(f *testing.F) {
	f.Add([]byte("\ufeff<Error><Code>A</Code><Message>b\nc</Message></Error>"))
	f.Add([]byte(`{"error":{"code":"A","message":"b"}}`))
	f.Add([]byte("<BlockList><UncommittedBlocks><Block><Name>a</Name><Size>-1</Size></Block></UncommittedBlocks></BlockList>"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if code, text := parseError(raw); strings.ContainsAny(code+text, "\r\n") || len(code+text) > 1500 {
			t.Errorf("%q %q", code, text)
		}
		parseBlocks(raw)
	})
}
