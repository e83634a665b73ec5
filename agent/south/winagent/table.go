package winagent

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"oibus/agent/connector/folder"
	"oibus/agent/connector/setting"
	"oibus/agent/connector/winagent"
	"oibus/agent/content"
	"oibus/agent/interval"
	"oibus/agent/south"
	"oibus/agent/transform/csvtext"
	"oibus/agent/transform/datetime"
	"oibus/platform/task"
)

// maxTest is how much of a table a test reads, in bytes: a little more than what can be shown.
const maxTest = 65 << 20

// itemSettings are those of items of ODBC and OLE DB.
type itemSettings struct {
	Query          string          `json:"query"`
	DateTimeFields []dateTimeField `json:"dateTimeFields"`
	Serialization  struct {
		FileName        string       `json:"filename"`
		Delimiter       string       `json:"delimiter"`
		Compression     setting.Flag `json:"compression"`
		TimestampFormat string       `json:"outputTimestampFormat"`
		Timezone        string       `json:"outputTimezone"`
	} `json:"serialization"`
}

type dateTimeField struct {
	Name      string       `json:"fieldName"`
	Reference setting.Flag `json:"useAsReference"`
	Type      string       `json:"type"`
	Timezone  string       `json:"timezone"`
	Format    string       `json:"format"`
	Locale    string       `json:"locale"`
}

func decode(i south.Item) (*itemSettings, error) {
	var s itemSettings
	err := setting.Decode(i.Settings, &s)
	return &s, err
}

// reference is the column whose instants are tracked, nil for none.
func (s *itemSettings) reference() *dateTimeField {
	i := slices.IndexFunc(s.DateTimeFields, func(f dateTimeField) bool { return bool(f.Reference) })
	if i < 0 {
		return nil
	}
	f := s.DateTimeFields[i]
	if f.Type != string(datetime.String) { // what a form keeps of a type that was chosen before
		f.Format, f.Timezone = "", ""
	}
	return &f
}

// variables are @StartTime and @EndTime, as the reference column spells instants.
func (s *itemSettings) variables(w interval.Window) (start, end string, err error) {
	spec := datetime.Spec{Type: datetime.ISOString}
	for _, f := range s.DateTimeFields {
		if f.Reference {
			spec = datetime.Spec{Type: datetime.Type(f.Type), Timezone: f.Timezone, Format: f.Format, Locale: f.Locale}
		}
	}
	output, err := datetime.NewOutput(spec)
	if err != nil {
		return "", "", err
	}
	return string(output.Append(nil, w.Start.UnixMilli())), string(output.Append(nil, w.End.UnixMilli())), nil
}

// fileName fills in the variables of the name. What they stand for cannot make a path.
func (s *itemSettings) fileName(connector, item string, now time.Time) string {
	name := s.plainName(connector, item, now)
	if s.Serialization.Compression {
		name += ".gz"
	}
	return name
}

func (s *itemSettings) plainName(connector, item string, now time.Time) string {
	name := strings.NewReplacer("@CurrentDate", folder.Stamp(now), "@ConnectorName", folder.Plain(connector),
		"@ItemName", folder.Plain(item)).Replace(s.Serialization.FileName)
	if name == "" {
		name = folder.Plain(connector+"-"+item) + "-" + folder.Stamp(now) + ".csv"
	}
	return name
}

// file is a table in the connector's own folder.
type file struct {
	path string
	last json.RawMessage // its last row, nil when it has none that can be read
}

func (f *file) remove() { _ = os.Remove(f.path) }

// save writes the table of an answer to a file, compressed or not.
func (s *itemSettings) save(ctx context.Context, a *winagent.Answer, dir string) (*file, error) {
	f := &file{path: filepath.Join(dir, rand.Text())}
	if err := s.write(ctx, a, f.path); err != nil {
		f.remove()
		return nil, err
	}
	delimiter, _ := csvtext.Delimiter(s.Serialization.Delimiter) // it was asked for with this
	f.last = last(task.Reader(ctx, a.Text("content")), delimiter)
	return f, nil
}

func (s *itemSettings) write(ctx context.Context, a *winagent.Answer, path string) (err error) {
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("cannot save the table: %w", err)
	}
	defer func() {
		if closeErr := out.Close(); err == nil && closeErr != nil {
			err = fmt.Errorf("cannot save the table: %w", closeErr)
		}
	}()
	in := task.Reader(ctx, a.Text("content"))
	if !s.Serialization.Compression {
		_, err = io.CopyBuffer(struct{ io.Writer }{out}, in, make([]byte, 64<<10))
		return err
	}
	z, err := gzip.NewWriterLevel(out, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := io.Copy(z, in); err != nil {
		return err
	}
	return z.Close()
}

// last is the last row of a table, by the names of its first.
func last(r io.Reader, delimiter string) json.RawMessage {
	rows := csvtext.NewReader(r, csvtext.Dialect{Delimiter: delimiter})
	defer rows.Release()
	var names, kept [][]byte
	for {
		row, err := rows.Next()
		switch {
		case errors.Is(err, io.EOF):
			if kept == nil {
				return nil
			}
			return lastRow(names, kept)
		case err != nil:
			return nil // the table is handed on as it came all the same
		case names == nil:
			names = cloned(nil, row)
		default:
			kept = cloned(kept, row)
		}
	}
}

// cloned is a copy of row in the memory of into.
func cloned(into, row [][]byte) [][]byte {
	for len(into) < len(row) {
		into = append(into, nil)
	}
	into = into[:len(row)]
	for i := range row {
		into[i] = append(into[i][:0], row[i]...)
	}
	return into
}

// shown is the table of an answer, or as much of it as a test shows.
func shown(a *winagent.Answer) ([]byte, error) {
	var out bytes.Buffer
	_, err := io.Copy(&out, io.LimitReader(a.Text("content"), maxTest))
	return out.Bytes(), err
}

// lastRow is a row as the last value shows it.
func lastRow(names, row [][]byte) json.RawMessage {
	raw := []byte{'{'}
	for i, name := range names {
		if i > 0 {
			raw = append(raw, ',')
		}
		raw = append(content.AppendString(raw, string(name)), ':')
		if i < len(row) {
			raw = content.AppendString(raw, string(row[i]))
		} else {
			raw = append(raw, "null"...)
		}
	}
	return append(raw, '}')
}
