package httpclient

import (
	"context"
	"io"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Request is one exchange to make.
type Request struct {
	Method  string
	URL     *url.URL
	Header  Header
	Body    func() io.ReadCloser // read from its beginning at each call; nil for none
	Size    int64                // of Body in bytes, -1 for a body that is streamed in chunks
	Timeout time.Duration        // 0: that of the client
}

// Text is a body held in memory.
func Text(s string) (body func() io.ReadCloser, size int64) {
	return func() io.ReadCloser { return io.NopCloser(strings.NewReader(s)) }, int64(len(s))
}

// Streamed is the size of a body that is streamed in chunks.
const Streamed = -1

// Do makes an exchange. Whatever the status, the answer is the caller's to close; the error is an *Error or, for a
// body that could not be read, a *BodyError.
func (c *Client) Do(ctx context.Context, r Request) (*Response, error) {
	header, host, err := r.Header.build(c.userAgent)
	if err != nil {
		return nil, err
	}
	limit := r.Timeout
	if limit <= 0 {
		limit = c.timeout
	}
	caller := ctx
	ctx, p := withPace(ctx, limit)
	req := (&http.Request{Method: r.Method, URL: r.URL, Host: host, Header: header, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}).WithContext(ctx)
	up := &upload{pace: p}
	if r.Body != nil && r.Size != 0 {
		req.ContentLength = r.Size
		req.GetBody = func() (io.ReadCloser, error) { return up.next(r.Body()), nil }
		req.Body = up.next(r.Body())
	}
	res, err := c.transport.RoundTrip(req)
	if err == nil {
		return &Response{Status: res.StatusCode, Header: res.Header, client: c, caller: caller, ctx: ctx, res: res, up: up, pace: p,
			streamed: r.Size < 0 && r.Body != nil, proxied: c.transport.Proxy != nil && r.URL.Scheme == "http"}, nil
	}
	err = c.failure(caller, ctx, r.URL, up, err)
	p.stop()
	up.wait()
	return nil, err
}

// upload follows the body of a request, which the transport may read again, and reads until it has closed it.
type upload struct {
	pace *pace

	mu     sync.Mutex
	failed error // of reading the body
	whole  bool  // the body was read to its end
	open   sync.WaitGroup
}

func (u *upload) next(body io.ReadCloser) io.ReadCloser {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.whole = false
	u.open.Add(1)
	return &uploadBody{upload: u, body: body}
}

// wait blocks until no body is read any more, so that the caller may remove what it was read from.
func (u *upload) wait() { u.open.Wait() }

func (u *upload) note(n int, err error) {
	u.pace.move(n)
	u.mu.Lock()
	defer u.mu.Unlock()
	if err == io.EOF {
		u.whole = true
	} else if err != nil {
		u.failed = err
	}
}

func (u *upload) state() (whole bool, failed error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.whole, u.failed
}

type uploadBody struct {
	upload *upload
	once   sync.Once

	mu   sync.Mutex // the transport may close while it reads
	body io.ReadCloser
}

func (b *uploadBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n, err := b.body.Read(p)
	b.upload.note(n, err)
	return n, err
}

func (b *uploadBody) Close() (err error) {
	b.once.Do(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		err = b.body.Close()
		b.upload.open.Done()
	})
	return err
}

// Header are the headers of a request, spelled as they are to be sent.
type Header []Param

// Has says whether there is a header of that name, in whatever case.
func (h Header) Has(name string) bool {
	for _, p := range h {
		if strings.EqualFold(p.Key, name) {
			return true
		}
	}
	return false
}

// Headers that the client sets by itself, and those with which settings would break the exchange.
var (
	ownHeaders     = map[string]bool{"connection": true, "keep-alive": true, "content-length": true}
	refusedHeaders = map[string]bool{"transfer-encoding": true, "te": true, "trailer": true, "upgrade": true, "expect": true, "proxy-connection": true}
)

// build checks names and values. Of several headers of one name, in whatever case, the last one counts.
func (h Header) build(userAgent string) (header http.Header, host string, err error) {
	header = http.Header{"User-Agent": {userAgent}}
	for _, p := range h {
		name := strings.ToLower(p.Key)
		switch {
		case !validName(p.Key) || refusedHeaders[name]:
			return nil, "", &SettingsError{"the header " + quote(p.Key) + " cannot be sent"}
		case !validValue(p.Value):
			return nil, "", &SettingsError{"the value of the header " + quote(p.Key) + " holds characters that cannot be sent"}
		case name == "host":
			host = p.Value
		case name == "user-agent":
			header["User-Agent"] = []string{p.Value}
		case !ownHeaders[name]:
			remove(header, name)
			header[p.Key] = []string{p.Value}
		}
	}
	return header, host, nil
}

func remove(h http.Header, name string) {
	for k := range h {
		if strings.EqualFold(k, name) {
			delete(h, k)
		}
	}
}

func validName(key string) bool {
	for _, c := range []byte(key) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return false
		}
	}
	return key != "" && textproto.TrimString(key) == key
}

func validValue(value string) bool {
	for _, c := range []byte(value) {
		if c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}
