package command

import (
	"context"
	"encoding/json"
	"fmt"

	"oibus/agent/connectors"
)

// Commands of Souths (protocol/control-plane.md, section 5.4).

func createSouth(_ context.Context, d *Deps, c Command) (string, error) {
	body, err := c.body()
	if err == nil {
		_, err = d.Souths.CreateSouth(author, body, d.secretsFrom(c, southID))
	}
	return "South connector created successfully", err
}

func updateSouth(_ context.Context, d *Deps, c Command) (string, error) {
	id, body, err := c.change(southID)
	if err == nil {
		err = d.Souths.UpdateSouth(author, id, body, d.secrets())
	}
	return "South connector updated successfully", err
}

func deleteSouth(_ context.Context, d *Deps, c Command) (string, error) {
	id, err := c.text(southID)
	if err == nil {
		err = d.Souths.DeleteSouth(author, id)
	}
	return "South connector deleted successfully", err
}

func importSouthItems(_ context.Context, d *Deps, c Command) (string, error) {
	id, body, err := c.change(southID)
	if err != nil {
		return "", err
	}
	table, err := readTable(body)
	if err != nil {
		return "", err
	}
	count, name, err := d.Souths.ImportCSV(author, id, table.Text, table.Delimiter, table.Replace)
	return fmt.Sprintf("%d items imported on South connector %s", count, name), err
}

// itemTable is a table of items to import.
type itemTable struct {
	Replace   bool   `json:"deleteItemsNotPresent"`
	Text      string `json:"csvContent"`
	Delimiter string `json:"delimiter"`
}

func readTable(body json.RawMessage) (t itemTable, err error) {
	err = read(body, &t)
	return t, err
}

func testSouthConnection(ctx context.Context, d *Deps, c Command) (string, error) {
	id, body, err := c.change(southID)
	if err != nil {
		return "", err
	}
	draft, err := readConnector(body)
	if err != nil {
		return "", err
	}
	report, err := d.Connectors.TestSouth(ctx, id, draft.Type, draft.Settings, d.secrets())
	if err != nil {
		return "", err
	}
	return reported(report)
}

func testSouthItem(ctx context.Context, d *Deps, c Command) (string, error) {
	id, body, err := c.change(southID)
	if err != nil {
		return "", err
	}
	var test struct {
		South   json.RawMessage `json:"southCommand"`
		Item    json.RawMessage `json:"itemCommand"`
		Testing json.RawMessage `json:"testingSettings"`
	}
	if err := read(body, &test); err != nil {
		return "", err
	}
	draft, err := readConnector(test.South)
	if err != nil {
		return "", under("southCommand", err)
	}
	item, err := readConnector(test.Item)
	if err != nil {
		return "", under("itemCommand", err)
	}
	result, err := d.Connectors.TestSouthItem(ctx, ItemTest{
		SouthID: id, SouthType: draft.Type, ItemName: item.Name,
		SouthSettings: draft.Settings, ItemSettings: item.Settings, TestingSettings: test.Testing,
	}, d.secrets())
	if err != nil {
		return "", err
	}
	return plain(result)
}

// secrets are those of the body, encrypted for this OIBus.
func (d *Deps) secrets() connectors.Secrets { return connectors.Secrets{Decrypt: d.Identity.Decrypt} }

// secretsFrom are secrets of which the blank ones are copied from the connector that the key name names.
func (d *Deps) secretsFrom(c Command, name string) connectors.Secrets {
	s := d.secrets()
	s.From, _ = textOf(c.fields[name])
	return s
}
