package cache

import "sort"

// lookAhead is how many segments are searched for contents to join to the first one of the queue.
const lookAhead = 16

// requeue is a content that was put at the tail of the queue: it stands where a content with the sequence number
// order would.
type requeue struct{ order, seq uint64 }

// walk goes through the queue in order.
type walk struct {
	c        *Cache
	after    uint64 // only contents behind this place in the queue
	kind     int    // only contents of this kind that can be joined, -1 for all
	segment  int    // among those of the cache
	pos      int    // in that segment
	requeued int    // among the requeued
	budget   int    // how many segments may still be looked into

	own, again       item // what is next in its turn, and of the requeued
	hasOwn, hasAgain bool
}

// walkFrom begins behind the content at order.
func (c *Cache) walkFrom(order uint64, kind int) *walk {
	w := &walk{c: c, after: order, kind: kind, budget: c.o.tune.lookAhead}
	w.segment = max(sort.Search(len(c.segs), func(i int) bool { return c.segs[i].first > order })-1, 0)
	w.requeued = sort.Search(len(c.requeued), func(i int) bool { return c.requeued[i].order > order })
	return w
}

// next returns the next content, or ok false when there is none within reach.
func (w *walk) next() (i item, ok bool, err error) {
	if !w.hasOwn {
		if err := w.nextOwn(); err != nil {
			return item{}, false, err
		}
	}
	if !w.hasAgain {
		if err := w.nextRequeued(); err != nil {
			return item{}, false, err
		}
	}
	switch {
	case !w.hasOwn && !w.hasAgain:
		return item{}, false, nil
	case !w.hasAgain || w.hasOwn && w.own.order < w.again.order:
		w.hasOwn = false
		return w.own, true, nil
	}
	w.hasAgain = false
	return w.again, true, nil
}

// itemAt is the content at pos of g, which is loaded, as a part of a batch.
func itemAt(g *segment, pos int, order uint64) item {
	i := item{slot: g.index.at(pos), order: order, word: g.state.words[pos], data: g.data, length: g.data.length}
	i.seq = g.first + uint64(i.slot.ordinal)
	i.extra = g.state.extra(pos, i.slot.ordinal)
	i.to = i.slot.elements
	return i
}

// nextOwn finds the next content that is in the queue in its own turn.
func (w *walk) nextOwn() error {
	for ; w.segment < len(w.c.segs); w.segment, w.pos = w.segment+1, 0 {
		g := w.c.segs[w.segment]
		if g.sum.Count[queued] == g.sum.Requeued || w.kind >= 0 && g.sum.Kinds[w.kind] == 0 {
			continue
		}
		if w.pos == 0 {
			if w.budget--; w.budget < 0 {
				return nil
			}
		}
		if err := w.c.load(g); err != nil {
			return err
		}
		if w.nextIn(g) {
			return nil
		}
	}
	return nil
}

// nextIn finds the next content of g, which is loaded.
func (w *walk) nextIn(g *segment) bool {
	words := g.state.words
	for g.from < len(words) && !inTurn(words[g.from]) {
		g.from++
	}
	for w.pos = max(w.pos, g.from); w.pos < len(words); w.pos++ {
		seq := g.first + uint64(g.index.ordinal(w.pos))
		if inTurn(words[w.pos]) && seq > w.after && w.wanted(g, w.pos) {
			w.own, w.hasOwn = itemAt(g, w.pos, seq), true
			w.pos++
			return true
		}
	}
	return false
}

func inTurn(w word) bool { return w.place() == queued && w&wordRequeued == 0 }

func (w *walk) wanted(g *segment, pos int) bool {
	if w.kind < 0 {
		return true
	}
	s := g.index.at(pos)
	return int(s.kind) == w.kind && s.joinable()
}

// nextRequeued finds the next content that was put at the tail.
func (w *walk) nextRequeued() error {
	for looked := 0; w.requeued < len(w.c.requeued); {
		r := w.c.requeued[w.requeued]
		g, pos, ok, err := w.c.find(r.seq)
		if err != nil {
			return err
		}
		w.requeued++
		if !ok || !w.c.stands(g, pos, r.order) {
			continue
		}
		if w.wanted(g, pos) {
			w.again, w.hasAgain = itemAt(g, pos, r.order), true
			return nil
		}
		if looked++; looked > segmentEntries {
			return nil
		}
	}
	return nil
}

// stands says whether the content at pos is in the queue because of the request with order.
func (c *Cache) stands(g *segment, pos int, order uint64) bool {
	w := g.state.words[pos]
	return w.place() == queued && w&wordRequeued != 0 && g.state.extra(pos, g.index.ordinal(pos)).Order == order
}

// forgetRequeued drops the requests at the front that count no more.
func (c *Cache) forgetRequeued() error {
	n := 0
	for ; n < len(c.requeued); n++ {
		g, pos, ok, err := c.find(c.requeued[n].seq)
		if err != nil {
			return err
		}
		if ok && c.stands(g, pos, c.requeued[n].order) {
			break
		}
	}
	c.requeued = c.requeued[n:]
	if len(c.requeued) == 0 {
		c.requeued = nil
	}
	return nil
}
