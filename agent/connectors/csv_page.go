package connectors

import (
	"encoding/json"
	"fmt"
	"slices"

	"oibus/agent/entity"
)

// Checked is what the page is told before it imports a table: the items as they would be, and the rows that cannot be
// used. South has no id; the groups in it that do not exist yet have ids that begin with temp_, new items have none.
type Checked struct {
	South  entity.South
	Errors []RowError
}

// CheckCSV reads a table for items of a South type, as ImportCSV would, for a page that holds the items of a South
// that may not be stored yet. Timing that the table does not give is 0, and oldest first.
func (s *Service) CheckCSV(southType, text, delimiter string, current json.RawMessage, replace bool) (Checked, error) {
	c, err := s.southChange("", southType, entity.South{})
	if err != nil {
		return Checked{}, err
	}
	south, err := c.held(current)
	if err != nil {
		return Checked{}, err
	}
	im, err := c.newImporter(text, delimiter, south, replace)
	if err != nil {
		return Checked{}, err
	}
	groups := 0
	im.fresh = func(string) entity.Audit { groups++; return entity.Audit{ID: fmt.Sprintf("temp_%d", groups)} }
	items, wrong, err := im.items()
	if err != nil {
		return Checked{}, err
	}
	for i := range items {
		if im.old[items[i].Name] == nil {
			items[i].ID = ""
		}
	}
	south.Items, south.Groups = items, im.groups.sorted()
	return Checked{*south, wrong}, nil
}

// held makes a South of the items that the page holds, as the page sends them: with their groups and scan modes as
// objects or as references.
func (c *southChange) held(items json.RawMessage) (*entity.South, error) {
	bodies, err := itemBodies(items)
	if err != nil {
		return nil, err
	}
	south := &entity.South{Connector: entity.Connector{Type: c.form.ID}}
	groups := newGroups()
	for i := range bodies {
		b := &bodies[i]
		item := entity.SouthItem{Name: b.Name.value, Enabled: b.Enabled.value, Settings: b.Settings.raw, SyncWithGroup: b.SyncWithGroup.value, History: c.history(&b.historyBody)}
		item.ID = b.ID.value
		if item.ScanModeID, err = c.modes.find(b.mode()); err != nil {
			return nil, err
		}
		if item.GroupID, err = c.importedGroup(b, groups, item, fmt.Sprintf("temp_held_%d", i)); err != nil {
			return nil, err
		}
		south.Items = append(south.Items, item)
	}
	south.Groups = groups.list
	return south, nil
}

func itemBodies(items json.RawMessage) ([]itemBody, error) {
	var bodies list[itemBody]
	if len(items) > 0 {
		if err := json.Unmarshal(items, &bodies); err != nil {
			return nil, entity.Invalid("cannot read JSON: %v", err)
		}
	}
	if bodies.bad {
		return nil, entity.Invalid("%q must be %s", "items", anArray)
	}
	return bodies.items, nil
}

// importedGroup finds the group of an item by id, then by name, or makes it from what the body says of it, else like
// the item. It returns its id.
func (c *southChange) importedGroup(b *itemBody, groups *groups, item entity.SouthItem, newID string) (string, error) {
	id, name := b.group()
	if id.value == "" && name.value == "" {
		return "", nil
	}
	if at, ok := groups.keys[id.value]; ok {
		return groups.list[at].ID, nil
	}
	if at, ok := groups.names[name.value]; ok {
		return groups.list[at].ID, nil
	}
	if name.value == "" {
		return "", entity.Invalid("Group %s not found", quoted(name.shown()))
	}
	group := entity.SouthGroup{Name: name.value, ScanModeID: item.ScanModeID, History: item.History}
	if b.Group != nil {
		var err error
		if group, err = c.group(b.Group); err != nil {
			return "", err
		}
	}
	if group.ScanModeID == "" {
		return "", entity.Invalid("Scan mode not specified")
	}
	group.Audit = entity.NewAudit(newID, c.author, c.now)
	groups.put(newID, group)
	if id.value != "" {
		groups.keys[id.value] = groups.keys[newID]
	}
	return newID, nil
}

// ImportItems puts items into a South that CheckCSV returned to the page: those whose id the South knows replace
// theirs, with replace also those whose name it knows; the others are new. With replace, items that are not among them
// are deleted.
func (s *Service) ImportItems(author, southID string, items json.RawMessage, replace bool) error {
	bodies, err := itemBodies(items)
	if err != nil {
		return err
	}
	return s.change(author, southID, Items, func(c *southChange, next *entity.South) error {
		var f faults
		for i := range bodies {
			f.item(fmt.Sprintf("items[%d].", i), &bodies[i])
		}
		if err := f.err(); err != nil {
			return err
		}
		if err := c.checkItems(bodies); err != nil {
			return err
		}
		groups := existing(next.Groups)
		var imported []entity.SouthItem
		before := newPlaces(next.Items)
		for i := range bodies {
			item, err := c.imported(&bodies[i], groups, before.take(&bodies[i], replace))
			if err != nil {
				return err
			}
			imported = append(imported, item)
		}
		if !replace {
			imported = append(imported, before.left()...)
		}
		if err := distinct(imported); err != nil {
			return err
		}
		sortItems(imported)
		next.Items, next.Groups = imported, groups.sorted()
		return nil
	})
}

func (c *southChange) imported(b *itemBody, groups *groups, old *entity.SouthItem) (entity.SouthItem, error) {
	mode, err := c.modes.find(b.mode())
	if err != nil {
		return entity.SouthItem{}, err
	}
	seed := entity.SouthItem{ScanModeID: mode, History: c.history(&b.historyBody)}
	group, err := c.importedGroup(b, groups, seed, c.ids.draw())
	if err != nil {
		return entity.SouthItem{}, err
	}
	b.GroupID, b.GroupName, b.Group = text{value: group}, text{}, nil
	return c.item(b, groups, old)
}

// places find the items of a South by id and name, each once.
type places struct {
	items     []entity.SouthItem
	ids, name map[string]int
	taken     map[int]bool
}

func newPlaces(items []entity.SouthItem) places {
	p := places{items, map[string]int{}, map[string]int{}, map[int]bool{}}
	for i := range items {
		p.ids[items[i].ID], p.name[items[i].Name] = i, i
	}
	return p
}

// take returns the item that a body replaces, nil for none.
func (p *places) take(b *itemBody, byName bool) *entity.SouthItem {
	at, ok := p.ids[b.ID.value]
	if !ok && byName {
		at, ok = p.name[b.Name.value]
	}
	if !ok || p.taken[at] {
		return nil
	}
	p.taken[at] = true
	return &p.items[at]
}

// left are the items that nothing replaces.
func (p *places) left() []entity.SouthItem {
	var left []entity.SouthItem
	for i := range p.items {
		if !p.taken[i] {
			left = append(left, p.items[i])
		}
	}
	return left
}

func distinct(items []entity.SouthItem) error {
	names := make(map[string]bool, len(items))
	at := slices.IndexFunc(items, func(i entity.SouthItem) bool {
		twice := names[i.Name]
		names[i.Name] = true
		return twice
	})
	if at < 0 {
		return nil
	}
	return entity.Invalid("Item name %s already used", quoted(items[at].Name))
}
