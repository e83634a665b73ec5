package release

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
)

// Role is what a key may sign: root keys the certificates of release keys, release keys packages.
type Role string

// The roles of keys.
const (
	Root    Role = "root"
	Release Role = "release"
)

// PublicKey is the public half of a key with its role. As text, in settings and on the command line, it is the role,
// a colon and the 32 bytes of an Ed25519 key in base64, as in root:AsAjV3aC6zzChgRIZSEF1Aa4eDSNyNXD3hRcf4AFW78=
type PublicKey struct {
	Role Role
	Key  ed25519.PublicKey
}

// ParsePublicKey reads the text of a public key.
func ParsePublicKey(text string) (PublicKey, error) {
	role, encoded, _ := strings.Cut(text, ":")
	key, err := base64.StdEncoding.DecodeString(encoded)
	if Role(role) != Root && Role(role) != Release || err != nil || len(key) != ed25519.PublicKeySize {
		return PublicKey{}, fmt.Errorf("%q is not a public key: write root: or release: and %d bytes in base64, as oibus-installer release keygen prints them",
			shorten(text), ed25519.PublicKeySize)
	}
	return PublicKey{Role: Role(role), Key: key}, nil
}

func (k PublicKey) String() string {
	return string(k.Role) + ":" + base64.StdEncoding.EncodeToString(k.Key)
}

// ID is the short name of the key: the first half of its SHA-256 in hexadecimal.
func (k PublicKey) ID() string {
	sum := sha256.Sum256(k.Key)
	return hex.EncodeToString(sum[:sha256.Size/2])
}

// MarshalText implements encoding.TextMarshaler.
func (k PublicKey) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (k *PublicKey) UnmarshalText(text []byte) (err error) {
	*k, err = ParsePublicKey(string(text))
	return err
}

// The purposes of signatures. What is signed begins with one of them, so that no signature can stand for another.
const (
	manifestPurpose    = "OIBus release manifest\n"
	certificatePurpose = "OIBus release key certificate\n"
)

func (k PublicKey) verify(purpose string, form, signature []byte) bool {
	return len(k.Key) == ed25519.PublicKeySize && ed25519.Verify(k.Key, append([]byte(purpose), form...), signature)
}

// Signature is the proof in a manifest of who made the release.
type Signature struct {
	KeyID string `json:"keyId"`
	Value []byte `json:"value"` // Ed25519, in base64
	// Certificate names the root key that vouches for the release key. It is absent when the release key itself is
	// what machines trust.
	Certificate *Certificate `json:"certificate,omitempty"`
}
