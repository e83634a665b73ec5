package command

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"oibus/agent/cache"
	"oibus/agent/connector"
	"oibus/agent/connectors"
	"oibus/agent/content"
	"oibus/agent/entity"
)

// withSecrets shows where secrets come from, and that they can be decrypted.
func withSecrets(b json.RawMessage, s connectors.Secrets) string {
	if s.Decrypt == nil {
		return string(b) + " without a key"
	}
	if s.From != "" {
		return string(b) + " secrets of " + s.From
	}
	return string(b)
}

func (e *effects) CreateSouth(_ string, b json.RawMessage, s connectors.Secrets) (entity.South, error) {
	return entity.South{}, e.do("create south", withSecrets(b, s))
}
func (e *effects) UpdateSouth(_, id string, b json.RawMessage, s connectors.Secrets) error {
	return e.do("update south", id+withSecrets(b, s))
}
func (e *effects) DeleteSouth(_, id string) error { return e.do("delete south", id) }
func (e *effects) ImportCSV(_, southID, text, delimiter string, replace bool) (count int, name string, err error) {
	err = e.do("import", fmt.Sprintf("%s %q %q %t", southID, text, delimiter, replace))
	if _, scanErr := fmt.Sscanf(e.answer, "%d items imported on South connector %s", &count, &name); e.answer != "" && scanErr != nil && err == nil {
		err = scanErr
	}
	return count, name, err
}

func (e *effects) CreateNorth(_ string, b json.RawMessage, s connectors.Secrets) (entity.North, error) {
	return entity.North{}, e.do("create north", withSecrets(b, s))
}
func (e *effects) UpdateNorth(_, id string, b json.RawMessage, s connectors.Secrets) error {
	return e.do("update north", id+withSecrets(b, s))
}
func (e *effects) DeleteNorth(_, id string) error { return e.do("delete north", id) }

// answered is the answer that the effects were given, as a value.
func answered[T any](e *effects, err error) (v T, _ error) {
	if err == nil && e.answer != "" {
		err = json.Unmarshal([]byte(e.answer), &v)
	}
	return v, err
}

func (e *effects) TestSouth(_ context.Context, id, kind string, b json.RawMessage, s connectors.Secrets) (connector.Report, error) {
	return answered[connector.Report](e, e.do("test south", id+" "+kind+" "+withSecrets(b, s)))
}
func (e *effects) TestNorth(_ context.Context, id, kind string, b json.RawMessage, s connectors.Secrets) (connector.Report, error) {
	return answered[connector.Report](e, e.do("test north", id+" "+kind+" "+withSecrets(b, s)))
}
func (e *effects) TestSouthItem(_ context.Context, t ItemTest, s connectors.Secrets) (any, error) {
	return answered[json.RawMessage](e, e.do("test item", strings.Join([]string{
		t.SouthID, t.SouthType, t.ItemName, withSecrets(t.SouthSettings, s), string(t.ItemSettings), string(t.TestingSettings),
	}, " ")))
}
func (e *effects) Setpoint(_ context.Context, northID string, setpoints []content.Setpoint) error {
	b, err := json.Marshal(setpoints)
	if err != nil {
		return err
	}
	return e.do("setpoint", northID+string(b))
}
func (e *effects) SearchCache(northID string, q cache.Query) (any, error) {
	return answered[json.RawMessage](e, e.do("search", fmt.Sprintf("%s %+v", northID, q)))
}
func (e *effects) CacheFile(northID string, folder cache.Folder, filename string) (cache.View, error) {
	return answered[cache.View](e, e.do("view", fmt.Sprintf("%s %s %s", northID, folder, filename)))
}
func (e *effects) UpdateCache(northID string, u cache.Update) error {
	return e.do("update cache", fmt.Sprintf("%s %v", northID, u))
}

func (e *effects) CreateTransformer(_ string, b json.RawMessage) error {
	return e.do("create transformer", string(b))
}
func (e *effects) UpdateTransformer(_, id string, b json.RawMessage) error {
	return e.do("update transformer", id+string(b))
}
func (e *effects) DeleteTransformer(id string) error { return e.do("delete transformer", id) }
func (e *effects) TestDraft(_ context.Context, b json.RawMessage) (any, error) {
	return answered[json.RawMessage](e, e.do("test code", string(b)))
}
func (e *effects) TestStored(_ context.Context, id, input string, options json.RawMessage) (any, error) {
	return answered[json.RawMessage](e, e.do("test transformer", id+" "+input+" "+string(options)))
}
