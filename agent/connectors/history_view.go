package connectors

import (
	"encoding/json"
	"fmt"

	"oibus/agent/entity"
)

// HistoryLight is a history query in a list.
type HistoryLight struct {
	ID string `json:"id"`
	viewAudit
	Name        string `json:"name"`
	Description string `json:"description"`
	Status      string `json:"status"`
	Start       string `json:"startTime"`
	End         string `json:"endTime"`
	SouthType   string `json:"southType"`
	NorthType   string `json:"northType"`
}

// HistoryView is a whole history query (protocol/data-plane.md, section 4.1).
type HistoryView struct {
	ID string `json:"id"`
	viewAudit
	Name          string              `json:"name"`
	Description   string              `json:"description"`
	Status        string              `json:"status"`
	Range         entity.HistoryRange `json:"queryTimeRange"`
	SouthType     string              `json:"southType"`
	SouthSettings json.RawMessage     `json:"southSettings"`
	NorthType     string              `json:"northType"`
	NorthSettings json.RawMessage     `json:"northSettings"`
	Caching       CachingView         `json:"caching"`
	Items         []HistoryItemView   `json:"items"`
	Links         []HistoryLinkView   `json:"northTransformers"`
}

// HistoryItemView is an item of a history query.
type HistoryItemView struct {
	ID string `json:"id"`
	viewAudit
	Name     string          `json:"name"`
	Enabled  bool            `json:"enabled"`
	Settings json.RawMessage `json:"settings"`
}

// HistoryLinkView is a transformer link of a history query.
type HistoryLinkView struct {
	ID          string          `json:"id"`
	Transformer any             `json:"transformer"`
	Options     json.RawMessage `json:"options"`
	Items       []viewLightItem `json:"items"`
}

// HistoryChecked is the answer to the check of a table. Its items are those of commands.
type HistoryChecked struct {
	Items  []HistoryItemCommand `json:"items"`
	Errors []RowErrorView       `json:"errors"`
}

// HistoryItemCommand is an item that a table has, as a command that stores it has it. A new one has no id.
type HistoryItemCommand struct {
	ID       *string         `json:"id"`
	Name     string          `json:"name"`
	Enabled  bool            `json:"enabled"`
	Settings json.RawMessage `json:"settings"`
}

// HistoryLight shows a history query in a list.
func (v Views) HistoryLight(q entity.HistoryQuery) HistoryLight {
	return HistoryLight{q.ID, v.audit(q.Audit), q.Name, q.Description, q.Status, q.Range.Start, q.Range.End, q.South.Type, q.North.Type}
}

// HistoryView shows a history query, without secrets.
func (v Views) HistoryView(q entity.HistoryQuery) (HistoryView, error) {
	view, err := v.HistoryHead(q)
	if err != nil {
		return view, err
	}
	view.Items, err = v.HistoryItemViews(q.South.Type, q.South.Items)
	return view, err
}

// HistoryHead shows a history query without its items, but for those that links name.
func (v Views) HistoryHead(q entity.HistoryQuery) (HistoryView, error) {
	south, err := v.blanker(q.South.Type).settings(q.South.Settings)
	if err != nil {
		return HistoryView{}, err
	}
	north, err := v.northSettings(&q.North)
	if err != nil {
		return HistoryView{}, err
	}
	view := HistoryView{
		q.ID, v.audit(q.Audit), q.Name, q.Description, q.Status, q.Range, q.South.Type, south, q.North.Type, north,
		v.CachingView(q.North.Caching), []HistoryItemView{}, []HistoryLinkView{},
	}
	for _, link := range q.North.Transformers {
		shown := HistoryLinkView{link.ID, v.Transformer(link.TransformerID), link.Options, []viewLightItem{}}
		for _, i := range itemsIn(q.South.Items, link.Source.ItemIDs) {
			shown.Items = append(shown.Items, viewLightItem{i.ID, i.Name, i.Enabled, v.audit(i.Audit)})
		}
		view.Links = append(view.Links, shown)
	}
	return view, nil
}

// HistoryItemViews shows items of a history query.
func (v Views) HistoryItemViews(southType string, items []entity.SouthItem) ([]HistoryItemView, error) {
	blank, views := v.blanker(southType), make([]HistoryItemView, len(items))
	for i := range items {
		settings, err := blank.item(items[i].Settings)
		if err != nil {
			return nil, fmt.Errorf("cannot show item %q: %w", items[i].Name, err)
		}
		views[i] = HistoryItemView{items[i].ID, v.audit(items[i].Audit), items[i].Name, items[i].Enabled, settings}
	}
	return views, nil
}

// HistoryChecked shows what CheckHistoryCSV found.
func (v Views) HistoryChecked(c Checked) (HistoryChecked, error) {
	blank, view := v.blanker(c.South.Type), HistoryChecked{[]HistoryItemCommand{}, []RowErrorView{}}
	for _, e := range c.Errors {
		view.Errors = append(view.Errors, RowErrorView{e.Error, e.Row})
	}
	for i := range c.South.Items {
		item := &c.South.Items[i]
		settings, err := blank.item(item.Settings)
		if err != nil {
			return view, err
		}
		view.Items = append(view.Items, HistoryItemCommand{orNull(&item.ID), item.Name, item.Enabled, settings})
	}
	return view, nil
}

type (
	wireQuery struct {
		ID string `json:"oIBusInternalId"`
		wireAudit
		Settings wireQuerySettings `json:"settings"`
	}
	wireQuerySettings struct {
		Name          string              `json:"name"`
		Description   string              `json:"description"`
		Status        string              `json:"status"`
		SouthType     string              `json:"southType"`
		SouthSettings json.RawMessage     `json:"southSettings"`
		Range         entity.HistoryRange `json:"queryTimeRange"`
		NorthType     string              `json:"northType"`
		NorthSettings json.RawMessage     `json:"northSettings"`
		Caching       wireCaching         `json:"caching"`
		Items         []wireQueryItem     `json:"items"`
		Links         []wireQueryLink     `json:"northTransformers"`
	}
	wireQueryItem struct {
		ID string `json:"id"`
		wireAudit
		Name     string          `json:"name"`
		Enabled  bool            `json:"enabled"`
		Settings json.RawMessage `json:"settings"`
	}
	wireQueryLink struct {
		ID            string          `json:"id"`
		TransformerID string          `json:"transformerId"`
		Options       json.RawMessage `json:"options"`
		Items         []wireLightItem `json:"items"`
	}
)

// HistoryBlock is a history query as the message of the history queries has it (protocol/control-plane.md, section 7.4), without secrets.
func (s *Service) HistoryBlock(q entity.HistoryQuery) (json.RawMessage, error) {
	blank := s.blanker(q.South.Type)
	south, err := blank.settings(q.South.Settings)
	if err != nil {
		return nil, err
	}
	north, err := s.northSettings(&q.North)
	if err != nil {
		return nil, err
	}
	w := wireQuerySettings{
		Name: q.Name, Description: q.Description, Status: q.Status, SouthType: q.South.Type, SouthSettings: south, Range: q.Range,
		NorthType: q.North.Type, NorthSettings: north, Caching: wireCachingOf(q.North.Caching),
		Items: make([]wireQueryItem, len(q.South.Items)), Links: []wireQueryLink{},
	}
	for i := range q.South.Items {
		item := &q.South.Items[i]
		settings, err := blank.item(item.Settings)
		if err != nil {
			return nil, err
		}
		w.Items[i] = wireQueryItem{item.ID, wireAuditOf(item.Audit), item.Name, item.Enabled, settings}
	}
	for _, link := range q.North.Transformers {
		w.Links = append(w.Links, wireQueryLink{link.ID, link.TransformerID, link.Options, lightItems(itemsIn(q.South.Items, link.Source.ItemIDs))})
	}
	return json.Marshal(wireQuery{q.ID, wireAuditOf(q.Audit), w})
}
