package south

import (
	"encoding/json"
	"maps"
	"slices"
	"time"

	"oibus/agent/content"
	"oibus/agent/entity"
)

// What reads the past with a Historian, without a Runner, uses the parts below: history queries.

// ItemUnit is the name of the row of an item in a Book.
func ItemUnit(itemID string) string { return itemKey(itemID) }

// GroupUnit is the name of the row of a group that is read as one.
func GroupUnit(groupID string) string { return groupKey(groupID) }

// Meter counts what is read. It is safe for concurrent use.
type Meter struct{ m *meter }

// NewMeter goes on with metrics that were kept, or begins new ones when they are zero.
func NewMeter(now func() time.Time, before Metrics) *Meter { return &Meter{newMeter(now, before)} }

// Connected, Ran and Retrieved note what happened.
func (m *Meter) Connected()                              { m.m.connected() }
func (m *Meter) Ran(start time.Time, took time.Duration) { m.m.ran(start, took) }
func (m *Meter) Retrieved(c content.Content)             { m.m.retrieved(c) }

// Metrics at this moment.
func (m *Meter) Metrics() Metrics { return m.m.metrics() }

// Reset begins new ones.
func (m *Meter) Reset() { m.m.reset() }

// Describe makes an item as connectors and scripts see it. settings are those of the item in clear.
func Describe(i *entity.SouthItem, settings json.RawMessage) Item {
	return Item{ID: i.ID, Name: i.Name, Settings: settings, Entity: appendItem(make([]byte, 0, itemSize+len(i.Settings)), i, null, null)}
}

// Sources is items as a content names them.
func Sources(items []Item) []content.Item { return sources(items) }

// Units lists the units of which something is known.
func (b *Book) Units() []string { return slices.Sorted(maps.Keys(b.units())) }

// Drop forgets units.
func (b *Book) Drop(units ...string) error { return b.drop(units...) }
