package task

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

var errGone = errors.New("gone")

func TestASleepEndsWithItsTimeOrItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		start := time.Now()
		if err := Sleep(ctx, time.Hour); err != nil || time.Since(start) != time.Hour {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		if err := Sleep(ctx, 0); err != nil {
			t.Error(err)
		}
		time.AfterFunc(time.Second, func() { cancel(errGone) })
		start = time.Now()
		if err := Sleep(ctx, time.Hour); !errors.Is(err, errGone) || time.Since(start) != time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		if err := Sleep(ctx, 0); !errors.Is(err, errGone) {
			t.Errorf("a context that has ended is not noticed: %v", err)
		}
	})
}

func TestGraceEndsAMomentLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		longer, end := Grace(ctx, time.Minute)
		defer end()
		start := time.Now()
		cancel()
		if longer.Err() != nil {
			t.Error("it ends at once")
		}
		<-longer.Done()
		if time.Since(start) != time.Minute {
			t.Errorf("it ends after %v", time.Since(start))
		}
		if late, _ := Grace(ctx, time.Minute); late.Err() == nil {
			t.Error("there is grace for what begins after the end")
		}
	})
}

func TestReadingEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	r := Reader(ctx, strings.NewReader("abcdef"))
	b := make([]byte, 3)
	if n, err := io.ReadFull(r, b); n != 3 || err != nil {
		t.Fatal(n, err)
	}
	cancel(errGone)
	if _, err := r.Read(b); !errors.Is(err, errGone) {
		t.Errorf("got %v", err)
	}
}
