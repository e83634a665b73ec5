package fault

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"oibus/testing/cloudsim"
	"oibus/testing/fault/site"
	"oibus/testing/harness"
)

func TestAFirstStartThatIsKilledIsStartedAgain(t *testing.T) {
	t.Parallel()
	firstStarts(t, 3)
}

func TestSweepAFirstStartThatIsKilledAtAnyMomentIsStartedAgain(t *testing.T) {
	sweep(t)
	t.Parallel()
	firstStarts(t, 120)
}

// firstStarts kills the first start on an empty folder, at some moment of it, once or more, and checks that the next
// one finds nothing strange, lets its person in, and makes nothing anew afterwards.
func firstStarts(t *testing.T, n int) {
	rng := dice(t)
	for i := range n {
		provision := rng.IntN(2) == 0
		a := harness.New(t, harness.Options{})
		if provision {
			text := `{"engineName":"Line 7","adminUsername":"ops7","adminPassword":"provided-Secret"}`
			if err := os.WriteFile(filepath.Join(a.Dir, "oibus.init.json"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			a.Login, a.Password = "ops7", "provided-Secret"
		}
		for range 1 + rng.IntN(3) {
			a.Launch()
			pause(between(rng, 0, 120*time.Millisecond))
			a.Kill()
		}
		a.Start()
		first := identity(t, a)
		if provision && first.Info.Name != "Line 7" {
			t.Errorf("start %d: the engine is named %q", i, first.Info.Name)
		}
		for _, incident := range first.Incidents {
			if incident.Reason != "missing" {
				t.Errorf("start %d: %+v", i, incident)
			}
		}
		a.Kill()
		a.Start()
		if second := identity(t, a); second.Info != first.Info {
			t.Errorf("start %d: %+v became %+v", i, first.Info, second.Info)
		}
		if _, err := os.Stat(filepath.Join(a.Dir, "oibus.init.json")); err == nil {
			t.Errorf("start %d: the file with the password is still there", i)
		}
		a.Kill()
	}
}

// identity is what the agent says of itself to its person.
func identity(t *testing.T, a *harness.Agent) state {
	t.Helper()
	s, err := overview(t.Context(), a.Client)
	if err != nil {
		t.Fatalf("%s cannot sign in: %v\n%s", a.Login, err, a.Output())
	}
	return s
}

func TestARegistrationSurvivesKillsWhileItsCodeWaits(t *testing.T) {
	t.Parallel()
	rng := dice(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*recoversWithin)
	defer cancel()
	harness.Program(t, "oibus")
	sim := harness.Simulator(t, cloudsim.Options{})
	a := harness.Start(t, harness.Options{})
	code, err := a.RequestRegistration(ctx, harness.RegistrationForm(sim.URL()))
	if err != nil {
		t.Fatal(err)
	}
	a.Kill()
	a.Start()
	a.Kill()
	known, err := sim.Approve(code)
	if err != nil {
		t.Fatal(err)
	}
	a.Start()
	// The answer with the token is on its way when it is killed: it must be asked for again.
	if _, err := sim.WaitRequests(ctx, cloudsim.RequestFilter{Endpoint: "E2"}, 1); err != nil {
		t.Fatal(err)
	}
	pause(between(rng, 0, 5*time.Millisecond))
	a.Kill()
	a.Start()
	if _, err := sim.WaitRequests(ctx, cloudsim.RequestFilter{Agent: known.ID, Endpoint: "E4"}, 1); err != nil {
		t.Errorf("it never polls: %v\n%s", err, a.Output())
	}
}

func TestSecretsOfTheCloudAreReadAfterKillsInAChangeOfKeys(t *testing.T) {
	t.Parallel()
	changesOfKeys(t, 2)
}

func TestSweepSecretsOfTheCloudAreReadAfterManyKillsInChangesOfKeys(t *testing.T) {
	sweep(t)
	t.Parallel()
	changesOfKeys(t, 20)
}

// changesOfKeys kills the agent while it replaces the key that the cloud encrypts with. Whatever key the cloud knows
// at any time, what it encrypts must be readable.
func changesOfKeys(t *testing.T, n int) {
	rng := dice(t)
	s := site.Start(t, site.Options{})
	for i := range n {
		ctx, cancel := context.WithTimeout(t.Context(), recoversWithin)
		sealed := withSecret(t, s)
		s.Queue(map[string]any{"id": fmt.Sprint("keys-", i), "type": "regenerate-cipher-keys"})
		if err := s.Sim.Wait(ctx, func() bool {
			c, err := s.Sim.Command(fmt.Sprint("keys-", i))
			return err == nil && c.Deliveries > 0
		}); err != nil {
			t.Fatal(err)
		}
		pause(between(rng, 0, 60*time.Millisecond))
		s.Kill()
		s.Start()
		end := s.Ended(ctx, fmt.Sprint("keys-", i))[0]
		if end.Status != cloudsim.CommandCompleted && !strings.HasPrefix(text(end.Result), interrupted) {
			t.Errorf("the change of keys ended %s: %s", end.Status, text(end.Result))
		}
		for _, c := range []map[string]any{sealed, withSecret(t, s)} { // encrypted before, and with what the cloud knows now
			if end := s.Ended(ctx, s.Queue(c)...)[0]; end.Status != cloudsim.CommandCompleted {
				t.Errorf("change %d: a secret cannot be read: %s", i, text(end.Result))
			}
		}
		cancel()
	}
	keepsSecrets(t, s)
}

// withSecret is a command with a secret that is encrypted with the key that the cloud knows.
func withSecret(t *testing.T, s *site.Site) map[string]any {
	t.Helper()
	sealed, err := s.Sim.Encrypt(s.ID, site.LokiPassword)
	if err != nil {
		t.Fatal(err)
	}
	logger := site.Logger("info")
	logger["loki"].(map[string]any)["password"] = sealed
	return map[string]any{"type": "update-engine-logger", "commandContent": logger}
}
