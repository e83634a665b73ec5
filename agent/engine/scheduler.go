package engine

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"oibus/agent/cron"
	"oibus/agent/entity"
)

// Times of the scheduler.
const (
	// longestNap is how long it sleeps at most: timers do not notice that the clock was set, so that long a tick may be
	// late after that.
	longestNap = 5 * time.Second
	// backStep is how far the clock may go back, as it does when it is kept right, before ticks are planned anew.
	backStep = 2 * time.Second
)

// alarm is when a scan mode is due.
type alarm struct {
	mode     entity.ScanMode
	schedule cron.Schedule
	next     time.Time // zero when never
}

// scheduler says when scan modes are due, in the time zone of the machine. After a sleep of the machine, or when the
// clock was set forward, a scan mode that was due many times is due once.
type scheduler struct {
	now  func() time.Time
	tick func(scanModeID string)
	log  *slog.Logger
	wake chan struct{}

	mu     sync.Mutex
	alarms map[string]*alarm
	bad    map[string]string // expressions that cannot be used and were logged
	last   time.Time         // when it was looked at the clock last
}

func newScheduler(now func() time.Time, tick func(string), log *slog.Logger) *scheduler {
	return &scheduler{now: now, tick: tick, log: log, wake: make(chan struct{}, 1), alarms: map[string]*alarm{}, bad: map[string]string{}}
}

// set says which scan modes are in use. Those that have not changed keep their rhythm.
func (s *scheduler) set(modes []entity.ScanMode) {
	now := wall(s.now())
	s.mu.Lock()
	defer s.mu.Unlock()
	alarms := make(map[string]*alarm, len(modes))
	for _, m := range modes {
		if old := s.alarms[m.ID]; old != nil && old.mode.Cron == m.Cron {
			old.mode, alarms[m.ID] = m, old
			continue
		}
		schedule, err := cron.Parse(m.Cron)
		if err != nil {
			if s.bad[m.ID] != m.Cron {
				s.bad[m.ID] = m.Cron
				s.log.Error(fmt.Sprintf("Error when creating cron job for scan mode \"%s\" (%s): %s", m.Name, m.Cron, err))
			}
			continue
		}
		delete(s.bad, m.ID)
		alarms[m.ID] = &alarm{m, schedule, schedule.Next(now)}
	}
	s.alarms = alarms
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// wall is t as the clock on the wall shows it, whatever the time that has passed.
func wall(t time.Time) time.Time { return t.Round(0) }

// due returns the scan modes that are due at now, and how long to sleep until the next ones.
func (s *scheduler) due(now time.Time) (ids []string, nap time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	back := now.Before(s.last.Add(-backStep))
	s.last = now
	nap = longestNap
	for id, a := range s.alarms {
		switch {
		case a.next.IsZero():
			continue
		case !a.next.After(now):
			ids = append(ids, id)
			a.next = a.schedule.Next(now)
		case back:
			a.next = a.schedule.Next(now)
		}
		if !a.next.IsZero() {
			nap = min(nap, a.next.Sub(now))
		}
	}
	return ids, nap
}

// run ticks until ctx is done.
func (s *scheduler) run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-s.wake:
		case <-ctx.Done():
			return ctx.Err()
		}
		ids, nap := s.due(wall(s.now()))
		for _, id := range ids {
			s.tick(id)
		}
		timer.Reset(nap)
	}
}
