package platform

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestDropInsOfTwoServicesOfOneNameTakeTurns(t *testing.T) {
	t.Parallel()
	for name, old := range map[string]bool{"the other has some": true, "the other has none": false} {
		dir := filepath.Join(t.TempDir(), "oibus.service.d")
		write := func(file string) {
			t.Helper()
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, file), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		has := func(when string, want ...string) {
			t.Helper()
			for _, file := range []string{"old.conf", "own.conf"} {
				_, err := os.Stat(filepath.Join(dir, file))
				if expected := len(want) > 0 && want[0] == file; (err == nil) != expected {
					t.Errorf("%s, %s: %s is there: %v", name, when, file, err == nil)
				}
			}
		}
		before := []string(nil)
		if old {
			write("old.conf")
			before = []string{"old.conf"}
		}
		twice := func(f func(string) error) { // a kill may have come in between
			t.Helper()
			for range 2 {
				if err := f(dir); err != nil {
					t.Fatal(err)
				}
			}
		}
		twice(keepDropIns)
		has("at first")
		write("own.conf")
		twice(restoreDropIns)
		has("switched back", before...)
		twice(keepDropIns)
		has("switched again", "own.conf")
		twice(restoreDropIns)
		has("switched back again", before...)
		if left, err := filepath.Glob(dir + replacedSuffix); err != nil || len(left) > 0 {
			t.Errorf("%s: %v is left", name, left)
		}
	}
}

func TestAUnitFileThatIsALinkIsOneAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	unit, path := filepath.Join(dir, "of OIBus"), filepath.Join(dir, "plant.service")
	if err := errors.Join(os.WriteFile(unit, []byte("[Service]\n"), 0o600), os.Symlink(unit, path)); err != nil {
		t.Fatal(err)
	}
	link, err := linkOf(path)
	if err != nil || link != unit {
		t.Fatalf("%q, %v", link, err)
	}
	if made, err := linkAgain(path, link); made || err != nil { // it is there
		t.Errorf("%v, %v", made, err)
	}
	if err := errors.Join(keepUnitFile(path), os.Remove(path)); err != nil { // as systemctl disable does
		t.Fatal(err)
	}
	if made, err := linkAgain(path, link); !made || err != nil {
		t.Errorf("%v, %v", made, err)
	}
	for _, at := range []string{path, path + replacedSuffix} {
		if to, err := os.Readlink(at); err != nil || to != unit {
			t.Errorf("%s is a link to %q, %v", at, to, err)
		}
	}
	for _, none := range []string{unit, filepath.Join(dir, "nothing")} {
		if link, err := linkOf(none); link != "" || err != nil {
			t.Errorf("%s is a link to %q, %v", none, link, err)
		}
	}
	if made, err := linkAgain(filepath.Join(dir, "nothing"), ""); made || err != nil {
		t.Errorf("%v, %v", made, err)
	}
}
