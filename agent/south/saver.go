package south

import (
	"context"
	"errors"
	"sync"
	"time"

	"oibus/agent/connector"
	"oibus/agent/entity"
	"oibus/agent/store"
)

// savePeriod is how often metrics are saved when they change. A kill loses that much of them; the reference saves once
// a second, but each saving costs a flush of the disk.
const savePeriod = 10 * time.Second

// saver remembers what was saved.
type saver struct {
	mu   sync.Mutex
	last Metrics
}

func metricsName(id string) string { return "metrics/south-" + id }

func (r *Runner) loadMetrics() Metrics {
	if r.o.Store == nil {
		return Metrics{}
	}
	loaded, _, err := store.Load(r.o.Store, metricsName(r.id), Metrics{})
	if err != nil {
		r.log.Warn("cannot load the metrics, starting new ones", "error", err)
		return Metrics{}
	}
	r.saved.last = loaded
	return loaded
}

// StoredMetrics are those of a South that does not run.
func StoredMetrics(s *store.Store, id string, now time.Time) (Metrics, error) {
	m, _, err := store.Load(s, metricsName(id), Metrics{})
	return newMeter(func() time.Time { return now }, m).metrics(), err
}

// ResetStoredMetrics begins new ones for a South that does not run.
func ResetStoredMetrics(s *store.Store, id string, now time.Time) error {
	return store.Save(s, metricsName(id), Metrics{MetricsStart: entity.Milli(now)})
}

// keepMetrics saves the metrics from time to time.
func (r *Runner) keepMetrics(ctx context.Context) error {
	tick := time.NewTicker(savePeriod)
	defer tick.Stop()
	failed := false
	for {
		select {
		case <-tick.C:
			err := r.saveMetrics()
			if err != nil && !failed {
				r.log.Warn("cannot save the metrics, trying again", "error", err)
			}
			failed = err != nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// saveMetrics stores the metrics if they have changed.
func (r *Runner) saveMetrics() error {
	if r.o.Store == nil {
		return nil
	}
	r.saved.mu.Lock()
	defer r.saved.mu.Unlock()
	m := r.meter.metrics()
	if sameMetrics(m, r.saved.last) {
		return nil
	}
	if err := store.Save(r.o.Store, metricsName(r.id), m); err != nil {
		return errors.Join(errors.New("cannot save the metrics of the south"), err)
	}
	r.saved.last = m
	return nil
}

// Remove deletes everything of a South that is gone. s may be nil.
func Remove(s *store.Store, t *Tracking, id string) error {
	err := t.Forget(id)
	if s != nil {
		err = errors.Join(err, store.Remove(s, metricsName(id)), store.Remove(s, connector.MemoryName(id)))
	}
	return err
}
