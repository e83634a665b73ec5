package transform

import (
	"bytes"
	"context"
	"strconv"

	"oibus/agent/content"
	"oibus/agent/transform/datetime"
)

// csvToMQTT makes a message of each row that has a topic (data-plane.md, 7.5). Other than in the reference dates are
// read from the text of the field, and one that does not parse is an error; payloads that are dates come from
// valueColumn too, or, as the form disables it, from the column that it has by default.
type csvToMQTT struct{}

// defaultValueColumn is what the form has for valueColumn.
const defaultValueColumn = "value"

func (csvToMQTT) Plan(_ context.Context, in Input) (Plan, error) {
	o := readOptions(in.Options)
	r := csvToMQTTRun{in: in, csv: o.csvInput()}
	r.topic = o.column("topicColumn", r.csv)
	r.columns = []*column{r.topic}
	payload := o.choice("payloadType", "", "string", "number", "boolean", "datetime", "object")
	if payload == "object" {
		r.object = true
		for _, f := range o.rows("objectFields") {
			r.add(csvField{key: f.text("key"), column: f.column("column", r.csv), value: f.csvValue("dataType", f, in)})
		}
	} else {
		if payload == "datetime" && !o.has("valueColumn") {
			o.members["valueColumn"] = []byte(strconv.Quote(defaultValueColumn))
		}
		r.add(csvField{column: o.column("valueColumn", r.csv), value: o.csvValue("payloadType", o, in)})
	}
	if *o.err != nil {
		return Plan{}, *o.err
	}
	return arrayPlan(in, content.MQTT, r.fill), nil
}

type csvToMQTTRun struct {
	in      Input
	csv     csvInput
	topic   *column
	columns []*column
	object  bool
	fields  []csvField
	payload []byte
}

// csvField is where a value comes from, and its name in an object.
type csvField struct {
	key    string
	column *column
	value  csvValue
}

// add adds a field. Of fields with the same name the last one counts, in the place of the first. Objects do not need
// their columns: what is missing is null.
func (r *csvToMQTTRun) add(f csvField) {
	f.column.optional = r.object
	r.columns = append(r.columns, f.column)
	for i := range r.fields {
		if r.fields[i].key == f.key {
			r.fields[i] = f
			return
		}
	}
	r.fields = append(r.fields, f)
}

func (r *csvToMQTTRun) fill(ctx context.Context, out *content.ArrayWriter) error {
	if len(r.fields) == 0 { // nothing to send
		return nil
	}
	var message []byte
	return r.csv.eachRow(ctx, r.in, r.columns, func(line int, row [][]byte) error {
		topic := r.topic.of(row)
		if len(topic) == 0 {
			return nil
		}
		there, err := r.build(line, row)
		if err != nil || !there {
			return err
		}
		message = appendPlainText(append(message[:0], `{"topic":`...), topic)
		message = append(appendText(append(message, `,"payload":`...), r.payload), '}')
		return out.Raw(message)
	})
}

// build makes the payload of a row, if there is one.
func (r *csvToMQTTRun) build(line int, row [][]byte) (there bool, err error) {
	r.payload = r.payload[:0]
	if !r.object {
		f := &r.fields[0]
		field := f.column.of(row)
		if len(field) == 0 {
			return false, nil
		}
		if r.payload, err = f.value.appendText(r.payload, field); err != nil {
			return false, f.column.rowError(line, err)
		}
		return true, nil
	}
	for i := range r.fields {
		f := &r.fields[i]
		open := byte(',')
		if i == 0 {
			open = '{'
		}
		r.payload = append(content.AppendString(append(r.payload, open), f.key), ':')
		if r.payload, err = f.value.appendJSON(r.payload, f.column.of(row)); err != nil {
			return false, f.column.rowError(line, err)
		}
	}
	r.payload = append(r.payload, '}')
	return true, nil
}

// csvValue is what a field of a CSV file is converted to.
type csvValue struct {
	dataType string
	spec     datetime.Spec
	input    *datetime.Input
	output   *datetime.Output
}

func (o *options) csvValue(name string, settings *options, in Input) csvValue {
	v := csvValue{dataType: o.choice(name, "", "string", "number", "boolean", "datetime")}
	if v.dataType == "datetime" {
		v.spec = settings.instantSpec("datetimeSettings", "input")
		v.input, v.output = settings.conversion("datetimeSettings", in)
	}
	return v
}

// appendText appends field, which is not empty, as text.
func (v *csvValue) appendText(dst, field []byte) ([]byte, error) {
	switch v.dataType {
	case "number":
		if n, ok := numberText(field); ok {
			return append(dst, n...), nil
		}
		return append(dst, "NaN"...), nil
	case "boolean":
		return strconv.AppendBool(dst, fieldIsTrue(field)), nil
	case "datetime":
		ms, err := instantOf(v.input, v.spec, bytes.TrimSpace(field))
		if err != nil {
			return dst, err
		}
		return v.output.Append(dst, ms), nil
	}
	return appendPlain(dst, field), nil
}

// appendJSON appends field as JSON: null when there is none, or no number where one is wanted.
func (v *csvValue) appendJSON(dst, field []byte) ([]byte, error) {
	if len(field) == 0 {
		return append(dst, "null"...), nil
	}
	switch v.dataType {
	case "number":
		if n, ok := numberText(field); ok {
			return append(dst, n...), nil
		}
		return append(dst, "null"...), nil
	case "string":
		return appendPlainText(dst, field), nil
	}
	if v.dataType == "datetime" && !v.output.Number() {
		text, err := v.appendText(nil, field)
		if err != nil {
			return dst, err
		}
		return appendText(dst, text), nil
	}
	return v.appendText(dst, field)
}

// appendPlainText appends what appendPlain does as JSON text.
func appendPlainText(dst, field []byte) []byte {
	if k, _, plain := classify(field); (k == number && !plain) || k == boolean {
		return append(appendPlain(append(dst, '"'), field), '"')
	}
	return appendText(dst, field)
}

// numberText is the number that field is, as JavaScript prints it. Booleans are 1 and 0.
func numberText(field []byte) ([]byte, bool) {
	switch k, _, plain := classify(field); {
	case plain:
		return field, true
	case k == boolean && isTrue(field):
		return []byte("1"), true
	case k == boolean:
		return []byte("0"), true
	}
	text, _, ok := spelledNumber(field)
	return text, ok
}

// fieldIsTrue says whether field is true, True, TRUE or 1.
func fieldIsTrue(field []byte) bool {
	if v, ok := parseNumber(field); ok {
		return v == 1
	}
	switch string(field) {
	case "true", "True", "TRUE":
		return true
	}
	return false
}
