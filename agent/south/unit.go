package south

import (
	"bytes"
	"slices"
	"sync"
	"time"

	"oibus/agent/entity"
	"oibus/agent/interval"
)

// unit is what is read at once: the items of a synced group for types that can, else one item.
type unit struct {
	key     string // of its row
	group   string // id of the group that is read as one
	mode    string // id of the scan mode
	members []*entity.SouthItem

	timing interval.Settings
	delay  time.Duration // between two windows

	once  sync.Once
	items described // of a group, made when it is read for the first time
	err   error

	// Guarded by the mutex of the Runner.
	busy   bool            // queued or running
	stale  bool            // it was changed while it was running: it ends after this window
	next   *unit           // what it is in a newer plan, which waits for it
	heirs  []string        // rows of items that left the group while it was running
	ids    map[string]bool // of its items, once it is stale
	warned time.Time       // when it was logged that it was skipped
	passed time.Time       // when it was logged that its window does not extend
}

// plan is how the items of a South are read: pure facts of its configuration.
type plan struct {
	south      *entity.South
	units      []*unit
	modes      map[string][]*unit // units by scan mode
	keys       map[string]string  // row of each item, enabled or not, by its id
	subscribed []*entity.SouthItem
	groups     map[string]*entity.SouthGroup
}

func itemKey(id string) string { return "item/" + id }

func groupKey(id string) string { return "group/" + id }

// newPlan makes units of the enabled items. south must not change any more.
func newPlan(south *entity.South, batch bool) *plan {
	p := &plan{south: south, modes: map[string][]*unit{}, keys: make(map[string]string, len(south.Items)), groups: map[string]*entity.SouthGroup{}}
	for i := range south.Groups {
		p.groups[south.Groups[i].ID] = &south.Groups[i]
	}
	shared := map[string]*unit{}
	for i := range south.Items {
		p.add(&south.Items[i], batch, shared)
	}
	return p
}

func (p *plan) add(item *entity.SouthItem, batch bool, shared map[string]*unit) {
	group, mode, history := p.groups[item.GroupID], item.ScanModeID, &item.History
	if group != nil {
		if mode = group.ScanModeID; item.SyncWithGroup {
			history = &group.History
		}
	}
	together := batch && group != nil && item.SyncWithGroup
	key := itemKey(item.ID)
	if together {
		key = groupKey(group.ID)
	}
	p.keys[item.ID] = key
	switch {
	case !item.Enabled || mode == "":
		return
	case mode == entity.SubscriptionScanMode:
		p.subscribed = append(p.subscribed, item)
		return
	}
	if u := shared[key]; u != nil {
		u.members = append(u.members, item)
		return
	}
	u := &unit{key: key, mode: mode, members: []*entity.SouthItem{item}, timing: timing(history), delay: interval.Milliseconds(history.ReadDelay)}
	if together {
		u.group, shared[key] = group.ID, u
	}
	p.units = append(p.units, u)
	p.modes[mode] = append(p.modes[mode], u)
}

func timing(h *entity.History) interval.Settings {
	return interval.Settings{
		MaxRead: interval.Seconds(h.MaxReadInterval), StartOffset: interval.Milliseconds(h.StartTimeOffset), EndOffset: interval.Milliseconds(h.EndTimeOffset),
		Newest: h.RecoveryStrategy != nil && *h.RecoveryStrategy == entity.Newest,
	}
}

// same says whether other reads the same in the same way.
func (u *unit) same(other *unit) bool {
	return u.mode == other.mode && u.timing == other.timing && u.delay == other.delay &&
		slices.EqualFunc(u.members, other.members, func(a, b *entity.SouthItem) bool {
			return a == b || a.ID == b.ID && a.Name == b.Name && a.GroupID == b.GroupID && bytes.Equal(a.Settings, b.Settings)
		})
}

// shares says whether a unit has an item of u, which is stale.
func (u *unit) shares(other *unit) bool {
	if u.key == other.key {
		return true
	}
	if u.ids == nil {
		u.ids = make(map[string]bool, len(u.members))
		for _, m := range u.members {
			u.ids[m.ID] = true
		}
	}
	for _, m := range other.members {
		if u.ids[m.ID] {
			return true
		}
	}
	return false
}
