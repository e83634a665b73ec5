package installer

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"oibus/platform"
)

// installed installs an instance on a port of its own.
func installed(t *testing.T, m *fakeMachine, name string, change func(j *installJob)) *installAnswer {
	t.Helper()
	a, err := install(t, m, name, change)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func install(t *testing.T, m *fakeMachine, name string, change func(j *installJob)) (*installAnswer, error) {
	t.Helper()
	j := installJob{m: m, name: name, port: freePort(t), password: &secretSource{}}
	if change != nil {
		change(&j)
	}
	a, err := j.run(t.Context())
	if err != nil {
		return nil, err
	}
	return a.(*installAnswer), nil
}

// executable is the extension of programs.
var executable = map[bool]string{true: ".exe"}[runtime.GOOS == "windows"]

func TestAnArchiveIsInstalledAsAService(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	a := installed(t, m, "", nil)
	m.wantCalls("give oibus to oibus", "install oibus", "start oibus")
	if !a.Started || a.User != "admin" || a.PasswordFile == "" {
		t.Errorf("%+v", a)
	}
	for _, name := range []string{"oibus-launcher", "binaries/oibus", "oibus-installer"} {
		if _, err := os.Stat(filepath.Join(m.dir, "opt", name+programSuffix(filepath.Join(m.dir, "opt")))); err != nil {
			t.Error(err)
		}
	}
	wantText(t, a.text(), "Installed: OIBus", "page", "first-password.txt", "register --host URL")
	if strings.Contains(a.text(), "admin first") {
		t.Error("the password is shown to a program")
	}
}

func TestInstallingAgainKeepsWhatThereIsAndBringsNewPrograms(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	first := installed(t, m, "", func(j *installJob) { j.host, j.register = "https://one.example", true })
	m.write("archive/oibus-launcher", "newer")
	m.write("archive/oibus-launcher.exe", "newer")
	m.calls = nil
	second := installed(t, m, "", func(j *installJob) { j.port = 0 })
	m.wantCalls("give oibus to oibus", "stop oibus", "install oibus", "restart oibus")
	if second.Page != first.Page || second.Host != "https://one.example" {
		t.Errorf("it was %+v, it is %+v", first, second)
	}
	text, err := os.ReadFile(filepath.Join(m.dir, "opt", "oibus-launcher"+programSuffix(filepath.Join(m.dir, "opt"))))
	if err != nil || string(text) != "newer" {
		t.Errorf("the program is %q, %v", text, err)
	}
	settings, err := os.ReadFile(first.Settings)
	if err != nil || !strings.Contains(string(settings), "host = \"https://one.example\"") {
		t.Errorf("the settings are:\n%s\n%v", settings, err)
	}
}

func TestInstancesShareNothing(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	first := installed(t, m, "", nil)
	installed(t, m, "line4", nil)
	port := portOf(m, first.instance)
	for name, change := range map[string]func(j *installJob){
		"port": func(j *installJob) { j.port = port },
		"lie in each other": func(j *installJob) {
			j.data = filepath.Join(first.Data, "inside")
		},
		"lie in each": func(j *installJob) { j.data = filepath.Join(m.dir, "lib") },
		"settings file": func(j *installJob) {
			j.settings = first.Settings
		},
	} {
		m.calls = nil
		_, err := install(t, m, "line5", change)
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
		m.wantCalls()
	}
	r, err := openRegistry(m)
	if err != nil || len(r.all()) != 2 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestAnInstanceWithoutAPortGetsTheNextOne(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	r, err := openRegistry(m)
	if err != nil {
		t.Fatal(err)
	}
	for n, name := range []string{"", "a", "b"} {
		i, err := newInstance(m.Folders(), name)
		if err != nil {
			t.Fatal(err)
		}
		if port := r.freePort(name); port != defaultPort+n {
			t.Errorf("instance %q gets port %d", name, port)
		}
		if err := m.WriteSettings(i.Settings, []byte(firstSettings("", defaultPort+n, ""))); err != nil {
			t.Fatal(err)
		}
		if err := r.put(i); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAFolderOfSomethingElseIsNotTaken(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.write("home/letters.txt", "dear")
	_, err := install(t, m, "", func(j *installJob) { j.data = filepath.Join(m.dir, "home") })
	if err == nil || !strings.Contains(err.Error(), "not of OIBus") {
		t.Error(err)
	}
	m.wantCalls()
}

func TestAFirstStartIsProvisioned(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	secret := m.write("secret", "horse\n")
	i := filepath.Join(m.Folders().Data, provisionName)
	m.write("lib/oibus/"+provisionName, `{"port":2299,"adminUsername":"chief"}`)
	installed(t, m, "", func(j *installJob) {
		j.password, j.engineName, j.noStart = &secretSource{what: "the password", file: secret}, "Line 4", true
	})
	text, err := os.ReadFile(i)
	if err != nil {
		t.Fatal(err)
	}
	wantText(t, string(text), `"adminPassword": "horse"`, `"engineName": "Line 4"`, `"port": 2299`, `"adminUsername": "chief"`)
	if err := m.firstStart(m.Folders().Data); err != nil {
		t.Fatal(err)
	}
	_, err = install(t, m, "", func(j *installJob) { j.password = &secretSource{what: "the password", file: secret} })
	if err == nil || !strings.Contains(err.Error(), "reset-password") {
		t.Error(err)
	}
}

func TestWithoutRightsNothingIsTouched(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.rights = &rightsError{"root is needed"}
	_, err := install(t, m, "", nil)
	if exitCode(err) != ExitRights {
		t.Errorf("%d: %v", exitCode(err), err)
	}
	m.wantCalls()
}

// TestTheProgramsOfAnotherOIBusStay has OIBus 3.8 where ours is by default, as on Windows.
func TestTheProgramsOfAnotherOIBusStay(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	usual := filepath.Join(m.dir, "opt")
	launcher := m.write("opt/oibus-launcher"+executable, "of OIBus 3.8")
	_, err := install(t, m, "", func(j *installJob) { j.programs = usual })
	if exitCode(err) != ExitBadCommand || !strings.Contains(err.Error(), usual) || !strings.Contains(err.Error(), "--programs") {
		t.Errorf("into its folder: %v", err)
	}
	m.wantCalls()
	installed(t, m, "", nil)
	text, err := os.ReadFile(launcher)
	if err != nil || string(text) != "of OIBus 3.8" {
		t.Errorf("its launcher is %q, %v", text, err)
	}
	if _, err := platform.ExecutableNear(usual+"-go", "oibus-launcher"); err != nil {
		t.Error(err)
	}
	if r, err := openRegistry(m); err != nil || len(r.list) != 1 || r.list[0].Programs != usual+"-go" {
		t.Errorf("%+v %v", r, err)
	}
}

// TestAServiceOfAnotherOIBusWhereOursWouldBeIsNotOurs has its service under the name of ours, too.
func TestAServiceOfAnotherOIBusWhereOursWouldBeIsNotOurs(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	launcher := m.write("opt/oibus-launcher"+executable, "of OIBus 3.8")
	i := instance{Service: "oibus", Programs: filepath.Join(m.dir, "opt"), Data: filepath.Join(m.dir, "data")}
	m.services["oibus"] = &fakeService{spec: platform.ServiceSpec{Name: "oibus", Program: launcher, Args: []string{"--config", filepath.Join(m.dir, "OIBusData")}}}
	if p, err := placeOf(t.Context(), m, i); err != nil || !p.foreign {
		t.Errorf("%+v %v", p, err)
	}
	m.write("opt/oibus-installer"+executable, "ours")
	if p, err := placeOf(t.Context(), m, i); err != nil || p.foreign {
		t.Errorf("with our installer: %+v %v", p, err)
	}
}

func TestAnArchiveDoesNotReplaceThePackageOfTheSystem(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.write("opt/"+packagedName, `{"name":"","service":"oibus","data":"x","settings":"y"}`)
	_, err := install(t, m, "", nil)
	if err == nil || !strings.Contains(err.Error(), "belong to a package") {
		t.Error(err)
	}
}

func TestTheInstanceOfAPackageIsKnownWithoutAList(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.write("archive/"+packagedName, `{"name":"","service":"oibus","data":"`+filepath.ToSlash(m.Folders().Data)+`","settings":"`+filepath.ToSlash(filepath.Join(m.dir, "etc/oibus.toml"))+`"}`)
	r, err := openRegistry(m)
	if err != nil {
		t.Fatal(err)
	}
	if i, there := r.named(""); !there || i.ManagedBy != byPackage || i.Programs != m.here {
		t.Errorf("%+v", i)
	}
	if _, err := (uninstallJob{m: m}).run(t.Context()); err == nil || !strings.Contains(err.Error(), "with that package") {
		t.Error(err)
	}
	a := installed(t, m, "line4", nil)
	if a.Programs != m.here {
		t.Errorf("its programs are in %s", a.Programs)
	}
	m.wantCalls("give line4 to oibus-line4", "install oibus-line4", "start oibus-line4")
}

func TestWindowsInstallerDoesTheRestItself(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	installed(t, m, "", func(j *installJob) { j.byMSI = true; j.password.given = "horse" })
	m.wantCalls("give oibus to oibus")
	if _, err := (uninstallJob{m: m, byMSI: true, removeData: true}).run(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.wantCalls()
	if _, err := os.Stat(m.Folders().Data); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the data is there: %v", err)
	}
}

func TestUninstallKeepsDataUnlessToldOtherwise(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	a := installed(t, m, "", nil)
	installed(t, m, "line4", nil)
	m.calls = nil
	answer, err := (uninstallJob{m: m}).run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	wantText(t, answer.text(), "data stays", a.Data)
	m.wantCalls("remove oibus")
	if _, err := os.Stat(filepath.Join(a.Data, "state")); err != nil {
		t.Error(err)
	}
	if err := hasPrograms(a.Programs); err != nil {
		t.Errorf("another instance uses them: %v", err)
	}
	if _, err := (uninstallJob{m: m, name: "line4", removeData: true}).run(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, gone := range []string{a.Programs, filepath.Join(m.dir, "lib/instances/line4"), filepath.Join(m.dir, "etc", registryName)} {
		if _, err := os.Stat(gone); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is there: %v", gone, err)
		}
	}
}

func TestWrongNamesAndValuesAreRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ args, want string }{
		{"install --instance Line_4", "small letters, digits and dashes"},
		{"install --instance -x", "small letters"},
		{"install --port 70000", `the port is "70000"`},
		{"install --port x", `the port is "x"`},
		{"install --host ftp://x", "URL of OIAnalytics"},
		{"install --host https://user:pass@x", "URL of OIAnalytics"},
		{"install --register", "--register needs --host"},
		{"install now", `"now" means nothing here`},
		{"register --host nonsense", "URL of OIAnalytics"},
		{"status --instance x --config .", "not both"},
		{"unit --config /a%b", "a service definition cannot hold"},
	} {
		_, errs := do(t, ExitBadCommand, strings.Fields(c.args)...)
		wantText(t, errs, c.want)
	}
}

func TestKeysAreSetWhereTheyStand(t *testing.T) {
	t.Parallel()
	const example = "# [web]\n## Port.\n# port = 2223\n# address = \"x\"\n\n# [log.file]\n# level = \"info\"\n"
	got := setKey(example, "web", "port", "2230", true)
	want := "[web]\n## Port.\nport = 2230\n# address = \"x\"\n\n# [log.file]\n# level = \"info\"\n"
	if got != want {
		t.Errorf("got:\n%s", got)
	}
	if again := setKey(got, "web", "port", "2231", true); again != strings.Replace(want, "2230", "2231", 1) {
		t.Errorf("got:\n%s", again)
	}
	if got := setKey("[general]\nname = \"x\"\n", "web", "port", "1", true); got != "[general]\nname = \"x\"\n\n[web]\nport = 1\n" {
		t.Errorf("got:\n%s", got)
	}
	if got := setKey("[web]\naddress = \"x\"\n", "web", "port", "1", true); got != "[web]\nport = 1\naddress = \"x\"\n" {
		t.Errorf("got:\n%s", got)
	}
	if got := firstSettings(string(firstToml), 2230, "https://x.example"); !strings.Contains(got, "\nport = 2230\n") || !strings.Contains(got, "\nhost = \"https://x.example\"") {
		t.Errorf("got:\n%s", got)
	}
}

func TestTheListOfInstancesIsReadOrRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"level":2}`: "newer version", `nonsense`: "invalid", `{"level":1,"instances":[{"name":"A B"}]}`: "not complete",
		`{"level":1,"instances":[{"name":"a"}]}`: "not complete",
	} {
		if _, err := decodeRegistry([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
