package handover

import (
	"os"
	"path/filepath"
	"testing"
)

func TestTheContactIsThatOfTheAgentThatRuns(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, there, err := ReadContact(dir); there || err != nil {
		t.Errorf("there is none yet: %v", err)
	}
	if err := WriteContact(dir, Contact{Error: "ECONNREFUSED"}); err != nil {
		t.Fatal(err)
	}
	if c, there, err := ReadContact(dir); !there || err != nil || c.Error != "ECONNREFUSED" || !c.At.IsZero() {
		t.Errorf("%+v, %v", c, err)
	}
	if err := WriteContact(dir, Contact{At: noon}); err != nil {
		t.Fatal(err)
	}
	if c, _, err := ReadContact(dir); err != nil || c.Error != "" || !c.At.Equal(noon) {
		t.Errorf("%+v, %v", c, err)
	}
	for range 2 {
		if err := RemoveContact(dir); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, contactName), []byte("\x00"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, there, err := ReadContact(dir); !there || err == nil {
		t.Error("what is not understood is no error")
	}
}
