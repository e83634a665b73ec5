package csvtext

import (
	"bytes"
	"fmt"
)

// span is where a field stands in the buffer, and whether quotes in it are escaped.
type span struct {
	from, to int
	escaped  bool
}

// quoted takes a row off rest in which a quote occurs. A quote counts at the beginning of a field only; behind the
// closing one nothing but spaces may stand before the delimiter, otherwise it was not the closing one.
func (r *Reader) quoted(rest []byte) ([][]byte, error) {
	r.spans, r.lines = r.spans[:0], 0
	for i := 0; ; {
		if len(r.spans) == MaxColumns {
			return nil, r.bad(fmt.Sprintf("more than %d columns", MaxColumns))
		}
		s, err := r.field(rest, i)
		if err != nil {
			return nil, err
		}
		end := s.to
		if i < len(rest) && rest[i] == r.dialect.Quote { // behind the quote and its spaces
			end = skipSpaces(rest, s.to+1)
		}
		r.spans = append(r.spans, s)
		if n := r.delimiter(rest, end); n > 0 {
			i = end + n
			continue
		}
		n := r.rowEnd(rest, end)
		fields := r.fields[:0]
		for _, s := range r.spans {
			fields = append(fields, r.text(rest, s))
		}
		r.fields = fields
		r.take(end+n, r.lines+1)
		return fields, nil
	}
}

// field finds the field that begins at i.
func (r *Reader) field(rest []byte, i int) (span, error) {
	if i < len(rest) && rest[i] == r.dialect.Quote {
		return r.quotedField(rest, i+1)
	}
	for j := i; ; j++ {
		if j == len(rest) && !r.eof {
			return span{}, errShort
		}
		if j == len(rest) || rest[j] == r.newline || r.delimiter(rest, j) > 0 || r.newline == '\n' && rest[j] == '\r' && r.rowEnd(rest, j) == 2 {
			return span{from: i, to: j}, nil
		}
	}
}

// quotedField finds the closing quote of the field whose text begins at i.
func (r *Reader) quotedField(rest []byte, i int) (span, error) {
	s, lines := span{from: i}, 0
	q, e := r.dialect.Quote, r.dialect.Escape
	for j := i; ; j++ {
		k := bytes.IndexByte(rest[j:], q)
		if k < 0 {
			if r.eof {
				return span{}, r.bad("a quote is not closed")
			}
			return span{}, errShort
		}
		lines += bytes.Count(rest[j:j+k], []byte{r.newline})
		j += k
		switch {
		case e == q && j+1 < len(rest) && rest[j+1] == q:
			j++
			s.escaped = true
		case e != q && j > i && rest[j-1] == e:
			s.escaped = true
		default:
			end := skipSpaces(rest, j+1)
			if end+len(r.dialect.Delimiter) >= len(rest) && !r.eof {
				return span{}, errShort
			}
			if r.delimiter(rest, end) > 0 || r.rowEnd(rest, end) > 0 || end == len(rest) {
				r.lines += lines
				s.to = j
				return s, nil
			}
		}
	}
}

func skipSpaces(b []byte, i int) int {
	for i < len(b) && b[i] == ' ' {
		i++
	}
	return i
}

// delimiter is how long the delimiter at i is, 0 when there is none.
func (r *Reader) delimiter(rest []byte, i int) int {
	d := r.dialect.Delimiter
	if i+len(d) <= len(rest) && string(rest[i:i+len(d)]) == d {
		return len(d)
	}
	return 0
}

// rowEnd is how long the end of a row at i is, 0 when there is none.
func (r *Reader) rowEnd(rest []byte, i int) int {
	switch {
	case i >= len(rest):
		return 0
	case rest[i] == r.newline:
		return 1
	case r.newline == '\n' && rest[i] == '\r' && (i+1 < len(rest) && rest[i+1] == '\n'):
		return 2
	case r.newline == '\n' && rest[i] == '\r' && i+1 == len(rest) && r.eof:
		return 1
	}
	return 0
}

// text is the text of a field, in the place where it stands.
func (r *Reader) text(rest []byte, s span) []byte {
	b := rest[s.from:s.to:s.to]
	if !s.escaped {
		return b
	}
	q, e := r.dialect.Quote, r.dialect.Escape
	n := 0
	for i := 0; i < len(b); i++ {
		if b[i] == e && i+1 < len(b) && b[i+1] == q {
			i++
		}
		b[n] = b[i]
		n++
	}
	return b[:n]
}
