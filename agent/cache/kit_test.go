package cache

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"oibus/agent/content"
	"oibus/agent/store"
)

// clock is a clock that a test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)} }

func (k *clock) Now() time.Time {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.now
}

func (k *clock) add(d time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.now = k.now.Add(d)
}

// small makes everything that depends on size happen soon.
var small = tune{inline: 4096, segmentEntries: 16, segmentBytes: 16 << 10, journalBytes: 2 << 10, deadBytes: 8 << 10, lookAhead: 1000}

func openCache(t testing.TB, dir string, o Options) *Cache {
	t.Helper()
	if o.Limits.Reserve == 0 {
		o.Limits.Reserve = 1
	}
	c, err := Open(dir, "north-abc123", o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func reopen(t testing.TB, c *Cache) *Cache {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	o := c.o
	o.Limits = c.limits
	return openCache(t, c.root, o)
}

func put(t testing.TB, c *Cache, m Meta, data string) string {
	t.Helper()
	id, err := c.PutBytes(t.Context(), m, []byte(data))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func putFile(t testing.TB, c *Cache, name, data string) string {
	t.Helper()
	return put(t, c, Meta{Kind: content.Any, FileName: name}, data)
}

// values is an array of n elements, numbered from first.
func values(first, n int) string {
	var buf bytes.Buffer
	w := content.NewArrayWriter(&buf)
	for i := range n {
		w.Raw(fmt.Appendf(nil, `{"pointId":"p","timestamp":"t","data":{"value":%d}}`, first+i))
	}
	w.Close()
	return buf.String()
}

func putValues(t testing.TB, c *Cache, first, n int) string {
	t.Helper()
	return put(t, c, Meta{Kind: content.TimeValues, Elements: n}, values(first, n))
}

func next(t testing.TB, c *Cache, limit int) *Batch {
	t.Helper()
	b, err := c.Next(limit)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func read(t testing.TB, b *Batch) string {
	t.Helper()
	r := b.Reader()
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// drain sends everything in batches of limit and returns what was sent.
func drain(t testing.TB, c *Cache, limit int) (sent []string) {
	t.Helper()
	for b := next(t, c, limit); b != nil; b = next(t, c, limit) {
		sent = append(sent, read(t, b))
		if err := b.Done(false); err != nil {
			t.Fatal(err)
		}
	}
	return sent
}

func search(t testing.TB, c *Cache, q Query) Found {
	t.Helper()
	f, err := c.Search(q)
	if err != nil {
		t.Fatal(err)
	}
	for folder, files := range map[Folder][]File{InCache: f.Cache, InError: f.Error, InArchive: f.Archive} {
		names, err := c.Names(folder, q)
		if err != nil || len(names) != len(files) || len(names) > 0 && names[0] != files[0].Filename {
			t.Errorf("names in %s: %q, %v, found %v", folder, names, err, files)
		}
	}
	return f
}

func view(t testing.TB, c *Cache, folder Folder, id string) View {
	t.Helper()
	v, err := c.View(folder, id)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func names(files []File) (all []string) {
	for _, f := range files {
		all = append(all, f.Metadata.ContentFile)
	}
	return all
}

// incidents collects what is reported.
type incidents struct {
	mu  sync.Mutex
	all []store.Incident
}

func (i *incidents) add(n store.Incident) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.all = append(i.all, n)
}

func (i *incidents) list() []store.Incident {
	i.mu.Lock()
	defer i.mu.Unlock()
	return append([]store.Incident(nil), i.all...)
}

// verify compares what the cache counts with what is there.
func verify(t testing.TB, c *Cache) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	var total summary
	for n, g := range c.segs {
		believed := g.sum.counts()
		if err := c.load(g); err != nil {
			t.Fatal(err)
		}
		if g.sum.counts() != believed {
			t.Fatalf("segment %x: believed %+v, found %+v", g.first, believed, g.sum)
		}
		if n > 0 && g.first <= c.segs[n-1].first {
			t.Fatalf("segment %x follows %x", g.first, c.segs[n-1].first)
		}
		exact := summarize(g.index, g.state)
		if counts, kept := exact.counts(), g.sum.counts(); counts != kept {
			t.Fatalf("segment %x: counted %+v, kept %+v", g.first, counts, kept)
		}
		if g.dead() < 0 {
			t.Fatalf("segment %x holds %d bytes less than nothing", g.first, -g.dead())
		}
		total.merge(&exact, 1)
		for pos, w := range g.state.words {
			if s := g.index.at(pos); w.place() != gone && g.first+uint64(s.ordinal) >= c.next {
				t.Fatalf("content %x is not before %x", g.first+uint64(s.ordinal), c.next)
			}
		}
	}
	if total != c.total {
		t.Fatalf("in all: counted %+v, kept %+v", total, c.total)
	}
}
