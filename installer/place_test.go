package installer

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"oibus/platform"
)

// packaged puts the instance of a package beside the programs in the folder archive, which this one then is of. The
// package was installed beside what had the name of its service already, or brings it.
func (m *fakeMachine) packaged(port int) instance {
	m.t.Helper()
	settings := filepath.Join(m.dir, "etc/oibus.toml")
	m.write("archive/"+packagedName, `{"name":"","service":"oibus","data":"`+filepath.ToSlash(m.Folders().Data)+`","settings":"`+filepath.ToSlash(settings)+`"}`)
	m.write("etc/oibus.toml", firstSettings(string(firstToml), port, ""))
	i := instance{Service: "oibus", Data: m.Folders().Data, Settings: settings, Programs: m.here, ManagedBy: byPackage}
	if m.services["oibus"] == nil {
		m.services["oibus"] = &fakeService{spec: serviceSpec(i)}
	}
	return i
}

// strange answers on a port as an OIBus does.
func strange(t *testing.T) (port int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &httptest.Server{Listener: l, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNoContent)
	})}}
	s.Start()
	t.Cleanup(s.Close)
	return l.Addr().(*net.TCPAddr).Port
}

func TestTheServiceOfAnotherProgramIsLeftAlone(t *testing.T) {
	t.Parallel()
	m, _ := withOld(t, "oibus", true)
	i := m.packaged(strange(t))
	for name, do := range map[string]func(m machine) func(context.Context, string) error{
		"start":   func(m machine) func(context.Context, string) error { return m.Start },
		"stop":    func(m machine) func(context.Context, string) error { return m.Stop },
		"restart": func(m machine) func(context.Context, string) error { return m.Restart },
	} {
		_, err := changeService(t.Context(), m, &target{}, name, true, do)
		if err == nil || !strings.Contains(err.Error(), "that of another program, /old/oibus-launcher") || !strings.Contains(err.Error(), "--switch-from") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := install(t, m, "", nil); err == nil || !strings.Contains(err.Error(), "that of another program") {
		t.Errorf("install: %v", err)
	}
	if running, err := pause(t.Context(), m, i); running || err != nil {
		t.Errorf("pause: %v, %v", running, err)
	}
	m.wantCalls()
	if !m.services["oibus"].on {
		t.Error("it does not run any more")
	}
	a, err := statusOf(t.Context(), m, &target{})
	if err != nil {
		t.Fatal(err)
	}
	wantText(t, a.text(), "oibus: that of another program, /old/oibus-launcher", "another program answers on port")
	if a.(statusAnswer).inOrder() || strings.Contains(a.text(), "running") {
		t.Errorf("ours does not run:\n%s", a.text())
	}
	d := examine(t.Context(), m, i)
	wantText(t, d.text(), "problem  service      oibus: that of another program, /old/oibus-launcher", "--switch-from", "problem  page")
	if strings.Contains(d.text(), "ok       service") || strings.Contains(d.text(), "ok       page") {
		t.Errorf("it is not well:\n%s", d.text())
	}
}

func TestAnotherProgramOnThePortIsNotTakenForOIBus(t *testing.T) {
	t.Parallel()
	port := strange(t)
	// The service is stopped; or it runs, and the launcher has no agent.
	for name, running := range map[string]bool{"stopped": false, "running": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t)
			i := installed(t, m, "", nil)
			m.services["oibus"].stop()
			m.services["oibus"].on = running
			m.write("etc/oibus.toml", firstSettings("", port, ""))
			m.write("lib/oibus/launcher.json", `{"phase":"idle","upgrades":{"running":{"version":"9.1.0"}}}`)
			a, err := statusOf(t.Context(), m, &target{})
			if err != nil {
				t.Fatal(err)
			}
			s := a.(statusAnswer).Instances[0]
			if a.(statusAnswer).inOrder() || s.answers() || !s.OtherAnswers {
				t.Errorf("%+v", s)
			}
			wantText(t, a.text(), "another program answers on port "+strconv.Itoa(port))
			wantText(t, examine(t.Context(), m, i.instance).text(), "problem  page", "another program answers on port "+strconv.Itoa(port))
		})
	}
}

func TestAnArchiveLeavesTheServiceOfThePackageAlone(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.packaged(freePort(t))
	// The archive is another folder.
	for _, name := range []string{"oibus-launcher", "binaries/oibus", "oibus-installer"} {
		m.write(filepath.Join("second", name), "program "+name)
		m.write(filepath.Join("second", name+".exe"), "program "+name)
	}
	m.here = filepath.Join(m.dir, "second")
	_, err := install(t, m, "", nil)
	if err == nil || !strings.Contains(err.Error(), "a package of the system, with the programs in "+filepath.Join(m.dir, "archive")) || !strings.Contains(err.Error(), "apt remove oibus") {
		t.Errorf("%v", err)
	}
	m.wantCalls()
	if _, err := os.Stat(filepath.Join(m.dir, "opt")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the programs are copied: %v", err)
	}
	// One that has taken it over all the same does not take it away, nor its data.
	r, err := openRegistry(m)
	if err != nil {
		t.Fatal(err)
	}
	i, err := newInstance(m.Folders(), "")
	if err != nil {
		t.Fatal(err)
	}
	if err := r.put(i); err != nil {
		t.Fatal(err)
	}
	a, err := statusOf(t.Context(), m, &target{})
	if err != nil {
		t.Fatal(err)
	}
	wantText(t, a.text(), "runs the programs in "+filepath.Join(m.dir, "archive"))
	if _, err := (uninstallJob{m: m, removeData: true}).run(t.Context()); err == nil || !strings.Contains(err.Error(), "use the data") {
		t.Errorf("%v", err)
	}
	gone, err := (uninstallJob{m: m}).run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	wantText(t, gone.text(), "the service oibus stays")
	m.wantCalls()
}

func TestAPackageLeavesTheServiceOfAnArchiveAlone(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	i := installed(t, m, "", nil)
	m.packaged(freePort(t))
	m.calls = nil
	_, err := install(t, m, "", nil)
	if err == nil || !strings.Contains(err.Error(), filepath.Join(i.Programs, "oibus-installer")+" uninstall") {
		t.Errorf("%v", err)
	}
	m.wantCalls()
	if s, err := m.Query(t.Context(), "oibus"); err != nil || s.State != platform.ServiceRunning {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestAPortThatAnotherProgramHasIsRefusedBeforeAnythingIsDone(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	port := strange(t)
	_, err := install(t, m, "line4", func(j *installJob) { j.port = port })
	if err == nil || !strings.Contains(err.Error(), "port "+strconv.Itoa(port)) || !strings.Contains(err.Error(), "--port") {
		t.Errorf("%v", err)
	}
	m.wantCalls()
	if r, err := openRegistry(m); err != nil || len(r.all()) != 0 {
		t.Errorf("it is registered: %+v, %v", r.all(), err)
	}
	// The port of its own is not another program's, and one that is not started may wait for it.
	own := installed(t, m, "line4", nil)
	installed(t, m, "line4", func(j *installJob) { j.port = portOf(m, own.instance) })
	installed(t, m, "line5", func(j *installJob) { j.port, j.noStart = port, true })
}

func TestTheProgramsOfAnArchiveCanBeTypedWhereNothingElseHasTheName(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no folder for links on Windows")
	}
	t.Parallel()
	for _, c := range []struct{ there, installer, oibus string }{
		{"usr/local/bin/.keep", "opt/oibus-installer", "opt/binaries/oibus"},
		{"usr/local/bin/oibus", "opt/oibus-installer", ""},
		{"usr/bin/oibus", "", ""}, // there is no folder for links
	} {
		m := newMachine(t)
		m.write(c.there, "of somebody")
		a := installed(t, m, "", nil)
		for link, want := range map[string]string{"oibus-installer": c.installer, "oibus": c.oibus} {
			if to, _ := os.Readlink(filepath.Join(m.dir, "usr/local/bin", link)); want != "" && to != filepath.Join(m.dir, want) || want == "" && to != "" {
				t.Errorf("%s: %s leads to %q", c.there, link, to)
			}
		}
		next := "Next: oibus-installer register --host"
		if c.installer == "" || programSuffix(a.Programs) != "" {
			next = "Next: " + filepath.Join(a.Programs, "oibus-installer"+programSuffix(a.Programs)) + " register --host"
		}
		wantText(t, a.text(), next)
		if _, err := (uninstallJob{m: m}).run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Lstat(filepath.Join(m.dir, "usr/local/bin/oibus-installer")); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the link stays: %v", err)
		}
		if text, err := os.ReadFile(filepath.Join(m.dir, c.there)); err != nil || string(text) != "of somebody" {
			t.Errorf("%s is gone: %v", c.there, err)
		}
	}
}

func TestWhatASwitchBackHasLeftCanBeRemoved(t *testing.T) {
	t.Parallel()
	m, from := withOld(t, "oibus", true)
	if _, err := m.switching(from).run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := m.switching("").back(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.calls = nil
	a, err := (uninstallJob{m: m}).run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	wantText(t, a.text(), "what was left of OIBus", "data stays")
	a, err = (uninstallJob{m: m, removeData: true}).run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	wantText(t, a.text(), "deleted")
	m.wantCalls()
	for _, gone := range []string{"opt", "lib/oibus", "etc"} {
		if _, err := os.Stat(filepath.Join(m.dir, gone)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is there: %v", gone, err)
		}
	}
	if !m.services["oibus"].on {
		t.Error("the other OIBus does not run")
	}
	if _, err := (uninstallJob{m: m, removeData: true}).run(t.Context()); exitCode(err) != ExitAbsent {
		t.Errorf("there is nothing left: %v", err)
	}
}

func TestTheDataOfAnotherOIBusIsNoLeftover(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.write("lib/oibus/oibus.db", "of an OIBus 3.8")
	m.write("lib/oibus/state/x", "")
	if _, err := (uninstallJob{m: m, removeData: true}).run(t.Context()); exitCode(err) != ExitAbsent {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(filepath.Join(m.dir, "lib/oibus/oibus.db")); err != nil {
		t.Error(err)
	}
}

func TestRegisteringSaysAtOnceThatNothingRuns(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	i := installed(t, m, "", nil)
	m.write("lib/oibus/state/registration.json", `{"schema":1,"data":{"status":"REGISTERED","host":"https://x.example"}}`)
	if a := installed(t, m, "", nil); strings.Contains(a.text(), "Next:") || !a.Registered {
		t.Errorf("it is registered:\n%s", a.text())
	}
	m.services["oibus"].stop()
	j := registerJob{m: m, target: &target{}, password: &secretSource{}}
	if _, err := j.run(t.Context()); err == nil || !strings.Contains(err.Error(), "oibus-installer start") {
		t.Errorf("%v", err)
	}
	m.services["oibus"] = &fakeService{other: filepath.Join(m.dir, "elsewhere"), on: true}
	if _, err := j.run(t.Context()); err == nil || !strings.Contains(err.Error(), "that of another program") {
		t.Errorf("%s: %v", i.label(), err)
	}
}

func TestATimeToWaitForNothingIsRefused(t *testing.T) {
	t.Parallel()
	_, errs := do(t, ExitBadCommand, "install", "--wait", "5s")
	wantText(t, errs, "--wait needs --switch-from")
}
