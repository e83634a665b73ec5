package secret

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func openKeyring(t *testing.T, dir string) *Keyring {
	t.Helper()
	k, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestASealedSecretComesBackAfterReopening(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	k := openKeyring(t, dir)
	first, err := k.Seal("pässword")
	if err != nil {
		t.Fatal(err)
	}
	second, _ := k.Seal("pässword")
	if first == second {
		t.Error("equal secrets give equal texts")
	}
	if got, err := openKeyring(t, dir).Open(first); err != nil || got != "pässword" {
		t.Fatalf("opened %q, %v", got, err)
	}
	if empty, err := k.Seal(""); err != nil || empty != "" {
		t.Errorf("the empty secret gave %q, %v", empty, err)
	}
}

func TestAChangedOrForeignSecretIsRefused(t *testing.T) {
	t.Parallel()
	k := openKeyring(t, t.TempDir())
	sealed, _ := k.Seal("secret")
	for _, text := range []string{"secret", "v1:", "v1:AAAA", sealed[:len(sealed)-4] + "AAA=", sealed[3:]} {
		if _, err := k.Open(text); !errors.Is(err, ErrUnreadable) {
			t.Errorf("Open(%q) gave %v", text, err)
		}
	}
	if _, err := openKeyring(t, t.TempDir()).Open(sealed); !errors.Is(err, ErrUnreadable) {
		t.Errorf("another key gave %v", err)
	}
}

func TestADamagedKeyFileIsRestoredFromItsCopy(t *testing.T) {
	t.Parallel()
	for _, file := range []string{keyFile, copyFile} {
		for _, damage := range [][]byte{nil, make([]byte, 100), []byte("{}"), []byte(`{"key":"AAAA","check":"00"}`)} {
			dir := t.TempDir()
			sealed, _ := openKeyring(t, dir).Seal("secret")
			if err := os.WriteFile(filepath.Join(dir, "secrets", file), damage, 0o600); err != nil {
				t.Fatal(err)
			}
			k := openKeyring(t, dir)
			if got, err := k.Open(sealed); err != nil || got != "secret" || k.Incident() == "" {
				t.Fatalf("%s damaged: opened %q, %v, incident %q", file, got, err, k.Incident())
			}
			if k = openKeyring(t, dir); k.Incident() != "" {
				t.Fatalf("%s is still damaged: %s", file, k.Incident())
			}
		}
	}
}

func TestWithBothKeyFilesDamagedANewKeyIsMadeAndItIsSaid(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	sealed, _ := openKeyring(t, dir).Seal("secret")
	for _, file := range []string{keyFile, copyFile} {
		path := filepath.Join(dir, "secrets", file)
		if err := errors.Join(os.Remove(path), os.Mkdir(path, 0o700)); err != nil {
			t.Fatal(err)
		}
	}
	k := openKeyring(t, dir)
	if !strings.Contains(k.Incident(), "entered again") {
		t.Errorf("incident %q", k.Incident())
	}
	if _, err := k.Open(sealed); !errors.Is(err, ErrUnreadable) {
		t.Errorf("got %v", err)
	}
}

func TestASecretEncryptedForThisOIBusIsDecrypted(t *testing.T) {
	t.Parallel()
	publicPEM, privatePEM, err := NewExchangeKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(publicPEM, "-----BEGIN PUBLIC KEY-----\n") || !strings.HasPrefix(privatePEM, "-----BEGIN PRIVATE KEY-----\n") {
		t.Fatal("the keys are not SPKI and PKCS#8 PEM")
	}
	block, _ := pem.Decode([]byte(publicPEM))
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if bits := public.(*rsa.PublicKey).N.BitLen(); bits != 4096 {
		t.Errorf("%d bits", bits)
	}
	long := strings.Repeat("x", 446) // the largest that fits
	data, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, public.(*rsa.PublicKey), []byte(long), nil)
	if err != nil {
		t.Fatal(err)
	}
	text := base64.StdEncoding.EncodeToString(data)
	if got, err := DecryptExchange(privatePEM, text); err != nil || got != long {
		t.Fatalf("decrypted %d bytes, %v", len(got), err)
	}
	for _, bad := range []string{"plain", "????", base64.StdEncoding.EncodeToString(make([]byte, 512)), text[:100]} {
		if _, err := DecryptExchange(privatePEM, bad); err == nil || strings.Contains(err.Error(), bad) {
			t.Errorf("a bad ciphertext gave %v", err)
		}
	}
	if _, err := DecryptExchange("", text); err == nil {
		t.Error("decrypted without a key")
	}
}

func TestPasswordsVerifyOnlyAgainstTheirHash(t *testing.T) {
	t.Parallel()
	hash, err := HashPassword("pass")
	if err != nil {
		t.Fatal(err)
	}
	if !VerifyPassword(hash, "pass") || VerifyPassword(hash, "Pass") {
		t.Error("the wrong password verifies, or the right one does not")
	}
	if generated, err := HashGenerated("random"); err != nil || !VerifyPassword(generated, "random") || VerifyPassword(generated, "other") {
		t.Errorf("the hash %q of a generated password: %v", generated, err)
	}
	for _, bad := range []string{"", "pass", "$argon2id$v=19$m=4294967295,t=1,p=1$AAAA$AAAA", "$argon2id$v=19$m=8,t=0,p=0$AAAA$AAAA", hash[:len(hash)-30]} {
		if VerifyPassword(bad, "pass") {
			t.Errorf("hash %q verifies", bad)
		}
	}
}

func TestRandomPasswordsDiffer(t *testing.T) {
	t.Parallel()
	if a, b := NewPassword(), NewPassword(); a == b || len(a) != 16 {
		t.Fatalf("%q and %q", a, b)
	}
}

func FuzzOpenNeverPanics(f *testing.F) {
	k, err := Open(f.TempDir())
	if err != nil {
		f.Fatal(err)
	}
	f.Add("v1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	f.Fuzz(func(t *testing.T, text string) {
		if plain, err := k.Open(text); err == nil && text != "" {
			t.Fatalf("%q opened as %q", text, plain)
		}
	})
}
