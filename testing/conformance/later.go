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
	{famCache, historyIssue, `search-history-cache-content* get-history-cache-file-content* update-history-cache-content*`},
	{famHistory, historyIssue, `create-history-query* update-history-query* delete-history-query* test-history-query*
		create-or-update-history-query-south-items-from-csv* history-queries-after-run history-queries-filled bug-unknown-history-query-status-hang`},
	{famTransformers, historyIssue, `create-custom-transformer* update-custom-transformer* delete-custom-transformer* test-custom-transformer* test-transformer*`},
	{famREST, restIssue, `manifests-north manifests-south manifests-transformers north-types south-types transformer-templates transformers-list`},
}

// within are recordings that hold what another scenario is the evidence of.
var within = map[string]string{"bug-stale-full-config": "batch-of-four", "upgrade": "update-version"}

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
