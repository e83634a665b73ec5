// Package mqtt is the MQTT 3.1.1 client of the connectors (protocol/data-plane.md, sections 5.4 and 6.3). It promises that
// a message is acknowledged only when its taker says so, that what was published is known to have arrived at the quality
// that was asked for, and that a session goes on where it was when the line is back: what was on its way is completed
// under its identifiers, so that at QoS 2 nothing is there twice, and what was taken but could not be acknowledged is
// recognised when it comes again. It guards against the broker that floods: reading stops while nothing can be taken, and
// the connection stays alive meanwhile.
//
// The packets are coded by the library paho.mqtt.golang. Its client is not used: it answers pings only while its handlers
// run through, forgets on reconnecting that a message at QoS 2 was received, keeps what it sends without a bound, and
// takes several reads and writes of the system for a message.
package mqtt

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"oibus/platform/task"
)

// keepAlive is what the broker is told: after one and a half of it without a packet it gives the connection up.
const keepAlive = 60 * time.Second

// Options are what a Client is made from.
type Options struct {
	Settings *Settings
	ID       string // of the client, at the broker
	Clean    bool   // the broker forgets the session when the connection ends
	// Anew says that what the broker remembers from before the first connection is of no use. A publisher needs that after
	// a restart: its identifiers might be taken for those of messages that the broker has half received.
	Anew bool
	Log  *slog.Logger
	// Message takes a message, or says that it does not. It is called one at a time, and blocks while nothing can be
	// taken; ctx ends with the connection.
	Message func(ctx context.Context, m *Message) bool
	// Lost is told once that a connection is gone. It does not block.
	Lost func(reason error)
}

// Client is the session of one connector with its broker, over all its connections. It is safe for concurrent use, but
// for Connect and Disconnect, which are called in turn.
type Client struct {
	o Options

	mu    sync.Mutex
	line  *line // the last connection; nil before the first, and when it was closed
	begun bool  // there was a connection
	in    inbound
	out   outbound
	last  uint16 // identifier that was given

	dial func(ctx context.Context) (net.Conn, error)
}

// New returns a Client that is not connected.
func New(o Options) *Client {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Lost == nil {
		o.Lost = func(error) {}
	}
	if o.Message == nil {
		o.Message = func(context.Context, *Message) bool { return false }
	}
	return &Client{o: o, in: newInbound(), out: newOutbound(), dial: o.Settings.dial}
}

// Connect connects, goes on with the session, and says whether the broker knew it.
func (c *Client) Connect(ctx context.Context) (present bool, err error) {
	limit := c.o.Settings.ConnectTimeout()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if c.o.Anew && !c.o.Clean && !c.begun {
		l, _, err := c.open(ctx, true)
		if err != nil {
			return false, describe(err, limit)
		}
		c.begin(l, false)
		if err := c.Disconnect(ctx); err != nil {
			return false, describe(err, limit)
		}
	}
	l, present, err := c.open(ctx, c.o.Clean)
	if err != nil {
		return false, describe(err, limit)
	}
	c.begin(l, present)
	return present, nil
}

// open dials and introduces the connector.
func (c *Client) open(ctx context.Context, clean bool) (l *line, present bool, err error) {
	conn, err := c.dial(ctx)
	if err != nil {
		return nil, false, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) }) // a closed line needs no deadline
	l = &line{c: c, conn: conn, out: newOutbox(), answers: map[uint16]*question{}}
	l.reader = bufio.NewReaderSize(patient{l}, readBuffer)
	present, err = c.introduce(l, clean)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err == nil {
		err = conn.SetDeadline(time.Time{})
	}
	if err != nil {
		_ = conn.Close() // it failed already
		if context.Cause(ctx) == context.Canceled {
			err = context.Canceled
		}
		return nil, false, err
	}
	return l, present, nil
}

func (c *Client) introduce(l *line, clean bool) (present bool, err error) {
	b, err := c.o.Settings.broker()
	if err != nil {
		return false, err
	}
	p := packets.NewControlPacket(packets.Connect).(*packets.ConnectPacket)
	p.ProtocolName, p.ProtocolVersion = "MQTT", 4
	p.ClientIdentifier, p.CleanSession, p.Keepalive = c.o.ID, clean, uint16(keepAlive/time.Second)
	if name, password, has := c.o.Settings.credentials(b); has {
		p.UsernameFlag, p.Username = true, name
		p.PasswordFlag, p.Password = password != "", []byte(password)
	}
	text, err := appendPacket(nil, p)
	if err != nil {
		return false, err
	}
	if _, err := l.conn.Write(text); err != nil {
		return false, err
	}
	answer, err := readPacket(l.reader)
	if err != nil {
		return false, err
	}
	ack, ok := answer.(*packets.ConnackPacket)
	if !ok {
		return false, errors.New("the broker does not speak MQTT 3.1.1: its first packet is no answer")
	}
	if ack.ReturnCode != packets.Accepted {
		return false, &RefusedError{ack.ReturnCode}
	}
	return ack.SessionPresent, nil
}

// begin goes on with the session on a new connection.
func (c *Client) begin(l *line, present bool) {
	l.group = task.New(context.Background(), func(name string, err error) { l.fail(fmt.Errorf("%s: %w", name, err)) })
	handing, stop := context.WithCancel(l.group.Context())
	l.stopHanding, l.out.dead = stop, l.group.Context().Done()
	c.mu.Lock()
	c.line, c.begun = l, true
	c.in.resume(present)
	l.out.buf = c.out.resume(present, l.out.buf)
	c.mu.Unlock()
	l.out.signal()
	l.group.Go("MQTT reader of "+c.o.ID, func(ctx context.Context) error { return l.read(ctx, handing) })
	l.group.Go("MQTT writer of "+c.o.ID, l.write)
	l.group.Go("MQTT pings of "+c.o.ID, l.keepAlive)
}

// current is the connection, when there is one.
func (c *Client) current() (*line, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.line == nil {
		return nil, ErrNotConnected
	}
	return c.line, c.line.gone()
}

// Connected says whether there is a connection.
func (c *Client) Connected() bool {
	_, err := c.current()
	return err == nil
}

// Disconnect writes what waits to be written, takes leave of the broker, and closes the connection, whatever becomes of
// the rest. What comes meanwhile is not taken.
func (c *Client) Disconnect(ctx context.Context) error {
	c.mu.Lock()
	l := c.line
	c.line = nil
	c.mu.Unlock()
	if l == nil {
		return nil
	}
	return l.close(ctx)
}

// identifier is a free one. The mutex is held.
func (c *Client) identifier(l *line) (uint16, error) {
	for range 1<<16 - 1 {
		if c.last++; c.last == 0 {
			c.last = 1
		}
		_, flying := c.out.byID[c.last]
		if _, asked := l.answers[c.last]; !flying && !asked {
			return c.last, nil
		}
	}
	return 0, errors.New("too much is on its way")
}

var _ net.Conn = (*web)(nil)
