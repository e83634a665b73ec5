// Package influxdb is the South that reads from InfluxDB (protocol/data-plane.md, section 5.9). It promises that results
// of any length are handed on in little memory, that the greatest time that was read is tracked, and that rows of that
// very instant, which a query finds again, are not handed on twice. It guards against results that look complete and
// are not.
package influxdb

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"oibus/agent/connector"
	"oibus/agent/connector/setting"
	"oibus/agent/entity"
	"oibus/agent/interval"
	"oibus/agent/south"
	"oibus/agent/south/boundary"
	"oibus/agent/south/influxdb/influx"
)

// Type is the row of the catalogue.
var Type = south.Type{
	ID:  "influxdb",
	New: func(env south.Env) (south.Connector, error) { return build(env) },
}

// testLookBack is the window of a test that names none.
const testLookBack = time.Hour

// The variables of a query.
const (
	startTime = "@StartTime"
	endTime   = "@EndTime"
)

type itemSettings struct {
	Query   string         `json:"query"`
	Timeout setting.Number `json:"requestTimeout"` // ms
}

// InfluxDB is a configured South.
type InfluxDB struct {
	client *influx.Client
	temp   string
	log    *slog.Logger
	now    func() time.Time
	seen   boundary.Seen // by item
}

func build(env south.Env) (*InfluxDB, error) {
	var s influx.Settings
	if err := setting.Decode(env.Settings, &s); err != nil {
		return nil, err
	}
	client, err := influx.New(env.Host.Version, s)
	return &InfluxDB{client: client, temp: env.TempDir, log: env.Log, now: env.Host.Now, seen: boundary.Seen{}}, err
}

// Connect has nothing to do: connections are made when they are needed.
func (d *InfluxDB) Connect(context.Context) error { return nil }

// Disconnect closes idle connections.
func (d *InfluxDB) Disconnect(context.Context) error {
	d.client.Close()
	return nil
}

// Test tries the connection.
func (d *InfluxDB) Test(ctx context.Context) (connector.Report, error) { return d.client.Test(ctx) }

// TestItem reads an item once.
func (d *InfluxDB) TestItem(ctx context.Context, t south.TestRequest) (south.TestResult, error) {
	window := interval.Window{Start: d.now().Add(-testLookBack), End: d.now()}
	if t.Window != nil {
		window = *t.Window
	}
	start := d.now()
	r, err := d.read(ctx, t.Item, window, nil)
	if err != nil {
		return south.TestResult{}, err
	}
	c, err := r.rows.content()
	return south.TestResult{Content: c, Query: d.now().Sub(start)}, err
}

// ReadWindow reads a window of items and hands on the rows.
func (d *InfluxDB) ReadWindow(ctx context.Context, q south.WindowQuery) (south.WindowResult, error) {
	var result south.WindowResult
	for i := range q.Items {
		r, err := d.read(ctx, q.Items[i], q.Window, d.seen[q.Items[i].ID])
		if err != nil {
			return result, err
		}
		err = d.handOn(ctx, r, q.Items[i:i+1], q.Emit)
		r.rows.remove()
		if err != nil {
			return result, err
		}
		d.seen.Note(q.Items[i].ID, r.latest)
		if at, ok := r.latest.At(); ok && time.UnixMilli(at).After(result.Tracked) {
			result.Tracked = time.UnixMilli(at).UTC()
		}
		if r.last != nil {
			result.Last = r.last
		}
	}
	return result, nil
}

func (d *InfluxDB) handOn(ctx context.Context, r *reading, items []south.Item, emit south.Emit) error {
	if r.rows.count == 0 {
		return nil
	}
	c, err := r.rows.content()
	if err != nil {
		return err
	}
	return emit(ctx, c, items)
}

// reading is what a query found.
type reading struct {
	rows   *rows
	latest *boundary.Boundary
	last   json.RawMessage // row
}

// read asks for the rows of an item, but for those that seen has. The rows are the caller's to remove.
func (d *InfluxDB) read(ctx context.Context, i south.Item, w interval.Window, seen *boundary.Boundary) (*reading, error) {
	var s itemSettings
	if err := setting.Decode(i.Settings, &s); err != nil {
		return nil, err
	}
	start, end := entity.Milli(w.Start), entity.Milli(w.End)
	d.log.Info(fmt.Sprintf("Sending \"%s\" with @StartTime = %s @EndTime = %s", s.Query, start, end))
	r := &reading{rows: newRows(d.temp), latest: &boundary.Boundary{}}
	known := seen.Repeated(w.Start)
	err := d.client.Query(ctx, strings.NewReplacer(startTime, start, endTime, end).Replace(s.Query), s.Timeout.Duration(time.Millisecond), func(row influx.Row) error {
		if row.Timed {
			r.latest.Add(row.Time, row.JSON)
			if known.Take(row.Time, row.JSON) {
				return nil
			}
		}
		r.last = append(r.last[:0], row.JSON...)
		return r.rows.add(row.JSON)
	})
	if err == nil {
		err = r.rows.end()
	}
	if err != nil {
		r.rows.remove()
		return nil, err
	}
	return r, nil
}
