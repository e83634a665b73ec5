package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"oibus/testing/cloudsim"
	"oibus/testing/fault/site"
	"oibus/testing/harness"
)

func TestFromAnEmptyFolderToACommandedSite(t *testing.T) {
	t.Parallel()
	a := harness.Start(t, harness.Options{Launcher: true})
	sim := harness.Simulator(t, cloudsim.Options{})
	passwordFile := filepath.Join(a.Dir, "secrets", "first-password.txt")
	if info, err := os.Stat(passwordFile); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the first password: %v, %v", info, err)
	}
	if strings.Contains(a.Output(), a.Password) {
		t.Error("the first password is in the output, which others may read")
	}
	var me struct{ ID, Login string }
	must(t, a.Client, "GET", "/api/users/current-user", nil, &me)
	if me.Login != "admin" {
		t.Errorf("the first user is %q", me.Login)
	}
	must(t, a.Client, "PUT", "/api/users/"+me.ID+"/password", map[string]any{"newPassword": "changed-Secret-7"}, nil)
	if answer, err := a.Do(limited(t), "GET", "/api/engine", nil); err != nil || answer.Status != 401 {
		t.Errorf("the first password still works: %d, %v", answer.Status, err)
	}
	a.Password = "changed-Secret-7"
	if _, err := os.Stat(passwordFile); !os.IsNotExist(err) {
		t.Errorf("the file of the first password is still there after its change: %v", err)
	}

	known := a.RegisterWith(sim, harness.RegistrationForm(sim.URL()))
	if known.Version != "3.9.0" || known.Name != "OIBus" {
		t.Errorf("registered as %+v", known)
	}
	s := site.Of(t, a, sim, known.ID)
	for _, kind := range []string{cloudsim.FullConfig, cloudsim.HistoryQueries} {
		c, err := sim.WaitConfiguration(limited(t), cloudsim.ConfigurationFilter{Agent: known.ID, Kind: kind})
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{"changed-Secret-7", "PRIVATE KEY", known.Token} {
			if secret != "" && strings.Contains(string(c.Body), secret) {
				t.Errorf("%s holds a secret", kind)
			}
		}
	}
	ids, err := sim.Queue(known.ID, command("create-scan-mode", scanMode("From the cloud")), command("update-engine-general", map[string]any{"name": "Line 9"}))
	if err != nil {
		t.Fatal(err)
	}
	for _, end := range s.Ended(limited(t), ids...) {
		if end.Status != cloudsim.CommandCompleted {
			t.Errorf("%s ended %s: %s", end.Type, end.Status, text(end.Result))
		}
	}
	err = sim.Wait(limited(t), func() bool {
		latest, _, err := sim.Configuration(known.ID, cloudsim.FullConfig)
		return err == nil && strings.Contains(string(latest.Body), "From the cloud") && strings.Contains(string(latest.Body), "Line 9")
	})
	if err != nil {
		t.Errorf("the changes are not told: %v", err)
	}
	if code := a.Stop(); code != 0 {
		t.Errorf("the launcher ended with %d\n%s", code, a.Output())
	}
}

func TestRegistrationWithoutAPersonAtThePage(t *testing.T) {
	t.Parallel()
	harness.Program(t, "oibus")
	sim := harness.Simulator(t, cloudsim.Options{})
	a := harness.Start(t, harness.Options{Settings: "[oianalytics]\nhost = \"" + sim.URL() + "\"\ncommand_refresh_interval = 1\n"})
	waiting, err := sim.WaitRegistration(limited(t))
	if err != nil {
		t.Fatalf("%v\n%s", err, a.Output())
	}
	harness.Until(t, patience, "the code is printed", func() bool { return strings.Contains(a.Output(), "Activation code "+waiting.Code) })
	harness.Until(t, patience, "the code is logged", func() bool { return strings.Contains(journal(t, a.Dir), waiting.Code) })
	known, err := sim.Approve(waiting.Code)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sim.WaitRequests(limited(t), cloudsim.RequestFilter{Agent: known.ID, Endpoint: "E4"}, 2); err != nil {
		t.Errorf("it does not poll: %v\n%s", err, a.Output())
	}
	if code := a.Stop(); code != 0 {
		t.Errorf("it ended with %d", code)
	}
}
