package mqtt

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

// tlsConfig reads the certificate files, each time anew: they are renewed while the agent runs. Errors name the file.
func (s *Settings) tlsConfig(b *broker) (*tls.Config, error) {
	c := &tls.Config{ServerName: b.name, MinVersion: tls.VersionTLS12, InsecureSkipVerify: !bool(s.Verify)}
	if s.Authentication.Type != byCertificate {
		return c, nil
	}
	a := &s.Authentication
	if a.CAFile != "" {
		authorities, err := os.ReadFile(a.CAFile)
		if err != nil {
			return nil, unreadable("certificate authority", a.CAFile, err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(authorities) {
			return nil, fmt.Errorf("the file of the certificate authority %q holds no certificate in PEM form", a.CAFile)
		}
	}
	if a.CertificateFile == "" && a.KeyFile == "" {
		return c, nil
	}
	certificate, err := os.ReadFile(a.CertificateFile)
	if err != nil {
		return nil, unreadable("certificate", a.CertificateFile, err)
	}
	key, err := os.ReadFile(a.KeyFile)
	if err != nil {
		return nil, unreadable("private key", a.KeyFile, err)
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return nil, fmt.Errorf("cannot use certificate %q with private key %q: %w", a.CertificateFile, a.KeyFile, err)
	}
	c.Certificates = []tls.Certificate{pair}
	return c, nil
}

// unreadable is an error that names the file once.
func unreadable(what, path string, err error) error {
	var failed *os.PathError
	if errors.As(err, &failed) {
		err = failed.Err
	}
	return fmt.Errorf("cannot read the %s file %q: %w", what, path, err)
}
