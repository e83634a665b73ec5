package north

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"oibus/agent/cache"
)

// Times of the upkeep.
const (
	retentionPeriod = time.Hour        // between two clean-ups of error and archive, as in the reference
	warnPeriod      = time.Minute      // between two warnings that content is refused
	summaryPeriod   = 10 * time.Second // between two summaries of what waits
)

// keepRetention removes what has been in error or archive for too long, now and every hour.
func (r *Runner) keepRetention(ctx context.Context) error {
	tick := time.NewTicker(retentionPeriod)
	defer tick.Stop()
	for {
		caching := &r.config.Load().north.Caching
		n, err := r.cache.Expire(hours(caching.Error.RetentionDuration), hours(caching.Archive.RetentionDuration))
		if n > 0 {
			r.log.Debug(fmt.Sprintf("%d contents removed from error and archive because of their age", n))
		}
		if err != nil && !errors.Is(err, cache.ErrClosed) {
			r.log.Error("cannot remove old content", "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func hours(n float64) time.Duration { return clamp(n, time.Hour) }

// clamp is n units, not below 0 and never so much that it overflows.
func clamp(n float64, unit time.Duration) time.Duration {
	const most = float64(1<<63-1) / 2
	return time.Duration(min(max(n, 0)*float64(unit), most))
}

// sayWhatWaits logs what was found at the start.
func (r *Runner) sayWhatWaits() {
	s := r.cache.Stats()
	if s.Cached > 0 {
		r.log.Info(fmt.Sprintf("%d content in cache", s.Cached))
	} else {
		r.log.Info("No content in cache")
	}
	if s.Errored > 0 {
		r.log.Warn(fmt.Sprintf("%d content errored", s.Errored))
	}
	if s.Archived > 0 {
		r.log.Info(fmt.Sprintf("%d content archived", s.Archived))
	}
}

// warnings are logged at most once in a while.
type warnings struct {
	mu                             sync.Mutex
	full, space, stranger, summary time.Time // when it was logged last
	failure                        complaint // of a transformer
}

func (w *warnings) due(last *time.Time, now time.Time, period time.Duration) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if age := now.Sub(*last); !last.IsZero() && age >= 0 && age < period {
		return false
	}
	*last = now
	return true
}

// logFailure logs why a content cannot be transformed, the same only once a minute: what came with it is in error.
func (r *Runner) logFailure(err error) {
	n := r.config.Load().north
	text := fmt.Sprintf("Error while caching content to North \"%s\" (%s): %s", n.Name, n.ID, err.Error())
	r.warn.mu.Lock()
	due := r.warn.failure.due(text, r.o.Now())
	r.warn.mu.Unlock()
	if due {
		r.log.Error(text)
	}
}

// logRefusal logs why a content was refused.
func (r *Runner) logRefusal(err error) {
	var full *cache.FullError
	var space *cache.SpaceError
	switch {
	case errors.As(err, &full):
		if r.warn.due(&r.warn.full, r.o.Now(), warnPeriod) {
			r.log.Warn(full.Error() + " Values will be discarded until cache is emptied.")
		}
	case errors.As(err, &space):
		if r.warn.due(&r.warn.space, r.o.Now(), warnPeriod) {
			r.log.Error("Content is refused: " + space.Error())
		}
	}
}

// logSummary logs what waits, for people who debug.
func (r *Runner) logSummary(ctx context.Context) {
	if !r.log.Enabled(ctx, levelDebug) || !r.warn.due(&r.warn.summary, r.o.Now(), summaryPeriod) {
		return
	}
	s := r.cache.Stats()
	r.log.Debug(fmt.Sprintf("Cache updated: %d time-values and %d raw file(s) in queue. Cache: %.2f MB, Error: %.2f MB, Archive: %.2f MB",
		s.Elements, s.Files, megabytes(s.CacheSize), megabytes(s.ErrorSize), megabytes(s.ArchiveSize)))
}

func megabytes(n int64) float64 { return float64(n) / (1 << 20) }
