package conformance

import (
	"slices"
	"strings"
)

// waiting are the scenarios to come, by why they wait. A name ending in * stands for all that begin so and have no row
// elsewhere.
var waiting = []struct{ family, why, names string }{
	{famSouths, databases, `test-south-connection-create test-south-item-sqlite test-south-item-failing test-south-item-no-history`},
	{famSouths, services, `test-south-connection-secret-saved test-south-item-rest test-south-item-oianalytics kill9-while-running logs-connectors flow-delete-FSFLOW
		create-south-sqlite-groups-temp-id create-south-dialect-N-group`},
	{famNorths, services, `test-north-connection-new-key create-north-new-key-secret north-oianalytics flow-create-OIA-gz-e flow-create-OIA-plain flow-update-north-subscribe
		test-north-connection-oianalytics-specific`},
	{famCache, services, `get-north-cache-file-content-path-traversal-2`},
	{famCache, databases, `search-history-cache-content get-history-cache-file-content`},
	{famHistory, databases, `test-history-query-south-connection-failing test-history-query-south-item test-history-query-south-item-failing
		update-history-query-status`},
	{famHistory, services, `test-history-query-south-connection-secret test-history-query-north-connection-failing
		history-queries-after-run history-queries-filled`},
}

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
