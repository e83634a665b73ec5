package cache

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// A segment without a usable index is read from end to end. Between two whole contents there is nothing in a file
// that was written and not damaged; what is there is kept aside. Behind the last one is at most what a crash left of
// a write that nobody was told of.

type dataFacts struct{ Key, First uint64 }

var dataHead = int64(sheetSize[dataFacts]())

// window is what is looked through for the next record at once.
const window = 256 << 10

// scan reads the data of g from end to end and returns an index of what is whole, in order, and the contents with files
// of their own. With torn it leaves out contents at the end that were to become durable together with others that are
// missing: nobody was told of them.
func (c *Cache) scan(g *segment, torn bool) (*index, []incoming, error) {
	f, err := c.disk.Open(g.data.path)
	if err != nil {
		return nil, nil, err
	}
	size, err := c.disk.Size(g.data.path)
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	s := scanner{f: f, size: size, key: c.key, first: g.first, next: c.boundary(g)}
	if facts, _, err := readHead[dataFacts](f, dataMagic); err == nil {
		s.key = facts.Key
	} else if !isDamage(err) {
		return nil, nil, errors.Join(err, f.Close())
	}
	s.run()
	if torn {
		s.dropTorn()
	}
	for _, d := range s.damaged {
		c.keepAside(g.data.path, f, d)
	}
	g.data.length = max(s.end, dataHead)
	return s.found, s.incoming, f.Close()
}

// boundary is the first sequence number behind the segment.
func (c *Cache) boundary(g *segment) uint64 {
	for _, other := range c.segs {
		if other.first > g.first {
			return other.first
		}
	}
	return 1<<64 - 1
}

// extent is a part of a file.
type extent struct{ from, to int64 }

type scanner struct {
	f           io.ReaderAt
	size        int64
	key         uint64
	first, next uint64 // bounds of the sequence numbers

	found    *index
	incoming []incoming
	end      int64    // behind the last whole record
	damaged  []extent // before it

	group together
}

// together is the contents at the end of what was found that were written to become durable together.
type together struct {
	entries, incoming int   // how many others were found before
	start             int64 // where the first one begins
	last              uint64
	more              uint16 // how many are to follow the last one
}

// dropTorn leaves out the contents at the end if others that belong to them are missing.
func (s *scanner) dropTorn() {
	if s.group.more == 0 {
		return
	}
	names := len(s.found.names)
	if s.group.entries < s.found.len() {
		first := s.found.at(s.group.entries)
		names = int(first.nameAt)
	}
	s.found.slots, s.found.names = s.found.slots[:s.group.entries*slotSize], s.found.names[:names]
	s.incoming = s.incoming[:s.group.incoming]
	s.end = s.group.start
}

// incoming is a content with a file of its own.
type incoming struct{ seq, number uint64 }

func (s *scanner) run() {
	s.found, s.end = &index{}, min(dataHead, s.size)
	after := s.first // no sequence number below may follow
	for at := s.end; at < s.size; {
		r, err := s.record(at, after)
		if err != nil {
			if at = s.search(at + 1); at < 0 {
				return
			}
			continue
		}
		if at > s.end {
			s.damaged = append(s.damaged, extent{s.end, at})
		}
		if g := &s.group; g.more == 0 || r.seq != g.last+1 || r.more != g.more-1 {
			*g = together{entries: s.found.len(), incoming: len(s.incoming), start: at}
		}
		s.group.last, s.group.more = r.seq, r.more
		s.found.add(&r, s.first, at)
		if r.flags&flagOwnFile != 0 {
			s.incoming = append(s.incoming, incoming{r.seq, r.incoming})
		}
		at += r.length()
		s.end, after = at, r.seq+1
	}
}

// record is the whole record at offset at.
func (s *scanner) record(at int64, after uint64) (record, error) {
	r, err := readRecord(s.f, at, s.key)
	if err != nil {
		return r, err
	}
	if r.seq < after || r.seq >= s.next || r.seq-s.first >= 1<<32 || at >= 1<<32 {
		return r, fmt.Errorf("%w: a content of another segment", ErrDamaged)
	}
	if r.flags&flagOwnFile == 0 {
		err = checkBytes(s.f, at+int64(recordHead+len(r.name)), r.size, r.sum)
	}
	return r, err
}

var recordStart = le.AppendUint32(nil, recordMagic)

// search returns where the next record may begin, at from or behind, or -1.
func (s *scanner) search(from int64) int64 {
	buf := make([]byte, window)
	for from < s.size {
		n, err := s.f.ReadAt(buf[:min(window, s.size-from)], from)
		if i := bytes.Index(buf[:n], recordStart); i >= 0 {
			return from + int64(i)
		}
		switch {
		case n >= window: // a record may begin in this window and go on in the next
			from += int64(n - len(recordStart) + 1)
		case err != nil && err != io.EOF: // a block that cannot be read
			from = (from+int64(n))/4096*4096 + 4096
		default:
			return -1
		}
	}
	return -1
}
