package command

import (
	"context"
	"encoding/json"
	"fmt"

	"oibus/agent/connector"
	"oibus/agent/connectors"
	"oibus/agent/entity"
)

// histories are the effects as history queries, whose methods have names that those of connectors have too.
type histories struct{ *effects }

// decrypting shows whether the secrets of a command can be decrypted.
func decrypting(decrypt func(string) (string, error)) string {
	if decrypt == nil {
		return " without a key"
	}
	return ""
}

func (h histories) Create(_ context.Context, _ string, b json.RawMessage, s connectors.HistorySecrets) (entity.HistoryQuery, error) {
	return entity.HistoryQuery{}, h.do("create history", fmt.Sprintf("%s secrets of %q%s", b, s.From, decrypting(s.Decrypt)))
}

func (h histories) Update(_ context.Context, _, id string, b json.RawMessage, reset bool, decrypt func(string) (string, error)) error {
	return h.do("update history", fmt.Sprintf("%s %s %t%s", id, b, reset, decrypting(decrypt)))
}

func (h histories) Delete(_ context.Context, _, id string) error { return h.do("delete history", id) }

func (h histories) StartQuery(_ context.Context, _, id string) error {
	return h.do("start history", id)
}

func (h histories) PauseQuery(_ context.Context, _, id string) error {
	return h.do("pause history", id)
}

func (h histories) ImportCSV(_ context.Context, _, id, text, delimiter string, replace bool) (count int, name string, err error) {
	err = h.do("import history", fmt.Sprintf("%s %q %q %t", id, text, delimiter, replace))
	if _, scanErr := fmt.Sscanf(h.answer, "%d items imported on History query %s", &count, &name); h.answer != "" && scanErr != nil && err == nil {
		err = scanErr
	}
	return count, name, err
}

func tested(t connectors.HistoryTest) string {
	return fmt.Sprintf("%s %q %s %s%s", t.ID, t.From, t.Type, t.Settings, decrypting(t.Decrypt))
}

func (h histories) TestSouth(_ context.Context, t connectors.HistoryTest) (connector.Report, error) {
	return answered[connector.Report](h.effects, h.do("test history south", tested(t)))
}

func (h histories) TestNorth(_ context.Context, t connectors.HistoryTest) (connector.Report, error) {
	return answered[connector.Report](h.effects, h.do("test history north", tested(t)))
}

func (h histories) TestItem(_ context.Context, t connectors.HistoryTest) (any, error) {
	return answered[json.RawMessage](h.effects, h.do("test history item", fmt.Sprintf("%s %s %s %s", tested(t), t.ItemName, t.ItemSettings, t.Testing)))
}
