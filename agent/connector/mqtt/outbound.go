package mqtt

import (
	"context"
	"slices"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// How many messages may be on their way at once. Brokers end the connection, or drop messages, when there are more: at
// QoS 2 Mosquitto takes 20 by default, and large public brokers take 100 at QoS 1. Where a connection ends without that
// anything has arrived, and the next one too, it may have been too many for that broker: half as many are tried. One more
// is tried after regain messages.
const (
	window1 = 100
	window2 = 20
	regain  = 100_000
)

// Flight is a message on its way to the broker, at QoS 1 or 2.
type Flight struct {
	topic    string
	payload  []byte
	qos      byte
	id       uint16
	sent     bool          // on this connection
	received bool          // by the broker, which has still to be told that it is known (QoS 2)
	done     chan struct{} // closed when it is over
	err      error         // valid when it is
}

// Done says whether the message has arrived. It has not, and will not, when err is not nil.
func (f *Flight) Done() (done bool, err error) {
	select {
	case <-f.done:
		return true, f.err
	default:
		return false, nil
	}
}

// outbound is what is on its way, in order.
type outbound struct {
	flights []*Flight
	byID    map[uint16]*Flight
	room    chan struct{} // closed and replaced when one has arrived
	window  [3]int        // of each quality
	arrived int           // messages
	vain    int           // connections one after the other on which none has
	before  int           // arrived when this connection began
}

func newOutbound() outbound {
	return outbound{byID: map[uint16]*Flight{}, room: make(chan struct{}), window: [3]int{1: window1, 2: window2}}
}

// resume sends again what had not arrived when the broker knows the session, and gives it up when it does not.
func (o *outbound) resume(present bool, b []byte) []byte {
	if o.arrived > o.before || len(o.flights) < 2 {
		o.vain = 0
	} else if o.vain++; o.vain > 1 {
		window := &o.window[o.flights[0].qos]
		*window = max(1, min(*window, len(o.flights))/2)
	}
	o.before = o.arrived
	for _, f := range o.flights {
		f.sent = false
		if !present {
			f.err = ErrForgotten
			close(f.done)
		}
	}
	if !present {
		o.flights = nil
		clear(o.byID)
	}
	return o.send(b)
}

// send appends those that were sent on a connection before, as many as may be on their way.
func (o *outbound) send(b []byte) []byte {
	for i, f := range o.flights {
		switch {
		case i >= o.window[f.qos]:
			return b
		case f.sent:
			continue
		case f.received:
			b = appendShort(b, packets.Pubrel, f.id)
		default:
			if next, err := appendPacket(b, newPublish(f.topic, f.payload, f.qos, f.id, true)); err == nil { // a buffer takes it
				b = next
			}
		}
		f.sent = true
	}
	return b
}

// Publish sends a message on its way, once there is room. At QoS 0 the Flight is nil: Barrier tells when it has arrived.
// payload must not change until then.
func (c *Client) Publish(ctx context.Context, topic string, payload []byte, qos byte) (*Flight, error) {
	l, err := c.current()
	if err != nil {
		return nil, err
	}
	if qos == 0 {
		err := l.out.add(ctx, func(b []byte) ([]byte, error) { return appendPacket(b, newPublish(topic, payload, 0, 0, false)) })
		if err != nil {
			return nil, l.why(err)
		}
		return nil, l.gone()
	}
	f := &Flight{topic: topic, payload: payload, qos: qos, sent: true, done: make(chan struct{})}
	if err := c.takeOff(ctx, l, f); err != nil {
		return nil, err
	}
	// What cannot be written now is sent when there is a connection again.
	_ = l.out.add(l.group.Context(), func(b []byte) ([]byte, error) { return appendPacket(b, newPublish(topic, payload, qos, f.id, false)) })
	return f, nil
}

// takeOff gives a message its identifier once there is room.
func (c *Client) takeOff(ctx context.Context, l *line, f *Flight) error {
	for {
		c.mu.Lock()
		if len(c.out.flights) < c.out.window[f.qos] && l == c.line {
			var err error
			if f.id, err = c.identifier(l); err == nil {
				c.out.flights = append(c.out.flights, f)
				c.out.byID[f.id] = f
			}
			c.mu.Unlock()
			return err
		}
		room := c.out.room
		c.mu.Unlock()
		if err := l.await(ctx, room); err != nil {
			return err
		}
	}
}

// Wait returns once a message has arrived, or the connection is gone.
func (c *Client) Wait(ctx context.Context, f *Flight) error {
	l, err := c.current()
	if err != nil {
		return err
	}
	if err := l.await(ctx, f.done); err != nil {
		return err
	}
	return f.err
}

// confirmed notes that a message has arrived, and sends what waits for that.
func (c *Client) confirmed(l *line, id uint16) error {
	again := c.landed(id)
	if len(again) == 0 {
		return nil
	}
	return l.out.add(l.group.Context(), func(b []byte) ([]byte, error) { return append(b, again...), nil })
}

// landed ends a flight, and returns what is to be sent then.
func (c *Client) landed(id uint16) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	o := &c.out
	f := o.byID[id]
	if f == nil {
		return nil
	}
	delete(o.byID, id)
	if i := slices.Index(o.flights, f); i >= 0 {
		o.flights = slices.Delete(o.flights, i, i+1)
	}
	if o.arrived++; o.arrived%regain == 0 {
		o.window[f.qos] = min(o.window[f.qos]+1, newOutbound().window[f.qos])
	}
	close(f.done)
	close(o.room)
	o.room = make(chan struct{})
	return o.send(nil)
}

// receivedThere notes that the broker has a message: it must not be sent again, only be released.
func (c *Client) receivedThere(id uint16) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f := c.out.byID[id]; f != nil {
		f.received, f.payload = true, nil
	}
}

// InFlight is how many messages at QoS 1 and 2 are on their way.
func (c *Client) InFlight() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.out.flights)
}
