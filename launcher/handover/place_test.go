package handover

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

func put(t *testing.T, text string, path ...string) {
	t.Helper()
	at := filepath.Join(path...)
	must(t, os.MkdirAll(filepath.Dir(at), 0o700))
	must(t, os.WriteFile(at, []byte(text), 0o600))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// made is a data folder with the parts state and secrets, beside which all but the cache was made anew.
func made(t *testing.T) (dir string, i Import) {
	t.Helper()
	dir = t.TempDir()
	for _, part := range []string{"state", "secrets", "cache"} {
		put(t, "old", dir, part, "file")
	}
	for _, part := range []string{"state", "secrets", "certs"} {
		put(t, "new", dir, ImportFolder, part, "file")
	}
	return dir, NewImport(dir, noon)
}

func marked(t *testing.T, dir string, i Import) {
	t.Helper()
	text, err := json.Marshal(i)
	must(t, err)
	put(t, string(text), dir, ImportFolder, ImportReady)
}

// holds checks what is in files of the data folder, "" is none.
func holds(t *testing.T, step int, dir string, want map[string]string) {
	t.Helper()
	want[ImportFolder] = ""
	for name, want := range want {
		raw, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
		if string(raw) != want || (want == "") != os.IsNotExist(err) {
			t.Errorf("after step %d %s is %q, %v", step, name, raw, err)
		}
	}
}

func TestPuttingInPlaceGoesOnAtEachStep(t *testing.T) {
	t.Parallel()
	for step := range 6 { // of a process that was killed
		dir, i := made(t)
		aside := filepath.Join(dir, i.Aside)
		marked(t, dir, Import{Aside: i.Aside})
		for n, do := range []func() error{
			func() error { return os.MkdirAll(aside, 0o700) },
			func() error { return os.Rename(filepath.Join(dir, "state"), filepath.Join(aside, "state")) },
			func() error { return os.Rename(filepath.Join(dir, ImportFolder, "state"), filepath.Join(dir, "state")) },
			func() error { return os.Rename(filepath.Join(dir, "secrets"), filepath.Join(aside, "secrets")) },
			func() error {
				return os.Rename(filepath.Join(dir, ImportFolder, "secrets"), filepath.Join(dir, "secrets"))
			},
			func() error { return os.Rename(filepath.Join(dir, ImportFolder, "certs"), filepath.Join(dir, "certs")) },
		} {
			if n <= step {
				must(t, do())
			}
		}
		if !ImportInterrupted(dir) {
			t.Error("nothing is said to be left to do")
		}
		for range 2 {
			must(t, FinishImport(dir))
		}
		holds(t, step, dir, map[string]string{"state/file": "new", "secrets/file": "new", "certs/file": "new", "cache/file": "old",
			i.Aside + "/state/file": "old", i.Aside + "/secrets/file": "old", ImportNote: ""})
	}
}

func TestTakingBackGoesOnAtEachStep(t *testing.T) {
	t.Parallel()
	for _, placed := range []bool{true, false} { // false: putting in place has failed after its first rename
		for step := range 6 {
			dir, i := made(t)
			aside := filepath.Join(dir, i.Aside)
			if placed {
				must(t, PlaceImport(dir, i))
			} else {
				must(t, os.MkdirAll(aside, 0o700))
				must(t, os.Rename(filepath.Join(dir, "state"), filepath.Join(aside, "state")))
			}
			marked(t, dir, i)
			steps := []func() error{
				func() error { return os.RemoveAll(filepath.Join(dir, "certs")) },
				func() error { return os.RemoveAll(filepath.Join(dir, "state")) },
				func() error { return os.Rename(filepath.Join(aside, "state"), filepath.Join(dir, "state")) },
			}
			if placed {
				steps = append(steps, func() error { return os.RemoveAll(filepath.Join(dir, "secrets")) },
					func() error { return os.Rename(filepath.Join(aside, "secrets"), filepath.Join(dir, "secrets")) })
			}
			for n, do := range steps {
				if n < step {
					must(t, do())
				}
			}
			for range 2 {
				must(t, FinishImport(dir))
			}
			holds(t, step, dir, map[string]string{"state/file": "old", "secrets/file": "old", "certs/file": "", "cache/file": "old", i.Aside: ""})
		}
	}
}

func TestWhatWasNotMadeWholeIsRemoved(t *testing.T) {
	t.Parallel()
	dir, _ := made(t)
	must(t, FinishImport(dir))
	holds(t, 0, dir, map[string]string{"state/file": "old", "secrets/file": "old", "certs/file": ""})
}

func TestAMarkThatSaysSomethingElseIsNotFollowed(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"nonsense", `{"aside":"../x"}`, `{"aside":"a","gone":["../.."]}`, `{"aside":"a","back":["logs"]}`} {
		dir, _ := made(t)
		put(t, text, dir, ImportFolder, ImportReady)
		if err := FinishImport(dir); err == nil {
			t.Errorf("%s is followed", text)
		}
		holdsOld, err := os.ReadFile(filepath.Join(dir, "state", "file"))
		if err != nil || string(holdsOld) != "old" {
			t.Errorf("%s: the state is %q, %v", text, holdsOld, err)
		}
	}
}
