package north

import (
	"context"
	"errors"
	"sync"
	"time"

	"oibus/agent/cache"
	"oibus/agent/entity"
	"oibus/agent/store"
)

// savePeriod is how often metrics are saved when they change. A kill loses that much of them; the reference saves once
// a second, but each saving costs a flush of the disk.
const savePeriod = 10 * time.Second

// Metrics of a North, as protocol/data-plane.md, section 9, has them. Sizes are in bytes.
type Metrics struct {
	MetricsStart        string   `json:"metricsStart"`
	ContentSentSize     uint64   `json:"contentSentSize"`
	ContentCachedSize   uint64   `json:"contentCachedSize"`
	ContentErroredSize  uint64   `json:"contentErroredSize"` // moved to the folder error
	ContentArchivedSize uint64   `json:"contentArchivedSize"`
	LastContentSent     *string  `json:"lastContentSent"`
	LastConnection      *string  `json:"lastConnection"`
	LastRunStart        *string  `json:"lastRunStart"`
	LastRunDuration     *float64 `json:"lastRunDuration"` // milliseconds
	CurrentCacheSize    int64    `json:"currentCacheSize"`
	CurrentErrorSize    int64    `json:"currentErrorSize"`
	CurrentArchiveSize  int64    `json:"currentArchiveSize"`
}

// meter counts for Metrics: what was saved, plus what the cache has counted since it was opened or reset.
type meter struct {
	r     *Runner
	store *store.Store

	mu    sync.Mutex
	base  Metrics
	since cache.Totals // of the cache, when base was right

	saving sync.Mutex
	saved  Metrics
}

func metricsName(cacheID string) string { return "metrics/" + cacheID }

func newMeter(r *Runner, s *store.Store) *meter {
	m := &meter{r: r, store: s}
	if s != nil {
		loaded, ok, err := store.Load(s, metricsName(r.o.CacheID), Metrics{})
		if err != nil {
			r.log.Warn("cannot load the metrics, starting new ones", "error", err)
		} else if ok {
			m.base = loaded
		}
	}
	if m.base.MetricsStart == "" {
		m.base = Metrics{MetricsStart: entity.Milli(r.o.Now())}
	}
	m.saved = m.base
	return m
}

// Metrics of the North at this moment.
func (r *Runner) Metrics() Metrics { return r.meter.metrics() }

// ResetMetrics begins new ones.
func (r *Runner) ResetMetrics() {
	m := r.meter
	totals := r.cache.Stats().Totals
	m.mu.Lock()
	m.base, m.since = Metrics{MetricsStart: entity.Milli(r.o.Now())}, totals
	m.mu.Unlock()
}

func (m *meter) metrics() Metrics {
	s := m.r.cache.Stats()
	m.mu.Lock()
	defer m.mu.Unlock()
	v, now, then := m.base, &s.Totals, &m.since
	v.ContentSentSize += now.Sent.Bytes - then.Sent.Bytes
	v.ContentCachedSize += now.Cached - then.Cached
	v.ContentErroredSize += now.Errored.Bytes - then.Errored.Bytes
	v.ContentArchivedSize += now.Archived.Bytes - then.Archived.Bytes
	if now.Sent.Contents > then.Sent.Contents {
		last := now.LastSent
		v.LastContentSent = &last
	}
	v.CurrentCacheSize, v.CurrentErrorSize, v.CurrentArchiveSize = s.CacheSize, s.ErrorSize, s.ArchiveSize
	return v
}

func (m *meter) connected(at time.Time) {
	text := entity.Milli(at)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.base.LastConnection = &text
}

func (m *meter) ran(start time.Time, duration time.Duration) {
	text, ms := entity.Milli(start), float64(duration.Milliseconds())
	m.mu.Lock()
	defer m.mu.Unlock()
	m.base.LastRunStart, m.base.LastRunDuration = &text, &ms
}

// keep saves the metrics from time to time.
func (m *meter) keep(ctx context.Context) error {
	tick := time.NewTicker(savePeriod)
	defer tick.Stop()
	failed := false
	for {
		select {
		case <-tick.C:
			err := m.save()
			if err != nil && !failed {
				m.r.log.Warn("cannot save the metrics, trying again", "error", err)
			}
			failed = err != nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// save stores the metrics if they have changed.
func (m *meter) save() error {
	if m.store == nil {
		return nil
	}
	m.saving.Lock()
	defer m.saving.Unlock()
	v := m.metrics()
	v.CurrentCacheSize, v.CurrentErrorSize, v.CurrentArchiveSize = 0, 0, 0
	if sameMetrics(v, m.saved) {
		return nil
	}
	if err := store.Save(m.store, metricsName(m.r.o.CacheID), v); err != nil {
		return errors.Join(errors.New("cannot save the metrics of the north"), err)
	}
	m.saved = v
	return nil
}

// sameMetrics compares what the pointers point to.
func sameMetrics(a, b Metrics) bool {
	return equal(a.LastContentSent, b.LastContentSent) && equal(a.LastConnection, b.LastConnection) &&
		equal(a.LastRunStart, b.LastRunStart) && equal(a.LastRunDuration, b.LastRunDuration) &&
		a.MetricsStart == b.MetricsStart && a.ContentSentSize == b.ContentSentSize && a.ContentCachedSize == b.ContentCachedSize &&
		a.ContentErroredSize == b.ContentErroredSize && a.ContentArchivedSize == b.ContentArchivedSize
}

func equal[T comparable](a, b *T) bool { return a == b || a != nil && b != nil && *a == *b }
