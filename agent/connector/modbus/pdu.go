package modbus

import (
	"encoding/binary"
	"fmt"
)

// Limits of one request.
const (
	MaxBits      = 2000
	MaxRegisters = 125
	addresses    = 1 << 16
)

// Function codes.
const (
	readCoils            = 1
	readDiscreteInputs   = 2
	readHoldingRegisters = 3
	readInputRegisters   = 4
	writeCoil            = 5
	writeRegister        = 6
	refusal              = 0x80 // added to the function that a server refuses
)

// What a coil is written with.
const (
	coilOn  = 0xff00
	coilOff = 0x0000
)

// Table is one of the four address spaces of a device, as settings name it.
type Table string

// The tables.
const (
	Coils            Table = "coil"
	DiscreteInputs   Table = "discrete-input"
	InputRegisters   Table = "input-register"
	HoldingRegisters Table = "holding-register"
)

// Valid says whether t is one of the tables.
func (t Table) Valid() bool { return t.function() != 0 }

// Bits says whether the table holds bits, not registers.
func (t Table) Bits() bool { return t == Coils || t == DiscreteInputs }

// Max is how many bits or registers one request can read.
func (t Table) Max() int {
	if t.Bits() {
		return MaxBits
	}
	return MaxRegisters
}

// function is that which reads the table, 0 for none.
func (t Table) function() byte {
	switch t {
	case Coils:
		return readCoils
	case DiscreteInputs:
		return readDiscreteInputs
	case InputRegisters:
		return readInputRegisters
	case HoldingRegisters:
		return readHoldingRegisters
	}
	return 0
}

// request is the PDU of every function here: two numbers follow the function.
func request(function byte, address, value uint16) []byte {
	pdu := binary.BigEndian.AppendUint16([]byte{function}, address)
	return binary.BigEndian.AppendUint16(pdu, value)
}

// answered is what follows the function in an answer to it, or the refusal.
func answered(function byte, pdu []byte) ([]byte, error) {
	switch {
	case pdu[0] == function:
		return pdu[1:], nil
	case pdu[0] == function|refusal && len(pdu) == leastPDU:
		return nil, &Exception{Function: function, Code: pdu[1]}
	}
	return nil, &ProtocolError{fmt.Sprintf("an answer of %d bytes to function %d, which was not asked for", len(pdu), pdu[0])}
}

// data is what was read: as many bytes as were asked for, which the first byte says again.
func data(rest []byte, size int) ([]byte, error) {
	if len(rest) != 1+size || int(rest[0]) != size {
		return nil, &ProtocolError{fmt.Sprintf("%d bytes, announced as %d, where %d were asked for", len(rest)-1, rest[0], size)}
	}
	return rest[1:], nil
}

// bits reads count bits, the first of which is the lowest of the first byte.
func bits(rest []byte, count int) ([]bool, error) {
	raw, err := data(rest, (count+7)/8)
	if err != nil {
		return nil, err
	}
	values := make([]bool, count)
	for i := range values {
		values[i] = raw[i/8]>>(i%8)&1 == 1
	}
	return values, nil
}

func registers(rest []byte, count int) ([]uint16, error) {
	raw, err := data(rest, 2*count)
	if err != nil {
		return nil, err
	}
	values := make([]uint16, count)
	for i := range values {
		values[i] = binary.BigEndian.Uint16(raw[2*i:])
	}
	return values, nil
}

// written checks the answer to a write, which repeats it.
func written(rest []byte, address, value uint16) error {
	if len(rest) != 4 || binary.BigEndian.Uint16(rest) != address || binary.BigEndian.Uint16(rest[2:]) != value {
		return &ProtocolError{fmt.Sprintf("% x in answer to the write of %04x at %04x", rest, value, address)}
	}
	return nil
}
