package installer

import (
	"archive/zip"
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func zipOf(t testing.TB, files ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for n := 0; n+1 < len(files); n += 2 {
		w, err := z.Create(files[n])
		if err == nil {
			_, err = w.Write([]byte(files[n+1]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

const (
	goodHead   = `{"level":1,"version":"9.0.0"}`
	goodEngine = `{"schema":1,"data":{"id":"other","settings":{"general":{"name":"theirs"}}}}`
)

func TestAConfigurationMovesWithoutItsIdentity(t *testing.T) {
	t.Parallel()
	from, to := newMachine(t), newMachine(t)
	a, b := installed(t, from, "", nil), installed(t, to, "", nil)
	from.write("lib/oibus/state/scan-modes.json", `{"schema":1,"data":[1]}`)
	from.write("lib/oibus/state/souths/a.json", `{"schema":1,"data":{"name":"a"}}`)
	for _, name := range []string{"registration.json", "users.json", "commands.json", "x.json.previous", "x.json.corrupt-1", "commands.log"} {
		from.write("lib/oibus/state/"+name, `{"schema":1,"data":"of a"}`)
	}
	to.write("lib/oibus/state/users.json", `{"schema":1,"data":"of b"}`)
	to.write("lib/oibus/state/old.json", `{"schema":1,"data":"of b"}`)
	file := filepath.Join(from.dir, "a.zip")
	answer, err := export(from, a.instance, file, false)
	if err != nil {
		t.Fatal(err)
	}
	if n := answer.(*exportAnswer).Files; n != 3 {
		t.Errorf("%d files were saved", n)
	}
	if _, err := export(from, a.instance, file, false); err == nil {
		t.Error("a file is overwritten")
	}
	to.calls = nil
	if _, err := importInto(t.Context(), to, b.instance, file); err != nil {
		t.Fatal(err)
	}
	to.wantCalls("stop oibus", "start oibus")
	for name, want := range map[string]string{"engine.json": `"id": "own"`, "users.json": "of b", "souths/a.json": `"name":"a"`, "scan-modes.json": "[1]", "registration.json": "", "old.json": ""} {
		text, err := os.ReadFile(filepath.Join(b.Data, "state", filepath.FromSlash(name)))
		if want == "" && !errors.Is(err, os.ErrNotExist) || want != "" && !strings.Contains(string(text), want) {
			t.Errorf("%s is %q, %v", name, text, err)
		}
	}
	kept, err := filepath.Glob(filepath.Join(b.Data, "state.before-import-*", "old.json"))
	if err != nil || len(kept) != 1 {
		t.Errorf("what was there is kept as %v, %v", kept, err)
	}
}

func TestAWholeOIBusMoves(t *testing.T) {
	t.Parallel()
	from, to := newMachine(t), newMachine(t)
	a, b := installed(t, from, "", nil), installed(t, to, "", nil)
	from.write("lib/oibus/state/users.json", `{"schema":1,"data":"of a"}`)
	from.write("lib/oibus/certs/private.pem", "key")
	file := filepath.Join(from.dir, "a.zip")
	if _, err := export(from, a.instance, file, true); err != nil {
		t.Fatal(err)
	}
	if _, err := importInto(t.Context(), to, b.instance, file); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"state/users.json": "of a", "certs/private.pem": "key", "secrets/" + firstPasswordName: "admin first"} {
		if text, err := os.ReadFile(filepath.Join(b.Data, name)); err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s is %q, %v", name, text, err)
		}
	}
}

func TestWhatIsNoConfigurationIsRefused(t *testing.T) {
	t.Parallel()
	for want, content := range map[string][]byte{
		"not a valid zip":              []byte("nonsense"),
		"not made by oibus-installer":  zipOf(t, "state/engine.json", goodEngine),
		"engine settings are missing":  zipOf(t, exportName, goodHead),
		"does not belong":              zipOf(t, exportName, goodHead, "state/../../etc/passwd.json", goodEngine),
		"does not belong to a":         zipOf(t, exportName, goodHead, "launcher.json", goodEngine),
		"does not belong to a config":  zipOf(t, exportName, goodHead, `state/a\b.json`, goodEngine),
		"identity of another OIBus":    zipOf(t, exportName, goodHead, "state/engine.json", goodEngine, "secrets/data.key", "x"),
		"not a document":               zipOf(t, exportName, goodHead, "state/engine.json", "{}"),
		"twice":                        zipOf(t, exportName, goodHead, "state/engine.json", goodEngine, "state/engine.json", goodEngine),
		"its level is 2":               zipOf(t, exportName, `{"level":2}`, "state/engine.json", goodEngine),
		"does not belong to a configu": zipOf(t, exportName, goodHead, "/state/engine.json", goodEngine),
	} {
		if _, err := readImport(bytes.NewReader(content), int64(len(content))); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestAConfigurationThatDoesNotStartIsTakenBack(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	i := installed(t, m, "", nil)
	file := m.write("a.zip", string(zipOf(t, exportName, goodHead, "state/engine.json", goodEngine)))
	s := m.services["oibus"]
	settings := s.spec.Args[3]
	broken := *m
	fails := &startFails{fakeMachine: &broken, times: 1}
	_, err := importInto(t.Context(), fails, i.instance, file)
	if err == nil || !strings.Contains(err.Error(), "is put back") {
		t.Errorf("%v", err)
	}
	text, err := os.ReadFile(filepath.Join(i.Data, "state", "engine.json"))
	if err != nil || strings.Contains(string(text), "theirs") {
		t.Errorf("with %s the engine is %s, %v", settings, text, err)
	}
	if s.server == nil {
		t.Error("it does not run again")
	}
}

func FuzzImport(f *testing.F) {
	f.Add(zipOf(f, exportName, goodHead, "state/engine.json", goodEngine, "state/souths/a.json", goodEngine))
	f.Add([]byte("PK"))
	f.Fuzz(func(t *testing.T, content []byte) {
		im, err := readImport(bytes.NewReader(content), int64(len(content)))
		if err != nil {
			return
		}
		for name := range im.files {
			if !filepath.IsLocal(filepath.FromSlash(name)) || !exportable(name, im.head.Whole) {
				t.Errorf("%q is accepted", name)
			}
		}
	})
}

func FuzzRegistry(f *testing.F) {
	f.Add([]byte(`{"level":1,"instances":[{"name":"a","data":"d","settings":"s","programs":"p","service":"x"}]}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		list, err := decodeRegistry(content)
		for _, i := range list {
			if err == nil && i.Name != "" && !instanceName.MatchString(i.Name) {
				t.Errorf("the name %q is accepted", i.Name)
			}
		}
	})
}
