// Package mqtttest is a broker for tests that does what it is told, and nothing else: it loses what a real one loses only
// once in a thousand runs. It promises that a step which does not happen fails the test in time.
package mqtttest

import (
	"bufio"
	"net"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// patience is how long a step may take.
const patience = 20 * time.Second

// Broker listens on loopback until the test ends.
type Broker struct {
	URL string

	t        testing.TB
	listener net.Listener
}

// New starts one.
func New(t testing.TB) *Broker {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return &Broker{URL: "mqtt://" + l.Addr().String(), t: t, listener: l}
}

// Accept waits for a client and what it says first.
func (b *Broker) Accept() *Conn {
	b.t.Helper()
	if err := b.listener.(*net.TCPListener).SetDeadline(time.Now().Add(patience)); err != nil {
		b.t.Fatal(err)
	}
	c, err := b.listener.Accept()
	if err != nil {
		b.t.Fatalf("no client has come: %v", err)
	}
	b.t.Cleanup(func() { _ = c.Close() })
	return Serve(b.t, c)
}

// Welcome accepts a client and lets it in.
func (b *Broker) Welcome(present bool) *Conn {
	b.t.Helper()
	c := b.Accept()
	c.Answer(packets.Accepted, present)
	return c
}

// Conn is the connection of a client.
type Conn struct {
	Connect *packets.ConnectPacket // what it said first

	t    testing.TB
	conn net.Conn
	r    *bufio.Reader
}

// Serve reads what a client says first on a connection.
func Serve(t testing.TB, conn net.Conn) *Conn {
	t.Helper()
	c := &Conn{t: t, conn: conn, r: bufio.NewReader(conn)}
	first, ok := c.Read().(*packets.ConnectPacket)
	if !ok {
		t.Fatal("the client does not introduce itself")
	}
	c.Connect = first
	return c
}

// Answer says whether the client may come in.
func (c *Conn) Answer(code byte, present bool) {
	c.t.Helper()
	p := packets.NewControlPacket(packets.Connack).(*packets.ConnackPacket)
	p.ReturnCode, p.SessionPresent = code, present
	c.Write(p)
}

// Read waits for the next packet.
func (c *Conn) Read() packets.ControlPacket {
	c.t.Helper()
	p, err := c.TryRead()
	if err != nil {
		c.t.Fatalf("no packet has come: %v", err)
	}
	return p
}

// TryRead is Read for a connection that may end.
func (c *Conn) TryRead() (packets.ControlPacket, error) {
	if err := c.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	return packets.ReadPacket(c.r)
}

// Quiet fails when something comes within a moment.
func (c *Conn) Quiet() {
	c.t.Helper()
	if err := c.conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		c.t.Fatal(err)
	}
	if p, err := packets.ReadPacket(c.r); err == nil {
		c.t.Fatalf("a packet has come: %s", p)
	}
}

// Write sends packets.
func (c *Conn) Write(list ...packets.ControlPacket) {
	c.t.Helper()
	for _, p := range list {
		if err := p.Write(c.conn); err != nil {
			c.t.Fatalf("cannot send %s: %v", p, err)
		}
	}
}

// Raw sends bytes.
func (c *Conn) Raw(b []byte) {
	c.t.Helper()
	if _, err := c.conn.Write(b); err != nil {
		c.t.Fatal(err)
	}
}

// Line is the connection itself.
func (c *Conn) Line() net.Conn { return c.conn }

// Close ends the connection.
func (c *Conn) Close() { _ = c.conn.Close() }

// Granted answers the request for subscriptions that has to come next, and returns its filters.
func (c *Conn) Granted(codes ...byte) []string {
	c.t.Helper()
	s := Expect[*packets.SubscribePacket](c)
	p := packets.NewControlPacket(packets.Suback).(*packets.SubackPacket)
	p.MessageID, p.ReturnCodes = s.MessageID, append([]byte{}, s.Qoss...)
	copy(p.ReturnCodes, codes)
	c.Write(p)
	return s.Topics
}

// Expect waits for a packet that has to be of type P.
func Expect[P packets.ControlPacket](c *Conn) P {
	c.t.Helper()
	got := c.Read()
	p, ok := got.(P)
	if !ok {
		c.t.Fatalf("another packet has come: %s", got)
	}
	return p
}

// Publish is a message.
func Publish(topic, payload string, qos byte, id uint16, again bool) *packets.PublishPacket {
	p := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
	p.TopicName, p.Payload, p.Qos, p.MessageID, p.Dup = topic, []byte(payload), qos, id, again
	return p
}

// Short is a packet that holds an identifier only, such as an acknowledgement.
func Short(kind byte, id uint16) packets.ControlPacket {
	p := packets.NewControlPacket(kind)
	switch p := p.(type) {
	case *packets.PubackPacket:
		p.MessageID = id
	case *packets.PubrecPacket:
		p.MessageID = id
	case *packets.PubrelPacket:
		p.MessageID = id
	case *packets.PubcompPacket:
		p.MessageID = id
	case *packets.UnsubackPacket:
		p.MessageID = id
	}
	return p
}
