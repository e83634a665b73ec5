package south

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"oibus/agent/content"
)

func TestATickReadsEachUnitOfItsScanMode(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, &direct{fake: &fake{}})
		other := item("c")
		other.ScanModeID = "other"
		off := item("d")
		off.Enabled = false
		r.start(south(item("a"), item("b"), other, off))
		r.expect("connect")
		r.tick()
		r.expect("read a", "read b")
		if got := r.deliveries(); got != 2 {
			t.Fatalf("delivered %d contents, want 2", got)
		}
		s := r.sent[0].source
		if s.SouthID != "S" || s.QueryTime != "2000-01-01T00:00:00.000Z" || s.QueryStart != "" || len(s.Items) != 1 || s.Items[0].ID != "a" {
			t.Fatalf("source of the content: %+v", s)
		}
	})
}

func TestASourceNamesItsItemsAsScriptsSeeThem(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, &direct{fake: &fake{}})
		r.typ.Batch = true
		e := south(item("a", in("g"), every(60)))
		e.Items[0].Settings = json.RawMessage(`{"password":"sealed"}`)
		r.fake.env = Env{}
		o := r.options(e)
		o.OpenItem = func(json.RawMessage) (json.RawMessage, error) { return json.RawMessage(`{"password":"clear"}`), nil }
		var clear string
		r.conn.(*direct).read = func(ctx context.Context, q DirectQuery) (json.RawMessage, error) {
			clear = string(q.Items[0].Settings)
			return nil, q.Emit(ctx, content.FromText("x"), q.Items)
		}
		var err error
		if r.runner, err = Start(o); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		r.tick()
		r.stop()
		if clear != `{"password":"clear"}` {
			t.Fatalf("the connector got the settings %s", clear)
		}
		want := `{"id":"a","name":"a","enabled":true,"settings":{"password":"sealed"},"scanMode":{"id":"m","name":"mode m","description":null,"cron":"* * * * * *"},` +
			`"group":{"id":"g","standardSettings":{"name":"g","scanMode":{"id":"m","name":"mode m","description":null,"cron":"* * * * * *"}},"historySettings":{}},` +
			`"syncWithGroup":true,"maxReadInterval":60,"readDelay":null,"startTimeOffset":null,"endTimeOffset":null,"recoveryStrategy":null,` +
			`"createdBy":"","updatedBy":"","createdAt":"","updatedAt":""}`
		if got := r.sent[0].source.Items[0]; string(got.Entity) != want || got.GroupID != "g" {
			t.Fatalf("got  %s\nwant %s", got.Entity, want)
		}
	})
}

func TestAUnitThatIsStillRunningIsSkippedAndThatIsLoggedOnceAnHour(t *testing.T) {
	bubble(t, func(t *testing.T) {
		hold := make(chan struct{})
		r := newRig(t, &direct{fake: &fake{}, read: func(ctx context.Context, q DirectQuery) (json.RawMessage, error) {
			<-hold
			return nil, nil
		}})
		r.start(south(item("a"), item("b")))
		r.fake.took()
		for range 5 {
			r.tick()
			time.Sleep(time.Second)
		}
		r.expect("read a") // b waits behind it
		const text = `Task job not added in South connector queue for cron \"mode m\" (* * * * * *). The previous cron was still running.`
		if n := r.log.count(text, "The next occurrences will be logged as trace for the next hour", "level=WARN"); n != 1 {
			t.Fatalf("%d warnings, want 1", n)
		}
		if n := r.log.count(text, "level=DEBUG-4"); n != 3 {
			t.Fatalf("%d traces, want 3", n)
		}
		time.Sleep(time.Hour)
		r.tick()
		if n := r.log.count(text, "level=WARN"); n != 2 {
			t.Fatalf("%d warnings after an hour, want 2", n)
		}
		close(hold)
		synctest.Wait()
		r.expect("read b")
		r.tick()
		r.expect("read a", "read b")
	})
}

func TestAsManyUnitsRunAtOnceAsTheTypeAllows(t *testing.T) {
	bubble(t, func(t *testing.T) {
		hold := make(chan struct{})
		r := newRig(t, &direct{fake: &fake{}, read: func(ctx context.Context, q DirectQuery) (json.RawMessage, error) {
			<-hold
			return nil, nil
		}})
		r.typ.Parallel = func(json.RawMessage) int { return 3 }
		r.start(south(item("a"), item("b"), item("c"), item("d"), item("e")))
		r.fake.took()
		r.tick()
		if got := r.fake.took(); len(got) != 3 {
			t.Fatalf("running: %q, want 3", got)
		}
		close(hold)
		synctest.Wait()
		if got := r.fake.took(); len(got) != 2 {
			t.Fatalf("then: %q, want the other 2", got)
		}
	})
}

func TestNothingIsReadBeforeTheConnectionIsThereAndConnectingIsTriedAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		fails := 3
		f := &fake{}
		f.connect = func(context.Context) error {
			if fails--; fails >= 0 {
				return errors.New("no route to host")
			}
			return nil
		}
		r := newRig(t, &direct{fake: f})
		r.start(south(item("a")))
		r.tick()
		if s := r.runner.State(); s.Connected || s.LastError != "no route to host" || !s.Running {
			t.Fatalf("state %+v", s)
		}
		time.Sleep(time.Second + 2*time.Second)
		synctest.Wait()
		r.expect("connect", "disconnect", "connect", "disconnect", "connect", "disconnect")
		time.Sleep(4 * time.Second)
		synctest.Wait()
		r.expect("connect")
		if s := r.runner.State(); !s.Connected || s.LastError != "" || s.LastErrorAt.IsZero() {
			t.Fatalf("state %+v", s)
		}
		r.tick()
		r.expect("read a")
	})
}

func TestALostConnectionEmptiesTheQueueCancelsWhatIsReadAndIsMadeAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, &direct{fake: &fake{}, read: func(ctx context.Context, q DirectQuery) (json.RawMessage, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}})
		r.start(south(item("a"), item("b")))
		r.tick()
		r.expect("connect", "read a")
		r.fake.env.Lost(errors.New("reset by peer"), 10*time.Second)
		r.fake.env.Lost(errors.New("again"), time.Second) // says nothing new
		synctest.Wait()
		r.expect("disconnect")
		r.tick() // reads nothing
		time.Sleep(9 * time.Second)
		r.expect()
		time.Sleep(2 * time.Second)
		synctest.Wait()
		r.expect("connect")
		r.tick()
		r.expect("read a")
		if n := r.log.count("Error when querying"); n != 0 {
			t.Fatalf("a reading that was cancelled was logged as an error")
		}
		if n := r.log.count("Connection lost: reset by peer"); n != 1 {
			t.Fatalf("the loss was logged %d times", n)
		}
	})
}

func TestAConnectionThatIsLostAtOnceIsNotMadeAgainWithoutAPause(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := &fake{}
		r := newRig(t, f)
		f.connect = func(context.Context) error { go f.env.Lost(errors.New("kicked"), 0); return nil }
		r.start(south(item("a")))
		time.Sleep(10 * time.Second)
		if n := len(f.took()); n > 24 {
			t.Fatalf("%d calls in 10 s", n)
		}
	})
}

func TestErrorsOfReadingAreLoggedInTheWordsOfTheReference(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, &direct{fake: &fake{}, read: func(context.Context, DirectQuery) (json.RawMessage, error) {
			return nil, errors.New("disk on fire")
		}})
		r.start(south(item("a")))
		r.tick()
		if n := r.log.count("level=ERROR", "Error when querying items with direct access: disk on fire"); n != 1 {
			t.Fatalf("logged %d times", n)
		}
		if s := r.runner.State(); s.LastError != "disk on fire" || !s.Connected {
			t.Fatalf("state %+v", s)
		}
	})
}

func TestAConnectorThatPanicsIsAnErrorOfThatReadingAlone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bad := true
		r := newRig(t, &direct{fake: &fake{}, read: func(context.Context, DirectQuery) (json.RawMessage, error) {
			if bad {
				panic("index out of range")
			}
			return nil, nil
		}})
		r.start(south(item("a")))
		r.tick()
		bad = false
		r.tick()
		r.expect("connect", "read a", "read a")
		if n := r.log.count("index out of range"); n == 0 {
			t.Fatal("the panic was not logged")
		}
	})
}

func TestStopCancelsWhatIsReadAndLetsTheConnectorFlush(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := &fake{}
		r := newRig(t, &direct{fake: f, read: func(ctx context.Context, q DirectQuery) (json.RawMessage, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}})
		f.flush = func(ctx context.Context) error { return f.env.Emit(ctx, content.FromText("last words"), nil) }
		r.start(south(item("a")))
		r.tick()
		before := time.Now()
		r.stop()
		if took := time.Since(before); took > 0 {
			t.Fatalf("the stop took %s", took)
		}
		r.expect("connect", "read a", "disconnect")
		if r.deliveries() != 1 {
			t.Fatal("what was received before the stop was not handed on")
		}
		if n := r.log.count(`South connector \"Source\" stopped`); n != 1 {
			t.Fatal("the stop was not logged")
		}
		r.tick() // after the stop: nothing
		r.expect()
	})
}

func TestAConnectorThatHangsDoesNotHoldUpAStopAndIsDisconnectedOnceItEnds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		hold := make(chan struct{})
		r := newRig(t, &direct{fake: &fake{}, read: func(context.Context, DirectQuery) (json.RawMessage, error) {
			<-hold // whatever it is told
			return nil, nil
		}})
		r.start(south(item("a")))
		r.tick()
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		before := time.Now()
		err := r.runner.Stop(ctx)
		if err == nil || !strings.Contains(err.Error(), "Source") || time.Since(before) != 3*time.Second {
			t.Fatalf("after %s: %v", time.Since(before), err)
		}
		r.expect("connect", "read a")
		close(hold)
		synctest.Wait()
		r.expect("disconnect")
	})
}

func TestContentThatNobodyTakesIsLoggedOnceAnHourAndReadAgainAtEachTick(t *testing.T) {
	bubble(t, func(t *testing.T) {
		// The connector hides why its content was not taken.
		r := newRig(t, &direct{fake: &fake{}, read: func(ctx context.Context, q DirectQuery) (json.RawMessage, error) {
			if q.Emit(ctx, content.FromText("x"), q.Items) != nil {
				return nil, errors.New("could not send a.csv")
			}
			return nil, nil
		}})
		r.refuse(func(context.Context, content.Source) error { return &HeldError{errors.New("nobody wants it")} })
		r.start(south(item("a")))
		for range 5 {
			r.tick()
			time.Sleep(time.Second)
		}
		r.expect("connect", "read a", "read a", "read a", "read a", "read a")
		if n := r.log.count("level=ERROR", "nobody wants it"); n != 1 {
			t.Fatalf("logged %d times", n)
		}
		r.refuse(nil)
		r.tick()
		if r.deliveries() != 1 {
			t.Fatal("not taken once it could be")
		}
	})
}

func TestWhatIsReadIsCountedAndCountsOutliveARestart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		values := []content.TimeValue{
			{PointID: "a", Timestamp: "2000-01-01T00:00:00.000Z", Data: content.TextData("1")},
			{PointID: "b", Timestamp: "2000-01-01T00:00:01.000Z", Data: content.TextData(`{"pointId":"no"}`)},
		}
		r := newRig(t, &direct{fake: &fake{}, read: func(ctx context.Context, q DirectQuery) (json.RawMessage, error) {
			time.Sleep(30 * time.Millisecond)
			return nil, errors.Join(q.Emit(ctx, content.FromTimeValues(values), q.Items),
				q.Emit(ctx, content.FromBytes(content.Any, "sub/x.csv", 0, []byte("1")), q.Items))
		}})
		r.start(south(item("a")))
		r.tick()
		time.Sleep(time.Second)
		r.stop()
		r.start(south(item("a")))
		m := r.runner.Metrics()
		got, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		want := `{"metricsStart":"2000-01-01T00:00:00.000Z","lastConnection":"2000-01-01T00:00:01.000Z","lastRunStart":"2000-01-01T00:00:00.000Z","lastRunDuration":30,` +
			`"numberOfValuesRetrieved":2,"numberOfFilesRetrieved":1,"lastValueRetrieved":{"pointId":"b","timestamp":"2000-01-01T00:00:01.000Z","data":{"value":"{\"pointId\":\"no\"}"}},` +
			`"lastFileRetrieved":"x.csv"}`
		if string(got) != want {
			t.Fatalf("got  %s\nwant %s", got, want)
		}
		r.runner.ResetMetrics()
		if m := r.runner.Metrics(); m.NumberOfValuesRetrieved != 0 || m.MetricsStart != "2000-01-01T00:00:01.000Z" || string(m.LastValueRetrieved) != "null" {
			t.Fatalf("after a reset: %+v", m)
		}
	})
}

func TestMetricsAreWrittenAtMostEveryTenSecondsAndOnlyWhenTheyChange(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, &direct{fake: &fake{}})
		r.start(south(item("a")))
		for range 100 {
			r.tick()
			time.Sleep(100 * time.Millisecond)
		}
		stored := func() uint64 {
			m, err := StoredMetrics(r.store, "S", time.Now())
			if err != nil {
				t.Fatal(err)
			}
			return m.NumberOfValuesRetrieved
		}
		synctest.Wait()
		if n := stored(); n != 100 {
			t.Fatalf("stored after 10 s: %d", n)
		}
		r.tick()
		time.Sleep(time.Second)
		if n := stored(); n != 100 {
			t.Fatalf("stored within the next 10 s: %d", n)
		}
	})
}

func TestTheLastValueOfAUnitIsThatOfItsLastReading(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, &direct{fake: &fake{}, read: func(context.Context, DirectQuery) (json.RawMessage, error) {
			return json.RawMessage(`{"v":1}`), nil
		}})
		r.typ.Batch = true
		e := south(item("a"), item("b", in("g")), item("c", in("g")))
		r.start(e)
		r.tick()
		show := func(i int) string {
			raw, err := json.Marshal(r.tracking.Book("S").LastValue(&e, r.typ, &e.Items[i]))
			if err != nil {
				t.Fatal(err)
			}
			return string(raw)
		}
		want := []string{
			`{"groupId":null,"itemId":"a","itemName":"a","groupName":"","queryTime":"2000-01-01T00:00:00.000Z","value":{"v":1},"trackedInstant":null}`,
			`{"groupId":"g","itemId":"c","itemName":"c","groupName":"g","queryTime":"2000-01-01T00:00:00.000Z","value":{"v":1},"trackedInstant":null}`,
		}
		if got := []string{show(0), show(2)}; !slices.Equal(got, want) {
			t.Fatalf("got  %q\nwant %q", got, want)
		}
		r.stop()
		if err := r.tracking.Close(); err != nil {
			t.Fatal(err)
		}
		r.open()
		if got := show(0); got != want[0] {
			t.Fatalf("after a restart: %s", got)
		}
	})
}

func TestALastValueThatIsTooLongIsCut(t *testing.T) {
	t.Parallel()
	long, err := json.Marshal(strings.Repeat("é", valueLimit))
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range []json.RawMessage{long, json.RawMessage("[" + strings.Repeat("1,", valueLimit) + "1]")} {
		cut := bounded(value)
		var text string
		if err := json.Unmarshal(cut, &text); err != nil || len(text) > valueLimit+10 || !strings.HasSuffix(text, "…") {
			t.Fatalf("%d bytes, %v", len(cut), err)
		}
	}
}
