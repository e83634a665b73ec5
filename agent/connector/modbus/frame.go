// Package modbus is a client of Modbus TCP (protocol/data-plane.md, sections 5.5 and 6.4). It promises that an answer is taken
// only for the request that it belongs to, that every request ends within its time whatever the server does, that a
// refusal says why and leaves the connection as it is, and that a value is the one that the device has, to the last digit.
// It guards against servers that are slow, that answer late, half, twice, or something else than they were asked.
package modbus

import (
	"encoding/binary"
	"fmt"
	"io"
)

// Sizes of a message: the MBAP header before a PDU.
const (
	headerSize = 7
	leastPDU   = 2   // a function and a byte, as in a refusal
	mostPDU    = 253 // so that the same PDU fits on a serial line
)

// frame is one message.
type frame struct {
	transaction uint16
	unit        byte
	pdu         []byte
}

func (f frame) append(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint16(dst, f.transaction)
	dst = append(dst, 0, 0) // the protocol
	dst = binary.BigEndian.AppendUint16(dst, uint16(1+len(f.pdu)))
	return append(append(dst, f.unit), f.pdu...)
}

// readFrame reads one message into buf, which must hold headerSize + mostPDU bytes. The PDU is a part of it.
func readFrame(r io.Reader, buf []byte) (frame, error) {
	header := buf[:headerSize]
	if _, err := io.ReadFull(r, header); err != nil {
		return frame{}, err
	}
	f := frame{transaction: binary.BigEndian.Uint16(header), unit: header[6]}
	if protocol := binary.BigEndian.Uint16(header[2:]); protocol != 0 {
		return frame{}, &ProtocolError{fmt.Sprintf("protocol %d instead of 0", protocol)}
	}
	size := int(binary.BigEndian.Uint16(header[4:])) - 1
	if size < leastPDU || size > mostPDU {
		return frame{}, &ProtocolError{fmt.Sprintf("a message of %d bytes, which are %d to %d", size, leastPDU, mostPDU)}
	}
	f.pdu = buf[headerSize : headerSize+size]
	_, err := io.ReadFull(r, f.pdu)
	return f, err
}
