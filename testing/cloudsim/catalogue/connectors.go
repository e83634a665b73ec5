package catalogue

import (
	_ "embed"
	"encoding/json"
	"slices"
	"strings"
)

// Dialects of the wire (protocol/control-plane.md, section 12).
const (
	DialectN = "N"
	DialectR = "R"
)

// Connector is a connector type with settings that its form accepts.
type Connector struct {
	Type         string          `json:"type"`
	Secrets      []string        `json:"secrets"` // paths inside settings
	Settings     json.RawMessage `json:"settings"`
	Item         json.RawMessage `json:"item,omitempty"` // settings of an item of a south
	History      bool            `json:"history"`        // reads over an interval
	Subscription bool            `json:"subscription"`   // only ever pushed to: no polling
}

//go:embed connectors.json
var connectorsJSON []byte

type connectorList struct {
	South []Connector `json:"south"`
	North []Connector `json:"north"`
}

// connectors: R holds only the types that differ from N, MissingInR those that R does not know.
var connectors = func() (c struct {
	N          connectorList
	R          connectorList
	MissingInR struct{ South, North []string }
}) {
	if err := json.Unmarshal(connectorsJSON, &c); err != nil {
		panic("catalogue: connectors.json: " + err.Error()) // embedded at build time, read by a test
	}
	return c
}()

// Souths returns the south connector types of a dialect.
func Souths(dialect string) []Connector {
	return inDialect(connectors.N.South, connectors.R.South, connectors.MissingInR.South, dialect)
}

// Norths returns the north connector types of a dialect.
func Norths(dialect string) []Connector {
	return inDialect(connectors.N.North, connectors.R.North, connectors.MissingInR.North, dialect)
}

func inDialect(newest, changed []Connector, missing []string, dialect string) []Connector {
	if dialect != DialectR {
		return newest
	}
	out := make([]Connector, 0, len(newest))
	for _, c := range newest {
		if !slices.Contains(missing, c.Type) {
			out = append(out, override(c, changed))
		}
	}
	return out
}

func override(c Connector, changed []Connector) Connector {
	for _, r := range changed {
		if r.Type == c.Type {
			return r
		}
	}
	return c
}

// SecretsOf returns the paths of the secrets in the settings of every connector type, by kind ("south", "north").
func SecretsOf() map[string]map[string][]string {
	out := map[string]map[string][]string{"south": {}, "north": {}}
	for _, c := range connectors.N.South {
		out["south"][c.Type] = c.Secrets
	}
	for _, c := range connectors.N.North {
		out["north"][c.Type] = c.Secrets
	}
	return out
}

// perType makes one variant for each connector type, and one more for dialect R where the two differ.
func perType(list func(dialect string) []Connector, sameTiming bool, command func(c Connector, dialect string) any) []Variant {
	var out []Variant
	older := map[string]Connector{}
	for _, c := range list(DialectR) {
		older[c.Type] = c
	}
	for _, c := range list(DialectN) {
		r, known := older[c.Type]
		same := known && sameTiming && string(r.Settings) == string(c.Settings)
		dialects := DialectN
		if same {
			dialects = DialectN + DialectR
		}
		out = append(out, variant(c.Type, dialects, command(c, DialectN)))
		if known && !same {
			out = append(out, variant(c.Type, DialectR, command(r, DialectR)))
		}
	}
	return out
}

// connectorName is the name that an example gives a connector of a type.
func connectorName(kind, connectorType string) string {
	return strings.ToUpper(kind[:1]) + kind[1:] + " " + connectorType
}
