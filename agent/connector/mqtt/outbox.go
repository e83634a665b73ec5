package mqtt

import (
	"context"
	"net"
	"sync"
	"time"
)

const (
	// outboxLimit is how many bytes may wait to be written before what wants to add more has to wait.
	outboxLimit = 1 << 20
	// writeLimit is how long the broker may take to read what was written.
	writeLimit = 30 * time.Second
	// writeAtOnce is how much the broker is to read within that time.
	writeAtOnce = 256 << 10
)

// outbox gathers what is to be written, so that many small packets go out at once. It keeps their order.
type outbox struct {
	mu    sync.Mutex
	buf   []byte
	busy  bool            // what was taken last is being written
	last  bool            // nothing may follow
	more  chan struct{}   // there is something to write
	space chan struct{}   // replaced when something was taken
	dead  <-chan struct{} // closed when nothing will be taken any more; nil while there is no connection
}

func newOutbox() *outbox {
	return &outbox{more: make(chan struct{}, 1), space: make(chan struct{})}
}

// add has add append to what is to be written, once there is room.
func (o *outbox) add(ctx context.Context, add func([]byte) ([]byte, error)) error {
	for {
		o.mu.Lock()
		if o.last {
			o.mu.Unlock()
			return errClosing
		}
		if len(o.buf) < outboxLimit {
			var err error
			o.buf, err = add(o.buf)
			o.mu.Unlock()
			o.signal()
			return err
		}
		space := o.space
		o.mu.Unlock()
		select {
		case <-space:
		case <-o.dead:
			return ErrNotConnected
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// end adds what is to be written last.
func (o *outbox) end(add func([]byte) ([]byte, error)) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.last {
		return errClosing
	}
	var err error
	o.buf, err = add(o.buf)
	o.last = true
	o.signal()
	return err
}

func (o *outbox) signal() {
	select {
	case o.more <- struct{}{}:
	default:
	}
}

// take exchanges what waits for an empty buffer, and says whether nothing can follow.
func (o *outbox) take(empty []byte) (full []byte, last bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	full, o.buf = o.buf, empty[:0]
	o.busy = len(full) > 0
	close(o.space)
	o.space = make(chan struct{})
	return full, o.last
}

// empty says whether nothing waits to be written, nor is being written.
func (o *outbox) empty() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.buf) == 0 && !o.busy
}

// write writes until everything is written, ctx ends, or the line fails.
func (o *outbox) write(ctx context.Context, line net.Conn) error {
	var spare []byte
	for {
		select {
		case <-o.more:
		case <-ctx.Done():
			return ctx.Err()
		}
		full, last := o.take(spare)
		for rest := full; len(rest) > 0; {
			n := min(len(rest), writeAtOnce)
			if err := line.SetWriteDeadline(time.Now().Add(writeLimit)); err != nil {
				return err
			}
			if _, err := line.Write(rest[:n]); err != nil {
				return err
			}
			rest = rest[n:]
		}
		o.mu.Lock()
		o.busy = false
		o.mu.Unlock()
		if last {
			return nil
		}
		spare = full
		if cap(spare) > 2*outboxLimit {
			spare = nil
		}
	}
}
