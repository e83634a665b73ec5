package mqtt

import (
	"bytes"
	"context"
	"hash/maphash"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// Message is one that came.
type Message struct {
	Topic    string
	Payload  []byte
	QoS      byte
	Retained bool

	id   uint16
	line *line // that waits for the acknowledgement; nil when none does. Guarded by Client.mu
}

// inbound is what the connector knows of the messages that the broker sends.
//
//	           Message            Ack                PUBREL, or sent again (QoS 1)
//	(nothing) --------> held ----------> (nothing) or taken ----------> (nothing)
//
// At QoS 2 a message is taken until the broker releases its identifier; at QoS 1 only when there was no connection to
// acknowledge it on. A message that comes again meanwhile is recognised. All of it is forgotten when the broker has
// forgotten the session.
type inbound struct {
	held  map[uint16]*Message
	taken map[uint16]uint64 // what they hold
	seed  maphash.Seed
}

func newInbound() inbound {
	return inbound{held: map[uint16]*Message{}, taken: map[uint16]uint64{}, seed: maphash.MakeSeed()}
}

// sum stands for what a message holds.
func (in *inbound) sum(m *Message) uint64 {
	var h maphash.Hash
	h.SetSeed(in.seed)
	_, _ = h.WriteString(m.Topic) // never fails
	_ = h.WriteByte(0)
	_, _ = h.Write(m.Payload)
	return h.Sum64()
}

func (in *inbound) resume(present bool) {
	if present {
		return
	}
	for _, m := range in.held {
		m.line = nil
	}
	clear(in.held)
	clear(in.taken)
}

// received hands a message over, unless it is one that is known.
func (c *Client) received(handing context.Context, l *line, p *packets.PublishPacket) error {
	m := &Message{Topic: p.TopicName, Payload: p.Payload, QoS: p.Qos, Retained: p.Retain, id: p.MessageID, line: l}
	if m.QoS > 0 {
		if known, acknowledge := c.known(l, m, p.Dup); known {
			if acknowledge {
				return l.acknowledge(m.QoS, m.id)
			}
			return nil
		}
	}
	l.blocked.Store(true)
	ok := c.o.Message(handing, m)
	l.blocked.Store(false)
	if !ok {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.in.held[m.id] == m {
			delete(c.in.held, m.id)
		}
	}
	return nil
}

// known says whether a message was handed over before, and whether it is to be acknowledged now. Otherwise it is held.
func (c *Client) known(l *line, m *Message, again bool) (known, acknowledge bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if old := c.in.held[m.id]; again && old != nil && old.QoS == m.QoS && old.Topic == m.Topic && bytes.Equal(old.Payload, m.Payload) {
		old.line = l
		return true, false
	}
	if sum, ok := c.in.taken[m.id]; ok {
		if (again || m.QoS == 2) && sum == c.in.sum(m) {
			if m.QoS == 1 {
				delete(c.in.taken, m.id)
			}
			return true, true
		}
		delete(c.in.taken, m.id) // the identifier belongs to another message now
	}
	c.in.held[m.id] = m
	return false, false
}

// released notes that the broker will not send a message again.
func (c *Client) released(id uint16) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.in.taken, id)
}

// Ack tells the broker that messages are durable here. Those that cannot be acknowledged, because the connection they
// came on is gone, are acknowledged when they come again.
func (c *Client) Ack(messages []*Message) {
	c.mu.Lock()
	l := c.line
	if l != nil && l.gone() != nil {
		l = nil
	}
	var now []*Message
	for _, m := range messages {
		if m.QoS == 0 {
			continue
		}
		if c.in.held[m.id] == m {
			delete(c.in.held, m.id)
		}
		if m.line == nil {
			continue
		}
		if m.QoS == 2 || m.line != l {
			c.in.taken[m.id] = c.in.sum(m)
		}
		if m.line == l {
			now = append(now, m)
		}
	}
	c.mu.Unlock()
	if len(now) == 0 {
		return
	}
	err := l.out.add(l.group.Context(), func(b []byte) ([]byte, error) {
		for _, m := range now {
			kind := byte(packets.Puback)
			if m.QoS == 2 {
				kind = packets.Pubrec
			}
			b = appendShort(b, kind, m.id)
		}
		return b, nil
	})
	if err == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range now {
		if m.line != nil {
			c.in.taken[m.id] = c.in.sum(m)
		}
	}
}
