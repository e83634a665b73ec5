package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// historyScenarios are the recordings about history queries, in the order of recording. They are played by an agent of
// their own. Their source is a South sqlite. Dialect R kept what differs.
var historyScenarios = map[Dialect][]string{
	N: {
		"create-history-query", "create-history-query-duplicate-name", "create-history-query-unknown-north-type", "create-history-query-invalid",
		"create-history-query-unknown-scan-mode", "create-history-query-secrets", "create-history-query-retrieve-secrets",
		"create-history-query-retrieve-secrets-connectors", "history-queries-filled", "update-history-query", "update-history-query-unknown-id", "update-history-query-invalid",
		"test-history-query-north-connection", "test-history-query-north-connection-failing", "test-history-query-north-connection-unknown-id",
		"test-history-query-south-connection-secret", "test-history-query-south-connection-failing", "test-history-query-south-item",
		"test-history-query-south-item-failing", "test-history-query-south-item-unknown-id", "create-or-update-history-query-south-items-from-csv",
		"create-or-update-history-query-south-items-from-csv-bad-rows", "create-or-update-history-query-south-items-from-csv-unknown-id",
		"create-or-update-history-query-south-items-from-csv-delete-not-present", "update-history-query-status-invalid",
		"update-history-query-status-unknown-id", "update-history-query-status", "search-history-cache-content", "search-history-cache-content-unknown-id",
		"get-history-cache-file-content", "get-history-cache-file-content-unknown-file", "get-history-cache-file-content-unknown-id",
		"update-history-cache-content", "update-history-query-status-paused", "create-history-query-oianalytics", "history-queries-after-run",
		"delete-history-query-unknown-id",
	},
	R: {"history-queries-filled", "test-history-query-north-connection-failing", "test-history-query-south-item", "history-queries-after-run"},
}

// historyFamily is the family of one of them.
func historyFamily(name string) string {
	if strings.Contains(name, "history-cache") {
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
	if p.dialect == R {
		return nil // what dialect R plays copies no secrets
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
	beforeSpoiling = "history-queries-filled"
)

// unspoiled puts the spoiled query of a recording right.
func (p *Plant) unspoiled(r *Recording) error {
	before, err := loadMessage(p.folder, beforeSpoiling)
	if err != nil {
		return err
	}
	good := queryNamed([]Exchange{before}, spoiledQuery)
	if good == nil {
		return fmt.Errorf("%s does not have %s", beforeSpoiling, spoiledQuery)
	}
	if spoiled := queryNamed(r.Requests, spoiledQuery); spoiled != nil && r.Name != spoilingUpdate {
		spoiled["settings"] = good["settings"]
	}
	return nil
}

// queryNamed is a history query in the last message that has it, nil for none.
func queryNamed(sent []Exchange, name string) map[string]any {
	for _, e := range slices.Backward(sent) {
		for _, block := range queriesIn(e.Body) {
			if textAt(block["settings"].(map[string]any), "name") == name {
				return block
			}
		}
	}
	return nil
}

// queriesIn are the history queries of a message.
func queriesIn(body any) (blocks []map[string]any) {
	b, _ := body.(map[string]any)
	queries, _ := b["historyQueries"].([]any)
	for _, q := range queries {
		block, _ := q.(map[string]any)
		if settings, _ := block["settings"].(map[string]any); settings != nil {
			blocks = append(blocks, block)
		}
	}
	return blocks
}
