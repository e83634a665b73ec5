package command

import (
	"context"
	"encoding/json"

	"oibus/agent/entity"
)

// Transformers changes custom transformers, and tries transformers out.
type Transformers interface {
	CreateTransformer(author string, body json.RawMessage) error
	UpdateTransformer(author, id string, body json.RawMessage) error
	DeleteTransformer(id string) error
	// TestDraft and TestStored return what becomes the result of the command.
	TestDraft(ctx context.Context, body json.RawMessage) (any, error)
	TestStored(ctx context.Context, id, input string, options json.RawMessage) (any, error)
}

// Commands of custom transformers (protocol/control-plane.md, section 5.9).

func createTransformer(_ context.Context, d *Deps, c Command) (string, error) {
	body, err := c.body()
	if err == nil {
		err = d.Transformers.CreateTransformer(author, body)
	}
	return "Transformer created successfully", err
}

func updateTransformer(_ context.Context, d *Deps, c Command) (string, error) {
	id, body, err := c.change(transformerID)
	if err == nil {
		err = d.Transformers.UpdateTransformer(author, id, body)
	}
	return "Transformer updated successfully", err
}

func deleteTransformer(_ context.Context, d *Deps, c Command) (string, error) {
	id, err := c.text(transformerID)
	if err == nil {
		err = d.Transformers.DeleteTransformer(id)
	}
	return "Transformer deleted successfully", err
}

func testDraftTransformer(ctx context.Context, d *Deps, c Command) (string, error) {
	body, err := c.body()
	if err != nil {
		return "", err
	}
	result, err := d.Transformers.TestDraft(ctx, body)
	if err != nil {
		return "", err
	}
	return plain(result)
}

// testTransformer has two forms: with a text to transform, and with an item to read. The second form applies the
// transformer that its testing settings name.
func testTransformer(ctx context.Context, d *Deps, c Command) (string, error) {
	id, body, err := c.change(transformerID)
	if err != nil {
		return "", err
	}
	var test struct {
		Input         *string         `json:"inputData"`
		Options       json.RawMessage `json:"options"`
		SouthID       string          `json:"southId"`
		SouthType     string          `json:"southType"`
		ItemName      string          `json:"itemName"`
		SouthSettings json.RawMessage `json:"southSettings"`
		ItemSettings  json.RawMessage `json:"itemSettings"`
		Testing       json.RawMessage `json:"testingSettings"`
	}
	if err := read(body, &test); err != nil {
		return "", err
	}
	var result any
	switch {
	case test.Input != nil:
		result, err = d.Transformers.TestStored(ctx, id, *test.Input, test.Options)
	case test.SouthType == "":
		return "", entity.Invalid("%q is required", "inputData")
	default:
		result, err = d.Connectors.TestSouthItem(ctx, ItemTest{SouthID: test.SouthID, SouthType: test.SouthType, ItemName: test.ItemName,
			SouthSettings: test.SouthSettings, ItemSettings: test.ItemSettings, TestingSettings: test.Testing}, d.secrets())
	}
	if err != nil {
		return "", err
	}
	return plain(result)
}
