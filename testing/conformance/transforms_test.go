package conformance

import (
	"maps"
	"slices"
	"testing"

	"oibus/testing/harness"
)

func TestTransformersAndCataloguesAreAsRecorded(t *testing.T) {
	t.Parallel()
	harness.Program(t, "oibus")
	for _, d := range []Dialect{N, R} {
		t.Run("dialect "+string(d), func(t *testing.T) {
			t.Parallel()
			run{agent: d, recorded: N, translate: d == R}.playTransformers(t)
		})
	}
}

// folderOf is where a recording is that both dialects may have, preferably that of our agent.
func (r run) folderOf(t *testing.T, own []string, name string) string {
	t.Helper()
	if slices.Contains(own, name) {
		return harness.Shared(t, r.agent.Folder())
	}
	return harness.Shared(t, r.recorded.Folder())
}

func (r run) playTransformers(t *testing.T) {
	p := newPlayer(t, r.agent, r.recorded)
	maps.Copy(p.recorded, unrecordedIDs)
	translator := &Translator{}
	p.rename = renamer(r.agent, translator)
	p.register()
	if err := r.catchUp(p, translator); err != nil {
		t.Fatalf("catching up: %v", err)
	}
	for _, st := range []step{renamed("OIBus golden"), registered} {
		if err := p.step(st); err != nil {
			t.Fatalf("catching up: %s: %v", st.what, err)
		}
	}
	var results []result
	for _, name := range catalogueScenarios[N] {
		results = append(results, result{name, p.playCatalogue(r.folderOf(t, catalogueScenarios[r.agent], name), name)})
	}
	for _, name := range transformerScenarios[N] {
		recording, err := r.load(r.folderOf(t, transformerScenarios[r.agent], name), name, translator)
		if err != nil {
			t.Fatal(err)
		}
		s := transformerScripts[r.agent][name]
		if s.rules, err = answerReads(recording); err == nil {
			err = p.Play(recording, s)
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		it := p.played[len(p.played)-1]
		results = append(results, result{name, func() ([]Difference, error) { return p.Compare(it) }})
	}
	if err := p.closeWindow(); err != nil {
		t.Fatal(err)
	}
	for _, res := range results {
		res.report(t, r.agent)
	}
}
