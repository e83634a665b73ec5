package contract

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Document is the OpenAPI document of the reference, with its schemas as JSON schemas.
type Document struct {
	paths    map[string]any
	compiler *jsonschema.Compiler
}

const documentURL = "mem:///openapi.json"

// Read reads the document. Its schemas of history queries are open for more keys: they put objects together from closed
// parts, which no object fits.
func Read(text []byte) (*Document, error) {
	var document map[string]any
	if err := json.Unmarshal(text, &document); err != nil {
		return nil, fmt.Errorf("cannot read the document: %w", err)
	}
	for name, schema := range document["components"].(map[string]any)["schemas"].(map[string]any) {
		if strings.HasPrefix(name, "HistoryQuery") || name == "BaseEntity" {
			delete(schema.(map[string]any), "additionalProperties")
		}
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(documentURL, jsonSchema(document)); err != nil {
		return nil, fmt.Errorf("cannot use the schemas of the document: %w", err)
	}
	return &Document{document["paths"].(map[string]any), c}, nil
}

// jsonSchema turns the "nullable" of OpenAPI 3.0 into what JSON schema has for it, everywhere in v.
func jsonSchema(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = jsonSchema(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = jsonSchema(v[key])
		}
		if v["nullable"] == true {
			delete(v, "nullable")
			return map[string]any{"anyOf": []any{v, map[string]any{"type": "null"}}}
		}
	}
	return v
}

// Operation is one of the document.
type Operation struct {
	Name    string // "PUT /api/users/{userId}"
	Tag     string
	HasBody bool
	Public  bool // it needs no credentials
}

// public says whether an operation needs no credentials.
func public(operation string) bool {
	return operation == "GET /api/status" || operation == "GET /api/engine/status"
}

// Operations lists all of them, by tag.
func (d *Document) Operations() []Operation {
	var all []Operation
	for path, item := range d.paths {
		for method, op := range item.(map[string]any) {
			op := op.(map[string]any)
			name := strings.ToUpper(method) + " " + path
			all = append(all, Operation{name, op["tags"].([]any)[0].(string), op["requestBody"] != nil, public(name)})
		}
	}
	slices.SortFunc(all, func(a, b Operation) int {
		return strings.Compare(a.Tag+" "+a.Name, b.Tag+" "+b.Name)
	})
	return all
}

func (d *Document) operation(name string) (map[string]any, error) {
	method, path, _ := strings.Cut(name, " ")
	item, _ := d.paths[path].(map[string]any)
	op, _ := item[strings.ToLower(method)].(map[string]any)
	if op == nil {
		return nil, fmt.Errorf("%s is not in the document", name)
	}
	return op, nil
}

// fits holds a JSON text against the schema at a place below the operation.
func (d *Document) fits(name, text string, place ...string) error {
	method, path, _ := strings.Cut(name, " ")
	place = append([]string{"paths", path, strings.ToLower(method)}, append(place, "content", "application/json", "schema")...)
	pointer := ""
	for _, part := range place {
		pointer += "/" + url.PathEscape(strings.NewReplacer("~", "~0", "/", "~1").Replace(part))
	}
	schema, err := d.compiler.Compile(documentURL + "#" + pointer)
	if err != nil {
		return err
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return fmt.Errorf("%q is no JSON: %w", text, err)
	}
	if err := schema.Validate(value); err != nil {
		return fmt.Errorf("%s does not fit the document: %w", text, err)
	}
	return nil
}
