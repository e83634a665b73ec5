package objects

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	mathrand "math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"oibus/agent/connector"
	"oibus/agent/content"
	"oibus/agent/north"
)

// authority signs the certificates of the servers here. The tests of this package trust it as they do the system's.
var authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func TestMain(m *testing.M) { os.Exit(withAuthority(m.Run)) }

func withAuthority(run func() int) int {
	dir, err := os.MkdirTemp("", "objects")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	authority.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority of the test"}, IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &authority.key.PublicKey, authority.key)
	if err != nil {
		panic(err)
	}
	if authority.cert, err = x509.ParseCertificate(der); err != nil {
		panic(err)
	}
	file := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		panic(err)
	}
	os.Setenv("SSL_CERT_FILE", file)
	return run()
}

// certificate is one for names, as PEM files too.
func certificate(t testing.TB, names ...string) (c tls.Certificate, certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: names[0]}, DNSNames: names,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, authority.cert, &key.PublicKey, authority.key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	certPEM, keyPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
	for file, text := range map[string][]byte{certFile: certPEM, keyFile: keyPEM} {
		if err := os.WriteFile(file, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if c, err = tls.X509KeyPair(certPEM, keyPEM); err != nil {
		t.Fatal(err)
	}
	return c, certFile, keyFile
}

func sweep(t *testing.T) {
	t.Helper()
	if os.Getenv("OIBUS_SWEEP") == "" {
		t.Skip("a long run: OIBUS_SWEEP=1 or ./build.sh sweep wants it")
	}
}

// memory is what a connector remembers, over the restarts of a test.
type memory map[string]json.RawMessage

func (m memory) Get(key string) (json.RawMessage, bool) { v, ok := m[key]; return v, ok }

func (m memory) Set(changes map[string]json.RawMessage) error {
	for k, v := range changes {
		if m[k] = v; v == nil {
			delete(m, k)
		}
	}
	return nil
}

// built is a North of a type, as an agent makes it.
func built(t testing.TB, kind north.Type, settings map[string]any, m memory, log io.Writer) north.Connector {
	t.Helper()
	raw, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	env := north.Env{Env: connector.Env{ID: "n1", Name: "target", Type: kind.ID, Settings: raw, TempDir: t.TempDir(), Memory: m,
		Log: slog.New(slog.NewTextHandler(log, nil)), Host: connector.Host{Version: "3.8.8", Now: time.Now}}}
	c, err := kind.New(env)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Disconnect(t.Context()) })
	return c
}

// filling is what a file of that seed and size holds.
func filling(seed uint64, size int) []byte {
	text := make([]byte, size)
	r := mathrand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	_, _ = r.Read(text)
	return text
}

// delivery is a file. at is called, if it is set, as soon as that much of it was read for the first time.
func delivery(name string, text []byte, after int, at func()) north.Delivery {
	return north.Delivery{Kind: content.Any, Name: name, Size: int64(len(text)), Created: time.UnixMilli(1_700_000_000_000),
		Open: func() io.ReadCloser { return &trap{Reader: bytes.NewReader(text), after: after, at: &at} }}
}

type trap struct {
	*bytes.Reader
	after int
	at    *func()
}

func (r *trap) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if read := int(r.Reader.Size()) - r.Reader.Len(); *r.at != nil && read >= r.after {
		f := *r.at
		*r.at = nil
		f()
	}
	return n, err
}

func (r *trap) Close() error { return nil }

// facts are the items of a report.
func facts(r connector.Report) map[string]string {
	m := map[string]string{}
	for _, f := range r.Items {
		m[f.Key] = f.Value
	}
	return m
}
