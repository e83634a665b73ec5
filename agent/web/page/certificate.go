package page

import (
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"strings"

	"oibus/agent/entity"
)

// certificateFacts are what a person compares or needs of a certificate, and the REST API does not say.
type certificateFacts struct {
	Subject     string   `json:"subject"`
	Serial      string   `json:"serial"`
	Fingerprint string   `json:"fingerprint"` // SHA-256
	Key         string   `json:"key"`
	NotBefore   string   `json:"notBefore"`
	NotAfter    string   `json:"notAfter"`
	Names       []string `json:"names"`
}

func (s *Site) certificate(w http.ResponseWriter, r *http.Request) {
	if s.o.Certificate == nil {
		s.refuse(w, http.StatusNotFound, "no certificates here")
		return
	}
	c, err := s.o.Certificate(r.PathValue("id"))
	if err != nil {
		s.refuse(w, http.StatusNotFound, err.Error())
		return
	}
	facts, err := readCertificate(c)
	if err != nil {
		s.refuse(w, http.StatusInternalServerError, err.Error())
		return
	}
	s.answer(w, facts)
}

// readCertificate reads the facts out of the PEM text of c.
func readCertificate(c entity.Certificate) (certificateFacts, error) {
	block, _ := pem.Decode([]byte(c.Certificate))
	if block == nil {
		return certificateFacts{}, fmt.Errorf("cannot read certificate %q: it is no PEM text", c.Name)
	}
	x, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return certificateFacts{}, fmt.Errorf("cannot read certificate %q: %w", c.Name, err)
	}
	facts := certificateFacts{
		Subject: x.Subject.String(), Serial: pairs(x.SerialNumber.Bytes()), Key: keyText(x),
		NotBefore: entity.Second(x.NotBefore), NotAfter: entity.Second(x.NotAfter), Names: []string{},
	}
	sum := sha256.Sum256(block.Bytes)
	facts.Fingerprint = pairs(sum[:])
	facts.Names = append(facts.Names, x.DNSNames...)
	for _, u := range x.URIs {
		facts.Names = append(facts.Names, u.String())
	}
	for _, ip := range x.IPAddresses {
		facts.Names = append(facts.Names, ip.String())
	}
	return facts, nil
}

// pairs writes bytes as people compare them: AB:CD:…
func pairs(b []byte) string {
	return strings.ReplaceAll(fmt.Sprintf("% X", b), " ", ":")
}

func keyText(x *x509.Certificate) string {
	if key, ok := x.PublicKey.(*rsa.PublicKey); ok {
		return fmt.Sprintf("RSA %d, %s", key.N.BitLen(), x.SignatureAlgorithm)
	}
	return fmt.Sprintf("%s, %s", x.PublicKeyAlgorithm, x.SignatureAlgorithm)
}
