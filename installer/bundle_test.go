package installer

import (
	"archive/zip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// bundle makes a bundle and reads it.
func bundle(t *testing.T, m machine, i instance) (a *doctorAnswer, files map[string]string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bundle.zip")
	made, err := bundleJob{m: m, file: path, password: &secretSource{}}.run(t.Context(), i)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("others can read it: %v, %v", info.Mode(), err)
	}
	z, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	files = map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err = errors.Join(err, r.Close()); err != nil {
			t.Fatal(err)
		}
		if _, there := files[f.Name]; there {
			t.Errorf("%s is in it twice", f.Name)
		}
		files[f.Name] = string(text)
	}
	return made.(*doctorAnswer), files
}

// fullOfSecrets puts a secret into each file of a data folder that could have one.
func fullOfSecrets(t *testing.T, m *fakeMachine, i instance) {
	t.Helper()
	m.write("lib/oibus/secrets/key", "S3CRET-key")
	m.write("lib/oibus/secrets/first-password.txt", "admin S3CRET-first\n")
	m.write("lib/oibus/state/norths/n1.json", `{"schema":1,"data":{"settings":{"password":"S3CRET-north"}}}`)
	m.write("lib/oibus/state/registration.json", `{"schema":1,"data":{"status":"PENDING","host":"http://127.0.0.1:1","activationCode":"S3CRET","activationExpirationDate":"soon","accessToken":"S3CRET-token"}}`)
	m.write("lib/oibus/logs/journal.jsonl", `{"msg":"GET https://u:S3CRET-url@x.example","password":"S3CRET-log"}`+"\n")
	m.write("lib/oibus/oibus.init.json", `{"adminPassword":"S3CRET-init"}`)
	text, err := os.ReadFile(i.Settings)
	if err == nil {
		err = os.WriteFile(i.Settings, append(text, "[secrets]\nx_password = \"S3CRET-toml\"\n"...), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestABundleHoldsWhatHelpsAndNoSecrets(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	i := installed(t, m, "", nil).instance
	fullOfSecrets(t, m, i)
	a, files := bundle(t, m, i)
	if a.Bundle == "" || a.BundleLacks != "" {
		t.Errorf("%+v", a)
	}
	wantText(t, a.text(), "S3CRET in OIAnalytics", "only for the eyes of its owner: "+a.Bundle)
	wantText(t, files["doctor.json"], `"check": "service"`, "enter the code *** in OIAnalytics")
	wantText(t, files["settings/oibus.toml"], "port = ")
	wantText(t, files["logs/journal.jsonl"], "x.example")
	wantText(t, files["disk/files.txt"], "state/registration.json")
	wantText(t, files["agent/process/goroutines.txt"], "goroutine 1")
	if _, there := files["agent/logs/journal.jsonl"]; there {
		t.Error("a log is in it twice")
	}
	for name, text := range files {
		if strings.Contains(text, "S3CRET") || strings.Contains(text, "of the north") {
			t.Errorf("%s tells a secret:\n%s", name, text)
		}
	}
}

func TestABundleIsMadeOfAnOIBusThatIsStopped(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	i := installed(t, m, "", nil).instance
	fullOfSecrets(t, m, i)
	m.services["oibus"].stop()
	a, files := bundle(t, m, i)
	wantText(t, a.text(), "It lacks what the running OIBus says of itself: ", "does not answer")
	wantText(t, files["problems.txt"], "agent: ", "does not answer")
	for _, name := range []string{"doctor.json", "settings/oibus.toml", "logs/journal.jsonl", "disk/files.txt", "disk/space.json"} {
		if files[name] == "" {
			t.Errorf("%s is missing", name)
		}
	}
	_, err := bundleJob{m: m, file: a.Bundle, password: &secretSource{}}.run(t.Context(), i)
	if !errors.Is(err, os.ErrExist) {
		t.Errorf("a file that is there is replaced: %v", err)
	}
}

func TestABundleWithoutAPasswordSaysHowToNameOne(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	i := installed(t, m, "", nil).instance
	if err := os.Remove(filepath.Join(i.Data, "secrets", firstPasswordName)); err != nil {
		t.Fatal(err)
	}
	a, files := bundle(t, m, i)
	wantText(t, a.text(), "--user and --password-file")
	wantText(t, files["problems.txt"], "--user and --password-file")
}

func TestWhatIsNoArchiveOfAnAgentIsRefused(t *testing.T) {
	t.Parallel()
	if _, err := agentParts([]byte("hello")); err == nil {
		t.Error("a text is taken for an archive")
	}
}

func FuzzAgentParts(f *testing.F) {
	f.Add([]byte("PK\x05\x06\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, archive []byte) {
		parts, err := agentParts(archive)
		if err != nil {
			return
		}
		for _, p := range parts {
			if !strings.HasPrefix(p.Name, agentFolder) || strings.Contains(p.Name, "..\\") || strings.Contains(p.Name, "/../") {
				t.Errorf("the name is %q", p.Name)
			}
			_ = p.Write(io.Discard)
		}
	})
}

func TestWithoutRightsNothingIsSaidThatIsNotKnown(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	i := installed(t, m, "", nil)
	m.write("etc/oibus.toml", "[web]\naddress = \"127.0.0.1\"\n") // the port then stands in the data folder
	a, err := statusOf(t.Context(), noRights{fakeMachine: m}, &target{})
	if err != nil {
		t.Fatal(err)
	}
	s := a.(statusAnswer)
	wantText(t, s.text(), "oibus: running, process 7", "runs           unknown", "page           unknown", "registration   unknown", "rights         needs ")
	for _, wrong := range []string{"http:", "nothing", "not registered", "problem"} {
		if strings.Contains(s.text(), wrong) {
			t.Errorf("it says %q:\n%s", wrong, s.text())
		}
	}
	if s.Instances[0].Answers != nil || s.Instances[0].Page != "" || s.Instances[0].FromUpgrade != nil {
		t.Errorf("%+v", s.Instances[0])
	}
	out := output{stdout: io.Discard, stderr: io.Discard}
	if code := out.finish(s, nil); code != ExitRights {
		t.Errorf("it ends with %d", code)
	}
	d := examine(t.Context(), noRights{fakeMachine: m}, i.instance)
	wantText(t, d.text(), "ok       service", "warning  rights       this needs ")
	for _, wrong := range []string{"problem", "registered", "upgrade", "page", "restart"} {
		if strings.Contains(d.text(), wrong) {
			t.Errorf("it says %q:\n%s", wrong, d.text())
		}
	}
	if code := out.finish(d, nil); code != ExitRights {
		t.Errorf("it ends with %d", code)
	}
	blind := look(t.Context(), noRights{m, true}, i.instance)
	if line := blind.serviceLine(); line != "oibus: unknown" || !blind.NeedsRights || blind.Problems != nil {
		t.Errorf("%s of %+v", line, blind)
	}
	if text := examine(t.Context(), noRights{m, true}, i.instance).text(); strings.Contains(text, "service") {
		t.Errorf("it says how the service is:\n%s", text)
	}
}

func TestAStoppedOIBusIsNotSaidToRunNothing(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	i := installed(t, m, "", nil).instance
	m.services["oibus"].stop()
	wantText(t, examine(t.Context(), m, i).text(), "the factory release ", " would run")
	m.write("lib/oibus/launcher.json", `{"phase":"idle","upgrades":{"running":{"version":"9.1.0","folder":"9.1.0"}}}`)
	if text := examine(t.Context(), m, i).text(); strings.Contains(text, "would run") || strings.Contains(text, "nothing") {
		t.Errorf("it says what the launcher decides:\n%s", text)
	}
}

func TestAPageWithACertificateOfItsOwnIsReached(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	settings := m.write("etc/oibus.toml", "[web]\ntls_generated = true\nport = "+strconv.Itoa(freePort(t))+"\n")
	a := installed(t, m, "", func(j *installJob) { j.port = 0 })
	if !strings.HasPrefix(a.Page, "https://127.0.0.1:") || !a.Started {
		t.Fatalf("%+v of %s", a, settings)
	}
	s := look(t.Context(), m, a.instance)
	if !s.well() {
		t.Errorf("%+v", s)
	}
	if _, err := m.certificate(filepath.Join(a.Data, "secrets", ownCertificate)); err != nil {
		t.Fatal(err)
	}
	if s := look(t.Context(), m, a.instance); s.answers() {
		t.Error("a page with another certificate is taken for this OIBus")
	}
}

func TestAPackageIsRemovedByWhatHasInstalledIt(t *testing.T) {
	t.Parallel()
	for by, want := range map[string]string{byPackage: "apt remove oibus, or dnf remove oibus", byMSI: "in Settings > Apps, or with msiexec /x"} {
		wantText(t, removal(instance{ManagedBy: by}), want)
	}
}

func TestNotBeingRegisteredIsNotInOrder(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	installed(t, m, "", nil)
	a, err := registerJob{m: m, target: &target{}, password: &secretSource{}}.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	wantText(t, a.text(), "Not registered: oibus-installer register --host URL")
	if out := (output{stdout: io.Discard, stderr: io.Discard}); out.finish(a, nil) != ExitRefused {
		t.Error("a script takes it for registered")
	}
}
