package history

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"oibus/agent/cache"
	"oibus/agent/entity"
	"oibus/agent/south"
)

func TestAQueryReadsEachIntervalOnceAndEndsWhenAllIsSent(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	q := r.create(query("Q", 6, item("a"), item("b")))
	if q.Status != entity.HistoryPending || len(r.source.took()) != 0 {
		t.Fatalf("it began by itself: %+v", q)
	}
	r.must(r.StartQuery(t.Context(), "me", q.ID))
	r.awaits(q.ID, entity.HistoryFinished)
	want := []string{"a 01T00:00-01T06:00", "a 01T06:00-01T12:00", "a 01T12:00-01T18:00", "a 01T18:00-02T00:00",
		"b 01T00:00-01T06:00", "b 01T06:00-01T12:00", "b 01T12:00-01T18:00", "b 01T18:00-02T00:00"}
	if got := r.target.got(); !slices.Equal(got, want) {
		t.Errorf("sent %q", got)
	}
	m, err := r.Metrics(q.ID)
	r.must(err)
	if m.History.IntervalProgress != 1 || m.History.NumberOfIntervals != 4 || m.History.CurrentNumber != 4 || m.South.NumberOfFilesRetrieved != 8 || m.North.ContentSentSize == 0 || m.History.Running {
		t.Errorf("%+v", m)
	}
	if q := r.query(q.ID); q.UpdatedAt != q.CreatedAt {
		t.Errorf("%+v", q)
	}
	r.until("the third change", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.changes >= 3
	})
}

func TestAQueryIsNotFinishedBeforeEverythingWasSent(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	command := query("Q", 12, item("a"))
	command["caching"].(tree)["trigger"] = tree{"scanModeId": "minute", "numberOfElements": 0, "numberOfFiles": 0}
	q := r.create(command)
	r.must(r.StartQuery(t.Context(), "me", q.ID))
	r.until("everything read", func() bool {
		found, err := r.SearchCache(q.ID, cache.Query{})
		return err == nil && len(found.Cache) == 2
	})
	time.Sleep(20 * quick.look)
	if q := r.query(q.ID); q.Status != entity.HistoryRunning {
		t.Fatalf("%+v although two contents wait", q)
	}
	if modes := r.ScanModes(); !slices.Equal(modes, []string{"minute"}) {
		t.Errorf("scan modes %q", modes)
	}
	r.Tick("minute")
	r.awaits(q.ID, entity.HistoryFinished)
	if got := r.target.got(); len(got) != 2 {
		t.Errorf("sent %q", got)
	}
}

func TestWhatCannotBeSentMakesTheEndAnError(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.target.failWith(errors.New("no"))
	q := r.create(query("Q", 24, item("a")))
	r.must(r.StartQuery(t.Context(), "me", q.ID))
	if q := r.awaits(q.ID, entity.HistoryErrored); !strings.Contains(q.Reason, "1 contents could not be sent") {
		t.Errorf("%+v", q)
	}
	// Paused, it keeps what it has; moved back, the content is sent when it goes on.
	r.target.failWith(nil)
	r.must(r.PauseQuery(t.Context(), "me", q.ID))
	found, err := r.SearchCache(q.ID, cache.Query{})
	r.must(err)
	r.must(r.UpdateCache(q.ID, cache.Update{Error: cache.FolderUpdate{Move: []cache.Move{{Filename: found.Error[0].Filename, To: cache.InCache}}}}))
	r.source.took()
	r.must(r.StartQuery(t.Context(), "me", q.ID))
	r.awaits(q.ID, entity.HistoryFinished)
	if got := r.target.got(); len(got) != 1 || len(r.source.took()) != 0 {
		t.Errorf("sent %q", got)
	}
}

func TestAQueryThatNeverWorksEndsWithTheReason(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.source.read = func(context.Context, south.WindowQuery) error { return errors.New("connection refused") }
	q := r.create(query("Q", 24, item("a")))
	r.must(r.StartQuery(t.Context(), "me", q.ID))
	if q := r.awaits(q.ID, entity.HistoryErrored); q.Reason != "connection refused" {
		t.Errorf("%+v", q)
	}
	if n := len(r.source.took()); n != quick.untouchedPasses {
		t.Errorf("tried %d times", n)
	}
	if got := strings.Count(r.log.text(), "Error while executing history query. connection refused"); got != quick.untouchedPasses {
		t.Errorf("logged %d times: %s", got, r.log.text())
	}
	if state, err := r.State(q.ID); err != nil || state.Reason != "connection refused" || state.Status != entity.HistoryErrored {
		t.Errorf("%+v %v", state, err)
	}
	// Started again, it begins from nothing.
	r.source.set(func(s *source) { s.read = nil })
	r.must(r.StartQuery(t.Context(), "me", q.ID))
	if q := r.awaits(q.ID, entity.HistoryFinished); q.Reason != "" {
		t.Errorf("%+v", q)
	}
}

func TestAQueryThatDidWorkIsTriedLongerAndGoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	failures := 0
	r.source.read = func(_ context.Context, q south.WindowQuery) error {
		if named(q) == "a 01T06:00-01T12:00" && failures < quick.stuckPasses-1 {
			failures++
			return errors.New("down")
		}
		return nil
	}
	q := r.create(query("Q", 6, item("a")))
	r.must(r.StartQuery(t.Context(), "me", q.ID))
	r.awaits(q.ID, entity.HistoryFinished)
	if got := r.target.got(); len(got) != 4 || failures != quick.stuckPasses-1 {
		t.Errorf("sent %q after %d failures", got, failures)
	}
}

func TestAnItemThatFailsHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.source.read = func(_ context.Context, q south.WindowQuery) error {
		if q.Items[0].Name == "a" {
			return errors.New("bad query")
		}
		return nil
	}
	q := r.create(query("Q", 12, item("a"), item("b")))
	r.must(r.StartQuery(t.Context(), "me", q.ID))
	if q := r.awaits(q.ID, entity.HistoryErrored); q.Reason != `item "a": bad query` {
		t.Errorf("%+v", q)
	}
	if got := r.target.got(); !slices.Equal(got, []string{"b 01T00:00-01T12:00", "b 01T12:00-02T00:00"}) {
		t.Errorf("sent %q", got)
	}
	m, err := r.Metrics(q.ID)
	r.must(err)
	if m.History.IntervalProgress != 0.5 {
		t.Errorf("%+v", m.History)
	}
}

func TestWhatNeedsAPersonEndsAtOnce(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(command tree)
		reason string
	}{
		"South not installed": {func(c tree) {
			c["southType"], c["southSettings"], c["items"] = "sqlite", tree{"databasePath": "x.db"}, []tree{}
		}, `South connector of type "sqlite" not installed`},
		"North not installed": {func(c tree) {
			c["northType"], c["northSettings"] = "file-writer", tree{"outputFolder": "/x", "prefix": "", "suffix": "", "username": nil, "password": nil, "domain": nil}
		}, `North connector of type "file-writer" not installed`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			command := query("Q", 6, item("a"))
			test.change(command)
			q := r.create(command)
			r.must(r.StartQuery(t.Context(), "me", q.ID))
			if q := r.awaits(q.ID, entity.HistoryErrored); q.Reason != test.reason {
				t.Errorf("%+v", q)
			}
		})
	}
}

func TestAPauseStopsAReadThatHangsAndNothingMoves(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	step, in, _ := hang()
	r.source.read = func(ctx context.Context, q south.WindowQuery) error {
		if named(q) == "a 01T06:00-01T12:00" {
			return step(ctx, q)
		}
		return nil
	}
	q := r.create(query("Q", 6, item("a")))
	r.must(r.StartQuery(t.Context(), "me", q.ID))
	<-in
	m, err := r.Metrics(q.ID)
	r.must(err)
	if m.History.CurrentNumber != 2 || m.History.IntervalProgress != 0.25 || !m.History.Running || *m.History.CurrentStart != "2024-01-01T06:00:00.000Z" {
		t.Errorf("%+v", m.History)
	}
	r.must(r.PauseQuery(t.Context(), "me", q.ID))
	if q := r.query(q.ID); q.Status != entity.HistoryPaused {
		t.Fatalf("%+v", q)
	}
	r.source.took()
	r.source.set(func(s *source) { s.read = nil })
	time.Sleep(20 * quick.look)
	if asked := r.source.took(); len(asked) != 0 {
		t.Fatalf("it goes on: %q", asked)
	}
	r.must(r.StartQuery(t.Context(), "me", q.ID))
	r.awaits(q.ID, entity.HistoryFinished)
	if asked := r.source.took(); !slices.Equal(asked, []string{"a 01T06:00-01T12:00", "a 01T12:00-01T18:00", "a 01T18:00-02T00:00"}) {
		t.Errorf("read %q", asked)
	}
}

func TestALostConnectionIsAFailureWithItsReason(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	first := true
	r.source.read = func(ctx context.Context, q south.WindowQuery) error {
		if !first {
			return nil
		}
		first = false
		r.source.mu.Lock()
		lost := r.source.lost
		r.source.mu.Unlock()
		lost(errors.New("session closed"), 0)
		<-ctx.Done()
		return ctx.Err()
	}
	q := r.create(query("Q", 12, item("a")))
	r.must(r.StartQuery(t.Context(), "me", q.ID))
	r.awaits(q.ID, entity.HistoryFinished)
	if !strings.Contains(r.log.text(), "Error while executing history query. session closed") || len(r.target.got()) != 2 {
		t.Errorf("%s", r.log.text())
	}
}

func TestStartingAFinishedQueryBeginsFromNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	command := query("Q", 12, item("a"))
	command["caching"].(tree)["archive"] = tree{"enabled": true, "retentionDuration": 0}
	q := r.create(command)
	for range 2 {
		r.must(r.StartQuery(t.Context(), "me", q.ID))
		r.awaits(q.ID, entity.HistoryFinished)
		found, err := r.SearchCache(q.ID, cache.Query{})
		r.must(err)
		if asked := r.source.took(); len(asked) != 2 || len(found.Archive) != 2 {
			t.Errorf("read %q, archived %d", asked, len(found.Archive))
		}
		m, err := r.Metrics(q.ID)
		r.must(err)
		if m.South.NumberOfFilesRetrieved != 2 {
			t.Errorf("%+v", m.South)
		}
	}
}

func TestItemsThatAreReadTogetherKeepTheirOwnPositions(t *testing.T) {
	t.Parallel()
	dir, src := t.TempDir(), &source{batch: true}
	r := open(t, dir, src, &target{})
	r.start()
	q := r.create(query("Q", 6, item("a"), item("b"), item("c")))
	step, in, _ := hang()
	src.set(func(s *source) {
		s.read = func(ctx context.Context, q south.WindowQuery) error {
			if strings.HasSuffix(named(q), "01T12:00-01T18:00") {
				return step(ctx, q)
			}
			return nil
		}
	})
	r.must(r.StartQuery(t.Context(), "me", q.ID))
	<-in
	r.must(r.PauseQuery(t.Context(), "me", q.ID))
	src.set(func(s *source) { s.read = nil })
	if asked := src.took(); !slices.Equal(asked, []string{"a+b+c 01T00:00-01T06:00", "a+b+c 01T06:00-01T12:00", "a+b+c 01T12:00-01T18:00"}) {
		t.Fatalf("read %q", asked)
	}
	// The first item is switched off, and a new one comes, which has everything to catch up.
	r.must(r.EnableItems(t.Context(), "me", q.ID, []string{r.query(q.ID).South.Items[0].ID}, false))
	_, err := r.SaveItem(t.Context(), "me", q.ID, "", raw(item("d")))
	r.must(err)
	r.must(r.StartQuery(t.Context(), "me", q.ID))
	r.awaits(q.ID, entity.HistoryFinished)
	if asked := src.took(); !slices.Equal(asked, []string{"d 01T00:00-01T06:00", "d 01T06:00-01T12:00", "b+c+d 01T12:00-01T18:00", "b+c+d 01T18:00-02T00:00"}) {
		t.Errorf("read %q", asked)
	}
}

func TestNothingOfADeletedQueryStays(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	step, in, _ := hang()
	r.source.after = step
	q := r.create(query("Q", 6, item("a")))
	r.must(r.StartQuery(t.Context(), "me", q.ID))
	<-in
	r.must(r.Delete(t.Context(), "me", q.ID))
	r.refused(r.Delete(t.Context(), "me", q.ID), `History query "`+q.ID+`" not found`)
	if _, err := r.SearchCache(q.ID, cache.Query{}); err == nil || err.Error() != `Could not find History "`+q.ID+`" in engine` {
		t.Error(err)
	}
	if left := filesWith(t, r.dir, q.ID); len(left) > 0 || len(r.tracking.Souths()) > 0 {
		t.Errorf("left %q, tracked %q", left, r.tracking.Souths())
	}
}

// filesWith lists what has a text in its name.
func filesWith(t *testing.T, dir, text string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if strings.Contains(filepath.Base(path), text) {
			found = append(found, path)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil // removed meanwhile
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
