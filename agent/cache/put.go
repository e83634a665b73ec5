package cache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"sync"

	"oibus/agent/content"
	"oibus/platform/task"
)

// Item is one content for PutMany.
type Item struct {
	Meta Meta
	Data []byte
}

// pending is a content on its way into a segment.
type pending struct {
	r      record
	bytes  []byte        // when it has no file of its own
	buf    *bytes.Buffer // that bytes is in, to be used again
	exempt bool          // limits do not apply: it is a part of what is there
	err    error
}

// putBatch is what becomes durable at once.
type putBatch struct {
	puts []*pending
	done chan struct{}
}

// Put stores what r holds until its end. When it returns nil the content is durable and in the queue, and id is its
// name; when it returns an error nothing of it is there. A content that is refused is a *FullError or a *SpaceError.
// Up to 1 MB is held in memory meanwhile.
func (c *Cache) Put(ctx context.Context, m Meta, r io.Reader) (id string, err error) {
	p, err := c.prepare(ctx, m, r, false)
	if err != nil {
		return "", fmt.Errorf("cannot cache content: %w", err)
	}
	return c.finish(ctx, p)
}

// PutBytes is Put for what is in memory.
func (c *Cache) PutBytes(ctx context.Context, m Meta, data []byte) (id string, err error) {
	if len(data) > c.o.tune.inline {
		return c.Put(ctx, m, bytes.NewReader(data))
	}
	p, err := c.inline(m, data)
	if err != nil {
		return "", fmt.Errorf("cannot cache content: %w", err)
	}
	return c.finish(ctx, p)
}

func (c *Cache) finish(ctx context.Context, p *pending) (string, error) {
	err := ctx.Err()
	if err == nil {
		c.commit(p)
		if err = p.err; err == nil && p.r.place != queued {
			err = c.wait()
		}
	}
	c.release(p, err)
	if err != nil {
		return "", fmt.Errorf("cannot cache content: %w", err)
	}
	return formatID(p.r.seq, c.key), nil
}

// PutMany stores several contents with few flushes. ids[i] is the name of items[i], "" when it was refused: then err
// says why. The others are there.
func (c *Cache) PutMany(ctx context.Context, items []Item) (ids []string, err error) {
	ids = make([]string, len(items))
	puts := make([]*pending, 0, len(items))
	at := make([]int, 0, len(items))
	for i, item := range items {
		p, failed := c.inline(item.Meta, item.Data)
		if len(item.Data) > c.o.tune.inline {
			p, failed = c.prepare(ctx, item.Meta, bytes.NewReader(item.Data), false)
		}
		if failed != nil {
			err = failed
			continue
		}
		puts, at = append(puts, p), append(at, i)
	}
	c.commit(puts...)
	for i, p := range puts {
		c.release(p, p.err)
		if p.err != nil {
			err = p.err
			continue
		}
		ids[at[i]] = formatID(p.r.seq, c.key)
	}
	if err != nil {
		return ids, fmt.Errorf("cannot cache content: %w", err)
	}
	return ids, nil
}

// prepare reads r: into memory when it is small, else into a file of its own.
func (c *Cache) prepare(ctx context.Context, m Meta, r io.Reader, exempt bool) (*pending, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	buf := buffers.Get().(*bytes.Buffer)
	buf.Reset()
	_, err := buf.ReadFrom(io.LimitReader(task.Reader(ctx, r), int64(c.o.tune.inline)+1))
	if err != nil || buf.Len() > c.o.tune.inline {
		defer buffers.Put(buf)
	}
	if err != nil {
		return nil, err
	}
	if buf.Len() > c.o.tune.inline {
		return c.ownFile(m, io.MultiReader(bytes.NewReader(buf.Bytes()), task.Reader(ctx, r)), exempt)
	}
	p, err := c.inline(m, buf.Bytes())
	if err == nil {
		p.buf, p.exempt = buf, exempt
	}
	return p, err
}

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

func (c *Cache) inline(m Meta, data []byte) (*pending, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	p := c.newPut(m)
	p.hold(data, m.Elements)
	return p, nil
}

// hold makes data, which is in memory, the content.
func (p *pending) hold(data []byte, elements int) {
	p.bytes, p.r.size, p.r.sum = data, uint64(len(data)), checksum(data)
	p.markArray(elements, isArray(data))
}

func (c *Cache) newPut(m Meta) *pending {
	created := m.Created
	if created.IsZero() {
		created = c.o.Now()
	}
	where := queued
	if m.Folder != "" {
		where = placeOf(m.Folder)
	}
	p := &pending{r: record{created: created.UnixMilli(), elements: uint32(m.Elements), kind: uint8(m.Kind.Index()), place: where, name: m.FileName}}
	if m.Once {
		p.r.flags |= flagOnce
	}
	return p
}

// isArray says whether data has the outer shape of a JSON array.
func isArray(data []byte) bool {
	data = bytes.TrimSpace(data)
	return len(data) >= 2 && data[0] == '[' && data[len(data)-1] == ']'
}

// ownFile writes r to a file of its own and flushes it.
func (c *Cache) ownFile(m Meta, r io.Reader, exempt bool) (*pending, error) {
	p := c.newPut(m)
	p.exempt = exempt
	w, err := c.newSpill(p)
	if err != nil {
		return nil, err
	}
	if _, err := io.CopyBuffer(w, r, make([]byte, 256<<10)); err != nil {
		return nil, errors.Join(err, w.abandon())
	}
	if err := w.finish(); err != nil {
		return nil, err
	}
	p.markArray(m.Elements, w.array())
	return p, nil
}

// markArray notes whether the content is one whose elements can be sent in other portions.
func (p *pending) markArray(elements int, array bool) {
	if array && elements > 0 && kindOf(p.r.kind).Array() && p.r.flags&flagOnce == 0 {
		p.r.flags |= flagArray
	}
}

// checkEvery is how much of a large content is written between two looks at the limits.
const checkEvery = 8 << 20

// spill is a content that is being written to a file of its own.
type spill struct {
	sumWriter
	c       *Cache
	p       *pending
	path    string
	checked uint64 // up to here the limits allow it
}

func (c *Cache) newSpill(p *pending) (*spill, error) {
	p.r.flags |= flagOwnFile
	p.r.incoming = c.nextIncoming()
	w := &spill{c: c, p: p, path: c.incomingPath(p.r.incoming)}
	if err := c.admit(0, p.exempt); err != nil {
		return nil, err
	}
	w.checked = checkEvery
	f, err := c.disk.Create(w.path)
	if err != nil {
		return nil, err
	}
	w.f = f
	return w, nil
}

func (w *spill) Write(b []byte) (int, error) {
	if w.size >= w.checked {
		if err := w.c.admit(int64(w.size), w.p.exempt); err != nil {
			return 0, err
		}
		w.checked = w.size + checkEvery
	}
	return w.sumWriter.Write(b)
}

// finish makes the file durable. When it fails nothing is left.
func (w *spill) finish() error {
	err := w.f.Sync()
	err = errors.Join(err, w.f.Close())
	if err == nil {
		err = w.c.disk.SyncDir(w.c.path("incoming"))
	}
	if err != nil {
		return errors.Join(err, w.c.disk.Remove(w.path))
	}
	w.p.r.size, w.p.r.sum = w.size, w.sum
	return nil
}

// abandon deletes the file.
func (w *spill) abandon() error { return errors.Join(w.f.Close(), w.c.disk.Remove(w.path)) }

// sumWriter appends to a file, and looks at what it writes.
type sumWriter struct {
	f           file
	size        uint64
	sum         uint32
	first, last byte // that are no white space
}

func (w *sumWriter) Write(b []byte) (int, error) {
	n, err := w.f.WriteAt(b, int64(w.size))
	w.size += uint64(n)
	w.sum = crc32.Update(w.sum, castagnoli, b[:n])
	if t := bytes.TrimSpace(b[:n]); len(t) > 0 {
		if w.first == 0 {
			w.first = t[0]
		}
		w.last = t[len(t)-1]
	}
	return n, err
}

func (w *sumWriter) array() bool { return w.first == '[' && w.last == ']' }

// release ends the use of p: err says why its content is not there.
func (c *Cache) release(p *pending, err error) {
	if p.buf != nil {
		buffers.Put(p.buf)
		p.buf, p.bytes = nil, nil
	}
	if err != nil && p.r.flags&flagOwnFile != 0 {
		c.mu.Lock()
		c.throwAway(c.incomingPath(p.r.incoming))
		c.mu.Unlock()
	}
}

// nextIncoming is a number that no file of its own has, of this run or an earlier one.
func (c *Cache) nextIncoming() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lastIncoming = max(c.lastIncoming+1, uint64(c.o.Now().UnixNano()))
	return c.lastIncoming
}

// PutContent stores a content on its way, as PutBytes or Put do.
func (c *Cache) PutContent(ctx context.Context, what content.Content) (id string, err error) {
	r, err := what.Open()
	if err != nil {
		return "", fmt.Errorf("cannot cache content: %w", err)
	}
	id, err = c.Put(ctx, Meta{Kind: what.Kind, FileName: what.FileName, Elements: what.Elements}, r)
	return id, errors.Join(err, r.Close())
}
