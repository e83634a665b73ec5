package catalogue

import "encoding/json"

const exampleCode = `function transform(content, source, filename, options) {
  const values = JSON.parse(content);
  return {
    data: JSON.stringify(values.map(v => ({ ...v, pointId: v.pointId + options.suffix }))),
    filename: 'suffixed.json',
    numberOfElement: values.length
  };
}`

const exampleManifest = `{"type":"object","key":"options","translationKey":"configuration.oibus.manifest.transformers.options",` +
	`"attributes":[{"type":"string","key":"suffix","translationKey":"Suffix","defaultValue":"_1","validators":[],"displayProperties":{"row":0,"columns":4,"displayInViewMode":true}}],` +
	`"enablingConditions":[],"validators":[],"displayProperties":{"visible":true,"wrapInBox":false}}`

const exampleInput = `[{"pointId":"T1","timestamp":"2026-01-01T00:00:00.000Z","data":{"value":21.4}}]`

// customTransformer has the keys of CustomTransformerCommand (protocol/control-plane.md, section 4.7).
type customTransformer struct {
	Type        string          `json:"type"`
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Input       string          `json:"inputType"`
	Output      string          `json:"outputType"`
	Language    string          `json:"language"`
	Code        string          `json:"customCode"`
	Manifest    json.RawMessage `json:"customManifest"`
	Timeout     int             `json:"timeout"`
}

func exampleTransformer() customTransformer {
	return customTransformer{Type: "custom", Name: "Suffix", Description: "Adds a suffix to each point", Input: "time-values", Output: "time-values",
		Language: "javascript", Code: exampleCode, Manifest: json.RawMessage(exampleManifest), Timeout: 2000}
}

type transformerHolder struct {
	Type          string `json:"type"`
	TransformerID string `json:"transformerId,omitempty"`
	Content       any    `json:"commandContent,omitempty"`
}

type testRequest struct {
	Input   string         `json:"inputData"`
	Options map[string]any `json:"options"`
}

type customTest struct {
	Command customTransformer `json:"command"`
	Test    testRequest       `json:"testRequest"`
}

type itemTest struct {
	SouthID       string          `json:"southId"`
	SouthType     string          `json:"southType"`
	ItemName      string          `json:"itemName"`
	SouthSettings json.RawMessage `json:"southSettings"`
	ItemSettings  json.RawMessage `json:"itemSettings"`
	Testing       itemTesting     `json:"testingSettings"`
}

type itemTesting struct {
	History     *timeRange `json:"history,omitempty"`
	Transformer struct {
		ID      string         `json:"transformerId"`
		Options map[string]any `json:"options"`
	} `json:"transformer"`
}

func transformerTemplates() []Template {
	const group = "Transformers"
	typescript := exampleTransformer()
	typescript.Name, typescript.Language = "Suffix (TypeScript)", "typescript"
	request := testRequest{Input: exampleInput, Options: map[string]any{"suffix": "_1"}}
	return []Template{
		{Type: "create-custom-transformer", Group: group, Title: "Create a transformer", Dialects: "NR", Variants: []Variant{
			variant("JavaScript", "NR", transformerHolder{Type: "create-custom-transformer", Content: exampleTransformer()}),
			variant("TypeScript", "NR", transformerHolder{Type: "create-custom-transformer", Content: typescript})}},
		{Type: "update-custom-transformer", Group: group, Title: "Update a transformer", Dialects: "NR", Help: "Standard transformers cannot be changed.",
			Variants: one(transformerHolder{Type: "update-custom-transformer", TransformerID: "{customTransformer}", Content: exampleTransformer()})},
		{Type: "delete-custom-transformer", Group: group, Title: "Delete a transformer", Dialects: "NR", Help: "Standard transformers cannot be deleted.",
			Variants: one(transformerHolder{Type: "delete-custom-transformer", TransformerID: "{customTransformer}"})},
		{Type: "test-custom-transformer", Group: group, Title: "Test a custom transformer", Dialects: "NR",
			Variants: one(transformerHolder{Type: "test-custom-transformer", Content: customTest{exampleTransformer(), request}})},
		{Type: "test-transformer", Group: group, Title: "Test a transformer", Dialects: "N", Secrets: historyPlaces("commandContent")[:1],
			Variants: []Variant{variant("With given data", "N", transformerHolder{Type: "test-transformer", TransformerID: "{transformer}", Content: request}),
				variant("With a south item", "N", transformerHolder{Type: "test-transformer", TransformerID: "{transformer}", Content: itemTestExample()})}},
	}
}

func itemTestExample() itemTest {
	var source Connector
	for _, c := range Souths(DialectN) {
		if c.Type == "sqlite" {
			source = c
		}
	}
	test := itemTest{SouthID: "create", SouthType: source.Type, ItemName: "Item 1", SouthSettings: source.Settings, ItemSettings: source.Item}
	test.Testing.History, test.Testing.Transformer.ID, test.Testing.Transformer.Options = &exampleRange, "{transformer}", map[string]any{}
	return test
}
