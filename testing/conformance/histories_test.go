package conformance

import (
	"slices"
	"testing"

	"oibus/testing/harness"
)

func TestHistoryQueriesAreAsRecorded(t *testing.T) {
	t.Parallel()
	harness.Program(t, "oibus")
	for d, names := range historyScenarios {
		t.Run("dialect "+string(d), func(t *testing.T) {
			t.Parallel()
			harness.Shared(t, d.Folder())
			p := newPlant(t, d)
			p.rename = renamer(d, &Translator{})
			p.register()
			if err := p.catchUp(); err != nil {
				t.Fatalf("catching up: %v", err)
			}
			if err := p.prepareHistories(); err != nil {
				t.Fatal(err)
			}
			var results []result
			for _, name := range names {
				compare, err := p.playHistory(name)
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

func (p *Plant) playHistory(name string) (comparison, error) {
	if slices.Contains(messages, name) {
		return p.playMessage(name), nil
	}
	r, err := LoadRecording(p.folder, name)
	if err == nil {
		err = p.unspoiled(r)
	}
	if arrange := historyArrangements[name]; err == nil && arrange != nil {
		err = arrange(p)
	}
	if err == nil {
		err = p.playAnswered(r)
	}
	if err != nil {
		return nil, err
	}
	it := p.played[len(p.played)-1]
	return func() ([]Difference, error) { return p.Compare(it) }, nil
}
