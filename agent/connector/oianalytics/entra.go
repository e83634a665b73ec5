package oianalytics

import (
	"context"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/url"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"oibus/agent/connector"
	"oibus/agent/connector/httpclient"
	"oibus/agent/entity"
)

// Authentications that need a token of Entra ID.
const (
	clientSecret = "aad-client-secret"
	certificate  = "aad-certificate"
)

const (
	authority = "https://login.microsoftonline.com"
	// early is how long before its end a token is not used any more, so that it holds during a request.
	early = 5 * time.Minute
	// longestToken bounds what a server says of the life of its token.
	longestToken = 24 * time.Hour
	assertion    = 10 * time.Minute // life of a signed request, as short as clocks that differ allow
	maxToken     = 64 << 10         // bytes of a token answer
)

// entra asks Entra ID for tokens, with the flow of client credentials of OAuth 2.0. It lives as long as the settings it
// was made from: another secret is another entra.
type entra struct {
	authority string
	client    *httpclient.Client
	settings  Specific
	signer    *signer // nil: the client secret is used
	now       func() time.Time

	mu      sync.Mutex // one request for a token at a time
	current string
	until   time.Time
}

// newEntra verifies the certificate of Entra ID also where that of OIAnalytics is not.
func newEntra(s Specific, proxy *httpclient.Proxy, host connector.Host) (*entra, error) {
	if s.TenantID == "" || s.ClientID == "" {
		return nil, &httpclient.SettingsError{Text: "the tenant id and the client id must be specified"}
	}
	client, err := httpclient.New(httpclient.Options{Version: host.Version, Proxy: proxy, Secrets: []string{s.ClientSecret}})
	if err != nil {
		return nil, err
	}
	e := &entra{authority: authority, client: client, settings: s, now: host.Now}
	if s.Authentication == certificate {
		e.signer, err = newSigner(s.CertificateID, host)
	}
	return e, err
}

// token is one that holds for a while.
func (e *entra) token(ctx context.Context) (string, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.current != "" && e.now().Before(e.until) {
		return e.current, nil
	}
	token, life, err := e.ask(ctx)
	if err != nil {
		return "", err
	}
	e.current, e.until = token, e.now().Add(life-min(early, life/2))
	return token, nil
}

// forget drops a token that OIAnalytics refused.
func (e *entra) forget() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.current = ""
}

// TokenError says that Entra ID gave no token. It may do so later.
type TokenError struct{ text string }

func (e *TokenError) Error() string { return e.text }

func (e *entra) ask(ctx context.Context) (token string, life time.Duration, err error) {
	u, err := httpclient.Resolve(e.authority, "/"+url.PathEscape(e.settings.TenantID)+"/oauth2/v2.0/token", nil)
	if err != nil {
		return "", 0, err
	}
	form, err := e.form(u.String())
	if err != nil {
		return "", 0, err
	}
	body, size := httpclient.Text(form.Encode())
	res, err := e.client.Do(ctx, httpclient.Request{Method: "POST", URL: u, Body: body, Size: size,
		Header: httpclient.Header{{Key: "Content-Type", Value: "application/x-www-form-urlencoded"}}})
	if err != nil {
		return "", 0, fmt.Errorf("cannot reach Entra ID: %w", err)
	}
	defer res.Close()
	if !res.OK() {
		return "", 0, &TokenError{fmt.Sprintf("Entra ID gave no token: %d %s", res.Status, e.client.Hide(refusal(res.Message())))}
	}
	raw, err := io.ReadAll(io.LimitReader(res, maxToken))
	if err != nil {
		return "", 0, fmt.Errorf("cannot read the answer of Entra ID: %w", err)
	}
	return parseToken(raw)
}

func (e *entra) form(audience string) (url.Values, error) {
	scope := e.settings.Scope
	if scope == "" { // the form does not ask for it with a client secret
		scope = e.settings.ClientID + "/.default"
	}
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {e.settings.ClientID}, "scope": {scope}}
	if e.signer == nil {
		form.Set("client_secret", e.settings.ClientSecret)
		return form, nil
	}
	signed, err := e.signer.sign(e.settings.ClientID, audience, e.now())
	if err != nil {
		return nil, err
	}
	form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
	form.Set("client_assertion", signed)
	return form, nil
}

// parseToken reads the answer of a success.
func parseToken(raw []byte) (token string, life time.Duration, err error) {
	var answer struct {
		Token   string      `json:"access_token"`
		Type    string      `json:"token_type"`
		Expires json.Number `json:"expires_in"`
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return "", 0, &TokenError{"the answer of Entra ID is no token answer"}
	}
	if answer.Token == "" {
		return "", 0, &TokenError{"the answer of Entra ID holds no token"}
	}
	for _, c := range []byte(answer.Token) {
		if c <= ' ' || c >= 0x7f {
			return "", 0, &TokenError{"the token of Entra ID holds characters that cannot be sent"}
		}
	}
	seconds, err := answer.Expires.Float64()
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

// signer signs requests for tokens with the private key of a certificate.
type signer struct {
	key        *rsa.PrivateKey
	thumbprint string
}

func newSigner(id string, host connector.Host) (*signer, error) {
	if id == "" {
		return nil, &httpclient.SettingsError{Text: "the certificate is not specified"}
	}
	stored, err := host.Certificate(id)
	if err != nil {
		return nil, &httpclient.SettingsError{Text: err.Error()}
	}
	block, _ := pem.Decode([]byte(stored.Certificate))
	if block == nil {
		return nil, &httpclient.SettingsError{Text: fmt.Sprintf("the certificate %q is not in PEM form", stored.Name)}
	}
	key, err := jwt.ParseRSAPrivateKeyFromPEM([]byte(stored.PrivateKey))
	if err != nil {
		return nil, &httpclient.SettingsError{Text: fmt.Sprintf("the private key of the certificate %q cannot be used: an RSA key is needed", stored.Name)}
	}
	print := sha256.Sum256(block.Bytes)
	return &signer{key, base64.RawURLEncoding.EncodeToString(print[:])}, nil
}

// sign makes the assertion that stands in for a secret (RFC 7523).
func (s *signer) sign(client, audience string, now time.Time) (string, error) {
	token := jwt.NewWithClaims(jwt.SigningMethodPS256, jwt.MapClaims{
		"iss": client, "sub": client, "aud": audience, "jti": entity.NewID(entity.LongID),
		"nbf": now.Add(-time.Minute).Unix(), "exp": now.Add(assertion).Unix(),
	})
	token.Header["x5t#S256"] = s.thumbprint
	signed, err := token.SignedString(s.key)
	if err != nil {
		return "", fmt.Errorf("cannot sign the request for a token: %w", err)
	}
	return signed, nil
}
