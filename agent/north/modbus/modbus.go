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

// Modbus is a configured North.
type Modbus struct {
	*modbus.Device
	settings modbus.Settings
	progress progress
}

func build(env north.Env) (*Modbus, error) {
	m := &Modbus{}
	if err := setting.Decode(env.Settings, &m.settings); err != nil {
		return nil, err
	}
	var err error
	m.Device, err = modbus.NewDevice(&m.settings, 0, env.Lost)
	return m, err
}

// Disconnect closes the connection.
func (m *Modbus) Disconnect(context.Context) error {
	m.Link.Close()
	return nil
}

// Send writes the elements of a content one after the other.
func (m *Modbus) Send(ctx context.Context, d north.Delivery) error {
	client, err := m.Link.Use(ctx)
	switch {
	case errors.Is(err, modbus.ErrUnset):
		return north.Again(fmt.Errorf("%w. The connector cannot write values", err))
	case err != nil:
		m.Lose(err)
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
		m.Lose(err)
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
