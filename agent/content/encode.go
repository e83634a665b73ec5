package content

import (
	"fmt"
	"io"
	"iter"
)

// flushAt is how much an ArrayWriter gathers before it writes.
const flushAt = 32 << 10

// ArrayWriter writes a JSON array element by element. The first error is kept and returned by every later call. It
// is not safe for concurrent use.
type ArrayWriter struct {
	w        io.Writer
	buf      []byte
	elements int
	size     int64
	closed   bool
	err      error
}

// NewArrayWriter writes an array to w. Close ends it.
func NewArrayWriter(w io.Writer) *ArrayWriter {
	return &ArrayWriter{w: w, buf: append(make([]byte, 0, 1<<10), '[')}
}

// Raw adds an element that is JSON already.
func (w *ArrayWriter) Raw(element []byte) error {
	w.begin()
	w.buf = append(w.buf, element...)
	return w.end()
}

// TimeValue adds v.
func (w *ArrayWriter) TimeValue(v *TimeValue) error {
	w.begin()
	w.buf = AppendTimeValue(w.buf, v)
	return w.end()
}

// Setpoint adds s.
func (w *ArrayWriter) Setpoint(s *Setpoint) error {
	w.begin()
	w.buf = AppendSetpoint(w.buf, s)
	return w.end()
}

// Append adds the element that f appends to its argument.
func (w *ArrayWriter) Append(f func([]byte) []byte) error {
	w.begin()
	w.buf = f(w.buf)
	return w.end()
}

// Elements is how many elements were added.
func (w *ArrayWriter) Elements() int { return w.elements }

// Size is how many bytes the array has so far.
func (w *ArrayWriter) Size() int64 { return w.size + int64(len(w.buf)) }

// Close writes what is left and the closing bracket. It does not close the writer below.
func (w *ArrayWriter) Close() error {
	if w.closed {
		return w.err
	}
	w.closed = true
	w.buf = append(w.buf, ']')
	return w.flush()
}

func (w *ArrayWriter) begin() {
	if w.closed && w.err == nil {
		w.err = fmt.Errorf("cannot add to an array: %w", io.ErrClosedPipe)
	}
	if w.elements > 0 {
		w.buf = append(w.buf, ',')
	}
	w.elements++
}

func (w *ArrayWriter) end() error {
	if len(w.buf) < flushAt && w.err == nil {
		return nil
	}
	return w.flush()
}

func (w *ArrayWriter) flush() error {
	if w.err == nil {
		var n int
		n, w.err = w.w.Write(w.buf)
		w.size += int64(n)
	}
	w.buf = w.buf[:0]
	return w.err
}

// Slice is a part of an array, itself an array.
type Slice struct {
	Data     []byte
	Elements int
}

// Slices cuts the array that r holds into arrays of at most elements elements and not much more than bytes bytes;
// 0 means no limit. The data of a slice is valid until the next one. An empty array yields one empty slice.
func Slices(r io.Reader, elements, bytes int) iter.Seq2[Slice, error] {
	return func(yield func(Slice, error) bool) {
		a := NewArray(r)
		buf := []byte{'['}
		for n, slices := 0, 0; ; {
			raw, err := a.Next()
			full := n > 0 && (n == elements || bytes > 0 && len(buf)+len(raw) > bytes)
			if full || err == io.EOF && (n > 0 || slices == 0) {
				if !yield(Slice{append(buf, ']'), n}, nil) {
					return
				}
				buf, n, slices = buf[:1], 0, slices+1
			}
			if err == io.EOF {
				return
			}
			if err != nil {
				yield(Slice{}, err)
				return
			}
			if n > 0 {
				buf = append(buf, ',')
			}
			buf, n = append(buf, raw...), n+1
		}
	}
}
