package south

import (
	"encoding/json"

	"oibus/agent/entity"
)

// LastValue is what was read last of an item (protocol/data-plane.md, section 1.7).
type LastValue struct {
	GroupID        *string         `json:"groupId"`
	ItemID         string          `json:"itemId"`
	ItemName       string          `json:"itemName"`
	GroupName      string          `json:"groupName"`
	QueryTime      *string         `json:"queryTime"`
	Value          json.RawMessage `json:"value"`
	TrackedInstant *string         `json:"trackedInstant"`
}

// LastValue is what was read last of an item of a South of that type.
func (b *Book) LastValue(south *entity.South, t Type, item *entity.SouthItem) LastValue {
	v := LastValue{ItemID: item.ID, ItemName: item.Name, Value: null}
	key := itemKey(item.ID)
	if g, ok := south.Group(item.GroupID); ok && t.Batch && item.SyncWithGroup {
		key, v.GroupID, v.GroupName = groupKey(g.ID), &g.ID, g.Name
	}
	row, ok := b.Row(key)
	if !ok {
		return v
	}
	if row.QueryTime != "" {
		v.QueryTime = &row.QueryTime
	}
	if row.Value != nil {
		v.Value = row.Value
	}
	if !row.Tracked.IsZero() {
		tracked := entity.Milli(row.Tracked)
		v.TrackedInstant = &tracked
	}
	return v
}
