package store

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

type thing struct {
	Name  string `json:"name"`
	Count int    `json:"count"`
}

func (v thing) Check() error {
	if v.Name == "" {
		return errors.New("a thing without a name")
	}
	return nil
}

func open(t *testing.T) *Store {
	t.Helper()
	s, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func save(t *testing.T, s *Store, name string, v thing) {
	t.Helper()
	if err := Save(s, name, v); err != nil {
		t.Fatal(err)
	}
}

func load(t *testing.T, s *Store, name string) (thing, bool) {
	t.Helper()
	v, found, err := Load(s, name, thing{Name: "default"})
	if err != nil {
		t.Fatal(err)
	}
	return v, found
}

func TestASavedDocumentComesBackAfterReopening(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	save(t, s, "souths/k3JdQ9", thing{"a", 1})
	if s, err = Open(dir); err != nil {
		t.Fatal(err)
	}
	if v, found := load(t, s, "souths/k3JdQ9"); !found || v != (thing{"a", 1}) {
		t.Fatalf("loaded %v, found %v", v, found)
	}
	if v, found := load(t, s, "souths/other"); found || v.Name != "default" {
		t.Fatalf("a missing document gave %v, found %v", v, found)
	}
}

// damages are the ways in which a file goes bad.
var damages = map[string]func(path string) error{
	"emptied":     func(p string) error { return os.WriteFile(p, nil, 0o600) },
	"zero-filled": func(p string) error { return os.WriteFile(p, make([]byte, 512), 0o600) },
	"garbage":     func(p string) error { return os.WriteFile(p, []byte("\x17\xff{]garbage"), 0o600) },
	"other JSON":  func(p string) error { return os.WriteFile(p, []byte(`[1,2]`), 0o600) },
	"hollow":      func(p string) error { return os.WriteFile(p, []byte(`{"schema":1,"data":null}`), 0o600) },
	"not usable":  func(p string) error { return os.WriteFile(p, []byte(`{"schema":1,"data":{"count":1}}`), 0o600) },
	"wrong types": func(p string) error { return os.WriteFile(p, []byte(`{"schema":1,"data":{"name":7}}`), 0o600) },
	"removed":     os.Remove,
	"truncated": func(p string) error {
		info, err := os.Stat(p)
		if err != nil {
			return err
		}
		return os.Truncate(p, info.Size()/2)
	},
	"unreadable": func(p string) error { // a folder in its place: root can read anything else
		return errors.Join(os.Remove(p), os.Mkdir(p, 0o700))
	},
}

func TestADamagedDocumentIsPutAsideAndThePreviousGenerationUsed(t *testing.T) {
	t.Parallel()
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			save(t, s, "engine", thing{"old", 1})
			save(t, s, "engine", thing{"new", 2})
			if err := damage(filepath.Join(s.Dir(), "engine.json")); err != nil {
				t.Fatal(err)
			}
			if v, found := load(t, s, "engine"); !found || v.Name != "old" {
				t.Fatalf("loaded %v, found %v; want the previous generation", v, found)
			}
			incidents := s.Incidents()
			if len(incidents) != 1 || incidents[0].File != "engine.json" || !strings.Contains(incidents[0].Action, "previous generation") {
				t.Fatalf("incidents %+v", incidents)
			}
			aside, _ := filepath.Glob(filepath.Join(s.Dir(), "engine.json.corrupt-*"))
			if want := 1; name != "removed" && len(aside) != want {
				t.Fatalf("%d files put aside", len(aside))
			}
			if v, _ := load(t, s, "engine"); v.Name != "old" || len(s.Incidents()) != 1 {
				t.Fatalf("the second load gave %v, incidents %v", v, s.Incidents())
			}
		})
	}
}

func TestWhenBothGenerationsAreBadTheDefaultIsUsedAndBothAreReported(t *testing.T) {
	t.Parallel()
	s := open(t)
	save(t, s, "engine", thing{"old", 1})
	save(t, s, "engine", thing{"new", 2})
	for _, file := range []string{"engine.json", "engine.json.previous"} {
		if err := os.WriteFile(filepath.Join(s.Dir(), file), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if v, found := load(t, s, "engine"); found || v.Name != "default" {
		t.Fatalf("loaded %v, found %v", v, found)
	}
	if n := len(s.Incidents()); n != 2 {
		t.Fatalf("%d incidents: %+v", n, s.Incidents())
	}
}

func TestStateOfANewerVersionIsRefusedAndLeftAlone(t *testing.T) {
	t.Parallel()
	s := open(t)
	path := filepath.Join(s.Dir(), "engine.json")
	if err := os.WriteFile(path, []byte(`{"schema":99,"data":{}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Load(s, "engine", thing{}); !errors.Is(err, ErrNewerState) || !strings.Contains(err.Error(), "99") {
		t.Fatalf("got %v", err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("the file should still be there: %v", err)
	}
}

func TestNamesCannotLeaveTheStateFolder(t *testing.T) {
	t.Parallel()
	s := open(t)
	for _, name := range []string{"../escape", "a/../../b", "/etc/passwd", "", ".", `a\..\b`, "c:x"} {
		if err := Save(s, name, thing{}); err == nil {
			t.Errorf("Save(%q) succeeded", name)
		}
		if _, _, err := Load(s, name, thing{}); err == nil {
			t.Errorf("Load(%q) succeeded", name)
		}
		if err := Remove(s, name); err == nil {
			t.Errorf("Remove(%q) succeeded", name)
		}
	}
}

func TestListAndRemoveKnowBothGenerations(t *testing.T) {
	t.Parallel()
	s := open(t)
	for range 2 {
		save(t, s, "souths/a", thing{"a", 1})
		save(t, s, "souths/b", thing{"b", 1})
	}
	if err := os.Remove(filepath.Join(s.Dir(), "souths", "b.json")); err != nil {
		t.Fatal(err)
	}
	names, err := List(s, "souths")
	if err != nil || strings.Join(names, " ") != "souths/a souths/b" {
		t.Fatalf("listed %v, %v", names, err)
	}
	for _, name := range append(names, "norths/never-there") {
		if err := Remove(s, name); err != nil {
			t.Fatal(err)
		}
	}
	if names, err := List(s, "souths"); err != nil || len(names) != 0 {
		t.Fatalf("left %v, %v", names, err)
	}
}

func TestASaveThatFailsKeepsTheDocument(t *testing.T) {
	t.Parallel()
	s := open(t)
	save(t, s, "engine", thing{"kept", 1})
	if err := Save(s, "engine", func() {}); err == nil {
		t.Fatal("a function was encoded")
	}
	if v, _ := load(t, s, "engine"); v.Name != "kept" || len(s.Incidents()) != 0 {
		t.Fatalf("loaded %v, incidents %v", v, s.Incidents())
	}
}

func TestAFolderInPlaceOfThePreviousGenerationIsPutAside(t *testing.T) {
	t.Parallel()
	s := open(t)
	save(t, s, "engine", thing{"first", 1})
	if err := os.Mkdir(filepath.Join(s.Dir(), "engine.json.previous"), 0o700); err != nil {
		t.Fatal(err)
	}
	save(t, s, "engine", thing{"second", 2})
	if err := os.Remove(filepath.Join(s.Dir(), "engine.json")); err != nil {
		t.Fatal(err)
	}
	if v, _ := load(t, s, "engine"); v.Name != "first" {
		t.Fatalf("the previous generation is %v", v)
	}
}
