package manifest

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// shared finds the folder of recorded exchanges beside the module, or skips the test.
func shared(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
	}
	found := filepath.Join(filepath.Dir(dir), "shared")
	if _, err := os.Stat(found); err != nil {
		t.Skip("the recorded exchanges (../shared) are not here")
	}
	return found
}

func readJSON(t testing.TB, into any, path ...string) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(append([]string{shared(t)}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatal(err)
	}
}

// asJSON is what v looks like to a reader of its JSON.
func asJSON(t testing.TB, v any) any {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var out any
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// firstDifference names the place where two JSON values differ, or is "".
func firstDifference(path string, got, want any) string {
	switch w := want.(type) {
	case map[string]any:
		g, _ := got.(map[string]any)
		for key := range w {
			if d := firstDifference(path+"."+key, g[key], w[key]); d != "" {
				return d
			}
		}
		for key := range g {
			if _, ok := w[key]; !ok {
				return fmt.Sprintf("%s.%s is too much", path, key)
			}
		}
		if g == nil || len(g) != len(w) {
			return fmt.Sprintf("%s: got %v, want %v", path, got, want)
		}
	case []any:
		g, _ := got.([]any)
		for i := range min(len(g), len(w)) {
			if d := firstDifference(fmt.Sprintf("%s[%d]", path, i), g[i], w[i]); d != "" {
				return d
			}
		}
		if g == nil || len(g) != len(w) {
			return fmt.Sprintf("%s: got %d elements, want %d", path, len(g), len(w))
		}
	default:
		if !reflect.DeepEqual(got, want) {
			return fmt.Sprintf("%s: got %v, want %v", path, got, want)
		}
	}
	return ""
}

func compare(t *testing.T, what string, got any, file ...string) {
	t.Helper()
	var want []any
	readJSON(t, &want, file...)
	have, _ := asJSON(t, got).([]any)
	if len(have) != len(want) {
		t.Errorf("%s: %d, want %d", what, len(have), len(want))
	}
	for i := range min(len(have), len(want)) {
		id, _ := want[i].(map[string]any)["id"].(string)
		if d := firstDifference(what+" "+id, have[i], want[i]); d != "" {
			t.Error(d)
		}
	}
}

func TestManifestsAreThoseOfTheReference(t *testing.T) {
	t.Parallel()
	compare(t, "south N", Souths(N), "golden", "manifests-south.json")
	compare(t, "north N", Norths(N), "golden", "manifests-north.json")
	compare(t, "south R", Souths(R), "golden-R", "manifests-south.json")
	compare(t, "north R", Norths(R), "golden-R", "manifests-north.json")
	compare(t, "transformer", Transformers(), "golden", "manifests-transformers.json")
}

func TestTypeListsAreThoseOfTheReference(t *testing.T) {
	t.Parallel()
	compare(t, "south type N", SouthTypes(N), "golden", "south-types.json")
	compare(t, "south type R", SouthTypes(R), "golden-R", "south-types.json")
	compare(t, "north type", NorthTypes(N), "golden", "north-types.json")
	compare(t, "north type R", NorthTypes(R), "golden", "north-types.json")
}

func TestAManifestReadFromJSONWritesTheSameJSON(t *testing.T) {
	t.Parallel()
	var read []struct {
		Settings Attribute `json:"settings"`
	}
	var want []struct {
		Settings any `json:"settings"`
	}
	readJSON(t, &read, "golden", "manifests-south.json")
	readJSON(t, &want, "golden", "manifests-south.json")
	for i := range want {
		if d := firstDifference("", asJSON(t, read[i].Settings), want[i].Settings); d != "" {
			t.Error(d)
		}
	}
}

func TestAForeignManifestOfAbsurdDepthIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	const levels = 4000
	deep := strings.Repeat(`{"type":"array","rootAttribute":`, levels) + `null` + strings.Repeat(`}`, levels)
	var a Attribute
	if err := json.Unmarshal([]byte(deep), &a); err == nil || err.Error() != "the manifest is nested more than 100 deep" {
		t.Errorf("got %v", err)
	}
}

func TestTheListOfTransformersCarriesTheSameForms(t *testing.T) {
	t.Parallel()
	var listed []struct {
		FunctionName string `json:"functionName"`
		InputType    string `json:"inputType"`
		OutputType   string `json:"outputType"`
		Manifest     any    `json:"manifest"`
	}
	readJSON(t, &listed, "golden", "transformers-list.json")
	if len(listed) != len(Transformers()) {
		t.Errorf("%d listed, %d known", len(listed), len(Transformers()))
	}
	for _, l := range listed {
		known, ok := FindTransformer(l.FunctionName)
		if !ok || known.InputType != l.InputType || known.OutputType != l.OutputType {
			t.Errorf("%s: got %+v", l.FunctionName, known.ID)
		}
		if d := firstDifference(l.FunctionName, asJSON(t, known.Settings), l.Manifest); d != "" {
			t.Error(d)
		}
	}
}
