package influx

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"oibus/agent/connector/httpclient"
	"oibus/agent/content"
	"oibus/agent/transform/datetime"
)

// queryV3 asks with SQL.
func (c *Client) queryV3(ctx context.Context, text string, o httpclient.Request, each func(Row) error) error {
	body, err := json.Marshal(map[string]string{"db": c.settings.Database, "q": text, "format": "jsonl"})
	if err != nil {
		return err
	}
	o.Method = http.MethodPost
	o.Body, o.Size = httpclient.Text(string(body))
	o.Header = append(c.authorization(), httpclient.Param{Key: "Content-Type", Value: "application/json"})
	return c.ask(ctx, "/api/v3/query_sql", nil, o, func(r io.Reader) error { return readV3(r, each) })
}

// readV3 reads objects, one a line.
func readV3(r io.Reader, each func(Row) error) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 64<<10), maxValue)
	var buf []byte
	for n := int64(1); lines.Scan(); n++ {
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		if line[0] != '{' || !json.Valid(line) {
			return &syntaxError{"no object", "line", n}
		}
		row := rowV3(buf[:0], line)
		buf = row.JSON
		if err := each(row); err != nil {
			return err
		}
	}
	if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
		return fmt.Errorf("a row is longer than %d bytes", maxValue)
	} else if err != nil {
		return err
	}
	return nil
}

// rowV3 is a line, whose time says that it is UTC.
func rowV3(b, line []byte) Row {
	value := content.Member(line, "time")
	if len(value) < 2 || value[0] != '"' {
		return Row{JSON: append(b, line...)}
	}
	row := Row{}
	text := value[1 : len(value)-1]
	row.Time, row.Timed = datetime.ParseISO(text, utc)
	at := cap(line) - cap(value) // value is a part of line
	b = append(b, line[:at+len(value)-1]...)
	if row.Timed && !zoned(text) {
		b = append(b, 'Z')
	}
	row.JSON = append(b, line[at+len(value)-1:]...)
	return row
}

// zoned says whether a time names its zone.
func zoned(text []byte) bool {
	t := bytes.IndexAny(text, "T ")
	return t >= 0 && bytes.ContainsAny(text[t:], "Zz+-")
}
