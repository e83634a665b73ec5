package sql

import (
	"compress/gzip"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"oibus/agent/connector/folder"
	"oibus/agent/content"
	"oibus/agent/interval"
	"oibus/agent/south"
	"oibus/agent/south/boundary"
	"oibus/platform/task"
)

// maxTest is how much of a result a test reads, in bytes: a little more than what can be shown.
const maxTest = 65 << 20

// result is what a query returned, in a file of the connector's own folder.
type result struct {
	path      string
	name      string // as it is handed on
	shownPath string // where a test says that the file would be
	rows      int
	latest    *boundary.Boundary
	last      lastRow

	connection, query time.Duration
}

func (r *result) remove() { os.Remove(r.path) }

func (r *result) content() (content.Content, error) {
	if r.rows == 0 {
		return content.FromBytes(content.Any, r.name, 0, nil), nil
	}
	return content.FromFile(r.path, r.name)
}

// read runs the query of an item for a window, and leaves out the rows that seen has. It stops after limit bytes when that
// is not 0. The caller removes the file when there are rows.
func (s *South) read(ctx context.Context, i south.Item, item itemSettings, w interval.Window, seen *boundary.Boundary, limit int64) (*result, error) {
	statement := s.kind.Syntax.Parse(item.Query)
	args, err := statement.args(item.reference(), w)
	if err != nil {
		return nil, fmt.Errorf("cannot fill in the variables of the query: %w", err)
	}
	name := item.Serialization.fileName(s.name, i.Name, s.now())
	r := &result{path: filepath.Join(s.temp, rand.Text()), name: name, shownPath: filepath.Join(s.temp, filepath.FromSlash(name))}
	s.log.Info("Sending \"" + item.Query + "\"" + describe(args))
	err = writeFile(r.path, func(f io.Writer) error {
		return task.Protect("query", func() error { return s.fill(ctx, r, &limited{f, limit}, item, w, seen, statement, args) })
	})
	if err == nil && bool(item.Serialization.Compression) && r.rows > 0 {
		err = r.compress(ctx)
	}
	if err != nil || r.rows == 0 {
		r.remove()
	}
	if err != nil {
		return nil, err
	}
	return r, nil
}

// fill writes the result of a query to w.
func (s *South) fill(ctx context.Context, r *result, w io.Writer, item itemSettings, window interval.Window, seen *boundary.Boundary, statement Statement, args []Arg) (err error) {
	t, err := newTable(w, item.Serialization, window, seen)
	if err != nil {
		return err
	}
	begun := s.now()
	session, err := s.database.Open(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = session.Close() }() // nothing depends on it any more
	connected := s.now()
	err = bounded(ctx, s.timeout(item), func(ctx context.Context) error {
		return t.copy(ctx, session, statement.Text, args, item.DateTimeFields, connected)
	})
	if err != nil && !errors.Is(err, errEnough) {
		return err
	}
	s.complain(t, item)
	r.rows, r.latest, r.last = t.rows, &t.latest, t.last.json(t.columns)
	r.connection, r.query = connected.Sub(begun), s.now().Sub(connected)
	return nil
}

// bounded runs f within the time limit of a query.
func bounded(ctx context.Context, limit time.Duration, f func(context.Context) error) error {
	if limit <= 0 {
		return f(ctx)
	}
	bounded, cancel := context.WithTimeoutCause(ctx, limit, &timeoutError{limit})
	defer cancel()
	err := f(bounded)
	if cause := context.Cause(bounded); err != nil && ctx.Err() == nil && cause != nil {
		return cause
	}
	return err
}

// copy writes the rows of a query.
func (t *table) copy(ctx context.Context, session Session, query string, args []Arg, fields []field, now time.Time) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	rows, err := session.Query(ctx, query, args)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			cancel() // otherwise some drivers read the rest
		}
		if closeErr := rows.Close(ctx); err == nil {
			err = closeErr
		}
	}()
	names := rows.Columns()
	if err := t.begin(names, fields, now); err != nil {
		return err
	}
	cells := make([]Cell, len(names))
	for {
		switch err := rows.Next(ctx, cells); {
		case errors.Is(err, io.EOF):
			return t.close()
		case err != nil:
			return err
		}
		if err := t.row(cells); err != nil {
			return err
		}
	}
}

// complain says what in a result is not as the settings say.
func (s *South) complain(t *table, item itemSettings) {
	if t.unreadable > 0 {
		s.log.Warn(fmt.Sprintf("%d values are no dates as the settings describe them, such as %q: they are left empty and not tracked", t.unreadable, t.example))
	}
	if reference := item.reference(); reference != nil && !t.tracks && t.rows > 0 {
		s.log.Warn(fmt.Sprintf("the query returns no column %q: nothing is tracked", reference.Name))
	}
}

// fileName fills in the variables. What they stand for cannot make a path.
func (s serialization) fileName(connector, item string, now time.Time) string {
	name := strings.NewReplacer("@CurrentDate", folder.Stamp(now), "@ConnectorName", folder.Plain(connector),
		"@ItemName", folder.Plain(item)).Replace(s.FileName)
	if name == "" {
		name = folder.Plain(connector+"-"+item) + "-" + folder.Stamp(now) + ".csv"
	}
	if s.Compression {
		name += ".gz"
	}
	return name
}

// compress puts the gzipped file in the place of the file.
func (r *result) compress(ctx context.Context) error {
	in, err := os.Open(r.path)
	if err != nil {
		return fmt.Errorf("cannot compress the result: %w", err)
	}
	defer in.Close()
	plain := r.path
	r.path += ".gz"
	err = writeFile(r.path, func(f io.Writer) error {
		z, err := gzip.NewWriterLevel(f, gzip.BestCompression)
		if err != nil {
			return err
		}
		if _, err := io.Copy(z, task.Reader(ctx, in)); err != nil {
			return err
		}
		return z.Close()
	})
	in.Close()
	os.Remove(plain)
	return err
}

// writeFile makes a file of what f writes.
func writeFile(path string, f func(io.Writer) error) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("cannot save the result: %w", err)
	}
	err = f(file)
	if closeErr := file.Close(); err == nil && closeErr != nil {
		err = fmt.Errorf("cannot save the result: %w", closeErr)
	}
	return err
}

// errEnough says that a test has read enough.
var errEnough = errors.New("the result is longer than what is shown of it")

// limited refuses to write more than left bytes, if that is not 0 from the beginning.
type limited struct {
	w    io.Writer
	left int64
}

func (l *limited) Write(p []byte) (int, error) {
	n, err := l.w.Write(p)
	if l.left > 0 && err == nil {
		if l.left -= int64(n); l.left <= 0 {
			return n, errEnough
		}
	}
	return n, err
}
