package cloud

import (
	"testing"
	"time"
)

func always(v float64) func() float64 { return func() float64 { return v } }

func TestTheWaitGrowsFromTheRetryIntervalToItsMaximum(t *testing.T) {
	t.Parallel()
	const s = time.Second
	for _, c := range []struct {
		attempt          int
		base, retryAfter time.Duration
		random           float64
		want             time.Duration
	}{
		{1, 5 * s, 0, 0.5, 5 * s},
		{2, 5 * s, 0, 0.5, 10 * s},
		{3, 5 * s, 0, 0.5, 20 * s},
		{5, 5 * s, 0, 0.5, 80 * s},
		{6, 5 * s, 0, 0.5, 120 * s},
		{1 << 40, 5 * s, 0, 0.5, 120 * s},
		{1, 5 * s, 0, 0, 3750 * time.Millisecond},
		{1, 4 * s, 0, 0.75, 4500 * time.Millisecond},
		{9, 600 * s, 0, 0.5, 600 * s}, // a longer interval is the person's wish
		{0, 5 * s, 0, 0.5, 5 * s},
		{-7, 5 * s, 0, 0.5, 5 * s},
		{3, 0, 0, 0.5, 0},
		{1, 5 * s, 60 * s, 0, 60 * s},
		{1, 5 * s, 60 * s, 0.5, 67500 * time.Millisecond},
		{6, 5 * s, 10 * s, 0.5, 120 * s},
		{1, 5 * s, 100 * time.Hour, 0, MaxRetryAfter},
		{1, 5 * s, -s, 0.5, 5 * s},
	} {
		if got := (Backoff{}).Next(c.attempt, c.base, c.retryAfter, always(c.random)); got != c.want {
			t.Errorf("%+v: got %s", c, got)
		}
	}
	if got := (Backoff{Max: 8 * s}).Next(4, 2*s, 0, always(0.5)); got != 8*s {
		t.Errorf("with a maximum of 8s: %s", got)
	}
}

func TestAFleetThatFailsTogetherDoesNotReturnTogether(t *testing.T) {
	t.Parallel()
	seen := map[time.Duration]bool{}
	for range 200 {
		got := (Backoff{}).Next(20, 5*time.Second, 0, nil)
		if got < 90*time.Second || got > 150*time.Second {
			t.Fatalf("waits %s", got)
		}
		seen[got.Round(time.Second)] = true
	}
	if len(seen) < 20 {
		t.Errorf("200 agents return in %d different seconds", len(seen))
	}
}

func FuzzTheWaitIsNeverNegativeNorShorterThanTheServerAsks(f *testing.F) {
	f.Add(3, int64(5e9), int64(0), 0.3)
	f.Add(1000, int64(1), int64(7e9), 0.999)
	f.Fuzz(func(t *testing.T, attempt int, base, retryAfter int64, random float64) {
		if !(random >= 0 && random < 1) || base > int64(24*time.Hour) {
			t.Skip()
		}
		got := (Backoff{}).Next(attempt, time.Duration(base), time.Duration(retryAfter), always(random))
		longest := max(MaxBackoff, time.Duration(base), MaxRetryAfter) * 5 / 4
		if got < 0 || got > longest || got < min(time.Duration(retryAfter), MaxRetryAfter) {
			t.Errorf("attempt %d, base %d, Retry-After %d: %s", attempt, base, retryAfter, got)
		}
	})
}
