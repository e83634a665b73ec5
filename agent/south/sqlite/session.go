package sqlite

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"

	"oibus/agent/south/sql"
	"oibus/platform/task"
)

const (
	// busyLimit is how long a lock of somebody who writes is waited for.
	busyLimit = 5 * time.Second
	busyPause = 20 * time.Millisecond
	// interruptPause is how often a query is told to end, which it does not hear before it has begun.
	interruptPause = 5 * time.Millisecond
	pointerSize    = 8
)

// session is an open file. SQLite is used as it is, without the driver for the standard library, which turns texts in
// columns that are declared as dates into something else.
type session struct {
	tls *libc.TLS
	db  uintptr
}

func open(ctx context.Context, path string) (*session, error) {
	s := &session{tls: libc.NewTLS()}
	name, err := libc.CString(path)
	if err != nil {
		s.tls.Close()
		return nil, err
	}
	defer libc.Xfree(s.tls, name)
	var code int32
	s.db, code = s.pointer(func(p uintptr) int32 {
		return sqlite3.Xsqlite3_open_v2(s.tls, name, p, sqlite3.SQLITE_OPEN_READONLY|sqlite3.SQLITE_OPEN_FULLMUTEX, 0)
	})
	if code != sqlite3.SQLITE_OK {
		err := s.fail(ctx)
		_ = s.Close()
		return nil, err
	}
	return s, nil
}

// pointer calls f with the address of a pointer, and returns what f put there.
func (s *session) pointer(f func(p uintptr) int32) (uintptr, int32) {
	p := s.tls.Alloc(pointerSize)
	defer s.tls.Free(pointerSize)
	clear(libc.GoBytes(p, pointerSize))
	code := f(p)
	return readPointer(p), code
}

func version() string {
	tls := libc.NewTLS()
	defer tls.Close()
	return libc.GoString(sqlite3.Xsqlite3_libversion(tls))
}

// fail is the last error, in SQLite's words.
func (s *session) fail(ctx context.Context) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if s.db == 0 {
		return errors.New("out of memory")
	}
	return errors.New(libc.GoString(sqlite3.Xsqlite3_errmsg(s.tls, s.db)))
}

// Close ends the session.
func (s *session) Close() error {
	if s.db != 0 {
		sqlite3.Xsqlite3_close_v2(s.tls, s.db)
	}
	s.tls.Close()
	return nil
}

// patient repeats f while somebody else holds a lock.
func patient(ctx context.Context, f func() int32) int32 {
	limit := time.Now().Add(busyLimit)
	for {
		code := f()
		if code&0xff != sqlite3.SQLITE_BUSY || time.Now().After(limit) || task.Sleep(ctx, busyPause) != nil {
			return code
		}
	}
}

// Query begins to read what one statement returns.
func (s *session) Query(ctx context.Context, query string, args []sql.Arg) (sql.Rows, error) {
	if strings.IndexByte(query, 0) >= 0 {
		return nil, errors.New("the query holds a zero byte")
	}
	text, err := libc.CString(query)
	if err != nil {
		return nil, err
	}
	defer libc.Xfree(s.tls, text)
	var statement, tail uintptr
	code := patient(ctx, func() int32 {
		var code int32
		tail, _ = s.pointer(func(t uintptr) int32 {
			statement, code = s.pointer(func(p uintptr) int32 { return sqlite3.Xsqlite3_prepare_v2(s.tls, s.db, text, -1, p, t) })
			return code
		})
		return code
	})
	if code != sqlite3.SQLITE_OK {
		return nil, s.fail(ctx)
	}
	r := &rows{session: s, statement: statement}
	if err := r.check(libc.GoString(tail)); err != nil {
		return nil, errors.Join(err, r.Close(ctx))
	}
	if err := r.bind(ctx, args); err != nil {
		return nil, errors.Join(err, r.Close(ctx))
	}
	r.watch(ctx)
	return r, nil
}

// rows are a statement that is read.
type rows struct {
	*session
	statement uintptr
	columns   []string
	begun     bool
	bound     []uintptr

	mu   sync.Mutex
	over bool
	stop func() bool
}

// check refuses what returns nothing, and what comes behind the first statement.
func (r *rows) check(tail string) error {
	if strings.Trim(tail, " \t\r\n;") != "" && !onlyComments(tail) {
		return errors.New("the query holds more than one statement")
	}
	n := int32(0)
	if r.statement != 0 {
		n = sqlite3.Xsqlite3_column_count(r.tls, r.statement)
	}
	if n == 0 {
		return errors.New("this statement does not return data")
	}
	for i := range n {
		r.columns = append(r.columns, libc.GoString(sqlite3.Xsqlite3_column_name(r.tls, r.statement, i)))
	}
	return nil
}

func onlyComments(text string) bool {
	for {
		text = strings.TrimLeft(text, " \t\r\n;")
		switch {
		case text == "":
			return true
		case strings.HasPrefix(text, "--"):
			_, text, _ = strings.Cut(text, "\n")
		case strings.HasPrefix(text, "/*"):
			_, text, _ = strings.Cut(text[2:], "*/")
		default:
			return false
		}
	}
}

// bind gives the variables of the statement their values, by name.
func (r *rows) bind(ctx context.Context, args []sql.Arg) error {
	for i := int32(1); i <= sqlite3.Xsqlite3_bind_parameter_count(r.tls, r.statement); i++ {
		name := libc.GoString(sqlite3.Xsqlite3_bind_parameter_name(r.tls, r.statement, i))
		a, ok := find(args, name)
		if !ok {
			return fmt.Errorf("the variable %q of the query has no value: there are @StartTime and @EndTime", name)
		}
		code := int32(0)
		if a.Number {
			code = sqlite3.Xsqlite3_bind_int64(r.tls, r.statement, i, a.Integer)
		} else {
			text, err := libc.CString(a.Text)
			if err != nil {
				return err
			}
			r.bound = append(r.bound, text)
			code = sqlite3.Xsqlite3_bind_text(r.tls, r.statement, i, text, int32(len(a.Text)), 0)
		}
		if code != sqlite3.SQLITE_OK {
			return r.fail(ctx)
		}
	}
	return nil
}

func find(args []sql.Arg, name string) (sql.Arg, bool) {
	for _, a := range args {
		if name == "@"+a.Name {
			return a, true
		}
	}
	return sql.Arg{}, false
}

// watch interrupts the query when its context ends.
func (r *rows) watch(ctx context.Context) {
	r.stop = context.AfterFunc(ctx, func() {
		tls := libc.NewTLS()
		defer tls.Close()
		for {
			r.mu.Lock()
			if r.over {
				r.mu.Unlock()
				return
			}
			sqlite3.Xsqlite3_interrupt(tls, r.db)
			r.mu.Unlock()
			if task.Sleep(context.WithoutCancel(ctx), interruptPause) != nil {
				return
			}
		}
	})
}

// Columns are the names of the columns.
func (r *rows) Columns() []string { return r.columns }

// Next reads a row.
func (r *rows) Next(ctx context.Context, cells []sql.Cell) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	step := func() int32 { return sqlite3.Xsqlite3_step(r.tls, r.statement) }
	code := int32(0)
	if r.begun {
		code = step()
	} else { // a lock is taken
		code = patient(ctx, step)
		r.begun = true
	}
	switch code {
	case sqlite3.SQLITE_ROW:
		for i := range cells {
			r.read(int32(i), &cells[i])
		}
		return nil
	case sqlite3.SQLITE_DONE:
		return io.EOF
	}
	return r.fail(ctx)
}

func (r *rows) read(i int32, c *sql.Cell) {
	c.Text = nil
	switch sqlite3.Xsqlite3_column_type(r.tls, r.statement, i) {
	case sqlite3.SQLITE_INTEGER:
		c.As, c.Int = sql.Integer, sqlite3.Xsqlite3_column_int64(r.tls, r.statement, i)
	case sqlite3.SQLITE_FLOAT:
		c.As, c.Float = sql.Float, sqlite3.Xsqlite3_column_double(r.tls, r.statement, i)
	case sqlite3.SQLITE_NULL:
		c.As = sql.Null
	case sqlite3.SQLITE_TEXT:
		r.text(i, c, sqlite3.Xsqlite3_column_text(r.tls, r.statement, i))
	default:
		r.text(i, c, sqlite3.Xsqlite3_column_blob(r.tls, r.statement, i))
	}
}

func (r *rows) text(i int32, c *sql.Cell, p uintptr) {
	c.SetText(nil)
	if n := sqlite3.Xsqlite3_column_bytes(r.tls, r.statement, i); p != 0 && n > 0 {
		c.Text = libc.GoBytes(p, int(n))
	}
}

// Close ends the query.
func (r *rows) Close(context.Context) error {
	r.mu.Lock()
	r.over = true
	r.mu.Unlock()
	if r.stop != nil {
		r.stop()
	}
	if r.statement != 0 {
		sqlite3.Xsqlite3_finalize(r.tls, r.statement)
		r.statement = 0
	}
	for _, p := range r.bound {
		libc.Xfree(r.tls, p)
	}
	r.bound = nil
	return nil
}

// readPointer reads the pointer that lies at p.
func readPointer(p uintptr) uintptr {
	return uintptr(binary.NativeEndian.Uint64(libc.GoBytes(p, pointerSize)))
}
