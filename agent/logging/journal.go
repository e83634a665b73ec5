package logging

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"oibus/platform"
)

// journalFile is the file that is written. A fault test puts its own in its place.
type journalFile interface {
	io.WriterAt
	Sync() error
	Close() error
}

// journal is the lines on disk: one current file that grows, and rotated ones that only disappear. One goroutine
// writes; any number read, and see whole lines only.
type journal struct {
	dir  string
	wrap func(*os.File) journalFile

	maxSize  atomic.Int64 // of the current file, bytes
	maxFiles atomic.Int64 // rotated ones

	// mu is held for reading while a file of the journal is open, because Windows renames no open file, and for
	// writing to rotate.
	mu        sync.RWMutex
	rotated   []segment // oldest first
	current   *segment  // its size is in committed; nil when there is none
	committed atomic.Int64

	// Used by the writer only.
	file     journalFile
	info     os.FileInfo
	rotateAt int64 // try again when a rotation failed
	stuck    bool  // an old file cannot be removed, which was told
	notes    []string
}

func openJournal(dir string, wrap func(*os.File) journalFile) (*journal, error) {
	if wrap == nil {
		wrap = func(f *os.File) journalFile { return f }
	}
	j := &journal{dir: dir, wrap: wrap}
	j.maxSize.Store(50 << 20)
	j.maxFiles.Store(5)
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("cannot make log folder: %w", err)
	}
	rotated, err := listRotated(dir)
	if err != nil {
		return nil, err
	}
	j.rotated = rotated
	return j, nil
}

func (j *journal) path() string { return filepath.Join(j.dir, currentName) }

// write adds the lines of b. When it fails nothing was added, and the same batch can be written again.
func (j *journal) write(b batch) error {
	if err := j.ensureOpen(b.first); err != nil {
		return err
	}
	if j.current == nil {
		j.mu.Lock()
		j.current = &segment{first: b.first, path: j.path()}
		j.mu.Unlock()
	}
	size := j.committed.Load()
	// At an offset, so that a part of a batch that reached a full disk is overwritten by the next attempt.
	if _, err := j.file.WriteAt(b.data, size); err != nil {
		return fmt.Errorf("cannot write journal: %w", err)
	}
	j.committed.Store(size + int64(len(b.data)))
	j.maintain()
	return nil
}

// ensureOpen opens the current file, again when somebody removed, replaced or cut it.
func (j *journal) ensureOpen(next uint64) error {
	if j.file != nil {
		info, err := os.Stat(j.path())
		if err == nil && os.SameFile(info, j.info) && info.Size() >= j.committed.Load() {
			return nil
		}
		j.file.Close()
		j.file = nil
		j.note("%s was removed or changed by someone else", j.path())
	}
	_, err := j.adopt(next)
	return err
}

func (j *journal) note(format string, args ...any) {
	j.notes = append(j.notes, fmt.Sprintf(format, args...))
}

// takeNotes returns what happened to the files and should be told.
func (j *journal) takeNotes() []string {
	notes := j.notes
	j.notes = nil
	return notes
}

// maintain rotates a full current file and removes the oldest rotated ones.
func (j *journal) maintain() {
	size, limit := j.committed.Load(), j.maxSize.Load()
	full := size >= max(limit, j.rotateAt)
	j.mu.RLock()
	crowded := int64(len(j.rotated)) > j.maxFiles.Load()
	j.mu.RUnlock()
	if !full && !crowded {
		return
	}
	// A long search holds the lock; the next batch tries again, until the file is far too large.
	if !j.mu.TryLock() {
		if size < 2*limit {
			return
		}
		j.mu.Lock()
	}
	defer j.mu.Unlock()
	if full {
		if err := j.rotate(size); err != nil {
			j.rotateAt = size + limit/10 + 1
			j.note("cannot rotate the journal: %v", err)
		}
	}
	j.prune()
}

// rotate gives the current file its final name. The next write makes a new one.
func (j *journal) rotate(size int64) error {
	done := segment{first: j.current.first, size: size, path: filepath.Join(j.dir, rotatedName(j.current.first))}
	flushed := errors.Join(j.file.Sync(), j.file.Close())
	j.file = nil
	if err := os.Rename(j.path(), done.path); err != nil {
		return errors.Join(flushed, err)
	}
	if flushed != nil { // the lines are in the file all the same, unless the power fails now
		j.note("cannot flush a full journal file: %v", flushed)
	}
	_ = platform.SyncDir(j.dir) // not done, a power cut may undo the rename, and then it is done again
	j.rotated = append(j.rotated, done)
	j.current, j.rotateAt = nil, 0
	j.committed.Store(0)
	return nil
}

func (j *journal) prune() {
	for int64(len(j.rotated)) > j.maxFiles.Load() {
		if err := os.Remove(j.rotated[0].path); err != nil && !os.IsNotExist(err) {
			if !j.stuck {
				j.note("cannot remove an old journal file: %v", err)
			}
			j.stuck = true
			return
		}
		j.stuck = false
		j.rotated = j.rotated[1:]
	}
}

// all lists the files, oldest first. The caller holds the lock.
func (j *journal) all() []segment {
	list := append(make([]segment, 0, len(j.rotated)+1), j.rotated...)
	if j.current != nil {
		list = append(list, segment{first: j.current.first, path: j.current.path, size: j.committed.Load()})
	}
	return list
}

func (j *journal) close() error {
	if j.file == nil {
		return nil
	}
	err := j.file.Sync()
	if closeErr := j.file.Close(); err == nil {
		err = closeErr
	}
	j.file = nil
	return err
}
