package connectors

import (
	"encoding/json"
	"slices"
	"strings"

	"oibus/agent/entity"
)

// change runs a change of items or groups of a South, and makes it durable. edit puts into next what it wants to be;
// it must replace slices, not write into them.
func (s *Service) change(author, southID string, what What, edit func(c *southChange, next *entity.South) error) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	f, err := s.southFile(southID)
	if err != nil {
		return err
	}
	c, err := s.southChange(author, f.south.Type, f.south)
	if err != nil {
		return err
	}
	next := f.south
	if err := edit(c, &next); err != nil {
		return err
	}
	return s.replaceSouth(f, next, what)
}

// place is where an item stands in a South.
func place(south *entity.South, itemID string) (int, error) {
	i := slices.IndexFunc(south.Items, func(i entity.SouthItem) bool { return i.ID == itemID })
	if i < 0 {
		return 0, entity.NotFound("Item %s not found", quoted(itemID))
	}
	return i, nil
}

// Item returns one item of a South.
func (s *Service) Item(southID, itemID string) (entity.SouthItem, error) {
	south, err := s.South(southID)
	if err != nil {
		return entity.SouthItem{}, err
	}
	i, err := place(&south, itemID)
	if err != nil {
		return entity.SouthItem{}, err
	}
	return south.Items[i], nil
}

// ItemFilter chooses items. The zero value chooses all.
type ItemFilter struct {
	Name       string // a part of the name, in any case
	ScanModeID string
	Enabled    *bool
}

// folded prepares a filter for matches.
func (f ItemFilter) folded() ItemFilter {
	f.Name = strings.ToLower(f.Name)
	return f
}

// matches is for a filter that is folded.
func (f ItemFilter) matches(i *entity.SouthItem) bool {
	return (f.ScanModeID == "" || i.ScanModeID == f.ScanModeID) && (f.Enabled == nil || i.Enabled == *f.Enabled) &&
		(f.Name == "" || strings.Contains(strings.ToLower(i.Name), f.Name))
}

// ChooseItems returns a South, and which of its items a filter chooses, in order of names. Neither may be changed.
func (s *Service) ChooseItems(southID string, filter ItemFilter) (south entity.South, chosen []int, err error) {
	if south, err = s.South(southID); err != nil {
		return south, nil, err
	}
	filter = filter.folded()
	for i := range south.Items {
		if filter.matches(&south.Items[i]) {
			chosen = append(chosen, i)
		}
	}
	return south, chosen, nil
}

// SearchItems returns a page, counted from 0, of the items that a filter chooses, in order of names, and how many it
// chooses in all.
func (s *Service) SearchItems(southID string, filter ItemFilter, page, size int) (items []entity.SouthItem, total int, err error) {
	south, err := s.South(southID)
	if err != nil {
		return nil, 0, err
	}
	filter = filter.folded()
	for i := range south.Items {
		if !filter.matches(&south.Items[i]) {
			continue
		}
		if total/size == page {
			items = append(items, south.Items[i])
		}
		total++
	}
	return items, total, nil
}

// readItem reads and checks the body of one item.
func (c *southChange) readItem(body json.RawMessage) (*itemBody, error) {
	var b itemBody
	if err := decode(body, &b); err != nil {
		return nil, err
	}
	var f faults
	f.item("", &b)
	if err := f.err(); err != nil {
		return nil, err
	}
	return &b, c.itemForm.Validate(b.Settings.raw)
}

func freeItemName(items []entity.SouthItem, name, id string) error {
	if slices.ContainsFunc(items, func(i entity.SouthItem) bool { return i.Name == name && i.ID != id }) {
		return entity.Invalid("Item name %s already used", quoted(name))
	}
	return nil
}

// CreateItem adds an item to a South from a SouthItemCommand.
func (s *Service) CreateItem(author, southID string, body json.RawMessage) (item entity.SouthItem, err error) {
	err = s.change(author, southID, Items, func(c *southChange, next *entity.South) error {
		b, err := c.readItem(body)
		if err != nil {
			return err
		}
		if err := freeItemName(next.Items, b.Name.value, ""); err != nil {
			return err
		}
		if item, err = c.item(b, existing(next.Groups), nil); err != nil {
			return err
		}
		next.Items = append(slices.Clone(next.Items), item)
		sortItems(next.Items)
		return nil
	})
	return item, err
}

// UpdateItem replaces an item.
func (s *Service) UpdateItem(author, southID, itemID string, body json.RawMessage) error {
	return s.change(author, southID, Items, func(c *southChange, next *entity.South) error {
		at, err := place(next, itemID)
		if err != nil {
			return err
		}
		b, err := c.readItem(body)
		if err != nil {
			return err
		}
		if err := freeItemName(next.Items, b.Name.value, itemID); err != nil {
			return err
		}
		item, err := c.item(b, existing(next.Groups), &next.Items[at])
		if err != nil {
			return err
		}
		next.Items = slices.Clone(next.Items)
		next.Items[at] = item
		sortItems(next.Items)
		return nil
	})
}

// DeleteItems removes items.
func (s *Service) DeleteItems(author, southID string, itemIDs []string) error {
	return s.change(author, southID, Items, func(_ *southChange, next *entity.South) error {
		chosen, err := choose(next.Items, itemIDs)
		if err != nil {
			return err
		}
		next.Items = slices.DeleteFunc(slices.Clone(next.Items), func(i entity.SouthItem) bool { return chosen[i.ID] })
		return nil
	})
}

// DeleteAllItems removes all items of a South.
func (s *Service) DeleteAllItems(author, southID string) error {
	return s.change(author, southID, Items, func(_ *southChange, next *entity.South) error {
		next.Items = nil
		return nil
	})
}

// EnableItems switches items on or off.
func (s *Service) EnableItems(author, southID string, itemIDs []string, enabled bool) error {
	return s.editItems(author, southID, itemIDs, func(_ *entity.South, i *entity.SouthItem) { i.Enabled = enabled })
}

// MoveItems puts items into a group, with which they then sync, or out of theirs when groupID is nil. What an item
// without group needs and has not of its own it takes from the group that it leaves.
func (s *Service) MoveItems(author, southID string, itemIDs []string, groupID *string) error {
	if groupID != nil {
		if _, err := s.Group(southID, *groupID); err != nil {
			return err
		}
	}
	return s.editItems(author, southID, itemIDs, func(south *entity.South, i *entity.SouthItem) {
		if groupID != nil {
			i.GroupID, i.SyncWithGroup = *groupID, true
			return
		}
		if g, ok := south.Group(i.GroupID); ok {
			*i = released(*i, g, s.hasHistory(south.Type))
		}
	})
}

// released is an item that leaves a group.
func released(i entity.SouthItem, g entity.SouthGroup, history bool) entity.SouthItem {
	i.GroupID, i.SyncWithGroup = "", false
	if i.ScanModeID == "" {
		i.ScanModeID = g.ScanModeID
	}
	if history {
		inherit(&i.MaxReadInterval, g.History.MaxReadInterval)
		inherit(&i.ReadDelay, g.History.ReadDelay)
		inherit(&i.StartTimeOffset, g.History.StartTimeOffset)
		inherit(&i.EndTimeOffset, g.History.EndTimeOffset)
		inherit(&i.RecoveryStrategy, g.History.RecoveryStrategy)
	}
	return i
}

func inherit[T any](own **T, from *T) {
	if *own == nil {
		*own = from
	}
}

// editItems changes some items. It finds none of those that are not there, and then changes nothing.
func (s *Service) editItems(author, southID string, itemIDs []string, edit func(*entity.South, *entity.SouthItem)) error {
	return s.change(author, southID, Items, func(c *southChange, next *entity.South) error {
		chosen, err := choose(next.Items, itemIDs)
		if err != nil {
			return err
		}
		items := slices.Clone(next.Items)
		for i := range items {
			if !chosen[items[i].ID] {
				continue
			}
			edited := items[i]
			edit(next, &edited)
			if !sameItem(&items[i], &edited) {
				edited.Audit = edited.Touched(c.author, c.now)
			}
			items[i] = edited
		}
		next.Items = items
		return nil
	})
}

// choose turns ids into a set, all of which must be there.
func choose(items []entity.SouthItem, ids []string) (map[string]bool, error) {
	known := itemIDs(items)
	chosen := make(map[string]bool, len(ids))
	for _, id := range ids {
		if !known[id] {
			return nil, entity.NotFound("Item %s not found", quoted(id))
		}
		chosen[id] = true
	}
	return chosen, nil
}
