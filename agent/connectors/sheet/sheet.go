// Package sheet reads and writes tables as delimited text, as the reference does: a header line, any text as
// delimiter, quotes around a cell where needed (protocol/data-plane.md, section 1.4 and appendix B). It promises that
// whatever is written is read back as it was, that a row is never lost silently, and that foreign text costs no more
// than time and memory in proportion to its length. It guards against files that people edited with other programs: a byte
// order mark, line ends of any system, empty lines, quotes that nobody closed.
package sheet

import (
	"slices"
	"strings"
)

const (
	mark  = "\ufeff"
	quote = '"'
)

// Usable says whether a text can delimit cells.
func Usable(delimiter string) bool {
	return delimiter != "" && !strings.ContainsAny(delimiter, "\"\r\n"+mark)
}

// Guess is the delimiter that a text seems to have, by its first line.
func Guess(text string) string {
	head := text
	if i := strings.IndexAny(text, "\r\n"); i >= 0 {
		head = text[:i]
	}
	best := ","
	for _, candidate := range []string{"\t", "|", ";"} {
		if strings.Count(head, candidate) > strings.Count(head, best) {
			best = candidate
		}
	}
	return best
}

// Reader reads the rows of a text one after the other.
type Reader struct {
	Header []string // nil when there is none
	r      reader
	row    []string
}

// NewReader reads the header of a text.
func NewReader(text, delimiter string) *Reader {
	r := &Reader{r: reader{text: strings.TrimPrefix(text, mark), delimiter: delimiter, line: 1}}
	if header, ok := r.Next(); ok {
		r.Header = slices.Clone(header)
	}
	return r
}

// Next returns the next row, which is good until Next is called again. Its cells share the memory of the text: who keeps one keeps
// all of it.
func (r *Reader) Next() (row []string, ok bool) {
	for !r.r.ended() {
		r.row = r.r.row(r.row[:0])
		if len(r.row) > 1 || r.row[0] != "" {
			return r.row, true
		}
	}
	return nil, false
}

// Line is where in the text the last row began, counted from 1.
func (r *Reader) Line() int { return r.r.began }

// Rest is the text that was not read yet.
func (r *Reader) Rest() string { return r.r.text }

// reader cuts text, whose cells share its memory where nothing in them is escaped.
type reader struct {
	text, delimiter string
	began, line     int // where the row begins, and where the text goes on
}

func (r *reader) ended() bool { return r.text == "" }

// row reads up to the end of a line, into row.
func (r *reader) row(row []string) []string {
	r.began = r.line
	for {
		cell, last := r.cell()
		row = append(row, cell)
		if last {
			return row
		}
	}
}

// cell reads one cell with what ends it, and says whether that is the end of the line.
func (r *reader) cell() (cell string, last bool) {
	if r.text == "" || r.text[0] != quote {
		end := r.plain()
		cell, r.text = r.text[:end], r.text[end:]
		if after, more := strings.CutPrefix(r.text, r.delimiter); more {
			r.text = after
			return cell, false
		}
		return cell, r.newline()
	}
	within := r.text
	cell, r.text = quoted(r.text[1:])
	r.line += lineEnds(within[:len(within)-len(r.text)])
	if strings.HasPrefix(r.text, r.delimiter) {
		r.text = r.text[len(r.delimiter):]
		return cell, false
	}
	if r.text == "" || r.text[0] == '\r' || r.text[0] == '\n' {
		return cell, r.newline()
	}
	// Text after a closing quote belongs to the cell.
	rest, last := r.cell()
	return cell + rest, last
}

// plain is the length of a cell without quotes.
func (r *reader) plain() int {
	first := r.delimiter[0]
	for i := range len(r.text) {
		switch c := r.text[i]; {
		case c == '\r' || c == '\n', c == first && strings.HasPrefix(r.text[i:], r.delimiter):
			return i
		}
	}
	return len(r.text)
}

// newline skips one line end. The end of the text is one too.
func (r *reader) newline() bool {
	r.line++
	if after, ok := strings.CutPrefix(r.text, "\r\n"); ok {
		r.text = after
	} else if r.text != "" {
		r.text = r.text[1:]
	}
	return true
}

// lineEnds counts the line ends of any system in a text.
func lineEnds(text string) int {
	return strings.Count(text, "\n") + strings.Count(text, "\r") - strings.Count(text, "\r\n")
}

// quoted reads up to the closing quote, or to the end when there is none, and returns what follows. Two quotes in a
// row stand for one.
func quoted(text string) (cell, rest string) {
	var b strings.Builder
	for {
		i := strings.IndexByte(text, quote)
		switch {
		case i < 0:
			return b.String() + text, ""
		case i+1 < len(text) && text[i+1] == quote:
			b.WriteString(text[:i+1])
			text = text[i+2:]
		case b.Len() == 0:
			return text[:i], text[i+1:]
		default:
			b.WriteString(text[:i])
			return b.String(), text[i+1:]
		}
	}
}

// Write joins rows, the first of which is the header. Lines end in CRLF, the last one in nothing.
func Write(rows [][]string, delimiter string) string {
	var b strings.Builder
	for i, row := range rows {
		if i > 0 {
			b.WriteString("\r\n")
		}
		for j, cell := range row {
			if j > 0 {
				b.WriteString(delimiter)
			}
			if !needsQuotes(cell, delimiter) && !(cell == "" && len(row) == 1) {
				b.WriteString(cell)
				continue
			}
			b.WriteByte(quote)
			b.WriteString(strings.ReplaceAll(cell, `"`, `""`))
			b.WriteByte(quote)
		}
	}
	return b.String()
}

func needsQuotes(cell, delimiter string) bool {
	if cell == "" {
		return false
	}
	// A part of a long delimiter at the end of a cell would be taken for its beginning: any byte of it counts.
	for i := range len(delimiter) {
		if strings.IndexByte(cell, delimiter[i]) >= 0 {
			return true
		}
	}
	return strings.ContainsAny(cell, "\"\r\n"+mark) || cell[0] == ' ' || cell[len(cell)-1] == ' '
}
