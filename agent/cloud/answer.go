package cloud

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"oibus/agent/wording"
)

// Bounds of answers.
const (
	maxObject   = 1 << 20  // registration and its check
	maxList     = 64 << 20 // commands: results and CSV files travel the other way, but imports come this way
	maxElements = 100_000  // of a list: an element costs memory beyond its bytes
	maxIgnored  = 64 << 10 // of a body that is not used: read, so that the connection can be used again
)

// answer reads the body of a success within a bound and remembers how it begins.
type answer struct {
	request request
	res     *http.Response
	limit   int64
	read    int64
	head    []byte
	broken  error // the connection failed, which is not the fault of the content
}

var errTooLong = errors.New("the answer is too long")

// Read implements io.Reader for the decoder.
func (a *answer) Read(p []byte) (int, error) {
	if int64(len(p)) > a.limit-a.read+1 {
		p = p[:a.limit-a.read+1]
	}
	n, err := a.res.Body.Read(p)
	a.read += int64(n)
	if len(a.head) < 4*maxPreview {
		a.head = append(a.head, p[:n]...)
	}
	if a.read > a.limit {
		return 0, errTooLong
	}
	if err != nil && err != io.EOF {
		a.broken = err
	}
	return n, err
}

// object reads one JSON object into v.
func (a *answer) object(v any) error {
	a.limit = maxObject
	raw, err := io.ReadAll(a)
	switch {
	case a.foreign():
		return a.wrong("a JSON object", nil)
	case err != nil:
		return a.wrong("a JSON object", err)
	case !bytes.HasPrefix(bytes.TrimLeft(raw, " \t\r\n"), []byte("{")):
		return a.wrong("a JSON object", nil)
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return a.wrong("a JSON object", err)
	}
	return nil
}

// list reads a JSON array, element by element: a list near the bound is never held twice. Of a list beyond the bound it
// returns the beginning: what was taken is confirmed, and the rest comes with the next call.
func (a *answer) list(limit int64) ([]json.RawMessage, error) {
	a.limit = limit
	elements, err := decodeList(a)
	if errors.Is(err, errTooLong) && len(elements) > 0 {
		return elements, nil
	}
	if err != nil || a.foreign() {
		return nil, a.wrong("a JSON array", err)
	}
	return elements, nil
}

func decodeList(r io.Reader) ([]json.RawMessage, error) {
	dec := json.NewDecoder(r)
	first, err := dec.Token()
	if err != nil {
		return nil, err
	}
	if first != json.Delim('[') {
		return nil, errors.New("it is no array")
	}
	elements := []json.RawMessage{}
	for dec.More() {
		var e json.RawMessage
		if err := dec.Decode(&e); err != nil {
			return elements, err
		}
		if len(elements) == maxElements {
			return elements, errTooLong
		}
		elements = append(elements, e)
	}
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("something follows the array")
	}
	return elements, nil
}

// ignore accepts any body but a page: where the cloud confirms, a captive portal must not do so in its place. The
// status is the confirmation, so a body that is too long or cut in the middle changes nothing.
func (a *answer) ignore() error {
	a.limit = maxIgnored
	_, _ = io.Copy(io.Discard, a)
	a.broken = nil
	if a.foreign() {
		return a.wrong("a confirmation", nil)
	}
	return nil
}

// foreign tells whether somebody other than OIAnalytics answered: with a page, or with compression nobody asked for.
func (a *answer) foreign() bool {
	return isPage(a.res.Header, a.head) || encoded(a.res.Header)
}

func isPage(h http.Header, head []byte) bool {
	media, _, _ := mime.ParseMediaType(h.Get("Content-Type"))
	start := strings.ToLower(string(bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n")))
	return media == "text/html" || media == "application/xhtml+xml" ||
		strings.HasPrefix(start, "<!doctype html") || strings.HasPrefix(start, "<html")
}

func encoded(h http.Header) bool {
	e := strings.TrimSpace(h.Get("Content-Encoding"))
	return e != "" && !strings.EqualFold(e, "identity")
}

// wrong says what was asked and what came back.
func (a *answer) wrong(expected string, cause error) *Error {
	h := a.res.Header
	text := fmt.Sprintf("%s %s: expected %s, got %d", a.request.method, a.request.shownPath(), expected, a.res.StatusCode)
	if t := h.Get("Content-Type"); t != "" {
		text += " " + wording.Clip(t, maxPreview)
	}
	if encoded(h) {
		text += " in " + wording.Clip(h.Get("Content-Encoding"), maxPreview) + " encoding"
	}
	switch {
	case a.limit == 0: // the body was not looked at
	case a.read > a.limit:
		text += fmt.Sprintf(" of more than %d bytes", a.limit)
	case len(a.head) == 0:
		text += " with an empty body"
	default:
		text += " " + quote(wording.Clip(string(a.head), maxPreview))
	}
	if isPage(h, a.head) {
		text += " (a captive portal, proxy or gateway may be answering in place of OIAnalytics)"
	} else if cause != nil && (len(a.head) > 0 || a.limit == 0) && !errors.Is(cause, errTooLong) {
		text += ": " + wording.Clip(cause.Error(), maxPreview)
	}
	return &Error{
		Kind: Answer, Method: a.request.method, Path: a.request.shownPath(), Status: a.res.StatusCode,
		RetryAfter: retryAfter(h), text: text, cause: cause,
	}
}

func quote(s string) string { return strconv.Quote(s) }
