// Package folderscanner is the South that sends the files of a local folder (protocol/data-plane.md, section 5.1). What is
// sent and when is decided by package scan; this one promises that a file is read as it was found, or not sent. It guards
// against links that lead out of the folder, and against files replaced by others while they are read.
package folderscanner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"oibus/agent/connector"
	"oibus/agent/connector/folder"
	"oibus/agent/connector/setting"
	"oibus/agent/south"
	"oibus/agent/south/folderscanner/scan"
)

// Type is the row of the catalogue.
var Type = south.Type{
	ID:  "folder-scanner",
	New: func(env south.Env) (south.Connector, error) { return build(env) },
}

type settings struct {
	InputFolder string       `json:"inputFolder"`
	Compression setting.Flag `json:"compression"`
	folder.Share
}

// Scanner is a configured South.
type Scanner struct {
	settings settings
	folder   string // absolute
	temp     string
	log      *slog.Logger
	now      func() time.Time
	test     bool
}

func build(env south.Env) (*Scanner, error) {
	s := &Scanner{temp: env.TempDir, log: env.Log, now: env.Host.Now, test: env.Test}
	if err := setting.Decode(env.Settings, &s.settings); err != nil {
		return nil, err
	}
	if s.settings.InputFolder == "" {
		return nil, errors.New("the input folder is not specified")
	}
	absolute, err := filepath.Abs(s.settings.InputFolder)
	if err != nil {
		return nil, fmt.Errorf("cannot find the input folder: %w", err)
	}
	s.folder = absolute
	return s, nil
}

// Connect has nothing to do: a share is opened before each scan.
func (s *Scanner) Connect(context.Context) error { return nil }

// Disconnect closes the share.
func (s *Scanner) Disconnect(context.Context) error { return s.settings.Close() }

// leave closes the share that was opened for one test only.
func (s *Scanner) leave() {
	if !s.test {
		return
	}
	if err := s.settings.Close(); err != nil {
		s.log.Warn(err.Error())
	}
}

// Test looks at the folder.
func (s *Scanner) Test(context.Context) (connector.Report, error) {
	var report connector.Report
	defer s.leave()
	if err := s.look(); err != nil {
		return report, err
	}
	entries, err := os.ReadDir(s.folder)
	if err != nil {
		return report, s.unreadable(folder.Fail(err, "access", s.folder))
	}
	report.Add("Folder", s.folder)
	report.Add("Files", strconv.Itoa(len(entries)))
	return report, nil
}

func (s *Scanner) look() error {
	if err := s.settings.Open(s.folder); err != nil {
		return err
	}
	info, err := os.Stat(s.folder)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		//lint:ignore ST1005 the reference's text
		return fmt.Errorf("Folder \"%s\" does not exist: %w", s.folder, folder.Fail(err, "access", s.folder))
	case err != nil:
		return s.unreadable(folder.Fail(err, "access", s.folder))
	case !info.IsDir():
		return fmt.Errorf("%s is not a directory", s.folder)
	}
	return nil
}

func (s *Scanner) unreadable(err error) error {
	return fmt.Errorf("Read access error on \"%s\": %w", s.folder, err)
}

// TestItem lists what is in the folder, folders included, as values.
func (s *Scanner) TestItem(ctx context.Context, t south.TestRequest) (result south.TestResult, err error) {
	item, err := scan.Decode(t.Item)
	if err != nil {
		return result, err
	}
	item.Recursive = false
	defer s.leave()
	start := s.now()
	if err := s.look(); err != nil {
		return result, err
	}
	connected := s.now()
	result.Content, err = s.scanner(item).Try(ctx, t.Item)
	result.Connection, result.Query = connected.Sub(start), s.now().Sub(connected)
	return result, err
}

// Read sends what is new in the folder.
func (s *Scanner) Read(ctx context.Context, q south.DirectQuery) (last json.RawMessage, err error) {
	for _, i := range q.Items {
		item, err := scan.Decode(i)
		if err != nil {
			return nil, err
		}
		if err := s.settings.Open(s.folder); err != nil {
			return nil, err
		}
		if last, err = s.scanner(item).Read(ctx, q, i); err != nil {
			return last, err
		}
	}
	return last, nil
}

func (s *Scanner) scanner(item *scan.Item) *scan.Scanner {
	return &scan.Scanner{Folder: &source{dir: s.folder, oldest: func() time.Time { return s.now().Add(-item.MinAge.Duration(time.Millisecond)) }},
		Item: item, Log: s.log, Now: s.now, Temp: s.temp, Compress: bool(s.settings.Compression),
		Match: filepath.FromSlash, Called: func(name string) string { return name }}
}
