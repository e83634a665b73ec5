package sql

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"

	"oibus/agent/content"
	"oibus/agent/interval"
	"oibus/agent/south/boundary"
	"oibus/agent/transform/csvtext"
	"oibus/agent/transform/datetime"
)

// column is one of a result.
type column struct {
	name      string
	input     *datetime.Input // nil: not declared as a date
	reference bool
	fold      *fold // of the reference

	ms int64 // the instant of the reference in this row
	ok bool  // it has one
}

// table writes rows as CSV, but for those that were handed on, and remembers the greatest instant of the column that is
// tracked.
type table struct {
	csv     *csvtext.Writer
	columns []column
	output  *datetime.Formatter // nil: instants
	window  interval.Window
	text    []byte

	rows       int
	tracks     bool              // there is a column that is tracked
	latest     boundary.Boundary // of that column
	known      boundary.Repeated // rows that were handed on
	mark       []byte            // what tells the row from others
	unreadable int               // dates that are none
	example    string            // of them
	last       memory
}

func newTable(w io.Writer, s serialization, window interval.Window, seen *boundary.Boundary) (*table, error) {
	name := s.Delimiter
	if name == "" {
		name = "COMMA"
	}
	delimiter, ok := csvtext.Delimiter(name)
	if !ok {
		return nil, fmt.Errorf("unknown delimiter %q", s.Delimiter)
	}
	t := &table{window: window, known: seen.Repeated(window.Start)}
	t.csv = csvtext.NewWriter(w, csvtext.Style{Delimiter: delimiter, Newline: "\r\n", Minimal: true, Quote: '"', Escape: '"'})
	if s.TimestampFormat == "" {
		return t, nil
	}
	var err error
	if t.output, err = datetime.NewFormatter(s.TimestampFormat, s.Timezone, "en-En"); err != nil {
		return nil, fmt.Errorf("cannot write timestamps: %w", err)
	}
	return t, nil
}

// begin says which columns there are.
func (t *table) begin(names []string, fields []field, now time.Time) error {
	t.columns = make([]column, len(names))
	for i, name := range names {
		c := column{name: name}
		for j := range fields {
			f := &fields[j]
			if f.Name != name {
				continue
			}
			spec := f.spec()
			var err error
			if c.input, err = datetime.NewInput(spec, now); err != nil {
				return fmt.Errorf("cannot read dates of the column %q: %w", name, err)
			}
			if c.reference = bool(f.Reference); c.reference {
				c.fold = foldOf(spec)
			}
			t.tracks = t.tracks || c.reference
			break
		}
		t.columns[i] = c
	}
	return nil
}

func (t *table) header() error {
	names := make([]string, len(t.columns))
	for i := range t.columns {
		names[i] = t.columns[i].name
	}
	return t.csv.Header(names)
}

// row writes a row, and the names of the columns before the first one.
func (t *table) row(cells []Cell) error {
	if repeated, err := t.track(cells); err != nil || repeated {
		return err
	}
	if t.rows == 0 {
		if err := t.header(); err != nil {
			return err
		}
	}
	t.rows++
	for i := range cells {
		if err := t.cell(&t.columns[i], &cells[i]); err != nil {
			return err
		}
	}
	t.last.keep(cells)
	return t.csv.End()
}

// track takes the instant of a row into account, and says whether the row was handed on before.
func (t *table) track(cells []Cell) (repeated bool, err error) {
	if !t.tracks {
		return false, nil
	}
	for i := range cells {
		c := &t.columns[i]
		if !c.reference {
			continue
		}
		if c.ms, c.ok, err = t.instant(c, &cells[i]); err != nil {
			return false, err
		}
		c.ms = c.fold.choose(c.ms, t.window)
		if !c.ok || !t.latest.Counts(c.ms) && !t.known.May(c.ms) {
			continue
		}
		t.mark = t.mark[:0]
		for j := range cells {
			t.mark = cells[j].appendMark(t.mark)
		}
		t.latest.Add(c.ms, t.mark)
		repeated = t.known.Take(c.ms, t.mark) || repeated
	}
	return repeated, nil
}

func (t *table) cell(c *column, v *Cell) error {
	if c.input == nil {
		switch v.As {
		case Null:
			t.csv.Null()
		case Text, Digits, NoTime:
			t.csv.Text(v.Text)
		default:
			t.text = v.appendTo(t.text[:0])
			t.csv.Text(t.text)
		}
		return nil
	}
	ms, ok := c.ms, c.ok
	if !c.reference {
		var err error
		if ms, ok, err = t.instant(c, v); err != nil {
			return err
		}
	}
	if !ok {
		t.csv.Null()
		return nil
	}
	if t.output != nil {
		t.text = t.output.Append(t.text[:0], ms)
	} else {
		t.text = datetime.AppendInstant(t.text[:0], ms)
	}
	t.csv.Text(t.text)
	return nil
}

// instant is the instant of a cell of a column that holds dates. What is empty or zero is none, and neither is a text
// that does not match; what cannot be one, whatever it says, is an error: the settings are wrong.
func (t *table) instant(c *column, v *Cell) (ms int64, ok bool, err error) {
	switch v.As {
	case Null:
		return 0, false, nil
	case NoTime:
		t.skip(v.Text)
		return 0, false, nil
	case Time:
		ms, err = c.input.Driver(time.UnixMilli(v.Int))
	case Integer:
		if v.Int == 0 {
			return 0, false, nil
		}
		ms, err = c.input.Number(float64(v.Int))
	case Float:
		if v.Float == 0 {
			return 0, false, nil
		}
		ms, err = c.input.Number(v.Float)
	case Digits:
		return t.digits(c, v)
	case Boolean:
		if v.Int == 0 {
			return 0, false, nil
		}
		ms, err = c.input.Text([]byte("true"))
	default:
		if len(v.Text) == 0 {
			return 0, false, nil
		}
		ms, err = c.input.Text(v.Text)
	}
	if err != nil && unreadable(err) {
		t.skip(v.Text)
		return 0, false, nil
	}
	return ms, err == nil, err
}

// digits is the instant of a number of any length.
func (t *table) digits(c *column, v *Cell) (ms int64, ok bool, err error) {
	number, err := strconv.ParseFloat(string(v.Text), 64)
	if err != nil || math.IsNaN(number) || math.IsInf(number, 0) {
		ms, err = c.input.Text(v.Text)
		return ms, err == nil, err
	}
	cell := Cell{As: Float, Float: number, Text: v.Text}
	return t.instant(c, &cell)
}

func (t *table) skip(text []byte) {
	t.unreadable++
	if t.example == "" {
		t.example = string(text[:min(len(text), 100)])
	}
}

// unreadable says whether a text is no date although it could be one.
func unreadable(err error) bool {
	var wrong *datetime.Error
	if !errors.As(err, &wrong) {
		return false
	}
	return wrong.Reason != typeReason && (wrong.Type == datetime.ISOString || wrong.Type == datetime.String || wrong.Type == "")
}

// typeReason is why a value that is no text cannot be one that iso-string reads.
const typeReason = `The value must be a string for type "iso-string"`

// close writes what is left.
func (t *table) close() error { return t.csv.Close() }

// memory holds the last row.
type memory struct {
	cells []Cell
	text  []byte
}

// keep copies a row over the one before.
func (m *memory) keep(cells []Cell) {
	m.cells = append(m.cells[:0], cells...)
	m.text = m.text[:0]
	for i := range m.cells {
		c := &m.cells[i]
		if len(c.Text) > 0 {
			start := len(m.text)
			m.text = append(m.text, c.Text[:min(len(c.Text), maxShown+1)]...)
			c.Text = m.text[start:len(m.text):len(m.text)]
		}
	}
}

// json is the row as an object, nil when there is none.
func (m *memory) json(columns []column) lastRow {
	if m.cells == nil {
		return nil
	}
	out := []byte{'{'}
	for i := range m.cells {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(content.AppendString(out, columns[i].name), ':')
		out = m.cells[i].appendJSON(out)
	}
	return append(out, '}')
}
