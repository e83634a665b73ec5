package conformance

import (
	"oibus/testing/cloudsim"
)

// caughtUp are the recordings whose commands bring a new agent to where the sequence is at each takeover: the engine is
// named again by each scenario that shows its name.
var caughtUp = map[Dialect][]string{
	N: {"update-engine-general", "update-engine-web-server", "update-engine-proxy-secret", "update-engine-logger-secret"},
	R: {"update-engine-settings"},
}

// scripts of the scenarios that need one, by name. Those of dialect R are their own when they differ.
var scripts = map[string]script{
	"update-engine-logger-secret":   {before: []step{logsSent}},
	"delete-scan-mode":              {before: []step{fiveFields}},
	"permission-denied-all-types":   {open: []step{allowing(false)}},
	"permission-denied-vs-version":  {polls: 1},
	"pending-500-twice":             {before: []step{allowing(true)}, rules: answer("E4", 500, "nope", 2)},
	"pending-401":                   {rules: answer("E4", 401, `{"error": "Unauthorized"}`, 2)},
	"status-500-three-times":        {rules: answer("E6", 500, "nope", 3)},
	"status-404":                    {rules: []cloudsim.Rule{{Endpoint: "E6", Status: 404, Text: "gone", Count: 2, Process: true}}, polls: 1},
	"configuration-500-twice":       {rules: answer("E7", 500, "not here", 2)},
	"configuration-400-bad-request": {rules: answer("E7", 400, "Bad Request", 1), polls: 2}, // a retry would come after two seconds
	"configuration-400-other-text":  {rules: answer("E7", 400, "no", 1)},
	"batch-of-four":                 {before: []step{renamed("OIBus d1")}, last: `"B3"`},
	"command-after-restart":         {before: []step{restarted}},

	// Ours is not refused (see the table of differences). What follows takes more than a poll.
	"update-registration-settings-no-permissions": {sends: configurations},
}

var scriptsR = map[string]script{
	"update-engine-settings":           {before: []step{logsSent}},
	"update-engine-settings-port-back": {before: []step{elsewhere}},
	"permission-denied-all-types":      {open: []step{allowing(false)}},
	"unknown-command-type-dialect-N":   {before: []step{allowing(true)}},
}

// sharedScripts are those that differ when dialect R plays the recordings of dialect N.
var sharedScripts = map[string]script{
	"update-engine-logger-secret": {},
}

func answer(endpoint string, status int, text string, count int) []cloudsim.Rule {
	return []cloudsim.Rule{{Endpoint: endpoint, Status: status, Text: text, Count: count}}
}
