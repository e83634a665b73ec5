package conformance

import (
	"testing"

	"oibus/testing/harness"
)

func TestConnectorsAreAsRecorded(t *testing.T) {
	t.Parallel()
	harness.Program(t, "oibus")
	for _, d := range []Dialect{N, R} {
		t.Run("dialect "+string(d), func(t *testing.T) {
			t.Parallel()
			harness.Shared(t, d.Folder())
			p := newPlant(t, d)
			p.rename = renamer(d, &Translator{})
			p.register()
			if err := p.catchUp(); err != nil {
				t.Fatalf("catching up: %v", err)
			}
			var results []result
			for _, name := range connectorScenarios[d] {
				compare, err := p.playConnector(name)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				results = append(results, result{name, compare})
			}
			if err := p.closeWindow(); err != nil {
				t.Fatal(err)
			}
			for _, res := range results {
				res.report(t, d)
			}
		})
	}
}

func (p *Plant) playConnector(name string) (comparison, error) {
	r, err := p.prepareFor(name)
	switch {
	case err != nil:
		return nil, err
	case name == killedScenario:
		err = p.playKilled(r)
	default:
		err = p.playAnswered(r)
	}
	if err != nil {
		return nil, err
	}
	it := p.played[len(p.played)-1]
	return func() ([]Difference, error) { return p.Compare(it) }, nil
}
