package opcua

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"

	"github.com/gopcua/opcua/ua"

	"oibus/agent/connector/opcua/wire"
)

// ownURI names the application when it has no certificate that does.
const ownURI = "urn:OIBus"

// mostPEM is the largest certificate or key that is read, in bytes.
const mostPEM = 1 << 20

// keyPair is a certificate in DER with its key.
type keyPair struct {
	certificate []byte
	key         *rsa.PrivateKey
	uri         string // of the application, in the certificate
}

// own is the agent's certificate, which security needs and its lack does not.
func (c *Client) own() (keyPair, error) {
	if c.identity == nil {
		if c.mode == ua.MessageSecurityModeNone {
			return keyPair{uri: ownURI}, nil
		}
		return keyPair{}, fmt.Errorf("the security mode %s needs the certificate of this OIBus, which is not to be had here: only the security mode none works", c.settings.SecurityMode)
	}
	got, err := c.identity()
	var p keyPair
	if err == nil {
		p, err = parsePair([]byte(got.Certificate), []byte(got.PrivateKey))
	}
	if err != nil {
		if c.mode == ua.MessageSecurityModeNone {
			c.log.Debug("the certificate of this OIBus cannot be used", "error", err)
			return keyPair{uri: ownURI}, nil
		}
		return keyPair{}, fmt.Errorf("cannot use the certificate of this OIBus: %w", err)
	}
	if p.uri == "" {
		p.uri = ownURI
	}
	return p, nil
}

func parsePair(certificate, key []byte) (p keyPair, err error) {
	if p.certificate, err = decodePEM(certificate); err != nil {
		return p, fmt.Errorf("cannot read the certificate: %w", err)
	}
	leaf, err := wire.Leaf(p.certificate)
	if err != nil {
		return p, errors.New("the certificate cannot be read")
	}
	p.certificate = leaf.Raw
	if len(leaf.URIs) > 0 {
		p.uri = leaf.URIs[0].String()
	}
	der, err := decodePEM(key)
	if err != nil {
		return p, fmt.Errorf("cannot read the private key: %w", err)
	}
	if p.key, err = parseKey(der); err != nil {
		return p, err
	}
	if public, ok := leaf.PublicKey.(*rsa.PublicKey); !ok || !public.Equal(&p.key.PublicKey) {
		return p, errors.New("the private key is not that of the certificate")
	}
	return p, nil
}

// decodePEM is what the first block of a PEM text holds; what is no PEM text is DER already.
func decodePEM(data []byte) ([]byte, error) {
	if len(data) == 0 {
		return nil, errors.New("it is empty")
	}
	if block, _ := pem.Decode(data); block != nil {
		return block.Bytes, nil
	}
	return data, nil
}

func parseKey(der []byte) (*rsa.PrivateKey, error) {
	if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return key, nil
	}
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, errors.New("the private key cannot be read") // the reason may show a part of it
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("the private key is no RSA key")
	}
	return key, nil
}

// userPair is the X.509 identity of the user.
func (c *Client) userPair() (keyPair, error) {
	certificate, err := readSmall(c.settings.Authentication.CertFilePath)
	if err != nil {
		return keyPair{}, fmt.Errorf("cannot read the certificate of the user: %w", err)
	}
	key, err := readSmall(c.settings.Authentication.KeyFilePath)
	if err != nil {
		return keyPair{}, fmt.Errorf("cannot read the private key of the user: %w", err)
	}
	p, err := parsePair(certificate, key)
	if err != nil {
		return p, fmt.Errorf("cannot use the identity of the user: %w", err)
	}
	return p, nil
}

func readSmall(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > mostPEM {
		return nil, fmt.Errorf("%q is no file of at most %d bytes", path, mostPEM)
	}
	return os.ReadFile(path)
}
