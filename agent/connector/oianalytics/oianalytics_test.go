package oianalytics

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"oibus/agent/cloud"
	"oibus/agent/connector"
	"oibus/agent/connector/httpclient"
	"oibus/agent/connector/setting"
)

// recorder is a server that notes what it is asked.
type recorder struct {
	*httptest.Server
	mu       sync.Mutex
	requests []*http.Request
	forms    []url.Values
	answer   func(w http.ResponseWriter, r *http.Request)
}

func record(t *testing.T, answer func(w http.ResponseWriter, r *http.Request)) *recorder {
	t.Helper()
	r := &recorder{answer: answer}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		_ = req.ParseForm()
		r.mu.Lock()
		r.requests, r.forms = append(r.requests, req), append(r.forms, req.PostForm)
		r.mu.Unlock()
		r.answer(w, req)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *recorder) count() int { r.mu.Lock(); defer r.mu.Unlock(); return len(r.requests) }

func ok(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "{}") }

func built(t *testing.T, settings string, host connector.Host) *Target {
	t.Helper()
	target, err := attempt(settings, host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(target.Close)
	return target
}

func attempt(settings string, host connector.Host) (*Target, error) {
	host.Version = "3.8.8"
	if host.Now == nil {
		host.Now = time.Now
	}
	var s Settings
	if err := setting.Decode(json.RawMessage(settings), &s); err != nil {
		return nil, err
	}
	return New(connector.Env{Host: host}, s)
}

func registered(conn cloud.Connection) connector.Host {
	return connector.Host{OIAnalytics: func() (cloud.Connection, error) { return conn, nil }}
}

func status(t *testing.T, target *Target, endpoint string) (int, string, error) {
	t.Helper()
	res, shown, err := target.Do(t.Context(), Call{Method: "GET", Endpoint: endpoint, Params: []httpclient.Param{{Key: "k", Value: "v"}}})
	if err != nil {
		return 0, shown, err
	}
	defer res.Close()
	return res.Status, shown, nil
}

func TestTheModuleLendsHostTokenAndGateway(t *testing.T) {
	t.Parallel()
	s := record(t, ok)
	target := built(t, `{"useOiaModule":true,"timeout":30}`, registered(cloud.Connection{
		Host: s.URL + "/lost", Token: "mock-token", UseAPIGateway: true, GatewayHeaderKey: "X-Api-Key", GatewayHeaderValue: "gw", GatewayBase: "/base"}))
	code, shown, err := status(t, target, "/api/x?a=1")
	r := s.requests[0]
	if err != nil || code != 200 || shown != s.URL+"/base/api/x" || r.RequestURI != "/base/api/x?a=1&k=v" ||
		r.Header.Get("X-Api-Key") != "gw" || r.Header.Get("Authorization") != "Bearer mock-token" {
		t.Errorf("got %d, %s, %v; %s %v", code, shown, err, r.RequestURI, r.Header)
	}
}

func TestAChangeOfTheRegistrationIsFollowedAtTheNextRequest(t *testing.T) {
	t.Parallel()
	first, second := record(t, ok), record(t, ok)
	conn, failure := cloud.Connection{Host: first.URL, Token: "a"}, error(nil)
	target := built(t, `{"useOiaModule":true}`, connector.Host{OIAnalytics: func() (cloud.Connection, error) { return conn, failure }})
	for _, host := range []string{first.URL, second.URL, second.URL} {
		conn.Host = host
		if _, _, err := status(t, target, "/"); err != nil {
			t.Fatal(err)
		}
	}
	if first.count() != 1 || second.count() != 2 {
		t.Errorf("got %d and %d requests", first.count(), second.count())
	}
	failure = errors.New("OIBus not registered in OIAnalytics")
	if _, _, err := status(t, target, "/"); err == nil || err.Error() != failure.Error() || !httpclient.IsLocal(err) {
		t.Errorf("got %v", err)
	}
	failure, conn.UseProxy = nil, true
	if _, _, err := status(t, target, "/"); err == nil || err.Error() != noModuleProxy {
		t.Errorf("got %v", err)
	}
}

func specific(host, rest string) string {
	return fmt.Sprintf(`{"useOiaModule":false,"timeout":"30","specificSettings":{"host":%q,"acceptUnauthorized":false,"useProxy":false,%s}}`, host, rest)
}

func TestSpecificSettingsUseNeitherModuleNorGateway(t *testing.T) {
	t.Parallel()
	s := record(t, ok)
	conn := cloud.Connection{Host: "http://127.0.0.1:1", Token: "t", UseAPIGateway: true, GatewayHeaderKey: "X-Api-Key", GatewayHeaderValue: "gw", GatewayBase: "/base"}
	for rest, want := range map[string]string{
		`"authentication":"basic","accessKey":"AK","secretKey":"SK"`:    "Basic QUs6U0s=",
		`"authentication":"basic","accessKey":"","secretKey":"ignored"`: "",
	} {
		target := built(t, specific(s.URL, rest), registered(conn))
		if report, err := target.Test(t.Context()); err != nil || len(report.Items) != 0 {
			t.Errorf("got %v, %v", report, err)
		}
		r := s.requests[len(s.requests)-1]
		if r.RequestURI != "/api/oianalytics/oibus/status" || r.Header.Get("Authorization") != want || r.Header.Get("X-Api-Key") != "" {
			t.Errorf("got %s %v", r.RequestURI, r.Header)
		}
	}
}

func TestWrongSettingsAreToldBeforeAnythingIsSent(t *testing.T) {
	t.Parallel()
	host := connector.Host{Certificate: func(id string) (connector.Certificate, error) {
		if id == "bad" {
			return connector.Certificate{Name: "bad", Certificate: "x", PrivateKey: "secret"}, nil
		}
		return connector.Certificate{}, errors.New(`Certificate "` + id + `" not found`)
	}}
	for settings, want := range map[string]string{
		`{"useOiaModule":false}`:                                                                                        "the specific settings are missing",
		`{"specificSettings":{"host":"http://h","useProxy":true}}`:                                                      noSpecificProxy,
		specific("http://h", `"authentication":"aad-client-secret","clientId":"c"`):                                     "the tenant id and the client id must be specified",
		specific("http://h", `"authentication":"aad-certificate","tenantId":"t","clientId":"c"`):                        "the certificate is not specified",
		specific("http://h", `"authentication":"aad-certificate","tenantId":"t","clientId":"c","certificateId":"nope"`): `Certificate "nope" not found`,
		specific("http://h", `"authentication":"aad-certificate","tenantId":"t","clientId":"c","certificateId":"bad"`):  `the certificate "bad" is not in PEM form`,
	} {
		if _, err := attempt(settings, host); err == nil || err.Error() != want || !httpclient.IsLocal(err) {
			t.Errorf("%s: got %v, want %s", settings, err, want)
		}
	}
}

func TestTheTestTellsWhatIsWrong(t *testing.T) {
	t.Parallel()
	s := record(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(401)
		fmt.Fprint(w, "who is ", r.Header.Get("Authorization"))
	})
	target := built(t, specific(s.URL, `"authentication":"basic","accessKey":"AK","secretKey":"SK"`), connector.Host{})
	_, err := target.Test(t.Context())
	if want := "HTTP request failed with status code 401 and message: who is Basic ********"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	s.Close()
	_, err = target.Test(t.Context())
	if want := "Fetch error: connect ECONNREFUSED " + strings.TrimPrefix(s.URL, "http://"); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

const withSecret = `"authentication":"aad-client-secret","tenantId":"the tenant","clientId":"the client","clientSecret":"the secret"`

func TestTokensAreAskedForOnceWhileTheyHold(t *testing.T) {
	t.Parallel()
	now := time.Date(2024, 1, 15, 10, 0, 0, 0, time.UTC)
	n := 0
	login := record(t, func(w http.ResponseWriter, _ *http.Request) {
		n++
		fmt.Fprintf(w, `{"token_type":"Bearer","expires_in":3600,"access_token":"token-%d"}`, n)
	})
	refuse := ""
	api := record(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == refuse {
			w.WriteHeader(401)
		}
	})
	target := built(t, specific(api.URL, withSecret), connector.Host{Now: func() time.Time { return now }})
	loginAt(t, target, login.URL)
	ask := func(wantToken string, wantStatus int) {
		t.Helper()
		code, _, err := status(t, target, "/")
		got := api.requests[len(api.requests)-1].Header.Get("Authorization")
		if err != nil || code != wantStatus || got != "Bearer "+wantToken {
			t.Errorf("got %d, %v, %s", code, err, got)
		}
	}
	ask("token-1", 200)
	now = now.Add(54 * time.Minute)
	ask("token-1", 200)
	now = now.Add(2 * time.Minute) // too near to its end
	ask("token-2", 200)
	refuse = "Bearer token-2"
	ask("token-2", 401)
	ask("token-3", 200)
	form := login.forms[0]
	if login.requests[0].URL.EscapedPath() != "/the%20tenant/oauth2/v2.0/token" || form.Get("grant_type") != "client_credentials" || form.Get("client_id") != "the client" ||
		form.Get("client_secret") != "the secret" || form.Get("scope") != "the client/.default" {
		t.Errorf("got %s %v", login.requests[0].URL, form)
	}
	other := built(t, specific(api.URL, strings.Replace(withSecret, "the secret", "new secret", 1)), connector.Host{})
	loginAt(t, other, login.URL)
	if _, _, err := status(t, other, "/"); err != nil || login.forms[len(login.forms)-1].Get("client_secret") != "new secret" {
		t.Errorf("a changed secret was not used: %v", err)
	}
}

func TestACertificateSignsTheRequestForAToken(t *testing.T) {
	t.Parallel()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "x"}},
		&x509.Certificate{SerialNumber: big.NewInt(1)}, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	stored := connector.Certificate{Name: "cert", Certificate: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		PrivateKey: string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))}
	login := record(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"expires_in":"3600","access_token":"abc"}`)
	})
	api := record(t, ok)
	target := built(t, specific(api.URL, `"authentication":"aad-certificate","tenantId":"t","clientId":"c","certificateId":"id","scope":"api://x/.default"`),
		connector.Host{Certificate: func(string) (connector.Certificate, error) { return stored, nil }})
	loginAt(t, target, login.URL)
	if _, err := target.Test(t.Context()); err != nil {
		t.Fatal(err)
	}
	form := login.forms[0]
	token, err := jwt.Parse(form.Get("client_assertion"), func(*jwt.Token) (any, error) { return &key.PublicKey, nil },
		jwt.WithAudience(login.URL+"/t/oauth2/v2.0/token"), jwt.WithIssuer("c"), jwt.WithSubject("c"), jwt.WithExpirationRequired(),
		jwt.WithValidMethods([]string{"PS256"}))
	if err != nil {
		t.Fatal(err)
	}
	print := sha256.Sum256(der)
	if token.Header["x5t#S256"] != base64.RawURLEncoding.EncodeToString(print[:]) || form.Get("scope") != "api://x/.default" || form.Has("client_secret") ||
		form.Get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
		t.Errorf("got %v, %v", token.Header, form)
	}
}

func TestARefusedTokenIsToldWithoutTheSecret(t *testing.T) {
	t.Parallel()
	login := record(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(401)
		fmt.Fprintf(w, `{"error":"invalid_client","error_description":"bad %s"}`, r.PostForm.Get("client_secret"))
	})
	target := built(t, specific("http://127.0.0.1:1", withSecret), connector.Host{})
	loginAt(t, target, login.URL)
	_, _, err := status(t, target, "/")
	if want := "Entra ID gave no token: 401 invalid_client: bad ********"; err == nil || err.Error() != want || httpclient.IsLocal(err) {
		t.Errorf("got %v, want %s", err, want)
	}
}

// loginAt has a target ask another server for its tokens than Entra ID.
func loginAt(t *testing.T, target *Target, authority string) {
	t.Helper()
	tokens, err := newTokens(*target.settings.Specific, nil, target.host, authority)
	if err != nil {
		t.Fatal(err)
	}
	target.tokens.Close()
	target.tokens = tokens
}
