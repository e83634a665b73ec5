package cache

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"oibus/agent/content"
	"oibus/agent/store"
)

// fill puts n contents, each acknowledged, and returns their bytes by id.
func fill(t testing.TB, c *Cache, n int) map[string]string {
	t.Helper()
	want := map[string]string{}
	for i := range n {
		data := strings.Repeat(fmt.Sprintf("%04d ", i), 1+i%9)
		want[putFile(t, c, fmt.Sprintf("f%d", i), data)] = data
	}
	return want
}

// whole compares what is in the cache with want, and returns how many are missing.
func whole(t testing.TB, c *Cache, want map[string]string) (missing int) {
	t.Helper()
	verify(t, c)
	found := search(t, c, Query{})
	n := 0
	for _, f := range slices.Concat(found.Cache, found.Error, found.Archive) {
		if want[f.Filename] == "" {
			t.Fatalf("there is %+v, which nobody put", f)
		}
		n++
	}
	for b := next(t, c, 0); b != nil; b = next(t, c, 0) {
		if got := read(t, b); got != want[b.File.Filename] {
			t.Fatalf("%s is %q, want %q", b.File.Filename, got, want[b.File.Filename])
		}
		if err := b.Done(false); err != nil {
			t.Fatal(err)
		}
	}
	return len(want) - n
}

// lastOf is the path of the last file of a kind.
func lastOf(t testing.TB, d *memDisk, part string) string {
	t.Helper()
	var found string
	for path := range d.now {
		if strings.Contains(filepath.Base(path), part) && !strings.Contains(path, corruptMark) && path > found {
			found = path
		}
	}
	if found == "" {
		t.Fatalf("there is no %s", part)
	}
	return found
}

func TestWhateverIsCutOffTheEndTheRestIsThere(t *testing.T) {
	t.Parallel()
	d := newMemDisk()
	c := openCache(t, "/data", Options{disk: d, tune: tune{inline: 4096}})
	var ids []string
	data := map[string]string{}
	var ends []int64 // of the data file, after each content
	for i := range 8 {
		data1 := strings.Repeat(fmt.Sprint(i), 20+i)
		id := putFile(t, c, "name", data1)
		ids, data[id] = append(ids, id), data1
		ends = append(ends, c.writer.active.data.length)
	}
	segment := lastOf(t, d, ".data")
	for length := ends[3]; length <= ends[7]; length++ {
		left := d.afterKill()
		left.now[segment].data = left.now[segment].data[:length]
		for _, garbage := range []string{"", "\x00\x00\x00\x00", "\x42\xee\xff\xc0\x01"} {
			cut := left.afterKill()
			cut.now[segment].data = append(cut.now[segment].data, garbage...)
			want := map[string]string{}
			for i, end := range ends {
				if end <= length {
					want[ids[i]] = data[ids[i]]
				}
			}
			again := openCache(t, "/data", Options{disk: cut, tune: tune{inline: 4096}})
			if n := whole(t, again, want); n != 0 {
				t.Fatalf("cut at %d of %d: %d are missing", length, ends[7], n)
			}
			if err := again.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestWhateverIsCutOffTheJournalTheRestHolds(t *testing.T) {
	t.Parallel()
	d := newMemDisk()
	c := openCache(t, "/data", Options{disk: d})
	fill(t, c, 8)
	var sizes []int64
	for range 6 {
		if err := next(t, c, 0).Done(false); err != nil {
			t.Fatal(err)
		}
		sizes = append(sizes, c.journal.size)
	}
	journal := lastOf(t, d, "journal-")
	for length := int64(0); length <= sizes[5]; length++ {
		left := d.afterKill()
		left.now[journal].data = left.now[journal].data[:length]
		done := 0
		for _, s := range sizes {
			if s <= length {
				done++
			}
		}
		again := openCache(t, "/data", Options{disk: left})
		if s := again.Stats(); s.Cached != 8-done {
			t.Fatalf("cut at %d: %d are left, want %d", length, s.Cached, 8-done)
		}
		if err := again.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDamageCostsOnlyWhatItHits(t *testing.T) {
	t.Parallel()
	d := newMemDisk()
	c := openCache(t, "/data", Options{disk: d, tune: small})
	want := fill(t, c, 100)
	if _, err := c.Update(Update{Cache: FolderUpdate{Move: moveAll(want, InError)}}); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for path := range d.afterKill().now {
		for range 20 {
			left := d.afterKill()
			f := left.now[path]
			at, n := r.IntN(len(f.data)), 1+r.IntN(200)
			for i := at; i < min(at+n, len(f.data)); i++ {
				f.data[i] ^= byte(1 + r.IntN(255))
			}
			var told incidents
			again := openCache(t, "/data", Options{disk: left, tune: small, OnIncident: told.add})
			_, err := again.Update(Update{Error: FolderUpdate{Move: moveAll(want, InCache)}})
			if err != nil {
				t.Fatal(err)
			}
			missing := map[string]string{}
			good := 0
			for b := next(t, again, 0); b != nil; b = next(t, again, 0) {
				reader := b.Reader()
				got, err := io.ReadAll(reader)
				reader.Close()
				if errors.Is(err, ErrDamaged) {
					b.Release()
					missing[b.File.Filename] = ""
					continue
				}
				if err != nil || string(got) != want[b.File.Filename] {
					t.Fatalf("%s damaged at %d: %s is %q, %v", path, at, b.File.Filename, got, err)
				}
				good++
				if err := b.Done(false); err != nil {
					t.Fatal(err)
				}
			}
			verify(t, again)
			again.Close()
			lost := 100 - good
			if strings.HasSuffix(path, ".data") {
				if lost > 9 {
					t.Errorf("%s damaged at %d: lost %d", path, at, lost)
				}
			} else if lost > 0 {
				t.Errorf("%s damaged at %d: lost %d, %q", path, at, lost, told.list())
			}
			if lost > 0 && len(told.list()) == 0 {
				t.Errorf("%s damaged at %d: lost %d and said nothing", path, at, lost)
			}
		}
	}
}

func moveAll(ids map[string]string, to Folder) (moves []Move) {
	for id := range ids {
		moves = append(moves, Move{id, to})
	}
	return moves
}

func TestMissingAndForeignFilesAreNoReasonNotToStart(t *testing.T) {
	t.Parallel()
	d := newMemDisk()
	c := openCache(t, "/data", Options{disk: d, tune: small})
	fill(t, c, 60)
	b := next(t, c, 0)
	if err := b.Done(true); err != nil {
		t.Fatal(err)
	}
	big := put(t, c, Meta{Kind: content.Any}, strings.Repeat("x", 9000))
	c.Close()
	for path := range d.afterKill().now {
		left := d.afterKill()
		delete(left.now, path)
		for _, name := range []string{"x", "zz.data", "0000000000000000-00000000.data", "ffffffffffffffff.index", "0000000000000001.state", "journal-", "journal-ffffffffffffff00", "note.txt"} {
			if p := filepath.Join(filepath.Dir(path), name); left.now[p] == nil {
				left.now[p] = &memFile{data: []byte("garbage")}
			}
		}
		again := openCache(t, "/data", Options{disk: left, tune: small})
		verify(t, again)
		s := again.Stats()
		if s.Cached+s.Archived < 61-16 {
			t.Errorf("without %s there are %+v", path, s)
		}
		for b := next(t, again, 0); b != nil; b = next(t, again, 0) {
			if _, err := io.ReadAll(b.Reader()); err != nil {
				if b.File.Filename != big || !errors.Is(err, ErrDamaged) {
					t.Errorf("without %s: %v", path, err)
				}
				b.Release()
				continue
			}
			b.Done(false)
		}
		again.Close()
	}
}

func TestFilesOfANewerVersionAreRefused(t *testing.T) {
	t.Parallel()
	d := newMemDisk()
	c := openCache(t, "/data", Options{disk: d})
	fill(t, c, 3)
	left := d.afterKill()
	c.Close()
	for _, d := range []*memDisk{left, d} { // with an index and without
		for path := range d.afterKill().now {
			if d.now[strings.Replace(path, "-00000000.data", ".index", 1)] != nil && strings.HasSuffix(path, ".data") {
				continue // the index speaks for it
			}
			newer := d.afterKill()
			newer.now[path].data[8]++
			if _, err := Open("/data", "north-abc123", Options{disk: newer}); !errors.Is(err, store.ErrNewerState) {
				t.Errorf("%s: %v", path, err)
			}
		}
	}
}

func TestADiskThatFailsNowAndThenLosesNothingAcknowledged(t *testing.T) {
	t.Parallel()
	for seed := range uint64(30) {
		r, fails := rand.New(rand.NewPCG(seed, 3)), rand.New(rand.NewPCG(seed, 4)) // the disk's own
		d := newMemDisk()
		c := openCache(t, "/data", Options{disk: d, tune: small})
		d.mu.Lock()
		d.fail = func(op, path string, _ int) error {
			if op != "open" && op != "read" && fails.IntN(12) == 0 {
				return errInjected
			}
			return nil
		}
		d.mu.Unlock()
		want := map[string]string{}
		refused := 0
		for i := range 200 {
			data := strings.Repeat(fmt.Sprint(i, " "), 1+r.IntN(60))
			if r.IntN(20) == 0 {
				data = strings.Repeat("big", 2000+i)
			}
			id, err := c.Put(t.Context(), Meta{Kind: content.Any}, strings.NewReader(data))
			if err != nil {
				refused++
				continue
			}
			want[id] = data
			if r.IntN(3) == 0 {
				if b := next(t, c, 0); b != nil {
					if got := read(t, b); got != want[b.File.Filename] {
						t.Fatalf("seed %d: %s is %q", seed, b.File.Filename, got)
					}
					if err := b.Done(false); err == nil {
						delete(want, b.File.Filename)
					} else if r.IntN(2) == 0 {
						c.wait()
						delete(want, b.File.Filename) // it is not sent again in this life
					} else {
						delete(want, b.File.Filename)
					}
				}
			}
		}
		d.mu.Lock()
		d.fail = nil
		d.mu.Unlock()
		if refused == 0 {
			t.Fatal("nothing failed")
		}
		putFile(t, c, "it works again", "x")
		last := next(t, c, 0)
		last.Release()
		verify(t, c)
		c = reopen(t, c)
		delete(want, "")
		for b := next(t, c, 0); b != nil; b = next(t, c, 0) {
			got := read(t, b)
			if b.File.Metadata.ContentFile != "it works again" {
				if got != want[b.File.Filename] {
					t.Fatalf("seed %d: %s is %.100q, want %.100q", seed, b.File.Filename, got, want[b.File.Filename])
				}
				delete(want, b.File.Filename)
			}
			b.Done(false)
		}
		if len(want) > 0 {
			t.Fatalf("seed %d: %d contents are missing", seed, len(want))
		}
		c.Close()
	}
}

func TestANearlyFullDiskRefusesContentBeforeItIsFull(t *testing.T) {
	t.Parallel()
	d := newMemDisk()
	c := openCache(t, "/data", Options{disk: d, Limits: Limits{Reserve: 1 << 20}, tune: small})
	putFile(t, c, "x", "x")
	d.mu.Lock()
	d.free = 1 << 20
	d.mu.Unlock()
	var space *SpaceError
	for _, size := range []int{1, 10000} {
		if _, err := c.PutBytes(t.Context(), Meta{Kind: content.Any}, make([]byte, size)); !errors.As(err, &space) {
			t.Errorf("got %v", err)
		}
	}
	if got := drain(t, c, 0); len(got) != 1 {
		t.Errorf("got %q", got)
	}
}

func TestAReaderThatFailsLeavesNothing(t *testing.T) {
	t.Parallel()
	d := newMemDisk()
	c := openCache(t, "/data", Options{disk: d, tune: small})
	for _, size := range []int{10, 5000, 100_000} {
		r := io.MultiReader(bytes.NewReader(make([]byte, size)), failing{})
		if _, err := c.Put(t.Context(), Meta{Kind: content.Any}, r); !errors.Is(err, errInjected) {
			t.Errorf("got %v", err)
		}
	}
	if names, _ := d.List("/data/cache/north-abc123/incoming"); len(names) != 0 || c.Stats().Cached != 0 {
		t.Errorf("left %q", names)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errInjected }

func TestDeadSpaceIsBounded(t *testing.T) {
	t.Parallel()
	d := newMemDisk()
	c := openCache(t, "/data", Options{disk: d, tune: small})
	want := map[string]string{}
	var live int64
	for i := range 1000 {
		data := strings.Repeat(fmt.Sprintf("%04d ", i), 40)
		id := putFile(t, c, "x", data)
		b := next(t, c, 0)
		if i%20 == 0 { // one that stays, in each segment
			b.Errored()
			want[id], live = data, live+int64(len(data))
			continue
		}
		b.Done(false)
	}
	c.clean(t.Context())
	verify(t, c)
	s := c.Stats()
	if s.DeadSize > small.deadBytes+live/4+small.segmentBytes {
		t.Errorf("%d bytes are dead, %d live", s.DeadSize, live)
	}
	c = reopen(t, c)
	for id, data := range want {
		if got := view(t, c, InError, id).Content; got != data {
			t.Fatalf("%s is %q", id, got)
		}
	}
	if n, err := c.Clear(InError); n != len(want) || err != nil {
		t.Fatal(n, err)
	}
	c = reopen(t, c)
	c.clean(t.Context())
	if names, _ := d.List(c.dir); len(names) != 1 {
		t.Errorf("left %q", names)
	}
}

// TestKilledChild is not a test but the process that TestAcknowledgedContentsSurviveAKill kills.
func TestKilledChild(t *testing.T) {
	dir := os.Getenv("OIBUS_CACHE_TEST_DIR")
	if dir == "" {
		t.Skip("started by TestAcknowledgedContentsSurviveAKill only")
	}
	c, err := Open(dir, "north-abc123", Options{tune: tune{inline: 4096, segmentEntries: 500}, Limits: Limits{Reserve: 1}})
	if err != nil {
		t.Fatal(err)
	}
	out := bufio.NewWriter(os.Stdout)
	for w := range 4 {
		go func() {
			for i := 0; ; i++ {
				data := strings.Repeat(fmt.Sprintf("%d.%d ", w, i), 1+i%50)
				if i%97 == 0 {
					data = strings.Repeat(data, 300)
				}
				id, err := c.Put(t.Context(), Meta{Kind: content.Any, FileName: fmt.Sprint(len(data))}, strings.NewReader(data))
				if err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(3)
				}
				c.mu.Lock()
				fmt.Fprintf(out, "put %s %d %d\n", id, len(data), checksum([]byte(data)))
				out.Flush()
				c.mu.Unlock()
			}
		}()
	}
	for {
		b, err := c.Next(0)
		if err != nil {
			os.Exit(4)
		}
		if b == nil {
			continue
		}
		id := b.File.Filename
		if _, err := io.Copy(io.Discard, b.Reader()); err != nil || b.Done(true) != nil {
			os.Exit(5)
		}
		c.mu.Lock()
		fmt.Fprintf(out, "done %s\n", id)
		out.Flush()
		c.mu.Unlock()
	}
}

// ledger is what a child acknowledged.
type ledger map[string]*acknowledged

type acknowledged struct {
	size int
	sum  uint32
	done bool
}

// fewest is how many contents a child puts before its time begins to run, however slow the machine is.
const fewest = 60

// run starts a child that fills and drains the cache in dir, calls end after a while, which must end it, and notes what
// the child acknowledged, before late is true if that is given: a flush that is under way while a file system is shut down
// may succeed and leave nothing, for the power does not really go.
func (l ledger) run(t *testing.T, dir string, after time.Duration, late *atomic.Bool, end func(*os.Process)) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKilledChild$")
	cmd.Env = append(os.Environ(), "OIBUS_CACHE_TEST_DIR="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended, puts := make(chan struct{}), 0
	for lines := bufio.NewScanner(out); lines.Scan(); {
		f := strings.Fields(lines.Text())
		if late != nil && late.Load() {
			continue
		}
		if len(f) == 4 && f[0] == "put" {
			size, _ := strconv.Atoi(f[2])
			if sum, err := strconv.ParseUint(f[3], 10, 32); err == nil {
				l[f[1]] = &acknowledged{size, uint32(sum), false}
			}
			if puts++; puts == fewest {
				time.AfterFunc(after, func() {
					defer close(ended)
					end(cmd.Process)
				})
			}
		} else if len(f) == 2 && f[0] == "done" && l[f[1]] != nil {
			l[f[1]].done = true
		}
	}
	err = cmd.Wait() // it was killed
	if puts < fewest {
		t.Fatalf("the child ended by itself: %v", err)
	}
	<-ended
}

// check opens the cache in dir: what was acknowledged is there and whole, and what was delivered does not wait.
func (l ledger) check(t *testing.T, dir string) {
	t.Helper()
	var told incidents
	c := openCache(t, dir, Options{OnIncident: told.add})
	verify(t, c)
	found := search(t, c, Query{})
	left := maps.Clone(l)
	for folder, files := range map[Folder][]File{InCache: found.Cache, InArchive: found.Archive} {
		for _, f := range files {
			_, r, err := c.Read(folder, f.Filename)
			if err != nil {
				t.Fatal(err)
			}
			data, err := io.ReadAll(r)
			r.Close()
			if err != nil || fmt.Sprint(len(data)) != f.Metadata.ContentFile {
				t.Fatalf("%s has %d bytes, not %s", f.Filename, len(data), f.Metadata.ContentFile)
			}
			a := l[f.Filename]
			if a == nil {
				continue // put, but not acknowledged
			}
			if len(data) != a.size || checksum(data) != a.sum || a.done && folder != InArchive {
				t.Errorf("%s in %s has %d bytes, want %+v", f.Filename, folder, len(data), a)
			}
			delete(left, f.Filename)
		}
	}
	if len(left) > 0 {
		t.Errorf("%d of %d acknowledged contents are missing; %v", len(left), len(l), told.list())
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestAcknowledgedContentsSurviveAKill(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	t.Parallel()
	dir, l := t.TempDir(), ledger{}
	for round := range 5 {
		l.run(t, dir, time.Duration(300+100*round)*time.Millisecond, nil, func(p *os.Process) { p.Kill() })
		l.check(t, dir)
	}
}
