package secret

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // RFC 5280 names the key by its SHA-1
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/url"
	"strings"
	"time"
)

// CertificateRequest says what a self-signed certificate is made of. Blank names are left out.
type CertificateRequest struct {
	CommonName, Country, State, Locality, Organization string
	KeyBits, Days                                      int
	Hostname                                           string
}

// Certificate is a key pair and its self-signed certificate: PEM texts with CRLF line ends, as the reference makes
// them (protocol/control-plane.md, section 10.9).
type Certificate struct {
	PrivateKey  string // PKCS#1
	PublicKey   string // SPKI
	Certificate string
	NotAfter    time.Time
}

// serialLen is the length of a serial number: the byte 01 and 19 random ones.
const serialLen = 20

// NewCertificate makes a key pair and a certificate that is valid from now on. It takes seconds for large keys.
func NewCertificate(r CertificateRequest, now time.Time) (Certificate, error) {
	key, err := rsa.GenerateKey(rand.Reader, r.KeyBits)
	if err != nil {
		return Certificate{}, fmt.Errorf("cannot make a key of %d bits: %w", r.KeyBits, err)
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return Certificate{}, fmt.Errorf("cannot encode the public key of a certificate: %w", err)
	}
	template := certificateTemplate(r, now)
	keyID := sha1.Sum(x509.MarshalPKCS1PublicKey(&key.PublicKey))
	template.SubjectKeyId = keyID[:]
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return Certificate{}, fmt.Errorf("cannot make a certificate: %w", err)
	}
	return Certificate{
		PrivateKey:  crlfPEM("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key)),
		PublicKey:   crlfPEM("PUBLIC KEY", public),
		Certificate: crlfPEM("CERTIFICATE", der),
		NotAfter:    template.NotAfter,
	}, nil
}

func certificateTemplate(r CertificateRequest, now time.Time) *x509.Certificate {
	serial := make([]byte, serialLen)
	rand.Read(serial)
	serial[0] = 1
	return &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(serial),
		Subject: pkix.Name{
			CommonName: r.CommonName, Country: filled(r.Country), Province: filled(r.State),
			Locality: filled(r.Locality), Organization: filled(r.Organization),
		},
		NotBefore:             now,
		NotAfter:              now.AddDate(0, 0, r.Days),
		SignatureAlgorithm:    x509.SHA256WithRSA,
		BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment |
			x509.KeyUsageKeyEncipherment | x509.KeyUsageDataEncipherment,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		URIs:        []*url.URL{{Scheme: "urn", Opaque: r.Hostname + ":OIBus"}},
		DNSNames:    []string{r.Hostname},
	}
}

func filled(s string) []string {
	if strings.TrimSpace(s) == "" {
		return nil
	}
	return []string{s}
}

func crlfPEM(kind string, der []byte) string {
	text := string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	return strings.ReplaceAll(text, "\n", "\r\n")
}
