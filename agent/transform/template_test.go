package transform

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"oibus/agent/content"
)

func TestTemplatesAreThoseOfTheReference(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "golden", "transformer-templates.json"))
	if err != nil {
		t.Skip("the recorded exchanges are not here: ../shared/golden")
	}
	var recorded map[string]Template
	if err := json.Unmarshal(data, &recorded); err != nil {
		t.Fatal(err)
	}
	for inputType, want := range recorded {
		got := TemplateFor(inputType, now)
		if got.Type != want.Type || got.Description != want.Description || unstamped(t, got.Data) != unstamped(t, want.Data) {
			t.Errorf("%s: %+v, want %+v", inputType, got, want)
		}
	}
	if got := TemplateFor("unknown", now).Type; got != string(content.Setpoints) {
		t.Errorf("unknown type: %s", got)
	}
	if got := TemplateFor("any-content", now); got.Type != "any-content" || got.Data != TemplateFor("any", now).Data {
		t.Errorf("any-content: %+v", got)
	}
}

// unstamped is data with one timestamp for all.
func unstamped(t *testing.T, data string) string {
	t.Helper()
	var stamps []string
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if s, ok := v["timestamp"].(string); ok {
				stamps = append(stamps, s)
			}
			for _, m := range v {
				walk(m)
			}
		case []any:
			for _, e := range v {
				walk(e)
			}
		}
	}
	var v any
	if err := json.Unmarshal([]byte(data), &v); err != nil {
		t.Fatal(err)
	}
	walk(v)
	for _, s := range stamps {
		data = strings.ReplaceAll(data, s, "@now")
	}
	return data
}
