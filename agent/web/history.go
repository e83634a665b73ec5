package web

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"

	"oibus/agent/cache"
	"oibus/agent/connector"
	"oibus/agent/connectors"
	"oibus/agent/entity"
	"oibus/agent/web/shape"
)

// Histories are the history queries. What they return as any is answered as its JSON.
type Histories interface {
	Queries() []entity.HistoryQuery
	Query(id string) (entity.HistoryQuery, error)
	Create(ctx context.Context, author string, body json.RawMessage, secrets connectors.HistorySecrets) (entity.HistoryQuery, error)
	Update(ctx context.Context, author, id string, body json.RawMessage, reset bool, decrypt func(string) (string, error)) error
	UpdateHead(ctx context.Context, author, id string, body json.RawMessage, reset bool) error
	Delete(ctx context.Context, author, id string) error
	StartQuery(ctx context.Context, author, id string) error
	PauseQuery(ctx context.Context, author, id string) error

	Item(id, itemID string) (entity.SouthItem, error)
	SearchItems(id, name string, enabled *bool, page, size int) (items []entity.SouthItem, total int, err error)
	SaveItem(ctx context.Context, author, id, itemID string, body json.RawMessage) (entity.SouthItem, error)
	EnableItems(ctx context.Context, author, id string, itemIDs []string, enabled bool) error
	DeleteItems(ctx context.Context, author, id string, itemIDs []string) error
	DeleteAllItems(ctx context.Context, author, id string) error
	ImportItems(ctx context.Context, author, id string, items json.RawMessage, replace bool) error
	ImportTable(ctx context.Context, author, id string, t connectors.Table) (connectors.Counts, error)
	ExportCSV(id, delimiter string) (string, error)
	SaveLink(ctx context.Context, author, id string, body json.RawMessage) error
	DeleteLink(ctx context.Context, author, id, linkID string) error

	TestSouth(ctx context.Context, t connectors.HistoryTest) (connector.Report, error)
	TestNorth(ctx context.Context, t connectors.HistoryTest) (connector.Report, error)
	TestItem(ctx context.Context, t connectors.HistoryTest) (any, error)

	SearchCache(id string, q cache.Query) (any, error)
	CacheNames(id string, folder cache.Folder, q cache.Query) ([]string, error)
	CacheFile(id string, folder cache.Folder, filename string) (cache.View, error)
	CacheReader(id string, folder cache.Folder, filename string) (cache.File, io.ReadCloser, error)
	UpdateCache(id string, u cache.Update) error

	Metrics(id string) (any, error)
	State(id string) (any, error)
}

var (
	// historyParts are the keys of a HistoryQueryCommandDTO.
	historyParts = slices.Concat(historyHead, shape.Must(shape.KindArray, historyLists...))
	// historyHeadParts are those of a history query whose items and links stay as they are.
	historyHeadParts = slices.Concat(historyHead, shape.May(shape.KindArray, historyLists...))

	historyHead = slices.Concat(
		shape.Must(shape.KindText, "name", "description", "southType", "northType"),
		shape.Must(shape.KindObject, "queryTimeRange", "southSettings", "northSettings", "caching"))
	historyLists = []string{"items", "northTransformers"}
)

func (s *Server) listHistories(*http.Request) ([]connectors.HistoryLight, error) {
	list := []connectors.HistoryLight{}
	for _, q := range s.o.Histories.Queries() {
		list = append(list, s.views.HistoryLight(q))
	}
	return list, nil
}

// findHistory shows a history query; with ?items=false, for the page, without its items, of which there may be 100,000.
func (s *Server) findHistory(r *http.Request) (connectors.HistoryView, error) {
	q, err := s.o.Histories.Query(r.PathValue("id"))
	if err != nil {
		return connectors.HistoryView{}, err
	}
	if r.URL.Query().Get("items") == "false" {
		return s.views.HistoryHead(q)
	}
	return s.views.HistoryView(q)
}

// createHistory makes a history query; with ?items=copy, for the page, with the items of the South or history query that
// its secrets are copied from, which then are not in the answer either.
func (s *Server) createHistory(w http.ResponseWriter, r *http.Request) error {
	content, err := top(r, historyParts)
	if err != nil {
		return err
	}
	from := r.URL.Query()
	q, err := s.o.Histories.Create(r.Context(), author(r), content, connectors.HistorySecrets{
		From: connectors.HistorySources{South: from.Get("fromSouth"), North: from.Get("fromNorth"), Query: from.Get("duplicate")}, Copy: from.Get("items") == "copy"})
	if err != nil {
		return err
	}
	show := s.views.HistoryView
	if from.Get("items") == "copy" {
		show = s.views.HistoryHead
	}
	view, err := show(q)
	return created(w, view, err)
}

// updateHistory replaces a history query; with ?items=keep, for the page, all of it but items and links.
func (s *Server) updateHistory(w http.ResponseWriter, r *http.Request) error {
	asked := r.URL.Query()
	parts, reset := historyParts, asked.Get("resetCache") == "true"
	update := func(r *http.Request, content json.RawMessage) error {
		return s.o.Histories.Update(r.Context(), author(r), r.PathValue("id"), content, reset, nil)
	}
	if asked.Get("items") == "keep" {
		parts, update = historyHeadParts, func(r *http.Request, content json.RawMessage) error {
			return s.o.Histories.UpdateHead(r.Context(), author(r), r.PathValue("id"), content, reset)
		}
	}
	return changeTop(parts, update)(w, r)
}

func (s *Server) deleteHistory(r *http.Request) error {
	return s.o.Histories.Delete(r.Context(), author(r), r.PathValue("id"))
}

func (s *Server) startHistory(r *http.Request) error {
	return s.o.Histories.StartQuery(r.Context(), author(r), r.PathValue("id"))
}

func (s *Server) pauseHistory(r *http.Request) error {
	return s.o.Histories.PauseQuery(r.Context(), author(r), r.PathValue("id"))
}

// historyTest is what a test is asked for. Which query parameters name the type and the connector that secrets are copied
// from depends on the side.
func historyTest(r *http.Request, kind, from string) (connectors.HistoryTest, error) {
	t := connectors.HistoryTest{ID: r.PathValue("id"), From: r.URL.Query().Get(from)}
	var err error
	t.Type, err = wanted(r, kind)
	return t, err
}

func (s *Server) testHistorySouth(r *http.Request) (connector.Report, error) {
	return testHistory(r, "southType", "fromSouth", s.o.Histories.TestSouth)
}

func (s *Server) testHistoryNorth(r *http.Request) (connector.Report, error) {
	return testHistory(r, "northType", "fromNorth", s.o.Histories.TestNorth)
}

func testHistory(r *http.Request, kind, from string, test func(context.Context, connectors.HistoryTest) (connector.Report, error)) (connector.Report, error) {
	t, err := historyTest(r, kind, from)
	if err != nil {
		return connector.Report{}, err
	}
	if t.Settings, err = settingsOf(r); err != nil {
		return connector.Report{}, err
	}
	report, err := test(r.Context(), t)
	if err != nil {
		return connector.Report{}, failedTest(err)
	}
	return report, nil
}

func (s *Server) testHistoryItem(r *http.Request) (any, error) {
	t, err := historyTest(r, "southType", "fromSouth")
	if err != nil {
		return nil, err
	}
	content, err := top(r, itemTestParts)
	if err != nil {
		return nil, err
	}
	var asked struct {
		SouthSettings, ItemSettings, TestingSettings json.RawMessage
	}
	if err := json.Unmarshal(content, &asked); err != nil {
		return nil, err
	}
	t.ItemName, t.Settings, t.ItemSettings, t.Testing = r.URL.Query().Get("itemName"), asked.SouthSettings, asked.ItemSettings, asked.TestingSettings
	result, err := s.o.Histories.TestItem(r.Context(), t)
	if err != nil {
		return nil, failedTest(err)
	}
	return result, nil
}

// historyRow is a history query in the list of the page: what it is, how it does, and its metrics.
type historyRow struct {
	connectors.HistoryLight
	State   any `json:"state"`
	Metrics any `json:"metrics"`
}

func (s *Server) historyRows(*http.Request) ([]historyRow, error) {
	rows := []historyRow{}
	for _, q := range s.o.Histories.Queries() {
		state, err := s.o.Histories.State(q.ID)
		if err != nil {
			continue // deleted meanwhile
		}
		metrics, err := s.o.Histories.Metrics(q.ID)
		if err != nil {
			continue
		}
		rows = append(rows, historyRow{s.views.HistoryLight(q), state, metrics})
	}
	return rows, nil
}

func (s *Server) historyState(r *http.Request) (any, error) {
	return s.o.Histories.State(r.PathValue("id"))
}

// streamHistories sends the list of the page each second.
func (s *Server) streamHistories(w http.ResponseWriter, r *http.Request) error {
	return s.repeat(w, r, func() any {
		rows, _ := s.historyRows(r) // which cannot fail
		return rows
	})
}
