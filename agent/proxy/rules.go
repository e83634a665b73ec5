package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"time"
)

// rules are one generation of settings, as requests need them.
type rules struct {
	server    *Server
	settings  Settings
	access    *access
	upstream  *url.URL // with credentials; nil: direct
	transport *http.Transport
	reverse   *httputil.ReverseProxy
}

func (s *Server) newRules(settings Settings) (*rules, error) {
	upstream, err := upstreamURL(settings.Upstream)
	if err != nil {
		return nil, err
	}
	ru := &rules{
		server: s, settings: settings, upstream: upstream,
		access: newAccess(settings.Username, settings.PasswordHash, s.opts.VerifyPassword),
	}
	ru.transport = &http.Transport{
		DialContext: func(ctx context.Context, _, addr string) (net.Conn, error) {
			c, err := s.dial(ctx, addr)
			if err != nil {
				return nil, err
			}
			return &quietConn{Conn: c, limit: s.limits.quiet}, nil
		},
		TLSClientConfig:        s.tlsConfig(),
		TLSHandshakeTimeout:    s.limits.connect,
		ResponseHeaderTimeout:  s.limits.answer,
		IdleConnTimeout:        s.limits.keepAlive,
		MaxIdleConns:           64,
		MaxIdleConnsPerHost:    8,
		MaxResponseHeaderBytes: 4 * maxHeader,
		DisableCompression:     true,
	}
	if upstream != nil {
		ru.transport.Proxy = http.ProxyURL(upstream)
	}
	ru.reverse = &httputil.ReverseProxy{
		Rewrite:        asSent,
		Transport:      ru.transport,
		FlushInterval:  -1, // at once
		BufferPool:     buffers{},
		ModifyResponse: ru.refusedUpstream,
		ErrorHandler:   func(w http.ResponseWriter, _ *http.Request, err error) { fail(w, err) },
		ErrorLog:       slog.NewLogLogger(s.opts.Log.Handler(), slog.LevelDebug),
	}
	return ru, nil
}

// tlsConfig is for the connection to an https upstream proxy.
func (s *Server) tlsConfig() *tls.Config {
	return &tls.Config{RootCAs: s.opts.Roots, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}
}

func upstreamURL(up Upstream) (*url.URL, error) {
	if !up.Enabled {
		return nil, nil
	}
	u, err := url.Parse(strings.TrimSpace(up.URL))
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" {
		return nil, errors.New("the URL of the upstream proxy must start with http:// or https:// and name a host")
	}
	u = &url.URL{Scheme: u.Scheme, Host: u.Host, User: u.User}
	if up.Username != "" {
		u.User = url.UserPassword(up.Username, up.Password)
	}
	return u, nil
}

// asSent keeps the request as the client made it, but for the headers that concern one connection only.
func asSent(p *httputil.ProxyRequest) {
	p.Out.URL.RawQuery = p.In.URL.RawQuery
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"} {
		if v, ok := p.In.Header[name]; ok {
			p.Out.Header[name] = v
		}
	}
}

// upstreamError is a refusal of the upstream proxy.
type upstreamError struct{ status int }

func (e *upstreamError) Error() string {
	return fmt.Sprintf("the upstream proxy answered %d %s", e.status, http.StatusText(e.status))
}

// refusedUpstream keeps a 407 of the upstream proxy from the client, whose credentials it is not about.
func (ru *rules) refusedUpstream(res *http.Response) error {
	if ru.upstream != nil && res.StatusCode == http.StatusProxyAuthRequired {
		return &upstreamError{res.StatusCode}
	}
	return nil
}

func (ru *rules) forward(w http.ResponseWriter, r *http.Request) {
	port := r.URL.Port()
	if port == "" {
		port = "80"
	}
	if ru.server.ownByName(r.URL.Hostname(), port) {
		fail(w, errOwn)
		return
	}
	control, limit := http.NewResponseController(w), ru.server.limits.quiet
	_ = control.EnableFullDuplex() // a target may answer before it has the whole body
	if r.Body != http.NoBody {
		r.Body = &patientBody{ReadCloser: r.Body, control: control, limit: limit}
	}
	ru.reverse.ServeHTTP(&patientWriter{ResponseWriter: w, control: control, limit: limit}, r)
}

// fail answers a request that could not be carried.
func fail(w http.ResponseWriter, err error) {
	status := http.StatusBadGateway
	var timeout net.Error
	switch {
	case errors.Is(err, errOwn):
		status = http.StatusForbidden
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, context.DeadlineExceeded):
		status = http.StatusGatewayTimeout
	}
	http.Error(w, "OIBus proxy: "+err.Error(), status)
}

// patientWriter gives up on a client that takes nothing of an answer.
type patientWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	limit   time.Duration
}

// Unwrap lets flushing and the change of protocols through.
func (w *patientWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *patientWriter) WriteHeader(status int) {
	w.extend()
	w.ResponseWriter.WriteHeader(status)
}

func (w *patientWriter) Write(p []byte) (int, error) {
	w.extend()
	return w.ResponseWriter.Write(p)
}

func (w *patientWriter) extend() { _ = w.control.SetWriteDeadline(time.Now().Add(w.limit)) }

// patientBody gives up on a client that stops in the middle of its body. After the body there is no deadline: what
// is read then is only whether the client goes away.
type patientBody struct {
	io.ReadCloser
	control *http.ResponseController
	limit   time.Duration
}

func (b *patientBody) Read(p []byte) (int, error) {
	_ = b.control.SetReadDeadline(time.Now().Add(b.limit))
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		_ = b.control.SetReadDeadline(time.Time{})
	}
	return n, err
}
