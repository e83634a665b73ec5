package cache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"oibus/agent/content"
	"oibus/agent/entity"
	"oibus/platform/task"
)

func TestEverythingAtOnce(t *testing.T) {
	t.Parallel()
	c := openCache(t, t.TempDir(), Options{tune: small})
	const writers, each = 4, 150
	var mu sync.Mutex
	sent, waiting := map[string]int{}, atomic.Int64{}
	waiting.Store(writers * each)
	writing := task.New(t.Context(), nil)
	for w := range writers {
		writing.Go("writer", func(ctx context.Context) error {
			for i := range each {
				data := fmt.Sprintf(`[{"n":"%d.%d"}]`, w, i)
				m := Meta{Kind: content.TimeValues, Elements: 1}
				if i%10 == 0 {
					data, m = fmt.Sprintf("%d.%d", w, i)+strings.Repeat(" ", 5000), Meta{Kind: content.Any}
				}
				if _, err := c.Put(ctx, m, strings.NewReader(data)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	reading := task.New(t.Context(), nil)
	around := func(name string, f func() error) {
		reading.Go(name, func(ctx context.Context) error {
			for ctx.Err() == nil {
				if err := f(); err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
			}
			return nil
		})
	}
	around("search", func() error { _, err := c.Search(Query{NameContains: "a"}); return err })
	around("stats", func() error {
		if s := c.Stats(); s.CacheSize < 0 || s.Elements < 0 {
			return fmt.Errorf("%+v", s)
		}
		return nil
	})
	around("expire", func() error { _, err := c.Expire(time.Hour, time.Hour); return err })
	around("update", func() error { // to error and back, so that nothing is lost
		f, err := c.Search(Query{Max: 3, Newest: true})
		if err != nil {
			return err
		}
		var u Update
		for _, x := range f.Cache {
			u.Cache.Move = append(u.Cache.Move, Move{x.Filename, InError})
		}
		for _, x := range f.Error {
			u.Error.Move = append(u.Error.Move, Move{x.Filename, InCache})
		}
		_, err = c.Update(u)
		return err
	})
	around("view", func() error {
		f, err := c.Search(Query{Max: 2})
		if err != nil {
			return err
		}
		for _, x := range f.Cache {
			var missing *entity.NotFoundError
			if _, err := c.View(InCache, x.Filename); err != nil && !errors.As(err, &missing) {
				return err
			}
		}
		return nil
	})
	sending := task.New(t.Context(), nil)
	sending.Go("sender", func(ctx context.Context) error {
		for n := 0; waiting.Load() > 0 && ctx.Err() == nil; n++ {
			b, err := c.Next(7)
			if err != nil || b == nil {
				if err != nil {
					return err
				}
				continue
			}
			data, err := io.ReadAll(b.Reader())
			if err != nil {
				return err
			}
			if n%5 == 0 {
				if _, err := b.Fail(); err != nil {
					return err
				}
				continue
			}
			// A part of the batch may have been moved away while it was sent: it comes again.
			var parts []string
			for p := range strings.FieldsFuncSeq(string(data), func(r rune) bool { return strings.ContainsRune(`[]{}": ,n`, r) }) {
				parts = append(parts, p)
			}
			if err := b.Done(n%3 == 0); err != nil {
				return err
			}
			mu.Lock()
			for _, p := range parts {
				if sent[p]++; sent[p] == 1 {
					waiting.Add(-1)
				}
			}
			mu.Unlock()
		}
		return nil
	})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if err := writing.Wait(ctx); err != nil {
		t.Fatal(err)
	}
	if err := sending.Wait(ctx); err != nil {
		t.Fatalf("%v; %d are waiting, %+v", err, waiting.Load(), c.Stats())
	}
	if err := reading.StopAndWait(time.Minute); err != nil {
		t.Fatal(err)
	}
	verify(t, c)
	c = reopen(t, c)
	verify(t, c)
}

func TestTwoCachesDoNotWaitForEachOther(t *testing.T) {
	t.Parallel()
	stuck, free := newMemDisk(), newMemDisk()
	a, b := openCache(t, "/data", Options{disk: stuck}), openCache(t, "/data", Options{disk: free})
	release := make(chan struct{})
	stuck.mu.Lock()
	stuck.fail = func(op, _ string, _ int) error {
		if op == "sync" {
			stuck.mu.Unlock()
			<-release
			stuck.mu.Lock()
		}
		return nil
	}
	stuck.mu.Unlock()
	g := task.New(t.Context(), nil)
	g.Go("stuck", func(ctx context.Context) error {
		_, err := a.PutBytes(ctx, Meta{Kind: content.Any}, []byte("x"))
		return err
	})
	for range 100 {
		putFile(t, b, "x", "x")
	}
	if len(drain(t, b, 0)) != 100 {
		t.Error("lost some")
	}
	if _, err := a.Search(Query{}); err != nil { // the one that is stuck answers too
		t.Error(err)
	}
	a.Stats()
	close(release)
	if err := g.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestAReaderThatWasGivenUpDoesNoHarm(t *testing.T) {
	t.Parallel()
	c := openCache(t, t.TempDir(), Options{tune: small})
	for i := range 50 {
		putValues(t, c, i, 1)
	}
	b := next(t, c, 0)
	r := b.Reader()
	if _, err := io.ReadFull(r, make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	g := task.New(t.Context(), nil)
	g.Go("late reader", func(context.Context) error {
		_, err := io.Copy(io.Discard, r)
		if err != nil && !errors.Is(err, errEnded) {
			return err
		}
		return r.Close()
	})
	if _, err := b.Fail(); err != nil {
		t.Fatal(err)
	}
	if got := len(drain(t, c, 0)); got != 1 {
		t.Errorf("%d batches", got)
	}
	c.clean(t.Context())
	if err := g.Wait(t.Context()); err != nil {
		t.Error(err)
	}
	if s := c.Stats(); s.Errored != 0 || s.Incidents != 0 {
		t.Errorf("got %+v", s)
	}
}
