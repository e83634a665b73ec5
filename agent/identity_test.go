package agent

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"oibus/agent/secret"
	"oibus/agent/store"
)

func TestTheCertificateOfAnAgentStaysTheSameAndItsKeyIsNotOnDiskInClear(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	open := func() *identity {
		keys, err := secret.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		s, err := store.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		return &identity{keys: keys, facts: s.Facts("identity")}
	}
	first, err := open().certificate()
	if err != nil {
		t.Fatal(err)
	}
	again, err := open().certificate()
	if err != nil || again != first || first.PrivateKey == "" {
		t.Errorf("after a restart it is another one, %v", err)
	}
	written, err := os.ReadFile(filepath.Join(dir, "state", "identity.json"))
	if err != nil || !strings.Contains(string(written), "BEGIN CERTIFICATE") || strings.Contains(string(written), "PRIVATE KEY") {
		t.Errorf("on disk: %v\n%s", err, written)
	}
}
