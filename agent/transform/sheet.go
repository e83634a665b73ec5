package transform

import (
	"context"
	"io"
	"slices"

	"oibus/agent/content"
	"oibus/agent/transform/csvtext"
)

// Expressions are evaluated for many rows at a time, since they run elsewhere.
const (
	batchRows  = 1000
	batchBytes = 1 << 20
)

// sheet gathers the fields of rows and writes them. Columns with the same title are one, in the place of the first and
// with the value of the last. There is a header only when there are rows.
type sheet struct {
	w         *csvtext.Writer
	header    []string // nil for none
	titles    []string
	sources   []int // for each title the field it shows
	processes []*process

	row     []cell
	pending [][]cell // rows that wait for expressions
	size    int      // of the texts in pending
}

// cell is one field.
type cell struct {
	text   []byte
	null   bool
	number bool // expressions see v
	v      float64
}

func newSheet(w io.Writer, file csvOutput, columns []string, processes []*process) *sheet {
	s := &sheet{w: csvtext.NewWriter(w, file.style), row: make([]cell, len(columns)), processes: processes}
	for i, title := range columns {
		if at := slices.Index(s.titles, title); at >= 0 {
			s.sources[at] = i
			continue
		}
		s.titles, s.sources = append(s.titles, title), append(s.sources, i)
	}
	if file.header {
		s.header = s.titles
	}
	if !slices.ContainsFunc(processes, func(p *process) bool { return p != nil }) {
		s.processes = nil
	}
	return s
}

// text puts a text into column i of the row.
func (s *sheet) text(i int, text []byte) {
	c := &s.row[i]
	*c = cell{text: append(c.text[:0], text...)}
}

// number puts a number into column i of the row, whose text is given.
func (s *sheet) number(i int, text []byte, v float64) {
	c := &s.row[i]
	*c = cell{text: append(c.text[:0], text...), number: true, v: v}
}

// null leaves column i of the row without a value.
func (s *sheet) null(i int) {
	c := &s.row[i]
	*c = cell{text: c.text[:0], null: true}
}

// json puts a JSON value into column i of the row.
func (s *sheet) json(i int, value []byte) {
	if isNull(value) {
		s.null(i)
		return
	}
	c := &s.row[i]
	*c = cell{text: appendCell(c.text[:0], value)}
}

// end ends the row.
func (s *sheet) end(ctx context.Context) error {
	if s.processes == nil {
		return s.write(s.row)
	}
	row := slices.Clone(s.row)
	for i := range row {
		row[i].text = slices.Clone(row[i].text)
		s.size += len(row[i].text)
	}
	s.pending = append(s.pending, row)
	if len(s.pending) < batchRows && s.size < batchBytes {
		return nil
	}
	return s.process(ctx)
}

// close writes what is left.
func (s *sheet) close(ctx context.Context) error {
	if err := s.process(ctx); err != nil {
		return err
	}
	return s.w.Close()
}

// process evaluates the expressions for the rows that wait, and writes them.
func (s *sheet) process(ctx context.Context) error {
	for i, p := range s.processes {
		if p == nil || len(s.pending) == 0 {
			continue
		}
		if err := p.apply(ctx, s.pending, i); err != nil {
			return err
		}
	}
	for _, row := range s.pending {
		if err := s.write(row); err != nil {
			return err
		}
	}
	clear(s.pending)
	s.pending, s.size = s.pending[:0], 0
	return nil
}

func (s *sheet) write(row []cell) error {
	if s.header != nil {
		if err := s.w.Header(s.header); err != nil {
			return err
		}
		s.header = nil
	}
	for _, i := range s.sources {
		if row[i].null {
			s.w.Null()
		} else {
			s.w.Text(row[i].text)
		}
	}
	return s.w.End()
}

func isNull(value []byte) bool { return len(value) == 0 || string(value) == "null" }

// appendCell appends what a CSV field shows of a JSON value (data-plane.md, appendix B): texts as they are, numbers as
// JavaScript prints them, arrays as their elements with commas between them, "[object Object]" for objects.
func appendCell(dst, value []byte) []byte {
	if isNull(value) {
		return dst
	}
	switch value[0] {
	case '"':
		t, _ := content.Text(value)
		return append(dst, t...)
	case '{':
		return append(dst, "[object Object]"...)
	case '[':
		first := true
		for element := range elements(value) {
			if !first {
				dst = append(dst, ',')
			}
			dst, first = appendCell(dst, element), false
		}
		return dst
	}
	return appendJSON(dst, value)
}
