package engine

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"oibus/agent/connectors"
	"oibus/agent/entity"
)

func TestWhatASouthReadsAtATickIsSentByTheNorths(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPlant(t)
		p.start()
		p.north(northBody("N"))
		p.north(northBody("M"))
		p.south(southBody("S", "second", "a"))
		p.expect("connect N", "connect M", "connect S")
		pass(3500 * time.Millisecond)
		want := []string{"S/a", "S/a", "S/a"}
		if n, m := p.delivered("N"), p.delivered("M"); !slices.Equal(n, want) || !slices.Equal(m, want) {
			t.Fatalf("sent: %q and %q", n, m)
		}
	})
}

func TestAfterARestartAllRunsAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPlant(t)
		p.start()
		p.north(northBody("N"))
		p.south(southBody("S", "second", "a"))
		p.restart()
		p.took()
		pass(1500 * time.Millisecond)
		if got := p.took(); !slices.Contains(got, "took S/a") {
			t.Fatalf("got %q", got)
		}
	})
}

func TestTheStartWaitsForNoConnector(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPlant(t)
		p.south(southBody("S", "second", "a"))
		p.north(northBody("N"))
		hold := make(chan struct{})
		wait := func(context.Context) error { <-hold; return nil }
		p.breaks("connect S", wait)
		p.breaks("new S", wait)
		p.breaks("open N", wait)
		before := time.Now()
		p.Start(context.Background())
		if time.Since(before) > 0 {
			t.Fatal("the start has waited")
		}
		close(hold)
		synctest.Wait()
	})
}

func TestContentThatIsReadDuringTheStartOfANorthDoesNotPassItBy(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPlant(t)
		p.south(southBody("S", "second", "a"))
		p.north(northBody("N"))
		p.north(northBody("M"))
		hold := make(chan struct{})
		p.breaks("open N", func(context.Context) error { <-hold; return nil })
		p.start()
		pass(1500 * time.Millisecond)
		if got := p.took(); slices.Contains(got, "took S/a") {
			t.Fatalf("%q: taken although N is not there yet", got)
		}
		close(hold)
		pass(100 * time.Millisecond)
		if n, m := len(p.delivered("N")), len(p.delivered("M")); n != 1 || m != 1 {
			t.Fatalf("sent %d and %d", n, m)
		}
	})
}

func TestAnEditTakesEffectWithTheLeastDisturbance(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPlant(t)
		p.start()
		n, s := p.north(northBody("N")), p.south(southBody("S", "hour", "a"))
		p.south(southBody("T", "hour", "a"))
		p.took()
		body := southBody("S", "second", "a", "b")
		update := func(b tree) { p.t.Helper(); p.must(p.conn.UpdateSouth("me", s, text(t, b), connectors.Secrets{})) }

		update(body) // items alone: no new connection
		p.expect()
		pass(time.Second)
		p.expect("took S/a", "took S/b")
		update(with(body, "settings", tree{"inputFolder": "./other", "compression": false}))
		p.expect("disconnect S", "connect S")
		p.must(p.conn.EnableSouth("me", s, false))
		p.expect("disconnect S")
		pass(2 * time.Second)
		p.expect()
		p.must(p.conn.EnableSouth("me", s, true))
		p.expect("connect S")
		pass(time.Second)
		p.expect("took S/a", "took S/b")
		e, err := p.conn.South(s)
		if err != nil {
			t.Fatal(err)
		}
		p.must(p.conn.DeleteItems("me", s, []string{e.Items[0].ID}))
		pass(time.Second)
		p.expect("took S/b")

		north := northBody("N")
		p.must(p.conn.UpdateNorth("me", n, text(t, with(north, "name", "N2")), connectors.Secrets{}))
		p.expect()
		p.must(p.conn.UpdateNorth("me", n, text(t, with(north, "name", "N2", "settings", tree{"verbose": true})), connectors.Secrets{}))
		p.expect("disconnect N", "connect N2")
		p.must(p.conn.EnableNorth("me", n, false))
		p.expect("disconnect N2")
		p.must(p.conn.DeleteNorth("me", n))
		p.must(p.conn.DeleteSouth("me", s))
		p.expect("disconnect S")
		if entries, err := os.ReadDir(filepath.Join(p.dir, "cache")); err != nil || len(entries) != 0 {
			t.Fatalf("left in the cache: %v %v", entries, err)
		}
		if got := p.tracking.Souths(); slices.Contains(got, s) {
			t.Fatalf("left of a deleted South: %q", got)
		}
	})
}

func TestSwitchingOffAndOnAtOnceIsANewConnection(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPlant(t)
		p.start()
		s, n := p.south(southBody("S", "hour", "a")), p.north(northBody("N"))
		p.took()
		for _, on := range []bool{false, true} {
			if err := errors.Join(p.conn.EnableSouth("me", s, on), p.conn.EnableNorth("me", n, on)); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		p.expect("disconnect S", "connect S", "disconnect N", "connect N")
	})
}

func TestScanModesThatChangeTakeEffectAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPlant(t)
		p.start()
		p.north(northBody("N"))
		p.south(southBody("S", "hour", "a"))
		p.took()
		p.mu.Lock()
		p.modes[1].Cron = "*/2 * * * * *"
		p.mu.Unlock()
		p.ScanModesChanged()
		pass(4500 * time.Millisecond)
		p.expect("took S/a", "took S/a")
		p.mu.Lock()
		p.modes[1].Cron = "what"
		p.mu.Unlock()
		p.ScanModesChanged()
		p.ScanModesChanged()
		pass(10 * time.Second)
		p.expect()
		if n := p.log.count("Error when creating cron job for scan mode", "Every hour", "(what)"); n != 1 {
			t.Fatalf("logged %d times", n)
		}
	})
}

func TestATypeThatIsNotInstalledIsKeptAndSaid(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPlant(t)
		body := southBody("S", "second", "a")
		p.o.Souths, p.o.Norths = nil, nil
		p.start()
		s, n := p.south(body), p.north(northBody("N"))
		pass(time.Hour)
		for _, want := range []string{`South connector of type \"folder-scanner\" not installed`, `North connector of type \"console\" not installed`} {
			if got := p.log.count(want); got != 1 {
				t.Errorf("%s: logged %d times", want, got)
			}
		}
		state, err := p.SouthState(s)
		if err != nil || state.Running || state.LastError != `South connector of type "folder-scanner" not installed` {
			t.Errorf("state %+v %v", state, err)
		}
		if _, err := p.SearchCache(n, emptyQuery); err != nil {
			t.Errorf("its cache cannot be searched: %v", err)
		}
		if _, err := p.conn.South(s); err != nil {
			t.Error(err)
		}
	})
}

func TestASouthThatCannotBeMadeIsTriedAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPlant(t)
		p.breaks("new S", always(errors.New("no licence")))
		p.start()
		s := p.south(southBody("S", "second", "a"))
		pass(10 * time.Minute)
		if n := p.log.count("no licence"); n != 1 {
			t.Fatalf("logged %d times", n)
		}
		state, err := p.SouthState(s)
		if err != nil || !strings.Contains(state.LastError, "no licence") || state.LastErrorAt.IsZero() {
			t.Fatalf("state %+v %v", state, err)
		}
		p.breaks("new S", nil)
		pass(lastAgain)
		if got := p.took(); !slices.Contains(got, "connect S") {
			t.Fatalf("got %q", got)
		}
	})
}

func TestSecretsAreOpenForTheConnectorAndSealedForTheSource(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPlant(t)
		p.start()
		s := p.south(southBody("S", "second", "a"))
		e, err := p.conn.South(s)
		if err != nil {
			t.Fatal(err)
		}
		o, err := p.southOptions(e)
		if err != nil || !strings.Contains(string(o.Settings), `"password":"secret"`) || !strings.Contains(string(o.South.Settings), "sealed(secret)") {
			t.Fatalf("settings %s and %s, error %v", o.Settings, o.South.Settings, err)
		}
	})
}

func TestSouthsStopBeforeNorthsAndAHangingConnectorDoesNotHoldUpTheStop(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPlant(t)
		p.start()
		p.north(northBody("N"))
		p.south(southBody("S", "second", "a"))
		p.south(southBody("T", "second", "a"))
		hold := make(chan struct{})
		p.breaks("read S", func(context.Context) error { <-hold; return nil })
		pass(1500 * time.Millisecond)
		p.took()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		before := time.Now()
		err := p.Stop(ctx)
		if err == nil || !strings.Contains(err.Error(), `"S"`) || time.Since(before) > 9*time.Second {
			t.Fatalf("after %s: %v", time.Since(before), err)
		}
		if got := p.took(); !slices.Equal(got, []string{"disconnect T", "disconnect N"}) {
			t.Fatalf("got %q", got)
		}
		close(hold)
		synctest.Wait()
	})
}

func TestAConnectorThatHangsWhenItIsRestartedHoldsUpNoOther(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPlant(t)
		p.start()
		p.north(northBody("N"))
		s, u := p.south(southBody("S", "second", "a")), p.south(southBody("T", "hour", "a"))
		hold := make(chan struct{})
		p.breaks("read S", func(context.Context) error { <-hold; return nil })
		pass(1500 * time.Millisecond)
		p.took()
		if err := errors.Join(p.conn.EnableSouth("me", s, false), p.conn.EnableSouth("me", u, false)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		p.expect("disconnect T")
		close(hold)
		pass(restartLimit)
		p.expect("disconnect S")
	})
}

func TestWhatADeletionLeftIsRemovedAtTheNextStartUnlessThereIsDoubt(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPlant(t)
		p.start()
		n := p.north(northBody("N"))
		p.south(southBody("S", "hour", "a"))
		p.halt()
		for _, id := range []string{"gone", "torn"} {
			if err := os.MkdirAll(filepath.Join(p.dir, "cache", "north-"+id), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(p.dir, "state", "norths", "torn.json.corrupt-1"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		p.open()
		p.must(p.tracking.Book("dead").Memory("x").Set(map[string]jsonText{"k": jsonText("1")}))
		p.start()
		left := p.folders("cache", "north-")
		slices.Sort(left)
		want := []string{n, "torn"}
		slices.Sort(want)
		if !slices.Equal(left, want) || slices.Contains(p.tracking.Souths(), "dead") {
			t.Fatalf("left: %q, want %q; tracked %q", left, want, p.tracking.Souths())
		}
		p.halt()

		if err := os.WriteFile(filepath.Join(p.dir, "state", "norths", n+".json"), []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(filepath.Join(p.dir, "state", "norths", n+".json.previous")); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		p.open()
		p.start()
		if _, err := p.conn.North(n); err == nil {
			t.Fatal("the North should have been lost")
		}
		if left := p.folders("cache", "north-"); !slices.Contains(left, n) {
			t.Fatal("the cache of a North whose file was damaged was removed")
		}
	})
}

func TestMetricsAreThereWhetherASouthRunsOrNot(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPlant(t)
		p.start()
		n, s := p.north(northBody("N")), p.south(southBody("S", "second", "a"))
		pass(2500 * time.Millisecond)
		files := func() uint64 {
			m, err := p.SouthMetrics(s)
			if err != nil {
				t.Fatal(err)
			}
			return m.NumberOfFilesRetrieved
		}
		if files() != 2 {
			t.Fatalf("%d files", files())
		}
		souths, norths := p.Running()
		if souths[s] == nil || norths[n] == nil {
			t.Fatalf("running: %v %v", souths, norths)
		}
		p.must(p.conn.EnableSouth("me", s, false))
		if files() != 2 {
			t.Fatalf("%d files once it is switched off", files())
		}
		if err := errors.Join(p.ResetSouthMetrics(s), p.ResetNorthMetrics(n)); err != nil || files() != 0 {
			t.Fatalf("%d files after a reset, error %v", files(), err)
		}
		m, err := p.NorthMetrics(n)
		if err != nil || m.ContentSentSize != 0 {
			t.Fatalf("%+v %v", m, err)
		}
		var unknown *entity.NotFoundError
		for _, err := range []error{p.ResetSouthMetrics("x"), p.ResetNorthMetrics("x")} {
			if !errors.As(err, &unknown) {
				t.Errorf("error %v", err)
			}
		}
	})
}

func TestTheLastValueOfAnItemIsFoundWhetherTheSouthRunsOrNot(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPlant(t)
		p.start()
		p.north(northBody("N"))
		s := p.south(southBody("S", "second", "a"))
		e, err := p.conn.South(s)
		if err != nil {
			t.Fatal(err)
		}
		pass(1500 * time.Millisecond)
		p.must(p.conn.EnableSouth("me", s, false))
		v, err := p.LastValue(s, e.Items[0].ID)
		if got := string(text(t, v)); err != nil || !strings.Contains(got, `"itemName":"a"`) || !strings.Contains(got, `"value":"S/a"`) {
			t.Fatalf("got %s, error %v", got, err)
		}
		if _, err := p.LastValue(s, "x"); err == nil || err.Error() != `Item "x" not found` {
			t.Fatalf("error %v", err)
		}
		if _, err := p.LastValue("x", "x"); err == nil || err.Error() != `South "x" not found` {
			t.Fatalf("error %v", err)
		}
	})
}
