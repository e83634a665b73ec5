package wire

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" // as the standard says: OAEP with it, and the signatures of the two oldest policies
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/gopcua/opcua/ua"
	"github.com/gopcua/opcua/uapolicy"
)

// Algorithm is the cryptography of a security policy with the keys of the two sides.
type Algorithm interface {
	BlockSize() int
	PlaintextBlockSize() int
	SignatureLength() int
	RemoteSignatureLength() int
	NonceLength() int
	MakeNonce() ([]byte, error)
	Encrypt(clear []byte) ([]byte, error)
	Decrypt(hidden []byte) ([]byte, error)
	Signature(message []byte) ([]byte, error)
	VerifySignature(message, signature []byte) error
	EncryptionURI() string
	SignatureURI() string
}

// recipe is what a policy does with RSA keys.
type recipe struct {
	oaep       bool // or the older padding
	hash       crypto.Hash
	nonce      int
	encryption string // URI
	signature  string // URI
}

const (
	uriRSA15  = "http://www.w3.org/2001/04/xmlenc#rsa-1_5"
	uriOAEP   = "http://www.w3.org/2001/04/xmlenc#rsa-oaep"
	uriSHA1   = "http://www.w3.org/2000/09/xmldsig#rsa-sha1"
	uriSHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
)

var recipes = map[string]recipe{
	ua.SecurityPolicyURIBasic128Rsa15:       {false, crypto.SHA1, 16, uriRSA15, uriSHA1},
	ua.SecurityPolicyURIBasic256:            {true, crypto.SHA1, 32, uriOAEP, uriSHA1},
	ua.SecurityPolicyURIBasic256Sha256:      {true, crypto.SHA256, 32, uriOAEP, uriSHA256},
	ua.SecurityPolicyURIAes128Sha256RsaOaep: {true, crypto.SHA256, 32, uriOAEP, uriSHA256},
}

// Asymmetric is the cryptography of a policy with RSA keys; local may be nil when nothing is signed or decrypted. Unlike
// that of the library it takes keys longer than the oldest policies foresee, because the certificate of this OIBus has one
// and servers do not mind.
func Asymmetric(policy string, local *rsa.PrivateKey, remote *rsa.PublicKey) (Algorithm, error) {
	r, ok := recipes[policy]
	if !ok {
		algo, err := uapolicy.Asymmetric(policy, local, remote)
		if err != nil {
			return nil, err
		}
		return algo, nil
	}
	if remote == nil {
		return nil, errors.New("the key of the server is missing")
	}
	return &asymmetricKeys{r, local, remote}, nil
}

type asymmetricKeys struct {
	recipe
	local  *rsa.PrivateKey
	remote *rsa.PublicKey
}

func (a *asymmetricKeys) BlockSize() int             { return a.remote.Size() }
func (a *asymmetricKeys) RemoteSignatureLength() int { return a.remote.Size() }
func (a *asymmetricKeys) NonceLength() int           { return a.nonce }
func (a *asymmetricKeys) EncryptionURI() string      { return a.encryption }
func (a *asymmetricKeys) SignatureURI() string       { return a.signature }

func (a *asymmetricKeys) PlaintextBlockSize() int {
	if a.oaep {
		return a.remote.Size() - 2*sha1.Size - 2
	}
	return a.remote.Size() - 11
}

func (a *asymmetricKeys) SignatureLength() int {
	if a.local == nil {
		return 0
	}
	return a.local.Size()
}

func (a *asymmetricKeys) MakeNonce() ([]byte, error) {
	nonce := make([]byte, a.nonce)
	_, err := rand.Read(nonce)
	return nonce, err
}

func (a *asymmetricKeys) Encrypt(clear []byte) ([]byte, error) {
	return blocks(clear, a.PlaintextBlockSize(), func(block []byte) ([]byte, error) {
		if a.oaep {
			return rsa.EncryptOAEP(sha1.New(), rand.Reader, a.remote, block, nil)
		}
		//lint:ignore SA1019 the policy says so
		return rsa.EncryptPKCS1v15(rand.Reader, a.remote, block)
	})
}

func (a *asymmetricKeys) Decrypt(hidden []byte) ([]byte, error) {
	if a.local == nil || len(hidden)%a.local.Size() != 0 {
		return nil, errSealed
	}
	return blocks(hidden, a.local.Size(), func(block []byte) ([]byte, error) {
		if a.oaep {
			return rsa.DecryptOAEP(sha1.New(), nil, a.local, block, nil)
		}
		//lint:ignore SA1019 the policy says so
		return rsa.DecryptPKCS1v15(nil, a.local, block)
	})
}

// blocks puts data through f, block by block.
func blocks(data []byte, size int, f func(block []byte) ([]byte, error)) ([]byte, error) {
	if size <= 0 {
		return nil, fmt.Errorf("the key is too short")
	}
	var all []byte
	for len(data) > 0 {
		n := min(size, len(data))
		done, err := f(data[:n])
		if err != nil {
			return nil, err
		}
		all, data = append(all, done...), data[n:]
	}
	return all, nil
}

func (a *asymmetricKeys) digest(message []byte) []byte {
	if a.hash == crypto.SHA1 {
		sum := sha1.Sum(message)
		return sum[:]
	}
	sum := sha256.Sum256(message)
	return sum[:]
}

func (a *asymmetricKeys) Signature(message []byte) ([]byte, error) {
	if a.local == nil {
		return nil, errors.New("there is no key to sign with")
	}
	return rsa.SignPKCS1v15(nil, a.local, a.hash, a.digest(message))
}

func (a *asymmetricKeys) VerifySignature(message, signature []byte) error {
	return rsa.VerifyPKCS1v15(a.remote, a.hash, a.digest(message), signature)
}
