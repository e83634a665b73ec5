// Package boundary recognises the rows that a window begins with and that the window before it has ended with. An instant
// has milliseconds, databases have micro- or nanoseconds, and some queries include their beginning: as long as there are
// no later rows, each query finds the last ones again. It promises that a row is handed on as often as it is there, while
// the connector runs; after a restart once more. It guards against the same rows being sent at each tick, for ever.
package boundary

import (
	"hash/maphash"
	"time"
)

// most is how many rows of one instant are recognised.
const most = 10_000

var seed = maphash.MakeSeed()

// Boundary is the rows of the greatest instant of a result. The zero value is ready.
type Boundary struct {
	at    int64 // ms
	timed bool  // there is one
	rows  map[uint64]int
	over  bool // there are too many to be recognised
}

// At is the greatest instant in milliseconds, false while there is none.
func (b *Boundary) At() (at int64, ok bool) { return b.at, b.timed }

// Counts says whether a row at that instant belongs to the boundary, as far as it is known: only such rows need to be added.
func (b *Boundary) Counts(at int64) bool { return !b.timed || at > b.at || at == b.at && !b.over }

// Add takes a row into account.
func (b *Boundary) Add(at int64, row []byte) {
	if b.timed && at < b.at {
		return
	}
	if !b.timed || at > b.at {
		b.at, b.timed, b.over = at, true, false
		clear(b.rows)
	}
	if len(b.rows) == most {
		b.over = true
		clear(b.rows)
	}
	if b.over {
		return
	}
	if b.rows == nil {
		b.rows = map[uint64]int{}
	}
	b.rows[maphash.Bytes(seed, row)]++
}

// Repeated are the rows that a window from start on finds again. b may be nil.
func (b *Boundary) Repeated(start time.Time) Repeated {
	if b == nil || !b.timed || b.over || start.UnixMilli() != b.at {
		return Repeated{}
	}
	r := Repeated{at: b.at, left: make(map[uint64]int, len(b.rows))}
	for mark, n := range b.rows {
		r.left[mark] = n
	}
	return r
}

// Repeated are rows that were handed on, each as often as it was.
type Repeated struct {
	at   int64
	left map[uint64]int
}

// Take says whether a row was handed on before.
func (r Repeated) Take(at int64, row []byte) bool {
	if !r.May(at) {
		return false
	}
	mark := maphash.Bytes(seed, row)
	if r.left[mark] == 0 {
		return false
	}
	r.left[mark]--
	return true
}

// May says whether a row at that instant can be one of them.
func (r Repeated) May(at int64) bool { return len(r.left) > 0 && at == r.at }

// Seen is what was handed on of each item. It is used by one goroutine at a time.
type Seen map[string]*Boundary

// Note takes the boundary of a result that was handed on into account.
func (s Seen) Note(item string, b *Boundary) {
	if before := s[item]; b.timed && (before == nil || b.at >= before.at) { // windows may be read from the latest on
		s[item] = b
	}
}
