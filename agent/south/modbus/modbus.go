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

	"oibus/agent/connector"
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
	Host           string         `json:"host"`
	Port           setting.Number `json:"port"`
	ConnectTimeout setting.Number `json:"connectTimeout"` // ms
	NetworkTimeout setting.Number `json:"networkTimeout"` // ms without traffic, until the connection is probed
	RetryInterval  setting.Number `json:"retryInterval"`  // ms
	SlaveID        setting.Number `json:"slaveId"`
	AddressOffset  string         `json:"addressOffset"` // modbus or jbus
	Endianness     string         `json:"endianness"`    // big-endian or little-endian
	SwapBytes      setting.Flag   `json:"swapBytesInWords"`
	SwapWords      setting.Flag   `json:"swapWordsInDWords"`
	BatchQuery     setting.Flag   `json:"batchQuery"`
	GroupingGap    setting.Number `json:"groupingGap"`
}

// Modbus is a configured South.
type Modbus struct {
	settings settings
	options  modbus.Options
	order    modbus.Order
	link     *modbus.Link
	log      *slog.Logger
	now      func() time.Time
	lost     func(reason error, after time.Duration)
	points   pointCache
	trouble  map[string]string // why an item could not be read the last time, by its id
}

func build(env south.Env) (*Modbus, error) {
	m := &Modbus{log: env.Log, now: env.Host.Now, lost: env.Lost, trouble: map[string]string{}}
	if err := setting.Decode(env.Settings, &m.settings); err != nil {
		return nil, err
	}
	s := &m.settings
	if s.Host == "" {
		return nil, errors.New("the host is not specified")
	}
	m.options = modbus.Options{Host: s.Host, Port: int(s.Port.Int()), Unit: byte(s.SlaveID.Int()),
		ConnectTimeout: s.ConnectTimeout.Duration(time.Millisecond), KeepAlive: s.NetworkTimeout.Duration(time.Millisecond)}
	m.order = modbus.Order{LittleEndian: s.Endianness == "little-endian", SwapBytes: bool(s.SwapBytes), SwapWords: bool(s.SwapWords)}
	m.link = modbus.NewLink(m.options)
	return m, nil
}

// Connect connects to the device.
func (m *Modbus) Connect(ctx context.Context) error {
	err := m.link.Open(ctx)
	if err != nil {
		m.lose(err)
	}
	return err
}

// Disconnect closes the connection.
func (m *Modbus) Disconnect(context.Context) error {
	m.link.Close()
	m.points.clear()
	clear(m.trouble)
	return nil
}

func (m *Modbus) lose(reason error) {
	if m.lost != nil {
		m.lost(reason, m.settings.RetryInterval.Duration(time.Millisecond))
	}
}

// Test connects and tells where to.
func (m *Modbus) Test(ctx context.Context) (connector.Report, error) {
	var report connector.Report
	client, err := modbus.Dial(ctx, m.options)
	if err != nil {
		return report, err
	}
	defer client.Close()
	report.Add("RemoteAddress", client.RemoteAddress())
	return report, nil
}

// TestItem reads an item on a connection of its own.
func (m *Modbus) TestItem(ctx context.Context, t south.TestRequest) (south.TestResult, error) {
	var result south.TestResult
	p, err := m.parse(t.Item)
	if err != nil {
		return result, err
	}
	start := time.Now()
	client, err := modbus.Dial(ctx, m.options)
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
		m.lose(broken)
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
	client, err := m.link.Use(ctx)
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
