package cache

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"oibus/agent/content"
)

func begin(t testing.TB, c *Cache) *Intake {
	t.Helper()
	in, err := c.Begin()
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func draft(t testing.TB, in *Intake, name, data string) *Draft {
	t.Helper()
	d, err := in.New(Meta{Kind: content.Any, FileName: name})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Write([]byte(data)); err != nil {
		t.Fatal(err)
	}
	if err := d.End(0); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDraftsAreThereWhenTheyAreCommitted(t *testing.T) {
	t.Parallel()
	d := newMemDisk()
	c := openCache(t, "/data", Options{disk: d, tune: small})
	in := begin(t, c)
	draft(t, in, "a", "small")
	draft(t, in, "b", strings.Repeat("large", 1000))
	draft(t, in, "c", "not wanted").Discard()
	draft(t, in, "d", strings.Repeat("not wanted", 1000)).Discard()
	open, err := in.New(Meta{Kind: content.TimeValues})
	if err != nil {
		t.Fatal(err)
	}
	if c.Stats().Cached != 0 {
		t.Fatal("there before it was committed")
	}
	if err := in.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := names(search(t, c, Query{}).Cache); strings.Join(got, " ") != "a b" || in.Len() != 1 || in.Held() != 0 {
		t.Fatalf("%q, %d left, %d held", got, in.Len(), in.Held())
	}
	if _, err := open.Write([]byte(values(1, 3))); err != nil {
		t.Fatal(err)
	}
	if err := open.End(3); err != nil {
		t.Fatal(err)
	}
	if _, err := open.Write([]byte("more")); err == nil {
		t.Error("wrote behind the end")
	}
	if err := in.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := view(t, c, InCache, open.ID()); got.Content != values(1, 3) {
		t.Errorf("%+v", got)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if left, _ := d.List("/data/cache/north-abc123/incoming"); len(left) > 0 || d.opened != 0 {
		t.Errorf("left %q, %d open files", left, d.opened)
	}
}

func TestADiscardedIntakeLeavesNothing(t *testing.T) {
	t.Parallel()
	d := newMemDisk()
	c := openCache(t, "/data", Options{disk: d, tune: small})
	in := begin(t, c)
	draft(t, in, "a", "small")
	draft(t, in, "b", strings.Repeat("large", 1000))
	open, err := in.New(Meta{Kind: content.Any})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := open.Write(make([]byte, 10000)); err != nil {
		t.Fatal(err)
	}
	in.Discard()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	draft(t, in, "c", strings.Repeat("late", 2000))
	if err := in.Commit(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if s := c.Stats(); s.Cached != 0 {
		t.Errorf("%+v", s)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if left, _ := d.List("/data/cache/north-abc123/incoming"); len(left) > 0 || d.opened != 0 {
		t.Errorf("left %q, %d open files", left, d.opened)
	}
}

func TestAnIntakeIsRefusedAsAWhole(t *testing.T) {
	t.Parallel()
	c := openCache(t, "/data", Options{disk: newMemDisk(), tune: small, Limits: Limits{MaxSize: 100}})
	in := begin(t, c)
	for i := range 20 { // they exceed the limit together, as one content may
		draft(t, in, fmt.Sprint(i), "0123456789")
	}
	if err := in.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	var full *FullError
	if _, err := c.Begin(); !errors.As(err, &full) {
		t.Errorf("got %v", err)
	}
	c.SetLimits(Limits{MaxSize: 1000, Reserve: 1})
	in = begin(t, c)
	draft(t, in, "late", "x")
	draft(t, in, "later", "x")
	c.SetLimits(Limits{MaxSize: 100, Reserve: 1})
	if err := in.Commit(t.Context()); !errors.As(err, &full) || c.Stats().Cached != 20 {
		t.Errorf("got %v, %+v", err, c.Stats())
	}
}

func TestSpilledDraftsAreInFilesUntilTheyAreCommitted(t *testing.T) {
	t.Parallel()
	d := newMemDisk()
	c := openCache(t, "/data", Options{disk: d, tune: small})
	in := begin(t, c)
	draft(t, in, "a", "small")
	array, err := in.New(Meta{Kind: content.TimeValues})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := array.Write([]byte(values(0, 5))); err != nil {
		t.Fatal(err)
	}
	if err := array.End(5); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := in.Spill(); err != nil || in.Held() != 0 {
			t.Fatal(err, in.Held())
		}
	}
	draft(t, in, "b", "in memory")
	if err := in.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	c = reopen(t, c)
	got := drain(t, c, 2)
	if len(got) != 5 || got[0] != "small" || got[1] != values(0, 2) || got[4] != "in memory" {
		t.Errorf("got %q", got)
	}
	in = begin(t, c)
	draft(t, in, "c", "small")
	d.mu.Lock()
	d.fail = func(op, _ string, _ int) error {
		if op == "sync" {
			return errInjected
		}
		return nil
	}
	d.mu.Unlock()
	if err := in.Spill(); !errors.Is(err, errInjected) {
		t.Errorf("got %v", err)
	}
	in.Discard()
	d.mu.Lock()
	d.fail = nil
	d.mu.Unlock()
	if c.Stats().Cached != 0 {
		t.Error("something is there")
	}
}

func TestADiskThatFailsDuringACommitLeavesNothingOfIt(t *testing.T) {
	t.Parallel()
	for step := 1; step < 30; step++ {
		d := newMemDisk()
		c := openCache(t, "/data", Options{disk: d, tune: small})
		putFile(t, c, "before", "x")
		in := begin(t, c)
		fail := func(op string, n int) error {
			if n == step && (op == "write" || op == "sync" || op == "create" || op == "syncdir") {
				return errInjected
			}
			return nil
		}
		n := 0
		d.mu.Lock()
		d.fail = func(op, _ string, _ int) error { n++; return fail(op, n) }
		d.mu.Unlock()
		var err error
		for i := range 3 {
			var one *Draft
			if one, err = in.New(Meta{Kind: content.Any, FileName: fmt.Sprint(i)}); err != nil {
				break
			}
			if _, err = one.Write(make([]byte, 3000*(i+1))); err != nil {
				break
			}
			if err = one.End(0); err != nil {
				break
			}
		}
		if err == nil {
			err = in.Commit(t.Context())
		}
		in.Discard()
		d.mu.Lock()
		d.fail = nil
		d.mu.Unlock()
		want := 4
		if err != nil {
			want = 1
		}
		verify(t, c)
		if got := c.Stats().Cached; got != want {
			t.Fatalf("step %d: %d contents after %v", step, got, err)
		}
		c = reopen(t, c)
		if got := c.Stats().Cached; got != want {
			t.Fatalf("step %d: %d contents after %v and a restart", step, got, err)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		if left, _ := d.List("/data/cache/north-abc123/incoming"); len(left) > 0 || d.opened != 0 {
			t.Fatalf("step %d: left %q, %d open files after %v", step, left, d.opened, err)
		}
	}
}

func TestMoreThanAGroupIsCommittedInSeveral(t *testing.T) {
	if testing.Short() {
		t.Skip("a lot of work, which the race detector only makes slow")
	}
	t.Parallel()
	c := openCache(t, "/data", Options{disk: newMemDisk()})
	in := begin(t, c)
	for range groupLimit + 10 {
		draft(t, in, "", "x")
	}
	if err := in.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := c.Stats().Cached; got != groupLimit+10 {
		t.Errorf("%d contents", got)
	}
	c = reopen(t, c)
	if got := len(drain(t, c, 0)); got != groupLimit+10 {
		t.Errorf("%d contents sent", got)
	}
}

func TestADeferredBatchGoesBehindTheOthers(t *testing.T) {
	t.Parallel()
	c := openCache(t, "/data", Options{disk: newMemDisk(), tune: small})
	putValues(t, c, 0, 10) // of which 4 are sent first
	putFile(t, c, "b", "b")
	first := next(t, c, 4)
	read(t, first)
	if err := first.Done(false); err != nil {
		t.Fatal(err)
	}
	rest := next(t, c, 100)
	if err := rest.Defer(); err != nil {
		t.Fatal(err)
	}
	if rest.Defer() == nil {
		t.Error("ended twice")
	}
	putFile(t, c, "c", "c")
	c = reopen(t, c)
	if got := drain(t, c, 100); len(got) != 3 || got[0] != "b" || got[1] != values(4, 6) || got[2] != "c" {
		t.Errorf("got %q", got)
	}
	if s := c.Stats(); s.Cached != 0 || s.Elements != 0 {
		t.Errorf("%+v", s)
	}
}
