package upgrade

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"oibus/launcher/handover"
)

// watched is a folder update with a clock.
type watched struct {
	*place
	w   *Watcher
	now time.Time
}

func newWatched(t *testing.T) *watched {
	t.Helper()
	p := newPlace(t)
	w := &watched{place: p, now: time.Now()}
	w.w = &Watcher{DataDir: p.dir, Log: p.m.cfg.Log, Now: func() time.Time { return w.now }}
	return w
}

func (w *watched) next() (Order, bool) { return w.w.Next(w.m.State(), w.m.Factory()) }

// expect looks after a while: package is what should be found, "" for nothing.
func (w *watched) after(d time.Duration, want string) {
	w.t.Helper()
	w.now = w.now.Add(d)
	if o, found := w.next(); o.Package != want || found != (want != "") {
		w.t.Errorf("found %+v, %v, want %q", o, found, want)
	}
}

func TestADroppedPackageIsTakenWhenItHasSettled(t *testing.T) {
	t.Parallel()
	w := newWatched(t)
	w.pack("a.zip", "3.9.1", "3.9.1")
	w.after(0, "")
	w.after(settleFor-time.Second, "")
	w.after(time.Second, "a.zip")
}

func TestAPackageThatIsStillCopiedIsWaitedFor(t *testing.T) {
	t.Parallel()
	w := newWatched(t)
	w.pack("whole.bin", "3.9.1", "3.9.1")
	path := filepath.Join(handover.Dir(w.dir), "a.zip")
	whole, err := os.ReadFile(filepath.Join(handover.Dir(w.dir), "whole.bin"))
	if err != nil {
		t.Fatal(err)
	}
	write := func(n int) {
		if err := os.WriteFile(path, whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for n := 100; n < len(whole); n += 200 { // grows all the time
		write(n)
		w.after(settleFor-time.Second, "")
	}
	write(len(whole) - 10) // makes a pause
	w.after(0, "")
	w.after(truncatedFor-time.Second, "")
	write(len(whole))
	w.after(time.Second, "")
	w.after(settleFor, "a.zip")
	write(len(whole) - 10) // was given up
	w.after(0, "")
	w.after(truncatedFor, "a.zip")
}

func TestARejectedPackageIsNotTakenAgainUntilItChanges(t *testing.T) {
	t.Parallel()
	w := newWatched(t)
	w.write("update/a.zip", "garbage garbage garbage garbage")
	w.after(0, "")
	w.after(settleFor, "a.zip")
	o, _ := w.next()
	w.begin(o)
	w.live(true)
	if last := w.m.State().Last; last.Outcome != handover.Refused {
		t.Fatalf("got %+v", last)
	}
	reason, err := os.ReadFile(filepath.Join(handover.Dir(w.dir), "a.zip.rejected.txt"))
	if err != nil || !strings.Contains(string(reason), "invalid signature") {
		t.Errorf("got %s, %v", reason, err)
	}
	w.after(time.Hour, "")
	w.open() // another launcher, which remembers nothing but what is on the disk
	w.w.seen = nil
	w.after(0, "")
	w.after(time.Hour, "")
	w.pack("a.zip", "3.9.1", "3.9.1")
	w.after(0, "")
	w.after(settleFor, "a.zip")
	o, _ = w.next()
	w.begin(o)
	w.live(true)
	left, err := filepath.Glob(filepath.Join(handover.Dir(w.dir), "*"))
	if err != nil || len(left) != 0 || w.m.State().Running.Version != "3.9.1" {
		t.Errorf("it should be installed and nothing left: %v, %v", left, err)
	}
}

func TestWhatTheAgentStagesIsTakenOnlyWhenItAsks(t *testing.T) {
	t.Parallel()
	w := newWatched(t)
	w.pack(handover.StagedPrefix+"3.9.1.zip", "3.9.1", "3.9.1")
	w.pack(".hidden.zip", "3.9.1", "3.9.1")
	w.pack("download.part", "3.9.1", "3.9.1")
	w.after(0, "")
	w.after(time.Hour, "")
	if w.w.Requested(w.m.State()) {
		t.Error("nothing is requested")
	}
	r := handover.Request{CommandID: "c1", Version: "v3.9.1", Package: handover.StagedPrefix + "3.9.1.zip", BackupFolders: "x", At: time.Now()}
	if err := handover.WriteRequest(w.dir, r); err != nil {
		t.Fatal(err)
	}
	if !w.w.Requested(w.m.State()) {
		t.Error("it is requested")
	}
	o, found := w.next()
	if !found || o.Source != FromRequest || o.CommandID != "c1" || o.Pattern != "x" || o.Package != r.Package {
		t.Fatalf("got %+v", o)
	}
	w.begin(o)
	if w.w.Requested(w.m.State()) {
		t.Error("it is being answered")
	}
	w.live(true)
	if _, found := w.next(); found || w.w.Requested(w.m.State()) {
		t.Error("it was answered")
	}
	if _, there, _ := handover.ReadRequest(w.dir); there {
		t.Error("it should be gone")
	}
}

func TestTheWishToGoBackNamesAVersionThatIsThere(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]string{"": factoryVersion, factoryVersion: factoryVersion, "v" + factoryVersion: factoryVersion, "1.0.0": "", "3.9.1": ""} {
		w := newWatched(t)
		w.pack("staged-3.9.1.zip", "3.9.1", "3.9.1")
		w.begin(request("3.9.1"))
		w.live(true)
		if err := handover.WriteRollback(w.dir, handover.Rollback{Version: version, At: time.Now()}); err != nil {
			t.Fatal(err)
		}
		o, found := w.next()
		if found != (want != "") || found && o.Target.Version != want {
			t.Errorf("%q: got %+v, %v", version, o, found)
		}
		if found {
			w.begin(o)
			w.live(true)
			_, found = w.next()
		}
		if _, there, err := handover.ReadRollback(w.dir); there || err != nil || found {
			t.Errorf("%q: the wish is left: %v", version, err)
		}
	}
}

func TestFilesThatAreNotUnderstoodArePutAside(t *testing.T) {
	t.Parallel()
	w := newWatched(t)
	w.write("update/request.json", "{")
	w.write("update/rollback.json", `{"level":99}`)
	w.after(0, "")
	aside, err := filepath.Glob(filepath.Join(handover.Dir(w.dir), "*.json.not-understood-*"))
	if err != nil || len(aside) != 2 {
		t.Errorf("got %v, %v", aside, err)
	}
	if _, err := os.Stat(filepath.Join(handover.Dir(w.dir), "request.json")); !errors.Is(err, os.ErrNotExist) {
		t.Error("it should not be read again")
	}
}

func TestTheAnswerOfAProgramIsRead(t *testing.T) {
	t.Parallel()
	for out, want := range map[string]string{
		"OIBus version: 3.9.1\nLauncher version: 3.9.0\n": "3.9.1", "a warning\r\nOIBus version: v3.9.1\r\n": "3.9.1", "": "", "3.9.1": "", "Launcher version: 1": "",
	} {
		if got, err := parseAnswer(out); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q, %v", out, got, err)
		}
	}
}

func FuzzTheRejectionOfAnyNameIsFoundAgain(f *testing.F) {
	f.Add("it is bad\nIt has nothing")
	f.Fuzz(func(t *testing.T, reason string) {
		path := filepath.Join(t.TempDir(), "a.zip")
		if err := errors.Join(os.WriteFile(path, []byte("x"), 0o600), reject(path, reason)); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil || rejectedAs(path) != fingerprint(info) {
			t.Errorf("got %q, %v", rejectedAs(path), err)
		}
	})
}
