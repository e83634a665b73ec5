package transform

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"strconv"

	"oibus/agent/content"
	"oibus/agent/transform/datetime"
)

// jsonToCSV writes one CSV row for each row that is found in JSON (data-plane.md, 7.6). Other than in the reference a
// JSON true is true, and a date that does not parse is an error; an empty one is missing.
type jsonToCSV struct{ expressions Expressions }

// jsonField is one column.
type jsonField struct {
	name     string
	dataType string
	input    *datetime.Input
	output   *datetime.Output
}

func (t jsonToCSV) Plan(_ context.Context, in Input) (Plan, error) {
	o := readOptions(in.Options)
	r := jsonToCSVRun{in: in, file: o.csvOutput(in), nullValue: []byte(o.textOr("nullValue", ""))}
	r.rows.rows = o.jsonPath("rowIteratorPath")
	for _, f := range o.rows("fields") {
		field := jsonField{name: f.text("columnName"), dataType: f.choice("dataType", "string", "string", "number", "datetime", "array", "boolean", "object")}
		r.rows.fields = append(r.rows.fields, f.jsonPath("jsonPath"))
		r.processes = append(r.processes, f.process("fieldProcess", t.expressions))
		if field.dataType == "datetime" {
			field.input, field.output = f.conversion("datetimeSettings", in)
		}
		r.fields = append(r.fields, field)
		r.names = append(r.names, field.name)
	}
	if len(r.fields) == 0 {
		o.fail("fields", "is empty")
	}
	if *o.err != nil {
		return Plan{}, *o.err
	}
	return Plan{Kind: content.Any, FileName: r.file.name, Run: r.run}, nil
}

// conversion reads the options of a date that is read in one form and written in another.
func (o *options) conversion(name string, in Input) (*datetime.Input, *datetime.Output) {
	input, err := datetime.NewInput(o.instantSpec(name, "input"), in.Now)
	if err != nil {
		o.fail(name, "%v", err)
	}
	output, err := datetime.NewOutput(o.instantSpec(name, "output"))
	if err != nil {
		o.fail(name, "%v", err)
	}
	return input, output
}

type jsonToCSVRun struct {
	in        Input
	file      csvOutput
	rows      jsonRows
	fields    []jsonField
	names     []string
	processes []*process
	nullValue []byte

	scratch []byte
}

func (r *jsonToCSVRun) run(ctx context.Context, w io.Writer) (int, error) {
	s := newSheet(w, r.file, r.names, r.processes)
	err := r.rows.each(ctx, r.in, func(_ int, values [][]byte) error {
		for i, value := range values {
			if err := r.field(s, i, value); err != nil {
				return fmt.Errorf("column %q: %w", r.names[i], err)
			}
		}
		return s.end(ctx)
	})
	if err != nil {
		return 0, err
	}
	return 0, s.close(ctx)
}

// field puts a value into column i.
func (r *jsonToCSVRun) field(s *sheet, i int, value []byte) error {
	f := &r.fields[i]
	if isNull(value) || f.dataType == "datetime" && string(value) == `""` {
		s.text(i, r.nullValue)
		return nil
	}
	switch f.dataType {
	case "number":
		text, v, ok := spelledNumber(numeric(value))
		if !ok {
			text, v = []byte("NaN"), math.NaN()
		}
		s.number(i, text, v)
	case "boolean":
		s.text(i, strconv.AppendBool(r.scratch[:0], boolOf(value)))
	case "object", "array":
		r.scratch = appendJSON(r.scratch[:0], value)
		s.text(i, r.scratch)
	case "datetime":
		ms, err := instantOfJSON(f.input, value)
		if err != nil {
			return err
		}
		r.scratch = f.output.Append(r.scratch[:0], ms)
		if f.output.Number() {
			v, _ := strconv.ParseFloat(string(r.scratch), 64)
			s.number(i, r.scratch, v)
		} else {
			s.text(i, r.scratch)
		}
	default:
		s.json(i, value)
	}
	return nil
}

// numeric is the text that value is as a number: true is 1 and false 0.
func numeric(value []byte) []byte {
	switch string(value) {
	case "true":
		return []byte("1")
	case "false":
		return []byte("0")
	}
	if t, ok := content.Text(value); ok {
		return t
	}
	return value
}

// boolOf says whether value is true or says so: true, 1, "true", "True", "TRUE", "1".
func boolOf(value []byte) bool {
	b := value
	if t, ok := content.Text(value); ok {
		b = t
	}
	switch string(b) {
	case "true", "True", "TRUE", "1":
		return true
	}
	return false
}

// instantOfJSON reads a JSON value as a point in time.
func instantOfJSON(input *datetime.Input, value []byte) (int64, error) {
	if t, ok := content.Text(value); ok {
		return input.Text(bytes.TrimSpace(t))
	}
	if value[0] != '-' && (value[0] < '0' || value[0] > '9') {
		return 0, fmt.Errorf("%s is neither text nor number, and no date", cut(value))
	}
	v, err := strconv.ParseFloat(string(value), 64)
	if err != nil {
		return 0, fmt.Errorf("%s is out of range for a date", cut(value))
	}
	return input.Number(v)
}
