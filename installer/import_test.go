package installer

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"oibus/platform"
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
	kept, err := filepath.Glob(filepath.Join(b.Data, "before-import-*", "state", "old.json"))
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

// cutShort is a machine on which a person presses Ctrl-C while OIBus starts.
type cutShort struct {
	*fakeMachine
	cancel context.CancelFunc
	stuck  bool // from then on it does not stop
	begun  bool
}

func (m *cutShort) Start(ctx context.Context, service string) error {
	if m.begun {
		return m.fakeMachine.Start(ctx, service)
	}
	m.begun = true
	m.cancel()
	return nil
}

func (m *cutShort) Stop(ctx context.Context, service string) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case m.begun && m.stuck:
		return errors.New("it does not stop")
	}
	return m.fakeMachine.Stop(ctx, service)
}

func TestAnImportThatIsCutShortIsTakenBackOnlyWhenNothingRuns(t *testing.T) {
	t.Parallel()
	for _, stuck := range []bool{false, true} {
		m := newMachine(t)
		i := installed(t, m, "", nil)
		file := m.write("a.zip", string(zipOf(t, exportName, goodHead, "state/engine.json", goodEngine)))
		ctx, cancel := context.WithCancel(t.Context())
		_, err := importInto(ctx, &cutShort{fakeMachine: m, cancel: cancel, stuck: stuck}, i.instance, file)
		kept := filepath.Join(i.Data, "before-import-20260301T120000Z")
		want := "the old one is put back: interrupted"
		if stuck {
			want = "it does not stop: stop OIBus, and move what is in " + kept + " into " + i.Data
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("stuck is %v: %v", stuck, err)
		}
		text, err := os.ReadFile(filepath.Join(i.Data, "state", "engine.json"))
		if err != nil || strings.Contains(string(text), "theirs") != stuck {
			t.Errorf("stuck is %v: the engine is %s, %v", stuck, text, err)
		}
		if _, err := os.Stat(kept); (err == nil) != stuck {
			t.Errorf("stuck is %v: what was there before is kept: %v", stuck, err)
		}
		if runs := m.services["oibus"].server != nil; runs == stuck {
			t.Errorf("stuck is %v: it is started again: %v", stuck, runs)
		}
	}
}

func TestFoldersAreNotChangedUnderAnAgentThatRuns(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	i := installed(t, m, "", nil).instance
	i.Service = "" // somebody has started it by other means
	unlock, err := platform.LockDir(i.Data)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unlock(); err != nil {
			t.Error(err)
		}
	}()
	file := m.write("a.zip", string(zipOf(t, exportName, goodHead, "state/engine.json", goodEngine)))
	if _, err := importInto(t.Context(), m, i, file); !errors.Is(err, platform.ErrLocked) {
		t.Errorf("%v", err)
	}
}

// TestAVerbEndsAnImportThatWasInterrupted looks at one that was killed when the old state was renamed, and not yet the new.
func TestAVerbEndsAnImportThatWasInterrupted(t *testing.T) {
	t.Parallel()
	for name, use := range map[string]func(m *fakeMachine, i instance) error{
		"export": func(m *fakeMachine, i instance) error {
			_, err := export(m, i, filepath.Join(m.dir, "b.zip"), false)
			return err
		},
		"reset-password": func(m *fakeMachine, i instance) error {
			_, err := resetPassword(t.Context(), m, &target{}, &secretSource{})
			return err
		},
	} {
		m := newMachine(t)
		i := installed(t, m, "", nil).instance
		m.services["oibus"].stop()
		m.write("lib/oibus/import/state/engine.json", goodEngine)
		m.write("lib/oibus/import/ready", `{"aside":"before-import-1"}`)
		m.write("lib/oibus/before-import-1/x", "")
		if err := os.Rename(filepath.Join(i.Data, "state"), filepath.Join(i.Data, "before-import-1", "state")); err != nil {
			t.Fatal(err)
		}
		if err := use(m, i); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		text, err := os.ReadFile(filepath.Join(i.Data, "state", "engine.json"))
		if err != nil || string(text) != goodEngine {
			t.Errorf("%s: the engine is %s, %v", name, text, err)
		}
		if _, err := os.Stat(filepath.Join(i.Data, "import")); err == nil {
			t.Errorf("%s leaves the folder in which the import was made", name)
		}
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
