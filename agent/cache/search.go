package cache

import (
	"bytes"
	"sort"
	"strings"
	"time"
	"unicode/utf8"

	"oibus/agent/entity"
)

// Query says which contents are looked for.
type Query struct {
	Start, End   string // instants: created not before and not after; "" is no bound
	NameContains string // a part of the id or of the visible file name, whatever the case
	IDOnly       bool   // the name counts only as far as it is the id, as in the reference
	Newest       bool   // the newest first; else the oldest
	Max          int    // of each folder, 0 for no limit
}

// Found is the answer to a query.
type Found struct {
	Cache   []File `json:"cache"`
	Error   []File `json:"error"`
	Archive []File `json:"archive"`
}

// Search lists the contents that q wants, folder by folder.
func (c *Cache) Search(q Query) (Found, error) {
	f := Found{Cache: []File{}, Error: []File{}, Archive: []File{}}
	err := c.Walk(q, func(folder Folder, file File) bool {
		switch folder {
		case InCache:
			f.Cache = append(f.Cache, file)
		case InError:
			f.Error = append(f.Error, file)
		case InArchive:
			f.Archive = append(f.Archive, file)
		}
		return true
	})
	return f, err
}

// Names are the ids of the contents of one folder that q wants: little even of very many.
func (c *Cache) Names(folder Folder, q Query) ([]string, error) {
	names := []string{}
	err := c.Walk(q, func(in Folder, file File) bool {
		if in == folder {
			names = append(names, file.Filename)
		}
		return true
	})
	return names, err
}

// Walk calls each with the contents that q wants, of all folders as they come, until it returns false. What is put or
// moved meanwhile may be missed. each must not use the cache.
func (c *Cache) Walk(q Query, each func(Folder, File) bool) error {
	s := newFinder(c, q, each)
	var g *segment
	for !s.ended {
		c.mu.Lock()
		if g = c.following(g, q.Newest); g == nil {
			c.mu.Unlock()
			return nil
		}
		err := s.in(g)
		c.mu.Unlock()
		if err != nil {
			return err
		}
	}
	return nil
}

// following is the segment after g, nil for the first one, in the order wanted.
func (c *Cache) following(g *segment, newest bool) *segment {
	i := len(c.segs)
	switch {
	case newest && g != nil:
		i = sort.Search(i, func(i int) bool { return c.segs[i].first >= g.first })
	case !newest && g == nil:
		i = 0
	case !newest:
		i = sort.Search(i, func(i int) bool { return c.segs[i].first > g.first })
	}
	if newest {
		i--
	}
	if i < 0 || i >= len(c.segs) {
		return nil
	}
	return c.segs[i]
}

type finder struct {
	c          *Cache
	q          Query
	start, end int64 // bounds in milliseconds, when exact
	exact      bool  // the bounds are whole milliseconds
	part       []byte
	each       func(Folder, File) bool
	found      [places]int
	ended      bool
	id, lower  []byte // room
}

func newFinder(c *Cache, q Query, each func(Folder, File) bool) *finder {
	s := &finder{c: c, q: q, each: each, end: 1<<63 - 1, start: -1 << 63, part: []byte(strings.ToLower(q.NameContains))}
	var okStart, okEnd bool
	s.start, okStart = bound(q.Start, s.start)
	s.end, okEnd = bound(q.End, s.end)
	s.exact = okStart && okEnd
	return s
}

// bound is an instant in its one form as milliseconds. Others are compared as texts, as the reference compares all.
func bound(instant string, none int64) (int64, bool) {
	if instant == "" {
		return none, true
	}
	t, err := time.Parse(time.RFC3339, instant)
	return t.UnixMilli(), err == nil && entity.Milli(t) == instant
}

// in passes on what is wanted of g.
func (s *finder) in(g *segment) error {
	if !s.open(g) {
		return nil
	}
	if err := s.c.load(g); err != nil {
		return err
	}
	n := g.index.len()
	for i := range n {
		pos := i
		if s.q.Newest {
			pos = n - 1 - i
		}
		p := g.state.words[pos].place()
		if p == gone || s.q.Max > 0 && s.found[p] >= s.q.Max {
			continue
		}
		slot := g.index.at(pos)
		if !s.inTime(slot.created) || !s.named(g, &slot) {
			continue
		}
		s.found[p]++
		if !s.each(p.folder(), s.c.file(g, pos)) {
			s.ended = true
			return nil
		}
	}
	return nil
}

// open says whether g can hold anything that is wanted, and whether anything is wanted still.
func (s *finder) open(g *segment) bool {
	wanted, any := false, false
	for p := queued; p < places; p++ {
		room := s.q.Max <= 0 || s.found[p] < s.q.Max
		any = any || room
		wanted = wanted || room && g.sum.Count[p] > 0
	}
	s.ended = !any
	return wanted && (!s.exact || g.sum.Oldest <= s.end && g.sum.Newest >= s.start)
}

func (s *finder) inTime(created int64) bool {
	if s.exact {
		return created >= s.start && created <= s.end
	}
	at := entity.Milli(time.UnixMilli(created))
	return (s.q.Start == "" || at >= s.q.Start) && (s.q.End == "" || at <= s.q.End)
}

func (s *finder) named(g *segment, slot *slot) bool {
	if len(s.part) == 0 {
		return true
	}
	s.id = appendID(s.id[:0], g.first+uint64(slot.ordinal), s.c.key)
	name := g.index.name(slot)
	if len(name) == 0 && !s.q.IDOnly {
		s.id = append(s.id, ".json"...)
	}
	return s.contains(s.id) || !s.q.IDOnly && len(name) > 0 && s.contains(name)
}

func (s *finder) contains(name []byte) bool {
	s.lower = s.lower[:0]
	for _, b := range name {
		if b >= utf8.RuneSelf {
			return bytes.Contains(bytes.ToLower(name), s.part)
		}
		if b >= 'A' && b <= 'Z' {
			b += 'a' - 'A'
		}
		s.lower = append(s.lower, b)
	}
	return bytes.Contains(s.lower, s.part)
}

// file describes the content at pos of g, which is loaded.
func (c *Cache) file(g *segment, pos int) File {
	s := g.index.at(pos)
	size, elements := left(&s, g.state.extra(pos, s.ordinal))
	return describe(formatID(g.first+uint64(s.ordinal), c.key), string(g.index.name(&s)), int64(size), s.created, elements, s.kind)
}
