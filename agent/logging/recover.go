package logging

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// adopt opens the current file, or makes it, and returns its last sequence number, 0 when it is empty. What a crash
// left at its end is repaired: half a line is cut off, a missing newline added. A file that cannot be used, holds no
// line at all, or lines numbered next or later, is put aside. next is 0 when it is not known yet.
func (j *journal) adopt(next uint64) (last uint64, err error) {
	f, err := j.openCurrent()
	if err != nil {
		return 0, fmt.Errorf("cannot open journal: %w", err)
	}
	first, last, size, err := j.repair(f)
	if err == nil && size > 0 && next > 0 && last >= next {
		err = fmt.Errorf("its last line is number %d, which is not before %d", last, next)
	}
	if err != nil {
		f.Close()
		if asideErr := j.setAside(err); asideErr != nil {
			return 0, fmt.Errorf("cannot recover journal: %w", errors.Join(err, asideErr))
		}
		if f, err = j.openCurrent(); err != nil {
			return 0, fmt.Errorf("cannot open journal: %w", err)
		}
		first, last, size = 0, 0, 0
	}
	return last, j.use(f, first, size)
}

// openCurrent opens the current file. One that is no file, or that may not be opened, is put aside.
func (j *journal) openCurrent() (*os.File, error) {
	open := func() (*os.File, error) { return os.OpenFile(j.path(), os.O_RDWR|os.O_CREATE, 0o640) }
	info, err := os.Lstat(j.path())
	if err == nil && !info.Mode().IsRegular() {
		if err := j.setAside(errors.New("it is no regular file")); err != nil {
			return nil, err
		}
	}
	f, err := open()
	if os.IsPermission(err) && j.setAside(err) == nil {
		return open()
	}
	return f, err
}

// use makes f the current file, with size bytes of whole lines.
func (j *journal) use(f *os.File, first uint64, size int64) error {
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return fmt.Errorf("cannot open journal: %w", err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.file, j.info, j.current = j.wrap(f), info, nil
	if size > 0 {
		j.current = &segment{first: first, path: j.path()}
	}
	j.committed.Store(size)
	return nil
}

// setAside renames a current file that cannot be used.
func (j *journal) setAside(cause error) error {
	aside := j.path() + ".corrupt-" + time.Now().UTC().Format("20060102T150405.000000000")
	if err := os.Rename(j.path(), aside); err != nil {
		return err
	}
	j.note("%s could not be used (%v) and was put aside as %s", j.path(), cause, aside)
	return nil
}

// repair makes f end with a whole line and returns its first and last sequence number, and its size.
func (j *journal) repair(f *os.File) (first, last uint64, size int64, err error) {
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return 0, 0, 0, err
	}
	if size, err = j.repairEnd(f, info.Size()); err != nil {
		return 0, 0, 0, err
	}
	if last, err = lastSequence(f, size); err != nil {
		return 0, 0, 0, err
	}
	rec, ok := firstRecord(f, size)
	if !ok {
		return 0, 0, 0, errors.New("it holds no journal line")
	}
	return rec.seq, last, size, nil
}

func (j *journal) repairEnd(f *os.File, size int64) (int64, error) {
	end, err := endOfLines(f, size)
	if err != nil || end == size {
		return size, err
	}
	if torn := size - end; torn <= chunkSize {
		piece := make([]byte, torn)
		if _, err := f.ReadAt(piece, end); err != nil {
			return 0, err
		}
		if _, err := parseRecord(piece); err == nil {
			_, err := f.WriteAt([]byte{'\n'}, size)
			return size + 1, err
		}
	}
	if end == 0 {
		return 0, errors.New("it holds no journal line")
	}
	j.note("the last line of %s was incomplete (%d bytes) and was removed", j.path(), size-end)
	return end, f.Truncate(end)
}

// endOfLines is the offset after the last newline of r.
func endOfLines(r io.ReaderAt, size int64) (int64, error) {
	buf := make([]byte, chunkSize)
	for size > 0 {
		n := min(size, chunkSize)
		if _, err := r.ReadAt(buf[:n], size-n); err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
		size -= n
		if i := bytes.LastIndexByte(buf[:n], '\n'); i >= 0 {
			return size + int64(i) + 1, nil
		}
	}
	return 0, nil
}

// lastSequence is the number of the last line of r that is whole, 0 when there is none.
func lastSequence(r io.ReaderAt, size int64) (last uint64, err error) {
	err = backward(r, size, func(line []byte) bool {
		rec, err := parseRecord(line)
		if err == nil {
			last = rec.seq
		}
		return err != nil
	})
	return last, err
}

// lastRotated is the newest sequence number that the rotated files show.
func (j *journal) lastRotated() uint64 {
	if len(j.rotated) == 0 {
		return 0
	}
	newest := j.rotated[len(j.rotated)-1]
	f, err := os.Open(newest.path)
	if err != nil {
		return newest.first
	}
	defer f.Close()
	last, _ := lastSequence(f, newest.size)
	return max(last, newest.first)
}
