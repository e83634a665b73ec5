package postgresql

import (
	"context"
	"encoding/hex"
	"io"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"oibus/agent/south/sql"
	"oibus/agent/transform/datetime"
)

// session is a connection. All values are read as the server spells them.
type session struct {
	conn  *pgx.Conn
	lines *sql.Lines
	local *datetime.Zone // of columns that say nothing of a zone
}

// Close ends the session.
func (s *session) Close() error {
	return s.lines.Close(func() error {
		if s.conn == nil {
			return nil
		}
		ctx, cancel := context.WithTimeout(context.Background(), closeGrace)
		defer cancel()
		return s.conn.Close(ctx)
	})
}

// Query begins to read what one statement returns.
func (s *session) Query(ctx context.Context, query string, args []sql.Arg) (sql.Rows, error) {
	stop := s.lines.Watch(ctx, cancelGrace+time.Second)
	values := []any{pgx.QueryExecModeDescribeExec, pgx.QueryResultFormats{pgx.TextFormatCode}}
	for _, a := range args {
		values = append(values, a.Text) // the server knows what it compares it to
	}
	found, err := s.conn.Query(ctx, query, values...)
	if err != nil {
		stop()
		return nil, err
	}
	r := &rows{session: s, rows: found, stop: stop}
	for _, f := range found.FieldDescriptions() {
		r.names = append(r.names, f.Name)
		r.readers = append(r.readers, s.reader(f))
	}
	return r, nil
}

// rows are what a query returns.
type rows struct {
	*session
	rows    pgx.Rows
	stop    func() bool
	names   []string
	readers []reader
}

// Columns are the names of the columns.
func (r *rows) Columns() []string { return r.names }

// Next reads a row.
func (r *rows) Next(_ context.Context, cells []sql.Cell) error {
	if !r.rows.Next() {
		if err := r.rows.Err(); err != nil {
			return err
		}
		return io.EOF
	}
	for i, raw := range r.rows.RawValues() {
		if i >= len(cells) {
			break
		}
		if cells[i].Text = nil; raw == nil {
			cells[i].As = sql.Null
			continue
		}
		r.readers[i](&cells[i], raw)
	}
	return nil
}

// Close ends the query.
func (r *rows) Close(context.Context) error {
	r.rows.Close()
	r.stop()
	return r.rows.Err()
}

// reader puts a value that the server spelled into a cell.
type reader func(c *sql.Cell, text []byte)

func (s *session) reader(f pgconn.FieldDescription) reader {
	switch f.DataTypeOID {
	case pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID, pgtype.OIDOID:
		return func(c *sql.Cell, text []byte) { c.As, c.Text = sql.Digits, text }
	case pgtype.Float4OID, pgtype.Float8OID:
		return float
	case pgtype.BoolOID:
		return boolean
	case pgtype.DateOID, pgtype.TimestampOID:
		return func(c *sql.Cell, text []byte) { c.SetStamp(text, s.local) }
	case pgtype.TimestamptzOID:
		return func(c *sql.Cell, text []byte) { c.SetStamp(text, nil) }
	case pgtype.ByteaOID:
		return bytea
	}
	if t, ok := s.conn.TypeMap().TypeForOID(f.DataTypeOID); ok {
		if _, ok := t.Codec.(*pgtype.ArrayCodec); ok {
			return func(c *sql.Cell, text []byte) { c.SetText(joined(text)) }
		}
	}
	return (*sql.Cell).SetText
}

// float reads a number, which stays as it is spelled but for those with an exponent and those that are none.
func float(c *sql.Cell, text []byte) {
	c.As, c.Text = sql.Digits, text
	for _, b := range text {
		if b == 'e' || b == 'N' || b == 'I' {
			if v, err := strconv.ParseFloat(string(text), 64); err == nil {
				c.As, c.Float = sql.Float, v
			}
			return
		}
	}
}

func boolean(c *sql.Cell, text []byte) {
	if c.As, c.Int = sql.Boolean, 0; len(text) > 0 && text[0] == 't' {
		c.Int = 1
	}
}

// bytea reads bytes as they are.
func bytea(c *sql.Cell, text []byte) {
	c.SetText(text)
	if len(text) < 2 || text[0] != '\\' || text[1] != 'x' {
		return
	}
	plain := make([]byte, hex.DecodedLen(len(text)-2))
	if _, err := hex.Decode(plain, text[2:]); err == nil {
		c.Text = plain
	}
}

// joined is the elements of an array with commas between them, those of arrays in it too.
func joined(array []byte) []byte {
	out := make([]byte, 0, len(array))
	i := 0
	for i < len(array) && array[i] != '{' { // its bounds
		i++
	}
	for quoted := false; i < len(array); i++ {
		switch b := array[i]; {
		case b == '\\' && quoted && i+1 < len(array):
			i++
			out = append(out, array[i])
		case b == '"':
			quoted = !quoted
		case quoted:
			out = append(out, b)
		case b == '{' || b == '}':
		default:
			if n := null(array[i:]); n > 0 && (len(out) == 0 || array[i-1] == ',' || array[i-1] == '{') {
				i += n - 1
				continue
			}
			out = append(out, b)
		}
	}
	return out
}

// null is the length of a NULL that text begins with, 0 for none.
func null(text []byte) int {
	const word = "NULL"
	if len(text) > len(word) && string(text[:len(word)]) == word && (text[len(word)] == ',' || text[len(word)] == '}') {
		return len(word)
	}
	return 0
}
