// Package modbus is the North that sets coils and registers of a device over Modbus TCP (protocol/data-plane.md, section
// 6.4). It promises that what it is given is written in order, that what the device has taken is not written again
// when a later write of the same content fails, that what cannot be written at all keeps nothing else from being written,
// and that the order of bytes in the settings counts. It guards against devices that refuse, that are busy, or that are
// away for long.
package modbus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"oibus/agent/connector"
	"oibus/agent/connector/modbus"
	"oibus/agent/connector/setting"
	"oibus/agent/content"
	"oibus/agent/north"
)

// Type is the row of the catalogue.
var Type = north.Type{
	ID:      "modbus",
	Accepts: []content.Kind{content.Modbus},
	New:     func(env north.Env) (north.Connector, error) { return build(env) },
}

type settings struct {
	Host           string         `json:"host"`
	Port           setting.Number `json:"port"`
	ConnectTimeout setting.Number `json:"connectTimeout"` // ms
	RetryInterval  setting.Number `json:"retryInterval"`  // ms
	SlaveID        setting.Number `json:"slaveId"`
	AddressOffset  string         `json:"addressOffset"` // modbus or jbus
	Endianness     string         `json:"endianness"`    // big-endian or little-endian
	SwapBytes      setting.Flag   `json:"swapBytesInWords"`
	SwapWords      setting.Flag   `json:"swapWordsInDWords"` // of no effect on single registers
}

// Modbus is a configured North.
type Modbus struct {
	settings settings
	options  modbus.Options
	order    modbus.Order
	link     *modbus.Link
	lost     func(reason error, after time.Duration)
	progress progress
}

func build(env north.Env) (*Modbus, error) {
	m := &Modbus{lost: env.Lost}
	if err := setting.Decode(env.Settings, &m.settings); err != nil {
		return nil, err
	}
	s := &m.settings
	if s.Host == "" {
		return nil, errors.New("the host is not specified")
	}
	m.options = modbus.Options{Host: s.Host, Port: int(s.Port.Int()), Unit: byte(s.SlaveID.Int()), ConnectTimeout: s.ConnectTimeout.Duration(time.Millisecond)}
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

// Send writes the elements of a content one after the other.
func (m *Modbus) Send(ctx context.Context, d north.Delivery) error {
	client, err := m.link.Use(ctx)
	switch {
	case errors.Is(err, modbus.ErrUnset):
		return north.Again(fmt.Errorf("%w. The connector cannot write values", err))
	case err != nil:
		m.lose(err)
		return north.Again(err)
	}
	done, err := m.progress.of(d)
	if err != nil {
		return err
	}
	written, err := m.write(ctx, client, d, done)
	if err == nil {
		m.progress = progress{}
		return nil
	}
	if noteErr := m.progress.note(d, written); noteErr != nil {
		return noteErr
	}
	if client.Broken() && ctx.Err() == nil {
		m.lose(err)
	}
	return err
}

// write writes the elements behind the first done, which were written before. It returns how many need not be written again. What cannot be
// written at all is left out, and is the error in the end.
func (m *Modbus) write(ctx context.Context, client *modbus.Client, d north.Delivery, done int) (written int, err error) {
	r := d.Open()
	defer r.Close()
	elements := content.NewArray(r)
	var refused []error
	for ; ; written++ {
		element, err := elements.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return max(done, written), err
		}
		c, err := m.parse(element)
		switch {
		case err != nil:
			refused = append(refused, err)
		case written < done:
		default:
			if err := c.do(ctx, client); err != nil {
				return written, again(c, err)
			}
		}
	}
	switch len(refused) {
	case 0:
		return written, nil
	case 1:
		return written, refused[0]
	}
	return written, fmt.Errorf("%w (and %d more)", refused[0], len(refused)-1)
}

// again is the error of a write that the device may take later, in the reference's words.
func again(c command, err error) error {
	var refused *modbus.Exception
	var wrong *modbus.ProtocolError
	kind := "Offline"
	switch {
	case errors.As(err, &refused):
		kind = "ModbusException"
	case errors.As(err, &wrong):
		kind = "Protocol"
	case errors.Is(err, modbus.ErrTimeout):
		kind = "Timeout"
	}
	return &north.AgainError{Err: fmt.Errorf("%s - %w, writing %s", kind, err, c), Answer: refused != nil && refused.About()}
}
