package web

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"reflect"
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
	"oibus/testing/contract"
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
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
			defer cancel()
			if err := s.Stop(ctx); err != nil {
				t.Error(err)
			}
		})
		o.Histories = histories{s}
	})
}

func TestEveryOperationOfHistoryQueriesAnswersAsTheDocumentSays(t *testing.T) {
	t.Parallel()
	s := historySite(t)
	var trials []contract.Trial
	for _, c := range contract.Histories {
		if !strings.Contains(c.Path, "{historyFile}") { // no South runs here
			trials = append(trials, c)
		}
	}
	w := s.walk(nil)
	if err := w.Try(trials...); err != nil {
		t.Error(err)
	}
	for _, row := range w.Table() {
		if row.Tag == "History Queries" && row.Passed != row.Operations-1 {
			t.Error(row.Missing)
		}
	}
}

func TestWhatStandsBesideTheItemsOfAHistoryQueryChangesWithoutThem(t *testing.T) {
	t.Parallel()
	s := historySite(t)
	fill := strings.NewReplacer("{mode}", s.settings.ScanModes()[0].ID, "{ignore}", s.settings.StandardTransformers()["ignore"])
	made := s.as("POST", "/api/history", fill.Replace(historyBody))
	var q struct{ ID string }
	if err := json.Unmarshal([]byte(made.body), &q); err != nil || made.status != 201 {
		t.Fatalf("%d %s", made.status, made.body)
	}
	before, err := s.server.o.Histories.Query(q.ID)
	if err != nil {
		t.Fatal(err)
	}
	whole := strings.NewReplacer("Backfill", "Renamed", "s3cret", "", "2024-02", "2024-03").Replace(fill.Replace(historyBody))
	at := strings.Index(whole, `"items":`)
	head := strings.TrimRight(whole[:at], ",\n\t ")
	path := "/api/history/" + q.ID + "?items=keep"
	other := strings.NewReplacer(`"folder-scanner"`, `"sqlite"`, strings.Replace(contract.ScannerSettings, "s3cret", "", 1), `{"databasePath":"/x.db"}`)
	for body, want := range map[string]string{
		`{"name":"x"}`:            `'description' is required`,
		head + `,"items":"all"}`:  `{"items":{"message":"invalid array"}}`,
		other.Replace(head) + "}": `must be of the South type \"sqlite\"`,
	} {
		if r := s.as("PUT", path, body); r.status != 400 || !strings.Contains(r.body, want) {
			t.Errorf("%s: %d %s", want, r.status, r.body)
		}
	}
	one := `["` + before.South.Items[0].ID + `"]`
	for query, want := range map[string]string{"": one, "?name=A&enabled=true": one, "?name=b": "[]", "?enabled=false": "[]"} {
		s.as("GET", "/api/history/"+q.ID+"/items/ids"+query, "").want(t, "ids "+query, 200, want)
	}
	s.as("GET", "/api/history/nothing/items/ids", "").want(t, "ids of nothing", 404, `{"error":"History query \"nothing\" not found"}`)
	for _, body := range []string{head + "}", head + `,"items":[],"northTransformers":[]}`} {
		if r := s.as("PUT", path, body); r.status != 204 {
			t.Fatalf("%d %s", r.status, r.body)
		}
		after, err := s.server.o.Histories.Query(q.ID)
		if err != nil || after.Name != "Renamed" || !strings.HasPrefix(after.Range.End, "2024-03") || string(after.South.Settings) != string(before.South.Settings) {
			t.Errorf("the query is %+v %v", after, err)
		}
		if !reflect.DeepEqual(after.South.Items, before.South.Items) || len(after.South.Items) != 1 || !reflect.DeepEqual(after.North.Transformers, before.North.Transformers) || len(after.North.Transformers) != 1 {
			t.Errorf("items %+v, links %+v", after.South.Items, after.North.Transformers)
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
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
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
