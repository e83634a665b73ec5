package transform

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"oibus/agent/transform/csvtext"
)

// csvInput says how the input is cut into rows and columns.
type csvInput struct {
	dialect csvtext.Dialect
	header  bool
}

func (o *options) csvInput() csvInput {
	return csvInput{dialect: csvtext.Dialect{Delimiter: named(o, "delimiter", "", csvtext.Delimiter)}, header: o.flag("hasHeader")}
}

// column is one that an option names.
type column struct {
	name     string
	index    int  // -1 when the file has none
	optional bool // a file need not have it
}

// column reads the option name: the name of a column, or without header its number, from 0 on.
func (o *options) column(name string, c csvInput) *column {
	col := &column{name: o.text(name), index: -1}
	if n, err := strconv.ParseUint(col.name, 10, 31); !c.header && err == nil {
		col.index = int(n)
	} else if !c.header {
		o.fail(name, "%q is no number of a column, counted from 0, and there is no header", col.name)
	}
	return col
}

// of is the field in this column, nil when the row is shorter.
func (c *column) of(row [][]byte) []byte {
	if c.index < 0 || c.index >= len(row) {
		return nil
	}
	return row[c.index]
}

// rowError says where an error is.
func (c *column) rowError(line int, err error) error {
	return fmt.Errorf("line %d, column %q: %w", line, c.name, err)
}

// eachRow reads the rows of the input behind the header. Rows are valid during the call.
func (c csvInput) eachRow(ctx context.Context, in Input, columns []*column, each func(line int, row [][]byte) error) (err error) {
	f, err := in.Content.Open()
	if err != nil {
		return fmt.Errorf("cannot open input: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	r := csvtext.NewReader(f, c.dialect)
	defer r.Release()
	if c.header {
		row, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("cannot read header: %w", err)
		}
		if err := locate(columns, row); err != nil {
			return err
		}
	}
	for n := 1; ; n++ {
		if n%checkEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		row, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("cannot read row %d: %w", n, err)
		}
		if err := each(r.Line(), row); err != nil {
			return err
		}
	}
}

// locate finds the columns in the header. A file without one of them is refused: taking none of its rows, as the
// reference does, would lose the file without a word.
func locate(columns []*column, header [][]byte) error {
	for _, c := range columns {
		c.index = -1
		for i, name := range header {
			if string(name) == c.name {
				c.index = i
				break
			}
		}
		if c.index < 0 && !c.optional {
			return fmt.Errorf("no column %q in the header: %s", c.name, headerText(header))
		}
	}
	return nil
}

func headerText(header [][]byte) string {
	const shown = 20
	var names []string
	for i, name := range header {
		if i == shown {
			return strings.Join(names, ", ") + ", …"
		}
		names = append(names, strconv.Quote(cut(name)))
	}
	return strings.Join(names, ", ")
}
