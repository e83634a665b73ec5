package mqtt

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"oibus/platform/task"
)

// Times of a connection.
const (
	// pingEvery is half of what the broker was told, so that one ping may be late.
	pingEvery = keepAlive / 2
	// silenceLimit is how long nothing may come while it is read: longer than it takes to answer a ping.
	silenceLimit = 2*pingEvery + 15*time.Second
	// leaveLimit is how long the broker may take to close its side after the connector took leave. To close at once might
	// destroy what was acknowledged last on its way.
	leaveLimit = 2 * time.Second
	// answerLimit is how long the broker may take to answer a request that it was sent; it may be twice as long.
	answerLimit = 30 * time.Second
)

// line is one connection.
type line struct {
	c           *Client
	conn        net.Conn
	reader      *bufio.Reader
	out         *outbox
	group       *task.Group
	stopHanding context.CancelFunc // nothing is handed over any more

	blocked  atomic.Bool  // what was read last waits to be taken
	leaving  atomic.Bool  // Disconnect was called
	deadline atomic.Int64 // of reading once everything is written, in ns; 0 for none

	failing sync.Once
	cause   atomic.Pointer[error] // why it is gone

	answers map[uint16]*question // who waits for what; guarded by Client.mu, as are the pings
	pings   []chan struct{}
}

// patient is the line as it is read: each reading may take so long, and no time passes while nothing is read.
type patient struct{ l *line }

func (p patient) Read(b []byte) (int, error) {
	until := time.Now().Add(silenceLimit)
	if at := p.l.deadline.Load(); at != 0 {
		until = time.Unix(0, at)
	}
	if p.l.group != nil { // before, there is a deadline for all of it
		if err := p.l.conn.SetReadDeadline(until); err != nil {
			return 0, err
		}
	}
	return p.l.conn.Read(b)
}

// gone is why the connection is gone, nil while it is not.
func (l *line) gone() error {
	if err := l.cause.Load(); err != nil {
		return *err
	}
	return nil
}

// fail ends the connection.
func (l *line) fail(err error) {
	l.failing.Do(func() {
		err = describe(err, 0)
		l.cause.Store(&err)
		l.group.Stop()
		_ = l.conn.Close() // it failed already
		if !l.leaving.Load() {
			l.c.o.Lost(err)
		}
	})
}

func (l *line) write(ctx context.Context) error {
	err := l.out.write(ctx, l.conn)
	if err != nil {
		l.fail(err)
		return nil
	}
	at := time.Now().Add(leaveLimit)
	l.deadline.Store(at.UnixNano())
	_ = l.conn.SetReadDeadline(at) // fails when the broker was faster and all is closed
	return nil
}

// close takes leave. It returns once nothing of the connection is left.
func (l *line) close(ctx context.Context) error {
	l.leaving.Store(true)
	l.stopHanding()
	ctx, cancel := context.WithTimeout(ctx, writeLimit)
	defer cancel()
	defer context.AfterFunc(ctx, func() { l.fail(context.Cause(ctx)) })()
	if l.gone() == nil {
		err := l.out.end(func(b []byte) ([]byte, error) {
			return appendPacket(b, packets.NewControlPacket(packets.Disconnect))
		})
		if err != nil {
			l.fail(err)
		}
	}
	err := l.group.Wait(context.WithoutCancel(ctx)) // all of it ends when the line does
	l.fail(errClosing)
	return err
}

// keepAlive lets the broker know that the connector is there, and shows whether the broker is: its answers are what is
// read when there is nothing else.
func (l *line) keepAlive(ctx context.Context) error {
	for task.Sleep(ctx, pingEvery) == nil {
		if err := l.ping(nil); err != nil && !errors.Is(err, errClosing) && ctx.Err() == nil {
			l.fail(err)
		}
	}
	return ctx.Err()
}

// read handles what comes until the line ends. handing ends before, when nothing is to be handed over any more.
func (l *line) read(ctx, handing context.Context) error {
	defer l.group.Stop() // there is nothing to write for when nothing is read
	for {
		p, err := readPacket(l.reader)
		var large *largeError
		if errors.As(err, &large) {
			l.c.o.Log.Error(fmt.Sprintf("Error for topic %s: %s", large.topic, large))
			err = l.acknowledge(large.qos, large.id)
		} else if err == nil {
			err = l.handle(ctx, handing, p)
		}
		if err != nil {
			if ctx.Err() == nil {
				l.fail(err)
			}
			return nil
		}
	}
}

func (l *line) handle(ctx, handing context.Context, p packets.ControlPacket) error {
	switch p := p.(type) {
	case *packets.PublishPacket:
		return l.c.received(handing, l, p)
	case *packets.PubackPacket:
		return l.c.confirmed(l, p.MessageID)
	case *packets.PubcompPacket:
		return l.c.confirmed(l, p.MessageID)
	case *packets.PubrecPacket:
		l.c.receivedThere(p.MessageID)
		return l.short(packets.Pubrel, p.MessageID)
	case *packets.PubrelPacket:
		l.c.released(p.MessageID)
		return l.short(packets.Pubcomp, p.MessageID)
	case *packets.SubackPacket:
		l.c.answered(l, p.MessageID, p.ReturnCodes)
	case *packets.UnsubackPacket:
		l.c.answered(l, p.MessageID, nil)
	case *packets.PingrespPacket:
		l.c.pong(l)
	default:
		return fmt.Errorf("the broker sends a packet that is not for clients: %T", p)
	}
	return nil
}

// short writes a packet that holds an identifier only.
func (l *line) short(kind byte, id uint16) error {
	err := l.out.add(l.group.Context(), func(b []byte) ([]byte, error) { return appendShort(b, kind, id), nil })
	if errors.Is(err, errClosing) { // what comes after taking leave needs no answer
		return nil
	}
	return err
}

// acknowledge tells the broker that a message of that quality was taken.
func (l *line) acknowledge(qos byte, id uint16) error {
	switch qos {
	case 1:
		return l.short(packets.Puback, id)
	case 2:
		return l.short(packets.Pubrec, id)
	}
	return nil
}
