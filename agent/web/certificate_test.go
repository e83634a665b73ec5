package web

import (
	"crypto/tls"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// served is the serial number of the certificate that a new client is shown.
func (s *site) served(t *testing.T) string {
	t.Helper()
	conn, err := tls.Dial("tcp", s.server.Addr().String(), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.String()
}

func TestARenewedCertificateIsServedWithoutARestartAndABrokenOneIsNot(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "c.pem"), filepath.Join(dir, "k.pem")
	renew := func() {
		t.Helper()
		if err := generate(certFile, keyFile, []string{"localhost"}, time.Now()); err != nil {
			t.Fatal(err)
		}
		later := time.Now().Add(time.Duration(len(dir)) * time.Second) // file systems tell times apart only roughly
		for _, f := range []string{certFile, keyFile} {
			info, err := os.Stat(f)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Chtimes(f, later, later.Add(info.ModTime().Sub(time.Time{})%time.Hour)); err != nil {
				t.Fatal(err)
			}
		}
	}
	renew()
	c, err := LoadCertificate(certFile, keyFile, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t, func(o *Options) { o.TLS = c.Config() })
	ahead := time.Duration(0)
	c.now = func() time.Time { ahead += time.Minute; return time.Now().Add(ahead) }
	first := s.served(t)
	if again := s.served(t); again != first {
		t.Error("the certificate changed by itself")
	}
	renew()
	second := s.served(t)
	if second == first {
		t.Error("the old certificate is still served")
	}
	if err := os.WriteFile(certFile, []byte("half a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := s.served(t); got != second {
		t.Error("something else than the last good certificate is served")
	}
	if err := os.Remove(keyFile); err != nil {
		t.Fatal(err)
	}
	if got := s.served(t); got != second {
		t.Error("something else than the last good certificate is served")
	}
	renew()
	if third := s.served(t); third == second {
		t.Error("the mended certificate is not served")
	}
	if _, err := LoadCertificate(filepath.Join(dir, "none"), keyFile, nil); err == nil || !strings.Contains(err.Error(), "cannot read the certificate of the page") {
		t.Errorf("without a file: %v", err)
	}
}

func TestACertificateOfOurOwnIsMadeOnceForTheNamesOfTheMachine(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "secrets")
	log := slog.New(slog.DiscardHandler)
	names := []string{"localhost", "127.0.0.1", "::1", "box", "box"}
	made := func(names []string) *Certificate {
		t.Helper()
		c, err := GeneratedCertificate(dir, slices.Clone(names), log)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	first := made(names)
	leaf := first.present().Leaf
	for _, name := range names {
		if err := leaf.VerifyHostname(name); err != nil {
			t.Error(err)
		}
	}
	if info, err := os.Stat(filepath.Join(dir, ownKey)); err != nil || os.PathSeparator == '/' && info.Mode().Perm() != 0o600 {
		t.Errorf("the key: %v %v", info.Mode(), err)
	}
	if again := made(names).present().Leaf; again.SerialNumber.Cmp(leaf.SerialNumber) != 0 {
		t.Error("each start has another certificate")
	}
	if other := made(append(names, "gateway")).present().Leaf; other.VerifyHostname("gateway") != nil {
		t.Error("a new name is not in the certificate")
	}
	if err := generate(filepath.Join(dir, OwnCertificate), filepath.Join(dir, ownKey), names, time.Now().Add(-ownValidity)); err != nil {
		t.Fatal(err)
	}
	if renewed := made(names).present().Leaf; expires(&tls.Certificate{Leaf: renewed}, time.Now()) {
		t.Error("a certificate that ended is used")
	}
	running := made(names)
	running.now = func() time.Time { return time.Now().Add(ownValidity - renewBefore/2) }
	before := running.loaded
	running.renew = func() error { return generate(running.certFile, running.keyFile, names, running.now()) }
	if running.present() == before {
		t.Error("an agent that runs for years does not renew its certificate")
	}
	if err := os.WriteFile(filepath.Join(dir, ownKey), []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	made(names)
}
