// Package secret keeps what must not be read by others: the local data key that seals secrets at rest, the RSA keys
// for exchange with the cloud, and password hashes. It guards against a copied disk or backup giving secrets away,
// and against changed ciphertexts being taken for secrets.
package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"oibus/platform"
)

// ErrUnreadable says that a stored secret was not sealed with this key or was changed: enter the secret again.
var ErrUnreadable = errors.New("the stored secret cannot be read with the key of this OIBus: enter it again")

const (
	keyFile  = "data.key"
	copyFile = "data.key.copy" // the same key again, for when the first file is damaged
	keyLen   = 32

	// sealPrefix starts every sealed text and says how it was made.
	sealPrefix = "v1:"
	// credential is the name of a systemd credential that, when given, is mixed into the key.
	credential = "oibus.key"
)

// Keyring seals and opens secrets with the data key of one data folder. It is safe for concurrent use.
type Keyring struct {
	aead     cipher.AEAD
	incident string
}

// Open reads the data key from the folder secrets below dataDir, making it at the first start.
func Open(dataDir string) (*Keyring, error) {
	dir := filepath.Join(dataDir, "secrets")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot create the folder of secrets: %w", err)
	}
	if err := platform.CleanTemp(dir); err != nil {
		return nil, err
	}
	k := &Keyring{}
	key, err := k.load(dir)
	if err != nil {
		return nil, err
	}
	extra, err := platform.Credential(credential)
	if err != nil {
		return nil, err
	}
	if len(extra) > 0 {
		mixed := sha256.Sum256(append(key, extra...))
		key = mixed[:]
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("cannot use the data key: %w", err)
	}
	k.aead, err = cipher.NewGCM(block)
	return k, err
}

// Incident says what was wrong with the files of the key and what was done, "" when nothing was.
func (k *Keyring) Incident() string { return k.incident }

func (k *Keyring) load(dir string) ([]byte, error) {
	first, second := filepath.Join(dir, keyFile), filepath.Join(dir, copyFile)
	key, err := readKey(first)
	copied, copyErr := readKey(second)
	switch {
	case err == nil && copyErr == nil:
		return key, nil
	case err == nil:
		if !errors.Is(copyErr, fs.ErrNotExist) {
			k.incident = fmt.Sprintf("the copy of the data key was unusable (%v); made again", copyErr)
		}
		return key, writeKey(second, key)
	case copyErr == nil:
		k.incident = fmt.Sprintf("the data key file was unusable (%v); restored from its copy", err)
		return copied, writeKey(first, copied)
	case errors.Is(err, fs.ErrNotExist) && errors.Is(copyErr, fs.ErrNotExist):
	default:
		k.incident = fmt.Sprintf("both files of the data key were unusable (%v); made a new key: stored secrets must be entered again", err)
	}
	key = make([]byte, keyLen)
	rand.Read(key)
	return key, errors.Join(writeKey(first, key), writeKey(second, key))
}

// keyDocument is the content of a key file: the key, sealed by the platform, and a check against damage.
type keyDocument struct {
	Schema int    `json:"schema"`
	Key    string `json:"key"`
	Check  string `json:"check"`
}

func check(sealed []byte) string {
	sum := sha256.Sum256(sealed)
	return hex.EncodeToString(sum[:8])
}

// readKey returns fs.ErrNotExist when the file is missing.
func readKey(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var doc keyDocument
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, errors.New("not a key file")
	}
	sealed, err := base64.StdEncoding.DecodeString(doc.Key)
	if err != nil || doc.Check != check(sealed) {
		return nil, errors.New("damaged")
	}
	key, err := platform.Unseal(sealed)
	if err != nil {
		return nil, err
	}
	if len(key) != keyLen {
		return nil, fmt.Errorf("the key has %d bytes, not %d", len(key), keyLen)
	}
	return key, nil
}

func writeKey(path string, key []byte) error {
	sealed, err := platform.Seal(key)
	if err != nil {
		return err
	}
	doc := keyDocument{Schema: 1, Key: base64.StdEncoding.EncodeToString(sealed), Check: check(sealed)}
	data, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return err
	}
	if info, err := os.Lstat(path); err == nil && info.IsDir() {
		if err := os.Rename(path, path+".corrupt"); err != nil {
			return fmt.Errorf("cannot put %q aside: %w", path, err)
		}
	}
	return platform.WriteFile(path, append(data, '\n'), 0o600)
}

// Seal encrypts plain for storage: AES-256-GCM under a fresh nonce, so equal secrets give different texts. The empty
// text stays empty.
func (k *Keyring) Seal(plain string) (string, error) {
	if plain == "" {
		return "", nil
	}
	nonce := make([]byte, k.aead.NonceSize())
	rand.Read(nonce)
	return sealPrefix + base64.StdEncoding.EncodeToString(k.aead.Seal(nonce, nonce, []byte(plain), nil)), nil
}

// Open decrypts what Seal made. Its error is ErrUnreadable and never holds the text.
func (k *Keyring) Open(sealed string) (string, error) {
	if sealed == "" {
		return "", nil
	}
	text, ok := strings.CutPrefix(sealed, sealPrefix)
	data, err := base64.StdEncoding.DecodeString(text)
	if !ok || err != nil || len(data) < k.aead.NonceSize() {
		return "", ErrUnreadable
	}
	plain, err := k.aead.Open(nil, data[:k.aead.NonceSize()], data[k.aead.NonceSize():], nil)
	if err != nil {
		return "", ErrUnreadable
	}
	return string(plain), nil
}
