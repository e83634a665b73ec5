package south

import (
	"encoding/json"
	"fmt"
	"strconv"
	"sync"

	"oibus/agent/content"
	"oibus/agent/entity"
)

// describer makes items as connectors and scripts see them. What many items share is written once.
type describer struct {
	plan  *plan
	open  func(settings json.RawMessage) (json.RawMessage, error)
	modes func(id string) (entity.ScanMode, bool)

	mu      sync.Mutex
	written map[string]json.RawMessage // scan modes and groups
}

var null = json.RawMessage("null")

// itemSize is how long the JSON of an item is, without settings and group.
const itemSize = 512

// appendItem appends the JSON of an item as scripts see it (protocol/data-plane.md, section 1.2). It is made for each
// reading of each item, so it is not left to reflection.
func appendItem(b []byte, i *entity.SouthItem, mode, group json.RawMessage) []byte {
	b = content.AppendString(append(b, `{"id":`...), i.ID)
	b = content.AppendString(append(b, `,"name":`...), i.Name)
	b = strconv.AppendBool(append(b, `,"enabled":`...), i.Enabled)
	b = append(append(b, `,"settings":`...), orNull(i.Settings)...)
	b = append(append(b, `,"scanMode":`...), mode...)
	b = append(append(b, `,"group":`...), group...)
	b = strconv.AppendBool(append(b, `,"syncWithGroup":`...), i.SyncWithGroup)
	b = appendNumber(append(b, `,"maxReadInterval":`...), i.MaxReadInterval)
	b = appendNumber(append(b, `,"readDelay":`...), i.ReadDelay)
	b = appendNumber(append(b, `,"startTimeOffset":`...), i.StartTimeOffset)
	b = appendNumber(append(b, `,"endTimeOffset":`...), i.EndTimeOffset)
	b = append(b, `,"recoveryStrategy":`...)
	if i.RecoveryStrategy != nil {
		b = content.AppendString(b, *i.RecoveryStrategy)
	} else {
		b = append(b, null...)
	}
	b = content.AppendString(append(b, `,"createdBy":`...), i.CreatedBy)
	b = content.AppendString(append(b, `,"updatedBy":`...), i.UpdatedBy)
	b = content.AppendString(append(b, `,"createdAt":`...), i.CreatedAt)
	b = content.AppendString(append(b, `,"updatedAt":`...), i.UpdatedAt)
	return append(b, '}')
}

func appendNumber(b []byte, n *float64) []byte {
	if n == nil {
		return append(b, null...)
	}
	return content.AppendNumber(b, *n)
}

func orNull(raw json.RawMessage) json.RawMessage {
	if len(raw) == 0 {
		return null
	}
	return raw
}

type modeJSON struct {
	ID          string  `json:"id"`
	Name        string  `json:"name"`
	Description *string `json:"description"`
	Cron        string  `json:"cron"`
}

type groupJSON struct {
	ID       string `json:"id"`
	Standard struct {
		Name     string          `json:"name"`
		ScanMode json.RawMessage `json:"scanMode"`
	} `json:"standardSettings"`
	History entity.History `json:"historySettings"`
}

// item describes one item. Its settings are in clear, those in its Entity are sealed.
func (d *describer) item(i *entity.SouthItem) (Item, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	group := d.plan.groups[i.GroupID]
	made := Item{ID: i.ID, Name: i.Name, Settings: i.Settings}
	mode := i.ScanModeID
	groupText := null
	if group != nil {
		made.GroupID, made.GroupName, mode = group.ID, group.Name, group.ScanModeID
		groupText = d.group(group)
	}
	if d.open != nil {
		var err error
		if made.Settings, err = d.open(i.Settings); err != nil {
			return made, fmt.Errorf("cannot use the settings of item %q: %w", i.Name, err)
		}
	}
	made.Entity = appendItem(make([]byte, 0, itemSize+len(i.Settings)+len(groupText)), i, d.mode(mode), groupText)
	return made, nil
}

func (d *describer) mode(id string) json.RawMessage {
	return d.once("mode/"+id, func() (any, bool) {
		m, ok := d.modes(id)
		return modeJSON{m.ID, m.Name, m.Description, m.Cron}, ok
	})
}

func (d *describer) group(g *entity.SouthGroup) json.RawMessage {
	mode := d.mode(g.ScanModeID)
	return d.once(groupKey(g.ID), func() (any, bool) {
		text := groupJSON{ID: g.ID, History: g.History}
		text.Standard.Name, text.Standard.ScanMode = g.Name, mode
		return text, true
	})
}

// once is the JSON of what make makes, null when there is nothing.
func (d *describer) once(key string, make func() (any, bool)) json.RawMessage {
	if text, ok := d.written[key]; ok {
		return text
	}
	text := null
	if v, ok := make(); ok {
		if raw, err := json.Marshal(v); err == nil { // plain texts and numbers
			text = raw
		}
	}
	if d.written == nil {
		d.written = map[string]json.RawMessage{}
	}
	d.written[key] = text
	return text
}

// described is items as connectors see them, and as contents name them.
type described struct {
	list    []Item
	sources []content.Item
}

// describe makes the items of the unit. Those of a group are kept, because they are many and needed at each tick; one
// item is quickly made again, and there may be very many units of one.
func (u *unit) describe(d *describer) (described, error) {
	if u.group == "" {
		return d.items(u.members)
	}
	u.once.Do(func() { u.items, u.err = d.items(u.members) })
	return u.items, u.err
}

func (d *describer) items(members []*entity.SouthItem) (described, error) {
	list := make([]Item, len(members))
	for i, m := range members {
		var err error
		if list[i], err = d.item(m); err != nil {
			return described{}, err
		}
	}
	return described{list, sources(list)}, nil
}

// one is the item i alone.
func (d described) one(i int) described { return described{d.list[i : i+1], d.sources[i : i+1]} }

// sources is items as a content names them.
func sources(items []Item) []content.Item {
	list := make([]content.Item, len(items))
	for i := range items {
		list[i] = content.Item{ID: items[i].ID, Name: items[i].Name, GroupID: items[i].GroupID, Entity: items[i].Entity}
	}
	return list
}
