package entity

import "encoding/json"

// Connector is what Souths and Norths have in common. Settings is an object whose secrets are sealed texts.
type Connector struct {
	Audit
	Name        string          `json:"name"`
	Type        string          `json:"type"`
	Description string          `json:"description"`
	Enabled     bool            `json:"enabled"`
	Settings    json.RawMessage `json:"settings"`
}

// Recovery strategies: in which order the intervals of a long window are read.
const (
	Oldest = "oldest"
	Newest = "newest"
)

// History says how windows are read. Nil is "not set": no splitting, no delay, no offset, oldest first.
type History struct {
	MaxReadInterval  *float64 `json:"maxReadInterval,omitempty"`  // seconds, 0 or less for no splitting
	ReadDelay        *float64 `json:"readDelay,omitempty"`        // milliseconds between two intervals
	StartTimeOffset  *float64 `json:"startTimeOffset,omitempty"`  // milliseconds, signed
	EndTimeOffset    *float64 `json:"endTimeOffset,omitempty"`    // milliseconds, signed
	RecoveryStrategy *string  `json:"recoveryStrategy,omitempty"` // Oldest or Newest
}

// South is a connector that collects. Items are kept in a file of their own, ordered by name; groups too are
// ordered by name.
type South struct {
	Connector
	Groups []SouthGroup `json:"groups"`
	Items  []SouthItem  `json:"-"`
}

// SouthGroup gives the items in it one scan mode and, to those that sync with it, one History.
type SouthGroup struct {
	Audit
	Name       string  `json:"name"`
	ScanModeID string  `json:"scanModeId"`
	History    History `json:"history"`
}

// SouthItem is one thing that a South reads. ScanModeID is empty when its group decides, GroupID when it has none.
type SouthItem struct {
	Audit
	Name          string          `json:"name"`
	Enabled       bool            `json:"enabled"`
	Settings      json.RawMessage `json:"settings"`
	ScanModeID    string          `json:"scanModeId,omitempty"`
	GroupID       string          `json:"groupId,omitempty"`
	SyncWithGroup bool            `json:"syncWithGroup,omitempty"`
	History
}

// Group returns the group with that id.
func (s *South) Group(id string) (SouthGroup, bool) {
	for _, g := range s.Groups {
		if g.ID == id {
			return g, true
		}
	}
	return SouthGroup{}, false
}

// EffectiveScanMode is the id of the scan mode that an item runs by: that of its group when it has one.
func (s *South) EffectiveScanMode(i *SouthItem) string {
	if g, ok := s.Group(i.GroupID); ok {
		return g.ScanModeID
	}
	return i.ScanModeID
}

// EffectiveHistory is how the windows of an item are read: as its group says when it syncs with it.
func (s *South) EffectiveHistory(i *SouthItem) History {
	if g, ok := s.Group(i.GroupID); ok && i.SyncWithGroup {
		return g.History
	}
	return i.History
}
