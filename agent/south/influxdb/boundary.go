package influxdb

import (
	"hash/maphash"
	"time"

	"oibus/agent/south/influxdb/influx"
)

// maxRepeated is how many rows of one instant are recognised.
const maxRepeated = 10_000

var seed = maphash.MakeSeed()

// boundary is the rows of the greatest instant of a result. An instant has milliseconds and InfluxDB nanoseconds, and
// the ranges of Flux include their beginning: the next query finds these rows again, as long as there are no later ones.
// They are remembered while the connector runs, and handed on once more after a restart.
type boundary struct {
	at    int64 // ms
	timed bool  // there is one
	rows  map[uint64]int
	over  bool // there are too many to be recognised
}

func newBoundary() *boundary { return &boundary{rows: map[uint64]int{}} }

// add takes a row into account.
func (b *boundary) add(row influx.Row) {
	if !row.Timed || b.timed && row.Time < b.at {
		return
	}
	if !b.timed || row.Time > b.at {
		b.at, b.timed, b.over = row.Time, true, false
		clear(b.rows)
	}
	if len(b.rows) == maxRepeated {
		b.over = true
		clear(b.rows)
	}
	if !b.over {
		b.rows[maphash.Bytes(seed, row.JSON)]++
	}
}

// repeated are the rows that a window from start on finds again.
func (b *boundary) repeated(start time.Time) repeated {
	if b == nil || !b.timed || b.over || start.UnixMilli() != b.at {
		return repeated{}
	}
	r := repeated{at: b.at, left: make(map[uint64]int, len(b.rows))}
	for mark, n := range b.rows {
		r.left[mark] = n
	}
	return r
}

// repeated are rows that were handed on, each as often as it was.
type repeated struct {
	at   int64
	left map[uint64]int
}

// take says whether a row was handed on before.
func (r repeated) take(row influx.Row) bool {
	if len(r.left) == 0 || !row.Timed || row.Time != r.at {
		return false
	}
	mark := maphash.Bytes(seed, row.JSON)
	if r.left[mark] == 0 {
		return false
	}
	r.left[mark]--
	return true
}
