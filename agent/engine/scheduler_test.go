package engine

import (
	"bytes"
	"log/slog"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"oibus/agent/entity"
)

// wallClock is a clock that can be set.
type wallClock struct{ offset atomic.Int64 }

func (c *wallClock) now() time.Time { return time.Now().Add(time.Duration(c.offset.Load())) }

func mode(id, cron string) entity.ScanMode {
	return entity.ScanMode{Audit: entity.Audit{ID: id}, Name: id, Cron: cron}
}

func TestAScanModeIsDueAtItsTicksAndNoOther(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var ticks []string
		s := newScheduler(time.Now, func(id string) { ticks = append(ticks, id+" "+time.Now().UTC().Format("15:04:05")) }, slog.New(slog.DiscardHandler))
		s.set([]entity.ScanMode{mode("a", "*/20 * * * * *"), mode("b", "0 * * * * *")})
		ctx := t.Context()
		go func() { _ = s.run(ctx) }()
		pass(61 * time.Second)
		slices.Sort(ticks)
		want := []string{"a 00:00:20", "a 00:00:40", "a 00:01:00", "b 00:01:00"}
		if !slices.Equal(ticks, want) {
			t.Fatalf("got %q, want %q", ticks, want)
		}
	})
}

func TestAChangedScanModeIsPlannedAnewAndTheOthersKeepTheirRhythm(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 10, 0, time.UTC)
	s := newScheduler(func() time.Time { return now }, nil, slog.New(slog.DiscardHandler))
	s.set([]entity.ScanMode{mode("a", "0 * * * * *"), mode("b", "0 * * * * *")})
	now = now.Add(50 * time.Second) // 00:01:00: both are due
	s.set([]entity.ScanMode{mode("a", "30 * * * * *"), mode("b", "0 * * * * *"), mode("c", "@yearly")})
	ids, nap := s.due(now)
	if !slices.Equal(ids, []string{"b"}) || nap != longestNap {
		t.Fatalf("due %q, then sleep %s", ids, nap)
	}
	s.set(nil)
	if ids, _ := s.due(now.Add(time.Hour)); len(ids) != 0 {
		t.Fatalf("due %q although nothing is in use", ids)
	}
}

func TestAfterASleepOfTheMachineEachScanModeIsDueOnce(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s := newScheduler(func() time.Time { return now }, nil, slog.New(slog.DiscardHandler))
	s.set([]entity.ScanMode{mode("a", "* * * * * *"), mode("b", "0 0 * * * *")})
	now = now.Add(30 * time.Hour)
	ids, _ := s.due(now)
	slices.Sort(ids)
	if !slices.Equal(ids, []string{"a", "b"}) {
		t.Fatalf("due %q", ids)
	}
	if ids, _ := s.due(now); len(ids) != 0 {
		t.Fatalf("due again: %q", ids)
	}
}

func TestAClockThatIsSetBackDoesNotSilenceAScanMode(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 12, 30, 0, 0, time.UTC)
	s := newScheduler(func() time.Time { return now }, nil, slog.New(slog.DiscardHandler))
	s.set([]entity.ScanMode{mode("a", "0 0 * * * *")})
	s.due(now)
	now = now.Add(-5 * time.Hour)
	s.due(now)
	if ids, _ := s.due(now.Add(29 * time.Minute)); len(ids) != 0 {
		t.Fatalf("due too early: %q", ids)
	}
	if ids, _ := s.due(now.Add(30 * time.Minute)); len(ids) != 1 {
		t.Fatalf("due %q", ids)
	}
	// A clock that is kept right goes back a little now and then: that is no reason to tick twice.
	s.due(now.Add(30*time.Minute - time.Second))
	if ids, _ := s.due(now.Add(30*time.Minute + time.Millisecond)); len(ids) != 0 {
		t.Fatalf("due twice: %q", ids)
	}
}

func TestAClockThatIsSetForwardIsNoticedInTime(t *testing.T) {
	bubble(t, func(t *testing.T) {
		clock := &wallClock{}
		n := 0
		s := newScheduler(clock.now, func(string) { n++ }, slog.New(slog.DiscardHandler))
		s.set([]entity.ScanMode{mode("a", "0 0 * * * *")})
		ctx := t.Context()
		go func() { _ = s.run(ctx) }()
		pass(time.Second)
		clock.offset.Store(int64(2 * time.Hour))
		pass(longestNap)
		if n != 1 {
			t.Fatalf("%d ticks", n)
		}
	})
}

func TestTicksFollowTheClockOnTheWallThroughSummerTime(t *testing.T) {
	t.Parallel()
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Skip("no time zones on this machine")
	}
	now := time.Date(2026, 3, 28, 12, 0, 0, 0, paris)
	s := newScheduler(func() time.Time { return now }, nil, slog.New(slog.DiscardHandler))
	s.set([]entity.ScanMode{mode("day", "0 0 8 * * *")})
	var at []string
	for end := now.Add(72 * time.Hour); now.Before(end); now = now.Add(time.Minute) {
		if ids, _ := s.due(now); len(ids) > 0 {
			at = append(at, now.Format("02 15:04 -0700"))
		}
	}
	want := []string{"29 08:00 +0200", "30 08:00 +0200", "31 08:00 +0200"}
	if !slices.Equal(at, want) {
		t.Fatalf("got %q, want %q", at, want)
	}
}

func TestAnExpressionThatCannotBeReadIsLoggedOnce(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	s := newScheduler(time.Now, nil, slog.New(slog.NewTextHandler(&log, nil)))
	for range 3 {
		s.set([]entity.ScanMode{mode("bad", "99 * * * * *")})
	}
	if n := bytes.Count(log.Bytes(), []byte("Error when creating cron job for scan mode")); n != 1 {
		t.Fatalf("logged %d times: %s", n, log.String())
	}
}
