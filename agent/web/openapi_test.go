package web

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// openAPI is the document of the reference, with its schemas as JSON schemas.
type openAPI struct {
	paths    map[string]any
	compiler *jsonschema.Compiler
}

const documentURL = "mem:///openapi.json"

func loadOpenAPI(t *testing.T) openAPI {
	t.Helper()
	var document map[string]any
	if err := json.Unmarshal(shared(t, "protocol/openapi.json"), &document); err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(documentURL, jsonSchema(document)); err != nil {
		t.Fatal(err)
	}
	return openAPI{paths: document["paths"].(map[string]any), compiler: c}
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

// operation names an operation, as "GET /api/users/{userId}".
func (o openAPI) operation(t *testing.T, name string) map[string]any {
	t.Helper()
	method, path, _ := strings.Cut(name, " ")
	item, _ := o.paths[path].(map[string]any)
	op, _ := item[strings.ToLower(method)].(map[string]any)
	if op == nil {
		t.Fatalf("%s is not in the document", name)
	}
	return op
}

// check holds a JSON text against the schema at a place below the operation, if there is one.
func (o openAPI) check(t *testing.T, name, text string, place ...string) {
	t.Helper()
	method, path, _ := strings.Cut(name, " ")
	place = append([]string{"paths", path, strings.ToLower(method)}, append(place, "content", "application/json", "schema")...)
	pointer := ""
	for _, part := range place {
		pointer += "/" + url.PathEscape(strings.NewReplacer("~", "~0", "/", "~1").Replace(part))
	}
	schema, err := o.compiler.Compile(documentURL + "#" + pointer)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Errorf("%s: %q is no JSON: %v", name, text, err)
		return
	}
	if err := schema.Validate(value); err != nil {
		t.Errorf("%s: %s does not fit the document: %v", name, text, err)
	}
}
