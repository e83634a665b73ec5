// Package oianalytics is the South that reads time series from OIAnalytics (protocol/data-plane.md, section 5.7). It
// promises that every value of an answer stands in the file that is handed on, that answers of any number of series are
// read in the memory of one, and that an answer cut in the middle is no answer. It guards against files that look
// complete and hold nothing.
package oianalytics

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"oibus/agent/connector"
	"oibus/agent/connector/httpclient"
	"oibus/agent/connector/oianalytics"
	"oibus/agent/connector/setting"
	"oibus/agent/content"
	"oibus/agent/entity"
	"oibus/agent/interval"
	"oibus/agent/south"
)

// Type is the row of the catalogue.
var Type = south.Type{
	ID:  "oianalytics",
	New: func(env south.Env) (south.Connector, error) { return build(env) },
}

const (
	testLookBack = time.Hour // the window of a test that names none
	maxTest      = 64 << 20  // bytes of the values of a test
)

type itemSettings struct {
	Endpoint      string             `json:"endpoint"`
	QueryParams   []httpclient.Param `json:"queryParams"`
	Serialization serialization      `json:"serialization"`
}

// OIAnalytics is a configured South.
type OIAnalytics struct {
	target *oianalytics.Target
	name   string
	temp   string
	now    func() time.Time
}

func build(env south.Env) (*OIAnalytics, error) {
	var s oianalytics.Settings
	if err := setting.Decode(env.Settings, &s); err != nil {
		return nil, err
	}
	target, err := oianalytics.New(env.Env, s)
	if err != nil {
		return nil, err
	}
	return &OIAnalytics{target: target, name: env.Name, temp: env.TempDir, now: env.Host.Now}, nil
}

// Connect has nothing to do: connections are made when they are needed.
func (o *OIAnalytics) Connect(context.Context) error { return nil }

// Disconnect closes idle connections.
func (o *OIAnalytics) Disconnect(context.Context) error {
	o.target.Close()
	return nil
}

// Test asks OIAnalytics for its status.
func (o *OIAnalytics) Test(ctx context.Context) (connector.Report, error) { return o.target.Test(ctx) }

func decode(i south.Item) (itemSettings, error) {
	var s itemSettings
	err := setting.Decode(i.Settings, &s)
	return s, err
}

// ask reads the series of a window, and gives each of its values to take.
func (o *OIAnalytics) ask(ctx context.Context, item itemSettings, w interval.Window, take func(*reading) error) error {
	params := make([]httpclient.Param, len(item.QueryParams))
	for i, p := range item.QueryParams {
		switch params[i] = p; p.Value {
		case "@StartTime":
			params[i].Value = entity.Milli(w.Start)
		case "@EndTime":
			params[i].Value = entity.Milli(w.End)
		}
	}
	res, _, err := o.target.Do(ctx, oianalytics.Call{Method: "GET", Endpoint: item.Endpoint, Params: params})
	if err != nil {
		return err
	}
	defer res.Close()
	if !res.OK() {
		return fmt.Errorf("HTTP request failed with status code %d and message: %s", res.Status, res.Message())
	}
	return parse(res, take)
}

// TestItem reads an item once, as time values.
func (o *OIAnalytics) TestItem(ctx context.Context, t south.TestRequest) (south.TestResult, error) {
	item, err := decode(t.Item)
	if err != nil {
		return south.TestResult{}, err
	}
	window := interval.Window{Start: o.now().Add(-testLookBack), End: o.now()}
	if t.Window != nil {
		window = *t.Window
	}
	start := o.now()
	var buf bytes.Buffer
	w := content.NewArrayWriter(&buf)
	err = o.ask(ctx, item, window, func(r *reading) error {
		if w.Size() > maxTest {
			return fmt.Errorf("the values are more than %d bytes: choose a shorter interval for the test", maxTest)
		}
		return w.TimeValue(r.timeValue())
	})
	if err != nil {
		return south.TestResult{}, err
	}
	if err := w.Close(); err != nil {
		return south.TestResult{}, err
	}
	c := content.FromBytes(content.TimeValues, "", w.Elements(), buf.Bytes())
	return south.TestResult{Content: c, Query: o.now().Sub(start)}, nil
}

// ReadWindow reads a window of items and hands it on as files.
func (o *OIAnalytics) ReadWindow(ctx context.Context, q south.WindowQuery) (south.WindowResult, error) {
	var result south.WindowResult
	for i := range q.Items {
		if err := o.readItem(ctx, q.Items[i:i+1], q, &result); err != nil {
			return result, err
		}
	}
	return result, nil
}

func (o *OIAnalytics) readItem(ctx context.Context, items []south.Item, q south.WindowQuery, result *south.WindowResult) error {
	item, err := decode(items[0])
	if err != nil {
		return err
	}
	path := filepath.Join(o.temp, rand.Text())
	defer os.Remove(path)
	var tracked int64
	var last reading
	rows, err := o.save(path, item.Serialization, func(row func(*reading) error) error {
		return o.ask(ctx, item, q.Window, func(r *reading) error {
			if last.point == "" || r.at > tracked {
				tracked = r.at
			}
			last.keep(r)
			return row(r)
		})
	})
	if err != nil || rows == 0 {
		return err
	}
	c, err := content.FromFile(path, item.Serialization.fileName(o.name, items[0].Name, o.now()))
	if err != nil {
		return err
	}
	if err := q.Emit(ctx, c, items); err != nil {
		return err
	}
	if at := time.UnixMilli(tracked); at.After(result.Tracked) {
		result.Tracked = at
	}
	result.Last = content.AppendTimeValue(nil, last.timeValue())
	return nil
}

// save writes a file of what produce gives it, and says how many rows it has.
func (o *OIAnalytics) save(path string, s serialization, produce func(row func(*reading) error) error) (rows int, err error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, fmt.Errorf("cannot save the answer: %w", err)
	}
	defer func() {
		if closeErr := file.Close(); err == nil {
			err = closeErr
		}
	}()
	w, err := newTable(file, s)
	if err != nil {
		return 0, err
	}
	if err := produce(w.row); err != nil {
		return 0, err
	}
	return w.rows, w.close()
}
