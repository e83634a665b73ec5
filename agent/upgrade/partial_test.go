package upgrade

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"oibus/launcher/handover"
)

func FuzzMemoryTakesAnything(f *testing.F) {
	f.Add([]byte(`{"level":1,"commandId":"c","assetId":"a","size":-1,"synced":0,"parts":0,"begun":"2026-03-01T12:00:00Z"}`))
	f.Add([]byte(`{"level":1,"assetId":"a","size":10,"synced":11}`))
	f.Add([]byte(`{"level":1,"assetId":"a","size":-1,"staged":"staged-../x.zip"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := parseMemory(text)
		if err != nil {
			return
		}
		if m.Synced < 0 || m.Size >= 0 && m.Synced > m.Size || m.Staged != filepath.Base(m.Staged) && m.Staged != "" {
			t.Errorf("%+v was accepted", m)
		}
		again, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parseMemory(again); err != nil {
			t.Errorf("%s is not read again: %v", again, err)
		}
	})
}

func TestAMemoryThatIsNotUnderstoodBeginsAnew(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "\x00\x00", `{"level":9,"assetId":"a-557"}`, `{"level":1,"assetId":"a-557","size":5,"synced":9}`, `[]`} {
		r := newRig(t, serves(t))
		dir := handover.Dir(r.dir)
		if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, memoryName), []byte(text), 0o600),
			os.WriteFile(filepath.Join(dir, partName), []byte("rubbish"), 0o600)); err != nil {
			t.Fatal(err)
		}
		r.handedOver(r.stopped())
	}
}

func TestACrashBetweenTwoStepsOfTheHandOverIsGoneOnWith(t *testing.T) {
	t.Parallel()
	for name, crash := range map[string]func(r *rig, dir, staged string) error{
		"named, not renamed": func(_ *rig, dir, staged string) error {
			return os.Rename(filepath.Join(dir, staged), filepath.Join(dir, partName))
		},
		"renamed, not asked":      func(*rig, string, string) error { return nil },
		"renamed, and it is gone": func(_ *rig, dir, staged string) error { return os.Remove(filepath.Join(dir, staged)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, serves(t))
			request := r.stopped()
			dir := handover.Dir(r.dir)
			m := memory{Level: 1, Command: commandID, Asset: "a-557", ETag: `"v1"`, Size: int64(len(r.server.content)), Synced: int64(len(r.server.content)), Parts: 1, Begun: noon, Staged: request.Package}
			text, err := json.Marshal(m)
			if err := errors.Join(err, handover.RemoveRequest(r.dir), os.WriteFile(filepath.Join(dir, memoryName), text, 0o600), crash(r, dir, request.Package)); err != nil {
				t.Fatal(err)
			}
			asked := r.server.asked()
			r.restart()
			r.handedOver(r.stopped())
			if again := r.server.asked() > asked; again != strings.Contains(name, "gone") {
				t.Errorf("downloaded again: %v", again)
			}
		})
	}
}

func TestWhatNobodyWaitsForIsRemoved(t *testing.T) {
	t.Parallel()
	r := newRig(t, serves(t))
	dir := handover.Dir(r.dir)
	old, err := json.Marshal(memory{Level: 1, Asset: "a", Size: -1, Begun: noon.Add(-keepPartial - time.Hour)})
	if err := errors.Join(err, os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, memoryName), old, 0o600)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{partName, "staged-1.2.3-00.zip", "upload-package.part", "oibus-linux_x64-v3.9.1.zip", "oibus.zip.rejected.txt"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r.restart()
	if got := strings.Join(r.left(), " "); got != "oibus-linux_x64-v3.9.1.zip oibus.zip.rejected.txt" {
		t.Errorf("left %s", got)
	}
}
