package httpclient

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func newClient(t *testing.T, o Options) *Client {
	t.Helper()
	o.Version = "3.9.0"
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func serving(t *testing.T, f http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	return s
}

func at(t *testing.T, host, endpoint string, params ...Param) *url.URL {
	t.Helper()
	u, err := Resolve(host, endpoint, params)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func get(t *testing.T, c *Client, u *url.URL) (status int, body string, err error) {
	t.Helper()
	res, err := c.Do(t.Context(), Request{Method: "GET", URL: u})
	if err != nil {
		return 0, "", err
	}
	defer res.Close()
	raw, err := io.ReadAll(res)
	return res.Status, string(raw), err
}

func TestRequestsCarryTheReferencesHeadersAndNoOther(t *testing.T) {
	t.Parallel()
	var got http.Header
	s := serving(t, func(_ http.ResponseWriter, r *http.Request) { got = r.Header.Clone() })
	if _, _, err := get(t, newClient(t, Options{}), at(t, s.URL, "/")); err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || got.Get("User-Agent") != "OIBus/3.9.0 (https://oibus.optimistik.com/)" {
		t.Errorf("got %v", got)
	}
}

func TestEndpointsAreResolvedLikeLinksAndTakeParametersBesideTheirOwn(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		host, endpoint string
		params         []Param
		want           string
	}{
		{"http://h/base/", "/x", nil, "http://h/x"},
		{"http://h/base/", "x", nil, "http://h/base/x"},
		{"HTTP://h", "/x", nil, "http://h/x"},
		{"http://h", "/data?x=1", []Param{{"a b", "é/&"}, {"k", "1"}, {"k", "2"}}, "http://h/data?x=1&a%20b=%C3%A9%2F%26&k=1&k=2"},
		{"http://h", "/data?", []Param{{"k", "2024-01-01T00:00:00.000Z"}}, "http://h/data?k=2024-01-01T00%3A00%3A00.000Z"},
		{"http://h", "/data?a b=\"é#part", nil, "http://h/data?a%20b=%22%C3%A9"},
		{"http://h", "/100%/x", nil, "http://h/100%25/x"},
		{"http://h", "/a b\r\nX: y", nil, "http://h/a%20bX:%20y"},
	} {
		u, err := Resolve(c.host, c.endpoint, c.params)
		if err != nil || u.String() != c.want {
			t.Errorf("%s %s: got %v, %v; want %s", c.host, c.endpoint, u, err, c.want)
		}
	}
	for _, host := range []string{"", "h", "ftp://h", "http://", "http://u:secret@h", "http://h:secret", "mailto:secret@h"} {
		if _, err := Resolve(host, "/x?secret", nil); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got %v", host, err)
		}
	}
}

func TestFailuresReadAsThoseOfTheReference(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	c := newClient(t, Options{})
	_, _, err = get(t, c, at(t, "http://"+address, "/x?key=secret"))
	if want := "connect ECONNREFUSED " + address; err == nil || err.Error() != want || IsLocal(err) {
		t.Errorf("got %v, want %s", err, want)
	}
	cut := serving(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = io.WriteString(w, "part")
	})
	if _, _, err = get(t, c, at(t, cut.URL, "/")); err == nil || err.Error() != "other side closed" {
		t.Errorf("got %v", err)
	}
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	secure.Config.ErrorLog = nil
	t.Cleanup(secure.Close)
	if _, _, err = get(t, c, at(t, secure.URL, "/")); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("got %v", err)
	}
	if status, _, err := get(t, newClient(t, Options{AcceptUnauthorized: true}), at(t, secure.URL, "/")); err != nil || status != 404 {
		t.Errorf("accepting any certificate: got %d, %v", status, err)
	}
}

func TestAnExchangeEndsWhereverTheTargetStops(t *testing.T) {
	t.Parallel()
	stop := make(chan struct{})
	hang := serving(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/body" {
			_, _ = io.WriteString(w, "part")
			w.(http.Flusher).Flush()
		}
		<-stop
	})
	t.Cleanup(func() { close(stop) })
	c := newClient(t, Options{Timeout: 100 * time.Millisecond})
	for _, path := range []string{"/head", "/body"} {
		_, _, err := get(t, c, at(t, hang.URL, path))
		if err == nil || err.Error() != "The operation was aborted due to timeout" || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: got %v", path, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Do(ctx, Request{Method: "GET", URL: at(t, hang.URL, "/")}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestTheDeadlineMovesWithWhatIsSentAndNotWithATrickle(t *testing.T) {
	t.Parallel()
	start := time.Unix(1000, 0)
	const limit = 30 * time.Second
	for _, c := range []struct {
		name  string
		last  time.Duration
		moved int64
		want  time.Duration
	}{
		{"nothing yet", 0, 0, 30 * time.Second},
		{"waiting for the answer to a large upload", 100 * time.Second, 1 << 30, 130 * time.Second},
		{"a byte a second", 29 * time.Second, 29, 30*time.Second + 29*time.Second/1024},
		{"without end", 24*time.Hour - time.Second, 1 << 40, 24 * time.Hour},
	} {
		got := deadline(start, start.Add(c.last), c.moved, limit).Sub(start)
		if got-c.want > time.Millisecond || c.want-got > time.Millisecond {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	s := serving(t, func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		http.Redirect(w, r, "/elsewhere", http.StatusFound)
	})
	status, _, err := get(t, newClient(t, Options{}), at(t, s.URL, "/"))
	if err != nil || status != 302 || calls.Load() != 1 {
		t.Errorf("got %d, %v after %d calls", status, err, calls.Load())
	}
}

func TestMessagesAreBoundedAndHideSecrets(t *testing.T) {
	t.Parallel()
	s := serving(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(400)
		fmt.Fprintf(w, "%s %s %s", r.Header.Get("Authorization"), r.URL.RawQuery, strings.Repeat("é\xff", 1<<20))
	})
	a := Authentication{Type: "basic", Username: "u", Password: "p/ssword"}
	c := newClient(t, Options{Secrets: append(a.Secrets(), "the key")})
	res, err := c.Do(t.Context(), Request{Method: "GET", URL: at(t, s.URL, "/", Param{"key", "the key"}), Header: a.Header()})
	if err != nil {
		t.Fatal(err)
	}
	defer res.Close()
	text := res.Message()
	if len(text) > maxErrorText+8 || !strings.HasPrefix(text, "Basic ******** key=********") {
		t.Errorf("got %d bytes: %.100s", len(text), text)
	}
}

func TestConnectionsAreUsedAgainWhateverWasLeftUnread(t *testing.T) {
	t.Parallel()
	var connections atomic.Int32
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, strings.Repeat("x", 10_000))
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	c := newClient(t, Options{})
	for range 20 {
		body, size := Text("data")
		res, err := c.Do(t.Context(), Request{Method: "POST", URL: at(t, s.URL, "/"), Body: body, Size: size})
		if err != nil {
			t.Fatal(err)
		}
		res.Close()
	}
	if n := connections.Load(); n != 1 {
		t.Errorf("%d connections for 20 requests", n)
	}
}

func TestProxiesGetTheirCredentialsAndTargetsDoNot(t *testing.T) {
	t.Parallel()
	var seen atomic.Value
	target := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%v", r.Header.Get("Proxy-Authorization"))
	}))
	t.Cleanup(target.Close)
	refuse := false
	proxy := serving(t, func(w http.ResponseWriter, r *http.Request) {
		seen.Store(r.Method + " " + r.Header.Get("Proxy-Authorization"))
		if refuse {
			w.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
		if r.Method != http.MethodConnect {
			_, _ = io.WriteString(w, "from "+r.URL.String())
			return
		}
		tunnel(w, r)
	})
	login := "Basic " + base64.StdEncoding.EncodeToString([]byte("user:pass:word"))
	c := newClient(t, Options{AcceptUnauthorized: true, Proxy: &Proxy{URL: proxy.URL, User: "user", Password: "pass:word"}})
	if _, body, err := get(t, c, at(t, "http://plain.example", "/x")); err != nil || body != "from http://plain.example/x" || seen.Load() != "GET "+login {
		t.Errorf("got %q, %v, %v", body, err, seen.Load())
	}
	if _, body, err := get(t, c, at(t, target.URL, "/x")); err != nil || body != "" || seen.Load() != "CONNECT "+login {
		t.Errorf("got %q, %v, %v", body, err, seen.Load())
	}
	refuse = true
	c.Close()
	if _, _, err := get(t, c, at(t, target.URL, "/x")); err == nil || err.Error() != "Proxy response (407) !== 200 when HTTP Tunneling" {
		t.Errorf("got %v", err)
	}
	res, err := c.Do(t.Context(), Request{Method: "GET", URL: at(t, "http://plain.example", "/x")})
	if err != nil || res.Message() != "Proxy Authentication Required (407)" {
		t.Errorf("got %v", err)
	}
	res.Close()
	for _, bad := range []string{"", "proxy:3128", "socks5://h"} {
		if _, err := New(Options{Proxy: &Proxy{URL: bad}}); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}

func tunnel(w http.ResponseWriter, r *http.Request) {
	there, err := net.Dial("tcp", r.Host)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer there.Close()
	here, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer here.Close()
	_, _ = io.WriteString(here, "HTTP/1.1 200 OK\r\n\r\n")
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(there, here)
		there.Close()
	}()
	_, _ = io.Copy(here, there)
	here.Close()
	<-done
}

func TestOfHeadersTheLastOneCountsInWhateverCase(t *testing.T) {
	t.Parallel()
	var got http.Header
	var host string
	s := serving(t, func(_ http.ResponseWriter, r *http.Request) { got, host = r.Header.Clone(), r.Host })
	c := newClient(t, Options{})
	h := Header{{"content-type", "a/b"}, {"Content-Type", "c/d"}, {"user-agent", "mine"}, {"Host", "other.example"}, {"Connection", "close"}}
	res, err := c.Do(t.Context(), Request{Method: "GET", URL: at(t, s.URL, "/"), Header: h})
	if err != nil {
		t.Fatal(err)
	}
	res.Close()
	if len(got["Content-Type"]) != 1 || got.Get("Content-Type") != "c/d" || got.Get("User-Agent") != "mine" || host != "other.example" {
		t.Errorf("got %v, host %s", got, host)
	}
	for _, bad := range []Header{{{"a b", "x"}}, {{"", "x"}}, {{"X", "a\r\nY: b"}}, {{"Transfer-Encoding", "chunked"}}} {
		if _, err := c.Do(t.Context(), Request{Method: "GET", URL: at(t, s.URL, "/"), Header: bad}); !IsLocal(err) {
			t.Errorf("%v: got %v", bad, err)
		}
	}
}

// zeros reads size bytes without holding them.
func zeros(size int64) io.ReadCloser { return io.NopCloser(io.LimitReader(zeroReader{}, size)) }

type zeroReader struct{}

func (zeroReader) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestUploadsOfAnySizeTakeTheSameMemory(t *testing.T) {
	const size = 256 << 20
	var received atomic.Int64
	s := serving(t, func(_ http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		if err != nil || len(r.TransferEncoding) == 0 {
			t.Errorf("got %v, %v", r.TransferEncoding, err)
		}
		received.Store(n)
	})
	c := newClient(t, Options{})
	body, contentType := Multipart("big.bin", func() io.ReadCloser { return zeros(size) }, time.UnixMilli(1705312800000))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	res, err := c.Do(t.Context(), Request{Method: "POST", URL: at(t, s.URL, "/"), Body: body, Size: Streamed,
		Header: Header{{"content-type", contentType}}})
	if err != nil {
		t.Fatal(err)
	}
	defer res.Close()
	runtime.ReadMemStats(&after)
	if err := res.Taken(); err != nil {
		t.Error(err)
	}
	if got := received.Load(); got < size || got > size+1000 {
		t.Errorf("%d bytes arrived", got)
	}
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 8<<20 {
		t.Errorf("%d bytes were allocated", grown)
	}
}

func TestMultipartIsWhatTheReferenceSends(t *testing.T) {
	t.Parallel()
	body, contentType := Multipart("sub/raw \"file\" é\r\n.csv", func() io.ReadCloser { return io.NopCloser(strings.NewReader("a,b\n")) },
		time.UnixMilli(1705312800000))
	raw, err := io.ReadAll(body())
	want := "--OIBusBoundary1705312800000\r\nContent-Disposition: form-data; name=\"file\"; filename=\"sub/raw %22file%22 é%0D%0A.csv\"\r\n" +
		"Content-Type: application/octet-stream\r\n\r\na,b\n\r\n--OIBusBoundary1705312800000--\r\n"
	if err != nil || string(raw) != want {
		t.Errorf("got %q, %v", raw, err)
	}
	_, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		t.Fatal(err)
	}
	part, err := multipart.NewReader(bytes.NewReader(raw), params["boundary"]).NextPart()
	if err != nil {
		t.Fatal(err)
	}
	if content, err := io.ReadAll(part); err != nil || string(content) != "a,b\n" {
		t.Errorf("got %q, %v", content, err)
	}
}

func TestGzipCompressesWhileItIsRead(t *testing.T) {
	t.Parallel()
	for _, size := range []int64{0, 1, 64 << 10, 5<<20 + 3} {
		r := Gzip(func() io.ReadCloser { return zeros(size) }, FileLevel)()
		z, err := gzip.NewReader(iotestOneByte{r})
		if err != nil {
			t.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, z); n != size || err != nil {
			t.Errorf("%d bytes: got %d, %v", size, n, err)
		}
	}
	broken := errors.New("broken")
	r := Gzip(func() io.ReadCloser { return io.NopCloser(io.MultiReader(strings.NewReader("x"), failing{broken})) }, ValuesLevel)()
	if _, err := io.ReadAll(r); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

type iotestOneByte struct{ io.Reader }

func (r iotestOneByte) Read(p []byte) (int, error) { return r.Reader.Read(p[:1]) }

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestABodyThatCannotBeReadIsNotTheTargetsFault(t *testing.T) {
	t.Parallel()
	s := serving(t, func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	broken := errors.New("disk broken")
	_, err := newClient(t, Options{}).Do(t.Context(), Request{Method: "POST", URL: at(t, s.URL, "/"), Size: Streamed,
		Body: func() io.ReadCloser { return io.NopCloser(io.MultiReader(strings.NewReader("x"), failing{broken})) }})
	if !errors.Is(err, broken) || !IsLocal(err) {
		t.Errorf("got %v", err)
	}
}

func TestATargetThatAnswersBeforeItReadHasNotGotTheContent(t *testing.T) {
	t.Parallel()
	s := serving(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close")
		w.WriteHeader(200)
	})
	closed := make(chan struct{})
	res, err := newClient(t, Options{}).Do(t.Context(), Request{Method: "POST", URL: at(t, s.URL, "/"), Size: Streamed,
		Body: func() io.ReadCloser { return &closing{zeros(1 << 30), closed} }})
	if err == nil {
		if err = res.Taken(); err == nil {
			t.Error("counted as taken")
		}
		res.Close()
	}
	select {
	case <-closed:
	default:
		t.Error("the body is still read")
	}
}

type closing struct {
	io.ReadCloser
	done chan struct{}
}

func (c *closing) Close() error { close(c.done); return nil }

func TestRetryAfterIsReadAsSecondsOrDate(t *testing.T) {
	t.Parallel()
	now := time.Date(2024, 1, 15, 10, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		after, date string
		want        time.Duration
	}{
		{"120", "", 2 * time.Minute},
		{"99999999999999999999999", "", time.Hour},
		{"-5", "", 0},
		{"soon", "", 0},
		{"", "", 0},
		{"Mon, 15 Jan 2024 10:00:30 GMT", "", 30 * time.Second},
		{"Mon, 15 Jan 2024 09:00:30 GMT", "", 0},
		{"Mon, 15 Jan 2024 12:00:30 GMT", "Mon, 15 Jan 2024 12:00:00 GMT", 30 * time.Second},
	} {
		h := http.Header{"Retry-After": {c.after}, "Date": {c.date}}
		if got := retryAfter(h, now); got != c.want {
			t.Errorf("%q: got %v, want %v", c.after, got, c.want)
		}
	}
}

func TestAuthenticationGoesWhereItIsConfigured(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a      Authentication
		header string
		params int
	}{
		{Authentication{Type: "none", Username: "u"}, "[]", 0},
		{Authentication{Type: "basic", Username: "u1", Password: "south-secret"}, "[{Authorization Basic dTE6c291dGgtc2VjcmV0}]", 0},
		{Authentication{Type: "bearer", Token: "t"}, "[{Authorization Bearer t}]", 0},
		{Authentication{Type: "bearer", Token: "Bearer t"}, "[{Authorization Bearer t}]", 0},
		{Authentication{Type: "api-key", APIKey: "K", APIValue: "v", AddTo: "header"}, "[{K v}]", 0},
		{Authentication{Type: "api-key", APIKey: "K", APIValue: "v", AddTo: "query-params"}, "[]", 1},
	} {
		if got := fmt.Sprint(c.a.Header()); got != c.header || len(c.a.Params()) != c.params {
			t.Errorf("%+v: got %s, %v", c.a, got, c.a.Params())
		}
	}
}

func FuzzResolve(f *testing.F) {
	f.Add("http://h/base/", "/data?x=1#y", "a b", "é")
	f.Add("https://h:443", "//other/x", "", "%")
	f.Add("http://[::1]:80", "?%zz\r\n", "k", "\x00")
	f.Fuzz(func(t *testing.T, host, endpoint, key, value string) {
		u, err := Resolve(host, endpoint, []Param{{key, value}})
		if err != nil {
			return
		}
		if line := u.RequestURI(); strings.ContainsAny(line, " \r\n\t\x00") {
			t.Errorf("%q cannot stand in a request line", line)
		}
		if got := u.Query()[key]; len(got) == 0 || got[len(got)-1] != value {
			if !strings.Contains(u.RawQuery, ";") { // refused by the standard parser
				t.Errorf("%q: got %q, want %q", u.RawQuery, got, value)
			}
		}
	})
}

func FuzzHeader(f *testing.F) {
	f.Add("X-Key", "value")
	f.Add("a\r\nb", "c\x00")
	f.Fuzz(func(t *testing.T, key, value string) {
		h, host, err := (Header{{key, value}}).build("agent")
		if err != nil {
			return
		}
		if strings.ContainsAny(host, "\r\n") {
			t.Errorf("host %q", host)
		}
		for k, v := range h {
			if strings.ContainsAny(k+v[0], "\r\n\x00") {
				t.Errorf("%q: %q", k, v)
			}
		}
	})
}
