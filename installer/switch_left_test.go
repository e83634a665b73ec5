package installer

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"oibus/platform"
)

// stubborn is a machine whose service manager does not take a service away.
type stubborn struct {
	*fakeMachine
	stays bool
}

func (m *stubborn) Remove(ctx context.Context, service string) error {
	if m.stays {
		return errors.New("the service manager is busy")
	}
	return m.fakeMachine.Remove(ctx, service)
}

// oldAlone says that the other OIBus starts with the machine and is the only one that runs, whatever else may start.
func (m *fakeMachine) oldAlone() bool {
	all := m.whoRuns()
	return strings.Contains(all, "old at boot") && strings.Contains(all, "old runs") && !strings.Contains(all, "ours runs")
}

func TestTheOtherRunsAgainAlsoWhenOursCannotBeTakenAway(t *testing.T) {
	t.Parallel()
	for name, w := range worlds {
		if w.service == "oibus" && w.shares {
			continue // there one file replaces the other
		}
		for _, undone := range []bool{true, false} {
			m, from := withOld(t, w.service, w.shares)
			s := &stubborn{fakeMachine: m, stays: true}
			job := func() *switchJob {
				j := m.switching(from)
				j.m, j.wait = s, time.Millisecond
				return j
			}
			var err error
			if m.polled = !undone; undone {
				_, err = job().run(t.Context())
			} else if _, err = job().run(t.Context()); err == nil {
				back := job()
				back.from = ""
				_, err = back.back(t.Context())
			}
			if err == nil || !m.oldAlone() {
				t.Fatalf("%s: %v: %s", name, err, m.whoRuns())
			}
			wantText(t, err.Error(), "is left over", "the service manager is busy", "runs again", "the same command goes on")
			s.stays = false
			again := job()
			again.from = ""
			if _, err := again.back(t.Context()); err != nil || m.whoRuns() != oldOn {
				t.Errorf("%s: %v: %s", name, err, m.whoRuns())
			}
		}
	}
}

func TestTheOtherRunsAgainAlsoWhenTheListCannotBeWritten(t *testing.T) {
	t.Parallel()
	m, from := withOld(t, "oibus-plant", true)
	if _, err := m.switching(from).run(t.Context()); err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(m.dir, "etc", registryName) // a folder in its place: no file can be removed from there
	if err := errors.Join(os.Remove(list), os.MkdirAll(filepath.Join(list+".d", "x"), 0o755)); err != nil {
		t.Fatal(err)
	}
	r, err := readSwitch(m, "")
	if err != nil {
		t.Fatal(err)
	}
	s := &switcher{switchJob: m.switching(""), switchRecord: r, registry: &registry{m: m, path: list + ".d", list: []instance{r.Ours}}}
	if _, err := s.restore(t.Context(), false); err == nil || !strings.Contains(err.Error(), "cannot write the list of instances") || m.whoRuns() != oldOn {
		t.Errorf("%v: %s", err, m.whoRuns())
	}
}

func TestOursStaysStoppedWhileItMayHaveWhatWasImported(t *testing.T) {
	t.Parallel()
	m, from := withOld(t, "oibus-plant", true)
	i := installed(t, m, "", nil)
	if err := os.RemoveAll(filepath.Join(i.Data, "state")); err != nil { // it runs, and nothing is configured
		t.Fatal(err)
	}
	importing := m.importing(freePort(t))
	broken := true
	m.imports = func(args []string) (string, error) {
		if line := strings.Join(args, " "); broken && strings.Contains(line, "--undo") && strings.Contains(line, "--keep") {
			return "", errors.New("the disk is broken")
		}
		return importing(args)
	}
	m.polled = false
	job := func() *switchJob {
		j := m.switching(from)
		j.wait = time.Millisecond
		return j
	}
	_, err := job().run(t.Context())
	if err == nil || !m.oldAlone() {
		t.Fatalf("%v: %s", err, m.whoRuns())
	}
	wantText(t, err.Error(), "the disk is broken", `this OIBus, service "oibus", stays stopped, since it may still have what was imported`)
	broken = false
	if _, err = job().run(t.Context()); err == nil || !strings.Contains(m.whoRuns(), "ours runs") || !strings.Contains(m.whoRuns(), "old runs") {
		t.Errorf("%v: %s", err, m.whoRuns())
	}
}

// TestTheOtherStartsAsItDid also kills what undoes the switch.
func TestTheOtherStartsAsItDid(t *testing.T) {
	t.Parallel()
	for name, w := range worlds {
		for _, runs := range []bool{true, false} {
			for at := 0; ; at++ {
				m, from := withOld(t, w.service, w.shares)
				old := m.services[w.service]
				old.manual, old.on = true, runs
				m.polled, m.killAt = false, at
				job := func() *switchJob {
					j := m.switching(from)
					j.wait = time.Millisecond
					return j
				}
				_, err, dead := life(t, job().run)
				if m.killAt = 0; dead {
					_, err = job().run(t.Context())
				}
				if old = m.services[w.service]; err == nil || old == nil || !old.manual || old.disabled || old.on != runs || len(m.services) > 1 {
					t.Fatalf("%s, killed at %d: %v: %+v", name, at, err, old)
				}
				if at > 0 && !dead {
					break
				}
			}
		}
	}
}

func TestHowTheOtherStartsAgain(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		old  oldService
		want platform.StartType
	}{
		{oldService{AtBoot: true, Running: true}, platform.StartAutomatic}, // an earlier version knew no more
		{oldService{Running: true}, platform.StartManual},
		{oldService{AtBoot: true, Start: platform.ServiceStart{Type: platform.StartManual}}, platform.StartAutomatic}, // somebody goes back
		{oldService{Running: true, Start: platform.ServiceStart{Type: platform.StartDisabled}}, platform.StartManual},
		{oldService{Start: platform.ServiceStart{Type: platform.StartDisabled}}, platform.StartDisabled},
	} {
		if got := c.old.start(); got.Type != c.want {
			t.Errorf("%+v starts %s", c.old, got.Type)
		}
	}
}

// linkedUnit is a machine on which the process is killed when systemctl has taken the link to the unit of the other OIBus
// away: there is no service of that name any more.
type linkedUnit struct {
	*fakeMachine
	gone *fakeService
}

const unitOfOld = "/opt/OIBus/plant.service"

func (m *linkedUnit) StartOf(ctx context.Context, service string) (platform.ServiceStart, error) {
	start, err := m.fakeMachine.StartOf(ctx, service)
	start.Link = unitOfOld
	return start, err
}

func (m *linkedUnit) Disable(ctx context.Context, service string) error {
	if s := m.services[service]; s != nil && s.other != "" {
		m.gone = s
		delete(m.services, service)
		panic(killed{})
	}
	return nil
}

func (m *linkedUnit) SetStart(ctx context.Context, service string, start platform.ServiceStart) error {
	if m.gone != nil && start.Link == unitOfOld {
		m.services[service], m.gone = m.gone, nil
	}
	if m.services[service] == nil {
		return errors.New("unit plant.service does not exist")
	}
	return m.fakeMachine.SetStart(ctx, service, start)
}

func TestTheOtherComesBackAlsoWhenTheLinkToItsUnitIsGone(t *testing.T) {
	t.Parallel()
	for _, again := range []bool{true, false} {
		m, from := withOld(t, "plant", true)
		linked := &linkedUnit{fakeMachine: m}
		job := func(from string) *switchJob {
			j := m.switching(from)
			j.m = linked
			return j
		}
		if _, err, dead := life(t, job(from).run); !dead {
			t.Fatal(err)
		}
		if again {
			if _, err := job(from).run(t.Context()); err != nil || m.whoRuns() != oursOn {
				t.Fatalf("%v: %s", err, m.whoRuns())
			}
		}
		if _, err := job("").back(t.Context()); err != nil || m.whoRuns() != oldOn {
			t.Errorf("%v: %s", err, m.whoRuns())
		}
	}
}

// TestAPowerCutNeverLeavesTwoOfTheSite kills a switch that fails, with ours there before it, at each call: only while the two
// change their places on the way there, which is one call, may both start with the machine and ours have the site.
func TestAPowerCutNeverLeavesTwoOfTheSite(t *testing.T) {
	t.Parallel()
	for name, known := range map[string]bool{"ours is new": false, "ours was there": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for at := 1; ; at++ {
				m, from := withOld(t, "oibus-plant", at%3 > 0)
				if known {
					i := installed(t, m, "", nil)
					if err := os.RemoveAll(filepath.Join(i.Data, "state")); err != nil {
						t.Fatal(err)
					}
				}
				m.polled, m.killAt, m.after = false, (at+1)/2, at%2 == 0
				job := func() *switchJob {
					j := m.switching(from)
					j.wait = time.Millisecond
					return j
				}
				_, err, dead := life(t, job().run)
				m.killAt = 0
				r, e := readSwitch(m, "")
				if e != nil {
					t.Fatal(e)
				}
				_, has := os.Stat(filepath.Join(m.Folders().Data, "imported"))
				all := m.whoRuns()
				old, ours := strings.Contains(all, "old at boot"), strings.Contains(all, "ours at boot")
				if !old && !ours || old && ours && has == nil && r.Phase != turning {
					t.Errorf("killed at %d while %s: %s; ours has the site: %v", at, r.Phase, all, has == nil)
				}
				if dead {
					_, err = job().run(t.Context())
				}
				after := m.whoRuns()
				if err == nil || !strings.Contains(after, "old at boot") || !strings.Contains(after, "old runs") || strings.Contains(after, "ours at boot") != known {
					t.Fatalf("killed at %d: %v: %s", at, err, after)
				}
				if !dead {
					return
				}
			}
		})
	}
}
