package history

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"oibus/agent/connectors"
	"oibus/agent/entity"
)

func TestAQueryIsRefusedWithTheTextOfTheReference(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.create(query("Taken", 6, item("a")))
	for text, change := range map[string]func(c tree){
		`History query name "Taken" already exists`: func(c tree) { c["name"] = "Taken" },
		`"host" is not allowed to be empty`:         func(c tree) { c["southSettings"].(tree)["host"] = "" },
		`"verbose" is required`:                     func(c tree) { c["northSettings"] = tree{} },
		`Scan mode "null" not found`:                func(c tree) { c["caching"].(tree)["trigger"].(tree)["scanModeId"] = "nope" },
		`Scan mode not specified`:                   func(c tree) { c["caching"].(tree)["trigger"].(tree)["scanModeId"] = "" },
		`"endpoint" is required`:                    func(c tree) { delete(c["items"].([]tree)[0]["settings"].(tree), "endpoint") },
		`Item name "a" already used`:                func(c tree) { c["items"] = []tree{item("a"), item("a")} },
		`Could not find OIBus transformer "nope"`: func(c tree) {
			c["northTransformers"] = []any{tree{"id": "", "transformerId": "nope", "options": tree{}, "items": []any{}}}
		},
		`Could not find History item "x" (temp_9)`: func(c tree) {
			c["northTransformers"] = []any{tree{"id": "", "transformerId": keepAll, "options": tree{}, "items": []any{tree{"id": "temp_9", "name": "x", "enabled": true}}}}
		},
		`"queryTimeRange.endTime" must be later than "queryTimeRange.startTime"`:  func(c tree) { c["queryTimeRange"].(tree)["endTime"] = "2023-01-01T00:00:00.000Z" },
		`"queryTimeRange.startTime" must be a date like 2024-01-31T00:00:00.000Z`: func(c tree) { c["queryTimeRange"].(tree)["startTime"] = "soon" },
		`"northType" must be one of [`:                                            func(c tree) { c["northType"] = "nope" },
		`"name" is required. "items" is required`:                                 func(c tree) { delete(c, "name"); delete(c, "items") },
	} {
		command := query("New", 6, item("a"))
		change(command)
		_, err := r.Create(t.Context(), "me", raw(command), connectors.HistorySecrets{})
		if err == nil || err.Error() != text && !(strings.HasSuffix(text, "[") && strings.HasPrefix(err.Error(), text)) {
			t.Errorf("got %v, want %s", err, text)
		}
	}
	if n := len(r.Queries()); n != 1 {
		t.Errorf("%d queries", n)
	}
}

func TestAQueryHasTheItemsOfTheOneThatItIsADuplicateOf(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	command := query("Q", 6, item("b", "id", "temp_2"), item("a", "id", "temp_1"))
	q := r.create(command)
	b := q.South.Items[1]
	command["name"], command["items"] = "Copy", []tree{}
	command["northTransformers"] = []any{tree{"id": "", "transformerId": keepAll, "options": tree{}, "items": []any{tree{"id": b.ID, "name": b.Name, "enabled": true}}}}
	copied, err := r.Create(t.Context(), "you", raw(command), connectors.HistorySecrets{From: connectors.HistorySources{Query: q.ID}, Copy: true})
	r.must(err)
	got := copied.South.Items
	if len(got) != 2 || got[1].Name != "b" || got[1].ID == b.ID || got[1].CreatedBy != "you" || string(got[1].Settings) != string(b.Settings) ||
		len(copied.North.Transformers) != 1 || copied.North.Transformers[0].Source.ItemIDs[0] != got[1].ID {
		t.Errorf("%+v %+v", got, copied.North.Transformers)
	}
	command["name"] = "None"
	_, err = r.Create(t.Context(), "me", raw(command), connectors.HistorySecrets{Copy: true})
	r.refused(err, "There is no South or history query whose items could be copied")
	counts, err := r.ImportTable(t.Context(), "me", q.ID, connectors.Table{Text: "name,enabled\na,false\n", Delimiter: ",", Delete: true})
	if now := r.query(q.ID).South.Items; err != nil || counts != (connectors.Counts{Replaced: 1, Deleted: 1}) || len(now) != 1 || now[0].ID != q.South.Items[0].ID || now[0].Enabled {
		t.Errorf("%+v %v %+v", counts, err, now)
	}
}

func TestTemporaryIdsBecomeRealOnesInLinks(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	command := query("Q", 6, item("b", "id", "temp_2"), item("a", "id", "temp_1"))
	command["northTransformers"] = []any{
		tree{"id": "", "transformerId": keepAll, "options": tree{"x": 1}, "items": []any{tree{"id": "temp_2", "name": "b", "enabled": true}}},
		tree{"id": "", "transformerId": keepAll, "options": tree{}, "items": []any{}},
	}
	q := r.create(command)
	links := q.North.Transformers
	if len(links) != 2 || len(links[0].Source.ItemIDs) != 1 || links[0].Source.ItemIDs[0] != q.South.Items[1].ID || links[0].Source.SouthID != q.ID || len(links[1].Source.ItemIDs) != 0 {
		t.Fatalf("%+v", links)
	}
	// With its last item a link goes; the others stay.
	r.must(r.DeleteItems(t.Context(), "me", q.ID, []string{q.South.Items[1].ID}))
	if links := r.query(q.ID).North.Transformers; len(links) != 1 || len(links[0].Source.ItemIDs) != 0 {
		t.Errorf("%+v", links)
	}
	r.must(r.DeleteLinksTo(t.Context(), "system", keepAll))
	if links := r.query(q.ID).North.Transformers; len(links) != 0 {
		t.Errorf("%+v", links)
	}
}

func TestIdsOfAnotherQueryAreNotTaken(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	first := r.create(query("First", 6, item("a")))
	second := r.create(query("Second", 6, item("a", "id", first.South.Items[0].ID)))
	if second.South.Items[0].ID == first.South.Items[0].ID {
		t.Error("the id of an item of another query was kept")
	}
}

func TestSecretsAreSealedKeptAndCopied(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	q := r.create(query("Q", 6, item("a")))
	opened := func(q entity.HistoryQuery) string {
		var s struct{ Authentication struct{ Password string } }
		if err := json.Unmarshal(q.South.Settings, &s); err != nil {
			t.Fatal(err)
		}
		plain, err := r.o.Open(s.Authentication.Password)
		r.must(err)
		return plain
	}
	blank := query("Q", 6, item("a"))
	blank["southSettings"].(tree)["authentication"].(tree)["password"] = ""
	r.must(r.Update(t.Context(), "me", q.ID, raw(blank), false, nil))
	if got := opened(r.query(q.ID)); got != "very secret" {
		t.Errorf("kept %q", got)
	}
	blank["name"] = "Copy"
	copied, err := r.Create(t.Context(), "me", raw(blank), connectors.HistorySecrets{From: connectors.HistorySources{Query: q.ID}})
	r.must(err)
	if got := opened(copied); got != "very secret" {
		t.Errorf("copied %q", got)
	}
	blank["name"] = "None"
	_, err = r.Create(t.Context(), "me", raw(blank), connectors.HistorySecrets{From: connectors.HistorySources{Query: "nope"}})
	r.refused(err, `History query "nope" not found`)
	other := query("Other", 6)
	other["items"] = []tree{}
	other["southType"], other["southSettings"] = "sqlite", tree{"databasePath": "x"}
	_, err = r.Create(t.Context(), "me", raw(other), connectors.HistorySecrets{From: connectors.HistorySources{Query: q.ID}})
	r.refused(err, `History query "`+q.ID+`" (South type "rest") must be of the South type "sqlite"`)
	blocks, err := r.Blocks()
	r.must(err)
	for _, block := range blocks {
		if strings.Contains(string(block), "very secret") || !strings.Contains(string(block), `"password":""`) {
			t.Errorf("%s", block)
		}
	}
	for _, path := range filesWith(t, filepath.Join(r.dir, "state"), ".json") {
		if data, err := os.ReadFile(path); err != nil || strings.Contains(string(data), "very secret") {
			t.Errorf("%s holds the secret, or cannot be read: %v", path, err)
		}
	}
}

func TestTheSubmittedSettingsOfAnUpdateAreChecked(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	q := r.create(query("Q", 6, item("a")))
	wrong := query("Q", 6, item("a"))
	wrong["southSettings"] = tree{"nonsense": 1}
	if err := r.Update(t.Context(), "me", q.ID, raw(wrong), false, nil); err == nil || !strings.Contains(err.Error(), `"nonsense" is not allowed`) {
		t.Error(err)
	}
	if now := r.query(q.ID); string(now.South.Settings) != string(q.South.Settings) {
		t.Errorf("%s", now.South.Settings)
	}
	r.refused(r.Update(t.Context(), "me", "nope", raw(wrong), false, nil), `History query "nope" not found`)
}

func TestAnUpdateGoesOnUnlessItIsToldToReset(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	q := r.create(query("Q", 12, item("a")))
	r.must(r.StartQuery(t.Context(), "me", q.ID))
	r.awaits(q.ID, entity.HistoryFinished)
	r.source.took()
	for reset, reads := range map[bool]int{false: 0, true: 2} {
		same := query("Q", 12, item("a", "id", q.South.Items[0].ID))
		r.must(r.PauseQuery(t.Context(), "me", q.ID))
		r.must(r.Update(t.Context(), "me", q.ID, raw(same), reset, nil))
		r.must(r.StartQuery(t.Context(), "me", q.ID))
		r.awaits(q.ID, entity.HistoryFinished)
		if asked := r.source.took(); len(asked) != reads {
			t.Errorf("with reset %v it read %q", reset, asked)
		}
	}
}

func TestItemsComeFromATableAndGoToOne(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	q := r.create(query("Q", 6, item("there")))
	r.must(r.DeleteAllItems(t.Context(), "me", q.ID))
	r.must(r.Update(t.Context(), "me", q.ID, raw(query("Q", 6, item("there"))), false, nil))
	text, err := r.ExportCSV(q.ID, ",")
	r.must(err)
	header, row, _ := strings.Cut(strings.TrimRight(text, "\r\n"), "\r\n")
	if !strings.HasPrefix(header, "name,enabled,settings_") || !strings.HasPrefix(row, "there,true,") {
		t.Fatalf("%s", text)
	}
	fresh := strings.Replace(row, "there,true", "new,False", 1)
	n, name, err := r.ImportCSV(t.Context(), "me", q.ID, header+"\n"+fresh, ",", false)
	if err != nil || n != 1 || name != "Q" || len(r.query(q.ID).South.Items) != 2 {
		t.Errorf("%d %q %v", n, name, err)
	}
	_, _, err = r.ImportCSV(t.Context(), "me", q.ID, header+"\n"+fresh, ",", false)
	r.refused(err, "Error when checking csv items:\nnew: Item name \"new\" already used")
	_, _, err = r.ImportCSV(t.Context(), "me", q.ID, "name;enabled\nx;true", ",", false)
	if err == nil || !strings.HasPrefix(err.Error(), "Error when checking csv items:\nundefined: ") || strings.Contains(err.Error(), "Scan mode") {
		t.Error(err)
	}
	id := r.query(q.ID).South.Items[1].ID
	n, _, err = r.ImportCSV(t.Context(), "me", q.ID, text, ",", true)
	if items := r.query(q.ID).South.Items; err != nil || n != 1 || len(items) != 1 || items[0].ID != id {
		t.Errorf("%d %v %+v", n, err, items)
	}
	_, _, err = r.ImportCSV(t.Context(), "me", "nope", text, ",", true)
	r.refused(err, `History query "nope" not found`)
	checked, err := r.connectors.CheckHistoryCSV("rest", header+"\n"+fresh+"\n"+strings.Replace(row, "there,", ",", 1), ",", raw([]tree{item("there")}), false)
	r.must(err)
	view, err := connectors.Views{Service: r.connectors}.HistoryChecked(checked)
	r.must(err)
	if len(view.Items) != 1 || view.Items[0].ID != nil || view.Items[0].Name != "new" || len(view.Errors) != 1 || view.Errors[0].Error != `"name" is required` {
		t.Errorf("%s", raw(view))
	}
	r.must(r.ImportItems(t.Context(), "me", q.ID, raw(view.Items), false))
	if items := r.query(q.ID).South.Items; len(items) != 2 {
		t.Errorf("%+v", items)
	}
}

func TestEverythingIsThereAfterARestart(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	command := query("Q", 6, item("a"), item("b"))
	command["northTransformers"] = []any{tree{"id": "", "transformerId": keepAll, "options": tree{}, "items": []any{}}}
	q := r.create(command)
	r.must(r.PauseQuery(t.Context(), "me", q.ID))
	_, err := r.SaveItem(t.Context(), "me", q.ID, q.South.Items[0].ID, raw(item("z")))
	r.must(err)
	before := raw(r.query(q.ID))
	items := raw(r.query(q.ID).South.Items)
	dir := r.dir
	r.stop()
	again := open(t, dir, &source{}, &target{})
	again.start()
	now := again.query(q.ID)
	if string(raw(now)) != string(before) || string(raw(now.South.Items)) != string(items) || now.Status != entity.HistoryPaused {
		t.Errorf("%s\n%s", raw(now), before)
	}
}
