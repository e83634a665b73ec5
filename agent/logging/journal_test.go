package logging

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// write logs messages prefix1 to prefixN and waits until they are in the journal.
func write(t testing.TB, h *Hub, prefix string, from, to int) {
	t.Helper()
	log := h.Logger(Scope{Type: South, ID: "s1", Name: "PLC"})
	for i := from; i <= to; i++ {
		log.Info(fmt.Sprintf("%s%d", prefix, i))
		if i%5000 == 0 {
			flush(t, h)
		}
	}
	flush(t, h)
}

func TestTheJournalRotatesBySizeAndKeepsSoManyFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	h := openHub(t, dir, Options{})
	apply(t, h, settings())
	h.journal.maxSize.Store(10 << 10)
	h.journal.maxFiles.Store(3)
	for i := range 100 {
		write(t, h, strings.Repeat("x", 100), 10*i, 10*i+9)
	}
	lines := journalLines(t, dir)
	wantWhole(t, lines)
	rotated, err := listRotated(dir)
	if err != nil || len(rotated) != 3 {
		t.Fatalf("%d rotated files, %v", len(rotated), err)
	}
	for _, s := range rotated {
		if s.size < 10<<10 || s.size > 14<<10 {
			t.Errorf("%s has %d bytes", s.path, s.size)
		}
		if first, _ := os.ReadFile(s.path); !bytes.HasPrefix(first, fmt.Appendf(nil, `{"seq":%d,`, s.first)) {
			t.Errorf("%s does not start with its number", s.path)
		}
	}
	p, err := h.Search(Query{PageSize: 1000})
	if err != nil || p.Total != len(lines) || p.Entries[0].Seq != 1000 {
		t.Errorf("search sees %d of %d entries, %v", p.Total, len(lines), err)
	}
	h.journal.maxFiles.Store(1)
	write(t, h, "one more ", 1, 1)
	if rotated, _ := listRotated(dir); len(rotated) != 1 {
		t.Errorf("%d rotated files after the limit became 1", len(rotated))
	}
}

func TestNumbersGoOnAfterARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for run := range 4 {
		h := openHub(t, dir, Options{})
		apply(t, h, settings())
		write(t, h, "m", run*10+1, run*10+10)
		if run == 1 { // the current file was just rotated
			h.journal.maxSize.Store(1)
			write(t, h, "last of run ", 1, 1)
		}
		closeHub(t, h)
	}
	lines := journalLines(t, dir)
	wantWhole(t, lines)
	if len(lines) != 41 {
		t.Errorf("%d lines", len(lines))
	}
}

// TestWhatACrashLeavesIsRepaired plays kill -9 and power cuts: what stands at the end of the file is not a whole line.
func TestWhatACrashLeavesIsRepaired(t *testing.T) {
	t.Parallel()
	whole := string(sampleLine(4, Scope{Type: Internal}, 0, "m4"))
	for _, c := range []struct {
		name, tail   string
		lines        int // whole ones afterwards, with one more that is logged
		notes, aside int
	}{
		{"nothing", "", 4, 0, 0},
		{"half a line", whole[:40], 4, 1, 0},
		{"a line without its newline", strings.TrimSuffix(whole, "\n"), 5, 0, 0},
		{"zeros", strings.Repeat("\x00", 700_000), 4, 1, 0},
		{"zeros and a newline", strings.Repeat("\x00", 4096) + "\n", 4, 0, 0},
		{"an endless line", strings.Repeat("x", 600_000), 4, 1, 0},
		{"a number that jumps", strings.Replace(whole, `"seq":4`, `"seq":900`, 1), 5, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			h := openHub(t, dir, Options{})
			apply(t, h, settings())
			write(t, h, "m", 1, 3)
			stop(h)
			appendTo(t, filepath.Join(dir, currentName), c.tail)

			h = openHub(t, dir, Options{})
			apply(t, h, settings())
			write(t, h, "after ", 1, 1)
			p, err := h.Search(Query{})
			if err != nil || p.Total != c.lines+c.notes {
				t.Fatalf("search finds %d entries, %v: %+v", p.Total, err, p.Entries)
			}
			seen := map[uint64]bool{}
			for _, e := range p.Entries {
				if seen[e.Seq] {
					t.Errorf("number %d was given twice", e.Seq)
				}
				seen[e.Seq] = true
			}
			if p, _ := h.Search(Query{Text: "incomplete"}); p.Total != c.notes {
				t.Errorf("%d notes about it", p.Total)
			}
		})
	}
}

func appendTo(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

func TestAJournalThatCannotBeUsedIsPutAside(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(path string) error{
		"garbage":     func(path string) error { return os.WriteFile(path, []byte("PK\x03\x04\nhello\n"), 0o600) },
		"zero-filled": func(path string) error { return os.WriteFile(path, make([]byte, 5000), 0o600) },
		"a folder":    func(path string) error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o700)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			h := openHub(t, dir, Options{})
			apply(t, h, settings())
			write(t, h, "before ", 1, 3)
			closeHub(t, h)
			if err := damage(filepath.Join(dir, currentName)); err != nil {
				t.Fatal(err)
			}
			h = openHub(t, dir, Options{})
			apply(t, h, settings())
			write(t, h, "after ", 1, 1)
			if p, err := h.Search(Query{Text: "put aside"}); err != nil || p.Total != 1 {
				t.Errorf("it is told %d times, %v", p.Total, err)
			}
			if aside, _ := filepath.Glob(filepath.Join(dir, "*.corrupt-*")); len(aside) != 1 {
				t.Errorf("put aside: %q", aside)
			}
		})
	}
}

func TestAnEmptyJournalIsNoTrouble(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, currentName), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	h := openHub(t, dir, Options{})
	apply(t, h, settings())
	write(t, h, "m", 1, 1)
	if lines := journalLines(t, dir); len(lines) != 1 {
		t.Errorf("the journal holds %q", lines)
	}
}

func TestAJournalThatIsRemovedUnderOurHandsIsMadeAgain(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(path string) error{
		"removed":   os.Remove,
		"renamed":   func(path string) error { return os.Rename(path, path+".old") },
		"truncated": func(path string) error { return os.Truncate(path, 0) },
		"replaced":  func(path string) error { return errors.Join(os.Remove(path), os.WriteFile(path, []byte("x\n"), 0o600)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			h := openHub(t, dir, Options{})
			apply(t, h, settings())
			write(t, h, "before ", 1, 3)
			if err := damage(filepath.Join(dir, currentName)); err != nil {
				t.Skip("this system protects an open file:", err)
			}
			write(t, h, "after ", 1, 3)
			p, err := h.Search(Query{Text: "after"})
			if err != nil || p.Total != 3 {
				t.Errorf("%d entries, %v", p.Total, err)
			}
			if p, _ := h.Search(Query{Text: "removed or changed"}); p.Total != 1 {
				t.Errorf("it is told %d times", p.Total)
			}
		})
	}
}

// fullDisk writes a part, and then says that there is no space, while full is set.
type fullDisk struct {
	*os.File
	full *atomic.Bool
}

func (d fullDisk) WriteAt(p []byte, at int64) (int, error) {
	if !d.full.Load() {
		return d.File.WriteAt(p, at)
	}
	n, _ := d.File.WriteAt(p[:len(p)/2], at)
	return n, &os.PathError{Op: "write", Path: d.Name(), Err: syscall.ENOSPC}
}

func TestAFullDiskCostsOnlyWhatMemoryCannotHoldAndIsToldOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("a lot of work, which the race detector only makes slow")
	}
	t.Parallel()
	dir, console := t.TempDir(), &buffer{}
	var full atomic.Bool
	h := openHub(t, dir, Options{Console: console, wrap: func(f *os.File) journalFile { return fullDisk{f, &full} }})
	apply(t, h, settings())
	write(t, h, "before ", 1, 10)

	full.Store(true)
	log := h.Logger(Scope{})
	started := time.Now()
	line := strings.Repeat("x", 10_000)
	const during = 1000 // twice what fits
	for i := range during {
		log.Info(line, "n", i)
	}
	if took := time.Since(started); took > during/5*patience { // each of the half that finds no room would take longer
		t.Errorf("those who log waited %s for a full disk", took)
	}
	eventually(t, "an alarm on the console", func() bool { return strings.Contains(console.String(), "no space left") })
	full.Store(false)
	flush(t, h)
	write(t, h, "after ", 1, 10)

	wantWhole(t, journalLines(t, dir))
	kept, _ := h.Search(Query{Text: line})
	told, _ := h.Search(Query{Text: "log lines were lost"})
	outage, _ := h.Search(Query{Text: "could not be written from"})
	if kept.Total == 0 || kept.Total == during || told.Total != 1 || outage.Total != 1 {
		t.Fatalf("%d lines kept, loss told %d times, outage %d times", kept.Total, told.Total, outage.Total)
	}
	if want := fmt.Sprintf("%d log lines were lost", during-kept.Total); !strings.HasPrefix(told.Entries[0].Message, want) {
		t.Errorf("told %q, want %q", told.Entries[0].Message, want)
	}
	for prefix, want := range map[string]int{"before ": 10, "after ": 10} {
		if p, _ := h.Search(Query{Text: prefix}); p.Total != want {
			t.Errorf("%d entries %q", p.Total, prefix)
		}
	}
}

func TestAStopDoesNotHangOnAFullDisk(t *testing.T) {
	t.Parallel()
	var full atomic.Bool
	h := openHub(t, t.TempDir(), Options{wrap: func(f *os.File) journalFile { return fullDisk{f, &full} }})
	apply(t, h, settings())
	full.Store(true)
	h.Logger(Scope{}).Info("lost")
	ctx, cancel := contextFor(t, 300*time.Millisecond)
	defer cancel()
	started := time.Now()
	if err := h.Close(ctx); err == nil {
		t.Error("Close says that all is well")
	}
	if took := time.Since(started); took > 5*time.Second {
		t.Errorf("Close took %s", took)
	}
}

// slowDisk takes its time, so that the queue fills although the disk works.
type slowDisk struct{ *os.File }

func (d slowDisk) WriteAt(p []byte, at int64) (int, error) {
	time.Sleep(5 * time.Millisecond)
	return d.File.WriteAt(p, at)
}

func TestABurstWaitsForASlowDiskInsteadOfLosingLines(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	h := openHub(t, dir, Options{wrap: func(f *os.File) journalFile { return slowDisk{f} }})
	apply(t, h, settings())
	h.queue.mu.Lock()
	h.queue.limit, h.queue.wait = 64<<10, time.Minute // the disk is slow, not this machine
	h.queue.mu.Unlock()
	log := h.Logger(Scope{})
	for range 10_000 {
		log.Error("x")
	}
	flush(t, h)
	lines := journalLines(t, dir)
	wantWhole(t, lines)
	if len(lines) != 10_000 {
		t.Errorf("%d lines arrived", len(lines))
	}
}

func TestALineTooManyIsCountedAndNumbersHaveNoGap(t *testing.T) {
	t.Parallel()
	q := newQueue(1, 300)
	body := appendLine(nil, time.Now(), 0, nil, []byte("hello"))
	for range 10 {
		q.push(body, false)
	}
	b := q.take(nil)
	n := uint64(bytes.Count(b.data, []byte{'\n'}))
	if n == 0 || n+b.lost != 10 || q.last() != n || b.first != 1 {
		t.Fatalf("%d kept, %d lost, last %d", n, b.lost, q.last())
	}
	q.push(body, false)
	if b := q.take(nil); b.first != n+1 || b.lost != 0 {
		t.Fatalf("the next batch starts at %d with %d lost", b.first, b.lost)
	}
	q.close()
	q.push(body, false)
	if b := q.take(nil); len(b.data) > 0 || b.lost > 0 {
		t.Error("a closed queue took a line")
	}
}

func TestReadingBackwardFindsEveryLine(t *testing.T) {
	t.Parallel()
	var data []byte
	var want []string
	for i := range 300 {
		line := fmt.Sprintf("%d%s", i, strings.Repeat("x", i*i%5000))
		if i%100 == 50 {
			line = strings.Repeat("y", chunkSize-i/100)
		}
		data = append(append(data, line...), '\n')
		want = append([]string{line}, want...)
	}
	if got := backwardLines(t, data); !slices.Equal(got, want) {
		t.Errorf("%d lines, %d expected", len(got), len(want))
	}
}

func TestALineThatIsTooLongDoesNotHideItsNeighbours(t *testing.T) {
	t.Parallel()
	got := backwardLines(t, []byte("first\n"+strings.Repeat("y", 3*chunkSize)+"\nlast\n"))
	if got[0] != "last" || got[len(got)-1] != "first" {
		t.Errorf("got %d pieces", len(got))
	}
}

func backwardLines(t *testing.T, data []byte) (lines []string) {
	t.Helper()
	if err := backward(bytes.NewReader(data), int64(len(data)), func(line []byte) bool {
		lines = append(lines, string(line))
		return true
	}); err != nil {
		t.Fatal(err)
	}
	return lines
}
