package agent

import (
	"encoding/json"
	"slices"

	"oibus/agent/north"
	"oibus/agent/south"
	"oibus/agent/south/odbc"
	"oibus/agent/takeover"
)

// Runs tells an import from another OIBus which connectors this agent can run: those of the catalogue, with settings that
// need nothing which it does not have.
func Runs() takeover.Runs {
	return takeover.Runs{
		South: func(kind string, settings json.RawMessage) error {
			switch {
			case !slices.ContainsFunc(southTypes, func(t south.Type) bool { return t.ID == kind }):
				return takeover.Lacks(kind)
			case kind == odbc.Type.ID:
				return odbc.Unfit(settings)
			}
			return nil
		},
		North: func(kind string, _ json.RawMessage) error {
			if !slices.ContainsFunc(northTypes, func(t north.Type) bool { return t.ID == kind }) {
				return takeover.Lacks(kind)
			}
			return nil
		},
	}
}
