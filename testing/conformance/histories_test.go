package conformance

import (
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
				r, err := LoadRecording(p.folder, name)
				if err == nil {
					err = p.unspoiled(r)
				}
				if err == nil {
					err = p.Play(r, script{})
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
				res.report(t, d)
			}
		})
	}
}
