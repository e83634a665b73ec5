package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"oibus/testing/harness"
)

// overHTTPS is an agent behind HTTPS, not yet started, with a client that trusts the certificate in file.
func overHTTPS(t *testing.T, file func(dir string) string, o harness.Options) *harness.Agent {
	t.Helper()
	a := harness.New(t, o)
	a.URL = "https://127.0.0.1:" + strconv.Itoa(a.Port)
	a.HTTP.Transport = &http.Transport{TLSClientConfig: &tls.Config{
		InsecureSkipVerify: true, // VerifyConnection does it, with the certificate as it is then
		VerifyConnection: func(s tls.ConnectionState) error {
			text, err := os.ReadFile(file(a.Dir))
			if err != nil {
				return err
			}
			roots := x509.NewCertPool()
			roots.AppendCertsFromPEM(text)
			_, err = s.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: roots, DNSName: "127.0.0.1"})
			return err
		},
	}, DisableKeepAlives: true}
	return a
}

// shown is the certificate that a new client is shown.
func shown(t *testing.T, a *harness.Agent) *x509.Certificate {
	t.Helper()
	d := tls.Dialer{NetDialer: &net.Dialer{Timeout: patience}, Config: &tls.Config{InsecureSkipVerify: true}}
	conn, err := d.DialContext(limited(t), "tcp", "127.0.0.1:"+strconv.Itoa(a.Port))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.(*tls.Conn).ConnectionState().PeerCertificates[0]
}

func pageCertificate(dir string) string {
	return filepath.Join(dir, "secrets", "page-certificate.pem")
}

func readCertificate(t *testing.T, path string) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode([]byte(contentOf(t, path)))
	if block == nil {
		t.Fatalf("no PEM in %s", path)
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestThePageServesHTTPSWithACertificateOfItsOwn(t *testing.T) {
	t.Parallel()
	a := overHTTPS(t, pageCertificate, harness.Options{Launcher: true, Web: "tls_generated = true\nallowed_hosts = [\"oibus.plant.example\"]"})
	a.Start()
	first := shown(t, a)
	for _, name := range []string{"localhost", "127.0.0.1", "::1", "oibus.plant.example"} {
		if err := first.VerifyHostname(name); err != nil {
			t.Error(err)
		}
	}
	if left := time.Until(first.NotAfter); left < 365*24*time.Hour {
		t.Errorf("it ends in %s", left)
	}
	key := filepath.Join(a.Dir, "secrets", "page-key.pem")
	if info, err := os.Stat(key); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key: %v, %v", info.Mode(), err)
	}
	var info struct{ Version string }
	must(t, a.Client, "GET", "/api/engine/info", nil, &info)
	if answer, err := a.Do(limited(t), "GET", "/login", nil); err != nil || answer.Status != 200 && answer.Status != 303 {
		t.Errorf("the page answers %d, %v", answer.Status, err)
	}
	if !strings.Contains(a.Output(), "https://") {
		t.Errorf("it does not say where the page is:\n%s", a.Output())
	}
	for _, version := range []uint16{tls.VersionTLS10, tls.VersionTLS11} {
		if conn, err := tls.Dial("tcp", "127.0.0.1:"+strconv.Itoa(a.Port), &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: version}); err == nil {
			conn.Close()
			t.Errorf("it speaks %s", tls.VersionName(version))
		}
	}
	plain, err := http.NewRequestWithContext(limited(t), "GET", "http://127.0.0.1:"+strconv.Itoa(a.Port)+"/api/engine", nil)
	if err != nil {
		t.Fatal(err)
	}
	plain.SetBasicAuth(a.Login, a.Password)
	if answer, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(plain); err == nil {
		answer.Body.Close()
		if answer.StatusCode != 400 {
			t.Errorf("without encryption it answers %d", answer.StatusCode)
		}
	}

	// It survives a restart of the agent, and one of the machine.
	must(t, a.Client, "POST", "/api/engine/restart", nil, nil)
	harness.Until(t, patience, "the agent has started again", func() bool { return strings.Count(a.Output(), "is ready: admin page") == 2 && a.Answers(limited(t)) })
	if again := shown(t, a); !again.Equal(first) {
		t.Error("a restart of the agent has changed the certificate")
	}
	if code := a.Stop(); code != 0 {
		t.Errorf("it ended with %d", code)
	}
	a.Start()
	if again := shown(t, a); !again.Equal(first) {
		t.Error("a restart has changed the certificate")
	}

	// Who replaces both files, because somebody has read the key, need not restart anything.
	wanted := replaced(t, a.Dir, time.Now().Add(365*24*time.Hour))
	harness.Until(t, patience, "the new certificate is shown", func() bool { return shown(t, a).Equal(wanted) })
	must(t, a.Client, "GET", "/api/engine/info", nil, &info)
	a.Stop()

	// One that is about to end is renewed at the next start, or while it runs: see agent/web.
	replaced(t, a.Dir, time.Now().Add(24*time.Hour))
	a.Start()
	if renewed := shown(t, a); time.Until(renewed.NotAfter) < 365*24*time.Hour || !renewed.Equal(readCertificate(t, pageCertificate(a.Dir))) {
		t.Errorf("a certificate that ends tomorrow is used: %s", renewed.NotAfter)
	}
	replaced(t, a.Dir, time.Now().Add(24*time.Hour))
	harness.Until(t, patience, "one that ends tomorrow is replaced while it runs", func() bool { return time.Until(shown(t, a).NotAfter) > 365*24*time.Hour })
}

// replaced puts another key and certificate, which end at an other time, in the place of those of the page.
func replaced(t *testing.T, dir string, end time.Time) *x509.Certificate {
	t.Helper()
	old := readCertificate(t, pageCertificate(dir))
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(end.Unix()), Subject: pkix.Name{CommonName: "replaced"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: end,
		DNSNames: old.DNSNames, IPAddresses: old.IPAddresses, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	file(t, filepath.Join(dir, "secrets"), "page-key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})))
	return readCertificate(t, file(t, filepath.Join(dir, "secrets"), "page-certificate.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))))
}

// TestAPersonSignsInOverHTTPSInABrowser trusts the certificate as a person does who has compared its fingerprint.
func TestAPersonSignsInOverHTTPSInABrowser(t *testing.T) {
	t.Parallel()
	a := overHTTPS(t, pageCertificate, harness.Options{Web: "tls_generated = true"})
	a.Start()
	fingerprint := sha256.Sum256(readCertificate(t, pageCertificate(a.Dir)).RawSubjectPublicKeyInfo)
	b := openBrowser(t, "ignore-certificate-errors-spki-list="+base64.StdEncoding.EncodeToString(fingerprint[:]))
	b.open(a.URL + "/about")
	b.until("location.pathname === '/login' && document.querySelector('#login-name')")
	b.enter("#login-name", a.Login)
	b.enter("#login-password", a.Password)
	b.click("#login button[type=submit]")
	b.until("location.pathname === '/about'")
	b.open(a.URL + "/")
	b.until("document.querySelector('[data-overview=uptime]').textContent !== '–'") // the live stream
	if secure := b.text("window.isSecureContext"); secure != "true" {
		t.Error("the browser does not take the page for secure")
	}
	b.shoot("e2e-tls")
	b.quiet()
}
