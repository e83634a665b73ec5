package task

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestAPanicBecomesAnErrorThatNamesTheTask(t *testing.T) {
	t.Parallel()
	var failed string
	g := New(t.Context(), func(name string, err error) { failed = name })
	g.Go("poller", func(context.Context) error { panic("boom") })
	err := g.Wait(t.Context())
	var p *PanicError
	if !errors.As(err, &p) || p.Task != "poller" || failed != "poller" {
		t.Fatalf("got error %v, failed task %q", err, failed)
	}
}

func TestAStopThatIsBlockedSaysWhoBlocksIt(t *testing.T) {
	t.Parallel()
	g := New(t.Context(), nil)
	release := make(chan struct{})
	g.Go("stubborn", func(context.Context) error { <-release; return nil })
	g.Go("obedient", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
	err := g.StopAndWait(20 * time.Millisecond)
	if err == nil || !strings.Contains(err.Error(), "stubborn") {
		t.Fatalf("the error should name the blocking task, got %v", err)
	}
	close(release)
	if err := g.Wait(t.Context()); err != nil {
		t.Fatalf("a cancelled task is no failure, got %v", err)
	}
}
