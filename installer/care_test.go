package installer

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"oibus/launcher/handover"
)

func TestRegisteringShowsTheCode(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	i := installed(t, m, "", func(j *installJob) { j.host = "https://remembered.example" })
	register := func(j registerJob) (*registerAnswer, error) {
		j.m, j.target = m, &target{}
		if j.password == nil {
			j.password = &secretSource{}
		}
		a, err := j.run(t.Context())
		if err != nil {
			return nil, err
		}
		return a.(*registerAnswer), nil
	}
	if _, err := register(registerJob{host: "https://refusing.example"}); err == nil || !strings.Contains(err.Error(), "no such site") {
		t.Errorf("%v", err)
	}
	m.services["oibus"].stop()
	if err := m.Start(t.Context(), "oibus"); err != nil {
		t.Fatal(err)
	}
	a, err := register(registerJob{})
	if err != nil || a.ActivationCode != "ABC123" || a.Host != "https://remembered.example" || !a.inOrder() {
		t.Fatalf("%+v, %v", a, err)
	}
	wantText(t, a.text(), "Activation code: ABC123")
	form, err := os.ReadFile(filepath.Join(i.Data, "form.json"))
	if err != nil {
		t.Fatal(err)
	}
	wantText(t, string(form), "setpoint:false", "commandRefreshInterval:60")
	var shown strings.Builder
	if a, err = register(registerJob{wait: time.Millisecond, show: &shown}); err != nil || a.inOrder() {
		t.Errorf("nobody entered the code: %+v, %v", a, err)
	}
	wantText(t, shown.String(), "Activation code: ABC123") // while it waits
	if a, err = register(registerJob{host: "https://prompt.example", wait: time.Minute}); err != nil || !a.inOrder() {
		t.Errorf("%+v, %v", a, err)
	}
	if err := os.Remove(filepath.Join(i.Data, "secrets", firstPasswordName)); err != nil {
		t.Fatal(err)
	}
	if _, err = register(registerJob{}); err == nil || !strings.Contains(err.Error(), "--password-file") {
		t.Errorf("%v", err)
	}
	wrong := &secretSource{what: "it", file: m.write("wrong", "wrong")}
	if _, err = register(registerJob{password: wrong}); err == nil || !strings.Contains(err.Error(), "reset-password") {
		t.Errorf("%v", err)
	}
}

func TestThePasswordIsResetWhileNothingElseUsesTheData(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	i := installed(t, m, "", nil)
	m.runs = func(args []string) (string, error) {
		if m.services["oibus"].server != nil {
			t.Error("OIBus runs")
		}
		return "", os.WriteFile(filepath.Join(i.Data, "secrets", firstPasswordName), []byte("admin second\n"), 0o600)
	}
	m.calls = nil
	a, err := resetPassword(t.Context(), m, &target{}, &secretSource{})
	if err != nil {
		t.Fatal(err)
	}
	m.wantCalls("stop oibus", "run oibus-launcher --reset-password", "start oibus")
	wantText(t, a.text(), "The user admin has a new password", "first-password.txt")
	if strings.Contains(a.text(), "second") {
		t.Error("the password is shown to a program")
	}
	a, err = resetPassword(t.Context(), m, &target{}, &secretSource{what: "it", file: m.write("chosen", "my own\n")})
	if err != nil {
		t.Fatal(err)
	}
	wantText(t, a.text(), "has the new password")
	if text, err := os.ReadFile(filepath.Join(i.Data, "chosen")); err != nil || string(text) != "my own" {
		t.Errorf("%q, %v", text, err)
	}
}

func TestStatusTellsBothReleases(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	i := installed(t, m, "", nil)
	m.write("lib/oibus/launcher.json", `{"phase":"idle","agent":{"version":"9.1.0","pid":3},"upgrades":{"running":{"version":"9.1.0","folder":"9.1.0"},
		"previous":{"version":"9.0.0","folder":"9.0.0"},"last":{"version":"9.1.0","outcome":"committed","endedAt":"2026-03-01T10:00:00Z"},"bad":[{"version":"9.0.9"}]}}`)
	m.write("lib/oibus/state/registration.json", `{"schema":1,"data":{"status":"PENDING","host":"https://x.example","activationCode":"XYZ789","activationExpirationDate":"soon"}}`)
	a, err := statusOf(t.Context(), m, &target{})
	if err != nil {
		t.Fatal(err)
	}
	wantText(t, a.text(), "9.1.0, brought by an upgrade", "factory", "in "+i.Programs, "go back to     9.0.0", "failed before  9.0.9",
		"enter the code XYZ789 in OIAnalytics at https://x.example", "oibus: running, process 7")
	if !a.(statusAnswer).inOrder() {
		t.Errorf("%+v", a)
	}
	m.services["oibus"].stop()
	if a, err = statusOf(t.Context(), m, &target{}); err != nil || a.(statusAnswer).inOrder() {
		t.Errorf("it does not run: %+v, %v", a, err)
	}
	if _, err := statusOf(t.Context(), m, &target{name: "other"}); exitCode(err) != ExitAbsent {
		t.Errorf("%v", err)
	}
}

func TestTheDoctorSaysWhatToDo(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	i := installed(t, m, "", nil)
	a := examine(t.Context(), m, i.instance)
	if !a.inOrder() {
		t.Errorf("it is well:\n%s", a.text())
	}
	wantText(t, a.text(), "warning  registration not registered with OIAnalytics", "oibus-installer register --host URL")

	m.write("lib/oibus/state/engine.json.corrupt-1", "")
	m.write("lib/oibus/rescued/3.9.1/cache/n1/x.json", "")
	m.write("lib/oibus/update/x.zip.rejected.txt", "")
	m.write("lib/oibus/launcher.json", `{"phase":"idle","upgrades":{"running":{"version":"9.1.0","folder":"9.1.0"}}}`)
	if err := os.WriteFile(i.Settings, []byte("[launcher]\nstop_limit = 1\n[web]\nport = "+strconv.Itoa(freePort(t))+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(i.Programs, "binaries", "oibus"+programSuffix(i.Programs))); err != nil {
		t.Fatal(err)
	}
	m.services["oibus"].stop()
	a = examine(t.Context(), m, i.instance)
	if a.inOrder() {
		t.Error("it is not well")
	}
	if strings.Contains(a.text(), "runs nothing") {
		t.Errorf("it is stopped, that is no version:\n%s", a.text())
	}
	wantText(t, a.text(), "cannot find the program", "oibus.toml:2", "oibus: stopped", "does not answer", "damaged files were put aside: 1,", filepath.Join("rescued", "3.9.1"), "packages were rejected", "the version that should run is damaged")
}

func TestGoingBackNeedsAVersionAndWaitsForTheVerdict(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	i := installed(t, m, "", nil)
	j := rollbackJob{m: m, target: &target{}, limit: 30 * time.Second}
	if _, err := j.run(t.Context()); err == nil || !strings.Contains(err.Error(), "no version to go back to") {
		t.Errorf("%v", err)
	}
	m.write("lib/oibus/launcher.json", `{"phase":"idle","upgrades":{"running":{"version":"9.1.0","folder":"9.1.0"},"previous":{"version":"9.0.0","folder":"9.0.0"}}}`)
	m.write("opt/oibus-sbom.json", `{"metadata":{"component":{"version":"8.9.0"}}}`)
	j.version = "8.0.0"
	if _, err := j.run(t.Context()); err == nil || !strings.Contains(err.Error(), "there is: 9.0.0, 8.9.0") {
		t.Errorf("%v", err)
	}
	j.version = "v9.0.0"
	done := make(chan error, 1)
	go func() { // the launcher
		done <- until(t.Context(), 20*time.Second, func() bool {
			_, there, err := handover.ReadRollback(i.Data)
			return there && err == nil
		})
		tmp := m.write("lib/oibus/launcher.json.new", `{"phase":"idle","upgrades":{"running":{"version":"9.0.0"},"last":{"source":"rollback","outcome":"committed","running":"9.0.0","endedAt":"2026-03-01T10:00:00Z"}}}`)
		_ = os.Rename(tmp, filepath.Join(i.Data, "launcher.json"))
	}()
	a, err := j.run(t.Context())
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	wantText(t, a.text(), "Version 9.0.0 runs again.")
}

func TestCompletionKnowsEachVerbAndTheManualToo(t *testing.T) {
	t.Parallel()
	page, _ := do(t, ExitDone, "man")
	texts := []string{page}
	wantText(t, page, ".SH EXIT STATUS", "until it is changed; or provide one:\n.PP\n.nf", "\n.RE\n.fi\n.PP\nWith a name it is one more", "have done all that for the one without a name.\n.PP\nWith")
	for shell, as := range map[string]struct{ verb, option string }{
		"bash": {`    "%s") options="`, "--%s"}, "powershell": {"    '%s' = '", "--%s"}, "zsh": {"    '%s' '", "--%s"}, "fish": {"-f -a %[2]s", "-l %s "},
	} {
		script, _ := do(t, ExitDone, "completion", shell)
		texts = append(texts, script)
		lines := strings.Split(script, "\n")
		for _, v := range verbs {
			words := strings.Fields(v.name)
			mark := fmt.Sprintf(as.verb+"%.0[2]s", v.name, words[len(words)-1])
			if !strings.Contains(script, strings.TrimSpace(mark)) {
				t.Errorf("%s does not know %s", shell, v.name)
			}
			for _, d := range v.described() {
				option := fmt.Sprintf(as.option, d.bare)
				if !slices.ContainsFunc(lines, func(line string) bool {
					return strings.Contains(line, option) && (strings.Contains(line, mark) || strings.Contains(line, strings.Join(words, "; and __fish_seen_subcommand_from ")))
				}) {
					t.Errorf("%s does not know %s of %s", shell, option, v.name)
				}
			}
		}
	}
	for _, v := range verbs {
		wantText(t, page, roff(v.name))
		for _, d := range v.described() {
			wantText(t, page, roff(d.name))
		}
	}
	for _, text := range texts {
		if strings.Contains(text, "msi") {
			t.Error("it tells what is for Windows Installer only")
		}
	}
}

func TestCompletionGoesOnAfterHelp(t *testing.T) {
	t.Parallel()
	script, _ := do(t, ExitDone, "completion", "bash")
	wantText(t, script, `[[ ${COMP_WORDS[1]:-} != help || $COMP_CWORD == 1 ]] || at=2`, `$COMP_CWORD == "$at"`)
	script, _ = do(t, ExitDone, "completion", "fish")
	wantText(t, script, "'__fish_seen_subcommand_from help' -f -a install")
	script, _ = do(t, ExitDone, "completion", "zsh")
	wantText(t, script, "at=3")
	script, _ = do(t, ExitDone, "completion", "powershell")
	wantText(t, script, "-eq 'help'")
}

func TestTheUnitIsNotStartedWithoutItsPrograms(t *testing.T) {
	t.Parallel()
	wantText(t, unitText(instance{Programs: "/opt/oibus", Data: "/var/lib/oibus"}), "\nConditionFileIsExecutable=/opt/oibus/oibus-launcher\n")
}

func TestAnExplanationFitsOnAScreen(t *testing.T) {
	t.Parallel()
	for _, v := range verbs {
		help, _ := do(t, ExitDone, append(strings.Fields(v.name), "--help")...)
		for line := range strings.Lines(help) {
			line = strings.TrimRight(line, "\n")
			if len(line) > 121 || strings.HasSuffix(line, " ") {
				t.Errorf("the help of %s has the line %q of %d columns", v.name, line, len(line))
			}
		}
	}
	if got := folded("one two three", 10, 4, 14); got != "one\n    two three" {
		t.Errorf("%q", got)
	}
}

func TestSecretsComeFromWhereNobodyElseLooks(t *testing.T) {
	m := newMachine(t)
	t.Setenv("OIBUS_TEST_SECRET", "of the environment")
	for _, c := range []struct {
		s    secretSource
		want string
	}{
		{secretSource{variable: "OIBUS_TEST_SECRET"}, "of the environment"},
		{secretSource{variable: "OIBUS_TEST_SECRET", file: m.write("a", "of the file\r\n")}, "of the file"},
		{secretSource{variable: "OIBUS_TEST_NONE"}, ""},
	} {
		if got, err := c.s.read(); got != c.want || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
	}
	for _, file := range []string{m.write("empty", "\n"), m.write("long", strings.Repeat("x", maxSecret+1)), filepath.Join(m.dir, "missing")} {
		if _, err := (&secretSource{what: "it", file: file}).read(); err == nil {
			t.Errorf("%s is accepted", file)
		}
	}
}

func TestTheDoctorFindsWhatConnectorsAreKeptAwayFrom(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	i := installed(t, m, "", nil)
	outside := filepath.Join(m.dir, "outside")
	state := func(name, text string) {
		m.write("lib/oibus/state/"+name, `{"schema":1,"data":`+strings.ReplaceAll(text, "OUT", strings.ReplaceAll(outside, `\`, `\\`))+`}`)
	}
	found := func() string {
		a := examine(t.Context(), m, i.instance)
		text := ""
		for _, f := range a.Findings {
			if f.Check == "connectors" {
				text += string(f.Level) + " " + f.Text + "\n"
			}
		}
		return text + strings.Join(a.DropIn, "\n")
	}
	if got := found(); got != "" {
		t.Errorf("there are no connectors: %s", got)
	}
	state("souths/s1.json", `{"name":"In","enabled":true,"settings":{"inputFolder":"OUT/in","inside":"OUT/no"}}`)
	state("souths/s2.json", `{"name":"Own","enabled":true,"settings":{"inputFolder":"./input"}}`)
	state("norths/n1.json", `{"name":"Out","enabled":true,"settings":{"outputFolder":"OUT/out"}}`)
	state("norths/n2.json", `{"name":"Off","enabled":false,"settings":{"authentication":[{"certFilePath":"OUT/certs/a.pem"}]}}`)
	state("history/h1.json", `{"name":"Past","status":"RUNNING","south":{"settings":{"databasePath":"OUT/a.db"}},"north":{"settings":{"outputFolder":"OUT/out"}}}`)
	if got, want := found(), "ok the service is let into all that they use, in 5 places\n"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if os.PathSeparator != '/' {
		return // there are no units
	}
	m.unit = "ProtectSystem=strict\n"
	if got, want := found(), "problem the North \"Out\" cannot write into "+outside+"/out: the service may only read there\n"+
		"problem the history query \"Past\" cannot write into "+outside+"/out: the service may only read there\n"+
		"[Service]\nReadWritePaths=-"+outside+"/out"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	m.write("lib/oibus/state/souths/s1.1.log", `0 {"put":[{"settings":{"preserveFiles":false}}]}`)
	m.unit += "InaccessiblePaths=" + outside + "/certs\nReadWritePaths=" + outside + "/out\n"
	a := examine(t.Context(), m, i.instance)
	if a.inOrder() {
		t.Error("it is not well")
	}
	wantText(t, a.text(), `problem  connectors   the South "In" cannot remove from `+outside+"/in", "ReadWritePaths=-"+outside+"/in",
		`warning  connectors   the North "Off" cannot get at `+outside+"/certs/a.pem", "/etc/systemd/system/oibus.service.d/connectors.conf")
	state("norths/n1.json", `{"name":"Out","enabled":true,"settings":{"outputFolder":"OUT/no\\n[Service]\\nUser=root"}}`)
	if a := examine(t.Context(), m, i.instance); slices.Contains(a.DropIn, "User=root") || strings.Contains(a.text(), "\nUser=root") || !strings.Contains(a.text(), `/no\n[Service]`) {
		t.Errorf("a path becomes lines: %s", a.text())
	}
	m.unit = "PrivateTmp=yes\n"
	state("norths/n1.json", `{"name":"Out","enabled":true,"settings":{"outputFolder":"/tmp/x"}}`)
	wantText(t, found(), `problem the North "Out" sees only its own files in /tmp/x`)
}

func TestWhatAPackageHasReplacedIsNotOfferedToGoBackTo(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	i := installed(t, m, "", nil)
	for _, c := range []struct{ upgrades, phase, want string }{
		{`{"running":{"version":"3.10.0","folder":"a"},"previous":{"version":"3.9.0"}}`, "idle", "3.9.1"}, // 3.9.0 was the package before
		{`{"running":{"version":"3.10.0","folder":"a"}}`, "idle", "3.9.1"},
		{`{"running":{"version":"3.9.1"},"previous":{"version":"3.10.0","folder":"a"}}`, "idle", "3.10.0"},
		{`{"running":{"version":"3.9.1"},"previous":{"version":"3.9.0"}}`, "idle", ""},
		{`{"running":{"version":"3.10.0","folder":"a"},"previous":{"version":"3.9.1"}}`, "trial", ""},
	} {
		m.write("opt/oibus-sbom.json", `{"metadata":{"component":{"version":"3.9.1"}}}`)
		m.write("lib/oibus/launcher.json", `{"phase":"`+c.phase+`","agent":{"version":"3.10.0","pid":3},"upgrades":`+c.upgrades+`}`)
		s := look(t.Context(), m, i.instance)
		if s.Previous != c.want || s.Factory != "3.9.1" {
			t.Errorf("%s %s: back to %q, factory %q", c.phase, c.upgrades, s.Previous, s.Factory)
		}
	}
	m.write("lib/oibus/launcher.json", `{"phase":"idle","upgrades":{"running":{"version":"3.10.0","folder":"a"},"previous":{"version":"3.9.0"}}}`)
	_, err := rollbackJob{m: m, target: &target{}, version: "3.9.0", limit: time.Minute}.run(t.Context())
	if err == nil || !strings.HasSuffix(err.Error(), "there is: 3.9.1") {
		t.Errorf("%v", err)
	}
}
