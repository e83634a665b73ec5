// Package oianalytics is how the OIAnalytics connectors reach OIAnalytics: through the registration, or with settings of
// their own (protocol/data-plane.md, sections 5.7 and 6.1). It promises that a change of the registration is followed at
// the next request, that the prefix and header of an API gateway go nowhere but to the registered host, and that a token
// of Entra ID is asked for once while it holds and dies with the settings it was made from. It guards against
// credentials that were changed and still used.
package oianalytics

import (
	"context"
	"fmt"
	"sync"
	"time"

	"oibus/agent/cloud"
	"oibus/agent/connector"
	"oibus/agent/connector/azure/entra"
	"oibus/agent/connector/httpclient"
	"oibus/agent/connector/setting"
)

// testTimeout bounds the test of a connection, whatever the settings.
const testTimeout = 30 * time.Second

const (
	noModuleProxy   = "Proxy URL not specified using registered OIAnalytics module"
	noSpecificProxy = "Proxy URL not specified using specific settings"
)

// Settings are those that the South and the North connector have in common.
type Settings struct {
	UseModule setting.Flag   `json:"useOiaModule"`
	Timeout   setting.Number `json:"timeout"` // s
	Specific  *Specific      `json:"specificSettings"`
}

// Specific are the settings of a connector that does not use the registration.
type Specific struct {
	Host               string       `json:"host"`
	AcceptUnauthorized setting.Flag `json:"acceptUnauthorized"`
	Authentication     string       `json:"authentication"` // basic, aad-client-secret or aad-certificate
	AccessKey          string       `json:"accessKey"`
	SecretKey          string       `json:"secretKey"`
	TenantID           string       `json:"tenantId"`
	ClientID           string       `json:"clientId"`
	ClientSecret       string       `json:"clientSecret"`
	CertificateID      string       `json:"certificateId"`
	Scope              string       `json:"scope"`
	httpclient.ProxySettings
}

// Call is one request.
type Call struct {
	Method   string
	Endpoint string // with its own query, if any
	Params   []httpclient.Param
	Header   httpclient.Header
	Request  httpclient.Request // body and timeout
}

// Target is OIAnalytics as one connector sees it. It may be used by several at the same time.
type Target struct {
	settings Settings
	host     connector.Host

	mu     sync.Mutex
	conn   cloud.Connection // that client was made for
	client *httpclient.Client
	tokens entra.Source // nil: none are needed
}

// New checks the settings.
func New(env connector.Env, s Settings) (*Target, error) {
	t := &Target{settings: s, host: env.Host}
	if s.UseModule {
		return t, nil
	}
	if s.Specific == nil {
		return nil, &httpclient.SettingsError{Text: "the specific settings are missing"}
	}
	if err := t.useSpecific(*s.Specific); err != nil {
		return nil, err
	}
	return t, nil
}

func (t *Target) useSpecific(s Specific) error {
	proxy, err := s.Proxy(noSpecificProxy)
	if err != nil {
		return err
	}
	basic := httpclient.Basic(s.AccessKey, s.SecretKey)
	t.client, err = httpclient.New(httpclient.Options{
		Version: t.host.Version, AcceptUnauthorized: bool(s.AcceptUnauthorized), Proxy: proxy, Timeout: t.timeout(),
		Secrets: []string{s.SecretKey, s.ClientSecret, basic[len("Basic "):]},
	})
	if err != nil || s.Authentication != clientSecret && s.Authentication != certificate {
		return err
	}
	t.tokens, err = newTokens(s, proxy, t.host, "")
	return err
}

func (t *Target) timeout() time.Duration { return t.settings.Timeout.Duration(time.Second) }

// Close closes idle connections.
func (t *Target) Close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.client != nil {
		t.client.Close()
	}
	if t.tokens != nil {
		t.tokens.Close()
	}
}

// Do makes a request with everything that it needs to be let in. shown is its address for errors, "" when it is not
// known. The answer, whatever its status, is the caller's to close.
func (t *Target) Do(ctx context.Context, call Call) (res *httpclient.Response, shown string, err error) {
	if t.settings.UseModule {
		return t.viaModule(ctx, call)
	}
	s := t.settings.Specific
	u, err := httpclient.Resolve(s.Host, call.Endpoint, call.Params)
	if err != nil {
		return nil, "", err
	}
	shown = httpclient.Shown(u)
	authorization := ""
	switch {
	case t.tokens != nil:
		token, err := t.tokens.Token(ctx)
		if err != nil {
			return nil, shown, err
		}
		authorization = httpclient.Bearer(token)
	case s.AccessKey != "":
		authorization = httpclient.Basic(s.AccessKey, s.SecretKey)
	}
	r := call.Request
	r.Method, r.URL, r.Header = call.Method, u, authorized(call.Header, authorization)
	res, err = t.client.Do(ctx, r)
	if err == nil && res.Status == 401 && t.tokens != nil {
		t.tokens.Forget()
	}
	return res, shown, err
}

func authorized(h httpclient.Header, authorization string) httpclient.Header {
	if authorization == "" {
		return h
	}
	return append(h[:len(h):len(h)], httpclient.Param{Key: "Authorization", Value: authorization})
}

func (t *Target) viaModule(ctx context.Context, call Call) (*httpclient.Response, string, error) {
	conn, err := t.host.OIAnalytics()
	if err != nil {
		return nil, "", &httpclient.SettingsError{Text: err.Error()}
	}
	client, err := t.clientFor(conn)
	if err != nil {
		return nil, "", err
	}
	endpoint := call.Endpoint
	var header httpclient.Header
	if conn.UseAPIGateway {
		endpoint = conn.GatewayBase + endpoint
		if conn.GatewayHeaderKey != "" {
			header = append(header, httpclient.Param{Key: conn.GatewayHeaderKey, Value: conn.GatewayHeaderValue})
		}
	}
	u, err := httpclient.Resolve(conn.Host, endpoint, call.Params)
	if err != nil {
		return nil, "", err
	}
	r := call.Request
	r.Method, r.URL = call.Method, u
	r.Header = authorized(append(header, call.Header...), httpclient.Bearer(conn.Token))
	res, err := client.Do(ctx, r)
	return res, httpclient.Shown(u), err
}

// clientFor is the client of the registration as it is now.
func (t *Target) clientFor(conn cloud.Connection) (*httpclient.Client, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.client != nil && t.conn == conn {
		return t.client, nil
	}
	proxy, err := httpclient.ProxySettings{UseProxy: setting.Flag(conn.UseProxy), ProxyURL: conn.ProxyURL,
		ProxyUsername: conn.ProxyUsername, ProxyPassword: conn.ProxyPassword}.Proxy(noModuleProxy)
	if err != nil {
		return nil, err
	}
	client, err := httpclient.New(httpclient.Options{
		Version: t.host.Version, AcceptUnauthorized: conn.AcceptUnauthorized, CAFile: conn.CAFile, Proxy: proxy,
		Timeout: t.timeout(), Secrets: []string{conn.Token, conn.GatewayHeaderValue},
	})
	if err != nil {
		return nil, err
	}
	if t.client != nil {
		t.client.Close()
	}
	t.conn, t.client = conn, client
	return client, nil
}

// Test asks for the status of OIAnalytics.
func (t *Target) Test(ctx context.Context) (connector.Report, error) {
	res, _, err := t.Do(ctx, Call{Method: "GET", Endpoint: "/api/oianalytics/oibus/status",
		Request: httpclient.Request{Timeout: testTimeout}})
	if err != nil {
		if httpclient.IsLocal(err) {
			return connector.Report{}, err
		}
		//lint:ignore ST1005 the reference's text
		return connector.Report{}, fmt.Errorf("Fetch error: %w", err)
	}
	defer res.Close()
	if !res.OK() {
		return connector.Report{}, fmt.Errorf("HTTP request failed with status code %d and message: %s", res.Status, res.Message())
	}
	return connector.Report{}, nil
}
