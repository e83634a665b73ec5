package logging

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
)

// errRotatedAway says that the file of a position is no longer there.
var errRotatedAway = errors.New("journal file was rotated away")

// position is a place between two lines of the journal.
type position struct {
	first  uint64 // names the file
	offset int64
}

// locate returns a position at or before the line numbered seq, or the oldest one there is.
func (j *journal) locate(seq uint64) position {
	j.mu.RLock()
	defer j.mu.RUnlock()
	var p position
	for _, s := range j.all() {
		if p.first == 0 || s.first <= seq {
			p.first = s.first
		}
	}
	return p
}

// end is the position after the newest line, the zero position while there is none.
func (j *journal) end() position {
	j.mu.RLock()
	defer j.mu.RUnlock()
	files := j.all()
	if len(files) == 0 {
		return position{}
	}
	newest := files[len(files)-1]
	return position{newest.first, newest.size}
}

// seek is locate, and not far before the line: it halves the file instead of reading it.
func (j *journal) seek(seq uint64) position {
	p := j.locate(seq)
	j.mu.RLock()
	defer j.mu.RUnlock()
	for _, s := range j.all() {
		if s.first == p.first {
			p.offset = seekFile(s, seq)
		}
	}
	return p
}

// seekFile is where a line at most a few pieces before the one numbered seq begins; 0 when nothing better is found.
func seekFile(s segment, seq uint64) int64 {
	f, err := os.Open(s.path)
	if err != nil {
		return 0
	}
	defer f.Close()
	low, high, buf := int64(0), s.size, make([]byte, chunkSize)
	for high-low > chunkSize {
		middle := low + (high-low)/2
		n, err := f.ReadAt(buf[:min(chunkSize, s.size-middle)], middle)
		if err != nil && !errors.Is(err, io.EOF) {
			return low
		}
		at, found := firstLine(buf[:n])
		switch {
		case at < 0:
			return low
		case found < seq:
			low = middle + int64(at)
		default:
			high = middle
		}
	}
	return low
}

// firstLine is where in piece the first whole line begins, and its number; at is negative when there is none.
func firstLine(piece []byte) (at int, seq uint64) {
	for {
		start := bytes.IndexByte(piece[at:], '\n') + 1
		if start == 0 {
			return -1, 0
		}
		at += start
		end := bytes.IndexByte(piece[at:], '\n')
		if end < 0 {
			return -1, 0
		}
		if r, err := parseRecord(piece[at : at+end]); err == nil {
			return at, r.seq
		}
	}
}

// read fills buf with whole lines from p on, and returns how many bytes they are and the position after them. At the
// end of the journal that is none.
func (j *journal) read(p position, buf []byte) (int, position, error) {
	j.mu.RLock()
	defer j.mu.RUnlock()
	files := j.all()
	for i, s := range files {
		if s.first != p.first {
			continue
		}
		if p.offset < s.size {
			return readFile(s, p, buf)
		}
		if i+1 == len(files) {
			return 0, p, nil
		}
		p = position{first: files[i+1].first}
	}
	return 0, p, errRotatedAway
}

func readFile(s segment, p position, buf []byte) (int, position, error) {
	f, err := os.Open(s.path)
	if errors.Is(err, os.ErrNotExist) {
		return 0, p, errRotatedAway
	}
	if err != nil {
		return 0, p, fmt.Errorf("cannot read journal: %w", err)
	}
	defer f.Close()
	n := readWhole(f, buf, p.offset, s.size)
	if n == 0 {
		return 0, p, fmt.Errorf("cannot read journal: %s is shorter than it was", s.path)
	}
	p.offset += int64(n)
	return n, p, nil
}

// backward calls visit with each line of the journal, newest first, until it returns false. The line is only valid
// during the call. A file that cannot be read is passed over.
func (j *journal) backward(visit func(line []byte) bool) error {
	j.mu.RLock()
	defer j.mu.RUnlock()
	files := j.all()
	var failed error
	for i := len(files) - 1; i >= 0; i-- {
		stopped, err := backwardFile(files[i], visit)
		if stopped {
			return nil
		}
		failed = errors.Join(failed, err)
	}
	return failed
}

func backwardFile(s segment, visit func(line []byte) bool) (stopped bool, err error) {
	f, err := os.Open(s.path)
	if err != nil {
		return false, fmt.Errorf("cannot read journal: %w", err)
	}
	defer f.Close()
	err = backward(f, s.size, func(line []byte) bool {
		stopped = !visit(line)
		return !stopped
	})
	return stopped, err
}
