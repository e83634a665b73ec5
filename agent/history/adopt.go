package history

import (
	"oibus/agent/entity"
	"oibus/agent/south"
	"oibus/agent/store"
)

// Adopt stores queries as they are, with their ids and their sealed secrets, in a state that has none. It is for what
// another OIBus had.
func Adopt(s *store.Store, queries []entity.HistoryQuery) error {
	for i, q := range queries {
		d := document{HistoryQuery: q, Order: i + 1, Generation: 1}
		if err := store.Save(s, itemsName(q.ID, d.Generation), q.South.Items); err != nil {
			return err
		}
		if err := store.Save(s, documentName(q.ID), d); err != nil {
			return err
		}
	}
	return nil
}

// OpenTracking opens how far queries have read, while no Service uses it.
func OpenTracking(s *store.Store) (*south.Tracking, error) {
	return south.OpenTrackingAs(s, trackingName)
}

// CacheID names the cache of a query.
func CacheID(id string) string { return cacheID(id) }
