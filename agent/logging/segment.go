package logging

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const currentName = "journal.jsonl"

// A segment is one file of the journal: the current one, or a rotated one, named by its first sequence number.
type segment struct {
	first uint64
	path  string
	size  int64
}

func rotatedName(first uint64) string { return fmt.Sprintf("journal-%020d.jsonl", first) }

func parseRotatedName(name string) (first uint64, ok bool) {
	digits, ok := strings.CutPrefix(name, "journal-")
	if !ok {
		return 0, false
	}
	if digits, ok = strings.CutSuffix(digits, ".jsonl"); !ok {
		return 0, false
	}
	first, err := strconv.ParseUint(digits, 10, 64)
	return first, err == nil && first > 0
}

// listRotated returns the rotated files in dir, oldest first.
func listRotated(dir string) ([]segment, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("cannot list journal files: %w", err)
	}
	var found []segment
	for _, e := range entries {
		first, ok := parseRotatedName(e.Name())
		if !ok {
			continue
		}
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			found = append(found, segment{first: first, path: filepath.Join(dir, e.Name()), size: info.Size()})
		}
	}
	slices.SortFunc(found, func(a, b segment) int { return cmp.Compare(a.first, b.first) })
	return found, nil
}

// chunkSize is what is read of a journal file at once. It is more than the longest line.
const chunkSize = 256 << 10

// backward calls line with each line of the first size bytes of r, last one first, until it returns false. A line is
// without its newline and only valid during the call; one longer than a chunk comes in pieces, each of them damaged.
func backward(r io.ReaderAt, size int64, line func([]byte) bool) error {
	buf := make([]byte, 2*chunkSize)
	var kept int // bytes at the start of buf that belong to the line that the chunk before them begins
	var ends []int
	for end := size; end > 0; {
		n := int(min(end, chunkSize))
		copy(buf[n:], buf[:kept])
		if _, err := r.ReadAt(buf[:n], end-int64(n)); err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("cannot read journal: %w", err)
		}
		end -= int64(n)
		data := buf[:n+kept]
		ends = newlines(ends[:0], data[:n]) // what is kept has none
		for i := len(ends) - 1; i >= 0; i-- {
			if !emit(data[ends[i]+1:], line) {
				return nil
			}
			data = data[:ends[i]]
		}
		if kept = len(data); kept > chunkSize {
			if !emit(data, line) {
				return nil
			}
			kept = 0
		}
	}
	emit(buf[:kept], line)
	return nil
}

// newlines adds the places of the newlines in data to at.
func newlines(at []int, data []byte) []int {
	for from := 0; ; {
		i := bytes.IndexByte(data[from:], '\n')
		if i < 0 {
			return at
		}
		at = append(at, from+i)
		from += i + 1
	}
}

func emit(data []byte, line func([]byte) bool) bool { return len(data) == 0 || line(data) }

// firstRecord is the first line of r that is whole.
func firstRecord(r io.ReaderAt, size int64) (record, bool) {
	buf := make([]byte, chunkSize)
	for offset := int64(0); offset < size; {
		data := buf[:readWhole(r, buf, offset, size)]
		for line := range bytes.Lines(data) {
			if rec, err := parseRecord(line); err == nil {
				return rec, true
			}
		}
		if len(data) == 0 {
			break
		}
		offset += int64(len(data))
	}
	return record{}, false
}

// readWhole fills buf with whole lines of r from offset on and returns how many bytes they are. A line that does not
// fit is cut; its pieces are damaged lines.
func readWhole(r io.ReaderAt, buf []byte, offset, size int64) int {
	n, err := r.ReadAt(buf[:min(int64(len(buf)), size-offset)], offset)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0
	}
	if whole := bytes.LastIndexByte(buf[:n], '\n') + 1; whole > 0 {
		return whole
	}
	return n
}
