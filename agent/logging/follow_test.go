package logging

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// nextOf is the message of the next entry, or what kept it from coming.
func nextOf(t *testing.T, f *Follower) string {
	t.Helper()
	ctx, cancel := contextFor(t, time.Minute)
	defer cancel()
	e, err := f.Next(ctx)
	if err != nil {
		return err.Error()
	}
	return e.Message
}

func TestNewEntriesAreFollowed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := openHub(t, t.TempDir(), Options{})
		apply(t, h, settings())
		write(t, h, "before ", 1, 3)
		h.Logger(Scope{}).Info("still on its way to the journal")
		all := h.Follow(Query{}, Now)
		errorsOnly := h.Follow(Query{Levels: []slog.Level{slog.LevelError}}, Now)
		log := h.Logger(Scope{Type: South, ID: "s1"})
		log.Info("one")
		log.Error("two")
		a, errA := all.Next(t.Context())
		b, errB := all.Next(t.Context())
		if errA != nil || errB != nil || a.Message != "one" || b.Message != "two" || b.Seq != a.Seq+1 || a.Scope.ID != "s1" {
			t.Errorf("followed %+v, %+v", a, b)
		}
		if got := nextOf(t, errorsOnly); got != "two" {
			t.Errorf("followed %q", got)
		}
		if got := nextOf(t, errorsOnly); got != context.DeadlineExceeded.Error() {
			t.Errorf("followed %q", got)
		}
		closeHub(t, h)
		if _, err := all.Next(t.Context()); !errors.Is(err, io.EOF) {
			t.Errorf("a closed hub is followed: %v", err)
		}
	})
}

func TestASlowFollowerMissesNothing(t *testing.T) {
	t.Parallel()
	h := openHub(t, t.TempDir(), Options{})
	apply(t, h, settings())
	f := h.Follow(Query{Text: "m"}, Now)
	write(t, h, "m", 1, 5000)
	for i := range 5000 {
		if got := nextOf(t, f); got != "m"+strconv.Itoa(i+1) {
			t.Fatalf("entry %d is %q", i+1, got)
		}
	}
}

func TestAFollowerGoesOnWhereAnotherOneStopped(t *testing.T) {
	t.Parallel()
	h := openHub(t, t.TempDir(), Options{})
	apply(t, h, settings())
	f := h.Follow(Query{}, Now)
	write(t, h, "m", 1, 3000)
	for i := range 3000 {
		if got := nextOf(t, f); got != "m"+strconv.Itoa(i+1) {
			t.Fatalf("entry %d is %q", i+1, got)
		}
		if i%7 == 0 {
			f = h.Follow(Query{}, f.Read())
		}
	}
}

func TestAFollowerIsToldWhatTheJournalNoLongerHolds(t *testing.T) {
	t.Parallel()
	h := openHub(t, t.TempDir(), Options{})
	s := settings()
	s.Database.MaxNumberOfLogs = 100
	apply(t, h, s)
	f := h.Follow(Query{}, Now)
	write(t, h, "m", 1, 1)
	nextOf(t, f)
	last := f.Read()
	write(t, h, "m", 2, 9000)
	f = h.Follow(Query{}, last)
	notice := nextOf(t, f)
	number, _, _ := strings.Cut(notice, " ")
	missing, err := strconv.Atoi(number)
	if err != nil || !strings.Contains(notice, "not shown here") || missing < 1 || f.Read() != last+uint64(missing) {
		t.Fatalf("told %q, read to %d", notice, f.Read())
	}
	if got := nextOf(t, f); got != "m"+strconv.Itoa(2+missing) {
		t.Errorf("then %q", got)
	}
	if newer := h.Follow(Query{}, last+1_000_000); newer.Read() != h.queue.last() {
		t.Errorf("a number that is not given yet leads to %d", newer.Read())
	}
}

func TestAPlaceInTheJournalIsFoundWithoutReadingIt(t *testing.T) {
	t.Parallel()
	h := openHub(t, t.TempDir(), Options{})
	apply(t, h, settings())
	write(t, h, strings.Repeat("x", 200), 1, 20_000)
	from, to := h.queue.last()-20_000+1, h.queue.last()
	for _, seq := range []uint64{from, from + 1, (from + to) / 2, to - 1, to} {
		p := h.journal.seek(seq)
		buf := make([]byte, chunkSize)
		n, _, err := h.journal.read(p, buf)
		if err != nil {
			t.Fatal(err)
		}
		line, _, _ := strings.Cut(string(buf[:n]), "\n")
		r, err := parseRecord([]byte(line))
		if err != nil || r.seq > seq || seq-r.seq > 2*chunkSize/200 {
			t.Errorf("looking for %d, found %d: %v", seq, r.seq, err)
		}
	}
}
