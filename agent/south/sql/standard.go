package sql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"time"

	"oibus/platform/task"
)

// Standard is how a driver of the standard library is used.
type Standard struct {
	Connector driver.Connector
	Lines     *Lines        // that Connector dials with
	Timeout   time.Duration // for the connection
	// Setup are statements that begin a session.
	Setup []string
	// Transaction says that the driver must be told of the transaction that Setup begins.
	Transaction bool
	// Reader says how the values of a column are read; nil, or a nil result, means as they come.
	Reader func(*sql.ColumnType) func(cell *Cell, value any) error
	// Named says that arguments are bound by name.
	Named bool
	// Kill ends on the server what a query that was cancelled has left running; nil when the driver does that.
	Kill func(ctx context.Context, conn *sql.Conn) (kill func(context.Context), err error)
}

// standard is a session of such a driver.
type standard struct {
	Standard
	db   *sql.DB
	conn *sql.Conn
	tx   *sql.Tx // nil without Transaction
	kill func(context.Context)
}

// runner runs statements, in a transaction or not.
type runner interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func (s *standard) runner() runner {
	if s.tx != nil {
		return s.tx
	}
	return s.conn
}

// Open opens the session.
func (s Standard) Open(ctx context.Context) (Session, error) {
	if s.Timeout > 0 {
		limited, cancel := context.WithTimeout(ctx, s.Timeout)
		defer cancel()
		ctx = limited
	}
	session := &standard{Standard: s, db: sql.OpenDB(s.Connector)}
	session.db.SetMaxOpenConns(1)
	err := s.Lines.During(ctx, 0, func() error {
		// A driver that panics over what a server says must not leave the connection behind.
		return task.Protect("connection", func() error { return session.begin(ctx) })
	})
	if err != nil {
		_ = session.Close()
		if ctx.Err() != nil {
			return nil, fmt.Errorf("%w: %w", ctx.Err(), err)
		}
		return nil, err
	}
	return session, nil
}

func (s *standard) begin(ctx context.Context) error {
	var err error
	if s.conn, err = s.db.Conn(ctx); err != nil {
		return err
	}
	if s.Transaction {
		if s.tx, err = s.conn.BeginTx(context.WithoutCancel(ctx), nil); err != nil {
			return err
		}
	}
	for _, statement := range s.Setup {
		if _, err := s.runner().ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	if s.Kill != nil {
		s.kill, err = s.Kill(ctx, s.conn)
	}
	return err
}

// Close ends the session.
func (s *standard) Close() error {
	return s.Lines.Close(func() error {
		var err error
		if s.tx != nil {
			err = s.tx.Rollback()
		}
		if s.conn != nil {
			err = errors.Join(err, s.conn.Close())
		}
		return errors.Join(err, s.db.Close())
	})
}

// Query begins to read what one statement returns.
func (s *standard) Query(ctx context.Context, query string, args []Arg) (Rows, error) {
	values := make([]any, len(args))
	for i, a := range args {
		if values[i] = a.Value(); s.Named {
			values[i] = sql.Named(a.Name, a.Value())
		}
	}
	r := &standardRows{session: s, stop: s.Lines.Watch(ctx, endGrace)}
	var err error
	if r.rows, err = s.runner().QueryContext(ctx, query, values...); err != nil {
		return nil, r.fail(ctx, err)
	}
	if err := r.prepare(); err != nil {
		_ = r.rows.Close()
		return nil, r.fail(ctx, err)
	}
	return r, nil
}

// standardRows reads rows without a copy of each value.
type standardRows struct {
	session *standard
	rows    *sql.Rows
	stop    func() bool
	columns []string
	into    []any
	readers []scanner
	ended   bool
}

func (r *standardRows) prepare() error {
	types, err := r.rows.ColumnTypes()
	if err != nil {
		return err
	}
	r.readers, r.into = make([]scanner, len(types)), make([]any, len(types))
	for i, t := range types {
		r.columns = append(r.columns, t.Name())
		if r.session.Reader != nil {
			r.readers[i].read = r.session.Reader(t)
		}
		r.into[i] = &r.readers[i]
	}
	return nil
}

// fail ends what a query that was cancelled has left running on the server.
func (r *standardRows) fail(ctx context.Context, err error) error {
	if !r.ended {
		r.ended = true
		r.stop()
		if ctx.Err() != nil && r.session.kill != nil {
			r.session.kill(context.WithoutCancel(ctx))
		}
	}
	return err
}

// Columns are the names of the columns.
func (r *standardRows) Columns() []string { return r.columns }

// Next reads a row.
func (r *standardRows) Next(ctx context.Context, cells []Cell) error {
	if !r.rows.Next() {
		if err := r.rows.Err(); err != nil {
			return r.fail(ctx, err)
		}
		if err := ctx.Err(); err != nil {
			return r.fail(ctx, err)
		}
		r.ended = true
		r.stop()
		return io.EOF
	}
	for i := range cells {
		r.readers[i].cell = &cells[i]
	}
	if err := r.rows.Scan(r.into...); err != nil {
		return r.fail(ctx, err)
	}
	return nil
}

// Close ends the query.
func (r *standardRows) Close(ctx context.Context) error {
	err := r.rows.Close()
	if !r.ended {
		return r.fail(ctx, err)
	}
	return err
}

// scanner puts the value of a driver into a cell.
type scanner struct {
	cell *Cell
	read func(*Cell, any) error
	text []byte
}

// Scan takes a value as the driver made it.
func (s *scanner) Scan(value any) error {
	if text, ok := value.(string); ok {
		s.text = append(s.text[:0], text...)
		value = s.text
	}
	if value == nil {
		s.cell.As, s.cell.Text = Null, nil
		return nil
	}
	if s.read != nil {
		s.cell.Text = nil
		return s.read(s.cell, value)
	}
	return s.cell.Set(value)
}

// Set sets the cell to the value of a driver. A text must be given as bytes.
func (c *Cell) Set(value any) error {
	c.Text = nil
	switch v := value.(type) {
	case []byte:
		c.As, c.Text = Text, v
	case int64:
		c.As, c.Int = Integer, v
	case uint64:
		c.As, c.Text = Digits, fmt.Append(nil, v)
	case float64:
		c.As, c.Float = Float, v
	case float32:
		c.SetFloat32(v)
	case bool:
		if c.As, c.Int = Boolean, 0; v {
			c.Int = 1
		}
	case time.Time:
		c.As, c.Int, c.Fine = Time, v.UnixMilli(), v.Nanosecond()%int(time.Millisecond)
	default:
		return fmt.Errorf("a column has a type that cannot be read (%T)", value)
	}
	return nil
}
