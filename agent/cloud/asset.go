package cloud

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Resume is what is already there of an asset. The zero value starts at the beginning.
type Resume struct {
	Offset int64  // bytes already there
	Size   int64  // of the whole, as learned from the interrupted download; 0 or -1: unknown
	ETag   string // likewise; empty: unknown
}

// Asset is a release being downloaded.
type Asset struct {
	Body   io.ReadCloser // the caller's to close; its errors are *Error
	Offset int64         // of the first byte of Body in the whole: 0 when the download starts over
	Size   int64         // of the whole, -1 when the server does not say
	ETag   string
}

var (
	errBodyTimeout = errors.New("Body Timeout Error") //lint:ignore ST1005 the text of the reference
	errChanged     = errors.New("the asset is no longer the one whose download was interrupted")
)

// Asset downloads a release (E11), all of it within the limit for assets. Where the server can, it goes on at
// from.Offset; where it cannot, or when the asset has changed meanwhile, it starts over and says so by its Offset.
func (c *Client) Asset(ctx context.Context, conn Connection, assetID string, from Resume) (*Asset, error) {
	a, err := c.download(ctx, conn, assetID, from)
	if from.Offset > 0 && (errors.Is(err, errChanged) || StatusOf(err) == http.StatusRequestedRangeNotSatisfiable) {
		return c.download(ctx, conn, assetID, Resume{})
	}
	return a, err
}

func (c *Client) download(ctx context.Context, conn Connection, assetID string, from Resume) (*Asset, error) {
	ctx, release := context.WithTimeout(ctx, c.limits.Asset)
	ctx, cancel := context.WithCancelCause(ctx)
	end := func(cause error) { cancel(cause); release() }
	r := request{method: http.MethodGet, path: assetPath + query("assetId", assetID), auth: true, extra: rangeHeaders(from)}
	r.accept = func(status int) bool { return status == http.StatusOK || status == http.StatusPartialContent }
	patience := time.AfterFunc(c.limits.Idle+c.limits.Call, func() { cancel(errBodyTimeout) }) // a refusal may stall too
	res, err := c.send(ctx, conn, r)
	patience.Stop()
	if err != nil {
		end(nil)
		return nil, err
	}
	a := &Asset{Offset: 0, Size: res.ContentLength, ETag: res.Header.Get("ETag")}
	if err = a.place(res, from); err == nil && (isPage(res.Header, nil) || encoded(res.Header)) {
		err = errors.New("it is no release")
	}
	if err != nil {
		res.Body.Close()
		end(nil)
		return nil, (&answer{request: r, res: res}).wrong("a release", err).with(err)
	}
	body := &assetBody{source: res.Body, end: end, limit: c.limits.Idle}
	body.idle = time.AfterFunc(c.limits.Idle, func() { cancel(errBodyTimeout) })
	body.idle.Stop()
	body.fail = func(err error) error { return c.failure(ctx, r, hostPort(res.Request.URL), err) }
	a.Body = body
	return a, nil
}

// rangeHeaders ask for the rest. A weak ETag does not prove that the bytes are the same, and so cannot guard the rest.
func rangeHeaders(from Resume) http.Header {
	h := http.Header{}
	if from.Offset <= 0 {
		return h
	}
	h.Set("Range", fmt.Sprintf("bytes=%d-", from.Offset))
	if from.ETag != "" && !strings.HasPrefix(from.ETag, "W/") && validValue(from.ETag) {
		h.Set("If-Range", from.ETag)
	}
	return h
}

// place reads where the body belongs in the whole.
func (a *Asset) place(res *http.Response, from Resume) error {
	if res.StatusCode != http.StatusPartialContent {
		return nil
	}
	first, last, size, ok := contentRange(res.Header.Get("Content-Range"))
	switch {
	case from.Offset <= 0:
		return errors.New("it is a part nobody asked for")
	case !ok:
		return fmt.Errorf("%w: its range cannot be read", errChanged)
	case first != from.Offset:
		return fmt.Errorf("%w: asked from byte %d on, got byte %d", errChanged, from.Offset, first)
	case size >= 0 && last != size-1:
		return fmt.Errorf("%w: asked for all from byte %d on, got up to %d of %d", errChanged, from.Offset, last, size)
	case from.Size > 0 && size >= 0 && size != from.Size:
		return fmt.Errorf("%w: it had %d bytes and has %d", errChanged, from.Size, size)
	case from.ETag != "" && a.ETag != "" && a.ETag != from.ETag:
		return fmt.Errorf("%w: its ETag was %q and is %q", errChanged, from.ETag, a.ETag)
	case res.ContentLength >= 0 && res.ContentLength != last-first+1:
		return fmt.Errorf("%w: %d bytes announced as a range of %d", errChanged, res.ContentLength, last-first+1)
	}
	a.Offset, a.Size = first, size
	return nil
}

// contentRange reads "bytes first-last/size"; size is -1 for *.
func contentRange(h string) (first, last, size int64, ok bool) {
	unit, rest, _ := strings.Cut(strings.TrimSpace(h), " ")
	span, total, found := strings.Cut(rest, "/")
	from, to, dashed := strings.Cut(span, "-")
	if !strings.EqualFold(unit, "bytes") || !found || !dashed {
		return 0, 0, 0, false
	}
	first, ok1 := digits(from)
	last, ok2 := digits(to)
	size, ok3 := int64(-1), true
	if total = strings.TrimSpace(total); total != "*" {
		size, ok3 = digits(total)
	}
	ok = ok1 && ok2 && ok3 && first <= last && (size < 0 || last < size)
	return first, last, size, ok
}

func digits(s string) (int64, bool) {
	s = strings.TrimSpace(s)
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && n >= 0 && s[0] != '+' && s[0] != '-'
}

func (e *Error) with(cause error) *Error { e.cause = cause; return e }

// assetBody ends a download that stalls, and releases its deadlines when it is closed.
type assetBody struct {
	source io.ReadCloser
	idle   *time.Timer
	limit  time.Duration
	end    func(cause error)
	fail   func(err error) error
}

// Read counts only the time spent waiting for the server, not that of the caller's disk.
func (b *assetBody) Read(p []byte) (int, error) {
	b.idle.Reset(b.limit)
	n, err := b.source.Read(p)
	b.idle.Stop()
	if err != nil && err != io.EOF {
		err = b.fail(err)
	}
	return n, err
}

// Close ends the download.
func (b *assetBody) Close() error {
	b.idle.Stop()
	b.end(nil)
	return b.source.Close()
}
