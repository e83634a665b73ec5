package south

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"oibus/agent/content"
)

// later lets time pass and then a tick.
func (r *rig) later(d time.Duration) {
	time.Sleep(d)
	r.tick()
}

func TestWindowsAreReadFromWhereTheLastOnesEnded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, &historian{fake: &fake{}})
		r.start(south(item("a", every(3600))))
		r.tick()
		r.expect("connect", "a 23:00:00-00:00:00")
		if got := r.sent[0].source; got.QueryStart != "1999-12-31T23:00:00.000Z" || got.QueryEnd != "2000-01-01T00:00:00.000Z" {
			t.Fatalf("source: %+v", got)
		}
		r.later(150 * time.Minute)
		r.expect("a 00:00:00-01:00:00", "a 01:00:00-02:00:00", "a 02:00:00-02:30:00")
		if got := r.tracked("item/a"); got != "02:30:00" {
			t.Fatalf("tracked %s", got)
		}
	})
}

func TestBetweenTwoWindowsThereIsThePauseOfTheSettings(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, &historian{fake: &fake{}})
		r.start(south(item("a", every(3600), pausing(200))))
		r.tick()
		r.fake.took()
		r.later(150 * time.Minute)
		r.expect("a 00:00:00-01:00:00")
		time.Sleep(199 * time.Millisecond)
		r.expect()
		time.Sleep(time.Millisecond)
		synctest.Wait()
		r.expect("a 01:00:00-02:00:00")
	})
}

func TestAContentThatIsNotTakenIsReadAgainEvenWhenTheConnectorSaysNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, &historian{fake: &fake{}, window: func(ctx context.Context, q WindowQuery) (WindowResult, error) {
			_ = q.Emit(ctx, content.FromText("x"), q.Items) // it does not care
			return WindowResult{Tracked: q.Window.End}, nil
		}})
		r.refuse(func(context.Context, content.Source) error { return errors.New("disk full") })
		r.start(south(item("a", every(3600))))
		r.tick()
		r.later(90 * time.Minute)
		r.expect("connect", "a 23:00:00-00:00:00", "a 23:00:00-00:00:00")
		if got := r.tracked("item/a"); got != "" {
			t.Fatalf("tracked %s although nothing was taken", got)
		}
		if n := r.log.count("Error when querying items with history capabilities: disk full"); n != 2 {
			t.Fatalf("logged %d times", n)
		}
		r.refuse(nil)
		r.tick()
		r.expect("a 23:00:00-00:00:00", "a 00:00:00-01:00:00", "a 01:00:00-01:30:00")
	})
}

func TestAWindowIsTrackedOnlyOnceItIsDurableWhereItGoes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, &historian{fake: &fake{}})
		var before string
		r.refuse(func(context.Context, content.Source) error { before = r.tracked("item/a"); return nil })
		r.start(south(item("a", every(3600))))
		r.tick()
		if before != "" {
			t.Fatalf("tracked %s before the content was taken", before)
		}
		r.later(2 * time.Hour)
		if before != "01:00:00" { // while the second of two windows is handed on
			t.Fatalf("tracked %s", before)
		}
	})
}

func TestAfterAKillInTheMiddleReadingGoesOnAtTheWindowThatWasNotTracked(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, &historian{fake: &fake{}})
		e := south(item("a", every(3600)))
		r.start(e)
		r.tick()
		n := 0
		r.refuse(func(ctx context.Context, _ content.Source) error {
			if n++; n == 3 { // the content of the third window is on its way when the agent is killed
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		})
		r.later(4 * time.Hour)
		r.fake.took()
		// What is on the disk now is what a kill leaves.
		killed := &rig{t: t, dir: t.TempDir(), conn: r.conn, fake: r.fake, typ: r.typ, log: r.log}
		copyFile(t, r.dir, killed.dir, "state/tracking.log")
		killed.open()
		killed.start(e)
		killed.fake.took()
		killed.tick()
		killed.expect("a 02:00:00-03:00:00", "a 03:00:00-04:00:00")
	})
}

func TestWhereTheVeryFirstRunStartsIsRememberedWhenItFails(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bad := true
		h := &historian{fake: &fake{}}
		h.window = func(_ context.Context, q WindowQuery) (WindowResult, error) {
			if bad {
				return WindowResult{}, errors.New("no such table")
			}
			return WindowResult{Tracked: q.Window.End}, nil
		}
		r := newRig(t, h)
		r.start(south(item("a", every(3600))))
		r.tick()
		r.stop()
		bad = false
		time.Sleep(10 * time.Hour)
		r.start(south(item("a", every(36000))))
		r.fake.took()
		r.tick()
		r.expect("a 23:00:00-09:00:00", "a 09:00:00-10:00:00")
	})
}

func TestTheNewestWindowsAreReadFirstAndCountOnceAllAreRead(t *testing.T) {
	bubble(t, func(t *testing.T) {
		fail := false
		h := &historian{fake: &fake{}}
		h.window = func(_ context.Context, q WindowQuery) (WindowResult, error) {
			if fail && clock(q.Window.Start) == "01:00:00" {
				return WindowResult{}, errors.New("cut")
			}
			if clock(q.Window.End) == "02:30:00" {
				return WindowResult{}, nil // no data: that must not reset the position
			}
			return WindowResult{Tracked: q.Window.End}, nil
		}
		r := newRig(t, h)
		r.start(south(item("a", every(3600), newest)))
		r.tick()
		r.fake.took()
		fail = true
		r.later(150 * time.Minute)
		r.expect("a 02:00:00-02:30:00", "a 01:00:00-02:00:00")
		if got := r.tracked("item/a"); got != "00:00:00" {
			t.Fatalf("tracked %s after a run that failed", got)
		}
		fail = false
		r.tick()
		r.expect("a 02:00:00-02:30:00", "a 01:00:00-02:00:00", "a 00:00:00-01:00:00")
		if got := r.tracked("item/a"); got != "02:00:00" {
			t.Fatalf("tracked %s", got)
		}
	})
}

func TestAWindowThatDoesNotExtendIsPassedOverAndLoggedOnceAnHour(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, &historian{fake: &fake{}})
		i := item("a", every(3600))
		end := -3600.0 * 1000
		i.EndTimeOffset = &end
		r.start(south(i))
		r.fake.took()
		for range 3 {
			r.tick()
		}
		r.expect()
		if n := r.log.count("level=WARN", "Skipping history query: effective window"); n != 1 {
			t.Fatalf("%d warnings", n)
		}
		if s := r.runner.State(); s.LastError != "" {
			t.Fatalf("state %+v", s)
		}
	})
}

func TestAStopInTheMiddleOfWindowsLeavesTheRestForLater(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, &historian{fake: &fake{}})
		e := south(item("a", every(3600), pausing(1000)))
		r.start(e)
		r.tick()
		r.fake.took()
		r.later(5 * time.Hour)
		time.Sleep(1500 * time.Millisecond)
		r.stop()
		r.expect("a 00:00:00-01:00:00", "a 01:00:00-02:00:00", "disconnect")
		r.start(e)
		r.fake.took()
		r.tick()
		r.expect("a 02:00:00-03:00:00")
	})
}

func TestDirectReadingLeavesTheTrackedInstantOfAGroupAlone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := &fake{}
		r := newRig(t, &directHistorian{fake: f, historian: &historian{fake: f}, direct: &direct{
			fake: f, read: func(context.Context, DirectQuery) (json.RawMessage, error) { return json.RawMessage("1"), nil },
		}})
		r.typ.Batch = true
		r.start(south(item("a", in("g")), item("b", in("g"))))
		r.tick()
		r.expect("connect", "read a+b", "a+b 23:00:00-00:00:00")
		r.later(time.Minute)
		r.expect("read a+b", "a+b 00:00:00-00:01:00")
	})
}

// directHistorian is a fake that can do both.
type directHistorian struct {
	*fake
	direct    *direct
	historian *historian
}

func (d *directHistorian) Read(ctx context.Context, q DirectQuery) (json.RawMessage, error) {
	return d.direct.Read(ctx, q)
}

func (d *directHistorian) ReadWindow(ctx context.Context, q WindowQuery) (WindowResult, error) {
	return d.historian.ReadWindow(ctx, q)
}

func TestWhatWasReadIsNotReadAgainWhenItsPositionCannotBeWritten(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, &historian{fake: &fake{}})
		r.start(south(item("a", every(3600))))
		r.tick()
		r.fake.took()
		if err := r.tracking.log.Close(); err != nil { // nothing can be written any more
			t.Fatal(err)
		}
		r.later(time.Hour)
		r.later(time.Hour)
		r.expect("a 00:00:00-01:00:00", "a 01:00:00-02:00:00")
		if n := r.log.count("level=ERROR", "cannot save how far was read"); n != 2 {
			t.Fatalf("logged %d times", n)
		}
		if err := r.tracking.flush(); err == nil || len(r.tracking.souths["S"].dirty) == 0 {
			t.Fatal("the position is not kept for later")
		}
	})
}

func TestContentThatIsOnItsWayAtAStopArrivesAndIsNotReadAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, &historian{fake: &fake{}})
		e := south(item("a", every(3600)))
		r.refuse(func(ctx context.Context, _ content.Source) error {
			select {
			case <-time.After(500 * time.Millisecond): // a slow disk
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		r.start(e)
		r.tick()
		r.stop()
		if r.deliveries() != 1 || r.tracked("item/a") != "00:00:00" {
			t.Fatalf("%d contents, tracked %q", r.deliveries(), r.tracked("item/a"))
		}
		r.start(e)
		r.fake.took()
		r.later(time.Hour)
		r.expect("a 00:00:00-01:00:00")
	})
}
