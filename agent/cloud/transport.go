package cloud

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// Bounds of what is kept between calls.
const (
	maxTransports  = 4                // the registration's, and those of connection tests
	idleTimeout    = 90 * time.Second // above the 60 s between polls, so that a poll needs no handshake
	maxIdle        = 4                // poller, acknowledgements, messages, logs
	maxHeaderBytes = 256 << 10
)

// route is what tells one transport from another.
type route struct {
	proxy    string // with credentials; empty: direct
	insecure bool
	caFile   string
	caStamp  string // changes with the file
}

type pooled struct {
	route     route
	transport *http.Transport
}

func routeOf(conn Connection) (route, error) {
	r := route{insecure: conn.AcceptUnauthorized, caFile: conn.CAFile}
	if conn.CAFile != "" {
		info, err := os.Stat(conn.CAFile)
		if err != nil {
			return r, localError(fmt.Sprintf("cannot read the CA certificates: %v", err), err)
		}
		r.caStamp = fmt.Sprint(info.Size(), info.ModTime().UnixNano())
	}
	if !conn.UseProxy {
		return r, nil
	}
	u, err := proxyURL(conn)
	if err != nil {
		return r, err
	}
	r.proxy = u.String()
	return r, nil
}

// proxyURL checks the address of the proxy and adds the credentials (protocol/control-plane.md, section 1.5).
func proxyURL(conn Connection) (*url.URL, error) {
	if strings.TrimSpace(conn.ProxyURL) == "" {
		return nil, localError("Proxy URL not specified using registered OIAnalytics module", nil)
	}
	u, err := absoluteURL(conn.ProxyURL)
	if err != nil {
		return nil, localError("Invalid URL: the proxy URL must start with http:// or https:// and name a host", nil)
	}
	u = &url.URL{Scheme: u.Scheme, Host: u.Host, User: u.User}
	if conn.ProxyUsername != "" {
		u.User = url.UserPassword(conn.ProxyUsername, conn.ProxyPassword)
	}
	return u, nil
}

// proxyError is a tunnel that the proxy refused.
type proxyError struct{ status int }

func (e *proxyError) Error() string {
	return fmt.Sprintf("Proxy response (%d) !== 200 when HTTP Tunneling", e.status)
}

// newTransport builds the transport of r. Verification is switched off for OIAnalytics only, never for the proxy:
// the first TLS handshake of a connection through a proxy is the proxy's.
func (c *Client) newTransport(r route) (*http.Transport, error) {
	roots, err := c.trusted(r.caFile)
	if err != nil {
		return nil, err
	}
	target := &tls.Config{RootCAs: roots, InsecureSkipVerify: r.insecure, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}
	first := target
	d := &dialer{timeout: c.limits.Connect, lookup: c.lookup}
	t := &http.Transport{
		DialContext:            d.dial,
		TLSClientConfig:        target,
		TLSHandshakeTimeout:    c.limits.Connect,
		ResponseHeaderTimeout:  c.limits.Idle,
		DisableCompression:     true, // no Accept-Encoding, and no answer that is longer than its bytes
		MaxIdleConnsPerHost:    maxIdle,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxHeaderBytes,
		TLSNextProto:           map[string]func(string, *tls.Conn) http.RoundTripper{}, // HTTP/1.1 only
	}
	if r.proxy != "" {
		u, err := url.Parse(r.proxy)
		if err != nil {
			return nil, localError("Invalid URL", nil)
		}
		first = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}
		t.Proxy = http.ProxyURL(u)
		t.ProxyConnectHeader = http.Header{"User-Agent": {c.userAgent}}
		t.OnProxyConnectResponse = func(_ context.Context, _ *url.URL, _ *http.Request, res *http.Response) error {
			if res.StatusCode != http.StatusOK {
				return &proxyError{res.StatusCode}
			}
			return nil
		}
	}
	t.DialTLSContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		return d.dialTLS(ctx, network, addr, first)
	}
	return t, nil
}

// trusted are the system's certificates and those of file. A machine without any can still trust those of file.
func (c *Client) trusted(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil // the system's
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, localError(fmt.Sprintf("cannot read the CA certificates: %v", err), err)
	}
	roots, err := c.roots()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if !roots.AppendCertsFromPEM(pem) {
		return nil, localError(fmt.Sprintf("%s holds no certificate in PEM form", file), nil)
	}
	return roots, nil
}
