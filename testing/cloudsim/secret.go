package cloudsim

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
)

// EncryptSecret encrypts a secret for an agent as the browser does (protocol/control-plane.md, section 6.2).
func EncryptSecret(publicKeyPEM, plain string) (string, error) {
	block, _ := pem.Decode([]byte(publicKeyPEM))
	if block == nil {
		return "", errors.New("cannot encrypt a secret: the public key of the agent is not PEM")
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return "", fmt.Errorf("cannot encrypt a secret: %w", err)
	}
	key, ok := parsed.(*rsa.PublicKey)
	if !ok {
		return "", errors.New("cannot encrypt a secret: the public key of the agent is not RSA")
	}
	sealed, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, key, []byte(plain), nil)
	if err != nil {
		return "", fmt.Errorf("cannot encrypt a secret: %w", err)
	}
	return base64.StdEncoding.EncodeToString(sealed), nil
}

// Encrypt encrypts a secret with the latest public key of an agent.
func (s *Sim) Encrypt(agentID, plain string) (string, error) {
	a, err := s.Agent(agentID)
	if err != nil {
		return "", err
	}
	return EncryptSecret(a.PublicKey, plain)
}
