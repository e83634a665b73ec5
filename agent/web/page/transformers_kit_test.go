package page

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"oibus/agent/script"
	"oibus/agent/store"
	"oibus/agent/transform"
	"oibus/agent/transformers"
)

// plantTransformers are real ones, whose code is run by something that writes in capitals.
type plantTransformers struct{ transformers.Views }

type capitals struct{}

func (capitals) Transform(_ context.Context, j script.Job) (script.Output, error) {
	if at := strings.Index(j.Code, "((("); at >= 0 {
		line := 1 + strings.Count(j.Code[:at], "\n")
		return script.Output{}, &script.Error{Category: script.Runtime, Message: fmt.Sprintf("SyntaxError: Unexpected token { [transformer:%d:9]", line), Line: line, Column: 9}
	}
	j.Console("debug", "3 values")
	return script.Output{Data: bytes.ToUpper(j.Content)}, nil
}

func (t plantTransformers) TestStored(_ context.Context, id, input string, _ json.RawMessage) (any, error) {
	if _, err := t.View(id); err != nil {
		return nil, err
	}
	content := map[string]any{"type": "any", "filePath": "x", "content": input}
	return map[string]any{"raw": content, "transformed": content, "connectionDuration": 0, "queryDuration": 0}, nil
}

func openTransformers(p *plant, st *store.Store) plantTransformers {
	p.t.Helper()
	v, err := transformers.Open(transformers.Options{Store: st, StandardIDs: p.settings.StandardTransformers, Standard: transform.Catalogue{}.Standard, Scripts: capitals{}, Console: func(string, string, string) {}, Now: time.Now})
	p.must(err)
	return plantTransformers{transformers.Views{Service: v, FriendlyName: func(string) string { return "admin" }}}
}

const roundCode = "function transform(content, source, filename, options) {\n  const list = JSON.parse(content);\n  return { data: list, filename };\n}\n"

// custom makes a custom transformer with one option.
func (p *plant) custom(name string) string {
	p.t.Helper()
	body, err := json.Marshal(map[string]any{
		"type": "custom", "name": name, "description": "To one digit", "inputType": "time-values", "outputType": "any", "language": "javascript", "timeout": 2000, "customCode": roundCode,
		"customManifest": map[string]any{"type": "object", "key": "options", "translationKey": "options", "enablingConditions": []any{}, "validators": []any{}, "displayProperties": map[string]any{"visible": true, "wrapInBox": false},
			"attributes": []any{map[string]any{"type": "number", "key": "digits", "translationKey": "digits", "unit": nil, "defaultValue": 1, "validators": []any{}, "displayProperties": map[string]any{"row": 0, "columns": 4, "displayInViewMode": true}}}},
	})
	p.must(err)
	made, err := p.transformers.Create("u1", body)
	p.must(err)
	return made.ID
}
