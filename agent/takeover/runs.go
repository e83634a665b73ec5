package takeover

import (
	"encoding/json"
	"fmt"

	"oibus/agent/manifest"
)

// Runs says why this agent cannot run a connector of a type with its settings, in which secrets are sealed; nil when it
// can. Without it an agent runs all that have a manifest.
type Runs struct {
	South, North func(kind string, settings json.RawMessage) error
}

// Lacks says that this agent has no connector of a type.
func Lacks(kind string) error { return fmt.Errorf("this OIBus has no connector of type %q", kind) }

func (r Runs) south(kind string, settings json.RawMessage) error {
	if _, known := manifest.FindSouth(manifest.N, kind); !known {
		return Lacks(kind)
	}
	if r.South == nil {
		return nil
	}
	return r.South(kind, settings)
}

func (r Runs) north(kind string, settings json.RawMessage) error {
	if _, known := manifest.FindNorth(manifest.N, kind); !known {
		return Lacks(kind)
	}
	if r.North == nil {
		return nil
	}
	return r.North(kind, settings)
}
