package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"oibus/testing/contract"
	"oibus/testing/harness"
)

// TestASecondOIBusHasTheItemsOfTheFirst saves the configuration of an agent that runs, and brings it into a data folder
// that has only been started, without and with the identity. The second also ends an import that was interrupted.
func TestASecondOIBusHasTheItemsOfTheFirst(t *testing.T) {
	t.Parallel()
	harness.Program(t, "oibus-installer")
	first := harness.Start(t, harness.Options{})
	var modes []struct{ ID string }
	must(t, first.Client, "GET", "/api/scan-modes", nil, &modes)
	var transformers []struct{ ID, FunctionName string }
	must(t, first.Client, "GET", "/api/transformers/list", nil, &transformers)
	ignore := ""
	for _, one := range transformers {
		if one.FunctionName == "ignore" {
			ignore = one.ID
		}
	}
	body := func(text string) json.RawMessage {
		return json.RawMessage(strings.NewReplacer("{mode}", modes[0].ID, "{ignore}", ignore, `"enabled":true`, `"enabled":false`).Replace(text))
	}
	var south, query struct{ ID string }
	must(t, first.Client, "POST", "/api/south", body(contract.SouthBody), &south)
	must(t, first.Client, "POST", "/api/history", body(contract.HistoryBody), &query)
	second := body(strings.Replace(contract.ItemBody, `"name":"a"`, `"name":"b"`, 1)) // a change of items alone
	must(t, first.Client, "POST", "/api/south/"+south.ID+"/items", second, nil)
	said := func(a *harness.Agent) (all [][]map[string]any) {
		for _, path := range []string{"/api/south/" + south.ID, "/api/history/" + query.ID} {
			var one struct{ Items []map[string]any }
			must(t, a.Client, "GET", path, nil, &one)
			for _, item := range one.Items { // who made it has a name only where its user is
				delete(item, "createdBy")
				delete(item, "updatedBy")
			}
			all = append(all, one.Items)
		}
		return all
	}
	want := said(first)
	if len(want[0]) != 2 || len(want[1]) != 1 {
		t.Fatalf("the first has %v", want)
	}
	for name, options := range map[string][]string{"a configuration": nil, "a whole OIBus": {"--whole"}} {
		saved := filepath.Join(t.TempDir(), "a.zip")
		installer(t, append(append([]string{"export", "--config", first.Dir}, options...), saved)...)
		a := harness.Start(t, harness.Options{})
		if code := a.Stop(); code != 0 {
			t.Fatalf("it ended with %d", code)
		}
		installer(t, "import", "--config", a.Dir, saved)
		if options != nil {
			a.Login, a.Password = first.Login, first.Password
		}
		a.Start()
		if got := said(a); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: the second has %v, want %v", name, got, want)
		}
		if code := a.Stop(); code != 0 {
			t.Fatalf("it ended with %d", code)
		}
		made := filepath.Join(a.Dir, "import") // as an import leaves it that is killed between two renames
		if err := os.Mkdir(made, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(a.Dir, "state"), filepath.Join(made, "state")); err != nil {
			t.Fatal(err)
		}
		file(t, made, "ready", `{"aside":"before-import-1"}`)
		a.Start()
		if got := said(a); !reflect.DeepEqual(got, want) {
			t.Errorf("%s, interrupted: the second has %v, want %v", name, got, want)
		}
	}
}

func installer(t *testing.T, args ...string) {
	t.Helper()
	if code, _, complaint := program(t, "oibus-installer", args...); code != 0 {
		t.Fatalf("oibus-installer %s ended with %d: %s", args[0], code, complaint)
	}
}
