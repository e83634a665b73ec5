package conformance

import (
	"testing"

	"oibus/testing/harness"
)

func update(answer int, commands ...map[string]any) StatusUpdate {
	return StatusUpdate{answer, commands}
}

func said(id, status string, result any) map[string]any {
	return map[string]any{"id": id, "status": status, "result": result, "createdAt": "2026-01-01T00:00:00.00" + id + "Z"}
}

func TestViewTellsWhatTheCloudLearnt(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		updates []StatusUpdate
		field   string
		want    string
	}{
		{"states", []StatusUpdate{update(200, said("1", "RETRIEVED", nil)), update(200, said("1", "RUNNING", nil)), update(200, said("1", "COMPLETED", "ok"))},
			"outcome", `{"1":{"result":"ok","states":"RETRIEVED COMPLETED"},"2":{"result":null,"states":""}}`},
		{"running for ever", []StatusUpdate{update(200, said("1", "RETRIEVED", nil)), update(200, said("1", "RUNNING", nil))},
			"outcome", `{"1":{"result":null,"states":"RETRIEVED RUNNING"},"2":{"result":null,"states":""}}`},
		{"repeated after a confirmation", []StatusUpdate{update(200, said("1", "COMPLETED", "ok")), update(200, said("1", "COMPLETED", "ok"))}, "repeated", `{"1":1}`},
		{"repeated because it was forgotten", []StatusUpdate{update(404, said("1", "COMPLETED", "ok")), update(200, said("1", "COMPLETED", "ok"))}, "repeated", `{"1":1}`},
		{"tried again after a failure", []StatusUpdate{update(500, said("1", "COMPLETED", "ok")), update(200, said("1", "COMPLETED", "ok"))}, "repeated", `{}`},
		{"another result", []StatusUpdate{update(200, said("1", "ERRORED", "a")), update(200, said("1", "ERRORED", "b"))},
			"outcome", `{"1":{"result":"b","states":"ERRORED ERRORED"},"2":{"result":null,"states":""}}`},
		{"newest first, one by one", []StatusUpdate{update(200, said("2", "RETRIEVED", nil)), update(200, said("1", "RETRIEVED", nil))}, "retrieved", `"2 newest first in 2 requests"`},
		{"in order, together", []StatusUpdate{update(200, said("1", "RETRIEVED", nil), said("2", "RETRIEVED", nil))}, "retrieved", `"2 as handed out"`},
		{"ends", []StatusUpdate{update(200, said("1", "ERRORED", "a")), update(200, said("2", "CANCELLED", nil))}, "ended", `"2 as handed out"`},
		{"of other commands", []StatusUpdate{update(200, said("3", "ERRORED", "a"))}, "ended", `"0"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			view := Observation{IDs: []string{"1", "2"}, Updates: c.updates}.View()
			if got := shown(view[c.field]); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestOnlyTheNewestConfigurationOfABatchCounts(t *testing.T) {
	t.Parallel()
	put := func(path string, body float64) Exchange { return Exchange{Method: "PUT", Path: path, Body: body} }
	requests := []Exchange{put(paths["E7"], 1), put(paths["E8"], 2), put(paths["E7"], 3), {Method: "GET", Path: "/other"}}
	for _, c := range []struct {
		ids  []string
		want string
	}{
		{[]string{"1", "2"}, "[2,3,null]"},
		{[]string{"1"}, "[1,2,3,null]"},
	} {
		var bodies []any
		for _, e := range (Observation{IDs: c.ids, Requests: requests}).coalesced() {
			bodies = append(bodies, e.Body)
		}
		if got := shown(bodies); got != c.want {
			t.Errorf("of %d commands: got %s, want %s", len(c.ids), got, c.want)
		}
	}
}

// The recordings say how each command ended. What the view makes of the status updates must be that, or the comparison
// would compare something else.
func TestViewOfTheRecordingsIsWhatTheySayThemselves(t *testing.T) {
	t.Parallel()
	for _, d := range []Dialect{N, R} {
		folder := harness.Shared(t, d.Folder())
		for _, name := range namesIn(t, d) {
			r, err := LoadRecording(folder, name)
			if err != nil {
				continue // it holds no commands
			}
			view := Recorded(r).View()["outcome"].(map[string]any)
			for _, o := range r.Outcomes {
				got := view[o.ID].(map[string]any)
				if name == "update-version" { // its end was reported by the next process, which has a key of its own
					continue
				}
				if want := "RETRIEVED " + o.Status; got["states"] != want || got["result"] != pointed(o.Result) {
					t.Errorf("%s/%s: %s ended %v %q, the view has %v %q", d.Folder(), name, o.ID, o.Status, pointed(o.Result), got["states"], got["result"])
				}
			}
			for _, id := range r.NotReported {
				if got := view[id].(map[string]any); got["result"] != nil {
					t.Errorf("%s/%s: %s was not reported, the view has %v", d.Folder(), name, id, got)
				}
			}
		}
	}
}

func TestARecordingComparedWithItselfDoesNotDiffer(t *testing.T) {
	t.Parallel()
	for _, d := range []Dialect{N, R} {
		folder := harness.Shared(t, d.Folder())
		for _, name := range namesIn(t, d) {
			r, err := LoadRecording(folder, name)
			if err != nil {
				continue
			}
			n := &Normaliser{}
			if found := Compare(n.Normalise(Recorded(r).View()), n.Normalise(Recorded(r).View())); len(found) > 0 {
				t.Errorf("%s/%s: %v", d.Folder(), name, found)
			}
		}
	}
}
