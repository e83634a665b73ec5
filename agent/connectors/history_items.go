package connectors

import (
	"encoding/json"
	"fmt"
	"slices"

	"oibus/agent/entity"
)

// HistoryItems changes the items of a history query, which have no scan mode, group and timing. It stores nothing: each
// method returns the items as they are then.
type HistoryItems struct {
	c     *southChange
	items []entity.SouthItem
}

// HistoryItems begins a change of items of a South type.
func (s *Service) HistoryItems(author, southType string, items []entity.SouthItem) (*HistoryItems, error) {
	c, err := s.southChange(author, southType, entity.South{Items: items})
	if err != nil {
		return nil, err
	}
	c.free = true
	return &HistoryItems{c, items}, nil
}

// Save replaces the item id from a command, or adds one when id is "".
func (h *HistoryItems) Save(id string, body json.RawMessage) ([]entity.SouthItem, entity.SouthItem, error) {
	var b queryItemBody
	if err := decode(body, &b); err != nil {
		return nil, entity.SouthItem{}, err
	}
	full := b.full()
	var f faults
	f.item("", &full)
	if err := f.err(); err != nil {
		return nil, entity.SouthItem{}, err
	}
	if err := h.c.itemForm.Validate(full.Settings.raw); err != nil {
		return nil, entity.SouthItem{}, err
	}
	if err := freeItemName(h.items, full.Name.value, id); err != nil {
		return nil, entity.SouthItem{}, err
	}
	items := slices.Clone(h.items)
	if id == "" {
		item, err := h.c.item(&full, newGroups(), nil)
		items = append(items, item)
		sortItems(items)
		return items, item, err
	}
	at, err := place(&entity.South{Items: items}, id)
	if err != nil {
		return nil, entity.SouthItem{}, err
	}
	item, err := h.c.item(&full, newGroups(), &h.items[at])
	items[at] = item
	sortItems(items)
	return items, item, err
}

// Enable switches items on or off.
func (h *HistoryItems) Enable(ids []string, enabled bool) ([]entity.SouthItem, error) {
	chosen, err := choose(h.items, ids)
	if err != nil {
		return nil, err
	}
	items := slices.Clone(h.items)
	for i := range items {
		if chosen[items[i].ID] && items[i].Enabled != enabled {
			items[i].Enabled, items[i].Audit = enabled, items[i].Touched(h.c.author, h.c.now)
		}
	}
	return items, nil
}

// Delete removes items.
func (h *HistoryItems) Delete(ids []string) ([]entity.SouthItem, error) {
	chosen, err := choose(h.items, ids)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(h.items), func(i entity.SouthItem) bool { return chosen[i.ID] }), nil
}

// Import adds the items of a table, as ImportCSV does, and says how many they were.
func (h *HistoryItems) Import(text, delimiter string, replace bool) (items []entity.SouthItem, count int, err error) {
	im, err := h.c.newImporter(text, delimiter, &entity.South{Items: h.items}, replace)
	if err != nil {
		return nil, 0, err
	}
	im.told = toldErrors
	if items, err = im.all(); err != nil {
		return nil, 0, err
	}
	count = len(items)
	if !replace {
		items = append(slices.Clone(h.items), items...)
	}
	sortItems(items)
	return items, count, nil
}

// Put adds items that CheckHistoryCSV returned to the page, as ImportItems does.
func (h *HistoryItems) Put(items json.RawMessage, replace bool) ([]entity.SouthItem, error) {
	bodies, err := itemBodies(items)
	if err != nil {
		return nil, err
	}
	var f faults
	for i := range bodies {
		b := &bodies[i]
		bodies[i] = itemBody{ID: b.ID, Name: b.Name, Enabled: b.Enabled, Settings: b.Settings}
		f.item(fmt.Sprintf("items[%d].", i), &bodies[i])
	}
	if err := f.err(); err != nil {
		return nil, err
	}
	if err := h.c.checkItems(bodies); err != nil {
		return nil, err
	}
	before, put := newPlaces(h.items), []entity.SouthItem(nil)
	for i := range bodies {
		item, err := h.c.item(&bodies[i], newGroups(), before.take(&bodies[i], replace))
		if err != nil {
			return nil, err
		}
		put = append(put, item)
	}
	if !replace {
		put = append(put, before.left()...)
	}
	sortItems(put)
	return put, distinct(put)
}

// Table is the items as a table.
func (h *HistoryItems) Table(delimiter string) (string, error) {
	return h.c.service.tableOf(&entity.South{Connector: entity.Connector{Type: h.c.form.ID}, Items: h.items}, delimiter, true)
}

// HistoryItemsToCSV is items of a South type as a table, which the page holds and nobody stored yet.
func (s *Service) HistoryItemsToCSV(southType string, items json.RawMessage, delimiter string) (string, error) {
	h, err := s.heldHistory(southType, items)
	if err != nil {
		return "", err
	}
	return h.Table(delimiter)
}

func (s *Service) heldHistory(southType string, items json.RawMessage) (*HistoryItems, error) {
	h, err := s.HistoryItems("", southType, nil)
	if err != nil {
		return nil, err
	}
	bodies, err := itemBodies(items)
	for i := range bodies {
		b := &bodies[i]
		h.items = append(h.items, entity.SouthItem{Audit: entity.Audit{ID: b.ID.value}, Name: b.Name.value, Enabled: b.Enabled.value, Settings: b.Settings.raw})
	}
	return h, err
}

// CheckHistoryCSV reads a table for items of a South type, for a page that holds those of a history query.
func (s *Service) CheckHistoryCSV(southType, text, delimiter string, current json.RawMessage, replace bool) (Checked, error) {
	h, err := s.heldHistory(southType, current)
	if err != nil {
		return Checked{}, err
	}
	south := entity.South{Connector: entity.Connector{Type: southType}, Items: h.items}
	im, err := h.c.newImporter(text, delimiter, &south, replace)
	if err != nil {
		return Checked{}, err
	}
	im.fresh = func(string) entity.Audit { return entity.Audit{} }
	items, wrong, err := im.items()
	south.Items = items
	return Checked{south, wrong}, err
}

// HistoryLink adds a transformer link of a history query, or replaces the one whose id the body has.
func (s *Service) HistoryLink(q entity.HistoryQuery, body json.RawMessage) ([]entity.TransformerLink, error) {
	var b queryLinkBody
	if err := decode(body, &b); err != nil {
		return nil, err
	}
	var f faults
	f.queryLink("", &b)
	if err := f.err(); err != nil {
		return nil, err
	}
	made, err := s.queryLinks([]queryLinkBody{b}, q.North.Transformers, q.South.Items, nil)
	if err != nil {
		return nil, err
	}
	links := slices.Clone(q.North.Transformers)
	if i := slices.IndexFunc(links, func(l entity.TransformerLink) bool { return l.ID == made[0].ID }); i >= 0 {
		links[i] = made[0]
	} else {
		links = append(links, made[0])
	}
	return links, nil
}

// PruneHistoryLinks are the links of a history query without items that it has no more. One of which the last item went goes too:
// without items it would mean all of them.
func PruneHistoryLinks(links []entity.TransformerLink, items []entity.SouthItem) []entity.TransformerLink {
	known, kept := itemIDs(items), make([]entity.TransformerLink, 0, len(links))
	for _, link := range links {
		if had := len(link.Source.ItemIDs); had > 0 {
			link.Source.ItemIDs = slices.DeleteFunc(slices.Clone(link.Source.ItemIDs), func(id string) bool { return !known[id] })
			if len(link.Source.ItemIDs) == 0 {
				continue
			}
		}
		kept = append(kept, link)
	}
	return kept
}
