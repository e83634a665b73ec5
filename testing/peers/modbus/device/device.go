// Package device simulates a Modbus device for tests and measurements. It promises to answer as the specification of
// Modbus TCP has it, by code that shares nothing with the product's, and to note every write. Tests make it refuse, fall
// silent, or close its connections.
package device

import (
	"encoding/binary"
	"io"
	"net"
	"strconv"
	"sync"
	"testing"
)

// Write is one write that the device took.
type Write struct {
	Function byte // 5 or 6
	Address  int
	Value    int
}

// Device is a server on loopback. It ends with its test.
type Device struct {
	Host string
	Port int

	listener net.Listener
	mu       sync.Mutex
	open     map[net.Conn]bool
	refuse   func(function byte, address, count int) byte
	silent   bool
	requests int
	bits     [1 << 16]bool
	words    [1 << 16]uint16
	writes   []Write
}

// New starts a device, all whose bits and registers are 0. Coils and discrete inputs are the same bits, and so are both
// kinds of registers.
func New(t testing.TB) *Device {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &Device{Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port, listener: l, open: map[net.Conn]bool{}}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			d.mu.Lock()
			d.open[c] = true
			d.mu.Unlock()
			all.Go(func() { d.serve(c) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); d.Cut(); all.Wait() })
	return d
}

// Address is "host:port".
func (d *Device) Address() string { return net.JoinHostPort(d.Host, strconv.Itoa(d.Port)) }

// Cut closes what is connected.
func (d *Device) Cut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for c := range d.open {
		_ = c.Close() // it is gone either way
	}
	clear(d.open)
}

// Stop closes what is connected, and refuses what comes.
func (d *Device) Stop() {
	_ = d.listener.Close()
	d.Cut()
}

// HangUp, as the answer of what Refuse is given, closes the connection instead.
const HangUp = 255

// Refuse has f decide on each request: what is not 0 is the exception that it is answered with.
func (d *Device) Refuse(f func(function byte, address, count int) byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.refuse = f
}

// Silence has the device answer nothing, or answer again.
func (d *Device) Silence(yes bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.silent = yes
}

// SetWords sets registers from address on.
func (d *Device) SetWords(address int, words ...uint16) {
	d.mu.Lock()
	defer d.mu.Unlock()
	copy(d.words[address:], words)
}

// SetBits sets bits from address on.
func (d *Device) SetBits(address int, bits ...bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	copy(d.bits[address:], bits)
}

// Writes are those since the last call.
func (d *Device) Writes() []Write {
	d.mu.Lock()
	defer d.mu.Unlock()
	writes := d.writes
	d.writes = nil
	return writes
}

// Requests is how many there were since the last call.
func (d *Device) Requests() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.requests
	d.requests = 0
	return n
}

func (d *Device) serve(c net.Conn) {
	defer c.Close()
	var header [7]byte
	for {
		if _, err := io.ReadFull(c, header[:]); err != nil {
			return
		}
		pdu := make([]byte, int(binary.BigEndian.Uint16(header[4:]))-1)
		if _, err := io.ReadFull(c, pdu); err != nil || len(pdu) != 5 {
			return
		}
		answer := d.answer(pdu)
		switch {
		case answer == nil:
			continue
		case answer[1] == HangUp && answer[0]&0x80 != 0:
			return
		}
		binary.BigEndian.PutUint16(header[4:], uint16(len(answer)+1))
		if _, err := c.Write(append(header[:], answer...)); err != nil {
			return
		}
	}
}

// What the specification allows.
const (
	mostBits  = 2000
	mostWords = 125
)

func (d *Device) answer(pdu []byte) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.requests++
	function, address, value := pdu[0], int(binary.BigEndian.Uint16(pdu[1:])), int(binary.BigEndian.Uint16(pdu[3:]))
	count := value
	if function > 4 {
		count = 1
	}
	refusal := byte(0)
	switch {
	case d.silent:
		return nil
	case function == 0 || function > 6:
		refusal = 1
	case count < 1 || function <= 2 && count > mostBits || (function == 3 || function == 4) && count > mostWords || function == 5 && value != 0 && value != 0xff00:
		refusal = 3
	case address+count > 1<<16:
		refusal = 2
	case d.refuse != nil:
		refusal = d.refuse(function, address, count)
	}
	if refusal != 0 {
		return []byte{function | 0x80, refusal}
	}
	switch function {
	case 1, 2:
		return append([]byte{function}, d.readBits(address, count)...)
	case 3, 4:
		return append([]byte{function}, d.readWords(address, count)...)
	case 5:
		d.bits[address] = value != 0
	case 6:
		d.words[address] = uint16(value)
	}
	d.writes = append(d.writes, Write{function, address, value})
	return pdu
}

func (d *Device) readBits(address, count int) []byte {
	out := make([]byte, 1+(count+7)/8)
	out[0] = byte(len(out) - 1)
	for i, on := range d.bits[address : address+count] {
		if on {
			out[1+i/8] |= 1 << (i % 8)
		}
	}
	return out
}

func (d *Device) readWords(address, count int) []byte {
	out := []byte{byte(2 * count)}
	for _, word := range d.words[address : address+count] {
		out = binary.BigEndian.AppendUint16(out, word)
	}
	return out
}
