package csvtext

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"
)

// Limits of what is read: nobody's rows come near, and a file that is no CSV is found out before it fills the memory.
const (
	MaxRow     = 16 << 20 // bytes
	MaxColumns = 1 << 16

	firstBuffer = 128 << 10
)

// Dialect says how rows are cut into fields. The zero value is comma, quote ".
type Dialect struct {
	Delimiter string
	Quote     byte
	Escape    byte // what stands before a quote inside a quoted field
}

// Reader reads rows. It is not safe for concurrent use.
type Reader struct {
	r       io.Reader
	dialect Dialect
	single  bool // the delimiter is one byte

	buf      []byte
	first    *[firstBuffer]byte // that buf began with
	pos      int                // next byte in buf
	searched int                // bytes behind pos that hold no end of a row
	eof      bool               // r is read to its end
	newline  byte               // ends a row, 0 until the first buffer is read
	line     int                // of the next row
	rowLine  int
	lines    int // ends of lines inside the quotes of this row
	spans    []span
	fields   [][]byte
	limit    int
}

// Error is where and why bytes are no CSV.
type Error struct {
	Line   int // counted from 1
	Reason string
}

func (e *Error) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Reason) }

// errShort says that the row goes on behind what was read so far.
var errShort = errors.New("the row goes on")

// NewReader reads rows from r. A byte order mark is dropped; text that begins with the mark of UTF-16 is read as that,
// everything else as UTF-8, byte for byte.
func NewReader(r io.Reader, d Dialect) *Reader {
	if d.Delimiter == "" {
		d.Delimiter = ","
	}
	if d.Quote == 0 {
		d.Quote = '"'
	}
	if d.Escape == 0 {
		d.Escape = d.Quote
	}
	return &Reader{r: r, dialect: d, single: len(d.Delimiter) == 1, line: 1, limit: MaxRow}
}

// Line is the line that the last row begins in, counted from 1.
func (r *Reader) Line() int { return r.rowLine }

// Next returns the fields of the next row that is not empty, valid until the next call, and io.EOF behind the last one.
func (r *Reader) Next() ([][]byte, error) {
	for {
		row, err := r.row()
		if errors.Is(err, errShort) {
			if err := r.more(); err != nil {
				return nil, err
			}
			continue
		}
		if err != nil {
			return nil, err
		}
		if len(row) > 1 || len(row[0]) > 0 {
			return row, nil
		}
	}
}

// row takes one row off the buffer.
func (r *Reader) row() ([][]byte, error) {
	rest := r.buf[r.pos:]
	if r.newline == 0 || len(rest) == 0 {
		if r.eof && len(rest) == 0 {
			return nil, io.EOF
		}
		return nil, errShort
	}
	end, next := r.end(rest)
	if end < 0 {
		return nil, errShort
	}
	line := rest[:end]
	if bytes.IndexByte(line, r.dialect.Quote) >= 0 {
		return r.quoted(rest)
	}
	if r.newline == '\n' && end > 0 && line[end-1] == '\r' {
		line = line[:end-1]
	}
	if err := r.split(line); err != nil {
		return nil, err
	}
	r.take(next, 1)
	return r.fields, nil
}

// end finds the end of the line that rest begins with, and what stands behind it.
func (r *Reader) end(rest []byte) (end, next int) {
	if i := bytes.IndexByte(rest[r.searched:], r.newline); i >= 0 {
		return r.searched + i, r.searched + i + 1
	}
	if r.eof {
		return len(rest), len(rest)
	}
	r.searched = len(rest)
	return -1, 0
}

func (r *Reader) take(bytes, lines int) {
	r.rowLine = r.line
	r.line += lines
	r.pos, r.searched = r.pos+bytes, 0
}

// split cuts a line without quotes.
func (r *Reader) split(line []byte) error {
	fields := r.fields[:0]
	if r.single {
		for d := r.dialect.Delimiter[0]; ; {
			i := bytes.IndexByte(line, d)
			if i < 0 || len(fields) == MaxColumns {
				break
			}
			fields = append(fields, line[:i:i])
			line = line[i+1:]
		}
	} else {
		for d := []byte(r.dialect.Delimiter); ; {
			i := bytes.Index(line, d)
			if i < 0 || len(fields) == MaxColumns {
				break
			}
			fields = append(fields, line[:i:i])
			line = line[i+len(d):]
		}
	}
	r.fields = append(fields, line)
	if len(r.fields) > MaxColumns {
		return r.bad(fmt.Sprintf("more than %d columns", MaxColumns))
	}
	return nil
}

func (r *Reader) bad(reason string) error { return &Error{Line: r.line, Reason: reason} }

// more reads on until the buffer is full, and moves or enlarges it for that, so that a long row is looked at again
// only as often as the buffer doubles.
func (r *Reader) more() error {
	first := r.newline == 0
	if first {
		if err := r.begin(); err != nil {
			return err
		}
	}
	if r.eof && !first {
		return &Error{Line: r.line, Reason: "the text ends inside a row"}
	}
	if r.pos > 0 {
		n := copy(r.buf, r.buf[r.pos:])
		r.buf, r.pos = r.buf[:n], 0
	}
	if len(r.buf) == cap(r.buf) {
		if len(r.buf) >= r.limit {
			return r.bad(fmt.Sprintf("a row is longer than %d bytes", r.limit))
		}
		r.grow()
	}
	n, err := io.ReadFull(r.r, r.buf[len(r.buf):cap(r.buf)])
	r.buf = r.buf[:len(r.buf)+n]
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		r.eof = true
	} else if err != nil {
		return fmt.Errorf("cannot read CSV: %w", err)
	}
	if first {
		r.newline = guess(r.buf, r.dialect.Quote)
	}
	return nil
}

// guess finds what ends the rows: CR when a lone one comes before any LF outside quotes, otherwise LF, which may have
// a CR before it.
func guess(text []byte, quote byte) byte {
	inside := false
	for i, c := range text {
		switch {
		case c == quote:
			inside = !inside
		case inside:
		case c == '\n':
			return '\n'
		case c == '\r' && i+1 < len(text) && text[i+1] != '\n':
			return '\r'
		}
	}
	if bytes.IndexByte(text, '\n') < 0 && bytes.IndexByte(text, '\r') >= 0 {
		return '\r'
	}
	return '\n'
}

// firstBuffers are buffers to be used again: most texts are much shorter, and come often.
var firstBuffers = sync.Pool{New: func() any { return new([firstBuffer]byte) }}

func (r *Reader) grow() {
	if cap(r.buf) == 0 && r.limit >= firstBuffer {
		r.first = firstBuffers.Get().(*[firstBuffer]byte)
		r.buf = r.first[:0]
		return
	}
	grown := make([]byte, len(r.buf), min(max(2*cap(r.buf), firstBuffer), r.limit))
	copy(grown, r.buf)
	r.buf = grown
}

// Release ends reading. Rows that were read are valid no longer.
func (r *Reader) Release() {
	if r.first != nil {
		firstBuffers.Put(r.first)
	}
	r.first, r.buf, r.pos, r.eof = nil, nil, 0, true
}
