// Package cloud speaks HTTP with OIAnalytics: one method an endpoint (protocol/control-plane.md, section 1). It holds
// no state but idle connections, and promises that every call ends within its limit, that no answer, however long,
// wrong or slow, takes more memory or time than its bound, and that an error says what was asked and what came back
// without any secret. It guards against the network between a site and its cloud: proxies, gateways, captive
// portals that answer 200 with a page of HTML, connections cut in the middle, servers that lie about lengths.
//
// Nothing here retries, except that a connection which went stale while idle is replaced. When to ask again is the
// caller's decision: see Error.Retryable and Backoff.
package cloud

import (
	"context"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// Connection says how to reach OIAnalytics. Secrets are in clear: it lives in memory only, and prints without them.
type Connection struct {
	Host               string // https://acme.oianalytics.com
	AcceptUnauthorized bool   // no verification of the certificate of OIAnalytics; that of an https proxy is verified all the same
	UseProxy           bool
	ProxyURL           string // http:// or https://
	ProxyUsername      string // empty: no authentication at the proxy
	ProxyPassword      string
	UseAPIGateway      bool
	GatewayHeaderKey   string // empty: no gateway header
	GatewayHeaderValue string
	GatewayBase        string // put before each path
	Token              string // as handed out at registration, with or without "Bearer "
	CAFile             string // PEM certificates trusted beside the system's, for OIAnalytics and an https proxy
}

// String shows where the connection leads and none of its secrets.
func (c Connection) String() string {
	return fmt.Sprintf("{host %q, proxy %t %q, gateway %t %q}",
		redactURL(c.Host), c.UseProxy, redactURL(c.ProxyURL), c.UseAPIGateway, c.GatewayBase)
}

// GoString is String, so that %#v shows no secret either.
func (c Connection) GoString() string { return c.String() }

// LogValue is String, for slog.
func (c Connection) LogValue() slog.Value { return slog.StringValue(c.String()) }

// callLimits are the deadlines of calls (protocol/control-plane.md, section 1.7).
type callLimits struct {
	Call    time.Duration // connect, headers and body of every call but the download
	Connect time.Duration // TCP and TLS, also towards a proxy
	Asset   time.Duration // the whole download of a release
	Idle    time.Duration // without headers, or between two pieces of a body, of that download
}

// defaultLimits are those of the reference. Connect < Call, so that a host that does not answer is told from a
// server that does not; Idle < Asset, so that a dead download ends before the patience for a slow one.
var defaultLimits = callLimits{Call: 30 * time.Second, Connect: 10 * time.Second, Asset: 15 * time.Minute, Idle: 5 * time.Minute}

// Client calls OIAnalytics. Its methods may be used at the same time by many.
type Client struct {
	userAgent string
	limits    callLimits
	maxList   int64 // bytes of a list of commands
	lookup    func(ctx context.Context, host string) ([]netip.Addr, error)
	roots     func() (*x509.CertPool, error) // the system's certificates

	mu         sync.Mutex
	transports []pooled // the one used last is the last
}

// New returns a client of an agent that announces version.
func New(version string) *Client {
	return &Client{
		userAgent: "OIBus/" + version + " (https://oibus.optimistik.com/)",
		limits:    defaultLimits,
		maxList:   maxList,
		lookup:    lookupHost,
		roots:     x509.SystemCertPool,
	}
}

// CloseIdle closes the connections that carry no call.
func (c *Client) CloseIdle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.transports {
		p.transport.CloseIdleConnections()
	}
}

// transportOf returns the shared transport of the proxy and TLS settings of conn. A change of settings closes the
// idle connections made under the previous ones.
func (c *Client) transportOf(conn Connection) (*http.Transport, error) {
	route, err := routeOf(conn)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	last := len(c.transports) - 1
	for i, p := range c.transports {
		if p.route == route {
			if i != last {
				c.transports[last].transport.CloseIdleConnections()
				c.transports = append(append(c.transports[:i:i], c.transports[i+1:]...), p)
			}
			return p.transport, nil
		}
	}
	t, err := c.newTransport(route)
	if err != nil {
		return nil, err
	}
	if last >= 0 {
		c.transports[last].transport.CloseIdleConnections()
	}
	c.transports = append(c.transports, pooled{route, t})
	if len(c.transports) > maxTransports {
		c.transports = append([]pooled{}, c.transports[1:]...)
	}
	return t, nil
}
