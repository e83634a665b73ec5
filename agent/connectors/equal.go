package connectors

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"

	"oibus/agent/entity"
)

// sameItem says whether two items are configured alike, whoever made them and when.
func sameItem(a, b *entity.SouthItem) bool {
	return a.Name == b.Name && a.Enabled == b.Enabled && a.ScanModeID == b.ScanModeID && a.GroupID == b.GroupID &&
		a.SyncWithGroup == b.SyncWithGroup && sameHistory(&a.History, &b.History) && sameSettings(a.Settings, b.Settings)
}

// sameSettings says whether two texts without white space hold the same JSON, with its keys in any order.
func sameSettings(a, b json.RawMessage) bool {
	if bytes.Equal(a, b) {
		return true
	}
	var x, y any
	return len(a) == len(b) && json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && reflect.DeepEqual(x, y)
}

func sameHistory(a, b *entity.History) bool {
	return same(a.MaxReadInterval, b.MaxReadInterval) && same(a.ReadDelay, b.ReadDelay) && same(a.StartTimeOffset, b.StartTimeOffset) &&
		same(a.EndTimeOffset, b.EndTimeOffset) && same(a.RecoveryStrategy, b.RecoveryStrategy)
}

func same[T comparable](a, b *T) bool { return a == b || a != nil && b != nil && *a == *b }

func sameGroup(a, b *entity.SouthGroup) bool {
	return a.Name == b.Name && a.ScanModeID == b.ScanModeID && sameHistory(&a.History, &b.History)
}

// sameHead says whether two Souths are equal but for their items.
func sameHead(a, b entity.South) bool {
	return a.Audit == b.Audit && a.Name == b.Name && a.Type == b.Type && a.Description == b.Description && a.Enabled == b.Enabled &&
		bytes.Equal(a.Settings, b.Settings) && slices.EqualFunc(a.Groups, b.Groups, func(x, y entity.SouthGroup) bool {
		return x.Audit == y.Audit && sameGroup(&x, &y)
	})
}
