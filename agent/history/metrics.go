package history

import (
	"context"
	"fmt"
	"reflect"

	"oibus/agent/north"
	"oibus/agent/south"
	"oibus/agent/store"
	"oibus/platform/task"
)

// Metrics of a query, as protocol/data-plane.md, section 9, has them: both parts without their own start.
type Metrics struct {
	MetricsStart string       `json:"metricsStart"`
	North        NorthMetrics `json:"north"`
	South        SouthMetrics `json:"south"`
	History      Progress     `json:"historyMetrics"`
}

// Progress is how far a query has come. The interval is the one that is read, null when none is.
type Progress struct {
	Running           bool    `json:"running"`
	IntervalProgress  float64 `json:"intervalProgress"` // of all intervals of all items, 0 to 1
	CurrentStart      *string `json:"currentIntervalStart"`
	CurrentEnd        *string `json:"currentIntervalEnd"`
	CurrentNumber     int     `json:"currentIntervalNumber"`
	NumberOfIntervals int     `json:"numberOfIntervals"` // of one item
}

// NorthMetrics are those of the North of a query.
type NorthMetrics struct {
	LastConnection      *string  `json:"lastConnection"`
	LastRunStart        *string  `json:"lastRunStart"`
	LastRunDuration     *float64 `json:"lastRunDuration"`
	ContentSentSize     uint64   `json:"contentSentSize"`
	ContentCachedSize   uint64   `json:"contentCachedSize"`
	ContentErroredSize  uint64   `json:"contentErroredSize"`
	ContentArchivedSize uint64   `json:"contentArchivedSize"`
	LastContentSent     *string  `json:"lastContentSent"`
	CurrentCacheSize    int64    `json:"currentCacheSize"`
	CurrentErrorSize    int64    `json:"currentErrorSize"`
	CurrentArchiveSize  int64    `json:"currentArchiveSize"`
}

// SouthMetrics are those of the South of a query.
type SouthMetrics struct {
	LastConnection          *string  `json:"lastConnection"`
	LastRunStart            *string  `json:"lastRunStart"`
	LastRunDuration         *float64 `json:"lastRunDuration"`
	NumberOfValuesRetrieved uint64   `json:"numberOfValuesRetrieved"`
	NumberOfFilesRetrieved  uint64   `json:"numberOfFilesRetrieved"`
	LastValueRetrieved      any      `json:"lastValueRetrieved"`
	LastFileRetrieved       *string  `json:"lastFileRetrieved"`
}

func northMetrics(m north.Metrics) NorthMetrics {
	return NorthMetrics{m.LastConnection, m.LastRunStart, m.LastRunDuration, m.ContentSentSize, m.ContentCachedSize, m.ContentErroredSize,
		m.ContentArchivedSize, m.LastContentSent, m.CurrentCacheSize, m.CurrentErrorSize, m.CurrentArchiveSize}
}

func southMetrics(m south.Metrics) SouthMetrics {
	return SouthMetrics{m.LastConnection, m.LastRunStart, m.LastRunDuration, m.NumberOfValuesRetrieved, m.NumberOfFilesRetrieved, m.LastValueRetrieved, m.LastFileRetrieved}
}

// loadMetrics goes on with those of before. l.mu is held.
func (l *slot) loadMetrics() {
	before, _, err := store.Load(l.s.o.Store, metricsName(l.id), south.Metrics{})
	if err != nil {
		l.s.o.Log.Warn("cannot load the metrics of a history query, starting new ones", "error", err)
	}
	l.saved, l.meter = before, south.NewMeter(l.s.now, before)
}

// keepMetrics saves them from time to time.
func (l *slot) keepMetrics(ctx context.Context) error {
	for task.Sleep(ctx, savePeriod) == nil {
		if err := l.saveMetrics(); err != nil {
			l.s.o.Log.Warn("cannot save the metrics of a history query, trying again", "error", err)
		}
	}
	return nil
}

// saveMetrics stores them when they have changed.
func (l *slot) saveMetrics() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.meter == nil || l.gone {
		return nil
	}
	now := l.meter.Metrics()
	if reflect.DeepEqual(now, l.saved) {
		return nil
	}
	if err := store.Save(l.s.o.Store, metricsName(l.id), now); err != nil {
		return fmt.Errorf("cannot save the metrics of a history query: %w", err)
	}
	l.saved = now
	return nil
}
