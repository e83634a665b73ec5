package conformance

import (
	"slices"
	"strings"
	"testing"
)

func TestEveryRecordingIsPlayedOrSaysWhyNot(t *testing.T) {
	t.Parallel()
	for _, d := range []Dialect{N, R} {
		rows, strangers := All(d, namesIn(t, d))
		for _, name := range strangers {
			t.Errorf("%s/%s.json has no row in table.go and none in later.go", d.Folder(), name)
		}
		played := len(slices.DeleteFunc(slices.Clone(rows), func(s Scenario) bool { return s.Later != "" }))
		t.Logf("%s: %d recordings, %d played, %d later\n%s", d.Folder(), len(rows), played, len(rows)-played, Overview(rows))
	}
	t.Logf("recordings of dialect N that dialect R plays too: %d", len(inBoth(sequences[N], namesIn(t, R))))
}

func TestEveryRowHasARecording(t *testing.T) {
	t.Parallel()
	recorded := map[Dialect][]string{N: namesIn(t, N), R: namesIn(t, R)}
	for d, sequence := range sequences {
		for _, s := range sequence {
			if !slices.Contains(recorded[d], s.Name) {
				t.Errorf("there is no recording %q of dialect %s", s.Name, d)
			}
		}
	}
	all := append(recorded[N], recorded[R]...)
	for _, name := range registrationScenarios {
		if !slices.Contains(all, name) {
			t.Errorf("there is no recording %q", name)
		}
	}
	for _, own := range []map[Dialect][]string{transformerScenarios, catalogueScenarios} {
		for d, names := range own {
			for _, name := range names {
				if !slices.Contains(recorded[d], name) {
					t.Errorf("there is no recording %q of dialect %s", name, d)
				}
			}
		}
	}
	for d, names := range historyScenarios {
		for _, name := range names {
			if !slices.Contains(recorded[d], name) {
				t.Errorf("there is no recording %q of dialect %s", name, d)
			}
		}
	}
	for d, names := range connectorScenarios {
		for _, name := range names {
			if !slices.Contains(recorded[d], name) {
				t.Errorf("there is no recording %q of dialect %s", name, d)
			}
		}
	}
	for _, w := range waiting {
		for pattern := range strings.FieldsSeq(w.names) {
			if !slices.ContainsFunc(all, func(name string) bool {
				prefix, open := strings.CutSuffix(pattern, "*")
				return name == pattern || open && strings.HasPrefix(name, prefix)
			}) {
				t.Errorf("nothing recorded waits under %q", pattern)
			}
		}
	}
}

func TestEveryDeliberateDifferenceIsOfAScenarioThatIsPlayed(t *testing.T) {
	t.Parallel()
	played := map[Dialect][]string{N: slices.Clone(registrationScenarios), R: slices.Clone(registrationScenarios)}
	for d, sequence := range sequences {
		for _, s := range sequence {
			played[d] = append(played[d], s.Name)
		}
		played[d] = append(played[d], slices.Concat(upgradeScenarios[d]...)...)
		played[d] = append(played[d], connectorScenarios[d]...)
		played[d] = append(played[d], historyScenarios[d]...)
		played[d] = append(played[d], slices.Concat(transformerScenarios[N], catalogueScenarios[N])...) // dialect R plays them too
	}
	played[R] = append(played[R], connectorLogs)
	for _, s := range inBoth(sequences[N], namesIn(t, R)) {
		played[R] = append(played[R], s.Name)
	}
	for _, row := range differences {
		if strings.Trim(row.Dialects, "NR") != "" || row.Dialects == "" || row.Reason == "" || len(row.Fields) == 0 {
			t.Errorf("the difference of %s is incomplete: %+v", row.Scenario, row)
		}
		for _, d := range row.Dialects {
			if !slices.Contains(played[Dialect(d)], row.Scenario) {
				t.Errorf("the table has a difference of %q, which dialect %c does not play", row.Scenario, d)
			}
		}
	}
	t.Logf("deliberate differences: %d\n%s", len(differences), Table(differences))
}

func TestScriptsAreOfScenariosThatArePlayed(t *testing.T) {
	t.Parallel()
	for d, list := range map[Dialect]map[string]script{N: merged(scripts, sharedScripts), R: scriptsR} {
		for name := range list {
			if !slices.ContainsFunc(sequences[d], func(s Scenario) bool { return s.Name == name }) {
				t.Errorf("there is a script for %q, which is not played", name)
			}
		}
	}
}
