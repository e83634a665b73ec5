package upgrade

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"oibus/agent/entity"
	"oibus/launcher/handover"
)

func decodeInto(text string, v any) error { return json.Unmarshal([]byte(text), v) }

func TestThePageIsShownVersionsAndPackages(t *testing.T) {
	t.Parallel()
	r := newRig(t, serves(t))
	dir := handover.Dir(r.dir)
	if err := errors.Join(os.MkdirAll(dir, 0o755),
		os.WriteFile(filepath.Join(dir, "oibus-a.zip"), []byte("123"), 0o600),
		os.WriteFile(filepath.Join(dir, "oibus-b.zip"), []byte("123"), 0o600),
		os.WriteFile(filepath.Join(dir, "staged-x.zip"), []byte("123"), 0o600),
		os.WriteFile(filepath.Join(dir, "oibus-b.zip.rejected.txt"), []byte("oibus-b.zip was not installed:\nit is for windows x64\n\nIt is not tried again.\nIt has 3 bytes\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	r.launcherSays("idle", handover.Versions{
		Running: handover.Release{Version: "3.8.8", Folder: "3.8.8"}, Factory: "3.8.0",
		Bad:  []handover.Bad{{Version: "3.8.9", Reason: "it crashed", At: noon}},
		Last: &handover.Result{Version: "3.8.9", Source: "package", Outcome: handover.RolledBack, Reason: "it crashed", EndedAt: noon},
	})
	r.clock.move(time.Second)
	st := r.Status()
	if !st.Managed || st.Version != "3.8.8" || st.Previous != "3.8.0" || st.Phase != "idle" || st.Progress != nil || st.Last.Outcome != handover.RolledBack || len(st.Bad) != 1 {
		t.Errorf("%+v", st)
	}
	if len(st.Packages) != 2 || st.Packages[0].Reason != "" || st.Packages[1].Reason != "it is for windows x64" || st.Packages[1].Bytes != 3 {
		t.Errorf("packages %+v", st.Packages)
	}
	for name, c := range map[string]struct {
		v    handover.Versions
		want string
	}{
		"to the version before": {handover.Versions{Running: handover.Release{Version: "2", Folder: "2"}, Previous: &handover.Release{Version: "1", Folder: "1"}, Factory: "0"}, "1"},
		"to the factory":        {handover.Versions{Running: handover.Release{Version: "2", Folder: "2"}, Previous: &handover.Release{Version: "1"}, Factory: "0"}, "0"},
		"nowhere":               {handover.Versions{Running: handover.Release{Version: "0"}, Factory: "0"}, ""},
		"to what runs":          {handover.Versions{Running: handover.Release{Version: "2", Folder: "2"}, Previous: &handover.Release{Version: "2", Folder: "2"}}, ""},
	} {
		if got, _ := rollbackTarget(c.v); got != c.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestAnUploadIsVerifiedBeforeTheLauncherSeesIt(t *testing.T) {
	t.Parallel()
	good := pack(t, "3.9.0", 1000)
	for name, c := range map[string]struct {
		file   string
		size   int64
		body   []byte
		change func(r *rig)
		want   string
	}{
		"good":              {"oibus-linux_x64-v3.9.0.zip", int64(len(good)), good, nil, ""},
		"of unknown length": {"oibus.zip", -1, good, nil, ""},
		"shorter than said": {"oibus.zip", int64(len(good)) + 5, good, nil, "were announced"},
		"not a zip":         {"oibus.zip", 9, []byte("not a zip"), nil, "the package is refused: invalid signature: 0x20746f6e"},
		"cut":               {"oibus.zip", -1, good[:500], nil, "its end is missing"},
		"a path":            {"../oibus.zip", -1, good, nil, "is not the name of a package"},
		"a staged name":     {"staged-1.zip", -1, good, nil, "is not the name of a package"},
		"no zip by name":    {"oibus.exe", -1, good, nil, "is not the name of a package"},
		"a device":          {"con:.zip", -1, good, nil, "is not the name of a package"},
		"nothing":           {".zip", -1, good, nil, "is not the name of a package"},
		"far too long":      {"oibus.zip", 9e9, good, nil, "the limit is"},
		"no room":           {"oibus.zip", int64(len(good)), good, func(r *rig) { r.disk.free = 100 }, "there is not enough room in"},
		"no launcher":       {"oibus.zip", -1, good, func(r *rig) { r.o.Managed = false; r.restart() }, "not run by its launcher"},
		"an upgrade": {"oibus.zip", -1, good, func(r *rig) {
			v := handover.Versions{}
			_ = decodeInto(`{"source":"request"}`, &v.Attempt)
			r.launcherSays("checked", v)
		}, "an upgrade is under way (checked)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, serves(t))
			if c.change != nil {
				c.change(r)
			}
			err := r.Receive(t.Context(), c.file, c.size, bytes.NewReader(c.body))
			if c.want == "" {
				got, readErr := os.ReadFile(filepath.Join(handover.Dir(r.dir), c.file))
				if err != nil || readErr != nil || !bytes.Equal(got, c.body) || len(r.left()) != 1 {
					t.Errorf("%v, %v, left %q", err, readErr, r.left())
				}
				return
			}
			var invalid *entity.InvalidError
			if !errors.As(err, &invalid) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("it says %v", err)
			}
			if names := r.left(); len(names) > 0 {
				t.Errorf("left %s", isKept(names))
			}
		})
	}
}

func TestAPersonCanGoBack(t *testing.T) {
	t.Parallel()
	r := newRig(t, serves(t))
	if err := r.RollBack("admin"); err == nil || !strings.Contains(err.Error(), "there is no version to go back to") {
		t.Error(err)
	}
	r.launcherSays("idle", handover.Versions{Running: handover.Release{Version: "3.8.8", Folder: "3.8.8"}, Factory: "3.8.0"})
	if err := r.RollBack("admin"); err != nil {
		t.Fatal(err)
	}
	wish, there, err := handover.ReadRollback(r.dir)
	if !there || err != nil || wish.Version != "3.8.0" || !strings.Contains(wish.Reason, "admin") {
		t.Errorf("%+v, %v", wish, err)
	}
	r.o.Managed = false
	r.restart()
	if err := r.RollBack("admin"); err == nil {
		t.Error("without a launcher nobody goes back")
	}
}

func TestOnTrialIsWhatTheLauncherSays(t *testing.T) {
	t.Parallel()
	r := newRig(t, serves(t))
	for phase, want := range map[string]bool{"idle": false, "staged": false, "stopped": false, "on-trial": true, "switched": true, "rolling-back": true, "committed": false} {
		r.launcherSays(phase, handover.Versions{})
		r.clock.move(time.Second)
		if r.OnTrial() != want {
			t.Errorf("%s: on trial is %v", phase, !want)
		}
	}
	if err := os.WriteFile(filepath.Join(r.dir, "launcher.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.clock.move(time.Second)
	if r.OnTrial() {
		t.Error("what cannot be read must not hold up commands")
	}
	r.o.Managed = false
	r.restart()
	r.launcherSays("on-trial", handover.Versions{})
	if r.OnTrial() {
		t.Error("without a launcher there is no trial")
	}
}
