package cache

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"oibus/agent/content"
)

// FuzzOpeningSurvivesAnyFile replaces one file of a cache by anything: the cache opens, or says that it is of a newer
// version, and works.
func FuzzOpeningSurvivesAnyFile(f *testing.F) {
	d := newMemDisk()
	c, err := Open("/data", "north-abc123", Options{disk: d, tune: small, Limits: Limits{Reserve: 1}, Now: newClock().Now})
	if err != nil {
		f.Fatal(err)
	}
	items := make([]Item, 40)
	for i := range items {
		items[i] = Item{Meta{Kind: content.TimeValues, Elements: 5}, []byte(values(i, 5))}
	}
	items[3] = Item{Meta{Kind: content.Any, FileName: "big"}, bytes.Repeat([]byte("x"), 5000)}
	ids, err := c.PutMany(f.Context(), items)
	if err != nil {
		f.Fatal(err)
	}
	b, _ := c.Next(12)
	b.Done(true)
	c.Update(Update{Cache: FolderUpdate{Move: []Move{{ids[20], InError}, {ids[30], InCache}}}})
	left := d.afterKill()
	c.Close()
	kinds := []string{".data", ".index", ".state", "journal-"}
	base := []*memDisk{left, d}
	for which, disk := range base {
		for kind, part := range kinds {
			for path, file := range disk.now {
				if strings.Contains(filepath.Base(path), part) {
					f.Add(byte(which), byte(kind), file.data)
				}
			}
		}
	}
	f.Fuzz(func(t *testing.T, which, kind byte, data []byte) {
		disk := base[which%2].afterKill()
		part := kinds[kind%4]
		for path := range disk.now {
			if strings.Contains(filepath.Base(path), part) {
				disk.now[path] = &memFile{data: data}
				break
			}
		}
		c, err := Open("/data", "north-abc123", Options{disk: disk, tune: small, Limits: Limits{Reserve: 1}})
		if err != nil {
			if strings.Contains(err.Error(), "newer version") {
				return
			}
			t.Fatal(err)
		}
		defer func() { c.Close() }()
		if _, err := c.Search(Query{NameContains: "a"}); err != nil {
			t.Fatal(err)
		}
		for range 200 {
			b, err := c.Next(7)
			if err != nil {
				t.Fatal(err)
			}
			if b == nil {
				break
			}
			if _, err := io.Copy(io.Discard, b.Reader()); err != nil {
				b.Release()
				continue
			}
			if err := b.Done(true); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := c.PutBytes(t.Context(), Meta{Kind: content.Any}, []byte("x")); err != nil {
			t.Fatal(err)
		}
		if err = c.Close(); err != nil {
			t.Fatal(err)
		}
		if disk.opened != 0 {
			t.Fatalf("%d files are open", disk.opened)
		}
		if c, err = Open("/data", "north-abc123", Options{disk: disk, tune: small}); err != nil {
			t.Fatal(err)
		}
		verify(t, c)
	})
}

// FuzzBodiesWithRightChecksumsAreNotTrusted opens a cache whose index, state and journal hold anything, as if it had
// been written so.
func FuzzBodiesWithRightChecksumsAreNotTrusted(f *testing.F) {
	x := &index{}
	x.add(&record{seq: 1, size: 3, elements: 1, place: queued, name: "x"}, 1, dataHead)
	st := newStates(x)
	st.set(0, 0, makeWord(queued, 5)|wordRequeued, extra{Order: 9})
	body, _, _ := st.encode(x)
	ch := change{what: changeMove, place: errored, first: 1, count: 3, at: 5}
	f.Add(append(x.slots, x.names...), uint32(1), body, uint32(1), uint32(1), ch.append(nil)[4:])
	f.Fuzz(func(t *testing.T, indexBody []byte, slots uint32, stateBody []byte, words, extras uint32, change []byte) {
		d := newMemDisk()
		c := &Cache{dir: "/data/cache/north-abc123", disk: d, key: 7}
		write := func(path string, data []byte) { d.now[path] = &memFile{data: data} }
		sum := summary{Count: [places]uint32{0, 5, 5, 5}, Requeued: 1}
		write(c.dataPath(1, 0), append(appendSheet(nil, dataMagic, &dataFacts{7, 1}, nil), make([]byte, 10000)...))
		write(c.indexPath(1), appendSheet(nil, indexMagic, &indexFacts{Key: 7, First: 1, Count: slots, DataLen: 10000, Sum: sum}, indexBody))
		write(c.statePath(1), appendSheet(nil, stateMagic, &stateFacts{Key: 7, First: 1, Count: words, Extras: extras, Entries: slots, Sum: sum}, stateBody))
		journal := appendSheet(nil, journalMagic, &journalFacts{7, 1}, nil)
		for len(change) >= changeSize-4 {
			journal = le.AppendUint32(journal, checksum(change[:changeSize-4]))
			journal = append(journal, change[:changeSize-4]...)
			change = change[changeSize-4:]
		}
		write(c.journalPath(1), journal)
		c, err := Open("/data", "north-abc123", Options{disk: d, tune: small, Limits: Limits{Reserve: 1}})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		for range 20 {
			b, err := c.Next(7)
			if err != nil {
				t.Fatal(err)
			}
			if b == nil {
				break
			}
			if _, err := io.Copy(io.Discard, b.Reader()); err != nil {
				b.Release()
				continue
			}
			if err := b.Done(true); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := c.Search(Query{}); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Clear(Folders...); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzScanningFindsWhatIsWhole reads any bytes between two whole contents.
func FuzzScanningFindsWhatIsWhole(f *testing.F) {
	r := record{seq: 8, size: 3, sum: checksum([]byte("abc")), place: queued, name: "x"}
	f.Add([]byte(nil))
	f.Add(append(r.appendHead(nil, 7), "abc"...))
	f.Add(bytes.Repeat(recordStart, 100))
	f.Fuzz(func(t *testing.T, between []byte) {
		first := record{seq: 1, size: 3, sum: checksum([]byte("abc")), place: queued, name: "first"}
		last := record{seq: 1 << 31, size: 3, sum: checksum([]byte("abc")), place: queued, name: "last"}
		data := append(first.appendHead(make([]byte, dataHead), 7), "abc"...)
		data = append(data, between...)
		data = append(last.appendHead(data, 7), "abc"...)
		s := scanner{f: bytes.NewReader(data), size: int64(len(data)), key: 7, first: 1, next: 1<<64 - 1}
		s.run()
		if !s.found.valid(int64(len(data))) {
			t.Fatal("impossible slots")
		}
		n := s.found.len()
		if n < 2 || string(s.found.name(ref(s.found.at(0)))) != "first" || string(s.found.name(ref(s.found.at(n-1)))) != "last" {
			t.Fatalf("found %d", n)
		}
	})
}

func ref(s slot) *slot { return &s }

// FuzzIDsNameOneContent parses any text as an id.
func FuzzIDsNameOneContent(f *testing.F) {
	f.Add("3V4TrSHmfZXp", uint64(1))
	f.Add("../../../../", uint64(2))
	f.Fuzz(func(t *testing.T, id string, key uint64) {
		if seq, ok := parseID(id, key); ok && formatID(seq, key) != id {
			t.Fatalf("%q is %d is %q", id, seq, formatID(seq, key))
		}
	})
}

func TestRemoveDeletesTheFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := openCache(t, dir, Options{})
	putFile(t, c, "x", "x")
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if err := Remove(dir, "north-abc123"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(c.dir); !os.IsNotExist(err) {
		t.Errorf("got %v", err)
	}
}
