package web

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"oibus/agent/cache"
	"oibus/agent/connector"
	"oibus/agent/connectors"
	"oibus/agent/history"
	"oibus/agent/manifest"
	"oibus/agent/north"
	"oibus/agent/secret"
	"oibus/agent/store"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// histories are real history queries, on a console that takes everything, with tests that try nothing.
type histories struct{ *history.Service }

func (h histories) TestSouth(_ context.Context, t connectors.HistoryTest) (r connector.Report, err error) {
	if _, err = h.DraftSouth(t); err == nil && strings.Contains(string(t.Settings), "closed") {
		err = errClosedPort
	}
	r.Add("Version", "1")
	return r, err
}

func (h histories) TestNorth(_ context.Context, t connectors.HistoryTest) (r connector.Report, err error) {
	_, err = h.DraftNorth(t)
	return r, err
}

func (h histories) TestItem(_ context.Context, t connectors.HistoryTest) (any, error) {
	_, err := h.DraftSouth(t)
	values := json.RawMessage(`{"type":"time-values","content":[{"pointId":"a","timestamp":"2024-01-01T00:00:00.000Z","data":{"value":"1"}}]}`)
	return map[string]any{"raw": values, "transformed": nil, "connectionDuration": 1, "queryDuration": 2}, err
}

func (h histories) SearchCache(id string, q cache.Query) (any, error) {
	return h.Service.SearchCache(id, q)
}
func (h histories) Metrics(id string) (any, error) { return h.Service.Metrics(id) }
func (h histories) State(id string) (any, error)   { return h.Service.State(id) }

// deaf is a North that sends nothing.
type deaf struct{}

func (deaf) Connect(context.Context) error                        { return nil }
func (deaf) Disconnect(context.Context) error                     { return nil }
func (deaf) Test(context.Context) (r connector.Report, err error) { return r, nil }
func (deaf) Send(context.Context, north.Delivery) error           { return errors.New("deaf") }

// historySite is a site with history queries.
func historySite(t *testing.T) *site {
	t.Helper()
	dir := t.TempDir()
	st, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := secret.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return newSite(t, func(o *Options) {
		s, err := history.Open(history.Options{
			Connectors: o.Connectors, Norths: []north.Type{{ID: "console", New: func(north.Env) (north.Connector, error) { return deaf{}, nil }}},
			Dialect: manifest.N, Open: keys.Open, Store: st, DataDir: dir, Log: slog.New(slog.DiscardHandler), Reserve: 1,
		})
		if err != nil {
			t.Fatal(err)
		}
		s.Start(context.Background())
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
			defer cancel()
			if err := s.Stop(ctx); err != nil {
				t.Error(err)
			}
		})
		o.Histories = histories{s}
	})
}

const (
	historyItem = `{"id":null,"name":"a","enabled":true,"settings":` + itemSettings + `}`
	historyBody = `{"name":"Backfill","description":"","queryTimeRange":{"startTime":"2024-01-01T00:00:00.000Z","endTime":"2024-02-01T00:00:00.000Z","maxReadInterval":3600,"readDelay":200},
		"southType":"folder-scanner","southSettings":` + scannerSettings + `,"northType":"console","northSettings":{"verbose":true},
		"caching":{"trigger":{"scanModeId":"{mode}","scanModeName":null,"numberOfElements":0,"numberOfFiles":0},"throttling":{"runMinDelay":200,"maxSize":0,"maxNumberOfElements":10000},
			"error":{"retryInterval":5000,"retryCount":1,"retentionDuration":24},"archive":{"enabled":true,"retentionDuration":72}},
		"items":[` + historyItem + `],"northTransformers":[{"id":"","transformerId":"{ignore}","options":{},"items":[]}]}`
	historyTable = "name,enabled,settings_regex,settings_minAge,settings_preserveFiles,settings_ignoreModifiedDate,settings_maxFiles,settings_maxSize,settings_recursive\n"
)

// historyTrials call every operation of history queries, well and badly.
var historyTrials = []trial{
	{"POST /api/history", "/api/history?fromSouth=&fromNorth=&duplicate=", historyBody, 201, "history"},
	{"POST /api/history", "", historyBody, 400, ""},
	{"POST /api/history", "", `{"name":"x"}`, 400, ""},
	{"POST /api/history", "/api/history?duplicate={history}", strings.Replace(historyBody, "Backfill", "Copy", 1), 201, "copy"},
	{"GET /api/history", "", "", 200, ""},
	{"GET /api/history/{historyId}", "/api/history/{history}", "", 200, ""},
	{"GET /api/history/{historyId}", "/api/history/nothing", "", 404, ""},
	{"PUT /api/history/{historyId}", "/api/history/{history}?resetCache=true", historyBody, 204, ""},
	{"PUT /api/history/{historyId}", "/api/history/{history}?resetCache=false", strings.Replace(historyBody, `"verbose":true`, `"verbose":7`, 1), 400, ""},
	{"PUT /api/history/{historyId}", "/api/history/nothing", historyBody, 404, ""},
	{"POST /api/history/{historyId}/start", "/api/history/{history}/start", "", 204, ""},
	{"POST /api/history/{historyId}/start", "/api/history/nothing/start", "", 404, ""},
	{"POST /api/history/{historyId}/pause", "/api/history/{history}/pause", "", 204, ""},
	{"POST /api/history/{historyId}/pause", "/api/history/nothing/pause", "", 404, ""},
	{"POST /api/history/{historyId}/test/south", "/api/history/{history}/test/south?southType=folder-scanner&fromSouth=", scannerSettings, 200, ""},
	{"POST /api/history/{historyId}/test/south", "/api/history/create/test/south?southType=folder-scanner", strings.Replace(scannerSettings, "/in", "closed", 1), 400, ""},
	{"POST /api/history/{historyId}/test/south", "/api/history/nothing/test/south?southType=folder-scanner", scannerSettings, 404, ""},
	{"POST /api/history/{historyId}/test/south", "/api/history/create/test/south", scannerSettings, 400, ""},
	{"POST /api/history/{historyId}/test/north", "/api/history/create/test/north?northType=console&fromNorth=", `{"verbose":true}`, 200, ""},
	{"POST /api/history/{historyId}/test/north", "/api/history/create/test/north?northType=console", `{"verbose":[]}`, 400, ""},
	{"POST /api/history/{historyId}/test/items", "/api/history/create/test/items?southType=folder-scanner&itemName=a&fromSouth=",
		`{"southSettings":` + scannerSettings + `,"itemSettings":` + itemSettings + `,"testingSettings":{}}`, 200, ""},
	{"POST /api/history/{historyId}/test/items", "/api/history/create/test/items?southType=folder-scanner&itemName=a", `{"southSettings":{}}`, 400, ""},

	{"POST /api/history/{historyId}/items", "/api/history/{history}/items", strings.Replace(historyItem, `"a"`, `"b"`, 1), 201, "item"},
	{"POST /api/history/{historyId}/items", "/api/history/{history}/items", historyItem, 400, ""},
	{"POST /api/history/{historyId}/items", "/api/history/{history}/items", `{"name":7}`, 400, ""},
	{"GET /api/history/{historyId}/items/list", "/api/history/{history}/items/list", "", 200, ""},
	{"GET /api/history/{historyId}/items/list", "/api/history/nothing/items/list", "", 404, ""},
	{"GET /api/history/{historyId}/items/search", "/api/history/{history}/items/search?name=B&enabled=true&page=0", "", 200, ""},
	{"GET /api/history/{historyId}/items/search", "/api/history/{history}/items/search?enabled=perhaps", "", 400, ""},
	{"GET /api/history/{historyId}/items/{itemId}", "/api/history/{history}/items/{item}", "", 200, ""},
	{"GET /api/history/{historyId}/items/{itemId}", "/api/history/{history}/items/nothing", "", 404, ""},
	{"PUT /api/history/{historyId}/items/{itemId}", "/api/history/{history}/items/{item}", strings.Replace(historyItem, `"a"`, `"c"`, 1), 204, ""},
	{"PUT /api/history/{historyId}/items/{itemId}", "/api/history/{history}/items/{item}", historyItem, 400, ""},
	{"PUT /api/history/{historyId}/items/{itemId}", "/api/history/{history}/items/nothing", strings.Replace(historyItem, `"a"`, `"d"`, 1), 404, ""},
	{"POST /api/history/{historyId}/items/{itemId}/disable", "/api/history/{history}/items/{item}/disable", "", 204, ""},
	{"POST /api/history/{historyId}/items/{itemId}/enable", "/api/history/{history}/items/{item}/enable", "", 204, ""},
	{"POST /api/history/{historyId}/items/enable", "/api/history/{history}/items/enable", `{"itemIds":["{item}"]}`, 204, ""},
	{"POST /api/history/{historyId}/items/enable", "/api/history/{history}/items/enable", `{"itemIds":7}`, 400, ""},
	{"POST /api/history/{historyId}/items/disable", "/api/history/{history}/items/disable", `{"itemIds":["{item}"]}`, 204, ""},
	{"POST /api/history/{historyId}/items/disable", "/api/history/{history}/items/disable", `{"itemIds":["nothing"]}`, 404, ""},
	{"POST /api/history/{historyId}/items/export", "/api/history/{history}/items/export", `{"delimiter":";"}`, 200, ""},
	{"POST /api/history/{historyId}/items/export", "/api/history/{history}/items/export", `{}`, 400, ""},
	{"POST /api/history/{southType}/items/to-csv", "/api/history/folder-scanner/items/to-csv", form("delimiter", ",", "@items", "["+historyItem+"]"), 200, ""},
	{"POST /api/history/{southType}/items/to-csv", "/api/history/folder-scanner/items/to-csv", form("delimiter", ","), 400, ""},
	{"POST /api/history/{southType}/items/import/check", "/api/history/folder-scanner/items/import/check",
		form("delimiter", ",", "deleteItemsNotPresent", "false", "@itemsToImport", historyTable+"new,true,.*,0,true,false,0,0,false\nbad,true,,x,,,,,\n", "@currentItems", "["+historyItem+"]"), 200, ""},
	{"POST /api/history/{southType}/items/import/check", "/api/history/teleporter/items/import/check",
		form("delimiter", ",", "deleteItemsNotPresent", "false", "@itemsToImport", historyTable, "@currentItems", "[]"), 400, ""},
	{"POST /api/history/{historyId}/items/import", "/api/history/{history}/items/import",
		form("@items", "["+strings.Replace(historyItem, `"a"`, `"imported"`, 1)+"]", "deleteItemsNotPresent", "false"), 204, ""},
	{"POST /api/history/{historyId}/items/import", "/api/history/{history}/items/import", form("@items", "{", "deleteItemsNotPresent", "false"), 400, ""},

	{"POST /api/history/{historyId}/transformers", "/api/history/{history}/transformers", `{"id":"","transformer":{transformer},"options":{},"items":[]}`, 204, ""},
	{"POST /api/history/{historyId}/transformers", "/api/history/{history}/transformers", `{"id":"","transformer":{},"options":{},"items":[]}`, 400, ""},
	{"DELETE /api/history/{historyId}/transformers/{transformerId}", "/api/history/{history}/transformers/{link}", "", 204, ""},
	{"DELETE /api/history/{historyId}/transformers/{transformerId}", "/api/history/{history}/transformers/nothing", "", 404, ""},

	{"GET /api/history/{historyId}/cache/search", "/api/history/{history}/cache/search?nameContains=&start=&end=&maxNumberOfFilesReturned=10", "", 200, ""},
	{"GET /api/history/{historyId}/cache/search", "/api/history/nothing/cache/search", "", 404, ""},
	{"GET /api/history/{historyId}/cache/content/{filename}", "/api/history/nothing/cache/content/x?folder=cache", "", 404, ""},
	{"DELETE /api/history/{historyId}/cache/update", "/api/history/{history}/cache/update", cacheUpdate, 204, ""},
	{"DELETE /api/history/{historyId}/cache/update", "/api/history/{history}/cache/update", `{"cache":{}}`, 400, ""},

	{"POST /api/history/{historyId}/items/delete", "/api/history/{history}/items/delete", `{"itemIds":["{item}"]}`, 204, ""},
	{"POST /api/history/{historyId}/items/delete", "/api/history/{history}/items/delete", `{}`, 400, ""},
	{"DELETE /api/history/{historyId}/items/{itemId}", "/api/history/{history}/items/{item}", "", 404, ""},
	{"POST /api/history/{historyId}/items", "/api/history/{history}/items", strings.Replace(historyItem, `"a"`, `"last"`, 1), 201, "item"},
	{"DELETE /api/history/{historyId}/items/{itemId}", "/api/history/{history}/items/{item}", "", 204, ""},
	{"DELETE /api/history/{historyId}/items", "/api/history/{history}/items", "", 204, ""},
	{"DELETE /api/history/{historyId}", "/api/history/{history}", "", 204, ""},
	{"DELETE /api/history/{historyId}", "/api/history/{history}", "", 404, ""},
}

// historyTables are the operations of history queries that answer with a table, or with what only a cache in use has.
var historyTables = map[string]bool{"POST /api/history/{historyId}/items/export": true, "POST /api/history/{southType}/items/to-csv": true}

// openDocument is the document with the schemas of history queries open for more keys: it puts objects together from
// closed parts, which no object fits.
func openDocument(t *testing.T) openAPI {
	t.Helper()
	var document map[string]any
	if err := json.Unmarshal(shared(t, "protocol/openapi.json"), &document); err != nil {
		t.Fatal(err)
	}
	for name, schema := range document["components"].(map[string]any)["schemas"].(map[string]any) {
		if strings.HasPrefix(name, "HistoryQuery") || name == "BaseEntity" {
			delete(schema.(map[string]any), "additionalProperties")
		}
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(documentURL, jsonSchema(document)); err != nil {
		t.Fatal(err)
	}
	return openAPI{paths: document["paths"].(map[string]any), compiler: c}
}

func TestEveryOperationOfHistoryQueriesAnswersAsTheDocumentSays(t *testing.T) {
	t.Parallel()
	document := openDocument(t)
	s := historySite(t)
	ids := map[string]string{"mode": s.settings.ScanModes()[0].ID, "ignore": s.settings.StandardTransformers()["ignore"]}
	ids["transformer"] = s.as("GET", "/api/transformers/"+ids["ignore"], "").body
	tried := map[string]bool{}
	for _, c := range historyTrials {
		tried[c.operation] = true
		if c.path == "" {
			_, c.path, _ = strings.Cut(c.operation, " ")
		}
		if strings.Contains(c.path, "{link}") {
			var q struct{ NorthTransformers []struct{ ID string } }
			if err := json.Unmarshal([]byte(s.as("GET", "/api/history/"+ids["history"], "").body), &q); err != nil || len(q.NorthTransformers) != 2 {
				t.Fatalf("%+v %v", q, err)
			}
			ids["link"] = q.NorthTransformers[0].ID
		}
		for name, id := range ids {
			c.path, c.body = strings.ReplaceAll(c.path, "{"+name+"}", id), strings.ReplaceAll(c.body, "{"+name+"}", id)
		}
		if historyTables[c.operation] && c.status == 200 {
			if r := s.asForm("POST", c.path, c.body); r.status != 200 || !strings.HasPrefix(r.header.Get("Content-Type"), "text/csv") || !strings.HasPrefix(r.body, "name") {
				t.Errorf("%s: %d %s", c.path, r.status, r.body)
			}
			continue
		}
		s.try(t, document, c, ids)
	}
	for path, item := range document.paths {
		for method, op := range item.(map[string]any) {
			name := strings.ToUpper(method) + " " + path
			if op.(map[string]any)["tags"].([]any)[0] == "History Queries" && !tried[name] {
				t.Errorf("%s is not tried", name)
			}
		}
	}
}

func TestThePageSeesHistoryQueriesLive(t *testing.T) {
	t.Parallel()
	s := historySite(t)
	fill := strings.NewReplacer("{mode}", s.settings.ScanModes()[0].ID, "{ignore}", s.settings.StandardTransformers()["ignore"])
	made := s.as("POST", "/api/history", fill.Replace(historyBody))
	var q struct{ ID string }
	if err := json.Unmarshal([]byte(made.body), &q); err != nil || made.status != 201 || strings.Contains(made.body, "s3cret") {
		t.Fatalf("%d %s", made.status, made.body)
	}
	s.as("POST", "/api/history/"+q.ID+"/start", "")
	var rows []struct {
		ID    string
		State struct{ Status, Reason string }
	}
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if err := json.Unmarshal([]byte(s.as("GET", "/api/history-states", "").body), &rows); err != nil {
			t.Fatal(err)
		}
		if len(rows) == 1 && rows[0].State.Status == "ERRORED" {
			break
		}
	}
	if len(rows) != 1 || rows[0].ID != q.ID || rows[0].State.Reason != `South connector of type "folder-scanner" not installed` {
		t.Errorf("%+v", rows)
	}
	if r := s.as("GET", "/api/history/"+q.ID+"/state", ""); r.status != 200 || !strings.Contains(r.body, `"status":"ERRORED"`) {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := s.as("GET", "/sse/history-queries/nothing", ""); r.status != 404 {
		t.Errorf("%d %s", r.status, r.body)
	}
}
