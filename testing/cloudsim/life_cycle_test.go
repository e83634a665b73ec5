package cloudsim

import (
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"
)

func TestAnAgentRegistersIsApprovedByItsCodeAndExecutesACommand(t *testing.T) {
	t.Parallel()
	sim := start(t, Options{})
	a := newAgent(t, sim, "Q2d0kP8sLmA71xYz")
	a.register()
	waiting, err := sim.WaitRegistration(patient(t))
	if err != nil || waiting.Code != "aZ3k9Q" || waiting.Agent.Name != "Line 4 gateway" {
		t.Fatalf("waiting %+v, error %v", waiting, err)
	}
	if said := a.checkRegistration(); said.Status != RegistrationPending || said.AccessToken != nil {
		t.Fatalf("check before the approval: %+v", said)
	}
	if _, err := sim.Approve("aZ3K9q"); !errors.Is(err, ErrNoSuchCode) {
		t.Fatalf("a code in another case is accepted: %v", err)
	}
	if _, err := sim.Approve("aZ3k9Q"); err != nil {
		t.Fatal(err)
	}
	if said := a.checkRegistration(); said.Status != RegistrationCompleted || said.AccessToken == nil {
		t.Fatalf("check after the approval: %+v", said)
	}
	if said := a.checkRegistration(); said.AccessToken == nil {
		t.Fatal("the token is lost when the first answer is")
	}
	if len(sim.Registrations()) != 0 {
		t.Fatal("it still waits")
	}
	ids := mustQueue(t, sim, a.id, rename(1))
	commands := a.poll()
	if len(commands) != 1 || commands[0]["id"] != ids[0] || commands[0]["targetVersion"] != "3.9.0" {
		t.Fatalf("handed out %v", commands)
	}
	if again := a.poll(); len(again) != 1 {
		t.Fatalf("a command that was not acknowledged is handed out %d times at the next poll", len(again))
	}
	a.report(ids[0], CommandRetrieved, "")
	if left := a.poll(); len(left) != 0 {
		t.Fatalf("an acknowledged command is handed out again: %v", left)
	}
	a.report(ids[0], CommandRunning, "")
	a.report(ids[0], CommandCompleted, "Engine name updated successfully")
	ended, err := sim.WaitTerminal(patient(t), ids...)
	if err != nil {
		t.Fatal(err)
	}
	c := ended[0]
	if c.Status != CommandCompleted || text(c.Result) != "Engine name updated successfully" || len(c.Updates) != 3 || c.Deliveries != 2 || len(c.Anomalies) != 0 {
		t.Fatalf("ended as %+v", c)
	}
	a.call(404, "GET", a.check, nil) // the token was used: the check has done its work
}

func TestADeclinedRegistrationIsToldSoAndAnExpiredOneCannotBeApproved(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 4, 8, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	sim := start(t, Options{Now: clock, RegistrationTTL: time.Minute})
	first, second := newAgent(t, sim, "first"), newAgent(t, sim, "second")
	second.code = "second"
	first.register()
	second.register()
	if err := sim.Decline("aZ3k9Q"); err != nil {
		t.Fatal(err)
	}
	if said := first.checkRegistration(); said.Status != RegistrationDeclined || said.Expired {
		t.Fatalf("declined: %+v", said)
	}
	now = now.Add(61 * time.Second)
	if said := second.checkRegistration(); said.Status != RegistrationExpired || !said.Expired || said.AccessToken != nil {
		t.Fatalf("expired: %+v", said)
	}
	if _, err := sim.Approve("second"); !errors.Is(err, ErrNoSuchCode) {
		t.Fatalf("an expired code is accepted: %v", err)
	}
	if _, err := sim.ApproveAgent("second"); err == nil {
		t.Fatal("an expired registration is accepted")
	}
}

func TestARegistrationIsCompletedWithoutAPersonWhenAskedTo(t *testing.T) {
	t.Parallel()
	sim := start(t, Options{AutoApprove: true})
	a := newAgent(t, sim, "auto")
	a.register()
	if said := a.checkRegistration(); said.Status != RegistrationCompleted || said.AccessToken == nil {
		t.Fatalf("check: %+v", said)
	}
	a.call(200, "GET", api+"oibus/status", nil)
}

func TestANewRegistrationReplacesTheTokenOnlyWhenItIsApproved(t *testing.T) {
	t.Parallel()
	sim := start(t, Options{})
	a := enrolled(t, sim, "again")
	old := a.token
	a.register()
	a.call(200, "GET", api+"oibus/status", nil)
	if _, err := sim.ApproveAgent("again"); err != nil {
		t.Fatal(err)
	}
	a.call(401, "GET", api+"oibus/status", nil)
	if a.checkRegistration(); a.token == old {
		t.Fatal("the token is the old one")
	}
	a.call(200, "GET", api+"oibus/status", nil)
}

func TestEveryEndpointWithATokenRefusesAMissingOrWrongOne(t *testing.T) {
	t.Parallel()
	sim := start(t, Options{})
	a := enrolled(t, sim, "refused")
	for _, token := range []string{"", "wrong"} {
		a.token = token
		for _, e := range endpoints {
			if e.access != anyone {
				a.call(401, e.Method, e.Path, nil)
			}
		}
	}
	a.call(404, "GET", "/api/oianalytics/unknown", nil)
	a.call(404, "POST", api+"oibus/commands/pending", nil)
}

func TestARevokedAgentIsRefusedAndAForgottenOneUnknown(t *testing.T) {
	t.Parallel()
	sim := start(t, Options{})
	a := enrolled(t, sim, "gone")
	ids := mustQueue(t, sim, "gone", rename(1))
	if err := sim.Revoke("gone"); err != nil {
		t.Fatal(err)
	}
	a.call(401, "GET", api+"oibus/commands/pending", nil)
	if err := sim.RemoveAgent("gone"); err != nil {
		t.Fatal(err)
	}
	if _, err := sim.Command(ids[0]); err == nil {
		t.Fatal("its command is still there")
	}
	if _, err := sim.Queue("gone", rename(2)); err == nil {
		t.Fatal("a command for a forgotten agent is accepted")
	}
}

func TestACommandIsCancelledAtOnceBeforeItIsTakenAndByTheAgentAfterwards(t *testing.T) {
	t.Parallel()
	sim := start(t, Options{})
	a := enrolled(t, sim, "cancel")
	ids := mustQueue(t, sim, "cancel", rename(1), rename(2), rename(3))
	if err := sim.Cancel(ids[0]); err != nil {
		t.Fatal(err)
	}
	if handed := a.poll(); len(handed) != 2 || handed[0]["id"] != ids[1] {
		t.Fatalf("handed out %v", handed)
	}
	a.report(ids[1], CommandRetrieved, "")
	a.report(ids[2], CommandRetrieved, "")
	if err := sim.Cancel(ids[1]); err != nil {
		t.Fatal(err)
	}
	if c, _ := sim.Command(ids[1]); c.Status != CommandRetrieved {
		t.Fatalf("the simulator decides for the agent: %s", c.Status)
	}
	if got := a.cancelled(ids[2], ids[1], "unknown"); !slices.Equal(got, []string{ids[1]}) {
		t.Fatalf("cancelled %v", got)
	}
	a.report(ids[1], CommandCancelled, "")
	a.report(ids[2], CommandRunning, "")
	if err := sim.Cancel(ids[2]); err == nil {
		t.Fatal("a running command can be cancelled")
	}
	a.report(ids[2], CommandErrored, "no")
	ended, err := sim.WaitTerminal(patient(t), ids...)
	if err != nil || ended[0].Status != CommandCancelled || ended[1].Status != CommandCancelled || ended[2].Status != CommandErrored {
		t.Fatalf("ended %+v, error %v", ended, err)
	}
}

func TestConfigurationsUpdateWhatIsKnownOfTheAgent(t *testing.T) {
	t.Parallel()
	sim := start(t, Options{})
	a := enrolled(t, sim, "config")
	full := func(name string) map[string]any {
		return map[string]any{"engine": map[string]any{"name": name, "softwareVersion": "3.9.1", "launcherVersion": "3.9.0", "architecture": "x64", "operatingSystem": "Linux 6.1"},
			"registration": map[string]any{"publicKey": "new key"}, "southConnectors": []any{map[string]any{"oIBusInternalId": "k3JdQ9", "type": "modbus", "settings": map[string]any{"name": "PLC 1"}}}}
	}
	a.call(200, "PUT", api+"oibus/configuration", full("before"))
	a.call(200, "PUT", api+"oibus/configuration", full("after"))
	a.call(200, "PUT", api+"oibus/configuration/history-query", map[string]any{"historyQueries": []any{}})
	known, err := sim.Agent("config")
	if err != nil || known.Name != "after" || known.Version != "3.9.1" || known.PublicKey != "new key" {
		t.Fatalf("known %+v, error %v", known, err)
	}
	latest, before, err := sim.Configuration("config", FullConfig)
	if err != nil || latest == nil || before == nil {
		t.Fatalf("latest %v, before %v, error %v", latest, before, err)
	}
	changes, _ := differences(before.Body, latest.Body)
	if len(changes) != 1 || changes[0] != (Change{Path: "engine.name", From: `"before"`, To: `"after"`}) {
		t.Fatalf("changes %+v", changes)
	}
	names, err := sim.Names("config")
	if err != nil || len(names["south"]) != 1 || names["south"][0] != (Named{ID: "k3JdQ9", Name: "PLC 1", Detail: "modbus"}) {
		t.Fatalf("names %+v, error %v", names, err)
	}
	all := sim.Configurations(ConfigurationFilter{Agent: "config"})
	if len(all) != 3 || all[0].Seq != 1 || all[2].Kind != HistoryQueries {
		t.Fatalf("received %+v", all)
	}
	for _, wrong := range []any{[]int{1}, "text", map[string]int{"other": 1}} {
		a.call(400, "PUT", api+"oibus/configuration/history-query", wrong)
	}
	a.call(400, "PUT", api+"oibus/configuration", []int{1})
}

func TestASecretEncryptedForAnAgentIsReadByItsPrivateKey(t *testing.T) {
	t.Parallel()
	sim := start(t, Options{})
	enrolled(t, sim, "secret")
	sealed, err := sim.Encrypt("secret", "pâss wörd")
	if err != nil {
		t.Fatal(err)
	}
	block, err := base64.StdEncoding.DecodeString(sealed)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := rsa.DecryptOAEP(sha256.New(), nil, testKey(), block, nil)
	if err != nil || string(plain) != "pâss wörd" {
		t.Fatalf("decrypted %q, error %v", plain, err)
	}
	if _, err := EncryptSecret("no key", "x"); err == nil {
		t.Fatal("a key that is none is accepted")
	}
}

func TestTheStateFileBringsAgentsTokensCommandsAndConfigurationsBack(t *testing.T) {
	t.Parallel()
	o := Options{State: t.TempDir() + "/state.json"}
	sim := start(t, o)
	a := enrolled(t, sim, "kept")
	waiting := newAgent(t, sim, "waiting")
	waiting.register()
	ids := mustQueue(t, sim, "kept", rename(1), rename(2), rename(3))
	a.poll()
	a.report(ids[0], CommandRetrieved, "")
	a.report(ids[0], CommandCompleted, "done")
	a.report(ids[1], CommandRetrieved, "")
	a.call(200, "PUT", api+"oibus/configuration", map[string]any{"engine": map[string]any{"name": "kept name"}})
	if _, err := sim.AddAsset("package", "p.zip", stringsReader("content")); err != nil {
		t.Fatal(err)
	}
	if err := sim.Close(); err != nil {
		t.Fatal(err)
	}
	again := start(t, o)
	a.host, waiting.host = again.URL(), again.URL()
	if handed := a.poll(); len(handed) != 1 || handed[0]["id"] != ids[2] {
		t.Fatalf("handed out after the restart: %v", handed)
	}
	list, err := again.Statuses(ids...)
	if err != nil || list[0].Status != CommandCompleted || len(list[0].Updates) != 2 || list[1].Status != CommandRetrieved {
		t.Fatalf("commands %+v, error %v", list, err)
	}
	known, err := again.Agent("kept")
	if err != nil || known.Name != "kept name" || known.Waiting != 2 {
		t.Fatalf("agent %+v, error %v", known, err)
	}
	if latest, _, err := again.Configuration("kept", FullConfig); err != nil || latest == nil || !json.Valid(latest.Body) {
		t.Fatalf("configuration %v, error %v", latest, err)
	}
	if _, err := again.Approve("aZ3k9Q"); err != nil {
		t.Fatal(err)
	}
	if said := waiting.checkRegistration(); said.Status != RegistrationCompleted {
		t.Fatalf("the waiting registration: %+v", said)
	}
	if assets := again.Assets(); len(assets) != 1 || assets[0].ID != "package" {
		t.Fatalf("packages %+v", assets)
	}
	if next := mustQueue(t, again, "kept", rename(4)); next[0] == ids[0] {
		t.Fatal("an id is used twice")
	}
}
