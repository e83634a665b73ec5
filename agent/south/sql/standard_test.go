package sql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// fakeDriver is a driver of the standard library that answers every query with the same rows.
type fakeDriver struct {
	types []string
	rows  [][]driver.Value
	hang  bool // behind the last row

	mu  sync.Mutex
	did []string
}

func (d *fakeDriver) note(text string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.did = append(d.did, text)
}

func (d *fakeDriver) all() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.Join(d.did, ", ")
}

func (d *fakeDriver) Connect(context.Context) (driver.Conn, error) { return fakeConn{d}, nil }
func (d *fakeDriver) Driver() driver.Driver                        { return nil }

type fakeConn struct{ *fakeDriver }

func (c fakeConn) Prepare(string) (driver.Stmt, error) { return nil, errors.New("not this way") }
func (c fakeConn) Close() error                        { c.note("close"); return nil }
func (c fakeConn) Begin() (driver.Tx, error)           { c.note("begin"); return c, nil }
func (c fakeConn) Commit() error                       { c.note("commit"); return nil }
func (c fakeConn) Rollback() error                     { c.note("rollback"); return nil }

func (c fakeConn) ExecContext(_ context.Context, query string, _ []driver.NamedValue) (driver.Result, error) {
	c.note(query)
	if query == "fail" {
		return nil, errors.New("refused")
	}
	return driver.RowsAffected(0), nil
}

func (c fakeConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	for _, a := range args {
		query += fmt.Sprintf(" %s=%v", a.Name, a.Value)
	}
	c.note(query)
	return &fakeDriverRows{c, ctx, 0}, nil
}

type fakeDriverRows struct {
	fakeConn
	ctx  context.Context
	next int
}

func (r *fakeDriverRows) Columns() []string { return r.types }
func (r *fakeDriverRows) Close() error      { return nil }

func (r *fakeDriverRows) ColumnTypeDatabaseTypeName(i int) string { return r.types[i] }

func (r *fakeDriverRows) Next(values []driver.Value) error {
	if r.next == len(r.rows) {
		if r.hang {
			<-r.ctx.Done()
			return r.ctx.Err()
		}
		return io.EOF
	}
	copy(values, r.rows[r.next])
	r.next++
	return nil
}

func TestADriverOfTheStandardLibraryIsRead(t *testing.T) {
	t.Parallel()
	d := &fakeDriver{types: []string{"A", "B", "C", "D", "E", "F", "G", "H", "TWICE"}, rows: [][]driver.Value{
		{nil, int64(-5), uint64(18446744073709551615), 0.5, float32(1.1), true, "text", []byte("bytes"), int64(4)},
		{time.Date(2024, 1, 1, 1, 0, 0, 123456789, time.FixedZone("", 3600)), nil, nil, nil, nil, false, "", []byte{}, int64(5)},
	}}
	s, err := Standard{
		Connector: d, Lines: &Lines{}, Timeout: time.Minute, Setup: []string{"one", "two"}, Transaction: true, Named: true,
		Reader: func(c *sql.ColumnType) func(*Cell, any) error {
			if c.DatabaseTypeName() != "TWICE" {
				return nil
			}
			return func(c *Cell, v any) error { return c.Set(v.(int64) * 2) }
		},
	}.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	rows, err := s.Query(t.Context(), "SELECT", []Arg{{Name: "StartTime", Text: "x"}, {Name: "EndTime", Number: true, Integer: 7}})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	cells := make([]Cell, len(rows.Columns()))
	for rows.Next(t.Context(), cells) == nil {
		var line []string
		for i := range cells {
			line = append(line, string(cells[i].appendTo(nil)))
		}
		got = append(got, strings.Join(line, ";"))
	}
	want := ";-5;18446744073709551615;0.5;1.1;true;text;bytes;8|2024-01-01T00:00:00.123Z;;;;;false;;;10"
	if strings.Join(got, "|") != want {
		t.Errorf("%s, want\n%s", strings.Join(got, "|"), want)
	}
	if err := errors.Join(rows.Close(t.Context()), s.Close()); err != nil {
		t.Error(err)
	}
	if want := "begin, one, two, SELECT StartTime=x EndTime=7, rollback, close"; d.all() != want {
		t.Errorf("%s, want %s", d.all(), want)
	}
}

func TestAQueryThatIsCancelledIsKilled(t *testing.T) {
	t.Parallel()
	d := &fakeDriver{types: []string{"A"}, hang: true}
	killed := 0
	s, err := Standard{Connector: d, Lines: &Lines{}, Kill: func(context.Context, *sql.Conn) (func(context.Context), error) {
		return func(ctx context.Context) {
			if killed++; ctx.Err() != nil {
				t.Error("the kill is cancelled too")
			}
		}, nil
	}}.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	rows, err := s.Query(ctx, "SELECT", nil)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := rows.Next(ctx, make([]Cell, 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	_ = rows.Close(ctx)
	if err := s.Close(); killed != 1 || err != nil {
		t.Errorf("killed %d times, error %v", killed, err)
	}
}

func TestASessionThatCannotBeginIsClosed(t *testing.T) {
	t.Parallel()
	d := &fakeDriver{}
	if _, err := (Standard{Connector: d, Lines: &Lines{}, Setup: []string{"fail"}}).Open(t.Context()); fmt.Sprint(err) != "refused" || d.all() != "fail, close" {
		t.Errorf("%s, error %v", d.all(), err)
	}
}

func TestADriverThatPanicsLeavesNoConnection(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	lines := &Lines{}
	_, err = Standard{Connector: panics{lines, listener.Addr().String()}, Lines: lines}.Open(t.Context())
	if err == nil || !strings.Contains(err.Error(), "what the server said") {
		t.Errorf("error %v", err)
	}
	c, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the connection is open: %v", err)
	}
}

// panics is a driver that does so once it is connected.
type panics struct {
	lines   *Lines
	address string
}

func (p panics) Connect(ctx context.Context) (driver.Conn, error) {
	if _, err := p.lines.Dial(ctx, "tcp", p.address); err != nil {
		return nil, err
	}
	panic("what the server said")
}

func (p panics) Driver() driver.Driver { return nil }

func TestASurveyThatHangsEndsInTime(t *testing.T) {
	t.Parallel()
	f := &fake{columns: []string{"n"}, hang: true}
	_, err := Survey{Tables: "SELECT COUNT(*)", Failed: "Unable to read.", Timeout: time.Millisecond}.Ask(t.Context(), f)
	if fmt.Sprint(err) != "Unable to read. the query took longer than 1 ms and was cancelled" {
		t.Errorf("error %v", err)
	}
}

func TestAnUnknownTypeIsAnError(t *testing.T) {
	t.Parallel()
	var c Cell
	if err := c.Set(struct{}{}); err == nil || !strings.Contains(err.Error(), "struct {}") {
		t.Errorf("error %v", err)
	}
}

func TestALineEndsWhateverTheDriverSays(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	lines := &Lines{}
	c, err := lines.Dial(t.Context(), "tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	lines.end(10 * time.Millisecond)
	if err := c.SetDeadline(time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	var timeout net.Error
	if _, err := c.Read(make([]byte, 1)); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("error %v", err)
	}
	if err := lines.Close(func() error { return nil }); err != nil {
		t.Error(err)
	}
	if _, err := c.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("error %v", err)
	}
}
