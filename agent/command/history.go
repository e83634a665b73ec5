package command

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"oibus/agent/cache"
	"oibus/agent/connector"
	"oibus/agent/connectors"
	"oibus/agent/entity"
)

// Histories are the history queries.
type Histories interface {
	Create(ctx context.Context, author string, body json.RawMessage, secrets connectors.HistorySecrets) (entity.HistoryQuery, error)
	Update(ctx context.Context, author, id string, body json.RawMessage, reset bool, decrypt func(string) (string, error)) error
	Delete(ctx context.Context, author, id string) error
	StartQuery(ctx context.Context, author, id string) error
	PauseQuery(ctx context.Context, author, id string) error
	ImportCSV(ctx context.Context, author, id, text, delimiter string, replace bool) (count int, name string, err error)

	TestSouth(ctx context.Context, t connectors.HistoryTest) (connector.Report, error)
	TestNorth(ctx context.Context, t connectors.HistoryTest) (connector.Report, error)
	// TestItem returns what becomes the result of the command, cut to what a command may carry.
	TestItem(ctx context.Context, t connectors.HistoryTest) (any, error)

	// SearchCache returns what becomes the result of the command.
	SearchCache(id string, q cache.Query) (any, error)
	CacheFile(id string, folder cache.Folder, filename string) (cache.View, error)
	UpdateCache(id string, u cache.Update) error
}

// Commands of history queries (protocol/control-plane.md, sections 5.6 and 5.7).

func createHistory(ctx context.Context, d *Deps, c Command) (string, error) {
	body, err := c.body()
	if err != nil {
		return "", err
	}
	secrets := connectors.HistorySecrets{Decrypt: d.Identity.Decrypt}
	for into, name := range map[*string]string{&secrets.From.South: southID, &secrets.From.North: northID, &secrets.From.Query: historyID} {
		*into, _ = textOf(c.fields[name])
	}
	_, err = d.Histories.Create(ctx, author, body, secrets)
	return "History query created successfully", err
}

func updateHistory(ctx context.Context, d *Deps, c Command) (string, error) {
	id, body, err := c.change(historyID)
	if err != nil {
		return "", err
	}
	var in struct {
		Reset bool            `json:"resetCache"`
		Query json.RawMessage `json:"historyQuery"`
	}
	if err := read(body, &in); err != nil {
		return "", err
	}
	if len(in.Query) == 0 {
		return "", entity.Invalid("%q is required", "historyQuery")
	}
	return "History query updated successfully", d.Histories.Update(ctx, author, id, in.Query, in.Reset, d.Identity.Decrypt)
}

func deleteHistory(ctx context.Context, d *Deps, c Command) (string, error) {
	id, err := c.text(historyID)
	if err == nil {
		err = d.Histories.Delete(ctx, author, id)
	}
	return "History query deleted successfully", err
}

func importHistoryItems(ctx context.Context, d *Deps, c Command) (string, error) {
	id, body, err := c.change(historyID)
	if err != nil {
		return "", err
	}
	table, err := readTable(body)
	if err != nil {
		return "", err
	}
	count, name, err := d.Histories.ImportCSV(ctx, author, id, table.Text, table.Delimiter, table.Replace)
	return fmt.Sprintf("%d items imported on History query %s", count, name), err
}

// statuses are those that a query can be brought to, and what is said then.
var statuses = map[string]struct {
	bring  func(h Histories, ctx context.Context, author, id string) error
	result string
}{
	entity.HistoryRunning: {Histories.StartQuery, "History query started"},
	entity.HistoryPaused:  {Histories.PauseQuery, "History query paused"},
}

// knownStatuses are all that the protocol has.
var knownStatuses = []string{entity.HistoryPending, entity.HistoryRunning, entity.HistoryPaused, entity.HistoryFinished, entity.HistoryErrored}

func updateHistoryStatus(ctx context.Context, d *Deps, c Command) (string, error) {
	id, body, err := c.change(historyID)
	if err != nil {
		return "", err
	}
	var in struct {
		Status string `json:"historyQueryStatus"`
	}
	if err := read(body, &in); err != nil {
		return "", err
	}
	if status, ok := statuses[in.Status]; ok {
		return status.result, status.bring(d.Histories, ctx, author, id)
	}
	if !slices.Contains(knownStatuses, in.Status) {
		return "", entity.Invalid("History query status of %s can not be updated to %q: it is not known", id, in.Status)
	}
	return "", entity.Invalid("History query status of %s can not be updated to %s", id, in.Status)
}

// historyCommand is what a test needs of the command that makes a query.
type historyCommand struct {
	SouthType     string          `json:"southType"`
	SouthSettings json.RawMessage `json:"southSettings"`
	NorthType     string          `json:"northType"`
	NorthSettings json.RawMessage `json:"northSettings"`
}

// historyTest reads the part of a command that all tests have. The connector that secrets are copied from has the key from.
func (d *Deps) historyTest(c Command, from string) (t connectors.HistoryTest, body json.RawMessage, err error) {
	t.ID, body, err = c.change(historyID)
	t.From, _ = textOf(c.fields[from])
	t.Decrypt = d.Identity.Decrypt
	return t, body, err
}

func testHistorySouth(ctx context.Context, d *Deps, c Command) (string, error) {
	t, body, err := d.historyTest(c, southID)
	if err != nil {
		return "", err
	}
	var in historyCommand
	if err := read(body, &in); err != nil {
		return "", err
	}
	t.Type, t.Settings = in.SouthType, in.SouthSettings
	report, err := d.Histories.TestSouth(ctx, t)
	if err != nil {
		return "", err
	}
	return reported(report)
}

func testHistoryNorth(ctx context.Context, d *Deps, c Command) (string, error) {
	t, body, err := d.historyTest(c, northID)
	if err != nil {
		return "", err
	}
	var in historyCommand
	if err := read(body, &in); err != nil {
		return "", err
	}
	t.Type, t.Settings = in.NorthType, in.NorthSettings
	report, err := d.Histories.TestNorth(ctx, t)
	if err != nil {
		return "", err
	}
	return reported(report)
}

func testHistoryItem(ctx context.Context, d *Deps, c Command) (string, error) {
	t, body, err := d.historyTest(c, southID)
	if err != nil {
		return "", err
	}
	var in struct {
		Query   historyCommand  `json:"historyCommand"`
		Item    json.RawMessage `json:"itemCommand"`
		Testing json.RawMessage `json:"testingSettings"`
	}
	if err := read(body, &in); err != nil {
		return "", err
	}
	item, err := readConnector(in.Item)
	if err != nil {
		return "", under("itemCommand", err)
	}
	t.Type, t.Settings, t.ItemName, t.ItemSettings, t.Testing = in.Query.SouthType, in.Query.SouthSettings, item.Name, item.Settings, in.Testing
	result, err := d.Histories.TestItem(ctx, t)
	if err != nil {
		return "", err
	}
	return plain(result)
}

func searchHistoryCache(_ context.Context, d *Deps, c Command) (string, error) {
	id, body, err := c.change(historyID)
	if err != nil {
		return "", err
	}
	return searchCache(id, body, d.Histories.SearchCache)
}

func getHistoryCacheFile(_ context.Context, d *Deps, c Command) (string, error) {
	id, body, err := c.change(historyID)
	if err != nil {
		return "", err
	}
	return getCacheFile(id, body, d.Histories.CacheFile)
}

func updateHistoryCache(_ context.Context, d *Deps, c Command) (string, error) {
	id, body, err := c.change(historyID)
	if err != nil {
		return "", err
	}
	return updateCache(id, body, d.Histories.UpdateCache)
}
