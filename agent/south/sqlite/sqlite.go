// Package sqlite is the South that reads from a SQLite file (protocol/data-plane.md, section 5.10). It promises that the
// file is opened for reading only and never made, that values arrive as they are stored, whatever the type that their
// column was declared with, and that a query ends when the agent stops. It guards against files that are not there, and
// against waiting for a lock without end.
package sqlite

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"oibus/agent/connector"
	"oibus/agent/connector/folder"
	"oibus/agent/connector/setting"
	"oibus/agent/south/sql"
)

// Type is the row of the catalogue.
var Type = sql.Kind{ID: "sqlite", Syntax: sql.Syntax{Bracket: true}, Configure: configure}.Type()

type settings struct {
	Path string `json:"databasePath"`
}

// file is a configured database.
type file struct{ path string }

func configure(env connector.Env) (*sql.Database, error) {
	var s settings
	if err := setting.Decode(env.Settings, &s); err != nil {
		return nil, err
	}
	path, err := filepath.Abs(s.Path)
	if err != nil {
		return nil, fmt.Errorf("cannot find the database: %w", err)
	}
	f := file{path}
	return &sql.Database{Open: f.open, Test: f.test}, nil
}

// access is the error of a file that cannot be read, in the reference's words.
func (f file) access() (os.FileInfo, error) {
	info, err := os.Stat(f.path)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a file", f.path)
	}
	if err == nil {
		var opened *os.File
		if opened, err = os.Open(f.path); err == nil {
			err = opened.Close()
		}
	}
	if err != nil {
		return nil, &sql.Problem{Text: fmt.Sprintf("Access error on \"%s\".", f.path), Err: folder.Fail(err, "access", f.path)}
	}
	return info, nil
}

func (f file) open(ctx context.Context) (sql.Session, error) {
	if _, err := f.access(); err != nil {
		return nil, err
	}
	return open(ctx, f.path)
}

const systemTable = "Unable to query system table."

func (f file) test(ctx context.Context) (report connector.Report, err error) {
	info, err := f.access()
	if err != nil {
		return report, err
	}
	s, err := open(ctx, f.path)
	if err != nil {
		return report, &sql.Problem{Text: systemTable, Err: err}
	}
	defer func() { _ = s.Close() }() // nothing depends on it any more
	tables, err := count(ctx, s)
	if err != nil {
		return report, &sql.Problem{Text: systemTable, Err: err}
	}
	if tables == 0 {
		return report, &sql.Problem{Text: fmt.Sprintf("Database \"%s\" has no tables", f.path)}
	}
	report.Add("SQLite Version", version())
	report.Add("Tables", strconv.FormatInt(tables, 10))
	report.Add("File Size", strconv.FormatFloat(float64(info.Size())/1024, 'f', 1, 64)+" KB")
	return report, nil
}

// count is the number of tables.
func count(ctx context.Context, s sql.Session) (int64, error) {
	rows, err := s.Query(ctx, "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table'", nil)
	if err != nil {
		return 0, err
	}
	defer func() { _ = rows.Close(ctx) }()
	cells := make([]sql.Cell, 1)
	if err := rows.Next(ctx, cells); err != nil && err != io.EOF {
		return 0, err
	}
	return cells[0].Int, nil
}
