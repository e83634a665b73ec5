// Package sheet reads and writes tables as delimited text, as the reference does: a header line, any text as
// delimiter, quotes around a cell where needed (protocol/data-plane.md, section 1.4 and appendix B). It promises that
// whatever is written is read back as it was, that a row is never lost silently, and that foreign text costs no more
// than time and memory in proportion to its length. It guards against files that people edited with other programs: a byte
// order mark, line ends of any system, empty lines, quotes that nobody closed.
package sheet

import (
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

// Read splits a text into its header and its rows. Lines without any text are skipped.
func Read(text, delimiter string) (header []string, rows [][]string) {
	r := reader{text: strings.TrimPrefix(text, mark), delimiter: delimiter}
	for !r.ended() {
		row := r.row()
		switch {
		case len(row) == 1 && row[0] == "":
		case header == nil:
			header = row
		default:
			rows = append(rows, row)
		}
	}
	return header, rows
}

// reader cuts text, whose cells share its memory where nothing in them is escaped.
type reader struct {
	text, delimiter string
	width           int // of the widest row so far
}

func (r *reader) ended() bool { return r.text == "" }

// row reads up to the end of a line.
func (r *reader) row() []string {
	row := make([]string, 0, r.width)
	for {
		cell, last := r.cell()
		row = append(row, cell)
		if last {
			r.width = max(r.width, len(row))
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
	cell, r.text = quoted(r.text[1:])
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
	if after, ok := strings.CutPrefix(r.text, "\r\n"); ok {
		r.text = after
	} else if r.text != "" {
		r.text = r.text[1:]
	}
	return true
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
