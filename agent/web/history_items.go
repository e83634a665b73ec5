package web

import (
	"encoding/json"
	"math"
	"net/http"
	"slices"

	"oibus/agent/cache"
	"oibus/agent/connectors"
	"oibus/agent/entity"
	"oibus/agent/web/shape"
)

var (
	// historyItemParts are the keys of a HistoryQueryItemCommandDTO.
	historyItemParts = slices.Concat(
		shape.Must(shape.KindText, "name"), shape.Must(shape.KindBool, "enabled"), shape.Must(shape.KindObject, "settings"), shape.May(shape.KindText, "id"))
	// historyLinkParts are those of a HistoryTransformerDTOWithOptions.
	historyLinkParts = slices.Concat(shape.Must(shape.KindText, "id"), shape.Must(shape.KindObject, "transformer", "options"), shape.Must(shape.KindArray, "items"))
)

func (s *Server) historyItems(id string, items []entity.SouthItem) ([]connectors.HistoryItemView, error) {
	q, err := s.o.Histories.Query(id)
	if err != nil {
		return nil, err
	}
	return s.views.HistoryItemViews(q.South.Type, items)
}

func (s *Server) historyItem(id string, item entity.SouthItem) (connectors.HistoryItemView, error) {
	views, err := s.historyItems(id, []entity.SouthItem{item})
	if err != nil {
		return connectors.HistoryItemView{}, err
	}
	return views[0], nil
}

func (s *Server) listHistoryItems(r *http.Request) ([]connectors.HistoryItemView, error) {
	q, err := s.o.Histories.Query(r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return s.views.HistoryItemViews(q.South.Type, q.South.Items)
}

// historyItemIDs are the ids of all items that a search chooses.
func (s *Server) historyItemIDs(r *http.Request) ([]string, error) {
	q := queryOf(r)
	name, enabled := q.text("name"), q.truth("enabled")
	if err := q.err(); err != nil {
		return nil, err
	}
	items, _, err := s.o.Histories.SearchItems(r.PathValue("id"), name, enabled, 0, math.MaxInt)
	ids := make([]string, len(items))
	for n := range items {
		ids[n] = items[n].ID
	}
	return ids, err
}

func (s *Server) searchHistoryItems(r *http.Request) (page, error) {
	q := queryOf(r)
	name, enabled, number := q.text("name"), q.truth("enabled"), q.page()
	if err := q.err(); err != nil {
		return page{}, err
	}
	id := r.PathValue("id")
	items, total, err := s.o.Histories.SearchItems(id, name, enabled, number, pageSize)
	if err != nil {
		return page{}, err
	}
	views, err := s.historyItems(id, items)
	return page{views, total, pageSize, number, (total + pageSize - 1) / pageSize}, err
}

func (s *Server) findHistoryItem(r *http.Request) (connectors.HistoryItemView, error) {
	item, err := s.o.Histories.Item(r.PathValue("id"), r.PathValue("itemId"))
	if err != nil {
		return connectors.HistoryItemView{}, err
	}
	return s.historyItem(r.PathValue("id"), item)
}

func (s *Server) createHistoryItem(w http.ResponseWriter, r *http.Request) error {
	content, err := top(r, historyItemParts)
	if err != nil {
		return err
	}
	item, err := s.o.Histories.SaveItem(r.Context(), author(r), r.PathValue("id"), "", content)
	if err != nil {
		return err
	}
	view, err := s.historyItem(r.PathValue("id"), item)
	return created(w, view, err)
}

func (s *Server) updateHistoryItem(r *http.Request, content json.RawMessage) error {
	_, err := s.o.Histories.SaveItem(r.Context(), author(r), r.PathValue("id"), r.PathValue("itemId"), content)
	return err
}

func (s *Server) deleteHistoryItem(r *http.Request) error {
	return s.o.Histories.DeleteItems(r.Context(), author(r), r.PathValue("id"), []string{r.PathValue("itemId")})
}

func (s *Server) deleteAllHistoryItems(r *http.Request) error {
	return s.o.Histories.DeleteAllItems(r.Context(), author(r), r.PathValue("id"))
}

func (s *Server) enableHistoryItem(enabled bool) handle {
	return act(func(r *http.Request) error {
		return s.o.Histories.EnableItems(r.Context(), author(r), r.PathValue("id"), []string{r.PathValue("itemId")}, enabled)
	})
}

func (s *Server) enableHistoryItems(enabled bool) handle {
	return changeItems(itemIDsForm, func(r *http.Request, c chosen) error {
		return s.o.Histories.EnableItems(r.Context(), author(r), r.PathValue("id"), c.ItemIDs, enabled)
	})
}

// massDeleteForm takes the ids as they are documented, and as the reference's own page sends them.
var massDeleteForm = shape.Open(shape.Optional("itemIds", shape.List(shape.Text)), shape.Optional("body", itemIDsForm))

func (s *Server) deleteHistoryItems(r *http.Request, content json.RawMessage) error {
	var c struct {
		chosen
		Body *chosen `json:"body"`
	}
	if err := json.Unmarshal(content, &c); err != nil {
		return err
	}
	if c.Body != nil {
		c.ItemIDs = c.Body.ItemIDs
	}
	if c.ItemIDs == nil {
		return &faulty{shape.Faults{"itemIds": {Message: "'itemIds' is required"}}}
	}
	return s.o.Histories.DeleteItems(r.Context(), author(r), r.PathValue("id"), c.ItemIDs)
}

func (s *Server) checkHistoryImport(r *http.Request) (connectors.HistoryChecked, error) {
	form, err := tables(r, "itemsToImport", "delimiter", "currentItems", "deleteItemsNotPresent")
	if err != nil {
		return connectors.HistoryChecked{}, err
	}
	checked, err := s.o.Connectors.CheckHistoryCSV(r.PathValue("id"), form["itemsToImport"], form["delimiter"], json.RawMessage(form["currentItems"]), form["deleteItemsNotPresent"] == "true")
	if err != nil {
		return connectors.HistoryChecked{}, err
	}
	return s.views.HistoryChecked(checked)
}

func (s *Server) importHistoryItems(r *http.Request) error {
	form, err := tables(r, "items", "deleteItemsNotPresent")
	if err != nil {
		return err
	}
	return s.o.Histories.ImportItems(r.Context(), author(r), r.PathValue("id"), json.RawMessage(form["items"]), form["deleteItemsNotPresent"] == "true")
}

func (s *Server) saveHistoryLink(r *http.Request, content json.RawMessage) error {
	return s.o.Histories.SaveLink(r.Context(), author(r), r.PathValue("id"), content)
}

func (s *Server) deleteHistoryLink(r *http.Request) error {
	return s.o.Histories.DeleteLink(r.Context(), author(r), r.PathValue("id"), r.PathValue("linkId"))
}

func (s *Server) searchHistoryCache(r *http.Request) (any, error) {
	return searchCacheOf(r, s.o.Histories.SearchCache)
}

func (s *Server) historyCacheNames(r *http.Request) ([]string, error) {
	return cacheNamesOf(r, s.o.Histories.CacheNames)
}

func (s *Server) historyCacheFile(r *http.Request) (cache.View, error) {
	folder, err := folderOf(r)
	if err != nil {
		return cache.View{}, err
	}
	return s.o.Histories.CacheFile(r.PathValue("id"), folder, r.PathValue("filename"))
}

func (s *Server) downloadHistoryCacheFile(w http.ResponseWriter, r *http.Request) error {
	return downloadCacheFileOf(w, r, s.o.Histories.CacheReader)
}

func (s *Server) updateHistoryCache(r *http.Request, content json.RawMessage) error {
	var u cache.Update
	if err := json.Unmarshal(content, &u); err != nil {
		return err
	}
	return s.o.Histories.UpdateCache(r.PathValue("id"), u)
}
