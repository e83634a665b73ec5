package modbus

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"

	"oibus/agent/connector/modbus"
	"oibus/agent/content"
)

// What an element sets.
const (
	coil     = "coil"
	register = "register"
)

// command is one element, understood.
type command struct {
	kind    string
	text    string // the address, as it was written
	address uint16
	on      bool
	value   uint16
}

func (c command) String() string { return c.kind + " " + c.text }

func (c command) do(ctx context.Context, client *modbus.Client) error {
	if c.kind == coil {
		return client.WriteCoil(ctx, c.address, c.on)
	}
	return client.WriteRegister(ctx, c.address, c.value)
}

func (m *Modbus) parse(element []byte) (command, error) {
	var e struct {
		Address    json.RawMessage `json:"address"`
		Value      json.RawMessage `json:"value"`
		ModbusType string          `json:"modbusType"`
	}
	if err := json.Unmarshal(element, &e); err != nil {
		return command{}, errors.New("cannot read what to write: it is no object with an address, a value and a type")
	}
	c := command{kind: e.ModbusType, text: string(e.Address)}
	if text, ok := content.Text(e.Address); ok {
		c.text = string(text)
	}
	var err error
	if c.address, err = modbus.ParseAddress(c.text, m.settings.AddressOffset == "jbus"); err != nil {
		return c, err
	}
	ok := false
	switch c.kind {
	case coil:
		c.on, ok = truth(e.Value)
	case register:
		c.value, ok = whole(e.Value)
		c.value = m.Order.Register(c.value)
	default:
		//lint:ignore ST1005 the reference's text
		return c, fmt.Errorf("Wrong Modbus type \"%s\" for address %d", c.kind, c.address)
	}
	if !ok {
		return c, fmt.Errorf("%w: %s cannot be set to %s", modbus.ErrValue, c, shown(e.Value))
	}
	return c, nil
}

// truth says whether a value switches a coil on: zero, false and the empty text switch it off, what is missing neither
// on nor off.
func truth(value []byte) (on, ok bool) {
	value = bytes.TrimSpace(value)
	switch {
	case len(value) == 0 || string(value) == "null":
		return false, false
	case string(value) == "false" || string(value) == `""`:
		return false, true
	}
	n, err := strconv.ParseFloat(string(value), 64)
	return err != nil || n != 0, true
}

// whole is the number that a register can hold.
func whole(value []byte) (uint16, bool) {
	n, err := strconv.ParseFloat(string(bytes.TrimSpace(value)), 64)
	if err != nil || n != math.Trunc(n) || n < 0 || n > math.MaxUint16 {
		return 0, false
	}
	return uint16(n), true
}

// shown is the beginning of a value, for an error.
func shown(value []byte) string {
	const limit = 100
	switch {
	case len(value) == 0:
		return "nothing"
	case len(value) > limit:
		return string(bytes.ToValidUTF8(value[:limit], nil)) + "…"
	}
	return string(value)
}
