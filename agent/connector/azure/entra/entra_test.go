package entra

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"oibus/agent/connector"
	"oibus/agent/connector/httpclient"
)

var start = time.Date(2024, 1, 15, 10, 0, 0, 0, time.UTC)

// login is a server that gives tokens with f, and notes the last request.
func login(t *testing.T, f func(w http.ResponseWriter, r *http.Request)) (address string, last *http.Request) {
	t.Helper()
	last = &http.Request{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		r.PostForm, _ = url.ParseQuery(string(raw))
		*last = *r
		f(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL, last
}

func made(t *testing.T, c Credentials) Source {
	t.Helper()
	if c.Now == nil {
		c.Now = func() time.Time { return start }
	}
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func TestATokenIsAskedForOnceWhileItHolds(t *testing.T) {
	t.Parallel()
	n, now := 0, start
	address, last := login(t, func(w http.ResponseWriter, _ *http.Request) {
		n++
		fmt.Fprintf(w, `{"token_type":"Bearer","expires_in":3600,"access_token":"token-%d"}`, n)
	})
	s := made(t, Credentials{Authority: address, TenantID: "the tenant", ClientID: "c", Secret: "the secret", Scope: "x/.default", Now: func() time.Time { return now }})
	expect := func(want string) {
		t.Helper()
		if got, err := s.Token(t.Context()); got != want || err != nil {
			t.Errorf("got %s, %v; want %s", got, err, want)
		}
	}
	expect("token-1")
	now = now.Add(54 * time.Minute)
	expect("token-1")
	now = now.Add(2 * time.Minute) // too near to its end
	expect("token-2")
	s.Forget()
	expect("token-3")
	form := last.PostForm
	if last.URL.EscapedPath() != "/the%20tenant/oauth2/v2.0/token" || form.Get("grant_type") != "client_credentials" || form.Get("client_id") != "c" ||
		form.Get("client_secret") != "the secret" || form.Get("scope") != "x/.default" {
		t.Errorf("got %s %v", last.URL, form)
	}
}

// certificate makes one, in PEM form.
func certificate(t *testing.T) (key *rsa.PrivateKey, thumbprint string, c connector.Certificate) {
	t.Helper()
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
	sum := sha256.Sum256(der)
	return key, base64.RawURLEncoding.EncodeToString(sum[:]), connector.Certificate{Name: "cert",
		Certificate: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), PrivateKey: string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))}
}

func signedBy(t *testing.T, key *rsa.PrivateKey, thumbprint, audience string, form url.Values) {
	t.Helper()
	token, err := jwt.Parse(form.Get("client_assertion"), func(*jwt.Token) (any, error) { return &key.PublicKey, nil },
		jwt.WithAudience(audience), jwt.WithIssuer("c"), jwt.WithSubject("c"), jwt.WithExpirationRequired(), jwt.WithValidMethods([]string{"PS256"}))
	if err != nil {
		t.Fatal(err)
	}
	if token.Header["x5t#S256"] != thumbprint || form.Has("client_secret") || form.Get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
		t.Errorf("got %v, %v", token.Header, form)
	}
}

func abc(w http.ResponseWriter, _ *http.Request) {
	_, _ = io.WriteString(w, `{"expires_in":"3600","access_token":"abc"}`)
}

func TestACertificateSignsTheRequest(t *testing.T) {
	t.Parallel()
	key, thumbprint, c := certificate(t)
	signer, err := NewSigner(c)
	if err != nil {
		t.Fatal(err)
	}
	address, last := login(t, abc)
	s := made(t, Credentials{Authority: address, TenantID: "t", ClientID: "c", Signer: signer, Now: time.Now})
	if token, err := s.Token(t.Context()); token != "abc" || err != nil {
		t.Fatal(token, err)
	}
	signedBy(t, key, thumbprint, address+"/t/oauth2/v2.0/token", last.PostForm)
	for _, wrong := range []connector.Certificate{{Name: "x", PrivateKey: c.PrivateKey}, {Name: "x", Certificate: c.Certificate, PrivateKey: "the secret"}} {
		var settings *httpclient.SettingsError
		if _, err := NewSigner(wrong); !errors.As(err, &settings) || strings.Contains(err.Error(), "secret") {
			t.Errorf("got %v", err)
		}
	}
}

func TestARefusalIsToldWithoutTheSecret(t *testing.T) {
	t.Parallel()
	address, _ := login(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(401)
		fmt.Fprintf(w, `{"error":"invalid_client","error_description":"bad %s"}`, r.PostForm.Get("client_secret"))
	})
	_, err := made(t, Credentials{Authority: address, TenantID: "t", ClientID: "c", Secret: "the secret"}).Token(t.Context())
	var told *TokenError
	if want := "Entra ID gave no token: 401 invalid_client: bad ********"; !errors.As(err, &told) || err.Error() != want || httpclient.IsLocal(err) {
		t.Errorf("got %v, want %s", err, want)
	}
	for name, answer := range map[string]string{"no JSON": "<html>", "no token": `{}`, "a token with a line break": `{"access_token":"a\r\nX: y"}`} {
		address, _ := login(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, answer) })
		if _, err := made(t, Credentials{Authority: address, TenantID: "t", ClientID: "c"}).Token(t.Context()); !errors.As(err, &told) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	var settings *httpclient.SettingsError
	if _, err := New(Credentials{TenantID: "t"}); !errors.As(err, &settings) {
		t.Errorf("got %v", err)
	}
}

// here are surroundings with these variables, whose metadata service is at address.
func here(address string, variables map[string]string) Surroundings {
	return Surroundings{Getenv: func(name string) string { return variables[name] }, Metadata: address, Now: time.Now}
}

func TestAMachineIsKnownByTheServiceBesideIt(t *testing.T) {
	t.Parallel()
	var seen []string
	address, last := login(t, func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Header.Get("X-Identity-Header")+"/"+r.Header.Get("Metadata"))
		fmt.Fprintf(w, `{"access_token":"abc","expires_on":"%d"}`, time.Now().Add(time.Hour).Unix())
	})
	for name, c := range map[string]struct {
		variables  map[string]string
		want, seen string
	}{
		"virtual machine": {map[string]string{"AZURE_CLIENT_ID": "the id"}, "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Fstorage.azure.com&client_id=the%20id", "/true"},
		"app service":     {map[string]string{"IDENTITY_ENDPOINT": address + "/msi", "IDENTITY_HEADER": "the header"}, "/msi?api-version=2019-08-01&resource=https%3A%2F%2Fstorage.azure.com", "the header/"},
	} {
		s, err := here(address, c.variables).Source("https://storage.azure.com/.default")
		if err != nil {
			t.Fatal(err)
		}
		seen = nil
		for range 2 {
			if token, err := s.Token(t.Context()); token != "abc" || err != nil {
				t.Errorf("%s: got %s, %v", name, token, err)
			}
		}
		if s.Close(); last.RequestURI != c.want || len(seen) != 1 || seen[0] != c.seen {
			t.Errorf("%s: got %s, %q", name, last.RequestURI, seen)
		}
	}
	s, err := here("http://127.0.0.1:1", nil).Source("x/.default")
	if err != nil {
		t.Fatal(err)
	}
	var told *TokenError
	if _, err := s.Token(t.Context()); !errors.As(err, &told) || !strings.HasPrefix(err.Error(), "no credential was found: ") {
		t.Errorf("got %v", err)
	}
}

func TestAzureArcIsShownAFileOfItsOwnOnly(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	folder := filepath.Join(data, "AzureConnectedMachineAgent", "Tokens")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string]string{filepath.Join(folder, "a.key"): "the key", filepath.Join(folder, "long.key"): strings.Repeat("x", maxKey+1),
		filepath.Join(folder, "a.txt"): "other", filepath.Join(data, "a.key"): "other"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file := ""
	address, _ := login(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.Header.Get("Authorization") {
		case "":
			w.Header().Set("WWW-Authenticate", "Basic realm="+file)
			w.WriteHeader(401)
		case "Basic the key":
			abc(w, r)
		default:
			t.Errorf("%s was sent", r.Header.Get("Authorization"))
		}
	})
	for name, want := range map[string]bool{filepath.Join(folder, "a.key"): true, filepath.Join(folder, "long.key"): false, filepath.Join(folder, "a.txt"): false,
		filepath.Join(folder, "none.key"): false, filepath.Join(folder, "..", "..", "a.key"): false, "": false} {
		file = name
		s, err := here("", map[string]string{"IDENTITY_ENDPOINT": address, "IMDS_ENDPOINT": "x", "ProgramData": data}).Source("x/.default")
		if err != nil {
			t.Fatal(err)
		}
		if token, err := s.Token(t.Context()); (token == "abc") != want || (err == nil) != want {
			t.Errorf("%s: got %q, %v", name, token, err)
		}
		s.Close()
	}
}

func TestTheEnvironmentNamesACredential(t *testing.T) {
	address, last := login(t, abc)
	key, thumbprint, c := certificate(t)
	dir := t.TempDir()
	certFile, tokenFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "token")
	for file, text := range map[string]string{certFile: c.PrivateKey + c.Certificate, tokenFile: "mounted\n"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ask := func(name, value string) url.Values {
		t.Helper()
		around := here("", map[string]string{"AZURE_TENANT_ID": "t", "AZURE_CLIENT_ID": "c", name: value})
		around.Authority = address
		s, err := around.Source("x/.default")
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if token, err := s.Token(t.Context()); token != "abc" || err != nil {
			t.Fatal(token, err)
		}
		return last.PostForm
	}
	if form := ask("AZURE_CLIENT_SECRET", "the secret"); form.Get("client_secret") != "the secret" || form.Get("scope") != "x/.default" {
		t.Errorf("got %v", form)
	}
	signedBy(t, key, thumbprint, address+"/t/oauth2/v2.0/token", ask("AZURE_CLIENT_CERTIFICATE_PATH", certFile))
	if form := ask("AZURE_FEDERATED_TOKEN_FILE", tokenFile); form.Get("client_assertion") != "mounted" {
		t.Errorf("got %v", form)
	}
	t.Setenv(authorityVariable, "http://plain.example")
	if _, err := New(Credentials{TenantID: "t", ClientID: "c"}); err == nil {
		t.Error("credentials would be sent in clear")
	}
	t.Setenv(authorityVariable, "https://login.chinacloudapi.cn/")
	if got, err := authority(); got != "https://login.chinacloudapi.cn" || err != nil {
		t.Errorf("got %s, %v", got, err)
	}
}

func FuzzParseToken(f *testing.F) {
	f.Add([]byte(`{"access_token":"a","expires_in":3599}`))
	f.Add([]byte(`{"access_token":"a\r\nX: y","expires_in":"1e400"}`))
	f.Add([]byte(`{"access_token":"a","expires_on":"1586984735"}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		_ = refusal(string(raw))
		token, life, err := parseToken(raw, start)
		if err == nil && (token == "" || strings.ContainsAny(token, " \r\n\t\x00") || life < 0 || life > longestToken) {
			t.Errorf("%q, %v", token, life)
		}
	})
}
