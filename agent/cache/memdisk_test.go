package cache

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// memDisk is a file system in memory that remembers what was not flushed, and can fail. As on the journaling file
// systems of real machines, changes of folders survive a power cut up to some moment, in order, and at least up to the
// last flush of one of them; what was written to a file since its last flush survives in any part.
type memDisk struct {
	mu       sync.Mutex
	now      map[string]*memFile // by path
	settled  map[string]*memFile // what a power cut is sure to leave
	steps    []step              // changes of folders since
	pathsDir map[string]bool
	free     uint64
	fail     func(op, path string, n int) error // asked before each operation; n is its number
	n        int
	opened   int
}

type step struct {
	from, to string // "" is nothing: created or removed
	file     *memFile
}

type memFile struct {
	mu      sync.Mutex
	data    []byte
	flushed []byte
	writes  []write // since
}

type write struct {
	at   int64
	data []byte
	size int64 // of a truncation, else -1
}

var errInjected = errors.New("injected")

func newMemDisk() *memDisk {
	return &memDisk{now: map[string]*memFile{}, settled: map[string]*memFile{}, pathsDir: map[string]bool{}, free: 1 << 40}
}

func (d *memDisk) ask(op, path string) error {
	d.n++
	if d.fail != nil {
		return d.fail(op, path, d.n)
	}
	return nil
}

func (d *memDisk) MkdirAll(dir string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.pathsDir[dir] = true
	return nil
}

func (d *memDisk) Create(path string) (file, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.ask("create", path); err != nil {
		return nil, err
	}
	if d.now[path] != nil {
		return nil, fmt.Errorf("%s: %w", path, fs.ErrExist)
	}
	f := &memFile{}
	d.now[path] = f
	d.steps = append(d.steps, step{to: path, file: f})
	d.opened++
	return &memHandle{d: d, f: f, path: path}, nil
}

func (d *memDisk) Open(path string) (file, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.ask("open", path); err != nil {
		return nil, err
	}
	f := d.now[path]
	if f == nil {
		return nil, fmt.Errorf("%s: %w", path, fs.ErrNotExist)
	}
	d.opened++
	return &memHandle{d: d, f: f, path: path}, nil
}

func (d *memDisk) Size(path string) (int64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.now[path]
	if f == nil {
		return 0, fmt.Errorf("%s: %w", path, fs.ErrNotExist)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return int64(len(f.data)), nil
}

func (d *memDisk) List(dir string) (names []string, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for path := range d.now {
		if filepath.Dir(path) == dir {
			names = append(names, filepath.Base(path))
		}
	}
	slices.Sort(names)
	return names, nil
}

func (d *memDisk) Rename(from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.ask("rename", to); err != nil {
		return err
	}
	f := d.now[from]
	if f == nil {
		return fmt.Errorf("%s: %w", from, fs.ErrNotExist)
	}
	delete(d.now, from)
	d.now[to] = f
	d.steps = append(d.steps, step{from: from, to: to, file: f})
	return nil
}

func (d *memDisk) Remove(path string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.ask("remove", path); err != nil {
		return err
	}
	if d.now[path] != nil {
		delete(d.now, path)
		d.steps = append(d.steps, step{from: path})
	}
	return nil
}

func (d *memDisk) SyncDir(dir string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.ask("syncdir", dir); err != nil {
		return err
	}
	for i := len(d.steps) - 1; i >= 0; i-- {
		if s := d.steps[i]; s.from != "" && filepath.Dir(s.from) == dir || s.to != "" && filepath.Dir(s.to) == dir {
			d.settle(i + 1)
			break
		}
	}
	return nil
}

func (d *memDisk) settle(n int) {
	for _, s := range d.steps[:n] {
		s.do(d.settled)
	}
	d.steps = d.steps[n:]
}

func (s step) do(files map[string]*memFile) {
	if s.from != "" {
		delete(files, s.from)
	}
	if s.to != "" {
		files[s.to] = s.file
	}
}

func (d *memDisk) Free(string) (uint64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.free, nil
}

// afterKill is what the end of the process leaves: everything.
func (d *memDisk) afterKill() *memDisk {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.killed()
}

func (d *memDisk) killed() *memDisk {
	n := newMemDisk()
	for path, f := range d.now {
		n.now[path] = f.copy(f.whole())
		n.settled[path] = n.now[path]
	}
	return n
}

// afterPowerCut is what a power cut may leave.
func (d *memDisk) afterPowerCut(r *rand.Rand) *memDisk {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.cut(r)
}

func (d *memDisk) cut(r *rand.Rand) *memDisk {
	left := map[string]*memFile{}
	for path, f := range d.settled {
		left[path] = f
	}
	for _, s := range d.steps[:r.IntN(len(d.steps)+1)] {
		s.do(left)
	}
	n := newMemDisk()
	for path, f := range left {
		n.now[path] = f.copy(f.torn(r))
		n.settled[path] = n.now[path]
	}
	return n
}

func (f *memFile) copy(data []byte) *memFile {
	return &memFile{data: slices.Clone(data), flushed: slices.Clone(data)}
}

func (f *memFile) whole() []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.data)
}

// torn is the content of f with some of the writes since the last flush, and some of them in part.
func (f *memFile) torn(r *rand.Rand) []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	data := slices.Clone(f.flushed)
	for _, w := range f.writes {
		switch r.IntN(4) {
		case 0:
			continue
		case 1:
			if w.size < 0 {
				w.data = w.data[:r.IntN(len(w.data)+1)]
			}
		}
		data = w.do(data)
	}
	return data
}

func (w write) do(data []byte) []byte {
	if w.size >= 0 {
		return append(data[:min(w.size, int64(len(data)))], make([]byte, max(0, w.size-int64(len(data))))...)
	}
	if grow := w.at + int64(len(w.data)) - int64(len(data)); grow > 0 {
		data = append(data, make([]byte, grow)...)
	}
	copy(data[w.at:], w.data)
	return data
}

type memHandle struct {
	d      *memDisk
	f      *memFile
	path   string
	closed bool
}

func (h *memHandle) ask(op string) error {
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	return h.d.ask(op, h.path)
}

func (h *memHandle) ReadAt(p []byte, at int64) (int, error) {
	if err := h.ask("read"); err != nil {
		return 0, err
	}
	h.f.mu.Lock()
	defer h.f.mu.Unlock()
	if at >= int64(len(h.f.data)) {
		return 0, io.EOF
	}
	n := copy(p, h.f.data[at:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (h *memHandle) WriteAt(p []byte, at int64) (int, error) {
	err := h.ask("write")
	if err != nil {
		p = p[:len(p)/2] // a full disk takes the first half
	}
	h.f.mu.Lock()
	defer h.f.mu.Unlock()
	w := write{at, slices.Clone(p), -1}
	h.f.data = w.do(h.f.data)
	h.f.writes = append(h.f.writes, w)
	return len(p), err
}

func (h *memHandle) Truncate(size int64) error {
	if err := h.ask("truncate"); err != nil {
		return err
	}
	h.f.mu.Lock()
	defer h.f.mu.Unlock()
	w := write{size: size}
	h.f.data = w.do(h.f.data)
	h.f.writes = append(h.f.writes, w)
	return nil
}

func (h *memHandle) Sync() error {
	if err := h.ask("sync"); err != nil {
		return err
	}
	h.f.mu.Lock()
	defer h.f.mu.Unlock()
	h.f.flushed = slices.Clone(h.f.data)
	h.f.writes = nil
	return nil
}

func (h *memHandle) Close() error {
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	if h.closed {
		return fs.ErrClosed
	}
	h.closed = true
	h.d.opened--
	return nil
}

// aside lists the files that were put aside.
func (d *memDisk) aside() (names []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for path := range d.now {
		if strings.Contains(path, corruptMark) {
			names = append(names, filepath.Base(path))
		}
	}
	slices.Sort(names)
	return names
}
