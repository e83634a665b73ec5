package cache

import "fmt"

// A change is one record of the journal: what is true of some contents of one segment from now on.
//
//	checksum of the rest 4 | what 1 | place 1 | 0 0 | first 8 | count 4 | consumed 4 | at 8 | order 8 | bytes 8
type change struct {
	what     uint8
	place    place  // of changeMove
	first    uint64 // the contents first … first+count-1
	count    uint32
	at       int64  // of changeMove: when they came to the place
	order    uint64 // of changeMove: the place of the first one in the queue, 0 for its own
	consumed uint32 // of changeProgress
	attempts uint32 // of changeProgress, where at is
	bytes    uint64 // of changeProgress
}

const (
	changeMove     uint8 = 1 // they are in place
	changeProgress uint8 = 2 // so much of the one was sent, so often its sending failed
)

const changeSize = 48

func (ch *change) append(dst []byte) []byte {
	start := len(dst)
	dst = le.AppendUint32(dst, 0)
	dst = append(dst, ch.what, byte(ch.place), 0, 0)
	dst = le.AppendUint64(dst, ch.first)
	dst = le.AppendUint32(dst, ch.count)
	dst = le.AppendUint32(dst, ch.consumed)
	if ch.what == changeProgress {
		dst = le.AppendUint64(dst, uint64(ch.attempts))
	} else {
		dst = le.AppendUint64(dst, uint64(ch.at))
	}
	dst = le.AppendUint64(dst, ch.order)
	dst = le.AppendUint64(dst, ch.bytes)
	le.PutUint32(dst[start:], checksum(dst[start+4:]))
	return dst
}

func parseChange(b []byte) (change, error) {
	if len(b) != changeSize || checksum(b[4:]) != le.Uint32(b) {
		return change{}, fmt.Errorf("%w: wrong checksum", ErrDamaged)
	}
	ch := change{what: b[4], place: place(b[5]), first: le.Uint64(b[8:]), count: le.Uint32(b[16:]), consumed: le.Uint32(b[20:]),
		order: le.Uint64(b[32:]), bytes: le.Uint64(b[40:])}
	if ch.what == changeProgress {
		ch.attempts = uint32(le.Uint64(b[24:]))
	} else {
		ch.at = int64(le.Uint64(b[24:]))
	}
	if ch.what != changeMove && ch.what != changeProgress || ch.place >= places {
		return change{}, fmt.Errorf("%w: impossible change", ErrDamaged)
	}
	return ch, nil
}

// extend makes ch cover one more content if the next change does to the next content what ch does to its own.
func (ch *change) extend(next *change) bool {
	if ch.what != changeMove || next.what != changeMove || ch.place != next.place || ch.at != next.at || ch.count == 0 ||
		next.first != ch.first+uint64(ch.count) || (ch.order == 0) != (next.order == 0) ||
		ch.order != 0 && next.order != ch.order+uint64(ch.count) {
		return false
	}
	ch.count += next.count
	return true
}

// move brings the content at pos of g, which is loaded, to a place: in memory, and in what is written to the journal
// next. order is its place in the queue, 0 for its own;
// who gives one adds it to the requeued.
func (c *Cache) move(g *segment, pos int, p place, at int64, order uint64) {
	s := g.index.at(pos)
	ch := change{what: changeMove, place: p, first: g.first + uint64(s.ordinal), count: 1, at: at, order: order}
	w, e := ch.result(g.state.words[pos], g.state.extra(pos, s.ordinal), 0)
	c.set(g, pos, w, e)
	if p == gone {
		ch.at = 0 // the same for all, so that changes of neighbours become one
		if s.flags&flagOwnFile != 0 {
			c.journal.pending.garbage = append(c.journal.pending.garbage, c.blobPath(ch.first))
		}
	}
	c.record(ch)
}

// progress notes how far a content was sent and how often that failed.
func (c *Cache) progress(g *segment, pos int, e extra) {
	ordinal := g.index.ordinal(pos)
	ch := change{what: changeProgress, first: g.first + uint64(ordinal), count: 1, consumed: e.Consumed, attempts: e.Attempts, bytes: e.Bytes}
	w, e := ch.result(g.state.words[pos], g.state.extra(pos, ordinal), 0)
	c.set(g, pos, w, e)
	c.record(ch)
}

// apply does a change of the journal to the contents of g, which is loaded, in memory. What is gone stays gone.
func (c *Cache) apply(g *segment, ch *change) {
	if ch.first < g.first || ch.first-g.first >= 1<<32 {
		return
	}
	first := uint32(ch.first - g.first)
	pos, _ := g.index.find(first)
	for ; pos < g.index.len(); pos++ {
		ordinal := g.index.ordinal(pos)
		if uint64(ordinal)-uint64(first) >= uint64(ch.count) {
			return
		}
		if g.state.words[pos].place() == gone {
			continue
		}
		w, e := ch.result(g.state.words[pos], g.state.extra(pos, ordinal), ordinal-first)
		c.set(g, pos, w, e)
		if s := g.index.at(pos); w.place() == gone && s.flags&flagOwnFile != 0 {
			c.throwAway(c.blobPath(g.first + uint64(ordinal)))
		}
	}
}

// result is what becomes of the state of the content n after the first.
func (ch *change) result(w word, e extra, n uint32) (word, extra) {
	if ch.what == changeProgress {
		e.Consumed, e.Bytes, e.Attempts = ch.consumed, ch.bytes, ch.attempts
		return w, e
	}
	w = makeWord(ch.place, ch.at)
	e.Order, e.Attempts = 0, 0
	if ch.place == gone {
		return w, extra{}
	}
	if ch.order != 0 {
		w |= wordRequeued
		e.Order = ch.order + uint64(n)
	}
	return w, e
}
