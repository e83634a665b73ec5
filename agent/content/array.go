package content

import (
	"errors"
	"fmt"
	"io"
)

// MaxElement is the largest element of an array that is read, in bytes. Messages of 20 MB may be posted to the
// agent, and a text grows when it is put inside a JSON text.
const MaxElement = 64 << 20

const firstBuffer = 64 << 10

// Array reads a JSON array element by element. It is not safe for concurrent use.
type Array struct {
	r     io.Reader
	limit int

	buf   []byte
	pos   int   // next byte in buf
	base  int64 // position of buf[0] in what was read
	eof   bool
	state arrayState
}

type arrayState int

const (
	atStart    arrayState = iota // before the opening bracket
	atFirst                      // before the first element or the closing bracket
	atElement                    // before an element
	afterValue                   // behind an element
	atEnd
)

// NewArray reads an array from its opening bracket on.
func NewArray(r io.Reader) *Array { return &Array{r: r, limit: MaxElement} }

// ResumeArray reads the rest of an array whose elements before offset were read: r stands there, at an element or a
// comma. Positions count from the beginning of the array.
func ResumeArray(r io.Reader, offset int64) *Array {
	return &Array{r: r, limit: MaxElement, base: offset, state: atElement}
}

// Next returns the next element as it stands, valid until the next call, and io.EOF behind the last one. An array
// that is cut off, or followed by anything but white space, is an error.
func (a *Array) Next() ([]byte, error) {
	var start, end int
	err := a.parse(func(b []byte, i int) (int, error) {
		var err error
		start = i
		end, err = value(b, i, 1)
		return end, err
	})
	if err != nil {
		return nil, err
	}
	return a.buf[start:end], nil
}

// Offset is the position, in bytes from the beginning of the array, of what stands behind the element returned last.
func (a *Array) Offset() int64 { return a.base + int64(a.pos) }

// parse passes what stands before an element and hands the element to f, which returns its end or errShort.
func (a *Array) parse(f func(b []byte, i int) (int, error)) error {
	for {
		done, err := a.step(f)
		switch {
		case done || err == io.EOF:
			return err
		case errors.Is(err, errShort):
			if err := a.more(); err != nil {
				return err
			}
		case err != nil:
			var syntax *SyntaxError
			if errors.As(err, &syntax) {
				return fmt.Errorf("cannot read array: %w", &SyntaxError{Offset: a.base + syntax.Offset, Reason: syntax.Reason})
			}
			return fmt.Errorf("cannot read array: %w", err)
		}
	}
}

// step passes one thing: a bracket, a comma, or an element, which is when it is done.
func (a *Array) step(f func(b []byte, i int) (int, error)) (done bool, err error) {
	i := space(a.buf, a.pos)
	if i >= len(a.buf) {
		a.pos = i
		if a.state == atEnd && a.eof {
			return true, io.EOF
		}
		return false, errShort
	}
	c := a.buf[i]
	switch {
	case a.state == atEnd:
		return false, bad(i, "more behind the array")
	case a.state == atStart && c == '[':
		a.state = atFirst
	case a.state == atStart:
		return false, bad(i, "no JSON array")
	case c == ']' && a.state != atElement:
		a.state = atEnd
	case a.state == afterValue && c == ',':
		a.state = atElement
	case a.state == afterValue:
		return false, bad(i, "comma or end expected")
	default:
		end, err := f(a.buf, i)
		if err != nil {
			return false, err
		}
		a.pos, a.state = end, afterValue
		return true, nil
	}
	a.pos = i + 1
	return false, nil
}

// more reads on, and moves or enlarges the buffer for it.
func (a *Array) more() error {
	if a.eof {
		return fmt.Errorf("cannot read array: %w", io.ErrUnexpectedEOF)
	}
	if a.pos > 0 {
		n := copy(a.buf, a.buf[a.pos:])
		a.buf, a.base, a.pos = a.buf[:n], a.base+int64(a.pos), 0
	}
	if len(a.buf) == cap(a.buf) {
		if len(a.buf) >= a.limit {
			return fmt.Errorf("cannot read array: an element is longer than %d bytes", a.limit)
		}
		grown := make([]byte, len(a.buf), min(max(2*cap(a.buf), firstBuffer), a.limit))
		copy(grown, a.buf)
		a.buf = grown
	}
	for range 100 {
		n, err := a.r.Read(a.buf[len(a.buf):cap(a.buf)])
		a.buf = a.buf[:len(a.buf)+n]
		if err == io.EOF {
			a.eof = true
			return nil
		}
		if err != nil {
			return fmt.Errorf("cannot read array: %w", err)
		}
		if n > 0 {
			return nil
		}
	}
	return fmt.Errorf("cannot read array: %w", io.ErrNoProgress)
}
