package oianalytics

import (
	"compress/gzip"
	"fmt"
	"io"
	"strings"
	"time"

	"oibus/agent/connector/folder"
	"oibus/agent/connector/setting"
	"oibus/agent/content"
	"oibus/agent/transform/csvtext"
	"oibus/agent/transform/datetime"
)

// serialization says how values become a file.
type serialization struct {
	FileName        string       `json:"filename"`
	Delimiter       string       `json:"delimiter"`
	Compression     setting.Flag `json:"compression"`
	TimestampFormat string       `json:"outputTimestampFormat"`
	Timezone        string       `json:"outputTimezone"`
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

// columns are those of the file. The reference has one column for value and unit, in which neither can be read.
var columns = []string{"pointId", "timestamp", "value", "unit"}

// table writes values as CSV.
type table struct {
	csv       *csvtext.Writer
	gzip      *gzip.Writer        // nil: not compressed
	formatter *datetime.Formatter // nil: instants
	text      []byte
	rows      int
}

func newTable(w io.Writer, s serialization) (*table, error) {
	delimiter, ok := csvtext.Delimiter(s.Delimiter)
	if !ok {
		return nil, fmt.Errorf("unknown delimiter %q", s.Delimiter)
	}
	t := &table{}
	if s.Compression {
		z, err := gzip.NewWriterLevel(w, gzip.BestCompression)
		if err != nil {
			return nil, err
		}
		w, t.gzip = z, z
	}
	if s.TimestampFormat != "" {
		var err error
		if t.formatter, err = datetime.NewFormatter(s.TimestampFormat, s.Timezone, "en-En"); err != nil {
			return nil, fmt.Errorf("cannot write timestamps: %w", err)
		}
	}
	t.csv = csvtext.NewWriter(w, csvtext.Style{Delimiter: delimiter, Newline: "\r\n", Minimal: true, Quote: '"', Escape: '"'})
	return t, t.csv.Header(columns)
}

func (t *table) row(r *reading) error {
	t.rows++
	t.csv.Text(append(t.text[:0], r.point...))
	if t.formatter != nil {
		t.text = t.formatter.Append(t.text[:0], r.at)
	} else {
		t.text = datetime.AppendInstant(t.text[:0], r.at)
	}
	t.csv.Text(t.text)
	if text, ok := content.Text(r.value); ok {
		t.csv.Text(text)
	} else if string(r.value) == "null" {
		t.csv.Null()
	} else {
		t.csv.Text(r.value)
	}
	if r.unit == "" {
		t.csv.Null()
	} else {
		t.csv.Text([]byte(r.unit))
	}
	return t.csv.End()
}

func (t *table) close() error {
	if err := t.csv.Close(); err != nil {
		return err
	}
	if t.gzip == nil {
		return nil
	}
	return t.gzip.Close()
}
