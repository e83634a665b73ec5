package engine

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"oibus/agent/cache"
	"oibus/agent/content"
	"oibus/agent/north"
	"oibus/agent/south"
)

type jsonText = json.RawMessage

var emptyQuery cache.Query

// offerOne hands one content of a South on.
func (p *plant) offerOne(ctx context.Context, c content.Content) error {
	return p.emit(ctx, "S", c, content.Source{Origin: content.FromSouth, SouthID: "S"})
}

func TestASouthIsHeldWhileNoNorthTakesItsContent(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPlant(t)
		p.start()
		var held *south.HeldError
		check := func(what string, c content.Content) {
			t.Helper()
			if err := p.offerOne(context.Background(), c); !errors.As(err, &held) || !errors.Is(err, north.ErrNotWanted) {
				t.Errorf("%s: %v", what, err)
			}
		}
		file := content.FromBytes(content.Any, "a", 0, []byte("1"))
		check("no north", file)
		n := p.north(northBody("N"))
		check("no binding for texts", content.FromText("x"))
		p.must(p.conn.EnableNorth("me", n, false))
		check("switched off", file)
		if got := p.log.count("level=WARN", "No North takes what South"); got != 1 {
			t.Errorf("%d warnings, want one an hour", got)
		}
		pass(time.Hour)
		check("later", file)
		if got := p.log.count("level=WARN", "No North takes what South"); got != 2 {
			t.Errorf("%d warnings after an hour", got)
		}
		p.must(p.conn.EnableNorth("me", n, true))
		if err := p.offerOne(context.Background(), file); err != nil {
			t.Errorf("error %v", err)
		}
	})
}

func TestAFullNorthRefusesWithoutHoldingTheSouthWhileAnotherTakesIt(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPlant(t)
		p.start()
		p.north(northBody("N"))
		p.breaks("take N", always(&cache.FullError{Size: 2, Limit: 1}))
		file := content.FromBytes(content.Any, "a", 0, []byte("1"))
		var held *south.HeldError
		var full *cache.FullError
		if err := p.offerOne(context.Background(), file); !errors.As(err, &held) || !errors.As(err, &full) {
			t.Fatalf("error %v", err)
		}
		p.north(northBody("M"))
		if err := p.offerOne(context.Background(), file); err != nil {
			t.Fatalf("error %v although M took it", err)
		}
	})
}

func TestTroubleOfADiskHoldsTheSouthAndTheOthersGetTheContentOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPlant(t)
		p.start()
		p.north(northBody("N"))
		p.north(northBody("M"))
		p.south(southBody("S", "second", "a"))
		p.breaks("take N", always(&cache.SpaceError{Free: 1, Reserve: 2, Dir: "d"}))
		pass(time.Minute)
		if got := p.delivered("M"); len(got) != 1 {
			t.Fatalf("M has sent %q", got)
		}
		if n := p.log.count("level=ERROR", `Error while caching content to North \"N\" (`); n != 1 {
			t.Fatalf("logged %d times", n)
		}
		p.breaks("take N", nil)
		pass(lastTry)
		n, m := p.delivered("N"), p.delivered("M")
		if len(n) == 0 || len(n) != len(m) {
			t.Fatalf("N has sent %d, M %d", len(n), len(m))
		}
		if n := p.log.count("level=INFO", `North \"N\" takes content again`); n != 1 {
			t.Fatalf("the end was logged %d times", n)
		}
	})
}

func TestANorthThatIsRestartedMissesNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPlant(t)
		p.start()
		id := p.north(northBody("N"))
		p.north(northBody("M"))
		slot := p.norths[id]
		r := slot.current()
		slot.set(func() { slot.runner = nil }) // in the middle of a restart
		file := content.FromBytes(content.Any, "a", 0, []byte("1"))
		done := make(chan error, 1)
		go func() { done <- p.offerOne(context.Background(), file) }()
		pass(time.Minute)
		select {
		case err := <-done:
			t.Fatalf("handed on although N is not there: %v", err)
		default:
		}
		slot.set(func() { slot.runner = r })
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if n, m := p.delivered("N"), p.delivered("M"); len(n) != 1 || len(m) != 1 {
			t.Fatalf("sent %q and %q", n, m)
		}
	})
}

func TestANorthWhoseSecretsCannotBeReadTakesContentAndHoldsNobody(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPlant(t)
		open := p.o.Open
		p.o.Open = func(string) (string, error) { return "", errors.New("enter it again") }
		p.start()
		n := p.north(with(northBody("N"), "type", "file-writer", "settings", tree{"outputFolder": "./out", "prefix": "", "suffix": "", "password": "x"}))
		p.north(northBody("M"))
		p.must(p.offerOne(context.Background(), content.FromBytes(content.Any, "a", 0, []byte("1"))))
		state, err := p.NorthState(n)
		if m := p.delivered("M"); err != nil || len(m) != 1 || !strings.Contains(state.LastError, "enter it again") {
			t.Fatalf("M has sent %q, N is %+v, %v", m, state, err)
		}
		p.o.Open = open
		p.must(errors.Join(p.conn.EnableNorth("me", n, false), p.conn.EnableNorth("me", n, true)))
		pass(time.Minute)
		if got := p.delivered("N"); len(got) != 1 {
			t.Fatalf("N has sent %q", got)
		}
	})
}

func TestANorthThatIsSwitchedOffOrDeletedMeanwhileHoldsNobody(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPlant(t)
		p.start()
		n := p.north(northBody("N"))
		p.north(northBody("M"))
		p.breaks("take N", always(errors.New("EIO")))
		done := make(chan error, 1)
		go func() { done <- p.offerOne(context.Background(), content.FromBytes(content.Any, "a", 0, []byte("1"))) }()
		pass(time.Minute)
		p.must(p.conn.DeleteNorth("me", n))
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	})
}

func TestASourceThatCannotBeReadIsNotTakenForTroubleOfADisk(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPlant(t)
		p.start()
		p.north(northBody("N"))
		path := filepath.Join(t.TempDir(), "x")
		if err := os.WriteFile(path, []byte("1"), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := content.FromFile(path, "x")
		if err == nil {
			err = os.Remove(path)
		}
		if err != nil {
			t.Fatal(err)
		}
		before := time.Now()
		if err := p.offerOne(context.Background(), c); err == nil || time.Since(before) > time.Second {
			t.Fatalf("after %s: %v", time.Since(before), err)
		}
	})
}

func TestAStopEndsHandingOn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPlant(t)
		p.start()
		p.north(northBody("N"))
		p.south(southBody("S", "second", "a"))
		p.breaks("take N", always(errors.New("EIO")))
		pass(time.Minute)
		before := time.Now()
		p.halt()
		if took := time.Since(before); took > time.Second {
			t.Fatalf("the stop took %s", took)
		}
	})
}

func TestAnUploadGoesToTheNorthsItNamesAndToNoOther(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPlant(t)
		p.start()
		a, b, c := p.north(northBody("A")), p.north(northBody("B")), p.north(northBody("C"))
		p.must(p.conn.EnableNorth("me", c, false))
		file := content.FromBytes(content.Any, "up.csv", 0, []byte("1"))
		p.must(p.PostFile(context.Background(), []string{a, "unknown", c}, "app", file))
		p.must(p.PostFile(context.Background(), []string{a}, "app", content.FromText("nobody wants this")))
		if n, m := p.delivered("A"), p.delivered("B"); !slices.Equal(n, []string{"up.csv"}) || len(m) != 0 {
			t.Fatalf("sent %q and %q", n, m)
		}
		p.breaks("take A", always(errors.New("EIO")))
		err := p.PostFile(context.Background(), []string{a, b}, "app", file)
		if err == nil || err.Error() != "EIO" {
			t.Fatalf("error %v", err)
		}
		synctest.Wait()
		if m := p.delivered("B"); len(m) != 1 {
			t.Fatalf("B was kept from its content by A: %q", m)
		}
	})
}

func TestASetpointIsPutIntoTheCacheOfItsNorth(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPlant(t)
		p.start()
		n := p.north(northBody("N"))
		set := []content.Setpoint{{Reference: "pump", Value: jsonText(`"1"`)}}
		p.must(p.Setpoint(context.Background(), n, set))
		if got := p.delivered("N"); len(got) != 1 {
			t.Fatalf("sent %q", got)
		}
		if err := p.Setpoint(context.Background(), "nope", set); err == nil || err.Error() != `Could not find North "nope" in engine` {
			t.Fatalf("error %v", err)
		}
		p.must(p.conn.EnableNorth("me", n, false))
		if err := p.Setpoint(context.Background(), n, set); err == nil || err.Error() != `North connector "`+n+`" disabled` {
			t.Fatalf("error %v", err)
		}
	})
}

func TestTheCacheOfANorthIsSearchedSeenAndChangedAlsoWhenItIsSwitchedOff(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPlant(t)
		p.start()
		p.breaks("send N", always(errors.New("down")))
		n := p.north(northBody("N"))
		p.must(p.PostFile(context.Background(), []string{n}, "app", content.FromBytes(content.Any, "up.csv", 0, []byte("a;b"))))
		p.must(p.conn.EnableNorth("me", n, false))
		found, err := p.SearchCache(n, emptyQuery)
		if err != nil || len(found.Cache) != 1 {
			t.Fatalf("%+v %v", found, err)
		}
		got := string(text(t, found))
		if !strings.Contains(got, `"searchDate":"20`) || !strings.Contains(got, `"metrics":{"metricsStart"`) || !strings.Contains(got, `"error":[]`) {
			t.Fatalf("got %s", got)
		}
		id := found.Cache[0].Filename
		view, err := p.CacheFile(n, cache.InCache, id)
		if err != nil || view.Content != "a;b" {
			t.Fatalf("%+v %v", view, err)
		}
		_, r, err := p.CacheReader(n, cache.InCache, id)
		if err != nil {
			t.Fatal(err)
		}
		r.Close()
		p.must(p.UpdateCache(n, cache.Update{Cache: cache.FolderUpdate{Remove: []string{id, "unknown"}}}))
		if found, err := p.SearchCache(n, emptyQuery); err != nil || len(found.Cache) != 0 {
			t.Fatalf("%+v %v", found, err)
		}
		if _, err := p.SearchCache("x", emptyQuery); err == nil || err.Error() != `Could not find North "x" in engine` {
			t.Fatalf("error %v", err)
		}
	})
}
