package south

import (
	"context"
	"errors"
	"fmt"
	"time"

	"oibus/platform/task"
)

// Times of a connection.
const (
	firstRetry   = time.Second      // after the first failure to connect, doubled after each
	lastRetry    = time.Minute      // between two attempts at most, unless the connector wants more
	flushLimit   = 10 * time.Second // for Disconnect, which hands on what was received; less than the stop limit of the agent
	connectLimit = 5 * time.Minute  // for Connect: connectors have shorter limits of their own
)

// lost is why a connection is gone, and how long to wait before the next one.
type lost struct {
	reason error
	after  time.Duration
}

// loseConnection is the Lost of the connector.
func (r *Runner) loseConnection(reason error, after time.Duration) {
	select {
	case r.lost <- lost{reason, after}:
	default: // known already
	}
}

// forgetLoss drops what was said of the connection before, and returns it.
func (r *Runner) forgetLoss() (lost, bool) {
	select {
	case l := <-r.lost:
		return l, true
	default:
		return lost{}, false
	}
}

// stayConnected connects, serves until the connection is lost, and connects again, until ctx is done.
func (r *Runner) stayConnected(ctx context.Context) error {
	defer r.open.Stop()
	retry := firstRetry
	for ctx.Err() == nil {
		r.forgetLoss()
		wait, err := time.Duration(0), r.connect(ctx)
		switch {
		case err == nil:
			retry = firstRetry
			wait = r.serve(ctx)
		case ctx.Err() == nil:
			wait, retry = retry, min(2*retry, lastRetry)
			if l, ok := r.forgetLoss(); ok && l.after > 0 {
				wait = l.after
			}
			r.failed(err)
			r.log.Error(fmt.Sprintf("Error while connecting: %s. Trying again in %s", err, wait))
		}
		r.disconnect(ctx)
		_ = task.Sleep(ctx, wait)
	}
	return ctx.Err()
}

func (r *Runner) connect(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, connectLimit)
	defer cancel()
	return r.call(ctx, "connect", func(ctx context.Context) error { return r.conn.Connect(ctx) })
}

// disconnect ends what the connector began. What it has received is still handed on, also when the agent stops.
func (r *Runner) disconnect(ctx context.Context) {
	last := ctx.Err() != nil
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushLimit)
	defer cancel()
	if last {
		defer context.AfterFunc(ctx, r.open.Stop)()
	}
	if err := r.call(ctx, "disconnect", func(ctx context.Context) error { return r.conn.Disconnect(ctx) }); err != nil {
		r.log.Error(fmt.Sprintf("Error while disconnecting: %s", err))
	}
}

// call calls the connector when it may be called. A panic of it becomes an error.
func (r *Runner) call(ctx context.Context, name string, f func(ctx context.Context) error) error {
	select {
	case r.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-r.slots }()
	err := task.Protect(name+" of south "+r.id, func() error { return f(ctx) })
	var p *task.PanicError
	if errors.As(err, &p) {
		r.log.Error(fmt.Sprintf("The connector failed in a way that nobody foresaw: %v", p.Value), "stack", string(p.Stack))
	}
	return err
}

// serve lets units run and keeps subscriptions until the connection is lost or ctx is done, and returns how long to
// wait before the next connection.
func (r *Runner) serve(ctx context.Context) time.Duration {
	r.meter.connected()
	r.succeeded()
	r.log.Info(fmt.Sprintf("South connector \"%s\" of type %s started", r.o.South.Name, r.o.South.Type))
	work := task.New(ctx, func(name string, err error) { r.log.Error("a task of the south ended", "task", name, "error", err) })
	for range cap(r.slots) {
		work.Go("reader of south "+r.id, r.work)
	}
	r.setConnected(true)
	gone := r.subscriptions(ctx)
	r.setConnected(false)
	work.Stop()
	// A connector that does not end when told to is waited for: it must not be called meanwhile.
	_ = work.Wait(context.WithoutCancel(ctx))
	if ctx.Err() != nil {
		return 0
	}
	gone.after = max(gone.after, firstRetry)
	if gone.reason != nil {
		r.failed(gone.reason)
		r.log.Error(fmt.Sprintf("Connection lost: %s. Reconnecting in %s", gone.reason, gone.after))
	}
	return gone.after
}

// setConnected lets ticks in, or keeps them out and empties the queue.
func (r *Runner) setConnected(yes bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.connected, r.state.Connected = yes, yes
	if !yes {
		for _, u := range r.queue {
			u.busy = false
		}
		r.queue = nil
	}
}
