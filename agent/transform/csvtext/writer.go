package csvtext

import (
	"bytes"
	"fmt"
	"io"
	"unicode/utf8"
)

// flushAt is how much a Writer gathers before it writes.
const flushAt = 64 << 10

// Style says how fields become text. The zero value of a field means: comma, CRLF, every field that is not null in
// ", escaped by ", UTF-8, which is also what the reference makes of settings that are not there.
type Style struct {
	Delimiter string
	Newline   string
	Quote     byte // around every field; '"' when 0
	Minimal   bool // quotes only where they are needed, and then "
	Escape    byte
	Encoding  Encoding
}

// Writer writes rows. The first error is kept and returned by every later call. It is not safe for concurrent use.
//
// What cannot be written in Latin-1 becomes a question mark, bytes that are not UTF-8 become U+FFFD before that.
type Writer struct {
	w       io.Writer
	style   Style
	buf     []byte
	encoded []byte
	rows    int
	fields  int // of this row
	marked  bool
	err     error
}

// NewWriter writes rows to w.
func NewWriter(w io.Writer, s Style) *Writer {
	if s.Delimiter == "" {
		s.Delimiter = ","
	}
	if s.Newline == "" {
		s.Newline = "\r\n"
	}
	if s.Minimal || s.Quote == 0 {
		s.Quote = '"'
	}
	if s.Escape == 0 {
		s.Escape = '"'
	}
	return &Writer{w: w, style: s}
}

// Null adds a field that has no value: nothing, not even quotes.
func (w *Writer) Null() {
	w.begin()
}

// Text adds a field.
func (w *Writer) Text(text []byte) {
	w.begin()
	if w.style.Minimal && !w.needsQuotes(text) {
		w.buf = append(w.buf, text...)
		return
	}
	w.buf = append(w.buf, w.style.Quote)
	for {
		i := bytes.IndexByte(text, w.style.Quote)
		if i < 0 {
			break
		}
		w.buf = append(w.buf, text[:i]...)
		w.buf = append(w.buf, w.style.Escape, w.style.Quote)
		text = text[i+1:]
	}
	w.buf = append(append(w.buf, text...), w.style.Quote)
}

// Header adds a row of names.
func (w *Writer) Header(names []string) error {
	for _, name := range names {
		w.Text([]byte(name))
	}
	return w.End()
}

// begin writes what stands before a field. Rows are parted by the end of a row, the last one has none.
func (w *Writer) begin() {
	if w.fields > 0 {
		w.buf = append(w.buf, w.style.Delimiter...)
	} else if w.rows > 0 {
		w.buf = append(w.buf, w.style.Newline...)
	}
	w.fields++
}

// End ends the row.
func (w *Writer) End() error {
	w.fields = 0
	w.rows++
	if len(w.buf) < flushAt && w.err == nil {
		return nil
	}
	return w.flush()
}

// Close writes what is left. It does not close the writer below.
func (w *Writer) Close() error { return w.flush() }

func (w *Writer) needsQuotes(text []byte) bool {
	if len(text) == 0 {
		return false
	}
	if text[0] == ' ' || text[len(text)-1] == ' ' {
		return true
	}
	d := w.style.Delimiter
	for i, c := range text {
		switch {
		case c == '"', c == '\r', c == '\n':
			return true
		case c == d[0] && bytes.HasPrefix(text[i:], []byte(d)):
			return true
		case c == markUTF8[0] && bytes.HasPrefix(text[i:], markUTF8):
			return true
		}
	}
	return false
}

func (w *Writer) flush() error {
	if w.err != nil {
		return w.err
	}
	out := w.buf
	if w.style.Encoding != UTF8 || !utf8.Valid(out) {
		w.encoded = w.encode(w.encoded[:0], w.buf)
		out = w.encoded
	}
	w.buf = w.buf[:0]
	if len(out) == 0 {
		return nil
	}
	if _, err := w.w.Write(out); err != nil {
		w.err = fmt.Errorf("cannot write CSV: %w", err)
	}
	return w.err
}

// encode appends text, which ends with a whole row.
func (w *Writer) encode(dst, text []byte) []byte {
	if !w.marked {
		w.marked = true
		switch w.style.Encoding {
		case UTF8BOM:
			dst = append(dst, markUTF8...)
		case UTF16LE:
			dst = append(dst, markUTF16LE...)
		}
	}
	switch w.style.Encoding {
	case Latin1:
		return appendLatin1(dst, text)
	case UTF16LE:
		return appendUTF16(dst, text)
	}
	return append(dst, bytes.ToValidUTF8(text, []byte("\ufffd"))...)
}

func appendLatin1(dst, text []byte) []byte {
	for i := 0; i < len(text); {
		if text[i] < utf8.RuneSelf {
			dst = append(dst, text[i])
			i++
			continue
		}
		c, n := utf8.DecodeRune(text[i:])
		i += n
		if c > 0xff {
			c = '?'
		}
		dst = append(dst, byte(c))
	}
	return dst
}

func appendUTF16(dst, text []byte) []byte {
	for i := 0; i < len(text); {
		c, n := utf8.DecodeRune(text[i:])
		i += n
		if c >= 0x10000 {
			c -= 0x10000
			high, low := 0xd800+c>>10, 0xdc00+c&0x3ff
			dst = append(dst, byte(high), byte(high>>8), byte(low), byte(low>>8))
			continue
		}
		dst = append(dst, byte(c), byte(c>>8))
	}
	return dst
}
