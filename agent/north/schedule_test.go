package north

import (
	"testing"
	"time"

	"oibus/agent/entity"
)

func TestWhenANorthSends(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	at := func(ms int) time.Time { return now.Add(time.Duration(ms) * time.Millisecond) }
	var c entity.Caching
	c.Trigger.NumberOfElements, c.Trigger.NumberOfFiles = 100, 2
	c.Throttling.RunMinDelay, c.Throttling.MaxNumberOfElements = 200, 1000
	some := waiting{elements: 50, contents: 5}
	for _, x := range []struct {
		what  string
		s     schedule
		w     waiting
		want  action
		until time.Time
	}{
		{"connects first", schedule{}, some, connect, time.Time{}},
		{"connects again when it is time", schedule{connectAt: at(10)}, some, wait, at(10)},
		{"has nothing to send at a tick", schedule{connected: true, ticked: true}, waiting{}, wait, time.Time{}},
		{"sends at a tick however little waits", schedule{connected: true, ticked: true}, some, begin, time.Time{}},
		{"sends at a tick soon after a run", schedule{connected: true, ticked: true, ended: at(-1)}, some, begin, time.Time{}},
		{"waits for more", schedule{connected: true}, some, wait, time.Time{}},
		{"waits for more files", schedule{connected: true}, waiting{files: 1, contents: 1}, wait, time.Time{}},
		{"sends enough elements", schedule{connected: true}, waiting{elements: 100, contents: 1}, begin, time.Time{}},
		{"sends enough files", schedule{connected: true}, waiting{files: 2, contents: 2}, begin, time.Time{}},
		{"leaves the minimal delay between runs", schedule{connected: true, ended: at(-150)}, waiting{elements: 100, contents: 1}, wait, at(50)},
		{"sends when the minimal delay is over", schedule{connected: true, ended: at(-200)}, waiting{elements: 100, contents: 1}, begin, time.Time{}},
		{"sends a full batch at once", schedule{connected: true, ended: at(-1)}, waiting{elements: 1000, contents: 1}, begin, time.Time{}},
		{"goes on with a run", schedule{connected: true, running: true, ended: at(-1)}, some, send, time.Time{}},
		{"waits for the retry though more has come", schedule{connected: true, retryAt: at(30)}, waiting{elements: 5000, contents: 9}, wait, at(30)},
		{"waits for the retry though there is a tick", schedule{connected: true, ticked: true, running: true, retryAt: at(30)}, some, wait, at(30)},
		{"tries again when it is time", schedule{connected: true, retryAt: at(0)}, some, send, time.Time{}},
		{"sends nothing without a connection", schedule{connectAt: at(5), retryAt: at(-5), running: true}, some, wait, at(5)},
	} {
		if got, until := x.s.next(now, x.w, &c); got != x.want || !until.Equal(x.until) {
			t.Errorf("%s: got %d until %v, want %d until %v", x.what, got, until, x.want, x.until)
		}
	}
}

func TestARunEndsWhenWhatWaitedAtItsBeginIsSent(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	s := schedule{connected: true, ticked: true}
	s.begun(waiting{files: 2, elements: 30, contents: 5})
	if s.ticked || !s.running {
		t.Fatalf("%+v", s)
	}
	s.sent(now, 20)
	s.sent(now, 0)
	s.sent(now, 20)
	if !s.running {
		t.Fatal("ended though a file is left")
	}
	s.failed(now.Add(time.Second))
	s.sent(now, 0)
	if s.running || !s.retryAt.IsZero() || s.ended != now {
		t.Fatalf("%+v", s)
	}
}

func TestDurationsOfSettingsNeitherOverflowNorGoBack(t *testing.T) {
	t.Parallel()
	for n, want := range map[float64]time.Duration{-5: 0, 0: 0, 1.5: 90 * time.Minute, 1e300: (1<<63 - 1) / 2} {
		if got := hours(n); got != want && (n < 1e9 || got <= 0) {
			t.Errorf("%v hours are %v, want %v", n, got, want)
		}
	}
}
