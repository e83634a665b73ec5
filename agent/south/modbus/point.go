package modbus

import (
	"bytes"
	"fmt"

	"oibus/agent/connector/modbus"
	"oibus/agent/connector/setting"
	"oibus/agent/south"
)

type itemSettings struct {
	Address    string `json:"address"`
	ModbusType string `json:"modbusType"`
	Data       *struct {
		DataType    string          `json:"dataType"`
		BitIndex    setting.Number  `json:"bitIndex"`
		Coefficient *setting.Number `json:"multiplierCoefficient"`
	} `json:"data"`
}

// point is what an item reads.
type point struct {
	span   modbus.Span
	format modbus.Format // of registers
}

// parse understands the settings of an item.
func (m *Modbus) parse(item south.Item) (point, error) {
	var s itemSettings
	if err := setting.Decode(item.Settings, &s); err != nil {
		return point{}, err
	}
	p := point{span: modbus.Span{Table: modbus.Table(s.ModbusType), Count: 1}}
	if !p.span.Table.Valid() {
		//lint:ignore ST1005 the reference's text
		return point{}, fmt.Errorf("Wrong Modbus type \"%s\" for point \"%s\"", s.ModbusType, item.Name)
	}
	address, err := modbus.ParseAddress(s.Address, m.settings.AddressOffset == "jbus")
	if err != nil {
		return point{}, err
	}
	p.span.Address = address
	if p.span.Table.Bits() {
		return p, nil
	}
	p.format = modbus.Format{Type: modbus.Uint16, Coefficient: 1, Order: m.Order}
	if d := s.Data; d != nil {
		p.format.Type, p.format.Bit = modbus.DataType(d.DataType), int(d.BitIndex.Int())
		if d.Coefficient != nil {
			p.format.Coefficient = float64(*d.Coefficient)
		}
	}
	if err := p.format.Valid(); err != nil {
		return point{}, err
	}
	p.span.Count = p.format.Type.Registers()
	if int(address)+p.span.Count > 1<<16 {
		return point{}, fmt.Errorf("%w: a value of %d registers does not fit behind %q", modbus.ErrAddress, p.span.Count, s.Address)
	}
	return p, nil
}

// pointCache keeps what items mean from one reading to the next.
type pointCache struct{ known map[string]knownPoint }

type knownPoint struct {
	name     string
	settings []byte
	point    point
	err      error
}

// mostKnown bounds the cache: items that were deleted stay in it until then.
const mostKnown = 100_000

func (c *pointCache) get(item south.Item, parse func(south.Item) (point, error)) (point, error) {
	k, ok := c.known[item.ID]
	if ok && k.name == item.Name && bytes.Equal(k.settings, item.Settings) {
		return k.point, k.err
	}
	if len(c.known) >= mostKnown || c.known == nil {
		c.known = map[string]knownPoint{}
	}
	k = knownPoint{name: item.Name, settings: item.Settings}
	k.point, k.err = parse(item)
	c.known[item.ID] = k
	return k.point, k.err
}

func (c *pointCache) clear() { c.known = nil }
