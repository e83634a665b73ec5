package handover

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestWhatOneSideWritesTheOtherReads(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, there, err := ReadRequest(dir); there || err != nil {
		t.Errorf("nothing is there yet: %v, %v", there, err)
	}
	request := Request{CommandID: "c1", Version: "v3.9.1", Package: "staged-x.zip", UpdateLauncher: true, BackupFolders: "cache/*", SHA256: "ab", At: noon}
	rollback := Rollback{Version: "3.9.0", Reason: "a person", At: noon}
	result := Result{CommandID: "c1", Version: "3.9.1", Outcome: RolledBack, Reason: "it failed", Running: "3.9.0", Previous: "3.9.0", StartedAt: noon, EndedAt: noon}
	if err := errors.Join(WriteRequest(dir, request), WriteRollback(dir, rollback), WriteResult(dir, result)); err != nil {
		t.Fatal(err)
	}
	gotRequest, _, err1 := ReadRequest(dir)
	gotRollback, _, err2 := ReadRollback(dir)
	gotResult, _, err3 := ReadResult(dir)
	request.Level, rollback.Level, result.Level = 1, 1, 1
	if err := errors.Join(err1, err2, err3); err != nil || gotRequest != request || gotRollback != rollback || !reflect.DeepEqual(gotResult, result) {
		t.Errorf("got %+v, %+v, %+v, %v", gotRequest, gotRollback, gotResult, err)
	}
	for range 2 { // the second time there is nothing to remove
		if err := errors.Join(RemoveRequest(dir), RemoveRollback(dir), RemoveResult(dir)); err != nil {
			t.Fatal(err)
		}
	}
	if left, err := os.ReadDir(Dir(dir)); err != nil || len(left) != 0 {
		t.Errorf("got %v, %v", left, err)
	}
}

func TestARequestNamesAFileInTheFolder(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "../x.zip", "a/b.zip", `a\b.zip`, "/etc/passwd"} {
		dir := t.TempDir()
		if err := WriteRequest(dir, Request{Package: name}); err == nil {
			t.Errorf("%q should be refused", name)
		}
		// Nor is it read when somebody else wrote it.
		if err := write(dir, requestName, Request{Level: 1, Package: name}); err != nil {
			t.Fatal(err)
		}
		if _, there, err := ReadRequest(dir); !there || err == nil {
			t.Errorf("%q: got %v, %v", name, there, err)
		}
	}
}

func TestWhatIsNotUnderstoodIsAnError(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "\x00\x00\x00", `{"level":1`, `[]`, `{}`, `{"level":0}`, `{"level":1,"commandId":5}`} {
		dir := t.TempDir()
		if err := errors.Join(os.Mkdir(Dir(dir), 0o755), os.WriteFile(filepath.Join(Dir(dir), resultName), []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
		if r, there, err := ReadResult(dir); err == nil || !there {
			t.Errorf("%q: got %+v, %v", text, r, there)
		}
	}
	if _, err := decode[Result]([]byte(`{"level":2}`)); !errors.Is(err, ErrNewer) {
		t.Errorf("got %v", err)
	}
}

func TestTheStatusIsReadFromWhatTheLauncherKeeps(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if s, err := ReadStatus(dir); err != nil || s.Phase != "" {
		t.Errorf("without a launcher: %+v, %v", s, err)
	}
	text := `{"level":1,"phase":"on-trial","upgrades":{"running":{"version":"3.9.1","folder":"3.9.1"},"previous":{"version":"3.9.0"},
		"attempt":{"source":"request","target":{"version":"3.9.1"}},"bad":[{"version":"3.8.9","reason":"x"}]}}`
	if err := os.WriteFile(filepath.Join(dir, journalName), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := ReadStatus(dir)
	if err != nil || s.Phase != "on-trial" || s.Upgrades.Running.Folder != "3.9.1" || !s.Upgrades.Previous.IsFactory() || s.Upgrades.Attempt.Target.Version != "3.9.1" || len(s.Upgrades.Bad) != 1 {
		t.Errorf("got %+v, %v", s, err)
	}
}

func FuzzDecodeTakesAnything(f *testing.F) {
	f.Add([]byte(`{"level":1,"package":"a.zip","at":"2026-03-01T12:00:00Z"}`))
	f.Add([]byte(`{"level":9}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if r, err := decode[Request](text); err == nil && r.Level != level {
			t.Errorf("got level %d", r.Level)
		}
		_, _ = decode[Result](text)
		_, _ = decode[Rollback](text)
	})
}
