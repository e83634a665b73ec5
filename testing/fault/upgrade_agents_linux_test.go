package fault

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"oibus/launcher/handover"
	"oibus/launcher/release"
)

// sickness is how an agent behaves, and what the launcher must make of it.
type sickness struct {
	name     string
	old, new string // how the versions behave
	settings []string
	says     string // version that the program of the package says it is, "" is the right one
	disk     string
	want     handover.Outcome
	reason   string // in the journal of the launcher
	starts   int    // of the new version, at least
}

var sicknesses = []sickness{
	{name: "well", want: handover.Committed, starts: 1},
	{name: "stops by itself for the upgrade", old: "asks for the upgrade", want: handover.Committed, starts: 1},
	{name: "exits 0", new: "exits 0", want: handover.RolledBack, reason: "before it was ready", starts: 1},
	{name: "exits 1", new: "exits 1", want: handover.RolledBack, reason: "exit status 1, before it was ready", starts: 1},
	{name: "cannot go on", new: "cannot go on", want: handover.RolledBack, reason: "licence of the compressor", starts: 1},
	{name: "hangs before it is ready", new: "never ready", settings: []string{`start_limit = "1s"`}, want: handover.RolledBack, reason: "was not ready within 1s", starts: 1},
	{name: "ready, then silent", new: "silent", settings: []string{`silence_limit = "1s"`, `trial_window = "3s"`}, want: handover.RolledBack, reason: "was silent for more than launcher.silence_limit, 1s", starts: 1},
	{name: "ready, then a crash at the end of the trial", new: "crashes after 1900ms", settings: []string{`trial_window = "2s"`}, want: handover.RolledBack, reason: "after it was ready", starts: 1},
	{name: "a crash when the trial is over", new: "crashes after 2600ms", want: handover.Committed, starts: 2},
	{name: "fatal on trial", new: "fatal after 100ms", want: handover.RolledBack, reason: "the state is broken", starts: 1},
	{name: "flaps", new: "flaps", want: handover.RolledBack, reason: "was started 3 times and did not pass its trial", starts: 3},
	{name: "the old one ignores the stop", old: "deaf", settings: []string{`stop_limit = "1s"`}, want: handover.Committed, starts: 1},
	{name: "ignores the stop, and is well", new: "deaf", settings: []string{`stop_limit = "1s"`}, want: handover.Committed, starts: 1},
	{name: "fills the disk", new: "fills the disk after 100ms", disk: "ext4", want: handover.RolledBack, reason: "exit status 1", starts: 1},
	{name: "says that it is another version", new: "says another version", want: handover.RolledBack, reason: `says that it is version "1.0.0"`, starts: 1},
	{name: "its program is another version", says: "3.9.2", want: handover.Refused, reason: "its program says that it is version 3.9.2, version 3.9.1 was expected"},
}

func TestEachSickAgentIsRolledBackAndEachHealthyOneStays(t *testing.T) {
	t.Parallel()
	with := buildPrograms(t)
	zip := fakePackage(t, with)
	t.Run("all", func(t *testing.T) {
		for _, c := range sicknesses {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				c.check(t, with, zip)
			})
		}
	})
}

func (c sickness) check(t *testing.T, with programs, zip []byte) {
	dir := t.TempDir()
	if c.disk != "" {
		dir = filepath.Join(newVolume(t, c.disk, 256).dir, "data")
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	s := newPlant(t, with, dir, c.settings...)
	s.play(oldVersion, c.old)
	s.play(newVersion, c.new)
	s.launch()
	s.awaitEvent("ready", 1)
	if c.says != "" {
		zip = pack(t, release.Manifest{Version: newVersion}, with.agent, filepath.Join(with.folder, "oibus-launcher"), c.says)
	}
	s.order(zip)
	r := s.judged()
	if r.Outcome != c.want || !strings.Contains(r.Reason, c.reason) {
		t.Errorf("got %s: %s\nwant %s: %s\n%s", r.Outcome, r.Reason, c.want, c.reason, s.report())
	}
	c.checkJournal(s)
	if c.starts > 0 {
		s.awaitEvent(newVersion+" ", 1)
		s.until("the starts of the new version", func() bool { return s.starts(newVersion) >= c.starts })
	} else if s.starts(newVersion) > 0 || s.starts(oldVersion) > 1 {
		t.Errorf("the agent should not have been stopped\n%s", s.report())
	}
}

// starts counts those of a version.
func (s *plant) starts(version string) (n int) {
	for line := range strings.Lines(s.read("events")) {
		if strings.HasPrefix(line, version+" ") && strings.HasSuffix(line, " start\n") {
			n++
		}
	}
	return n
}

// checkJournal checks that the launcher remembers a bad version, and why.
func (c sickness) checkJournal(s *plant) {
	s.t.Helper()
	st, err := handover.ReadStatus(s.dir)
	if err != nil {
		s.t.Fatal(err)
	}
	bad := len(st.Upgrades.Bad) == 1 && st.Upgrades.Bad[0].Version == newVersion && strings.Contains(st.Upgrades.Bad[0].Reason, c.reason)
	if want := c.want == handover.RolledBack; bad != want || !want && len(st.Upgrades.Bad) > 0 {
		s.t.Errorf("the launcher remembers %+v", st.Upgrades.Bad)
	}
}
