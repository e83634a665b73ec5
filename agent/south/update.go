package south

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"oibus/agent/entity"
)

// Update makes other items and groups valid, without a new connection. What is being read is read to the end of its
// window, then goes on as it is configured now. Nothing is left out; nothing is read twice, unless a run that reads the
// latest windows first was changed, which begins again.
//
// South must not change any more. For another name or other settings, stop the Runner and start another one.
func (r *Runner) Update(south entity.South) error {
	if south.ID != r.id {
		return fmt.Errorf("cannot make south %q of south %q", south.ID, r.id)
	}
	r.updating.Lock()
	defer r.updating.Unlock()
	next := newPlan(&south, r.o.Type.Batch)
	r.mu.Lock()
	before := r.plan
	r.mu.Unlock()
	if err := r.move(before, next); err != nil {
		return err
	}
	r.mu.Lock()
	r.swap(next)
	r.mu.Unlock()
	err := r.tidy(next)
	signal(r.changed)
	return err
}

// swap replaces the plan. Units that wait keep their places.
func (r *Runner) swap(next *plan) {
	before := r.plan
	known := make(map[string]*unit, len(before.units))
	for _, u := range before.units {
		known[u.key] = u
	}
	byKey := make(map[string]*unit, len(next.units))
	for _, u := range next.units {
		byKey[u.key] = u
		if old := known[u.key]; old != nil {
			u.warned, u.passed = old.warned, old.passed
		}
	}
	queue := r.queue[:0:0]
	for _, u := range r.queue {
		if now := byKey[u.key]; now != nil && !now.busy {
			now.busy = true
			queue = append(queue, now)
		}
	}
	for _, u := range r.running {
		now := byKey[u.key]
		if now == nil || !now.same(u) {
			u.stale, u.next = true, nil
		} else if !u.stale {
			u.next, now.busy = now, true
		}
	}
	r.plan, r.describer, r.queue = next, r.newDescriber(next), queue
}

// move brings positions to where they are needed: an item that leaves a group goes on from where the group is, and one
// that joins it catches up.
func (r *Runner) move(before, next *plan) error {
	r.positions.Lock()
	defer r.positions.Unlock()
	rows := map[string]Row{}
	joining := map[string][]string{}
	for id, key := range next.keys {
		old, known := before.keys[id]
		own := itemKey(id)
		switch {
		case !known || old == key:
		case old != own && key == own:
			r.leave(old, own, rows)
		case old == own && key != own:
			joining[key] = append(joining[key], own)
		default: // from one group to another
			r.leave(old, own, rows)
			joining[key] = append(joining[key], own)
		}
	}
	for group, members := range joining {
		r.join(group, members, rows)
	}
	if len(rows) == 0 {
		return nil
	}
	return r.book.Save(rows)
}

// leave gives an item the position of the group it was read with.
func (r *Runner) leave(group, own string, rows map[string]Row) {
	shared, ok := r.book.Row(group)
	if !ok {
		return
	}
	row := Row{Position: shared.Position, QueryTime: shared.QueryTime}
	if late, ok := r.book.Row(own); ok && !late.Until.IsZero() {
		row.Position = late.Position // it had not caught up
	} else {
		r.inherit(group, own)
	}
	rows[own] = row
}

// inherit lets an item have what is still read of the group it has left.
func (r *Runner) inherit(group, own string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, u := range r.running {
		if u.key == group {
			u.heirs = append(u.heirs, own)
		}
	}
}

// join lets items be read with a group. Where a group without a position begins is where its newest member is; members
// that are behind are read alone up to there.
func (r *Runner) join(group string, members []string, rows map[string]Row) {
	slices.Sort(members)
	position := func(key string) (Row, bool) {
		if row, ok := rows[key]; ok {
			return row, true
		}
		return r.book.Row(key)
	}
	shared, known := position(group)
	start := reached(shared)
	if start.IsZero() {
		for _, m := range members {
			if row, ok := position(m); ok && reached(row).After(start) {
				shared, known, start = Row{Position: row.Position, QueryTime: row.QueryTime}, true, reached(row)
			}
		}
		if known && !start.IsZero() {
			rows[group] = shared
		}
	}
	for _, m := range members {
		row, ok := position(m)
		if at := reached(row); ok && !at.IsZero() && at.Before(start) {
			row.Until = start
			rows[m] = row
		}
	}
}

// reached is up to where a unit was read; zero when it never was.
func reached(row Row) time.Time {
	if !row.Tracked.IsZero() {
		return row.Tracked
	}
	return row.Seen
}

// gone says whether no item has the row with that key any more. The mutex is held.
func (r *Runner) gone(key string) bool {
	for _, k := range r.plan.keys {
		if k == key {
			return false
		}
	}
	return true
}

// tidy forgets what is known of items and groups that are gone. What belongs to an item that is read with its group
// stays: it may remember something.
func (r *Runner) tidy(p *plan) error {
	units := r.book.units()
	for id, key := range p.keys {
		delete(units, key)
		delete(units, itemKey(id))
	}
	if len(units) == 0 {
		return nil
	}
	return r.book.drop(slices.Sorted(maps.Keys(units))...)
}
