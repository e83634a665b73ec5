package secret

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"

	"oibus/platform/task"
)

// exchangeBits is the size of the RSA keys for exchange with the cloud (protocol/control-plane.md, section 2.3).
const exchangeBits = 4096

// NewExchangeKeys makes a key pair: the public key as SPKI PEM, the private one as PKCS#8 PEM. It takes seconds on
// small machines: call it in the background. It returns when ctx ends; what is being computed then comes to nothing.
func NewExchangeKeys(ctx context.Context) (publicPEM, privatePEM string, err error) {
	if err := ctx.Err(); err != nil {
		return "", "", err
	}
	var key *rsa.PrivateKey
	making := task.New(context.WithoutCancel(ctx), nil) // nothing can interrupt it
	making.Go("key", func(context.Context) (err error) {
		key, err = rsa.GenerateKey(rand.Reader, exchangeBits)
		return err
	})
	if err := making.Wait(ctx); err != nil {
		return "", "", fmt.Errorf("cannot make exchange keys: %w", err)
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return "", "", fmt.Errorf("cannot encode the public exchange key: %w", err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", "", fmt.Errorf("cannot encode the private exchange key: %w", err)
	}
	return encodePEM("PUBLIC KEY", public), encodePEM("PRIVATE KEY", private), nil
}

func encodePEM(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// DecryptExchange decrypts what the cloud encrypted with the public key: one RSA-OAEP block with SHA-256, in standard
// base64. Errors never hold the ciphertext or the plain text.
func DecryptExchange(privatePEM, ciphertext string) (string, error) {
	block, _ := pem.Decode([]byte(privatePEM))
	if block == nil {
		return "", errors.New("cannot decrypt a secret: this OIBus has no exchange key, register it again")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return "", errors.New("cannot decrypt a secret: the exchange key of this OIBus is unusable, regenerate the cipher keys")
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return "", errors.New("cannot decrypt a secret: the exchange key of this OIBus is not an RSA key, regenerate the cipher keys")
	}
	data, err := base64.StdEncoding.DecodeString(ciphertext)
	if err != nil {
		return "", errors.New("cannot decrypt a secret: it is not base64 text, as a secret encrypted for this OIBus is")
	}
	plain, err := rsa.DecryptOAEP(sha256.New(), nil, key, data, nil)
	if err != nil {
		return "", errors.New("cannot decrypt a secret: oaep decoding error, it was not encrypted with the current key of this OIBus")
	}
	return string(plain), nil
}
