package installer

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// files are the texts of all files below a folder.
func filesOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		all[path] = string(text)
		return err
	})
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return all
}

// linked makes a link where the system can: Wine 8 only says that it did.
func linked(to, link string) bool {
	if os.Symlink(to, link) != nil {
		return false
	}
	_, err := os.Readlink(link)
	return err == nil
}

func TestASiteIsNeverSwitchedNorImportedIntoItsOwnFolder(t *testing.T) {
	t.Parallel()
	for name, w := range worlds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, from := withOld(t, w.service, w.shares)
			link := filepath.Join(t.TempDir(), "link")
			targets := []string{from, filepath.Join(from, "new"), filepath.Dir(from)}
			if linked(from, link) {
				targets = append(targets, link, filepath.Join(link, "not", "yet"))
			}
			before := filesOf(t, m.dir)
			refused := func(to string, err error) {
				t.Helper()
				if exitCode(err) != ExitBadCommand || !strings.Contains(err.Error(), from) || !strings.Contains(err.Error(), to) {
					t.Errorf("into %s: %d, %v", to, exitCode(err), err)
				}
			}
			for _, to := range targets {
				j := m.switching(from)
				j.data = to
				_, err := j.run(t.Context())
				refused(to, err)
				for _, dry := range []bool{true, false} {
					_, err = siteImport{m: m, from: from, dryRun: dry, replace: true}.run(t.Context(), instance{Data: to, Settings: filepath.Join(to, settingsName), Programs: m.here})
					refused(to, err)
				}
			}
			for _, place := range []func(j *switchJob){
				func(j *switchJob) { j.programs = filepath.Join(from, "programs") },
				func(j *switchJob) { j.settings = filepath.Join(from, settingsName) },
			} {
				j := m.switching(from)
				place(j)
				if _, err := j.run(t.Context()); exitCode(err) != ExitBadCommand || !strings.Contains(err.Error(), "must not lie in it") {
					t.Errorf("%v", err)
				}
			}
			m.wantCalls()
			if after := filesOf(t, m.dir); len(after) != len(before) || m.whoRuns() != oldOn {
				t.Errorf("%d files, before %d; %s", len(after), len(before), m.whoRuns())
			}
		})
	}
}

func TestAServiceOfAnotherProgramIsNeitherReplacedNorTakenAway(t *testing.T) {
	t.Parallel()
	m, from := withOld(t, "oibus-plant", true)
	m.services["oibus"] = &fakeService{other: m.Folders().Data, on: true} // another OIBus 3.8, with its data where ours would be
	if _, err := m.switching(from).run(t.Context()); err == nil || !strings.Contains(err.Error(), `the service "oibus" is that of another program`) {
		t.Errorf("%v", err)
	}
	m.wantCalls()

	// A record of a version that did not look: whatever it says, the service of another program stays.
	s := &switcher{switchJob: m.switching(from), switchRecord: &switchRecord{From: from, Phase: turning, At: m.Now(), Old: oldService{Name: "oibus", AtBoot: true, Running: true}}}
	i, err := newInstance(m.Folders(), "")
	if err != nil {
		t.Fatal(err)
	}
	s.Ours = i
	if s.registry, err = openRegistry(m); err != nil {
		t.Fatal(err)
	}
	if err := s.undo(t.Context(), errors.New("a reason")); !strings.Contains(err.Error(), "runs again") {
		t.Errorf("%v", err)
	}
	if o := m.services["oibus"]; o == nil || !o.on || o.disabled {
		t.Errorf("the other service is %+v", o)
	}
}

func TestAPortThatAnotherProgramHasIsSeenBeforeAnythingIsStopped(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	taken := l.Addr().(*net.TCPAddr).Port
	for name, w := range worlds {
		for where, set := range map[string]func(m *fakeMachine, j *switchJob){
			"given with --port": func(_ *fakeMachine, j *switchJob) { j.port = taken },
			"it stands in ": func(m *fakeMachine, _ *switchJob) {
				m.write("etc/oibus.toml", "[web]\nport = "+strconv.Itoa(taken)+"\n")
			},
			"the other OIBus has it in its settings": func(m *fakeMachine, _ *switchJob) {
				m.imports = m.importing(taken)
				for _, s := range m.services {
					s.on = false // else it is that one that has the port
				}
			},
		} {
			m, from := withOld(t, w.service, w.shares)
			j := m.switching(from)
			set(m, j)
			before := filesOf(t, m.dir)
			if _, err := j.run(t.Context()); err == nil || !strings.Contains(err.Error(), "cannot use port "+strconv.Itoa(taken)+" ("+where) {
				t.Errorf("%s, %s: %v", name, where, err)
			}
			m.wantCalls()
			if after := filesOf(t, m.dir); len(after) != len(before) {
				t.Errorf("%s, %s: %v", name, where, after)
			}
		}
	}
}

// TestAFailedSwitchLeavesTheSettingsAsTheyWere also kills it at each call, and what undoes it.
func TestAFailedSwitchLeavesTheSettingsAsTheyWere(t *testing.T) {
	t.Parallel()
	const mine = "# mine\n[web]\naddress = \"127.0.0.1\"\n"
	for name, w := range worlds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for at := 0; ; at++ {
				m, from := withOld(t, w.service, w.shares)
				m.polled, m.killAt, m.after = false, (at+1)/2, at%2 == 0
				settings := m.write("etc/oibus.toml", mine)
				again := func() *switchJob {
					j := m.switching(from)
					j.wait, j.port = time.Millisecond, freePort(t)
					return j
				}
				_, err, dead := life(t, again().run)
				m.killAt = 0
				if dead {
					_, err = again().run(t.Context())
				}
				if err == nil || m.whoRuns() != oldOn {
					t.Fatalf("killed at %d: %v: %s", at, err, m.whoRuns())
				}
				if text, err := os.ReadFile(settings); err != nil || string(text) != mine {
					t.Errorf("killed at %d: the settings are %q, %v", at, text, err)
				}
				if _, err := os.Stat(settings + ".before-switch"); err == nil {
					t.Errorf("killed at %d: the copy is left", at)
				}
				if at > 0 && !dead {
					return
				}
			}
		})
	}
}

func TestADataFolderThatWasThereEmptyStaysThereEmpty(t *testing.T) {
	t.Parallel()
	m, from := withOld(t, "oibus-plant", true)
	if err := os.MkdirAll(m.Folders().Data, 0o700); err != nil {
		t.Fatal(err)
	}
	m.polled = false
	j := m.switching(from)
	j.wait = time.Millisecond
	if _, err := j.run(t.Context()); err == nil {
		t.Fatal("it did not fail")
	}
	if list, err := os.ReadDir(m.Folders().Data); err != nil || len(list) > 0 {
		t.Errorf("%v, %v", list, err)
	}
}

func TestWhatIsKeptOfAFailedSwitchStaysAndIsSaid(t *testing.T) {
	t.Parallel()
	m, from := withOld(t, "oibus-plant", true)
	m.polled = false
	kept := filepath.Join(m.Folders().Data, withdrawnPrefix+"x")
	importing := m.imports
	m.imports = func(args []string) (string, error) {
		if strings.Contains(strings.Join(args, " "), "--undo") && strings.Contains(strings.Join(args, " "), "--keep") {
			m.write("lib/oibus/"+withdrawnPrefix+"x/cache", "collected")
			return `{"kept":` + strconv.Quote(kept) + `}`, os.RemoveAll(filepath.Join(m.Folders().Data, "state"))
		}
		return importing(args)
	}
	j := m.switching(from)
	j.wait = time.Millisecond
	if _, err := j.run(t.Context()); err == nil || !strings.Contains(err.Error(), "what this OIBus has collected meanwhile is in "+kept) {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(filepath.Join(kept, "cache")); err != nil {
		t.Error(err)
	}
	s := &switcher{switchJob: j, switchRecord: &switchRecord{NoData: true, Ours: instance{Data: m.Folders().Data}}}
	if again, err := s.clearData(""); err != nil || again != kept { // when undoing was interrupted after it was kept
		t.Errorf("%q, %v", again, err)
	}
}

// failing is a machine on which ours does not start, and the launcher writes down why.
type failing struct{ *fakeMachine }

func (m failing) Start(ctx context.Context, service string) error {
	if s := m.services[service]; s != nil && s.other == "" {
		m.write("lib/oibus/launcher.json", `{"lastExit":{"reason":"listen tcp 127.0.0.1:1: address already in use","at":"2026-03-01T12:00:01Z"}}`)
		return errors.New("timeout was exceeded")
	}
	return m.fakeMachine.Start(ctx, service)
}

func TestWhyOursDidNotStartIsSaid(t *testing.T) {
	t.Parallel()
	m, from := withOld(t, "oibus-plant", true)
	j := m.switching(from)
	j.m = failing{m}
	if _, err := j.run(t.Context()); err == nil || !strings.Contains(err.Error(), "timeout was exceeded; OIBus ended with: listen tcp 127.0.0.1:1: address already in use") || m.whoRuns() != oldOn {
		t.Errorf("%v: %s", err, m.whoRuns())
	}
}

// interrupting is a machine at which a person types Ctrl-C while the other OIBus is being stopped.
type interrupting struct {
	*fakeMachine
	cancel context.CancelFunc
}

func (m interrupting) Stop(ctx context.Context, service string) error {
	if m.cancel(); ctx.Err() != nil {
		return errors.New("systemctl stop: signal: interrupt")
	}
	return m.fakeMachine.Stop(ctx, service)
}

func TestAnInterruptedSwitchSaysThatItWas(t *testing.T) {
	t.Parallel()
	m, from := withOld(t, "oibus-plant", true)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	j := m.switching(from)
	j.m = interrupting{m, cancel}
	_, err := j.run(ctx)
	if err == nil || !strings.HasPrefix(err.Error(), "cannot switch: interrupted; the other OIBus") || strings.Contains(err.Error(), "systemctl") || m.whoRuns() != oldOn {
		t.Errorf("%v: %s", err, m.whoRuns())
	}
	if _, err := m.switching(from).run(ctx); err == nil || !strings.Contains(err.Error(), "interrupted") || m.whoRuns() != oldOn {
		t.Errorf("%v: %s", err, m.whoRuns())
	}
}

// smallDisk is a machine with little room for some folder.
type smallDisk struct {
	*fakeMachine
	full string
}

func (m smallDisk) FreeSpace(dir string) (uint64, error) {
	if dir == m.full {
		return 10, nil
	}
	return m.free, nil
}

func TestRoomForTheProgramsIsNeeded(t *testing.T) {
	t.Parallel()
	m, from := withOld(t, "oibus-plant", true)
	m.write("opt/.keep", "")
	j := m.switching(from)
	j.m = smallDisk{m, m.Folders().Programs}
	if _, err := j.run(t.Context()); err == nil || !strings.Contains(err.Error(), m.Folders().Programs+" has room for 0 MB") {
		t.Errorf("%v", err)
	}
	m.wantCalls()
}

func TestADryRunNamesThePathsThatConnectorsNeed(t *testing.T) {
	t.Parallel()
	m, from := withOld(t, "oibus-plant", true)
	i, err := newInstance(m.Folders(), "")
	if err != nil {
		t.Fatal(err)
	}
	a, err := siteImport{m: m, from: from, dryRun: true}.run(t.Context(), i)
	if err != nil {
		t.Fatal(err)
	}
	wantText(t, a.text(), "the page: it answers on this machine only", "has not the rights of an administrator", "/srv/files")
	if strings.Contains(a.text(), "Nothing is changed") {
		t.Error(a.text())
	}
}
