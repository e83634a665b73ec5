// Package folderscanner is the South that sends the files of a local folder (protocol/data-plane.md, section 5.1). It
// promises that a file is deleted, or remembered as sent, only after what was sent is durable wherever it goes, that a
// file which changes meanwhile is sent again, and that at most one file is sent twice after a crash. It guards against
// files that are still being written, folders with very many files, shares that are away for a while, and expressions
// that would take for ever.
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
	"oibus/agent/content"
	"oibus/agent/entity"
	"oibus/agent/south"
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

type itemSettings struct {
	Regex              string         `json:"regex"`
	MinAge             setting.Number `json:"minAge"` // ms
	PreserveFiles      setting.Flag   `json:"preserveFiles"`
	IgnoreModifiedDate setting.Flag   `json:"ignoreModifiedDate"`
	MaxFiles           setting.Number `json:"maxFiles"`
	MaxSize            setting.Number `json:"maxSize"` // MB
	Recursive          setting.Flag   `json:"recursive"`
}

// Scanner is a configured South.
type Scanner struct {
	settings settings
	folder   string // absolute
	temp     string
	log      *slog.Logger
	now      func() time.Time
}

func build(env south.Env) (*Scanner, error) {
	s := &Scanner{temp: env.TempDir, log: env.Log, now: env.Host.Now}
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

// Disconnect has nothing to do.
func (s *Scanner) Disconnect(context.Context) error { return nil }

// Test looks at the folder.
func (s *Scanner) Test(context.Context) (connector.Report, error) {
	var report connector.Report
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
func (s *Scanner) TestItem(ctx context.Context, t south.TestRequest) (south.TestResult, error) {
	var result south.TestResult
	item, match, err := decode(t.Item)
	if err != nil {
		return result, err
	}
	start := s.now()
	if err := s.look(); err != nil {
		return result, err
	}
	connected := s.now()
	entries, err := os.ReadDir(s.folder)
	if err != nil {
		return result, s.unreadable(folder.Fail(err, "scandir", s.folder))
	}
	var values []content.TimeValue
	for _, e := range entries {
		matches, err := match.matches(e.Name())
		if err != nil {
			return result, err
		}
		info, infoErr := e.Info()
		if ctx.Err() != nil {
			return result, ctx.Err()
		}
		if !matches || infoErr != nil || !item.oldEnough(info.ModTime(), s.now()) {
			continue
		}
		values = append(values, content.TimeValue{PointID: t.Item.Name, Timestamp: entity.Milli(info.ModTime()), Data: content.TextData(e.Name())})
	}
	result.Content = content.FromTimeValues(values)
	result.Connection, result.Query = connected.Sub(start), s.now().Sub(connected)
	return result, nil
}

func decode(i south.Item) (item itemSettings, match *pattern, err error) {
	if err := setting.Decode(i.Settings, &item); err != nil {
		return item, nil, err
	}
	match, err = compile(item.Regex)
	return item, match, err
}

func (i *itemSettings) oldEnough(modified, now time.Time) bool {
	return !modified.Add(i.MinAge.Duration(time.Millisecond)).After(now)
}

// Read sends what is new in the folder.
func (s *Scanner) Read(ctx context.Context, q south.DirectQuery) (last json.RawMessage, err error) {
	for _, i := range q.Items {
		item, match, err := decode(i)
		if err != nil {
			return nil, err
		}
		if err := s.settings.Open(s.folder); err != nil {
			return nil, err
		}
		run := &scan{Scanner: s, item: item, match: match, items: []south.Item{i}, emit: q.Emit, memory: remembered(q.Memory)}
		if err := run.do(ctx); err != nil {
			return run.memory.shown(), err
		}
		last = run.memory.shown()
	}
	return last, nil
}
