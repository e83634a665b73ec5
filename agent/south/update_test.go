package south

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"oibus/agent/content"
)

// batch is a rig with a historian that reads groups at once.
func batch(t *testing.T) (*rig, *historian) {
	h := &historian{fake: &fake{}}
	r := newRig(t, h)
	r.typ.Batch = true
	return r, h
}

func TestItemsOfASyncedGroupAreReadTogetherWhereTheTypeCan(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r, _ := batch(t)
		alone := item("c", in("g"))
		alone.SyncWithGroup = false
		r.start(south(item("a", in("g")), item("b", in("g")), alone, item("d")))
		r.tick()
		r.expect("connect", "a+b 23:00:00-00:00:00", "c 23:00:00-00:00:00", "d 23:00:00-00:00:00")
	})
}

func TestAnItemThatLeavesAGroupGoesOnFromWhereTheGroupWas(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r, _ := batch(t)
		r.start(south(item("a", in("g")), item("b", in("g"))))
		r.tick()
		r.later(time.Hour)
		r.fake.took()
		r.update(south(item("a", in("g")), item("b")))
		r.later(30 * time.Minute)
		r.expect("a 01:00:00-01:30:00", "b 01:00:00-01:30:00")
		r.update(south(item("a"), item("b"))) // the group is gone
		r.later(30 * time.Minute)
		r.expect("a 01:30:00-02:00:00", "b 01:30:00-02:00:00")
		if _, ok := r.tracking.Book("S").Row("group/g"); ok {
			t.Fatal("the position of a group without items was kept")
		}
	})
}

func TestAnItemThatJoinsAGroupCatchesUpAloneAndNothingIsReadTwice(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r, h := batch(t)
		slow := true
		h.window = func(_ context.Context, q WindowQuery) (WindowResult, error) {
			if slow && names(q.Items) == "b" && clock(q.Window.Start) == "00:00:00" {
				return WindowResult{}, context.DeadlineExceeded
			}
			return WindowResult{Tracked: q.Window.End}, nil
		}
		r.start(south(item("a", in("g")), item("b")))
		r.tick()
		r.later(time.Hour) // b stays behind
		r.fake.took()
		slow = false
		r.update(south(item("a", in("g")), item("b", in("g"))))
		r.stop() // a restart does not matter
		r.start(south(item("a", in("g")), item("b", in("g"))))
		r.fake.took()
		r.later(30 * time.Minute)
		r.expect("b 00:00:00-01:00:00", "a+b 01:00:00-01:30:00")
		r.later(30 * time.Minute)
		r.expect("a+b 01:30:00-02:00:00")
	})
}

func TestAnItemThatLeavesAGroupBeforeItHasCaughtUpLosesNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r, _ := batch(t)
		r.start(south(item("a", in("g")), item("b")))
		r.tick()
		r.update(south(item("a", in("g"))))
		late := item("c")
		r.update(south(item("a", in("g")), late))
		if err := r.tracking.Book("S").Save(map[string]Row{"item/c": {Position: position("1999-12-31T20:00:00Z")}}); err != nil {
			t.Fatal(err)
		}
		r.update(south(item("a", in("g")), item("c", in("g"))))
		r.update(south(item("a", in("g")), late))
		r.fake.took()
		r.later(time.Hour)
		r.expect("a 00:00:00-01:00:00", "c 20:00:00-01:00:00")
	})
}

func TestANewGroupStartsWhereItsNewestItemIsAndTheOthersCatchUp(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r, _ := batch(t)
		r.start(south(item("a"), item("b"), item("c")))
		book := r.tracking.Book("S")
		err := book.Save(map[string]Row{
			"item/a": {Position: position("1999-12-31T22:00:00Z")}, "item/b": {Position: position("1999-12-31T23:30:00Z")},
		})
		if err != nil {
			t.Fatal(err)
		}
		r.fake.took()
		r.update(south(item("a", in("g")), item("b", in("g")), item("c", in("g"))))
		r.tick()
		r.expect("a 22:00:00-23:30:00", "a+b+c 23:30:00-00:00:00")
	})
}

func TestAUnitThatIsChangedWhileItRunsEndsAfterItsWindowAndGoesOnAsItIsNow(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r, h := batch(t)
		pass := make(chan struct{})
		h.window = func(_ context.Context, q WindowQuery) (WindowResult, error) {
			<-pass
			return WindowResult{Tracked: q.Window.End}, nil
		}
		a, b := item("a", in("g")), item("b", in("g"))
		first := south(a, b)
		hour := 3600.0
		first.Groups[0].History.MaxReadInterval = &hour
		r.start(first)
		r.fake.took()
		go func() { pass <- struct{}{} }()
		r.tick()
		r.fake.took()
		r.later(3 * time.Hour) // the first of three windows is being read
		r.expect("a+b 00:00:00-01:00:00")
		second := south(a, item("b"))
		second.Groups[0].History.MaxReadInterval = &hour
		r.update(second)
		r.tick() // what is being read is not read at the same time once more
		r.expect()
		pass <- struct{}{}
		synctest.Wait()
		r.expect() // stopped after its window
		close(pass)
		r.tick()
		r.expect("a 01:00:00-02:00:00", "a 02:00:00-03:00:00", "b 01:00:00-03:00:00") // b has inherited the window that was read
	})
}

func TestAnEditOfOtherItemsDoesNotDisturbWhatRuns(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r, h := batch(t)
		pass := make(chan struct{})
		h.window = func(_ context.Context, q WindowQuery) (WindowResult, error) {
			if names(q.Items) == "a" {
				<-pass
			}
			return WindowResult{Tracked: q.Window.End}, nil
		}
		r.start(south(item("a", every(3600)), item("b")))
		go func() { pass <- struct{}{} }()
		r.tick()
		r.fake.took()
		r.later(3 * time.Hour)
		r.expect("a 00:00:00-01:00:00")
		r.update(south(item("a", every(3600)), item("b", settings("{}")), item("c")))
		r.tick()
		close(pass)
		synctest.Wait()
		r.expect("a 01:00:00-02:00:00", "a 02:00:00-03:00:00", "b 00:00:00-03:00:00", "c 02:00:00-03:00:00")
		r.later(time.Minute)
		if got := r.fake.took(); len(got) != 3 {
			t.Fatalf("then %q", got)
		}
	})
}

func TestWhatWaitsInTheQueueKeepsItsPlaceUnlessItIsGone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		pass := make(chan struct{})
		r := newRig(t, &direct{fake: &fake{}, read: func(context.Context, DirectQuery) (json.RawMessage, error) {
			<-pass
			return nil, nil
		}})
		r.start(south(item("a"), item("b"), item("c"), item("d")))
		r.fake.took()
		r.tick()
		off := item("c")
		off.Enabled = false
		r.update(south(item("a"), off, item("d", settings("{}"))))
		close(pass)
		synctest.Wait()
		r.expect("read a", "read d")
		r.tick()
		r.expect("read a", "read d")
	})
}

func TestPositionsAndMemoryGoWithTheirItems(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r, _ := batch(t)
		r.start(south(item("a"), item("b")))
		r.tick()
		book := r.tracking.Book("S")
		for _, id := range []string{"a", "b"} {
			if err := book.Memory(id).Set(map[string]json.RawMessage{"k": json.RawMessage("1")}); err != nil {
				t.Fatal(err)
			}
		}
		r.update(south(item("a")))
		if _, ok := book.Row("item/b"); ok {
			t.Fatal("the position of a deleted item was kept")
		}
		if _, ok := book.Memory("b").Get("k"); ok {
			t.Fatal("what was remembered of a deleted item was kept")
		}
		if _, ok := book.Memory("a").Get("k"); !ok || r.tracked("item/a") != "00:00:00" {
			t.Fatal("what belongs to the other item is gone")
		}
		r.stop()
		r.start(south(item("c"))) // a was deleted while the South was not running
		if _, ok := book.Row("item/a"); ok {
			t.Fatal("the position of an item that was deleted meanwhile was kept")
		}
		if err := Remove(r.store, r.tracking, "S"); err != nil {
			t.Fatal(err)
		}
		if got := r.tracking.Souths(); len(got) != 0 {
			t.Fatalf("left of a deleted South: %q", got)
		}
	})
}

func TestAnItemThatIsDeletedWhileItIsReadLeavesNothingBehind(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r, h := batch(t)
		pass := make(chan struct{})
		h.window = func(ctx context.Context, q WindowQuery) (WindowResult, error) {
			<-pass
			return WindowResult{Tracked: q.Window.End, Last: json.RawMessage("1")}, q.Emit(ctx, content.FromText("x"), q.Items)
		}
		r.start(south(item("a")))
		r.tick()
		r.update(south())
		close(pass)
		synctest.Wait()
		if got := r.tracking.Souths(); len(got) > 0 && len(r.tracking.Book("S").units()) > 0 {
			t.Fatalf("left: %v", r.tracking.Book("S").units())
		}
	})
}

func TestUpdateIsForTheSameSouthOnly(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r, _ := batch(t)
		r.start(south())
		other := south()
		other.ID = "other"
		if err := r.runner.Update(other); err == nil || !strings.Contains(err.Error(), "other") {
			t.Fatalf("error %v", err)
		}
		if got := r.runner.ScanModes(); len(got) != 0 {
			t.Fatalf("scan modes %q", got)
		}
		r.update(south(item("a")))
		if got := r.runner.ScanModes(); !slices.Equal(got, []string{"m"}) {
			t.Fatalf("scan modes %q", got)
		}
	})
}
