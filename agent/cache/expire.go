package cache

import "time"

// Expire removes what has been in error or archive for longer than told, 0 for ever, and returns how many contents that
// were. The time counts from when a content came to the folder. Call it at the start and every hour.
func (c *Cache) Expire(inError, inArchive time.Duration) (removed int, err error) {
	now := c.o.Now()
	before := func(p place) (limit int64, ok bool) {
		kept := map[place]time.Duration{errored: inError, archived: inArchive}[p]
		return now.Add(-kept).UnixMilli(), kept > 0
	}
	errorLimit, errorOK := before(errored)
	archiveLimit, archiveOK := before(archived)
	if !errorOK && !archiveOK {
		return 0, nil
	}
	return c.removeWhere(func(p place, w word) bool {
		return p == errored && errorOK && w.since() < errorLimit || p == archived && archiveOK && w.since() < archiveLimit
	}, func(m *summary) bool {
		return errorOK && m.Count[errored] > 0 && m.Since[errored] < errorLimit ||
			archiveOK && m.Count[archived] > 0 && m.Since[archived] < archiveLimit
	})
}
