package catalogue

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The types of protocol/control-plane.md, sections 5 and 12.
var types = strings.Fields(`
update-version restart-engine regenerate-cipher-keys
update-engine-general update-engine-web-server update-engine-proxy update-engine-logger update-registration-settings
create-scan-mode update-scan-mode delete-scan-mode create-ip-filter update-ip-filter delete-ip-filter
create-certificate update-certificate delete-certificate
create-south update-south delete-south create-or-update-south-items-from-csv test-south-connection test-south-item
create-north update-north delete-north test-north-connection setpoint
create-history-query update-history-query delete-history-query create-or-update-history-query-south-items-from-csv
test-history-query-north-connection test-history-query-south-connection test-history-query-south-item update-history-query-status
search-north-cache-content search-history-cache-content get-north-cache-file-content get-history-cache-file-content
update-north-cache-content update-history-cache-content
create-custom-transformer update-custom-transformer delete-custom-transformer test-custom-transformer test-transformer
update-engine-settings`)

func TestThereIsOneFormForEachOfThe48Types(t *testing.T) {
	t.Parallel()
	var got []string
	perDialect := map[string]int{}
	for _, form := range Templates() {
		got = append(got, form.Type)
		for _, dialect := range []string{DialectN, DialectR} {
			if strings.Contains(form.Dialects, dialect) {
				perDialect[dialect]++
			}
		}
	}
	slices.Sort(got)
	slices.Sort(types)
	if !slices.Equal(got, types) || len(types) != 48 {
		t.Errorf("forms of %d types: %v", len(got), got)
	}
	if perDialect[DialectN] != 47 || perDialect[DialectR] != 43 {
		t.Errorf("dialects have %v types, want 47 and 43", perDialect)
	}
}

func TestEveryExampleHasItsTypeAndOnlyKnownFields(t *testing.T) {
	t.Parallel()
	for _, form := range Templates() {
		if form.Title == "" || form.Group == "" || len(form.Variants) == 0 {
			t.Errorf("%s is incomplete", form.Type)
		}
		names := map[string]bool{}
		for _, v := range form.Variants {
			checkExample(t, form, v)
			for _, dialect := range v.Dialects {
				if key := v.Name + string(dialect); names[key] {
					t.Errorf("%s has two examples %q in dialect %c", form.Type, v.Name, dialect)
				} else {
					names[key] = true
				}
			}
		}
	}
}

func checkExample(t *testing.T, form Template, v Variant) {
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(v.Command, &keys); err != nil {
		t.Errorf("%s, %s: %v", form.Type, v.Name, err)
		return
	}
	if got := string(keys["type"]); got != `"`+form.Type+`"` {
		t.Errorf("%s, %s has the type %s", form.Type, v.Name, got)
	}
	for key := range keys {
		if _, known := Fields[key]; !known && key != "type" && key != "commandContent" {
			t.Errorf("%s, %s: the form does not know %s", form.Type, v.Name, key)
		}
	}
	for _, place := range form.Secrets {
		checkPlace(t, form, v, place)
	}
}

func checkPlace(t *testing.T, form Template, v Variant, place Place) {
	if form.Type == "test-transformer" && v.Name == "With given data" {
		return // its place belongs to the other example
	}
	if at(v.Command, place.Path) == nil {
		t.Errorf("%s, %s has nothing at %s", form.Type, v.Name, place.Path)
	}
	if place.Kind == "" {
		return
	}
	var connectorType string
	if json.Unmarshal(at(v.Command, place.TypePath), &connectorType) != nil || SecretsOf()[place.Kind][connectorType] == nil {
		t.Errorf("%s, %s has the %s type %q at %s", form.Type, v.Name, place.Kind, connectorType, place.TypePath)
	}
}

func at(raw json.RawMessage, path string) json.RawMessage {
	for _, key := range strings.Split(path, ".") {
		var object map[string]json.RawMessage
		if json.Unmarshal(raw, &object) != nil {
			return nil
		}
		raw = object[key]
	}
	return raw
}

func TestDialectRHasNoInfluxDBAndItsOwnTiming(t *testing.T) {
	t.Parallel()
	if n, r := len(Souths(DialectN)), len(Souths(DialectR)); n != 19 || r != 18 {
		t.Errorf("%d and %d souths, want 19 and 18", n, r)
	}
	if n, r := len(Norths(DialectN)), len(Norths(DialectR)); n != 10 || r != 10 {
		t.Errorf("%d and %d norths, want 10 and 10", n, r)
	}
	form, _ := Find("create-south")
	for _, v := range form.Variants {
		hasOverlap := strings.Contains(string(v.Command), `"overlap"`)
		if hasOverlap != (v.Dialects == DialectR) {
			t.Errorf("the example %s of dialect %s has overlap: %v", v.Name, v.Dialects, hasOverlap)
		}
	}
}

// attribute is what is read of a manifest (protocol/data-plane.md, section 2).
type attribute struct {
	Type       string
	Key        string
	Attributes []attribute
	Validators []struct{ Type string }
	Conditions []struct {
		Referral string `json:"referralPathFromRoot"`
		Target   string `json:"targetPathFromRoot"`
		Values   []any
	} `json:"enablingConditions"`
}

func (a attribute) required() bool {
	for _, v := range a.Validators {
		if v.Type == "REQUIRED" {
			return true
		}
	}
	return false
}

// problems lists the keys that are unknown and the required ones that are missing.
func (a attribute) problems(path string, settings map[string]any) (out []string) {
	known := map[string]bool{}
	for _, child := range a.Attributes {
		known[child.Key] = true
		value, present := settings[child.Key]
		if !present && child.required() && a.enabled(child.Key, settings) {
			out = append(out, path+child.Key+" is missing")
		}
		if inner, ok := value.(map[string]any); ok && child.Type == "object" {
			out = append(out, child.problems(path+child.Key+".", inner)...)
		}
	}
	for key := range settings {
		if !known[key] {
			out = append(out, path+key+" is unknown")
		}
	}
	return out
}

func (a attribute) enabled(key string, settings map[string]any) bool {
	for _, c := range a.Conditions {
		if c.Target == key && !slices.Contains(c.Values, settings[c.Referral]) {
			return false
		}
	}
	return true
}

func TestTheExamplesFitTheManifestsOfTheReference(t *testing.T) {
	t.Parallel()
	for dialect, folder := range map[string]string{DialectN: "golden", DialectR: "golden-R"} {
		for kind, list := range map[string][]Connector{"south": Souths(dialect), "north": Norths(dialect)} {
			manifests := readManifests(t, filepath.Join(folder, "manifests-"+kind+".json"))
			if len(manifests) != len(list) {
				t.Errorf("%s has %d types of %s, the catalogue %d", folder, len(manifests), kind, len(list))
			}
			for _, c := range list {
				var settings map[string]any
				if err := json.Unmarshal(c.Settings, &settings); err != nil {
					t.Fatal(err)
				}
				for _, p := range manifests[c.Type].problems("", settings) {
					t.Errorf("%s %s %s: %s", folder, kind, c.Type, p)
				}
			}
		}
	}
}

func readManifests(t *testing.T, name string) map[string]attribute {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for dir != filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		dir = filepath.Dir(dir)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "..", "shared", name))
	if err != nil {
		t.Skipf("the manifests of the reference are not beside the project: %v", err)
	}
	var list []struct {
		ID       string
		Settings attribute
	}
	if err := json.Unmarshal(raw, &list); err != nil {
		t.Fatal(err)
	}
	out := map[string]attribute{}
	for _, m := range list {
		out[m.ID] = m.Settings
	}
	return out
}
