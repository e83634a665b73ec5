// Package httpclient is how connectors speak HTTP (protocol/data-plane.md, section 5.0). It promises that every exchange
// ends: with an answer, or when nothing moves for as long as the settings allow; that bodies of any length are sent and
// read in memory that does not grow with them; that connections are used again, whatever was left unread; that redirects
// are not followed; and that no error shows a query, a credential or more than the beginning of an answer. It guards
// against targets that hang, trickle, lie, or answer with the secrets they were sent.
package httpclient

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

const (
	// DefaultTimeout stands in for a timeout of 0 or less, with which no exchange could succeed.
	DefaultTimeout = 30 * time.Second
	// connectTimeout bounds TCP and TLS, also towards a proxy.
	connectTimeout = 10 * time.Second
	idleTimeout    = 30 * time.Second // shorter than most servers keep an idle connection
	maxIdle        = 4
	maxHeaderBytes = 256 << 10
)

// Options say how a target is reached.
type Options struct {
	Version            string // of the agent, as announced
	AcceptUnauthorized bool   // no verification of the certificate of the target; that of a proxy is verified all the same
	CAFile             string // PEM certificates trusted beside the system's, "" for none
	Proxy              *Proxy // nil: direct
	Timeout            time.Duration
	Secrets            []string // never shown, even when a target sends them back
}

// Proxy is an HTTP proxy. Its URL may carry credentials; User, when it is not empty, replaces them.
type Proxy struct{ URL, User, Password string }

// Client makes requests. It may be used by several at the same time.
type Client struct {
	userAgent string
	timeout   time.Duration
	hidden    *strings.Replacer
	transport *http.Transport
}

// New returns a client, or a SettingsError.
func New(o Options) (*Client, error) {
	c := &Client{userAgent: "OIBus/" + o.Version + " (https://oibus.optimistik.com/)", timeout: o.Timeout}
	if c.timeout <= 0 {
		c.timeout = DefaultTimeout
	}
	var proxy *url.URL
	if o.Proxy != nil {
		var err error
		if proxy, err = proxyURL(*o.Proxy); err != nil {
			return nil, err
		}
	}
	c.hidden = hiding(append(o.Secrets, proxySecret(proxy))...)
	roots, err := trusted(o.CAFile)
	if err != nil {
		return nil, err
	}
	c.transport = newTransport(roots, o.AcceptUnauthorized, proxy, c.userAgent)
	return c, nil
}

// Close closes the connections that carry no exchange.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// Hide replaces every secret of the client in text.
func (c *Client) Hide(text string) string { return c.hidden.Replace(text) }

// newTransport verifies the target unless told not to, and a proxy always: the first TLS handshake of a connection
// through an https proxy is the proxy's.
func newTransport(roots *x509.CertPool, insecure bool, proxy *url.URL, userAgent string) *http.Transport {
	target := &tls.Config{RootCAs: roots, InsecureSkipVerify: insecure, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}
	first := target
	t := &http.Transport{
		DialContext:            (&net.Dialer{Timeout: connectTimeout}).DialContext,
		TLSClientConfig:        target,
		TLSHandshakeTimeout:    connectTimeout,
		DisableCompression:     true, // no Accept-Encoding, and no answer that is longer than its bytes
		MaxIdleConnsPerHost:    maxIdle,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxHeaderBytes,
		WriteBufferSize:        64 << 10,
		ReadBufferSize:         64 << 10,
		TLSNextProto:           map[string]func(string, *tls.Conn) http.RoundTripper{}, // HTTP/1.1 only
	}
	if proxy != nil {
		first = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}
		t.Proxy = http.ProxyURL(proxy)
		t.ProxyConnectHeader = http.Header{"User-Agent": {userAgent}}
		t.OnProxyConnectResponse = func(_ context.Context, _ *url.URL, _ *http.Request, res *http.Response) error {
			if res.StatusCode != http.StatusOK {
				return &tunnelError{res.StatusCode}
			}
			return nil
		}
	}
	t.DialTLSContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		return dialTLS(ctx, network, addr, first)
	}
	return t
}

func dialTLS(ctx context.Context, network, addr string, config *tls.Config) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	return (&tls.Dialer{NetDialer: &net.Dialer{}, Config: config}).DialContext(ctx, network, addr)
}

// tunnelError is a tunnel that the proxy refused.
type tunnelError struct{ status int }

func (e *tunnelError) Error() string {
	return fmt.Sprintf("Proxy response (%d) !== 200 when HTTP Tunneling", e.status)
}

func proxyURL(p Proxy) (*url.URL, error) {
	u, err := Base(p.URL)
	if err != nil {
		return nil, &SettingsError{"Invalid URL: the proxy URL must start with http:// or https:// and name a host"}
	}
	u = &url.URL{Scheme: u.Scheme, Host: u.Host, User: u.User}
	if p.User != "" {
		u.User = url.UserPassword(p.User, p.Password)
	}
	return u, nil
}

func proxySecret(proxy *url.URL) string {
	if proxy == nil {
		return ""
	}
	password, _ := proxy.User.Password()
	return password
}

// trusted are the system's certificates and those of file; nil are the system's alone.
func trusted(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, &SettingsError{fmt.Sprintf("cannot read the CA certificates: %v", err)}
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if !roots.AppendCertsFromPEM(pem) {
		return nil, &SettingsError{fmt.Sprintf("%s holds no certificate in PEM form", file)}
	}
	return roots, nil
}

// hiding replaces the secrets that are long enough to be recognised in a text.
func hiding(secrets ...string) *strings.Replacer {
	const shortest = 4
	var pairs []string
	for _, s := range secrets {
		if len(s) >= shortest {
			pairs = append(pairs, s, "********")
			if escaped := Escape(s); escaped != s {
				pairs = append(pairs, escaped, "********")
			}
		}
	}
	return strings.NewReplacer(pairs...)
}
