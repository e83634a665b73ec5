package boundary

import (
	"fmt"
	"testing"
	"time"
)

func repeated(b *Boundary, ms int64) Repeated { return b.Repeated(time.UnixMilli(ms)) }

func TestARowIsTakenAsOftenAsItWasThere(t *testing.T) {
	t.Parallel()
	var b Boundary
	b.Add(1, []byte("old"))
	b.Add(2, []byte("a"))
	b.Add(2, []byte("a"))
	b.Add(1, []byte("late"))
	for range 2 { // what is taken of one window does not count for another
		r := repeated(&b, 2)
		got := fmt.Sprint(r.Take(2, []byte("a")), r.Take(2, []byte("a")), r.Take(2, []byte("a")), r.Take(2, []byte("b")), r.Take(1, []byte("old")), r.Take(3, []byte("a")))
		if got != "true true false false false false" {
			t.Error(got)
		}
	}
	if r := repeated(&b, 1); r.Take(1, []byte("old")) || r.May(1) {
		t.Error("a window that begins elsewhere repeats on purpose")
	}
	if r := (*Boundary)(nil).Repeated(time.UnixMilli(2)); r.Take(2, []byte("a")) {
		t.Error("nothing was handed on")
	}
}

func TestTooManyRowsOfOneInstantAreNotRecognised(t *testing.T) {
	t.Parallel()
	var b Boundary
	for i := range most + 1 {
		b.Add(1, fmt.Append(nil, i))
	}
	if r := repeated(&b, 1); b.Counts(1) || r.May(1) || len(b.rows) > 0 {
		t.Errorf("%d are kept", len(b.rows))
	}
	if b.Add(2, []byte("a")); !b.Counts(2) || b.Counts(1) || !repeated(&b, 2).May(2) {
		t.Error("a later instant begins anew")
	}
}

func TestTheLatestBoundaryIsKept(t *testing.T) {
	t.Parallel()
	s := Seen{}
	var late, early, none Boundary
	late.Add(5, nil)
	early.Add(3, nil)
	s.Note("i", &none)
	if s["i"] != nil {
		t.Error("nothing was read")
	}
	s.Note("i", &late)
	s.Note("i", &early)
	s.Note("i", &none)
	if at, ok := s["i"].At(); at != 5 || !ok {
		t.Errorf("at %d", at)
	}
}
