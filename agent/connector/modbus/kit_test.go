package modbus

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// device is a small server whose answers a test decides on.
type device struct {
	t       *testing.T
	address string

	mu       sync.Mutex
	answer   func(f frame) []byte // the bytes to send; nil to answer as a good device does
	requests []frame
	conns    []net.Conn
	coils    [1 << 16]bool
	words    [1 << 16]uint16
}

func newDevice(t *testing.T) *device {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &device{t: t, address: l.Addr().String()}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			d.mu.Lock()
			d.conns = append(d.conns, c)
			d.mu.Unlock()
			all.Go(func() { d.serve(c) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); d.cut(); all.Wait() })
	return d
}

// cut closes all connections.
func (d *device) cut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.conns {
		_ = c.Close()
	}
	d.conns = nil
}

func (d *device) options() Options {
	a, err := net.ResolveTCPAddr("tcp", d.address)
	if err != nil {
		d.t.Fatal(err)
	}
	return Options{Host: "127.0.0.1", Port: a.Port, Unit: 7, ConnectTimeout: time.Minute, RequestTimeout: time.Minute}
}

func (d *device) dial() *Client {
	d.t.Helper()
	c, err := Dial(d.t.Context(), d.options())
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(c.Close)
	return c
}

func (d *device) answers(f func(f frame) []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.answer = f
}

func (d *device) serve(c net.Conn) {
	defer c.Close()
	buf := make([]byte, headerSize+mostPDU)
	for {
		f, err := readFrame(c, buf)
		if err != nil {
			return
		}
		d.mu.Lock()
		d.requests = append(d.requests, frame{f.transaction, f.unit, bytes.Clone(f.pdu)})
		reply := d.good(f)
		if d.answer != nil {
			reply = d.answer(f)
		}
		d.mu.Unlock()
		if _, err := c.Write(reply); err != nil {
			return
		}
	}
}

// good is what a device answers.
func (d *device) good(f frame) []byte {
	function, address, value := f.pdu[0], int(binary.BigEndian.Uint16(f.pdu[1:])), binary.BigEndian.Uint16(f.pdu[3:])
	pdu := []byte{function, 0}
	switch function {
	case readCoils, readDiscreteInputs:
		packed := make([]byte, (int(value)+7)/8)
		for i := range int(value) {
			if d.coils[address+i] {
				packed[i/8] |= 1 << (i % 8)
			}
		}
		pdu[1] = byte(len(packed))
		pdu = append(pdu, packed...)
	case readHoldingRegisters, readInputRegisters:
		pdu[1] = byte(2 * value)
		for i := range int(value) {
			pdu = binary.BigEndian.AppendUint16(pdu, d.words[address+i])
		}
	case writeCoil:
		d.coils[address] = value == coilOn
		pdu = f.pdu
	case writeRegister:
		d.words[address] = value
		pdu = f.pdu
	}
	return frame{f.transaction, f.unit, pdu}.append(nil)
}

// silent answers nothing at all.
func silent(frame) []byte { return nil }

// stream is a connection that reads fixed bytes.
type stream struct {
	net.Conn
	in io.Reader
}

func (s stream) Read(p []byte) (int, error)    { return s.in.Read(p) }
func (stream) Write(p []byte) (int, error)     { return len(p), nil }
func (stream) Close() error                    { return nil }
func (stream) SetDeadline(time.Time) error     { return nil }
func (stream) SetReadDeadline(time.Time) error { return nil }
