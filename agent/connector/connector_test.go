package connector

import (
	"encoding/json"
	"testing"
)

func TestAReportWithoutFactsIsAnEmptyList(t *testing.T) {
	t.Parallel()
	var r Report
	for _, want := range []string{`{"items":[]}`, `{"items":[{"key":"State","value":"Running"}]}`} {
		if got, err := json.Marshal(r); err != nil || string(got) != want {
			t.Errorf("got %s, %v; want %s", got, err, want)
		}
		r.Add("State", "Running")
	}
}

func TestNothingIsRememberedForAConnectorThatWasNeverSaved(t *testing.T) {
	t.Parallel()
	asked := ""
	h := Host{Memory: func(id string) Memory { asked = id; return nil }}
	if h.MemoryOf(""); asked != "" {
		t.Error("a memory was made for no connector")
	}
	if h.MemoryOf("a"); asked != "a" {
		t.Errorf("the memory of %q was asked for", asked)
	}
	if (Host{}).MemoryOf("a") != nil {
		t.Error("a memory without a place")
	}
}
