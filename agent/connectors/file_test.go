package connectors

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"oibus/agent/manifest"
	"oibus/agent/store"
)

func removeDocument(st *store.Store, id string) error { return store.Remove(st, documentName(id)) }

func (b *bench) logs() []string {
	b.t.Helper()
	found, err := filepath.Glob(filepath.Join(b.dir, "state", "souths", "*.log"))
	b.must(err)
	return found
}

func TestTheFilesOfADeletedSouthAreGone(t *testing.T) {
	t.Parallel()
	k := newBench(t, manifest.N)
	south, other := k.makeSouth(folder("F", folderItem("i"))), k.makeSouth(folder("G"))
	k.must(k.DeleteSouth("u", south.ID))
	entries, err := os.ReadDir(filepath.Join(k.dir, "state", "souths"))
	k.must(err)
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), other.ID+".") {
			t.Errorf("%s is left", e.Name())
		}
	}
	k.refused(k.DeleteSouth("u", south.ID), `South "`+south.ID+`" not found`)
	k.sameAfterRestart()
}

func TestThePreviousGenerationHasItsItems(t *testing.T) {
	t.Parallel()
	k := newBench(t, manifest.N)
	south := k.makeSouth(folder("F", folderItem("old")))
	for _, name := range []string{"x", "y", "new"} {
		k.must(k.UpdateSouth("u", south.ID, body(t, folder("F "+name, folderItem(name))), Secrets{}))
	}
	if n := len(k.logs()); n != 2 {
		t.Errorf("%d generations of items are kept", n)
	}
	k.must(k.Close())
	k.Service = nil
	k.must(os.WriteFile(filepath.Join(k.dir, "state", "souths", south.ID+".json"), make([]byte, 500), 0o600)) // as some file systems leave it
	st, err := store.Open(k.dir)
	k.must(err)
	s, err := Open(Options{Store: st, Keys: keys{}, Dialect: manifest.N, ScanModes: nil, Transformer: nil, Now: nil})
	k.must(err)
	got, err := s.South(south.ID)
	if err != nil || got.Name != "F y" || len(got.Items) != 1 || got.Items[0].Name != "y" || len(st.Incidents()) != 1 {
		t.Errorf("%+v %v %v", got, err, st.Incidents())
	}
	k.must(s.Close())
}

func TestWhatAnInterruptedChangeLeftIsRemoved(t *testing.T) {
	t.Parallel()
	k := newBench(t, manifest.N)
	south := k.makeSouth(folder("F", folderItem("i")))
	stray := filepath.Join(k.dir, "state", "souths", south.ID+".7.log")
	k.must(os.WriteFile(stray, []byte("half"), 0o600))
	k.sameAfterRestart()
	if _, err := os.Stat(stray); err == nil {
		t.Error("it is still there")
	}
}

func TestADamagedLineLosesOneItemOnly(t *testing.T) {
	t.Parallel()
	k := newBench(t, manifest.N)
	south := k.makeSouth(folder("F", folderItem("a"), folderItem("b"), folderItem("c")))
	k.must(k.Close())
	k.Service = nil
	path := k.logs()[0]
	data, err := os.ReadFile(path)
	k.must(err)
	k.must(os.WriteFile(path, bytes.Replace(data, []byte(`"name":"b"`), []byte(`"nome":"b"`), 1), 0o600))
	st, err := store.Open(k.dir)
	k.must(err)
	s, err := Open(Options{Store: st, Keys: keys{}, Dialect: manifest.N})
	k.must(err)
	if got, err := s.South(south.ID); err != nil || len(got.Items) != 2 || got.Items[1].Name != "c" || len(st.Incidents()) != 1 {
		t.Errorf("%+v %v %v", got, err, st.Incidents())
	}
	k.must(s.Close())
}

func TestTheLogOfItemsDoesNotGrowForEver(t *testing.T) {
	t.Parallel()
	k := newBench(t, manifest.N)
	south := k.makeSouth(folder("F", folderItem("i", "settings", with(folderItem("")["settings"].(tree), "regex", strings.Repeat("x", 100_000)))))
	for i := range 60 {
		k.must(k.EnableItems("u", south.ID, []string{south.Items[0].ID}, i%2 == 0))
	}
	info, err := os.Stat(k.logs()[0])
	if err != nil || info.Size() > 3*slack {
		t.Errorf("%d bytes, %v", info.Size(), err)
	}
	k.sameAfterRestart()
}

func TestAChangeThatCannotBeStoredIsNotSeen(t *testing.T) {
	t.Parallel()
	k := newBench(t, manifest.N)
	south, north := k.makeSouth(folder("F", folderItem("i"))), k.makeNorth(console("C"))
	k.took()
	f, err := k.southFile(south.ID)
	k.must(err)
	k.must(f.items.Close())                                         // appends fail
	k.must(os.RemoveAll(filepath.Join(k.dir, "state")))             // everything else
	k.must(os.WriteFile(filepath.Join(k.dir, "state"), nil, 0o600)) // fails too
	k.unchanged(func() {
		for name, change := range map[string]func() error{
			"an item":     func() error { return k.EnableItems("u", south.ID, []string{south.Items[0].ID}, false) },
			"a switch":    func() error { return k.EnableSouth("u", south.ID, false) },
			"the whole":   func() error { return k.UpdateSouth("u", south.ID, body(t, folder("G")), Secrets{}) },
			"a new South": func() error { _, err := k.CreateSouth("u", body(t, folder("H")), Secrets{}); return err },
			"a North":     func() error { return k.EnableNorth("u", north.ID, false) },
			"a new North": func() error { _, err := k.CreateNorth("u", body(t, console("D")), Secrets{}); return err },
		} {
			if change() == nil {
				t.Errorf("%s: no error", name)
			}
		}
	})
	if got := k.took(); len(got) > 0 {
		t.Errorf("announced %v", got)
	}
}

func FuzzItemsAreReadFromAnyLines(f *testing.F) {
	f.Add([]byte(`{"put":[{"id":"a","name":"n"},{"id":"b"}]}`), []byte(`{"drop":["a","zz"]}`))
	f.Add([]byte(`{"put":[{"id":""}]}`), []byte(`[]`))
	f.Fuzz(func(t *testing.T, first, second []byte) {
		var r itemReader
		for _, line := range [][]byte{first, second, first} {
			if err := r.replay(line); err != nil {
				t.Fatal(err)
			}
		}
		seen := map[string]bool{}
		for _, i := range r.items() {
			if i.ID == "" || seen[i.ID] {
				t.Fatalf("item id %q comes twice or is empty", i.ID)
			}
			seen[i.ID] = true
		}
	})
}
