package web

import (
	"context"
	"net/http"

	"oibus/agent/connectors"
)

// Operations for the page, which imports a table into a South or a history query that is stored: it is shown the beginning of
// what would become of it, and the table goes in as it is. The operations of the reference hand all items to the browser and
// back. Beside their fields there is updateExisting: "true" replaces items whose name the table has.

// How much of a table is shown.
const (
	previewItems  = 20
	previewErrors = 500
)

// changed says what an import does, as numbers of items.
type changed struct {
	Count     int `json:"count"` // items of the table that can be imported
	New       int `json:"new"`
	Replaced  int `json:"replaced"`
	Unchanged int `json:"unchanged"`
	Deleted   int `json:"deleted"`
}

func changedBy(c connectors.Counts) changed {
	return changed{c.New + c.Replaced + c.Unchanged, c.New, c.Replaced, c.Unchanged, c.Deleted}
}

type preview struct {
	changed
	Items      []connectors.ItemView `json:"items"`        // the first of them
	Gone       []string              `json:"deletedItems"` // names of the first that would be deleted
	ErrorCount int                   `json:"errorCount"`
	Errors     []rowError            `json:"errors"` // the first of them
}

// rowError is a row that cannot be imported.
type rowError struct {
	connectors.RowErrorView
	Line int `json:"line"` // of the table, from 1
}

// tableOf reads the table of a request.
func tableOf(r *http.Request) (connectors.Table, error) {
	form, err := tables(r, "itemsToImport", "delimiter", "deleteItemsNotPresent")
	return connectors.Table{Text: form["itemsToImport"], Delimiter: form["delimiter"], Update: form["updateExisting"] == "true", Delete: form["deleteItemsNotPresent"] == "true"}, err
}

// previewImport shows what an import into a South would do.
func (s *Server) previewImport(r *http.Request) (preview, error) {
	table, err := tableOf(r)
	if err != nil {
		return preview{}, err
	}
	seen, err := s.o.Connectors.PreviewTable(r.PathValue("id"), table, previewItems, previewErrors)
	return s.shown(seen, err)
}

// previewHistoryImport shows what an import into a history query would do.
func (s *Server) previewHistoryImport(r *http.Request) (preview, error) {
	table, err := tableOf(r)
	if err != nil {
		return preview{}, err
	}
	q, err := s.o.Histories.Query(r.PathValue("id"))
	if err != nil {
		return preview{}, err
	}
	seen, err := s.o.Connectors.PreviewHistoryTable(q, table, previewItems, previewErrors)
	return s.shown(seen, err)
}

func (s *Server) shown(seen connectors.Preview, err error) (preview, error) {
	if err != nil {
		return preview{}, err
	}
	p := preview{changed: changedBy(seen.Counts), Gone: append([]string{}, seen.Gone...), ErrorCount: seen.Refused, Errors: []rowError{}}
	view, err := s.views.CheckedView(connectors.Checked{South: seen.First, Errors: seen.Errors})
	p.Items = view.Items
	for i, e := range view.Errors {
		p.Errors = append(p.Errors, rowError{e, seen.Errors[i].Line})
	}
	return p, err
}

// importTable puts a table into a South, all of it or nothing.
func (s *Server) importTable(r *http.Request) (any, error) {
	return imported(r, func(_ context.Context, author, id string, t connectors.Table) (connectors.Counts, error) {
		return s.o.Connectors.ImportTable(author, id, t)
	})
}

// importHistoryTable puts a table into a history query, all of it or nothing.
func (s *Server) importHistoryTable(r *http.Request) (any, error) {
	return imported(r, s.o.Histories.ImportTable)
}

func imported(r *http.Request, put func(ctx context.Context, author, id string, t connectors.Table) (connectors.Counts, error)) (any, error) {
	table, err := tableOf(r)
	if err != nil {
		return nil, err
	}
	counts, err := put(r.Context(), author(r), r.PathValue("id"), table)
	return changedBy(counts), err
}
