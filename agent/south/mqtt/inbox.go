package mqtt

import (
	"context"
	"sync"
	"time"

	"oibus/agent/connector/mqtt"
)

const (
	// inboxBytes is how much may wait in memory, and a half of it is handed on at once.
	inboxBytes = 64 << 20
	// overhead is what a message takes besides its texts.
	overhead = 200
	// soon is within which time after an acknowledgement the next message of a broker comes that has waited for it.
	soon = 50 * time.Millisecond
)

// arrival is a message that waits to be handed on.
type arrival struct {
	message *mqtt.Message
	at      time.Time
	known   bool          // it was looked for its item
	of      *subscription // nil when there is none
	fault   string        // why
}

func (a *arrival) size() int { return len(a.message.Topic) + len(a.message.Payload) + overhead }

// inbox holds what came and was not handed on yet. It is bounded: put blocks while it is full.
type inbox struct {
	most  int           // messages that are handed on at once
	after time.Duration // a message is handed on

	more chan struct{} // something has changed for who takes

	mu       sync.Mutex
	list     []*arrival
	bytes    int
	waiting  int // messages at QoS 1 and 2 that are not acknowledged: here, or being handed on
	window   window
	acked    time.Time     // when messages were acknowledged last
	space    chan struct{} // replaced when something was taken
	closed   bool          // nothing is put any more
	flushing bool          // all is to be handed on without waiting
}

func newInbox(most int, after time.Duration) *inbox {
	return &inbox{most: most, after: after, more: make(chan struct{}, 1), space: make(chan struct{}), window: newWindow()}
}

func (b *inbox) signal() {
	select {
	case b.more <- struct{}{}:
	default:
	}
}

// open lets messages in again.
func (b *inbox) open() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed, b.flushing = false, false
}

// close lets no messages in any more.
func (b *inbox) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	close(b.space) // who waits looks again
	b.space = make(chan struct{})
}

// flush has all that is there handed on.
func (b *inbox) flush() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.flushing = true
	b.signal()
}

func (b *inbox) isFlushing() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.flushing
}

// forgotten notes that the broker does not wait for any acknowledgement.
func (b *inbox) forgotten() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting = 0
	for _, a := range b.list {
		if a.message.QoS > 0 {
			b.waiting++
		}
	}
}

// unkept is how many messages wait that the broker does not have any more.
func (b *inbox) unkept() (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, a := range b.list {
		if a.message.QoS == 0 {
			n++
		}
	}
	return n
}

// put adds a message once there is room, and says whether it did.
func (b *inbox) put(ctx context.Context, a *arrival) bool {
	for {
		b.mu.Lock()
		if b.closed {
			b.mu.Unlock()
			return false
		}
		if len(b.list) < 2*b.most && (len(b.list) == 0 || b.bytes+a.size() <= inboxBytes) {
			b.add(a)
			b.mu.Unlock()
			return true
		}
		space := b.space
		b.mu.Unlock()
		select {
		case <-space:
		case <-ctx.Done():
			return false
		}
	}
}

// add adds a message. The mutex is held.
func (b *inbox) add(a *arrival) {
	b.list = append(b.list, a)
	b.bytes += a.size()
	if a.message.QoS > 0 {
		b.waiting++
		b.window.seen(b.waiting, a.at.Sub(b.acked) < soon)
	}
	if len(b.list) == 1 || b.full() {
		b.signal()
	}
}

// full says whether there is no sense in waiting for more. The mutex is held.
func (b *inbox) full() bool {
	return len(b.list) >= b.most || b.bytes >= inboxBytes/2 || b.waiting > 0 && b.window.reached(b.waiting)
}

// due says whether messages are to be handed on now, or when they will be, and whether nothing more can come.
func (b *inbox) due(now time.Time) (yes bool, in time.Duration, over bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.list) == 0 {
		return false, 0, b.flushing
	}
	left := b.after - now.Sub(b.list[0].at)
	if b.flushing || b.full() || left <= 0 || left > b.after {
		return true, 0, false
	}
	return false, left, false
}

// take removes the messages that are handed on next.
func (b *inbox) take() []*arrival {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.full() && !b.flushing {
		b.window.timedOut(b.waiting)
	}
	n, bytes := 0, 0
	for n < min(len(b.list), b.most) && bytes < inboxBytes/2 {
		bytes += b.list[n].size()
		n++
	}
	batch := b.list[:n:n]
	if b.list = b.list[n:]; len(b.list) == 0 {
		b.list = nil
	}
	b.bytes -= bytes
	close(b.space)
	b.space = make(chan struct{})
	return batch
}

// putBack returns what could not be handed on.
func (b *inbox) putBack(batch []*arrival) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.list = append(append([]*arrival{}, batch...), b.list...)
	for _, a := range batch {
		b.bytes += a.size()
	}
}

// acknowledged notes that messages were.
func (b *inbox) acknowledged(messages []*mqtt.Message, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range messages {
		if m.QoS > 0 {
			b.waiting = max(0, b.waiting-1)
		}
	}
	b.acked = now
}
