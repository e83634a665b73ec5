package influx

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"

	"oibus/agent/connector/httpclient"
	"oibus/agent/content"
	"oibus/agent/transform/csvtext"
	"oibus/agent/transform/datetime"
)

// queryV2 asks with Flux.
func (c *Client) queryV2(ctx context.Context, text string, o httpclient.Request, each func(Row) error) error {
	body, err := json.Marshal(map[string]any{"query": text, "type": "flux",
		"dialect": map[string]any{"header": true, "delimiter": ",", "annotations": []string{"datatype", "group", "default"}, "dateTimeFormat": "RFC3339"}})
	if err != nil {
		return err
	}
	o.Method = http.MethodPost
	o.Body, o.Size = httpclient.Text(string(body))
	o.Header = append(c.authorization(), httpclient.Param{Key: "Content-Type", Value: "application/json"}, httpclient.Param{Key: "Accept", Value: "application/csv"})
	return c.ask(ctx, "/api/v2/query", []httpclient.Param{{Key: "org", Value: c.settings.Organisation}}, o, func(r io.Reader) error { return readV2(r, each) })
}

// tableV2 is a table of annotated CSV.
type tableV2 struct {
	types, defaults []string
	columns         []columnV2
	failed          bool // it tells an error
}

type columnV2 struct {
	name     []byte // as JSON, with the colon
	kind     kindV2
	fallback []byte // stands for nothing
	time     bool
}

// kindV2 is how the values of a column stand in JSON.
type kindV2 int

const (
	asText kindV2 = iota
	asNumber
	asBoolean
	asTime
)

// readV2 reads annotated CSV: tables, each behind the lines that describe it. An error that occurs while the server
// answers is a table too.
func readV2(r io.Reader, each func(Row) error) error {
	rows := csvtext.NewReader(r, csvtext.Dialect{})
	defer rows.Release()
	var t tableV2
	described := false // a header follows
	var buf []byte
	for {
		fields, err := rows.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch first := string(fields[0]); {
		case len(first) > 0 && first[0] == '#':
			if !described {
				t, described = tableV2{}, true
			}
			t.annotate(first, fields)
		case described || t.columns == nil || isErrorHeader(fields):
			t.header(fields)
			described = false
		case t.failed:
			return &QueryError{errorOf(fields)}
		default:
			row := t.row(buf[:0], fields)
			if row.JSON == nil {
				return &syntaxError{"a row that has not as many values as there are columns", "line", int64(rows.Line())}
			}
			buf = row.JSON
			if err := each(row); err != nil {
				return err
			}
		}
	}
}

func (t *tableV2) annotate(name string, fields [][]byte) {
	switch name {
	case "#datatype":
		t.types = texts(fields)
	case "#default":
		t.defaults = texts(fields)
	}
}

func texts(fields [][]byte) []string {
	list := make([]string, len(fields))
	for i, f := range fields {
		list[i] = string(f)
	}
	return list
}

// isErrorHeader recognises the table of an error that has no annotations.
func isErrorHeader(fields [][]byte) bool {
	if len(fields) > 3 {
		return false
	}
	names := texts(fields)
	return slices.Equal(names, []string{"", "error", "reference"}) || slices.Equal(names, []string{"error", "reference"})
}

// errorOf is the first text of a row.
func errorOf(fields [][]byte) string {
	for _, f := range fields {
		if len(f) > 0 {
			return string(f)
		}
	}
	return "an error without a reason"
}

func (t *tableV2) header(fields [][]byte) {
	t.failed = isErrorHeader(fields)
	t.columns = make([]columnV2, len(fields))
	for i, f := range fields {
		c := &t.columns[i]
		if len(f) == 0 && i == 0 {
			continue // the column of the annotations
		}
		c.name = append(content.AppendString(nil, string(f)), ':')
		c.time = string(f) == "_time"
		if i < len(t.types) {
			c.kind = kindOf(t.types[i])
		}
		if i < len(t.defaults) {
			c.fallback = []byte(t.defaults[i])
		}
	}
}

func kindOf(datatype string) kindV2 {
	switch datatype {
	case "long", "unsignedLong", "double":
		return asNumber
	case "boolean":
		return asBoolean
	case "dateTime:RFC3339", "dateTime:RFC3339Nano":
		return asTime
	}
	return asText
}

// row makes a row of fields, without JSON when they do not fit.
func (t *tableV2) row(b []byte, fields [][]byte) Row {
	row := Row{}
	if len(fields) != len(t.columns) {
		return row
	}
	b = append(b, '{')
	for i, f := range fields {
		c := &t.columns[i]
		if c.name == nil {
			continue
		}
		if len(f) == 0 {
			f = c.fallback
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = c.append(append(b, c.name...), f)
		if c.time {
			row.Time, row.Timed = datetime.ParseISO(f, utc)
		}
	}
	row.JSON = append(b, '}')
	return row
}

func (c *columnV2) append(b, f []byte) []byte {
	switch {
	case c.kind == asText, c.kind == asTime && len(f) > 0:
		return content.AppendString(b, string(f))
	case c.kind == asBoolean && (string(f) == "true" || string(f) == "false"), c.kind == asNumber && isNumber(f):
		return append(b, f...)
	}
	return append(b, "null"...)
}

// isNumber says whether f is a number of JSON: infinite ones are none.
func isNumber(f []byte) bool {
	return len(f) > 0 && (f[0] == '-' || f[0] >= '0' && f[0] <= '9') && json.Valid(f)
}
