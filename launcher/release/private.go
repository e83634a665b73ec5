package release

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"oibus/platform"
)

// maxKeyFile bounds key files: a bigger one is something else.
const maxKeyFile = 1 << 20

// PrivateKey signs packages or certificates, after its role. A release key carries the certificate that packages
// signed with it shall show, if it has one.
type PrivateKey struct {
	Role        Role
	Certificate *Certificate
	key         ed25519.PrivateKey
}

// NewPrivateKey makes a key from the random source of the operating system.
func NewPrivateKey(role Role) (PrivateKey, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return PrivateKey{}, fmt.Errorf("cannot make a key: %w", err)
	}
	return PrivateKey{Role: role, key: key}, nil
}

// Public is the half that everybody may know.
func (k PrivateKey) Public() PublicKey {
	public, _ := k.key.Public().(ed25519.PublicKey) // it is one: see crypto/ed25519
	return PublicKey{Role: k.Role, Key: public}
}

func (k PrivateKey) sign(purpose string, form []byte) []byte {
	return ed25519.Sign(k.key, append([]byte(purpose), form...))
}

// Certify returns the certificate of the root key k for a release key, good from notBefore to notAfter.
func (k PrivateKey) Certify(key PublicKey, serial uint64, notBefore, notAfter time.Time) (Certificate, error) {
	switch {
	case k.Role != Root:
		return Certificate{}, errors.New("only a root key can certify a release key")
	case key.Role != Release:
		return Certificate{}, errors.New("only a release key can be certified")
	case serial == 0:
		return Certificate{}, errors.New("serial numbers begin at 1")
	case !notAfter.After(notBefore):
		return Certificate{}, errors.New("the certificate would end before it begins")
	}
	c := Certificate{
		Key: key, Serial: serial, Issuer: k.Public().ID(),
		NotBefore: notBefore.UTC().Truncate(time.Second), NotAfter: notAfter.UTC().Truncate(time.Second),
	}
	return c, c.issue(k)
}

// CheckUsable refuses a key whose certificate is expired: no machine would accept what it signs.
func (k PrivateKey) CheckUsable(now time.Time) error {
	if c := k.Certificate; c != nil && now.After(c.NotAfter) {
		return fmt.Errorf("the certificate of key %s is expired since %s: have a new one made", k.Public().ID(), day(c.NotAfter))
	}
	return nil
}

// sign puts the proof of the release key into the manifest.
func (m *Manifest) sign(k PrivateKey) error {
	if k.Role != Release {
		return errors.New("only a release key can sign a package: certify one with the root key")
	}
	if c := k.Certificate; c != nil && c.Key.ID() != k.Public().ID() {
		return fmt.Errorf("the certificate is for key %s, the package would be signed with key %s", c.Key.ID(), k.Public().ID())
	}
	m.Signature = &Signature{KeyID: k.Public().ID(), Value: k.sign(manifestPurpose, m.form), Certificate: k.Certificate}
	return nil
}

// keyFile is a private key on disk.
type keyFile struct {
	Note        string       `json:"note"`
	ID          string       `json:"id"`
	Public      PublicKey    `json:"public"`
	Seed        []byte       `json:"privateSeed"`
	Certificate *Certificate `json:"certificate,omitempty"`
}

// WriteFile keeps the key in a new file that only its owner can read. A file that is there already is not replaced.
func (k PrivateKey) WriteFile(path string) error {
	f := keyFile{
		Note: "PRIVATE: whoever has this file can make releases that machines accept", ID: k.Public().ID(),
		Public: k.Public(), Seed: k.key.Seed(), Certificate: k.Certificate,
	}
	text, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return fmt.Errorf("cannot encode the key: %w", err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot write key %q: %w", path, errors.Join(err, fs.ErrExist))
	}
	return platform.WriteFile(path, append(text, '\n'), 0o600)
}

// ReadPrivateKey reads a file of WriteFile.
func ReadPrivateKey(path string) (PrivateKey, error) {
	text, err := readSmall(path, maxKeyFile)
	if err != nil {
		return PrivateKey{}, fmt.Errorf("cannot read the private key: %w", err)
	}
	var f keyFile
	if err := json.Unmarshal(text, &f); err != nil || len(f.Seed) != ed25519.SeedSize {
		return PrivateKey{}, fmt.Errorf("%q is not a private key of oibus-installer release keygen", path) // no part of it in the text
	}
	k := PrivateKey{Role: f.Public.Role, Certificate: f.Certificate, key: ed25519.NewKeyFromSeed(f.Seed)}
	if k.Public().ID() != f.Public.ID() {
		return PrivateKey{}, fmt.Errorf("%q is damaged: its public and private halves do not fit", path)
	}
	return k, nil
}

// readSmall reads a file that must not be larger than limit.
func readSmall(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > limit {
		return nil, fmt.Errorf("%q is not a file of at most %d bytes", path, limit)
	}
	return os.ReadFile(path)
}
