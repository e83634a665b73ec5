// Package modbus is the South that reads devices over Modbus TCP (protocol/data-plane.md, section 5.5). It promises that
// one item that a device refuses costs no other item its value, that what was read before a connection broke is not
// lost with it, that all values of a reading carry one instant, and that whole numbers keep all their digits. It guards
// against devices that are slow, that close idle connections, or that answer something else than they were asked.
package modbus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"oibus/agent/connector/modbus"
	"oibus/agent/connector/setting"
	"oibus/agent/content"
	"oibus/agent/entity"
	"oibus/agent/south"
)

// Type is the row of the catalogue.
var Type = south.Type{
	ID:    "modbus",
	Batch: true,
	New:   func(env south.Env) (south.Connector, error) { return build(env) },
}

type settings struct {
	modbus.Settings
	NetworkTimeout setting.Number `json:"networkTimeout"` // ms without traffic, until the connection is probed
	BatchQuery     setting.Flag   `json:"batchQuery"`
	GroupingGap    setting.Number `json:"groupingGap"`
}

// Modbus is a configured South.
type Modbus struct {
	*modbus.Device
	settings settings
	log      *slog.Logger
	now      func() time.Time
	points   pointCache
	trouble  map[string]string // why an item could not be read the last time, by its id
}

func build(env south.Env) (*Modbus, error) {
	m := &Modbus{log: env.Log, now: env.Host.Now, trouble: map[string]string{}}
	if err := setting.Decode(env.Settings, &m.settings); err != nil {
		return nil, err
	}
	var err error
	m.Device, err = modbus.NewDevice(&m.settings.Settings, m.settings.NetworkTimeout.Duration(time.Millisecond), env.Lost)
	return m, err
}

// Disconnect closes the connection.
func (m *Modbus) Disconnect(context.Context) error {
	m.Link.Close()
	m.points.clear()
	clear(m.trouble)
	return nil
}

// TestItem reads an item on a connection of its own.
func (m *Modbus) TestItem(ctx context.Context, t south.TestRequest) (south.TestResult, error) {
	var result south.TestResult
	p, err := m.parse(t.Item)
	if err != nil {
		return result, err
	}
	start := time.Now()
	client, err := modbus.Dial(ctx, m.Options)
	if err != nil {
		return result, err
	}
	defer client.Close()
	result.Connection = time.Since(start)
	at := entity.Milli(m.now())
	start = time.Now()
	s := &scan{points: []point{p}, spans: []modbus.Span{p.span}, texts: make([]string, 1), errs: make([]error, 1)}
	if err := s.run(ctx, client, modbus.Single(s.spans)); err != nil {
		return result, err
	}
	if s.errs[0] != nil {
		return result, s.errs[0]
	}
	result.Query = time.Since(start)
	result.Content = content.FromTimeValues([]content.TimeValue{{PointID: t.Item.Name, Timestamp: at, Data: content.TextData(s.texts[0])}})
	return result, nil
}

// Read reads the items of a unit and hands on what the device has of them.
func (m *Modbus) Read(ctx context.Context, q south.DirectQuery) (json.RawMessage, error) {
	at := entity.Milli(m.now())
	s := m.newScan(q.Items)
	broken := m.scan(ctx, s)
	items, values := s.values(q.Items, at)
	if len(values) > 0 {
		if err := q.Emit(ctx, content.FromTimeValues(values), items); err != nil {
			return nil, err
		}
	}
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case broken != nil:
		m.Lose(broken)
		return nil, broken
	case len(values) == 0:
		return nil, s.failure()
	}
	m.report(q.Items, s)
	return content.AppendTimeValue(nil, &values[len(values)-1]), nil
}

// scan reads what was planned. Its error is that of the connection.
func (m *Modbus) scan(ctx context.Context, s *scan) error {
	requests := s.plan(bool(m.settings.BatchQuery), int(m.settings.GroupingGap.Int()))
	if len(requests) == 0 {
		return nil
	}
	client, err := m.Link.Use(ctx)
	if errors.Is(err, modbus.ErrUnset) {
		//lint:ignore ST1005 the reference's text
		return fmt.Errorf("Could not read address: %w", err)
	}
	if err != nil {
		return err
	}
	return s.run(ctx, client, requests)
}

// report logs why some items of a unit were not read, once until the reason changes.
func (m *Modbus) report(items []south.Item, s *scan) {
	for i := range items {
		id := items[i].ID
		if s.errs[i] == nil {
			delete(m.trouble, id)
			continue
		}
		if text := s.errs[i].Error(); m.trouble[id] != text {
			m.trouble[id] = text
			m.log.Error(fmt.Sprintf("Could not read item \"%s\": %s", items[i].Name, text))
		}
	}
}
