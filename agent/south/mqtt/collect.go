package mqtt

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"oibus/agent/connector/mqtt"
	"oibus/agent/content"
	"oibus/agent/south"
	"oibus/platform/task"
)

const (
	// handing is how many contents are handed on at once: what becomes durable together costs one flush of the disk.
	handing = 64
	// retryAfter is how long to wait after contents were not taken.
	retryAfter = time.Second
)

// collect hands on what comes until it is stopped, or everything is flushed.
func (s *South) collect(ctx context.Context) error {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for ctx.Err() == nil {
		now, in, over := s.inbox.due(s.env.Host.Now())
		switch {
		case over:
			return nil
		case s.unknown():
			if s.inbox.isFlushing() { // the broker has them, and sends them again
				return nil
			}
			in = time.Hour
		case now:
			if left := s.handOn(ctx, s.inbox.take()); len(left) > 0 {
				s.inbox.putBack(left)
			}
			continue
		}
		if in == 0 {
			in = time.Hour
		}
		timer.Reset(in)
		select {
		case <-s.inbox.more:
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	return ctx.Err()
}

// unknown says whether it is not known yet what is subscribed.
func (s *South) unknown() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return !s.ready
}

// portion is what came for one item.
type portion struct {
	of     *subscription
	list   []*arrival
	handed bool
}

// handOn makes messages durable and acknowledges them. What is left when ctx ends is returned.
func (s *South) handOn(ctx context.Context, batch []*arrival) (left []*arrival) {
	portions := s.sort(batch)
	for {
		s.emit(ctx, portions)
		left = left[:0]
		waiting := portions[:0:0]
		var done []*mqtt.Message
		for _, p := range portions {
			if !p.handed {
				waiting, left = append(waiting, p), append(left, p.list...)
				continue
			}
			for _, a := range p.list {
				done = append(done, a.message)
			}
		}
		s.acknowledge(done)
		if portions = waiting; len(portions) == 0 || task.Sleep(ctx, retryAfter) != nil {
			return left
		}
	}
}

func (s *South) acknowledge(done []*mqtt.Message) {
	if len(done) == 0 {
		return
	}
	s.inbox.acknowledged(done, s.env.Host.Now())
	s.client.Ack(done)
}

// sort puts the messages of each item together, in their order. Those of no item are dropped.
func (s *South) sort(batch []*arrival) []*portion {
	var portions []*portion
	type source struct{ id, filter string } // an item that is subscribed again is the same
	of := map[source]*portion{}
	var dropped []*mqtt.Message
	s.mu.RLock()
	for _, a := range batch {
		if !a.known {
			s.attribute(a)
		}
		if a.of == nil {
			dropped = append(dropped, a.message)
			s.drops.log(s.env.Log, s.env.Host.Now(), fmt.Sprintf("Error for topic %s: %s", a.message.Topic, a.fault))
			continue
		}
		from := source{a.of.item.ID, a.of.filter}
		p := of[from]
		if p == nil {
			p = &portion{of: a.of}
			of[from] = p
			portions = append(portions, p)
		}
		p.list = append(p.list, a)
	}
	s.mu.RUnlock()
	s.acknowledge(dropped)
	return portions
}

// emit hands on one content for each portion, several at a time.
func (s *South) emit(ctx context.Context, portions []*portion) {
	var next atomic.Int64
	var failed sync.Once
	work := func(ctx context.Context) error {
		for {
			i := int(next.Add(1)) - 1
			if i >= len(portions) {
				return nil
			}
			p := portions[i]
			err := s.env.Emit(ctx, content.FromBytes(content.AnyContent, "", 0, encode(p)), []south.Item{p.of.item})
			if err == nil {
				p.handed = true
			} else if ctx.Err() == nil {
				failed.Do(func() {
					s.env.Log.Error(fmt.Sprintf("Messages of item \"%s\" could not be handed on yet: %s", p.of.item.Name, err))
				})
			}
		}
	}
	if len(portions) == 1 {
		_ = work(ctx) // it has no error of its own
		return
	}
	group := task.New(ctx, func(name string, err error) { s.env.Log.Error("handing on failed", "task", name, "error", err) })
	for range min(handing, len(portions)) {
		group.Go("handing on of "+s.env.ID, work)
	}
	_ = group.Wait(context.WithoutCancel(ctx)) // Emit ends with ctx; what it did not take is seen by its mark
}
