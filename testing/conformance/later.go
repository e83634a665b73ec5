package conformance

import (
	"slices"
	"strings"
)

// waiting are the scenarios to come, by why they wait: none at present. A name ending in * stands for all that begin so
// and have no row elsewhere.
var waiting []struct{ family, why, names string }

// within are recordings that hold what another scenario is the evidence of.
var within = map[string]string{"bug-stale-full-config": "batch-of-four", "upgrade": "update-version",
	"bug-unknown-history-query-status-hang": "update-history-query-status-invalid"}

// later finds why a scenario waits.
func later(name string) (family, why string, ok bool) {
	for _, w := range waiting {
		for pattern := range strings.FieldsSeq(w.names) {
			prefix, open := strings.CutSuffix(pattern, "*")
			if name == pattern || open && strings.HasPrefix(name, prefix) {
				return w.family, w.why, true
			}
		}
	}
	return "", "", false
}

// All lists every recording of a folder with its row.
func All(d Dialect, recorded []string) (rows []Scenario, strangers []string) {
	played := map[string]Scenario{}
	for _, s := range sequences[d] {
		played[s.Name] = s
	}
	for _, name := range registrationScenarios {
		played[name] = Scenario{Name: name, Family: famRegistration}
	}
	for _, name := range slices.Concat(upgradeScenarios[d]...) {
		played[name] = Scenario{Name: name, Family: famUpgrade}
	}
	for _, name := range connectorScenarios[d] {
		played[name] = Scenario{Name: name, Family: connectorFamily(name)}
	}
	for _, name := range transformerScenarios[d] {
		played[name] = Scenario{Name: name, Family: famTransformers}
	}
	for _, name := range catalogueScenarios[d] {
		played[name] = Scenario{Name: name, Family: famREST}
	}
	for _, name := range historyScenarios[d] {
		played[name] = Scenario{Name: name, Family: historyFamily(name)}
	}
	played[northTraffic] = Scenario{Name: northTraffic, Family: famNorths}
	played[connectorLogs] = Scenario{Name: connectorLogs, Family: famLogs}
	for _, name := range recorded {
		s, isPlayed := played[name]
		family, why, waits := later(name)
		switch {
		case isPlayed:
		case within[name] != "":
			s = Scenario{Name: name, Family: played[within[name]].Family}
		case waits:
			s = Scenario{Name: name, Family: family, Later: why}
		default:
			strangers = append(strangers, name)
			continue
		}
		s.Folder = d
		rows = append(rows, s)
	}
	return rows, strangers
}
