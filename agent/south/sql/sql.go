// Package sql is what the South connectors of all relational databases have in common (protocol/data-plane.md, section
// 5.10): the variables of a query, columns that are dates, what is tracked, and the CSV file that a result becomes. It
// promises that a result of any length is read in little memory, that a window counts as read only when all its rows
// were taken, that rows at the end of a window are not handed on again with the next, that a query ends on the server too
// at its time limit and when the agent stops, that the session cannot write where the database offers that, and that no
// error shows a password. It guards against results without end, databases that hang, and columns that are not what the
// settings say.
package sql

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"oibus/agent/connector"
	"oibus/agent/interval"
	"oibus/agent/south"
	"oibus/agent/south/boundary"
	"oibus/platform/task"
)

// testLookBack is the window of a test that names none.
const testLookBack = time.Hour

// Kind is one kind of database.
type Kind struct {
	ID     string // as in its manifest
	Syntax Syntax
	// Configure reads the settings of a connector.
	Configure func(connector.Env) (*Database, error)
}

// Type is the row of the catalogue.
func (k Kind) Type() south.Type {
	return south.Type{ID: k.ID, New: func(env south.Env) (south.Connector, error) { return k.build(env) }}
}

// Database is one configured database.
type Database struct {
	// Open connects for one query or one test.
	Open func(ctx context.Context) (Session, error)
	// Test tries the settings and tells what it found, in the reference's words.
	Test func(ctx context.Context) (connector.Report, error)
	// Timeout bounds each query, 0 for none.
	Timeout time.Duration
	// ItemTimeout says that each item has its own instead.
	ItemTimeout bool
	// Words is the text of an error of the database; nil means its Error.
	Words func(error) string
	// Secrets never stand in an error.
	Secrets []string
}

// Session is a connection to a database. It is used by one goroutine at a time.
type Session interface {
	// Query begins to read what one statement returns. It ends on the server too when ctx ends.
	Query(ctx context.Context, query string, args []Arg) (Rows, error)
	// Close ends the session, in a short time whatever the server does.
	Close() error
}

// Rows are what a query returns, one by one.
type Rows interface {
	// Columns are the names of the columns.
	Columns() []string
	// Next reads a row into cells, which hold until the next call, and returns io.EOF behind the last one.
	Next(ctx context.Context, cells []Cell) error
	// Close ends the query. When ctx has ended, it ends on the server too.
	Close(ctx context.Context) error
}

// South is a configured South.
type South struct {
	kind     Kind
	database *Database
	name     string
	temp     string
	log      *slog.Logger
	now      func() time.Time
	seen     boundary.Seen
}

func (k Kind) build(env south.Env) (*South, error) {
	database, err := k.Configure(env.Env)
	if err != nil {
		return nil, err
	}
	return &South{kind: k, database: database, name: env.Name, temp: env.TempDir, log: env.Log, now: env.Host.Now, seen: boundary.Seen{}}, nil
}

// Connect has nothing to do: each query has its own connection.
func (s *South) Connect(context.Context) error { return nil }

// Disconnect has nothing to do.
func (s *South) Disconnect(context.Context) error { return nil }

// Test tries the settings.
func (s *South) Test(ctx context.Context) (connector.Report, error) {
	var report connector.Report
	err := task.Protect("test of a connection", func() (err error) { report, err = s.database.Test(ctx); return err })
	return report, s.shown(ctx, err)
}

// TestItem reads an item once.
func (s *South) TestItem(ctx context.Context, t south.TestRequest) (south.TestResult, error) {
	window := interval.Window{Start: s.now().Add(-testLookBack), End: s.now()}
	if t.Window != nil {
		window = *t.Window
	}
	item, err := decode(t.Item)
	if err != nil {
		return south.TestResult{}, err
	}
	item.Serialization.Compression = false // it is looked at
	r, err := s.read(ctx, t.Item, item, window, nil, maxTest)
	if err != nil {
		return south.TestResult{}, s.shown(ctx, err)
	}
	result := south.TestResult{FilePath: r.shownPath, Connection: r.connection, Query: r.query}
	result.Content, err = r.content()
	return result, err
}

// ReadWindow reads a window of items and hands on their files.
func (s *South) ReadWindow(ctx context.Context, q south.WindowQuery) (south.WindowResult, error) {
	var result south.WindowResult
	for i := range q.Items {
		one, err := s.readItem(ctx, q.Items[i:i+1], q.Window, q.Emit)
		if err != nil {
			return result, s.shown(ctx, err)
		}
		if one.Tracked.After(result.Tracked) {
			result.Tracked = one.Tracked
		}
		if one.Last != nil {
			result.Last = one.Last
		}
	}
	return result, nil
}

func (s *South) readItem(ctx context.Context, items []south.Item, w interval.Window, emit south.Emit) (result south.WindowResult, err error) {
	item, err := decode(items[0])
	if err != nil {
		return result, err
	}
	r, err := s.read(ctx, items[0], item, w, s.seen[items[0].ID], 0)
	if err != nil {
		return result, err
	}
	if r.rows > 0 {
		defer r.remove()
		c, err := r.content()
		if err != nil {
			return result, err
		}
		if err := emit(ctx, c, items); err != nil {
			return result, err
		}
		s.seen.Note(items[0].ID, r.latest)
		result.Last = r.last
	}
	if at, ok := r.latest.At(); ok {
		result.Tracked = time.UnixMilli(at).UTC()
	}
	return result, nil
}

// timeout bounds the query of an item, 0 for none.
func (s *South) timeout(item itemSettings) time.Duration {
	if s.database.ItemTimeout {
		return item.RequestTimeout.Duration(time.Millisecond)
	}
	return s.database.Timeout
}

// lastRow is how the last row of a result is shown.
type lastRow = json.RawMessage

// timeoutError is a query that took too long.
type timeoutError struct{ limit time.Duration }

func (e *timeoutError) Error() string {
	return fmt.Sprintf("the query took longer than %d ms and was cancelled", e.limit.Milliseconds())
}
