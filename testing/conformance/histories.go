package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// historyScenarios are the recordings about history queries, in the order of recording. They are played by an agent of
// their own. Their source is a South sqlite: what needs it to work waits for the databases.
var historyScenarios = map[Dialect][]string{
	N: {
		"create-history-query", "create-history-query-duplicate-name", "create-history-query-unknown-north-type", "create-history-query-invalid",
		"create-history-query-unknown-scan-mode", "create-history-query-secrets", "create-history-query-retrieve-secrets",
		"create-history-query-retrieve-secrets-connectors", "update-history-query", "update-history-query-unknown-id", "update-history-query-invalid",
		"test-history-query-north-connection", "test-history-query-north-connection-failing", "test-history-query-north-connection-unknown-id",
		"test-history-query-south-item-unknown-id", "create-or-update-history-query-south-items-from-csv",
		"create-or-update-history-query-south-items-from-csv-bad-rows", "create-or-update-history-query-south-items-from-csv-unknown-id",
		"create-or-update-history-query-south-items-from-csv-delete-not-present", "update-history-query-status-invalid",
		"update-history-query-status-unknown-id", "search-history-cache-content-unknown-id", "get-history-cache-file-content-unknown-file",
		"get-history-cache-file-content-unknown-id", "update-history-cache-content", "update-history-query-status-paused", "create-history-query-oianalytics",
		"delete-history-query-unknown-id",
	},
}

// historyFamily is the family of one of them.
func historyFamily(name string) string {
	if slices.Contains([]string{"search-history-cache-content-unknown-id", "get-history-cache-file-content-unknown-file",
		"get-history-cache-file-content-unknown-id", "update-history-cache-content"}, name) {
		return famCache
	}
	return famHistory
}

// secretSources are the connectors that a recorded query copies its secrets from, and a recording that has them.
var secretSources = struct{ recording, south, north string }{"create-custom-transformer", "REST", "NREST"}

// prepareHistories makes what the recorded history queries find.
func (p *Plant) prepareHistories() error {
	if err := os.Mkdir(filepath.Join(p.work, "outhq"), 0o755); err != nil {
		return err
	}
	r, err := LoadRecording(p.folder, secretSources.recording)
	if err != nil {
		return err
	}
	all := configurationOf(r)
	wanted := map[string]any{}
	for list, name := range map[string]string{"southConnectors": secretSources.south, "northConnectors": secretSources.north} {
		blocks, _ := all[list].([]any)
		wanted[list] = slices.DeleteFunc(slices.Clone(blocks), func(b any) bool { return b.(map[string]any)["settings"].(map[string]any)["name"] != name })
	}
	for _, kind := range []string{"south", "north"} {
		if err := p.bringKind(kind, map[string]any{}, wanted); err != nil {
			return fmt.Errorf("the connectors that secrets are copied from: %w", err)
		}
	}
	return nil
}

// Queries that the reference spoils by an update that it should refuse (W-30): in the recordings after it they are as
// they were before.
const (
	spoiledQuery   = "HQS2"
	spoilingUpdate = "update-history-query-invalid"
	beforeSpoiling = "create-history-query-retrieve-secrets-connectors"
)

// unspoiled puts the spoiled query of a recording right.
func (p *Plant) unspoiled(r *Recording) error {
	before, err := LoadRecording(p.folder, beforeSpoiling)
	if err != nil {
		return err
	}
	good := queryNamed(before, spoiledQuery)
	if good == nil {
		return fmt.Errorf("%s does not have %s", beforeSpoiling, spoiledQuery)
	}
	if spoiled := queryNamed(r, spoiledQuery); spoiled != nil && r.Name != spoilingUpdate {
		spoiled["settings"] = good["settings"]
	}
	return nil
}

// queryNamed is a history query in the last message of a recording that has it, nil for none.
func queryNamed(r *Recording, name string) map[string]any {
	for _, e := range slices.Backward(r.Requests) {
		body, _ := e.Body.(map[string]any)
		queries, _ := body["historyQueries"].([]any)
		for _, q := range queries {
			block, _ := q.(map[string]any)
			if settings, _ := block["settings"].(map[string]any); textAt(settings, "name") == name {
				return block
			}
		}
	}
	return nil
}
