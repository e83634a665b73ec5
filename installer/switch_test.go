package installer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"oibus/platform"
)

// killed is what a process ends with that is killed.
type killed struct{}

// kill ends the process at the call that was chosen.
func (m *fakeMachine) kill(after bool) {
	if m.killAt > 0 && after == m.after {
		if m.killAt--; m.killAt == 0 {
			panic(killed{})
		}
	}
}

func (m *fakeMachine) Import(_ context.Context, _, _ string, args ...string) (string, error) {
	m.kill(false)
	defer m.kill(true)
	if m.imports == nil {
		return "{}", nil
	}
	return m.imports(args)
}

func (m *fakeMachine) Definitions(context.Context) (list []platform.ServiceDefinition, err error) {
	for name, s := range m.services {
		d := platform.ServiceDefinition{Name: name, Program: "/old/oibus-launcher", Data: []string{s.other}}
		if s.other == "" {
			d.Program, d.Data = s.spec.Program, []string{s.spec.Args[1]}
		}
		list = append(list, d)
	}
	return list, nil
}

func (m *fakeMachine) Disable(_ context.Context, service string) error {
	m.kill(false)
	defer m.kill(true)
	m.note("disable %s", service)
	m.services[service].disabled, m.services[service].manual = true, false
	return nil
}

func (m *fakeMachine) StartOf(_ context.Context, service string) (platform.ServiceStart, error) {
	switch s := m.services[service]; {
	case s.manual:
		return platform.ServiceStart{Type: platform.StartManual}, nil
	case s.disabled:
		return platform.ServiceStart{Type: platform.StartDisabled}, nil
	}
	return platform.ServiceStart{Type: platform.StartAutomatic}, nil
}

func (m *fakeMachine) SetStart(_ context.Context, service string, start platform.ServiceStart) error {
	m.kill(false)
	defer m.kill(true)
	m.note("%s %s", start.Type, service)
	s := m.services[service]
	s.manual, s.disabled = start.Type == platform.StartManual, start.Type == platform.StartDisabled
	return nil
}

func (m *fakeMachine) SharesNames() bool { return m.shares }

func (m *fakeMachine) KeepUnit(service string) error {
	m.kill(false)
	defer m.kill(true)
	if s := m.services[service]; s.kept == nil {
		kept := *s
		kept.on = false
		s.kept = &kept
	}
	return nil
}

func (m *fakeMachine) Unshadow(context.Context, string) error { return nil }

func (m *fakeMachine) RestoreUnit(_ context.Context, service string) error {
	m.kill(false)
	defer m.kill(true)
	if s := m.services[service]; s != nil && s.kept != nil {
		s.stop()
		m.services[service] = s.kept
	}
	return nil
}

func (m *fakeMachine) FreeSpace(string) (uint64, error) { return m.free, nil }

// importing is an agent in small that imports: the state is all that it brings.
func (m *fakeMachine) importing(port int) func(args []string) (string, error) {
	return func(args []string) (string, error) {
		option := func(name string) string {
			for n, a := range args {
				if a == name && n+1 < len(args) {
					return args[n+1]
				}
			}
			return ""
		}
		line := strings.Join(args, " ")
		state, receipt := filepath.Join(option("--config"), "state"), filepath.Join(option("--config"), "imported")
		report := fmt.Sprintf(`{"version":"3.8.2","from":%q,"registered":true,"host":"https://cloud.example","port":%d,"cache":{"contents":2,"bytes":1000},"paths":["/srv/files"],"lines":[{"what":"souths","count":3}]}`, option("--from"), port)
		switch {
		case strings.Contains(line, "--dry-run"):
			return report, nil
		case strings.Contains(line, "--waiting"):
			return `{"waiting":7,"inError":1}`, nil
		case strings.Contains(line, "--undo"):
			if key, err := os.ReadFile(receipt); err != nil || string(key) != option("--key") {
				return "{}", nil
			}
			return "{}", errors.Join(os.RemoveAll(state), os.Remove(receipt))
		}
		if _, err := os.Stat(state); err == nil {
			return "", errors.New("it has a configuration already")
		}
		for _, s := range m.services {
			if s.on || s.server != nil && s.spec.Args[1] == option("--config") {
				m.t.Error("something runs during the import")
			}
		}
		engine := fmt.Sprintf(`{"schema":1,"data":{"id":"theirs","settings":{"webServer":{"port":%d}}}}`, port)
		collected, _ := os.ReadFile(filepath.Join(option("--from"), "collected")) // nothing at first
		return report, errors.Join(os.MkdirAll(state, 0o700), os.WriteFile(filepath.Join(state, "collected"), collected, 0o600), os.WriteFile(filepath.Join(state, "engine.json"), []byte(engine), 0o600), os.WriteFile(receipt, []byte(option("--key")), 0o600))
	}
}

// withOld is a machine on which another OIBus runs as a service of that name.
func withOld(t *testing.T, service string, shares bool) (m *fakeMachine, from string) {
	t.Helper()
	m = newMachine(t)
	m.shares = shares
	from = filepath.Dir(m.write("old/data/oibus.db", "database"))
	m.services[service] = &fakeService{other: from, on: true}
	m.imports = m.importing(freePort(t))
	return m, from
}

func (m *fakeMachine) switching(from string) *switchJob {
	return &switchJob{installJob: &installJob{m: m, password: &secretSource{}}, from: from, wait: 30 * time.Second}
}

// life runs a job until its end, or until it is killed.
func life(t *testing.T, do func(context.Context) (answer, error)) (a answer, err error, dead bool) {
	t.Helper()
	defer func() {
		switch r := recover().(type) {
		case nil:
		case killed:
			dead = true
		default:
			t.Fatalf("%v\n%s", r, debug.Stack())
		}
	}()
	a, err = do(t.Context())
	return a, err, false
}

// whoRuns lists what runs, and what starts with the machine.
func (m *fakeMachine) whoRuns() string {
	var list []string
	for _, s := range m.services {
		who := "ours"
		if s.other != "" {
			who = "old"
		}
		if s.on || s.server != nil {
			list = append(list, who+" runs")
		}
		if s.atBoot() {
			list = append(list, who+" at boot")
		}
	}
	if len(list) == 2 && list[0] > list[1] {
		list[0], list[1] = list[1], list[0]
	}
	return strings.Join(list, ", ")
}

const oldOn, oursOn = "old at boot, old runs", "ours at boot, ours runs"

// worlds are the kinds of machines.
var worlds = map[string]struct {
	service string
	shares  bool
}{
	"another name":                     {"oibus-plant", true},
	"the same name":                    {"oibus", true},
	"the same name, where none shares": {"oibus", false},
}

func TestASiteIsSwitchedAndSwitchedBack(t *testing.T) {
	t.Parallel()
	for name, w := range worlds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, from := withOld(t, w.service, w.shares)
			a, err := m.switching(from).run(t.Context())
			if err != nil || m.whoRuns() != oursOn {
				t.Fatalf("%v: %s", err, m.whoRuns())
			}
			wantText(t, a.text(), "souths", "OIAnalytics at https://cloud.example has answered it", "--switch-back")
			r, err := openRegistry(m)
			if err != nil {
				t.Fatal(err)
			}
			i, there := r.named("")
			if !there || !w.shares && i.Service != "oibus"+apartSuffix {
				t.Errorf("%+v", i)
			}
			if a, err = m.switching(from).run(t.Context()); err != nil || !a.(*switchAnswer).Already {
				t.Errorf("%+v, %v", a, err)
			}
			if a, err = m.switching("").back(t.Context()); err != nil || m.whoRuns() != oldOn {
				t.Fatalf("%v: %s", err, m.whoRuns())
			}
			wantText(t, a.text(), "3.8.2 runs again", "stays in "+m.Folders().Data, "not sent 7 contents that wait and 1 in error", "sends again what waited then, and reads again what came since")
			if _, err := os.Stat(filepath.Join(m.Folders().Data, "state")); err != nil {
				t.Errorf("our data is gone: %v", err)
			}
			if _, err := m.switching("").back(t.Context()); err == nil || !strings.Contains(err.Error(), "back already") {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestASwitchThatIsKilledAtAnyCallIsTakenUp kills the process before and after each call that changes something, and then
// does what a person would do: the same command again, or going back. At each moment one of the two runs with the machine.
func TestASwitchThatIsKilledAtAnyCallIsTakenUp(t *testing.T) {
	t.Parallel()
	for name, w := range worlds {
		for _, then := range []string{"again", "back"} {
			t.Run(name+", then "+then, func(t *testing.T) {
				t.Parallel()
				for at := 1; ; at++ {
					m, from := withOld(t, w.service, w.shares)
					m.killAt, m.after = (at+1)/2, at%2 == 0
					_, err, dead := life(t, m.switching(from).run)
					if !dead {
						if err != nil || at < 10 {
							t.Fatalf("after %d: %v", at, err)
						}
						return
					}
					m.killAt = 0
					if !strings.Contains(m.whoRuns(), "at boot") {
						t.Errorf("killed at %d, nothing starts with the machine", at)
					}
					if then == "back" {
						if _, err := m.switching("").back(t.Context()); err != nil && !strings.Contains(err.Error(), "was not switched") || m.whoRuns() != oldOn {
							t.Errorf("killed at %d, then back: %v: %s", at, err, m.whoRuns())
						}
						continue
					}
					if _, err := m.switching(from).run(t.Context()); err != nil || m.whoRuns() != oursOn {
						t.Errorf("killed at %d, then again: %v: %s", at, err, m.whoRuns())
					}
				}
			})
		}
	}
}

func TestTheMachineRestartsInTheMiddleAndTheOtherGoesOn(t *testing.T) {
	t.Parallel()
	for name, w := range worlds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for at := 1; ; at++ {
				m, from := withOld(t, w.service, w.shares)
				m.killAt = at
				if _, _, dead := life(t, m.switching(from).run); !dead {
					return
				}
				m.killAt = 0
				for _, s := range m.services { // the power was cut
					s.stop()
				}
				for _, s := range m.services {
					if s.other != "" && s.atBoot() {
						s.on = true
						m.write("old/data/collected", "since the restart")
					} else if s.atBoot() {
						if err := m.serve(s); err != nil {
							t.Fatal(err)
						}
					}
				}
				if !strings.Contains(m.whoRuns(), "runs") {
					t.Errorf("killed at %d, nothing runs", at)
				}
				if _, err := m.switching(from).run(t.Context()); err != nil || m.whoRuns() != oursOn {
					t.Errorf("killed at %d: %v: %s", at, err, m.whoRuns())
				}
				theirs, _ := os.ReadFile(filepath.Join(from, "collected")) // nothing when it did not go on
				if mine, err := os.ReadFile(filepath.Join(m.Folders().Data, "state", "collected")); string(mine) != string(theirs) {
					t.Errorf("killed at %d: it has %q, the other collected %q, %v", at, mine, theirs, err)
				}
			}
		})
	}
}

func TestGoingBackThatIsKilledAtAnyCallIsTakenUp(t *testing.T) {
	t.Parallel()
	for name, w := range worlds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for at := 1; ; at++ {
				m, from := withOld(t, w.service, w.shares)
				if _, err := m.switching(from).run(t.Context()); err != nil {
					t.Fatal(err)
				}
				m.killAt, m.after = (at+1)/2, at%2 == 0
				_, err, dead := life(t, m.switching("").back)
				if !dead {
					if err != nil || at < 5 {
						t.Fatalf("after %d: %v", at, err)
					}
					return
				}
				m.killAt = 0
				if !strings.Contains(m.whoRuns(), "at boot") {
					t.Errorf("killed at %d, nothing starts with the machine", at)
				}
				if _, err := m.switching("").back(t.Context()); err != nil || m.whoRuns() != oldOn {
					t.Errorf("killed at %d: %v: %s", at, err, m.whoRuns())
				}
			}
		})
	}
}

// TestWithoutAnAnswerOfTheCloudEverythingBecomesAsItWas also kills what undoes it.
func TestWithoutAnAnswerOfTheCloudEverythingBecomesAsItWas(t *testing.T) {
	t.Parallel()
	for name, w := range worlds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for at := 0; ; at++ {
				m, from := withOld(t, w.service, w.shares)
				m.polled, m.killAt, m.after = false, (at+1)/2, at%2 == 0
				j := m.switching(from)
				j.wait = time.Millisecond
				_, err, dead := life(t, j.run)
				m.killAt = 0
				if dead {
					j = m.switching(from)
					j.wait = time.Millisecond
					_, err = j.run(t.Context())
				}
				if err == nil || m.whoRuns() != oldOn {
					t.Fatalf("killed at %d: %v: %s", at, err, m.whoRuns())
				}
				if at == 0 {
					wantText(t, err.Error(), "OIAnalytics at https://cloud.example has not answered", "ECONNREFUSED", "runs again")
				}
				for _, gone := range []string{m.Folders().Data, filepath.Join(m.dir, "etc", settingsName), filepath.Join(m.dir, "etc", settingsName+".before-switch"), m.Folders().Programs, switchPath(m, ""), filepath.Join(m.dir, "etc", registryName)} {
					if _, err := os.Stat(gone); !errors.Is(err, os.ErrNotExist) {
						t.Errorf("killed at %d: %s is left: %v", at, gone, err)
					}
				}
				if at > 0 && !dead {
					return
				}
			}
		})
	}
}

func TestWhatCannotBeSwitchedIsRefusedBeforeAnythingIsTouched(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(m *fakeMachine, j *switchJob){
		"no service of this machine leads to": func(m *fakeMachine, _ *switchJob) { delete(m.services, "oibus-plant") },
		"several services lead to": func(m *fakeMachine, j *switchJob) {
			m.services["second"] = &fakeService{other: j.from, on: true}
		},
		`there is no service "nothing"`:   func(_ *fakeMachine, j *switchJob) { j.oldName = "nothing" },
		"is no data folder of an OIBus 3": func(m *fakeMachine, j *switchJob) { j.from = m.dir },
		"has room for 1 MB":               func(m *fakeMachine, _ *switchJob) { m.free = 1 << 20 },
		"take a newer one": func(m *fakeMachine, _ *switchJob) {
			m.imports = func([]string) (string, error) { return "", errors.New("take a newer one") }
		},
		"--replace puts it aside": func(m *fakeMachine, _ *switchJob) {
			m.imports = func([]string) (string, error) { return `{"occupied":true,"port":1}`, nil }
		},
		"root is needed": func(m *fakeMachine, _ *switchJob) { m.rights = &rightsError{"root is needed"} },
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			m, from := withOld(t, "oibus-plant", true)
			j := m.switching(from)
			change(m, j)
			before := m.whoRuns()
			if _, err := j.run(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v", err)
			}
			m.wantCalls()
			if m.whoRuns() != before {
				t.Error(m.whoRuns())
			}
		})
	}
}

func TestGivingUpNeedsNoProgramsWhenNothingWasImported(t *testing.T) {
	t.Parallel()
	m, from := withOld(t, "oibus-plant", true)
	m.write("lib/oibus/logs/journal.jsonl", "")
	m.killAt = 2 // what comes first only looks
	if _, _, dead := life(t, m.switching(from).run); !dead {
		t.Fatal("it was not killed")
	}
	if _, err := m.switching("").back(t.Context()); err != nil || m.whoRuns() != oldOn {
		t.Errorf("%v: %s", err, m.whoRuns())
	}
}

func TestTheOtherComesBackAlsoWhenOursWasRemoved(t *testing.T) {
	t.Parallel()
	m, from := withOld(t, "oibus-plant", true)
	if _, err := m.switching(from).run(t.Context()); err != nil {
		t.Fatal(err)
	}
	a, err := (uninstallJob{m: m, removeData: true}).run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	wantText(t, a.text(), "--switch-back starts it")
	if _, err := m.switching("").back(t.Context()); err != nil || m.whoRuns() != oldOn {
		t.Errorf("%v: %s", err, m.whoRuns())
	}
}

func TestAnInstallationDoesNotTakeTheServiceOfAnotherProgram(t *testing.T) {
	t.Parallel()
	m, _ := withOld(t, "oibus", true)
	if _, err := install(t, m, "", nil); err == nil || !strings.Contains(err.Error(), "--switch-from") {
		t.Errorf("%v", err)
	}
	m.wantCalls()
}

func TestThePlaceIsTakenByThePackageThatIsThereAlready(t *testing.T) {
	t.Parallel()
	m, from := withOld(t, "oibus-plant", true)
	m.write("archive/"+packagedName, `{"name":"","service":"oibus","data":"`+filepath.ToSlash(m.Folders().Data)+`","settings":"`+filepath.ToSlash(filepath.Join(m.dir, "etc/oibus.toml"))+`"}`)
	m.services["oibus"] = &fakeService{spec: platform.ServiceSpec{Program: filepath.Join(m.here, "oibus-launcher"), Args: []string{"--config", m.Folders().Data, "--settings", filepath.Join(m.dir, "etc/oibus.toml")}}}
	if _, err := m.switching(from).run(t.Context()); err != nil || m.whoRuns() != oursOn {
		t.Fatalf("%v: %s", err, m.whoRuns())
	}
	if _, err := m.switching("").back(t.Context()); err != nil || m.whoRuns() != oldOn {
		t.Fatalf("%v: %s", err, m.whoRuns())
	}
	if m.services["oibus"] == nil {
		t.Error("the service of the package is gone")
	}
}

func TestAnImportFromAnotherOIBusStopsAndStartsTheService(t *testing.T) {
	t.Parallel()
	m, from := withOld(t, "oibus-plant", true)
	i := installed(t, m, "line4", nil)
	m.imports = m.importing(freePort(t))
	j := siteImport{m: m, from: from}
	if _, err := j.run(t.Context(), i.instance); err == nil || !strings.Contains(err.Error(), `belongs to the service "oibus-plant", which runs`) {
		t.Errorf("%v", err)
	}
	m.services["oibus-plant"].on = false
	if _, err := j.run(t.Context(), i.instance); err == nil || !strings.Contains(err.Error(), `belongs to the service "oibus-plant", which is stopped and starts again with the machine: disable it, too`) {
		t.Errorf("%v", err)
	}
	m.services["oibus-plant"].disabled = true
	if err := os.RemoveAll(filepath.Join(i.Data, "state")); err != nil {
		t.Fatal(err)
	}
	m.calls = nil
	a, err := j.run(t.Context(), i.instance)
	if err != nil {
		t.Fatal(err)
	}
	m.wantCalls("stop oibus-line4", "start oibus-line4")
	wantText(t, a.text(), "Brought over from OIBus 3.8.2", "was stopped for it and runs again")
	text, err := json.Marshal(a)
	if err != nil || !strings.Contains(string(text), `"started":true`) || !strings.Contains(string(text), `"version":"3.8.2"`) {
		t.Errorf("%s, %v", text, err)
	}
	m.calls = nil
	if _, err := j.run(t.Context(), i.instance); err == nil || !strings.Contains(err.Error(), "configuration already") {
		t.Errorf("%v", err)
	}
	m.wantCalls("stop oibus-line4", "start oibus-line4")
	j.dryRun = true
	if a, err = j.run(t.Context(), i.instance); err != nil {
		t.Fatal(err)
	}
	wantText(t, a.text(), "souths", "the page: it answers on this machine only", "the service: it has not the rights of an administrator", "let into what connectors use", "/srv/files")
}

func TestWordsThatDoNotGoTogetherAreRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ args, want string }{
		{"install --switch-from a --switch-back", "not both"},
		{"install --replace", "need --switch-from"},
		{"install --switch-from a --engine-name x", "leave out"},
		{"install --switch-from a --wait 0s", "needs a time"},
		{"import --dry-run a.zip", "need --from"},
		{"import --from a b.zip", "means nothing here"},
	} {
		_, errs := do(t, ExitBadCommand, strings.Fields(c.args)...)
		wantText(t, errs, c.want)
	}
}

func FuzzSwitchRecord(f *testing.F) {
	f.Add([]byte(`{"level":1,"phase":"trial","from":"/a","old":{"name":"x"},"ours":{"data":"d","service":"s","programs":"p"},"at":"2026-03-01T12:00:00Z"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if r, err := decodeSwitch(text); err == nil && (r.From == "" || r.Old.Name == "" || r.key() == "") {
			t.Errorf("%+v is accepted", r)
		}
	})
}
