package cloud

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"

	"oibus/agent/wording"
)

// request is one call to make.
type request struct {
	method string
	path   string // relative or absolute, with its query
	body   []byte
	json   bool        // carries Content-Type: application/json, which E2 does although it is a GET
	auth   bool        // carries the bearer token
	extra  http.Header // further headers
	// accept tells which status is a success; nil stands for 200 to 299.
	accept func(status int) bool
}

// shownPath is the path as it may be shown: without query, which may hold a one-time secret.
func (r request) shownPath() string {
	path, _, _ := strings.Cut(r.path, "?")
	if isAbsolute(path) {
		return redactURL(path)
	}
	return wording.Clip(path, 200)
}

func (r request) succeeds(status int) bool {
	if r.accept != nil {
		return r.accept(status)
	}
	return status >= 200 && status <= 299
}

// exchange makes the call and gives a success to read, within the time of a call.
func (c *Client) exchange(ctx context.Context, conn Connection, r request, read func(*answer) error) error {
	ctx, cancel := context.WithTimeout(ctx, c.limits.Call)
	defer cancel()
	res, err := c.send(ctx, conn, r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	a := &answer{request: r, res: res}
	err = read(a)
	if a.broken != nil {
		return c.failure(ctx, r, hostPort(res.Request.URL), a.broken)
	}
	return err
}

// send makes the call. The body of the response, always a success, is the caller's to close.
func (c *Client) send(ctx context.Context, conn Connection, r request) (*http.Response, error) {
	req, err := c.build(ctx, conn, r)
	if err != nil {
		return nil, c.failure(ctx, r, "", err)
	}
	transport, err := c.transportOf(conn)
	if err != nil {
		return nil, c.failure(ctx, r, "", err)
	}
	res, err := transport.RoundTrip(req)
	if err != nil {
		return nil, c.failure(ctx, r, hostPort(req.URL), err)
	}
	if r.succeeds(res.StatusCode) {
		return res, nil
	}
	defer res.Body.Close()
	return nil, refusal(conn, r, req.URL, res)
}

func (c *Client) build(ctx context.Context, conn Connection, r request) (*http.Request, error) {
	u, err := endpointURL(conn, r.path)
	if err != nil {
		return nil, err
	}
	var body io.Reader
	if r.body != nil {
		body = bytes.NewReader(r.body)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, u.String(), body)
	if err != nil {
		return nil, localError("Invalid URL", nil)
	}
	req.URL = u
	return req, c.setHeaders(req, conn, r)
}

// setHeaders sets the headers of protocol/control-plane.md, section 1.3, and no other. Where the gateway header
// bears the name of another, the other wins, as in the reference.
func (c *Client) setHeaders(req *http.Request, conn Connection, r request) error {
	h := http.Header{}
	if conn.UseAPIGateway && conn.GatewayHeaderKey != "" {
		if err := setGatewayHeader(req, h, conn.GatewayHeaderKey, conn.GatewayHeaderValue); err != nil {
			return err
		}
	}
	if r.json {
		set(h, "Content-Type", "application/json")
	}
	set(h, "User-Agent", c.userAgent)
	if r.auth {
		if !validValue(conn.Token) {
			return localError("the access token holds characters that cannot be sent", nil)
		}
		set(h, "Authorization", bearer(conn.Token))
	}
	for key, values := range r.extra {
		set(h, key, values[0])
	}
	if r.method == http.MethodPut {
		// Not sent: tells the transport that the call may be made again when an idle connection turns out stale.
		h["Idempotency-Key"] = nil
	}
	req.Header = h
	return nil
}

// bearer is the value of Authorization (protocol/control-plane.md, section 1.4).
func bearer(token string) string {
	if strings.HasPrefix(token, "Bearer ") {
		return token
	}
	return "Bearer " + token
}

// set replaces whatever has that name in whatever case.
func set(h http.Header, key, value string) {
	for k := range h {
		if strings.EqualFold(k, key) {
			delete(h, k)
		}
	}
	h[key] = []string{value}
}

// Names that govern the connection itself: as a gateway header they would corrupt the request.
var connectionHeaders = map[string]bool{
	"connection": true, "content-length": true, "expect": true, "keep-alive": true, "proxy-connection": true,
	"te": true, "trailer": true, "transfer-encoding": true, "upgrade": true,
}

// setGatewayHeader writes key as it was typed, capitals included.
func setGatewayHeader(req *http.Request, h http.Header, key, value string) error {
	switch {
	case !validName(key) || connectionHeaders[strings.ToLower(key)]:
		return localError("the API gateway header key "+wording.Clip(quote(key), maxPreview)+" is not the name of a header", nil)
	case !validValue(value):
		return localError("the value of the API gateway header "+key+" holds characters that cannot be sent", nil)
	case strings.EqualFold(key, "host"):
		req.Host = value
	default:
		h[key] = []string{value}
	}
	return nil
}

func validName(key string) bool {
	for _, c := range []byte(key) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return false
		}
	}
	return key != ""
}

func validValue(value string) bool {
	for _, c := range []byte(value) {
		if c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// refusal is the error of an answer that is not a success. What can be read of its body is enough.
func refusal(conn Connection, r request, u *url.URL, res *http.Response) *Error {
	raw, _ := io.ReadAll(io.LimitReader(res.Body, maxErrorBody))
	e := &Error{
		Kind: Status, Method: r.method, Path: r.shownPath(), Status: res.StatusCode,
		Body: wording.Clip(string(raw), maxErrorText), RetryAfter: retryAfter(res.Header),
	}
	if conn.UseProxy && u.Scheme == "http" && res.StatusCode == http.StatusProxyAuthRequired {
		e.Kind, e.text = Proxy, "Proxy Authentication Required (407)"
	}
	return e
}
