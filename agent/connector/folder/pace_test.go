package folder

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestWhatStandsStillIsEnded(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{})
	p := Watch(t.Context(), 10*time.Millisecond, func() { close(ended) })
	<-ended
	if err := p.Done(errors.New("closed")); err == nil || !strings.Contains(err.Error(), "stands still") {
		t.Errorf("got %v", err)
	}
}

func TestWhatMovesGoesOn(t *testing.T) {
	t.Parallel()
	p := Watch(t.Context(), time.Hour, func() { t.Error("it was ended") })
	for range 5 {
		p.Progress()
		p.look()
	}
	if err := p.Done(nil); err != nil {
		t.Error(err)
	}
	p.look() // a timer that was late
}

func TestTheEndOfTheContextEndsIt(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	p := Watch(ctx, 0, func() { close(ended) })
	cancel()
	<-ended
	if err := p.Done(errors.New("closed")); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	p = Watch(t.Context(), time.Hour, func() {})
	if err := p.Done(errors.ErrUnsupported); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("another error became %v", err)
	}
}

func TestForeignWordsAreMadeFitToBeShown(t *testing.T) {
	t.Parallel()
	foreign := errors.New("530 Login\r\nwith s3cret failed\x1b[31m \xff" + strings.Repeat("x", 2*longestText))
	got := Clean(foreign, "s3cret", "")
	if text := got.Error(); strings.ContainsAny(text, "\r\n\x1b") || strings.Contains(text, "s3cret") || len(text) > longestText+len("…") || !errors.Is(got, foreign) {
		t.Errorf("got %q", text)
	}
	if plain := errors.New("plain"); Clean(plain) != plain || Clean(nil) != nil {
		t.Error("what needs no change was changed")
	}
}
