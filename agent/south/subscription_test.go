package south

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"oibus/agent/content"
)

func TestItemsOfTheSubscriptionAreSubscribedAndNotRead(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, &subscriber{fake: &fake{}})
		off := item("c", subscribed)
		off.Enabled = false
		r.start(south(item("a", subscribed), item("b", subscribed), off))
		r.expect("connect", "subscribe a+b")
		r.runner.Tick("subscription")
		synctest.Wait()
		r.expect()
	})
}

func TestEditedItemsAreSubscribedAnewAndTheOthersAreLeftAlone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, &subscriber{fake: &fake{}})
		a, b, c := item("a", subscribed), item("b", subscribed), item("c", subscribed)
		r.start(south(a, b))
		r.fake.took()
		r.update(south(a, item("b", subscribed, settings(`{"topic":"other"}`)), c))
		r.expect("unsubscribe b", "subscribe b+c")
		touched := item("a", subscribed)
		touched.UpdatedAt = "later"
		r.update(south(touched, c))
		r.expect("unsubscribe b")
	})
}

func TestASubscriptionThatFailsIsTriedAgainWithoutAnyChange(t *testing.T) {
	bubble(t, func(t *testing.T) {
		fails := 2
		r := newRig(t, &subscriber{fake: &fake{}, subscribe: func([]Item) error {
			if fails--; fails >= 0 {
				return errors.New("not authorized")
			}
			return nil
		}})
		r.start(south(item("a", subscribed)))
		r.expect("connect", "subscribe a")
		time.Sleep(firstSubscribe)
		synctest.Wait()
		r.expect("subscribe a")
		time.Sleep(2 * firstSubscribe)
		synctest.Wait()
		r.expect("subscribe a")
		time.Sleep(time.Hour)
		r.expect()
		if n := r.log.count("level=ERROR", "Error when subscribing to new items: not authorized"); n != 2 {
			t.Fatalf("logged %d times", n)
		}
	})
}

func TestAfterAReconnectionEverythingIsSubscribedAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := &fake{}
		r := newRig(t, &subscriber{fake: f})
		r.start(south(item("a", subscribed)))
		f.took()
		f.env.Lost(errors.New("gone"), time.Second)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		r.expect("disconnect", "connect", "subscribe a")
	})
}

func TestWhatArrivesIsAcknowledgedOnlyOnceItIsTaken(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := &fake{}
		r := newRig(t, &subscriber{fake: f})
		r.refuse(func(context.Context, content.Source) error { return &HeldError{errors.New("full")} })
		r.start(south(item("a", subscribed)))
		acknowledged := make(chan error, 1)
		go func() {
			acknowledged <- f.env.Emit(context.Background(), content.FromText("x"), []Item{{ID: "a", Name: "a"}})
		}()
		time.Sleep(10 * time.Minute)
		select {
		case err := <-acknowledged:
			t.Fatalf("acknowledged while nothing is taken: %v", err)
		default:
		}
		r.refuse(nil)
		time.Sleep(lastHold)
		if err := <-acknowledged; err != nil || r.deliveries() != 1 {
			t.Fatalf("error %v, %d contents", err, r.deliveries())
		}
		if s := r.sent[0].source; s.Items[0].ID != "a" || s.QueryTime == "" {
			t.Fatalf("source %+v", s)
		}
	})
}

func TestAFlushThatNobodyTakesEndsWithAnErrorInTime(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := &fake{}
		r := newRig(t, &subscriber{fake: f})
		r.refuse(func(context.Context, content.Source) error { return &HeldError{errors.New("full")} })
		var flushed error
		f.flush = func(ctx context.Context) error {
			flushed = f.env.Emit(ctx, content.FromText("x"), nil)
			return nil
		}
		r.start(south(item("a", subscribed)))
		before := time.Now()
		r.stop()
		if flushed == nil || time.Since(before) > flushLimit {
			t.Fatalf("after %s: %v", time.Since(before), flushed)
		}
	})
}

func TestAConnectorThatWaitsForEverWithWhatItReceivedIsLetGoAtAStop(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := &fake{}
		r := newRig(t, &subscriber{fake: f})
		r.refuse(func(context.Context, content.Source) error { return &HeldError{errors.New("full")} })
		f.flush = func(context.Context) error { // it forgets the time it has
			return f.env.Emit(context.Background(), content.FromText("x"), nil)
		}
		r.start(south(item("a", subscribed)))
		before := time.Now()
		r.stop()
		if took := time.Since(before); took > flushLimit+onItsWay {
			t.Fatalf("the stop took %s", took)
		}
	})
}
