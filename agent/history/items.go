package history

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"oibus/agent/connectors"
	"oibus/agent/entity"
)

// changeItems changes the items of a query. Links to items that go away go too. A query without any item left has
// nothing that it could go on with: it is reset.
func (s *Service) changeItems(ctx context.Context, author, id string, edit func(h *connectors.HistoryItems) ([]entity.SouthItem, error)) error {
	return s.change(ctx, id, func(next *entity.HistoryQuery) (change, error) {
		h, err := s.o.Connectors.HistoryItems(author, next.South.Type, next.South.Items)
		if err != nil {
			return change{}, err
		}
		if next.South.Items, err = edit(h); err != nil {
			return change{}, err
		}
		next.North.Transformers = connectors.PruneHistoryLinks(next.North.Transformers, next.South.Items)
		return change{items: true, runs: true, reset: len(next.South.Items) == 0}, nil
	})
}

// Item returns one item.
func (s *Service) Item(id, itemID string) (entity.SouthItem, error) {
	q, err := s.Query(id)
	if err != nil {
		return entity.SouthItem{}, err
	}
	i := slices.IndexFunc(q.South.Items, func(i entity.SouthItem) bool { return i.ID == itemID })
	if i < 0 {
		return entity.SouthItem{}, entity.NotFound("Item \"%s\" not found", itemID)
	}
	return q.South.Items[i], nil
}

// SearchItems returns a page, counted from 0, of the items with a part of a name and of a state, in order of names, and
// how many they are in all.
func (s *Service) SearchItems(id, name string, enabled *bool, page, size int) (items []entity.SouthItem, total int, err error) {
	q, err := s.Query(id)
	if err != nil {
		return nil, 0, err
	}
	name = strings.ToLower(name)
	for _, i := range q.South.Items {
		if !strings.Contains(strings.ToLower(i.Name), name) || enabled != nil && *enabled != i.Enabled {
			continue
		}
		if total/size == page {
			items = append(items, i)
		}
		total++
	}
	return items, total, nil
}

// SaveItem replaces an item, or adds one when itemID is "".
func (s *Service) SaveItem(ctx context.Context, author, id, itemID string, body json.RawMessage) (item entity.SouthItem, err error) {
	err = s.changeItems(ctx, author, id, func(h *connectors.HistoryItems) (items []entity.SouthItem, err error) {
		items, item, err = h.Save(itemID, body)
		return items, err
	})
	return item, err
}

// EnableItems switches items on or off.
func (s *Service) EnableItems(ctx context.Context, author, id string, itemIDs []string, enabled bool) error {
	return s.changeItems(ctx, author, id, func(h *connectors.HistoryItems) ([]entity.SouthItem, error) { return h.Enable(itemIDs, enabled) })
}

// DeleteItems removes items.
func (s *Service) DeleteItems(ctx context.Context, author, id string, itemIDs []string) error {
	return s.changeItems(ctx, author, id, func(h *connectors.HistoryItems) ([]entity.SouthItem, error) { return h.Delete(itemIDs) })
}

// DeleteAllItems removes all items, and forgets what was read and cached.
func (s *Service) DeleteAllItems(ctx context.Context, author, id string) error {
	return s.changeItems(ctx, author, id, func(*connectors.HistoryItems) ([]entity.SouthItem, error) { return nil, nil })
}

// ImportCSV puts the items of a table into a query, all or none, and returns how many there were and the name of the
// query. With replace, items that are not in the table are deleted, and those that are keep their id and how far they
// were read.
func (s *Service) ImportCSV(ctx context.Context, author, id, text, delimiter string, replace bool) (count int, name string, err error) {
	err = s.changeItems(ctx, author, id, func(h *connectors.HistoryItems) (items []entity.SouthItem, err error) {
		items, count, err = h.Import(text, delimiter, replace)
		return items, err
	})
	if q, known := s.Query(id); known == nil {
		name = q.Name
	}
	return count, name, err
}

// ImportTable puts the items of a table into a query, all or none, as the page asks.
func (s *Service) ImportTable(ctx context.Context, author, id string, t connectors.Table) (counts connectors.Counts, err error) {
	err = s.changeItems(ctx, author, id, func(h *connectors.HistoryItems) (items []entity.SouthItem, err error) {
		items, counts, err = h.ImportTable(t)
		return items, err
	})
	return counts, err
}

// ImportItems puts items into a query that a check of a table returned to the page.
func (s *Service) ImportItems(ctx context.Context, author, id string, items json.RawMessage, replace bool) error {
	return s.changeItems(ctx, author, id, func(h *connectors.HistoryItems) ([]entity.SouthItem, error) { return h.Put(items, replace) })
}

// ExportCSV is the items of a query as a table.
func (s *Service) ExportCSV(id, delimiter string) (string, error) {
	q, err := s.Query(id)
	if err != nil {
		return "", err
	}
	h, err := s.o.Connectors.HistoryItems("", q.South.Type, q.South.Items)
	if err != nil {
		return "", err
	}
	return h.Table(delimiter)
}
