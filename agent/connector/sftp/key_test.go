package sftp

import (
	"crypto/rand"
	"crypto/rsa"
	"testing"

	"golang.org/x/crypto/ssh"
)

func rsaSigner(t *testing.T) ssh.Signer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

func TestTheAlgorithmsOfTheKnownKeyComeFirst(t *testing.T) {
	t.Parallel()
	trust := Trust{Memory: newMemory()}
	if err := trust.remember("h:22", rsaSigner(t).PublicKey()); err != nil {
		t.Fatal(err)
	}
	first := trust.algorithms("h:22")
	if first[0] != ssh.KeyAlgoRSASHA256 && first[0] != ssh.KeyAlgoRSASHA512 {
		t.Errorf("got %q", first)
	}
	if first[2] != ssh.KeyAlgoRSA || len(first) != len(trust.algorithms("other:22")) {
		t.Errorf("got %q", first)
	}
}
