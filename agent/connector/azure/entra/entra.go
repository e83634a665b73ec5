// Package entra gets access tokens of Microsoft Entra ID for a program, with the flow of client credentials of OAuth 2.0.
// It promises that a token is asked for once while it holds, that it dies with the settings it was made from, and that no
// error shows a secret. It guards against credentials that were changed and still used.
package entra

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"oibus/agent/connector/httpclient"
)

const (
	// Authority is where tokens come from, unless the environment names another cloud.
	Authority         = "https://login.microsoftonline.com"
	authorityVariable = "AZURE_AUTHORITY_HOST"
	// early is how long before its end a token is not used any more, so that it holds during a request.
	early = 5 * time.Minute
	// longestToken bounds what a server says of the life of its token.
	longestToken = 24 * time.Hour
	maxToken     = 64 << 10 // bytes of a token answer
)

// Source gives tokens. It may be used by several at the same time.
type Source interface {
	// Token is one that holds for a while.
	Token(ctx context.Context) (string, error)
	// Forget drops a token that was refused.
	Forget()
	// Close closes idle connections.
	Close()
}

// TokenError says that no token was given. One may be given later.
type TokenError struct{ Text string }

func (e *TokenError) Error() string { return e.Text }

// Credentials say who asks, and for what. One of Secret, Signer and Assertion proves it.
type Credentials struct {
	Authority          string // "" for the usual one
	TenantID, ClientID string
	Scope              string
	Secret             string
	Signer             *Signer
	Assertion          func() (string, error) // a token of somebody whom Entra ID trusts
	Proxy              *httpclient.Proxy
	Version            string // of the agent, as announced
	Now                func() time.Time
}

// New returns a source of tokens of Entra ID, or a SettingsError. The certificate of Entra ID is always verified.
func New(c Credentials) (Source, error) {
	if c.TenantID == "" || c.ClientID == "" {
		return nil, &httpclient.SettingsError{Text: "the tenant id and the client id must be specified"}
	}
	if c.Authority == "" {
		var err error
		if c.Authority, err = authority(); err != nil {
			return nil, err
		}
	}
	client, err := httpclient.New(httpclient.Options{Version: c.Version, Proxy: c.Proxy, Secrets: []string{c.Secret}})
	if err != nil {
		return nil, err
	}
	p := &program{Credentials: c, client: client}
	return &kept{now: c.Now, ask: p.ask, close: client.Close}, nil
}

// authority is that of the environment: clouds of some countries have their own.
func authority() (string, error) {
	set := os.Getenv(authorityVariable)
	if set == "" {
		return Authority, nil
	}
	if u, err := httpclient.Base(set); err != nil || u.Scheme != "https" {
		return "", &httpclient.SettingsError{Text: authorityVariable + " is no https address"}
	}
	return strings.TrimRight(set, "/"), nil
}

// kept keeps a token while it holds.
type kept struct {
	now   func() time.Time
	ask   func(ctx context.Context) (token string, life time.Duration, err error)
	close func()

	mu      sync.Mutex // one request for a token at a time
	current string
	until   time.Time
}

func (k *kept) Token(ctx context.Context) (string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.current != "" && k.now().Before(k.until) {
		return k.current, nil
	}
	token, life, err := k.ask(ctx)
	if err != nil {
		return "", err
	}
	k.current, k.until = token, k.now().Add(life-min(early, life/2))
	return token, nil
}

func (k *kept) Forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.current = ""
}

func (k *kept) Close() { k.close() }

// program asks with the credentials of a program.
type program struct {
	Credentials
	client *httpclient.Client
}

func (p *program) ask(ctx context.Context) (token string, life time.Duration, err error) {
	u, err := httpclient.Resolve(p.Authority, "/"+url.PathEscape(p.TenantID)+"/oauth2/v2.0/token", nil)
	if err != nil {
		return "", 0, err
	}
	form, err := p.form(u.String())
	if err != nil {
		return "", 0, err
	}
	body, size := httpclient.Text(form.Encode())
	res, err := p.client.Do(ctx, httpclient.Request{Method: "POST", URL: u, Body: body, Size: size,
		Header: httpclient.Header{{Key: "Content-Type", Value: "application/x-www-form-urlencoded"}}})
	if err != nil {
		return "", 0, fmt.Errorf("cannot reach Entra ID: %w", err)
	}
	return answer(res, "Entra ID", p.Now(), p.client)
}

func (p *program) form(audience string) (url.Values, error) {
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {p.ClientID}, "scope": {p.Scope}}
	assertion := p.Assertion
	if p.Signer != nil {
		assertion = func() (string, error) { return p.Signer.sign(p.ClientID, audience, p.Now()) }
	}
	if assertion == nil {
		form.Set("client_secret", p.Secret)
		return form, nil
	}
	signed, err := assertion()
	if err != nil {
		return nil, err
	}
	form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
	form.Set("client_assertion", signed)
	return form, nil
}

// answer reads and closes the answer to a request for a token.
func answer(res *httpclient.Response, from string, now time.Time, client *httpclient.Client) (token string, life time.Duration, err error) {
	defer res.Close()
	if !res.OK() {
		return "", 0, &TokenError{fmt.Sprintf("%s gave no token: %d %s", from, res.Status, client.Hide(refusal(res.Message())))}
	}
	raw, err := io.ReadAll(io.LimitReader(res, maxToken))
	if err != nil {
		return "", 0, fmt.Errorf("cannot read the answer of %s: %w", from, err)
	}
	if token, life, err = parseToken(raw, now); err != nil {
		err = &TokenError{"the answer of " + from + " " + err.Error()}
	}
	return token, life, err
}

// parseToken reads the answer of a success.
func parseToken(raw []byte, now time.Time) (token string, life time.Duration, err error) {
	var answer struct {
		Token string      `json:"access_token"`
		In    json.Number `json:"expires_in"`
		On    json.Number `json:"expires_on"` // of services that do not tell expires_in
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return "", 0, errors.New("is no token answer")
	}
	if answer.Token == "" {
		return "", 0, errors.New("holds no token")
	}
	for _, c := range []byte(answer.Token) {
		if c <= ' ' || c >= 0x7f {
			return "", 0, errors.New("holds a token with characters that cannot be sent")
		}
	}
	seconds, err := answer.In.Float64()
	if err != nil {
		on, onErr := answer.On.Float64()
		seconds, err = on-float64(now.Unix()), onErr
	}
	if err != nil || !(seconds > 0) {
		seconds = 0 // use it once
	}
	return answer.Token, time.Duration(min(seconds, longestToken.Seconds()) * float64(time.Second)), nil
}

// refusal is what an answer says of the reason, as far as it is told in the way of OAuth.
func refusal(body string) string {
	var answer struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	if json.Unmarshal([]byte(body), &answer) != nil || answer.Error == "" {
		return body
	}
	return answer.Error + ": " + answer.Description
}
