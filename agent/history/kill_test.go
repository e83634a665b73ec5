package history

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"oibus/agent/cache"
	"oibus/agent/entity"
	"oibus/agent/south"
)

// intervals is how many a query of the test has, kills how often the agent dies meanwhile.
const (
	intervals = 1000
	kills     = 12
)

// A kill leaves what is on the disk at that moment, and nothing else: the next life begins with a copy of it. It comes
// in the middle of an interval: before its content is handed on, or once it is and is not yet noted as read.
func TestAThousandIntervalsSurviveKills(t *testing.T) {
	t.Parallel()
	dir, src := t.TempDir(), &source{}
	r := open(t, dir, src, &target{})
	r.start()
	command := query("Q", 24.0/intervals, item("a"))
	command["caching"].(tree)["trigger"] = tree{"scanModeId": "minute", "numberOfElements": 0, "numberOfFiles": 0}
	q := r.create(command)
	inFlight := map[string]bool{} // at a kill, when its content was durable already
	for life := range kills {
		at, late := 1+rand.IntN(2*intervals/kills-1), life%2 == 0
		step, in, release := hang()
		count := 0
		dies := func(ctx context.Context, q south.WindowQuery) error {
			if count++; count < at {
				return nil
			}
			return step(ctx, q)
		}
		src.set(func(s *source) {
			s.read, s.after = nil, nil
			if late {
				s.after = dies
			} else {
				s.read = dies
			}
		})
		if life == 0 {
			r.must(r.StartQuery(t.Context(), "me", q.ID))
		}
		var window string
		r.until(fmt.Sprintf("kill %d at interval %d", life, at), func() bool {
			select {
			case window = <-in:
			default:
				if r.query(q.ID).Status == entity.HistoryRunning {
					found, err := r.SearchCache(q.ID, cache.Query{Max: 1})
					return err == nil && len(found.Cache) > 0 && drained(r, q.ID)
				}
			}
			return window != ""
		})
		if window == "" {
			break // everything was read before this kill
		}
		if late {
			inFlight[window] = true
		}
		next := filepath.Join(t.TempDir(), "next")
		copied(t, r.dir, next)
		release()
		r.stop()
		src = &source{}
		r = open(t, next, src, &target{})
		r.start()
	}
	src.set(func(s *source) { s.read, s.after = nil, nil })
	r.until("everything read", func() bool { return drained(r, q.ID) })
	r.Tick("minute")
	r.awaits(q.ID, entity.HistoryFinished)
	times := map[string]int{}
	for _, w := range r.target.got() {
		times[w]++
	}
	if len(times) != intervals {
		t.Errorf("%d of %d intervals were delivered", len(times), intervals)
	}
	for w, n := range times {
		if n > 1 && !inFlight[w] || n > 2 {
			t.Errorf("%s was delivered %d times", w, n)
		}
	}
}

// drained says whether everything was read.
func drained(r *rig, id string) bool {
	m, err := r.Metrics(id)
	return err == nil && m.History.IntervalProgress == 1
}

// copied copies the folder of an agent that runs, once more when a file went away meanwhile: a kill leaves a folder as it
// was at one moment.
func copied(t *testing.T, from, to string) {
	t.Helper()
	for range 100 {
		err := os.CopyFS(to, os.DirFS(from))
		if err == nil {
			return
		}
		if !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		if err := os.RemoveAll(to); err != nil {
			t.Fatal(err)
		}
	}
	t.Fatal("files go away all the time")
}

func TestWhatADeletionLeftAtAKillIsRemovedAtTheNextStart(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	q := r.create(query("Q", 6, item("a")))
	other := r.create(query("Other", 6, item("a")))
	for _, id := range []string{q.ID, other.ID} {
		r.must(r.StartQuery(t.Context(), "me", id))
		r.awaits(id, entity.HistoryFinished)
	}
	r.stop()
	for _, name := range []string{q.ID + ".json", q.ID + ".prev.json"} {
		_ = os.Remove(filepath.Join(r.dir, "state", "history", name))
	}
	for _, name := range filesWith(t, filepath.Join(r.dir, "state", "history"), q.ID) {
		if filepath.Base(filepath.Dir(name)) != "items" {
			r.must(os.Remove(name))
		}
	}
	r = open(t, r.dir, r.source, r.target)
	r.start()
	r.until("the removal", func() bool { return len(filesWith(t, r.dir, q.ID)) == 0 })
	if got := r.tracking.Souths(); !slices.Equal(got, []string{other.ID}) || len(filesWith(t, r.dir, other.ID)) == 0 {
		t.Errorf("tracked %q", got)
	}
}

func TestAResetThatAKillInterruptedIsMadeAtTheNextStart(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	q := r.create(query("Q", 12, item("a")))
	r.must(r.StartQuery(t.Context(), "me", q.ID))
	r.awaits(q.ID, entity.HistoryFinished)
	r.source.took()
	// The kill comes right after the change is durable.
	r.must(r.edit(q.ID, func(next *entity.HistoryQuery) (change, error) {
		next.Status = entity.HistoryRunning
		return change{runs: true, reset: true}, nil
	}))
	next := filepath.Join(t.TempDir(), "next")
	copied(t, r.dir, next)
	r.stop()
	r = open(t, next, r.source, r.target)
	r.start()
	r.awaits(q.ID, entity.HistoryFinished)
	if asked := r.source.took(); len(asked) != 2 {
		t.Errorf("read %q", asked)
	}
}
