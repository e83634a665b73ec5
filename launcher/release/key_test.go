package release

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"oibus/platform"
)

func TestPublicKeysAreReadFromTheirText(t *testing.T) {
	t.Parallel()
	for _, role := range []Role{Root, Release} {
		k := newKey(t, role).Public()
		got, err := ParsePublicKey(k.String())
		if err != nil || got.Role != role || !got.Key.Equal(k.Key) || len(k.ID()) != 32 {
			t.Errorf("%v, %v", got, err)
		}
	}
	good := rootKey(t).Public().String()
	for _, text := range []string{"", "root:", "root", "admin:" + good[5:], good[5:], good + "AAAA", good[:len(good)-4], "root:" + strings.Repeat("!", 44)} {
		if _, err := ParsePublicKey(text); err == nil {
			t.Errorf("%q is taken for a key", text)
		}
	}
}

func TestPrivateKeysAreKeptInAFileOfTheirOwner(t *testing.T) {
	t.Parallel()
	key := certifiedKey(t, 5)
	path := filepath.Join(t.TempDir(), "release.key")
	if err := key.WriteFile(path); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || platform.Platform() != Windows && info.Mode() != 0o600 {
		t.Errorf("mode %o, %v", info.Mode(), err)
	}
	got, err := ReadPrivateKey(path)
	if err != nil || got.Role != Release || !got.key.Equal(key.key) || got.Certificate.Serial != 5 {
		t.Fatalf("%+v, %v", got.Role, err)
	}
	if err := key.WriteFile(path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a key is replaced: %v", err)
	}
	if !bytes.Equal(build(t, base(), contents(), &got), build(t, base(), contents(), &key)) {
		t.Error("the key signs in another way after it was read")
	}
}

func TestADamagedKeyFileIsRefusedWithoutItsContent(t *testing.T) {
	t.Parallel()
	key := releaseKey(t)
	path := filepath.Join(t.TempDir(), "key")
	if err := key.WriteFile(path); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var f keyFile
	if err := json.Unmarshal(text, &f); err != nil {
		t.Fatal(err)
	}
	f.Seed[0]++
	other, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range [][]byte{nil, []byte("{}"), text[:len(text)-10], other} {
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadPrivateKey(path); err == nil || len(err.Error()) > 200 {
			t.Errorf("%q is taken for a key: %v", bad, err)
		}
	}
	if _, err := ReadPrivateKey(filepath.Join(t.TempDir(), "missing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestKeysSignOnlyWhatTheyAreFor(t *testing.T) {
	t.Parallel()
	root, release := rootKey(t), releaseKey(t)
	end := created.AddDate(1, 0, 0)
	if _, err := release.Certify(releaseKey(t).Public(), 1, created, end); err == nil {
		t.Error("a release key certifies")
	}
	if _, err := root.Certify(root.Public(), 1, created, end); err == nil {
		t.Error("a root key is certified")
	}
	if _, err := root.Certify(release.Public(), 0, created, end); err == nil {
		t.Error("serial 0 is given")
	}
	if _, err := root.Certify(release.Public(), 1, end, created); err == nil {
		t.Error("a certificate ends before it begins")
	}
	var b bytes.Buffer
	if _, err := Write(t.Context(), &b, base(), sources(contents()), &root); err == nil || !strings.Contains(err.Error(), "only a release key can sign") {
		t.Errorf("a root key signs a package: %v", err)
	}
	mixed := certify(t, root, 1)
	mixed.key = release.key
	if _, err := Write(t.Context(), &b, base(), sources(contents()), &mixed); err == nil || !strings.Contains(err.Error(), "the certificate is for key") {
		t.Errorf("a key signs with the certificate of another: %v", err)
	}
	if b.Len() != 0 {
		t.Error("something was written")
	}
}

func TestACertificateThatIsTooLongIsRefused(t *testing.T) {
	t.Parallel()
	var c Certificate
	if err := json.Unmarshal([]byte(`{"key":"`+strings.Repeat("x", maxCertificate)+`"}`), &c); err == nil {
		t.Error("it is read")
	}
}
