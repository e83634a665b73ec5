package conformance

import "strings"

// waiting are the scenarios to come, by why they wait. A name ending in * stands for all that begin so and have no row
// elsewhere.
var waiting = []struct{ family, why, names string }{
	{famSouths, dataPlane, `create-south* update-south* delete-south* flow-delete-FSFLOW test-south-connection* test-south-item*
		create-or-update-south-items-from-csv* kill9-while-running logs-connectors`},
	{famNorths, dataPlane, `create-north* update-north-duplicate-name update-north-invalid update-north delete-north* disable-north test-north-connection*
		flow-create-OIA-gz-e flow-create-OIA-plain flow-update-north-subscribe north-oianalytics`},
	{famCache, dataPlane, `search-north-cache-content* get-north-cache-file-content* update-north-cache-content*`},
	{famCache, historyIssue, `search-history-cache-content* get-history-cache-file-content* update-history-cache-content*`},
	{famHistory, historyIssue, `create-history-query* update-history-query* delete-history-query* test-history-query*
		create-or-update-history-query-south-items-from-csv* history-queries-after-run history-queries-filled bug-unknown-history-query-status-hang`},
	{famTransformers, historyIssue, `create-custom-transformer* update-custom-transformer* delete-custom-transformer* test-custom-transformer* test-transformer*`},
	{famSetpoint, setpoints, `setpoint*`},
	{famUpgrade, upgrades, `update-version* upgrade`},
	{famREST, restIssue, `manifests-north manifests-south manifests-transformers north-types south-types transformer-templates transformers-list`},
}

// within are recordings that hold what another scenario is the evidence of.
var within = map[string]string{"bug-stale-full-config": "batch-of-four"}

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
