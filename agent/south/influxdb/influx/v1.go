package influx

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"oibus/agent/connector/httpclient"
	"oibus/agent/content"
	"oibus/agent/transform/datetime"
)

// chunk is how many rows the server hands out at once.
const chunk = "10000"

// queryV1 asks with InfluxQL.
func (c *Client) queryV1(ctx context.Context, text string, o httpclient.Request, each func(Row) error) error {
	form := url.Values{"db": {c.settings.Database}, "q": {text}, "chunked": {"true"}, "chunk_size": {chunk}}
	o.Method = http.MethodPost
	o.Body, o.Size = httpclient.Text(form.Encode())
	o.Header = append(c.authorization(), httpclient.Param{Key: "Content-Type", Value: "application/x-www-form-urlencoded"})
	return c.ask(ctx, "/query", nil, o, func(r io.Reader) error { return readV1(r, each) })
}

// readV1 reads the answer to InfluxQL: one object after the other, each with some rows.
func readV1(r io.Reader, each func(Row) error) error {
	a := &answerV1{s: newScanner(r), each: each}
	for {
		b, err := a.s.next()
		switch {
		case errors.Is(err, io.EOF) && a.documents == 0:
			return a.s.bad("nothing")
		case errors.Is(err, io.EOF) && a.partial:
			return a.s.bad("more rows are announced than came")
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case b != '{':
			return a.s.bad("an object expected")
		}
		a.documents++
		a.partial = false
		if err := a.s.object(a.document); err != nil {
			return err
		}
	}
}

type answerV1 struct {
	s         *scanner
	each      func(Row) error
	documents int
	partial   bool // more follows

	// of the series that is read
	columns []column
	tags    []byte // members of each row
	tagged  map[string]bool
	row     []byte
}

type column struct {
	plain string
	name  []byte // as JSON, with the colon
	time  bool
	skip  bool // a tag has its name
}

func (a *answerV1) document(name string, first byte) error {
	if name == "results" && first == '[' {
		return a.s.array(func(first byte) error { return a.objectOr(first, a.result) })
	}
	return a.other(name, first)
}

// objectOr reads an object, and passes everything else.
func (a *answerV1) objectOr(first byte, member func(string, byte) error) error {
	if first == '{' {
		return a.s.object(member)
	}
	_, err := a.s.value(first)
	return err
}

// other passes a member, unless it tells an error or that more follows.
func (a *answerV1) other(name string, first byte) error {
	raw, err := a.s.value(first)
	if err != nil {
		return err
	}
	switch name {
	case "error":
		var text string
		if json.Unmarshal(raw, &text) != nil {
			text = string(raw)
		}
		return &QueryError{text}
	case "partial":
		a.partial = string(raw) == "true"
	}
	return nil
}

func (a *answerV1) result(name string, first byte) error {
	if name == "series" && first == '[' {
		return a.s.array(func(first byte) error {
			a.columns, a.tags, a.tagged = a.columns[:0], a.tags[:0], nil
			return a.objectOr(first, a.series)
		})
	}
	return a.other(name, first)
}

func (a *answerV1) series(name string, first byte) error {
	switch {
	case name == "values" && first == '[':
		return a.s.array(a.value)
	case name == "columns" || name == "tags":
		raw, err := a.s.value(first)
		if err != nil {
			return err
		}
		if name == "tags" {
			err = a.takeTags(raw)
		} else {
			err = a.takeColumns(raw)
		}
		if err != nil {
			return a.s.bad(err.Error())
		}
		return nil
	}
	return a.other(name, first)
}

func (a *answerV1) takeColumns(raw []byte) error {
	var names []string
	if json.Unmarshal(raw, &names) != nil {
		return errors.New("names of columns expected")
	}
	a.columns = a.columns[:0]
	for _, n := range names {
		a.columns = append(a.columns, column{n, append(content.AppendString(nil, n), ':'), n == "time", a.tagged[n]})
	}
	return nil
}

func (a *answerV1) takeTags(raw []byte) error {
	var tags map[string]string
	if json.Unmarshal(raw, &tags) != nil {
		return errors.New("tags expected")
	}
	a.tagged = map[string]bool{}
	for _, name := range sortedNames(tags) {
		a.tagged[name] = true
		a.tags = append(content.AppendString(append(a.tags, ','), name), ':')
		a.tags = content.AppendString(a.tags, tags[name])
	}
	for i := range a.columns {
		a.columns[i].skip = a.tagged[a.columns[i].plain]
	}
	return nil
}

// value makes a row of an array of values. What is null is left out.
func (a *answerV1) value(first byte) error {
	if first != '[' {
		return a.s.bad("a row expected")
	}
	raw, err := a.s.value(first)
	if err != nil {
		return err
	}
	row := Row{}
	b := append(a.row[:0], '{')
	i := 0
	elements(raw, func(e []byte) {
		if i < len(a.columns) && !a.columns[i].skip && e[0] != 'n' && e[0] != '[' && e[0] != '{' {
			if len(b) > 1 {
				b = append(b, ',')
			}
			b = append(b, a.columns[i].name...)
			if ms, ok := instantV1(e); ok && a.columns[i].time {
				row.Time, row.Timed = ms, true
				b = append(datetime.AppendInstant(append(b, '"'), ms), '"')
			} else {
				b = append(b, e...)
			}
		}
		i++
	})
	if i != len(a.columns) {
		return a.s.bad("a row that has not as many values as there are columns")
	}
	tags := a.tags
	if len(b) == 1 && len(tags) > 0 {
		tags = tags[1:]
	}
	row.JSON = append(append(b, tags...), '}')
	a.row = row.JSON
	return a.each(row)
}

// instantV1 reads a time: text, or nanoseconds of servers that only know those.
func instantV1(e []byte) (ms int64, ok bool) {
	if e[0] == '"' {
		return datetime.ParseISO(e[1:len(e)-1], utc)
	}
	ns, err := strconv.ParseInt(string(e), 10, 64)
	if err != nil {
		return 0, false
	}
	ms = ns / 1e6
	if ns%1e6 < 0 {
		ms--
	}
	return ms, true
}
