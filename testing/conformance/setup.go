package conformance

import (
	"testing"

	"oibus/testing/cloudsim"
	"oibus/testing/harness"
)

// result is a scenario that was played and waits to be compared.
type result struct {
	name    string
	compare comparison
}

func (res result) report(t *testing.T, agent Dialect) {
	t.Run(res.name, func(t *testing.T) {
		found, err := res.compare()
		if err != nil {
			t.Fatal(err)
		}
		verdict := Judge(differences, agent, res.name, found)
		if !verdict.Passed() {
			t.Errorf("it differs from the recording:\n%s", verdict)
		}
		for _, d := range verdict.Deliberate {
			t.Logf("differs deliberately: %s", d.Reason)
		}
	})
}

func newSim(t *testing.T, o cloudsim.Options) *cloudsim.Sim {
	t.Helper()
	o.Record = true
	o.Limits.RequestBytes, o.Limits.RequestCount = 512<<20, 100_000
	return harness.Simulator(t, o)
}

// announcing is the settings file of an agent that announces the version of the recordings.
func announcing(d Dialect) string {
	return "[oianalytics]\ncompatibility = \"3.8.8\"\ndialect = \"" + string(d) + "\"\n"
}

// registerForm is how the reference was registered when it was recorded.
func registerForm(t *testing.T, folder, host string) map[string]any {
	t.Helper()
	var recorded struct {
		Form map[string]any `json:"registerCommand"`
	}
	if err := loadJSON(folder, "registration", &recorded); err != nil {
		t.Fatal(err)
	}
	recorded.Form["host"] = host
	return recorded.Form
}

func newPlayer(t *testing.T, agent, recorded Dialect) *Player {
	t.Helper()
	return newPlayerWith(t, agent, recorded, harness.Options{Settings: announcing(agent), UnpinnedPort: true})
}

func newPlayerWith(t *testing.T, agent, recorded Dialect, o harness.Options) *Player {
	t.Helper()
	folder := harness.Shared(t, recorded.Folder())
	sim := newSim(t, cloudsim.Options{BasePath: gatewayBase, AccessKey: recordedAccessKey, SecretKey: ourSecret})
	a := harness.Start(t, o)
	ids, err := RecordedIDs(folder)
	if err != nil {
		t.Fatal(err)
	}
	p := &Player{t: t, dialect: agent, folder: folder, sim: sim, agent: a, recorded: ids, form: registerForm(t, folder, sim.URL())}
	p.ports = map[float64]float64{enabledProxy: float64(harness.FreePort(t))}
	p.portUse = map[float64]string{enabledProxy: "‹proxy port›"}
	p.movedTo(a.Port)
	return p
}

// movedTo notes the port of the page.
func (p *Player) movedTo(port int) {
	p.agent.MovedTo(port)
	for _, recorded := range []float64{webPortN, webPortR, webPortVariants, webPortVariantsR} {
		p.ports[recorded], p.portUse[recorded] = float64(port), "‹web port›"
	}
}

// register registers the agent, without looking at how.
func (p *Player) register() {
	p.id = p.agent.RegisterWith(p.sim, p.form).ID
	for _, endpoint := range configurations {
		if !p.await(endpoint, 0, 1) {
			p.t.Fatalf("registering was not followed by %s", endpoint)
		}
	}
}

// renamer makes the command that names the engine in each dialect.
func renamer(d Dialect, translator *Translator) func(string) map[string]any {
	return func(name string) map[string]any {
		if d == N {
			return map[string]any{"type": "update-engine-general", "commandContent": map[string]any{"name": name}}
		}
		flat, err := translator.content(map[string]any{"name": name})
		if err != nil {
			return map[string]any{"type": engineSettings, "commandContent": err.Error()}
		}
		return map[string]any{"type": engineSettings, "commandContent": flat}
	}
}
