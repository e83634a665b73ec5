package transform

import (
	"bytes"
	"context"

	"oibus/agent/content"
	"oibus/agent/transform/datetime"
)

// csvToTimeValues makes a time value of each row that has an id, a timestamp and a value (data-plane.md, 7.5). Other
// than in the reference timestamps are read from the text of the field, so that neither a zoned ISO date nor a date of
// digits only fails, a timestamp of 0 is 1970, and one that does not parse is an error.
type csvToTimeValues struct{}

func (csvToTimeValues) Plan(_ context.Context, in Input) (Plan, error) {
	o := readOptions(in.Options)
	t := csvToTimeValuesRun{in: in, csv: o.csvInput()}
	t.id, t.value = o.column("pointIdColumn", t.csv), o.column("valueColumn", t.csv)
	t.timestamp.column = o.column("timestampColumn", t.csv)
	t.timestamp.spec = o.instantSpec("timestampSettings", "")
	if *o.err != nil {
		return Plan{}, *o.err
	}
	var err error
	if t.timestamp.input, err = datetime.NewInput(t.timestamp.spec, in.Now); err != nil {
		return Plan{}, optionError("timestampSettings", err)
	}
	return arrayPlan(in, content.TimeValues, t.fill), nil
}

type csvToTimeValuesRun struct {
	in        Input
	csv       csvInput
	id, value *column
	timestamp instantColumn
}

func (t *csvToTimeValuesRun) fill(ctx context.Context, out *content.ArrayWriter) error {
	var id, value, instant []byte
	element := func(dst []byte) []byte {
		dst = appendText(append(dst, `{"pointId":`...), id)
		dst = appendValue(append(dst, `,"data":{"value":`...), value)
		dst = append(append(dst, `},"timestamp":"`...), instant...)
		return append(dst, '"', '}')
	}
	var scratch []byte
	return t.csv.eachRow(ctx, t.in, []*column{t.id, t.timestamp.column, t.value}, func(line int, row [][]byte) error {
		id, value = t.id.of(row), t.value.of(row)
		stamp := t.timestamp.column.of(row)
		if len(value) == 0 || len(stamp) == 0 || !isID(id) {
			return nil
		}
		scratch = appendPlain(scratch[:0], id)
		id = scratch
		var err error
		if instant, err = t.timestamp.convert(line, stamp); err != nil {
			return err
		}
		return out.Append(element)
	})
}

// isID says whether field is the id of a point: the reference takes rows for empty whose id is 0 or false.
func isID(field []byte) bool {
	switch k, v, plain := classify(field); k {
	case empty:
		return false
	case number:
		return v != 0 || plain && string(field) != "0"
	case boolean:
		return isTrue(field)
	}
	return true
}

// instantColumn reads the timestamps of a column.
type instantColumn struct {
	column *column
	spec   datetime.Spec
	input  *datetime.Input

	last, instant []byte // the field that was read last, and its instant
}

// convert is the text of the Instant of field, valid until the next call. Spaces around it do not count.
func (c *instantColumn) convert(line int, field []byte) ([]byte, error) {
	if bytes.Equal(field, c.last) && c.instant != nil {
		return c.instant, nil
	}
	trimmed := bytes.TrimSpace(field)
	if c.spec.Type == datetime.ISOString && datetime.IsInstant(trimmed) {
		c.instant = append(c.instant[:0], trimmed...)
	} else {
		ms, err := instantOf(c.input, c.spec, trimmed)
		if err != nil {
			return nil, c.column.rowError(line, err)
		}
		c.instant = datetime.AppendInstant(c.instant[:0], ms)
	}
	c.last = append(c.last[:0], field...)
	return c.instant, nil
}

// instantOf reads a field of a CSV file: numbers are numbers where the type wants them.
func instantOf(input *datetime.Input, spec datetime.Spec, field []byte) (int64, error) {
	if spec.Type == datetime.UnixEpoch || spec.Type == datetime.UnixEpochMs {
		if v, ok := parseNumber(field); ok {
			return input.Number(v)
		}
	}
	return input.Text(field)
}
