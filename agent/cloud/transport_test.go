package cloud

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func secure(t *testing.T, h http.Handler) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // refused handshakes are the point
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func empty(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "[]") }

// certificateFile writes the certificate of s where a CAFile may point.
func certificateFile(t *testing.T, s *httptest.Server) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ca.pem")
	content := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestACertificateNobodyTrustsIsRefusedUntilItIsAcceptedOrItsIssuerTrusted(t *testing.T) {
	t.Parallel()
	s := secure(t, http.HandlerFunc(empty))
	c := newClient(t)
	_, err := c.Pending(t.Context(), Connection{Host: s.URL})
	e := failureOf(t, err, Network)
	if !strings.HasPrefix(e.Error(), "self-signed certificate") || strings.Contains(e.Error(), "proxy") {
		t.Errorf("got %v", e)
	}
	if _, err := c.Pending(t.Context(), Connection{Host: s.URL, AcceptUnauthorized: true}); err != nil {
		t.Errorf("accepted: %v", err)
	}
	if _, err := c.Pending(t.Context(), Connection{Host: s.URL, CAFile: certificateFile(t, s)}); err != nil {
		t.Errorf("trusted: %v", err)
	}
	if _, err := c.Pending(t.Context(), Connection{Host: s.URL}); err == nil {
		t.Error("what one connection accepts was accepted for another")
	}
}

func TestACertificateOfAnotherHostIsRefused(t *testing.T) {
	t.Parallel()
	s := secure(t, http.HandlerFunc(empty))
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	c := newClient(t)
	c.lookup = resolving("127.0.0.1")
	_, err := c.Pending(t.Context(), Connection{Host: "https://cloud.test:" + port, CAFile: certificateFile(t, s)})
	if e := failureOf(t, err, Network); !strings.HasPrefix(e.Error(), "Hostname/IP does not match certificate's altnames: ") {
		t.Errorf("got %v", e)
	}
}

func TestAnExpiredCertificateReadsAsInTheReference(t *testing.T) {
	t.Parallel()
	err := x509.CertificateInvalidError{Reason: x509.Expired, Cert: &x509.Certificate{NotAfter: time.Unix(0, 0)}}
	if _, text := describe(&tls.CertificateVerificationError{Err: err}, "", 0); !strings.HasPrefix(text, "certificate has expired") {
		t.Errorf("got %s", text)
	}
}

func TestAnHTTPSHostThatSpeaksHTTPIsAnError(t *testing.T) {
	t.Parallel()
	s := serving(t, empty)
	_, err := newClient(t).Pending(t.Context(), Connection{Host: strings.Replace(s.URL, "http:", "https:", 1)})
	failureOf(t, err, Network)
}

func TestACAFileThatIsMissingOrHoldsNoCertificateIsNamed(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "missing.pem")
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{missing, empty} {
		_, err := newClient(t).Pending(t.Context(), Connection{Host: "https://127.0.0.1:1", CAFile: file})
		if e := failureOf(t, err, Local); !strings.Contains(e.Error(), file) {
			t.Errorf("got %v", e)
		}
	}
}

func TestACAFileThatChangesIsReadAgain(t *testing.T) {
	t.Parallel()
	s := secure(t, http.HandlerFunc(empty))
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, conn := newClient(t), Connection{Host: s.URL, CAFile: file}
	if _, err := c.Pending(t.Context(), conn); err == nil {
		t.Fatal("no certificate, yet trusted")
	}
	content, _ := os.ReadFile(certificateFile(t, s))
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Pending(t.Context(), conn); err != nil {
		t.Error(err)
	}
}

func TestAMachineWithoutCertificatesCanTrustThoseOfAFile(t *testing.T) {
	t.Parallel()
	s := secure(t, http.HandlerFunc(empty))
	c := newClient(t)
	c.roots = func() (*x509.CertPool, error) { return nil, errors.New("there is none") }
	if _, err := c.Pending(t.Context(), Connection{Host: s.URL, CAFile: certificateFile(t, s)}); err != nil {
		t.Error(err)
	}
}

func TestAProxyCarriesHTTPInAbsoluteFormWithCredentials(t *testing.T) {
	t.Parallel()
	var auth []string
	s := serving(t, func(w http.ResponseWriter, r *http.Request) {
		auth = r.Header["Proxy-Authorization"]
		empty(w, r)
	})
	for login, want := range map[string]string{"bob:pa:ss": "Basic Ym9iOnBhOnNz", "bob:": "Basic Ym9iOg=="} {
		p := newProxy(t, login, httptest.NewServer)
		user, password, _ := strings.Cut(login, ":")
		conn := Connection{Host: s.URL, UseProxy: true, ProxyURL: p.URL + "/ignored", ProxyUsername: user, ProxyPassword: password}
		if _, err := newClient(t).Pending(t.Context(), conn); err != nil {
			t.Fatal(err)
		}
		requests, got := p.seen()
		if len(requests) != 1 || requests[0] != "GET "+s.URL+pendingPath || got[0] != want {
			t.Errorf("the proxy saw %q with %q", requests, got)
		}
		if len(auth) != 0 {
			t.Errorf("the cloud was shown the credentials of the proxy: %q", auth)
		}
	}
}

func TestAProxyCarriesHTTPSInATunnelWithCredentials(t *testing.T) {
	t.Parallel()
	var auth []string
	s := secure(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		auth = r.Header["Proxy-Authorization"]
		empty(w, r)
	}))
	p := newProxy(t, "bob:p@ss/ é", httptest.NewServer)
	c := newClient(t)
	conn := Connection{Host: s.URL, UseProxy: true, ProxyURL: p.URL, ProxyUsername: "bob", ProxyPassword: "p@ss/ é", CAFile: certificateFile(t, s)}
	for range 3 {
		if _, err := c.Pending(t.Context(), conn); err != nil {
			t.Fatal(err)
		}
	}
	requests, _ := p.seen()
	if len(requests) != 1 || requests[0] != "CONNECT "+s.Listener.Addr().String() {
		t.Errorf("the proxy saw %q", requests)
	}
	if len(auth) != 0 || p.agents[0] != c.userAgent {
		t.Errorf("the cloud saw credentials %q, the proxy the agent %q", auth, p.agents)
	}
	conn.CAFile = ""
	_, err := c.Pending(t.Context(), conn)
	if e := failureOf(t, err, Network); strings.Contains(e.Error(), "proxy") {
		t.Errorf("the certificate was the cloud's: %v", e)
	}
}

func TestAProxyThatRefusesReadsAsInTheReference(t *testing.T) {
	t.Parallel()
	plain, tls := serving(t, empty), secure(t, http.HandlerFunc(empty))
	p := newProxy(t, "bob:right", httptest.NewServer)
	conn := Connection{UseProxy: true, ProxyURL: p.URL, ProxyUsername: "bob", ProxyPassword: "s3cret"}
	for host, want := range map[string]string{
		plain.URL: "Proxy Authentication Required (407)",
		tls.URL:   "Proxy response (407) !== 200 when HTTP Tunneling",
	} {
		conn.Host = host
		_, err := newClient(t).Pending(t.Context(), conn)
		if e := failureOf(t, err, Proxy); e.Error() != want || !e.Retryable() {
			t.Errorf("%s: got %v", host, e)
		}
	}
	conn.Host = "https://" + closedPort(t)
	conn.ProxyPassword = "right"
	_, err := newClient(t).Pending(t.Context(), conn)
	if e := failureOf(t, err, Proxy); e.Error() != "Proxy response (502) !== 200 when HTTP Tunneling" {
		t.Errorf("got %v", e)
	}
	conn.ProxyURL = "http://" + closedPort(t)
	_, err = newClient(t).Pending(t.Context(), conn)
	if e := failureOf(t, err, Network); e.Error() != "connect ECONNREFUSED "+strings.TrimPrefix(conn.ProxyURL, "http://") {
		t.Errorf("got %v", e)
	}
}

func TestA407OfTheCloudItselfIsAnOrdinaryRefusal(t *testing.T) {
	t.Parallel()
	s := answering(t, 407, "", "x")
	_, err := newClient(t).Pending(t.Context(), Connection{Host: s.URL})
	if e := failureOf(t, err, Status); e.Error() != "407 - x" {
		t.Errorf("got %v", e)
	}
}

func TestTheCertificateOfAnHTTPSProxyIsVerifiedWhateverIsAcceptedOfTheCloud(t *testing.T) {
	t.Parallel()
	plain, target := serving(t, empty), secure(t, http.HandlerFunc(empty))
	p := newProxy(t, "bob:pw", func(h http.Handler) *httptest.Server { return secure(t, h) })
	for _, host := range []string{plain.URL, target.URL} {
		conn := Connection{Host: host, AcceptUnauthorized: true, UseProxy: true, ProxyURL: p.URL, ProxyUsername: "bob", ProxyPassword: "pw"}
		_, err := newClient(t).Pending(t.Context(), conn)
		if e := failureOf(t, err, Network); !strings.Contains(e.Error(), "certificate of the proxy") {
			t.Errorf("%s: got %v", host, e)
		}
		conn.CAFile = certificateFile(t, p.Server)
		if _, err := newClient(t).Pending(t.Context(), conn); err != nil {
			t.Errorf("%s: with the proxy's issuer trusted: %v", host, err)
		}
	}
	if requests, _ := p.seen(); len(requests) != 2 {
		t.Errorf("the proxy saw %q", requests)
	}
}

func TestAProxyThatCannotWorkFailsBeforeAnythingIsSent(t *testing.T) {
	t.Parallel()
	for proxy, want := range map[string]string{
		"":                   "Proxy URL not specified using registered OIAnalytics module",
		"  ":                 "Proxy URL not specified using registered OIAnalytics module",
		"proxy:3128":         "Invalid URL",
		"socks5://proxy":     "Invalid URL",
		"http://":            "Invalid URL",
		"http://u:s3cret@[x": "Invalid URL",
	} {
		_, err := newClient(t).Pending(t.Context(), Connection{Host: "http://127.0.0.1:1", UseProxy: true, ProxyURL: proxy})
		if e := failureOf(t, err, Local); !strings.HasPrefix(e.Error(), want) || strings.Contains(e.Error(), "s3cret") {
			t.Errorf("%q: got %v", proxy, e)
		}
	}
}

func TestAProxyWhoseSwitchIsOffIsNotUsed(t *testing.T) {
	t.Parallel()
	s := serving(t, empty)
	if _, err := newClient(t).Pending(t.Context(), Connection{Host: s.URL, ProxyURL: "http://" + closedPort(t)}); err != nil {
		t.Error(err)
	}
}

func TestProxyVariablesOfTheSystemAreIgnored(t *testing.T) {
	dead := "http://" + closedPort(t)
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"} {
		t.Setenv(name, dead)
	}
	s := serving(t, empty)
	c := newClient(t)
	c.lookup = resolving("127.0.0.1")
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	if _, err := c.Pending(t.Context(), Connection{Host: "http://cloud.test:" + port}); err != nil {
		t.Error(err)
	}
}

func TestATunnelThroughWhichNobodyShakesHandsIsAConnectTimeout(t *testing.T) {
	t.Parallel()
	addr := raw(t, func(_ int, c net.Conn) {
		readRequest(c)
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
		_, _ = io.Copy(io.Discard, c)
	})
	c := newClient(t)
	c.limits.Connect = 500 * time.Millisecond
	_, err := c.Pending(t.Context(), Connection{Host: "https://cloud.test", UseProxy: true, ProxyURL: "http://" + addr})
	if e := failureOf(t, err, Timeout); e.Error() != "Connect Timeout Error (attempted address: cloud.test:443, timeout: 500ms)" {
		t.Errorf("got %v", e)
	}
}
