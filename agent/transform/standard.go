package transform

import (
	"context"

	"oibus/agent/content"
)

// Expressions evaluates field-process expressions (data-plane.md, 7.7). They are JavaScript of whoever may set options,
// so they must run where they can do the agent no harm.
type Expressions interface {
	// Evaluate evaluates expression once for each value, which is a string, a float64 or nil for null, and returns the
	// texts of the results as appendix B writes them, nil for null and undefined.
	Evaluate(ctx context.Context, expression string, values []any) ([]*string, error)
}

// Catalogue makes transformers.
type Catalogue struct {
	Expressions Expressions // nil when there are none: options that need them are refused
}

// Standard is the standard transformer with a name, without expressions.
func Standard(name string) (Transformer, bool) { return Catalogue{}.Standard(name) }

// Standard is the standard transformer with a name. Keep and Ignore are none: nothing is run for them.
func (c Catalogue) Standard(name string) (Transformer, bool) {
	for _, s := range c.table() {
		if s.name == name {
			return s.transformer, true
		}
	}
	return nil, false
}

// Names are the names of the transformers that Standard knows.
func Names() []string {
	var names []string
	for _, s := range (Catalogue{}).table() {
		names = append(names, s.name)
	}
	return names
}

type standard struct {
	name        string
	transformer Transformer
}

// table says which standard transformers there are (data-plane.md, 7.0).
func (c Catalogue) table() []standard {
	return []standard{
		{"csv-to-mqtt", csvToMQTT{}},
		{"csv-to-time-values", csvToTimeValues{}},
		{"json-to-csv", jsonToCSV{c.Expressions}},
		{"json-to-oianalytics", jsonToOIAnalytics{}},
		{"time-values-to-csv", timeValuesToCSV{c.Expressions}},
		{"time-values-to-json", timeValuesToJSON{}},
		{"time-values-to-mqtt", timeValuesToMQTT()},
		{"time-values-to-modbus", timeValuesToModbus()},
		{"time-values-to-oianalytics", timeValuesToOIAnalytics{}},
		{"time-values-to-opcua", timeValuesToOPCUA()},
		{"setpoint-to-mqtt", setpointToMQTT()},
		{"setpoint-to-modbus", setpointToModbus()},
		{"setpoint-to-opcua", setpointToOPCUA()},
	}
}

// arrayName is the name of outputs that are arrays.
func arrayName(in Input) string { return in.NewID(10) + ".json" }

// arrayPlan is the plan of an output that is an array. fill adds its elements.
func arrayPlan(in Input, kind content.Kind, fill func(ctx context.Context, out *content.ArrayWriter) error) Plan {
	return Plan{Kind: kind, FileName: arrayName(in), Run: runArray(fill)}
}
