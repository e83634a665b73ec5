package web

import (
	"encoding/json"
	"net/http"

	"oibus/agent/connectors"
)

// Operations for the page, which imports a table into a South that is stored: it is shown the beginning of what would
// become of it, and the table goes in as it is. The operations of the reference hand all items to the browser and back.

// How much of a table is shown.
const (
	previewItems  = 20
	previewErrors = 500
)

type preview struct {
	Count      int                       `json:"count"` // items that can be imported
	Items      []connectors.ItemView     `json:"items"` // the first of them
	ErrorCount int                       `json:"errorCount"`
	Errors     []connectors.RowErrorView `json:"errors"` // the first of them
}

// previewImport shows what an import would do.
func (s *Server) previewImport(r *http.Request) (preview, error) {
	form, err := tables(r, "itemsToImport", "delimiter", "deleteItemsNotPresent")
	if err != nil {
		return preview{}, err
	}
	south, err := s.views.South(r.PathValue("id"))
	if err != nil {
		return preview{}, err
	}
	type held struct {
		ID       string   `json:"id"`
		Name     string   `json:"name"`
		Enabled  bool     `json:"enabled"`
		Settings struct{} `json:"settings"`
	}
	current := make([]held, len(south.Items))
	for i := range south.Items {
		current[i].ID, current[i].Name = south.Items[i].ID, south.Items[i].Name
	}
	known, err := json.Marshal(current)
	if err != nil {
		return preview{}, err
	}
	checked, err := s.o.Connectors.CheckCSV(south.Type, form["itemsToImport"], form["delimiter"], known, form["deleteItemsNotPresent"] == "true")
	if err != nil {
		return preview{}, err
	}
	p := preview{Count: len(checked.South.Items), ErrorCount: len(checked.Errors)}
	checked.South.Items = checked.South.Items[:min(previewItems, len(checked.South.Items))]
	checked.Errors = checked.Errors[:min(previewErrors, len(checked.Errors))]
	view, err := s.views.CheckedView(checked)
	p.Items, p.Errors = view.Items, view.Errors
	return p, err
}

// importTable puts a table into a South, all of it or nothing.
func (s *Server) importTable(r *http.Request) (any, error) {
	form, err := tables(r, "itemsToImport", "delimiter", "deleteItemsNotPresent")
	if err != nil {
		return nil, err
	}
	count, _, err := s.o.Connectors.ImportCSV(author(r), r.PathValue("id"), form["itemsToImport"], form["delimiter"], form["deleteItemsNotPresent"] == "true")
	return map[string]int{"count": count}, err
}
