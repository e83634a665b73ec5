package history

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"oibus/agent/content"
	"oibus/agent/entity"
	"oibus/agent/south"
)

func TestAFullCacheHoldsTheQueryAndLosesNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	command := query("Q", 6, item("a"))
	caching := command["caching"].(tree)
	caching["trigger"] = tree{"scanModeId": "minute", "numberOfElements": 0, "numberOfFiles": 0}
	caching["throttling"].(tree)["maxSize"] = 0.00001
	q := r.create(command)
	r.must(r.StartQuery(t.Context(), "me", q.ID))
	r.until("the hold", func() bool { s, err := r.State(q.ID); return err == nil && s.Reason != "" })
	if s, err := r.State(q.ID); err != nil || s.Status != entity.HistoryRunning || !s.Reading {
		t.Errorf("%+v %v", s, err)
	}
	r.until("the end", func() bool { r.Tick("minute"); return r.query(q.ID).Status == entity.HistoryFinished })
	if got := r.target.got(); len(got) != 4 || len(r.source.took()) != 4 {
		t.Errorf("sent %q", got)
	}
	if !strings.Contains(r.log.text(), "goes on") {
		t.Errorf("%s", r.log.text())
	}
}

func TestContentThatTheNorthHasNoUseForEndsTheQueryAtOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.source.read = func(ctx context.Context, q south.WindowQuery) error {
		return q.Emit(ctx, content.FromText("{}"), q.Items)
	}
	q := r.create(query("Q", 6, item("a")))
	r.must(r.StartQuery(t.Context(), "me", q.ID))
	if q := r.awaits(q.ID, entity.HistoryErrored); !strings.Contains(q.Reason, "bind a transformer") || len(r.source.took()) != 1 {
		t.Errorf("%+v", q)
	}
}

func TestAQueryWithoutItemsDoesNotLookFinished(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	q := r.create(query("Q", 6, item("a", "enabled", false)))
	r.must(r.StartQuery(t.Context(), "me", q.ID))
	if q := r.awaits(q.ID, entity.HistoryErrored); q.Reason != "no item is enabled: there is nothing to read" {
		t.Errorf("%+v", q)
	}
}

func TestASourceThatIsDownWhenTheAgentStartsEndsNoBackfillThatWorked(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	step, in, _ := hang()
	r.source.read = func(ctx context.Context, q south.WindowQuery) error {
		if named(q) != "a 01T00:00-01T06:00" {
			return step(ctx, q)
		}
		return nil
	}
	q := r.create(query("Q", 6, item("a")))
	r.must(r.StartQuery(t.Context(), "me", q.ID))
	<-in
	r.stop()
	failures := 0
	src := &source{read: func(context.Context, south.WindowQuery) error {
		if failures++; failures <= quick.untouchedPasses {
			return errors.New("down")
		}
		return nil
	}}
	again := open(t, r.dir, src, r.target)
	again.start()
	again.awaits(q.ID, entity.HistoryFinished)
	if got := r.target.got(); len(got) != 4 {
		t.Errorf("sent %q", got)
	}
}

// Whatever is done at the same time, the end is one that can be explained, and nothing hangs.
func TestEverythingAtOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	q := r.create(query("Q", 0.1, item("a"), item("b")))
	var all sync.WaitGroup
	for worker := range 6 {
		all.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(worker), 7))
			for range 15 {
				var err error
				switch rng.IntN(7) {
				case 0, 1, 2:
					err = r.StartQuery(t.Context(), "me", q.ID)
				case 3:
					err = r.PauseQuery(t.Context(), "me", q.ID)
				case 4:
					err = r.Update(t.Context(), "me", q.ID, raw(query("Q", 0.1, item("a"), item("c"))), rng.IntN(2) == 0, nil)
				case 5:
					_, err = r.Metrics(q.ID)
					r.Tick("minute")
				case 6:
					_, err = r.State(q.ID)
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	r.must(r.PauseQuery(t.Context(), "me", q.ID))
	r.must(r.Update(t.Context(), "me", q.ID, raw(query("Q", 6, item("z"))), true, nil))
	r.must(r.StartQuery(t.Context(), "me", q.ID))
	r.awaits(q.ID, entity.HistoryFinished)
	if got := r.target.got(); len(got) < 4 || got[len(got)-1] != "z 01T18:00-02T00:00" {
		t.Errorf("sent at last %q", got[max(0, len(got)-4):])
	}
}
