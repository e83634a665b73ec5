package web

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"oibus/platform"
)

// Files of a certificate that OIBus makes itself, in the folder of its secrets.
const (
	OwnCertificate = "page-certificate.pem"
	ownKey         = "page-key.pem"
)

// Validity of such a certificate. People accept it by hand, so it lasts; no agent runs into its end.
const (
	ownValidity = 5 * 365 * 24 * time.Hour
	renewBefore = 60 * 24 * time.Hour
)

// GeneratedCertificate is the certificate of the page that was made here, or is made now, for the names of this machine.
// It is made anew when it ends soon, or when the names are others.
func GeneratedCertificate(dir string, names []string, log *slog.Logger) (*Certificate, error) {
	certFile, keyFile := filepath.Join(dir, OwnCertificate), filepath.Join(dir, ownKey)
	slices.Sort(names)
	names = slices.Compact(names)
	renew := func() error { return generate(certFile, keyFile, names, time.Now()) }
	c, err := LoadCertificate(certFile, keyFile, log)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		log.Warn("the certificate that was made for the page cannot be used, another one is made", "error", err)
	}
	if err != nil || expires(c.loaded, time.Now()) || !slices.Equal(namesOf(c.loaded.Leaf), names) {
		if err := renew(); err != nil {
			return nil, err
		}
		if c, err = LoadCertificate(certFile, keyFile, log); err != nil {
			return nil, err
		}
	}
	c.renew = renew
	return c, nil
}

func expires(c *tls.Certificate, now time.Time) bool {
	return c.Leaf == nil || now.Add(renewBefore).After(c.Leaf.NotAfter)
}

// namesOf are the names and addresses that a certificate is for.
func namesOf(c *x509.Certificate) []string {
	names := slices.Clone(c.DNSNames)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	slices.Sort(names)
	return names
}

// generate makes key and certificate. The key is written first: what is read between the two does not fit, and is not used.
func generate(certFile, keyFile string, names []string, now time.Time) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("cannot make a key for the page: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return fmt.Errorf("cannot make a certificate for the page: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "OIBus", Organization: []string{"OIBus"}},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(ownValidity),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return fmt.Errorf("cannot make a certificate for the page: %w", err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("cannot make a key for the page: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(keyFile), 0o700); err != nil {
		return fmt.Errorf("cannot keep the key of the page: %w", err)
	}
	if err := platform.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600); err != nil {
		return fmt.Errorf("cannot keep the key of the page: %w", err)
	}
	if err := platform.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644); err != nil {
		return fmt.Errorf("cannot keep the certificate of the page: %w", err)
	}
	return nil
}
