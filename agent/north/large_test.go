package north

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"testing"

	"oibus/agent/content"
	"oibus/agent/entity"
	"oibus/agent/transform"
)

// waiter is a transformer that says that it runs, and waits.
type waiter struct{ started, end chan struct{} }

func (w waiter) Plan(context.Context, transform.Input) (transform.Plan, error) {
	return transform.Plan{Kind: content.Any, FileName: "x", Run: func(ctx context.Context, out io.Writer) (int, error) {
		w.started <- struct{}{}
		select {
		case <-w.end:
			return 0, nil
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}}, nil
}

func TestOnlySoManyLargeContentsAreHandledAtOnceAndSmallOnesPassThem(t *testing.T) {
	t.Parallel()
	w := waiter{make(chan struct{}, 100), make(chan struct{})}
	n := onTick()
	n.Transformers = []entity.TransformerLink{link("l1", "wait", ofSouth("large"))}
	r, _ := run(t, t.TempDir(), n, newTarget(), func(o *Options) {
		o.Transformer = func(string) (transform.Transformer, string, bool) { return w, "wait", true }
	})
	large := content.FromBytes(content.Any, "large", 0, bytes.Repeat([]byte("x"), largeContent+1))
	var all sync.WaitGroup
	for range largeAtOnce() + 3 {
		all.Go(func() {
			if err := r.Accept(t.Context(), large, fromSouth("large")); err != nil {
				t.Error(err)
			}
		})
	}
	for range largeAtOnce() {
		<-w.started
	}
	accept(t, r, fileNamed("small", "x"), fromSouth("other")) // and those that wait had the time to begin
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Accept(ctx, large, fromSouth("large")); !errors.Is(err, context.Canceled) {
		t.Errorf("a content whose source gives up: got %v", err)
	}
	if len(w.started) > 0 {
		t.Errorf("%d more large contents are handled", len(w.started))
	}
	close(w.end)
	all.Wait()
}

func TestLargeContentsThatWaitDoNotHoldUpTheEnd(t *testing.T) {
	t.Parallel()
	w := waiter{make(chan struct{}, 100), make(chan struct{})}
	n := onTick()
	n.Transformers = []entity.TransformerLink{link("l1", "wait", ofSouth())}
	r, _ := run(t, t.TempDir(), n, newTarget(), func(o *Options) {
		o.Transformer = func(string) (transform.Transformer, string, bool) { return w, "wait", true }
	})
	large := content.FromBytes(content.Any, "large", 0, make([]byte, largeContent+1))
	var all sync.WaitGroup
	for range largeAtOnce() + 1 {
		all.Go(func() {
			if err := r.Accept(t.Context(), large, fromSouth("i")); !errors.Is(err, ErrStopped) {
				t.Errorf("got %v", err)
			}
		})
	}
	<-w.started
	stop(t, r)
	all.Wait()
}
