package entra

import (
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"oibus/agent/connector"
	"oibus/agent/connector/httpclient"
	"oibus/agent/entity"
)

// assertionLife is that of a signed request, as short as clocks that differ allow.
const assertionLife = 10 * time.Minute

// Signer signs requests for tokens with the private key of a certificate.
type Signer struct {
	key        *rsa.PrivateKey
	thumbprint string
}

// NewSigner takes a certificate and its private key as PEM texts.
func NewSigner(c connector.Certificate) (*Signer, error) {
	block, _ := pem.Decode([]byte(c.Certificate))
	for rest := []byte(c.Certificate); block != nil && block.Type != "CERTIFICATE"; {
		block, rest = pem.Decode(rest)
	}
	if block == nil {
		return nil, &httpclient.SettingsError{Text: fmt.Sprintf("the certificate %q is not in PEM form", c.Name)}
	}
	key, err := jwt.ParseRSAPrivateKeyFromPEM([]byte(c.PrivateKey))
	if err != nil {
		return nil, &httpclient.SettingsError{Text: fmt.Sprintf("the private key of the certificate %q cannot be used: an RSA key is needed", c.Name)}
	}
	print := sha256.Sum256(block.Bytes)
	return &Signer{key, base64.RawURLEncoding.EncodeToString(print[:])}, nil
}

// sign makes the assertion that stands in for a secret (RFC 7523).
func (s *Signer) sign(client, audience string, now time.Time) (string, error) {
	token := jwt.NewWithClaims(jwt.SigningMethodPS256, jwt.MapClaims{
		"iss": client, "sub": client, "aud": audience, "jti": entity.NewID(entity.LongID),
		"nbf": now.Add(-time.Minute).Unix(), "exp": now.Add(assertionLife).Unix(),
	})
	token.Header["x5t#S256"] = s.thumbprint
	signed, err := token.SignedString(s.key)
	if err != nil {
		return "", fmt.Errorf("cannot sign the request for a token: %w", err)
	}
	return signed, nil
}
