package cache

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// Update is what an update command or request asks for: JSON as in the reference.
type Update struct {
	Cache   FolderUpdate `json:"cache"`
	Error   FolderUpdate `json:"error"`
	Archive FolderUpdate `json:"archive"`
}

// FolderUpdate is what is asked of the contents of one folder.
type FolderUpdate struct {
	Remove []string `json:"remove"`
	Move   []Move   `json:"move"`
}

// Move brings one content to another folder.
type Move struct {
	Filename string `json:"filename"`
	To       Folder `json:"to"`
}

func (u *Update) of(f Folder) *FolderUpdate {
	switch f {
	case InError:
		return &u.Error
	case InArchive:
		return &u.Archive
	}
	return &u.Cache
}

// Update removes contents and moves others, in the order of the reference: first all removals, then all moves. What is
// moved to the cache joins the tail of the queue. problems say, in the reference's words, which names were passed over
// and why; err is what kept the changes from being durable.
func (c *Cache) Update(u Update) (problems []error, err error) {
	for _, from := range Folders {
		asked := make([]Move, len(u.of(from).Remove))
		for i, name := range u.of(from).Remove {
			asked[i].Filename = name
		}
		problems = append(problems, c.moveAll(from, asked)...)
	}
	for _, from := range Folders {
		var asked []Move
		for _, m := range u.of(from).Move {
			if placeOf(m.To) == gone {
				problems = append(problems, fmt.Errorf("Error while moving files %q from %s to %s: unknown folder", m.Filename, from, m.To))
				continue
			}
			asked = append(asked, m)
		}
		problems = append(problems, c.moveAll(from, asked)...)
	}
	c.announce()
	c.wakeUp()
	return problems, c.wait()
}

// moveAll moves contents of one folder, to nowhere those that have no target. It goes segment by segment, and keeps the
// order only among what goes to the queue.
func (c *Cache) moveAll(from Folder, asked []Move) (problems []error) {
	type known struct {
		seq   uint64
		order uint64
		Move
	}
	var list []known
	c.mu.Lock()
	for _, m := range asked {
		seq, ok := parseID(m.Filename, c.key)
		if !ok {
			problems = append(problems, c.missing(from, m.Filename))
			continue
		}
		k := known{seq: seq, Move: m}
		if m.To == InCache {
			k.order = c.next
			c.next++
		}
		list = append(list, k)
	}
	c.mu.Unlock()
	slices.SortStableFunc(list, func(a, b known) int { return cmp.Compare(a.seq, b.seq) })
	var again []requeue
	for _, k := range list {
		if err := c.moveOne(from, k.Move, k.order); err != nil {
			problems = append(problems, err)
		} else if k.order != 0 {
			again = append(again, requeue{k.order, k.seq})
		}
		if err := c.saveIfMany(); err != nil {
			problems = append(problems, err)
			break
		}
	}
	c.mu.Lock()
	c.requeued = append(c.requeued, again...)
	slices.SortFunc(c.requeued, func(a, b requeue) int { return cmp.Compare(a.order, b.order) })
	c.mu.Unlock()
	return problems
}

func (c *Cache) moveOne(from Folder, m Move, order uint64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return ErrClosed
	}
	g, pos, err := c.lookUp(from, m.Filename)
	if err != nil {
		return err
	}
	if m.To != from || order != 0 {
		c.move(g, pos, placeOf(m.To), c.o.Now().UnixMilli(), order)
	}
	return nil
}

// saveIfMany makes changes durable and saves states when many segments were changed, so that their states need not all
// be in memory.
func (c *Cache) saveIfMany() error {
	c.mu.Lock()
	many := c.countDirty() > dirtySegments
	c.mu.Unlock()
	if !many {
		return nil
	}
	return c.wait()
}

// Clear removes all contents of folders.
func (c *Cache) Clear(folders ...Folder) (removed int, err error) {
	return c.removeWhere(func(p place, _ word) bool { return slices.Contains(folders, p.folder()) }, func(m *summary) bool {
		return slices.ContainsFunc(folders, func(f Folder) bool { p := placeOf(f); return p != gone && m.Count[p] > 0 })
	})
}

// removeWhere removes the contents that which names, in segments whose summary may says can have some.
func (c *Cache) removeWhere(which func(place, word) bool, may func(*summary) bool) (removed int, err error) {
	var g *segment
	for {
		c.mu.Lock()
		if g = c.following(g, false); g == nil || c.closed {
			c.mu.Unlock()
			break
		}
		if may(&g.sum) {
			n, loadErr := c.removeIn(g, which)
			removed += n
			err = errors.Join(err, loadErr)
		}
		c.mu.Unlock()
		if saveErr := c.saveIfMany(); saveErr != nil {
			return removed, saveErr
		}
	}
	c.wakeUp()
	return removed, errors.Join(err, c.wait())
}

func (c *Cache) removeIn(g *segment, which func(place, word) bool) (removed int, err error) {
	if err := c.load(g); err != nil {
		return 0, err
	}
	for pos, w := range g.state.words {
		if p := w.place(); p != gone && which(p, w) {
			c.move(g, pos, gone, 0, 0)
			removed++
		}
	}
	c.tightenSince(g)
	return removed, nil
}

// tightenSince makes the bounds of the summary exact, so that g is not looked through in vain the next time.
func (c *Cache) tightenSince(g *segment) {
	exact := summarize(g.index, g.state)
	g.sum.Since, g.sum.Oldest, g.sum.Newest = exact.Since, exact.Oldest, exact.Newest
}
