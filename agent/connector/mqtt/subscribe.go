package mqtt

import (
	"context"
	"fmt"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

const (
	// filtersAtOnce is how many filters one packet holds: AWS IoT takes no more than that.
	filtersAtOnce = 8
	// failure is the code for a filter that was refused.
	failure = 0x80
)

// Subscribe asks for the messages of filters, and returns those that the broker refused.
func (c *Client) Subscribe(ctx context.Context, filters []string, qos byte) (refused []string, err error) {
	err = c.ask(ctx, filters, func(id uint16, part []string) packets.ControlPacket {
		p := packets.NewControlPacket(packets.Subscribe).(*packets.SubscribePacket)
		p.MessageID, p.Topics, p.Qoss = id, part, make([]byte, len(part))
		for i := range p.Qoss {
			p.Qoss[i] = qos
		}
		return p
	}, func(part []string, codes []byte) error {
		if len(codes) != len(part) {
			return fmt.Errorf("the broker has answered %d codes for %d topics", len(codes), len(part))
		}
		for i, code := range codes {
			if code >= failure {
				refused = append(refused, part[i])
			}
		}
		return nil
	})
	return refused, err
}

// Unsubscribe ends the messages of filters.
func (c *Client) Unsubscribe(ctx context.Context, filters []string) error {
	return c.ask(ctx, filters, func(id uint16, part []string) packets.ControlPacket {
		p := packets.NewControlPacket(packets.Unsubscribe).(*packets.UnsubscribePacket)
		p.MessageID, p.Topics = id, part
		return p
	}, func([]string, []byte) error { return nil })
}

// question is one request on its way.
type question struct {
	id    uint16
	part  []string
	done  chan struct{} // closed when codes holds the answer
	codes []byte
}

// ask makes requests of all filters, and has each answer looked at.
func (c *Client) ask(
	ctx context.Context, filters []string, request func(id uint16, part []string) packets.ControlPacket, look func(part []string, codes []byte) error,
) error {
	l, err := c.current()
	if err != nil {
		return err
	}
	var asked []*question
	defer func() { c.forget(l, asked) }()
	for len(filters) > 0 {
		n := min(filtersAtOnce, len(filters))
		q := &question{part: filters[:n], done: make(chan struct{})}
		filters = filters[n:]
		if err := c.expect(l, q); err != nil {
			return err
		}
		asked = append(asked, q)
		p := request(q.id, q.part)
		if err := l.out.add(ctx, func(b []byte) ([]byte, error) { return appendPacket(b, p) }); err != nil {
			return l.why(err)
		}
	}
	for _, q := range asked {
		err := l.await(ctx, q.done)
		if err == nil {
			err = look(q.part, q.codes)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *Client) expect(l *line, q *question) (err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if q.id, err = c.identifier(l); err == nil {
		l.answers[q.id] = q
	}
	return err
}

func (c *Client) forget(l *line, asked []*question) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, q := range asked {
		if l.answers[q.id] == q {
			delete(l.answers, q.id)
		}
	}
}

func (c *Client) answered(l *line, id uint16, codes []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if q := l.answers[id]; q != nil {
		q.codes = codes
		close(q.done)
		delete(l.answers, id)
	}
}
