package mqtt

import (
	"context"
	"errors"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// ping asks the broker for a sign of life; answered is closed when it comes, and may be nil.
func (l *line) ping(answered chan struct{}) error {
	return l.out.add(l.group.Context(), func(b []byte) ([]byte, error) {
		l.c.mu.Lock()
		defer l.c.mu.Unlock()
		l.pings = append(l.pings, answered)
		return appendPacket(b, packets.NewControlPacket(packets.Pingreq))
	})
}

// pong notes the answer to a ping.
func (c *Client) pong(l *line) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(l.pings) == 0 {
		return
	}
	if l.pings[0] != nil {
		close(l.pings[0])
	}
	l.pings = l.pings[1:]
}

// Barrier returns nil once the broker has read all that was published before.
func (c *Client) Barrier(ctx context.Context) error {
	l, err := c.current()
	if err != nil {
		return err
	}
	answered := make(chan struct{})
	if err := l.ping(answered); err != nil {
		return l.why(err)
	}
	return l.await(ctx, answered)
}

// await waits for what the broker is to do. A broker that does not do it, though all is written and what it sends is
// read, is left.
func (l *line) await(ctx context.Context, done <-chan struct{}) error {
	ticker := time.NewTicker(answerLimit)
	defer ticker.Stop()
	for idle := false; ; {
		select {
		case <-done:
			return nil
		case <-ticker.C:
			if idle {
				l.fail(errors.New("the broker does not answer a request"))
			}
			idle = !l.blocked.Load() && l.out.empty()
		case <-l.group.Context().Done():
			return l.why(ErrNotConnected)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// why is the reason that the connection is gone, or err when it is not known.
func (l *line) why(err error) error {
	if cause := l.gone(); cause != nil {
		return cause
	}
	return err
}
