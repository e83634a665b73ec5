package command

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"oibus/agent/content"
	"oibus/agent/entity"
)

// Commands of Norths (protocol/control-plane.md, section 5.5).

func createNorth(_ context.Context, d *Deps, c Command) (string, error) {
	body, err := c.body()
	if err == nil {
		_, err = d.Norths.CreateNorth(author, body, d.secretsFrom(c, northID))
	}
	return "North connector created successfully", err
}

func updateNorth(_ context.Context, d *Deps, c Command) (string, error) {
	id, body, err := c.change(northID)
	if err == nil {
		err = d.Norths.UpdateNorth(author, id, body, d.secrets())
	}
	return "North connector updated successfully", err
}

func deleteNorth(_ context.Context, d *Deps, c Command) (string, error) {
	id, err := c.text(northID)
	if err == nil {
		err = d.Norths.DeleteNorth(author, id)
	}
	return "North connector deleted successfully", err
}

func testNorthConnection(ctx context.Context, d *Deps, c Command) (string, error) {
	id, body, err := c.change(northID)
	if err != nil {
		return "", err
	}
	draft, err := readConnector(body)
	if err != nil {
		return "", err
	}
	report, err := d.Connectors.TestNorth(ctx, id, draft.Type, draft.Settings, d.secrets())
	if err != nil {
		return "", err
	}
	return reported(report)
}

func setpoint(ctx context.Context, d *Deps, c Command) (string, error) {
	id, body, err := c.change(northID)
	if err != nil {
		return "", err
	}
	setpoints, err := readSetpoints(body)
	if err != nil {
		return "", err
	}
	var said bytes.Buffer
	if err := json.Compact(&said, body); err != nil {
		return "", entity.Invalid("cannot read JSON: %v", err)
	}
	return fmt.Sprintf("Setpoint %s properly sent into the cache of %s", said.Bytes(), id), d.Connectors.Setpoint(ctx, id, setpoints)
}

// readSetpoints reads setpoints in the two forms that the protocol has: a list of {reference, value}, and a single
// {pointId, value}.
func readSetpoints(body json.RawMessage) ([]content.Setpoint, error) {
	type form struct {
		Reference *string         `json:"reference"`
		PointID   *string         `json:"pointId"`
		Value     json.RawMessage `json:"value"`
	}
	forms := make([]form, 1)
	into := any(&forms[0])
	if bytes.HasPrefix(bytes.TrimSpace(body), []byte("[")) {
		into = &forms
	}
	if err := read(body, into); err != nil {
		return nil, err
	}
	setpoints := make([]content.Setpoint, len(forms))
	for i, f := range forms {
		if f.Reference == nil {
			f.Reference = f.PointID
		}
		at := ""
		if into == any(&forms) {
			at = fmt.Sprintf("[%d].", i)
		}
		switch {
		case f.Reference == nil:
			return nil, entity.Invalid("%q is required", at+"reference")
		case len(f.Value) == 0:
			return nil, entity.Invalid("%q is required", at+"value")
		case f.Value[0] == '{' || f.Value[0] == '[':
			return nil, entity.Invalid("%q must be a text, a number or a boolean", at+"value")
		}
		setpoints[i] = content.Setpoint{Reference: *f.Reference, Value: f.Value}
	}
	return setpoints, nil
}
