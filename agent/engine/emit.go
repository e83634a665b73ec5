package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"oibus/agent/cache"
	"oibus/agent/content"
	"oibus/agent/entity"
	"oibus/agent/north"
	"oibus/agent/south"
	"oibus/platform/task"
)

// Times of handing content on.
const (
	firstTry  = 100 * time.Millisecond // after trouble of the disk, doubled after each attempt
	lastTry   = 30 * time.Second       // between two attempts at most
	hintEvery = time.Hour              // between two hints that nobody takes the content of a South
)

// taker is the part of a North that takes content.
type taker interface {
	Accept(ctx context.Context, c content.Content, src content.Source, options ...north.Option) error
	Cache() *cache.Cache
}

// verdict is what became of a content at one North.
type verdict int

const (
	passed   verdict = iota // the North is switched off or gone
	unwanted                // it has no use for it
	refused                 // it is full
	taken                   // it has it durably, or ignores it on purpose
	failed                  // it could not be handed on before the end
)

// emit hands a content of a South to every North that is switched on, and returns nil once one of them at least has it
// and none has still to get it.
func (s *Service) emit(ctx context.Context, name string, c content.Content, src content.Source) error {
	slots := s.takers()
	verdicts, errs := make([]verdict, len(slots)), make([]error, len(slots))
	if len(slots) == 1 {
		verdicts[0], errs[0] = s.offer(ctx, slots[0], c, src)
	} else if len(slots) > 1 {
		group := task.New(ctx, nil)
		for i, slot := range slots {
			group.Go("hand on to north "+slot.id, func(ctx context.Context) error {
				verdicts[i], errs[i] = failed, errors.New("the north failed in a way that nobody foresaw")
				verdicts[i], errs[i] = s.offer(ctx, slot, c, src)
				return nil
			})
		}
		if err := group.Wait(context.WithoutCancel(ctx)); err != nil {
			s.o.Log.Error("A content could not be handed on", "error", err)
		}
	}
	return s.judge(name, c, src, verdicts, errs)
}

// judge is what a South is told.
func (s *Service) judge(name string, c content.Content, src content.Source, verdicts []verdict, errs []error) error {
	count := map[verdict]int{}
	var full error
	for i, v := range verdicts {
		count[v]++
		if v == failed {
			return errs[i]
		}
		if v == refused {
			full = errs[i]
		}
	}
	switch {
	case count[taken] > 0:
		return nil
	case full != nil:
		return &south.HeldError{Err: full}
	}
	if s.refused.due(src.SouthID, s.now()) {
		s.o.SouthLog(src.SouthID, name).Warn(fmt.Sprintf("No North takes what South \"%s\" has read (%s), so it waits at its source. "+
			"Switch on a North that can send it, or bind a transformer to this South in one", name, c.Kind))
	}
	return &south.HeldError{Err: north.ErrNotWanted}
}

// takers are the Norths that are switched on.
func (s *Service) takers() []*northSlot {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var slots []*northSlot
	for _, slot := range s.norths {
		if _, _, takes, _ := slot.view(); takes {
			slots = append(slots, slot)
		}
	}
	return slots
}

// offer hands a content to one North. While the North is started, and while there is trouble with the disk, it tries
// again, because the other Norths may have the content already.
func (s *Service) offer(ctx context.Context, slot *northSlot, c content.Content, src content.Source) (verdict, error) {
	troubled := false
	for wait := firstTry; ; wait = min(2*wait, lastTry) {
		r, e, takes, changed := slot.view()
		if !takes {
			return passed, nil
		}
		if r == nil {
			select {
			case <-changed:
				wait = firstTry / 2
				continue
			case <-ctx.Done():
				return failed, fmt.Errorf("north %q is not running: %w", e.Name, ctx.Err())
			}
		}
		v, err := judged(r.Accept(ctx, c, src))
		if v != failed {
			if troubled {
				s.o.NorthLog(e.ID, e.Name).Info(fmt.Sprintf("North \"%s\" takes content again", e.Name))
			}
			return v, err
		}
		if ctx.Err() != nil {
			return failed, err
		}
		if !errors.Is(err, north.ErrStopped) {
			if final(err) || !readable(c) {
				s.logTrouble(e, err)
				return failed, err
			}
			if !troubled {
				s.logTrouble(e, err)
			}
			troubled = true
		}
		if !pause(ctx, wait, changed) {
			return failed, err
		}
	}
}

func (s *Service) logTrouble(e entity.North, err error) {
	s.o.NorthLog(e.ID, e.Name).Error(fmt.Sprintf("Error while caching content to North \"%s\" (%s): %s", e.Name, e.ID, err))
}

// judged is what an answer of a North means.
func judged(err error) (verdict, error) {
	var full *cache.FullError
	switch {
	case err == nil:
		return taken, nil
	case errors.Is(err, north.ErrNotWanted):
		return unwanted, nil
	case errors.As(err, &full):
		return refused, err
	}
	return failed, err
}

// final says whether trying again is useless.
func final(err error) bool { return errors.Is(err, cache.ErrName) }

// readable says whether a content can be read to its end: when it cannot, the trouble is at its source.
func readable(c content.Content) bool {
	r, err := c.Open()
	if err != nil {
		return false
	}
	_, err = io.Copy(io.Discard, r)
	return errors.Join(err, r.Close()) == nil
}

// pause waits for a while, or until something has changed, and says whether ctx goes on.
func pause(ctx context.Context, d time.Duration, changed <-chan struct{}) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-changed:
	case <-ctx.Done():
		return false
	}
	return true
}

// refusals remembers when it was said that nobody takes the content of a South.
type refusals struct {
	mu   sync.Mutex
	last map[string]time.Time
}

func (r *refusals) due(id string, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if last, ok := r.last[id]; ok && now.Sub(last) >= 0 && now.Sub(last) < hintEvery {
		return false
	}
	if r.last == nil {
		r.last = map[string]time.Time{}
	}
	r.last[id] = now
	return true
}
