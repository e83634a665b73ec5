package opcua

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gopcua/opcua/ua"

	"oibus/agent/connector/opcua"
	"oibus/agent/connector/opcua/wire"
	"oibus/platform/task"
)

// publisher fetches the notifications of a subscription over one session. It asks for the next one only when the buffer
// has room: what does not fit waits at the server.
type publisher struct {
	s       *stream
	session *opcua.Session
	calls   []*wire.Call
	allowed int
	heard   time.Time
	flushAt time.Time // zero while the buffer is empty
	resumed bool      // something may have been sent while nobody listened
}

func (p *publisher) run(ctx context.Context) error {
	p.allowed, p.heard = outstanding, time.Now()
	if p.resumed {
		if err := p.catchUp(ctx); err != nil {
			return err
		}
	}
	if p.s.waiting() > 0 {
		p.flushAt = p.heard.Add(p.s.each)
	}
	missing := time.NewTicker(missingRetry)
	defer missing.Stop()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		if err := p.request(); err != nil {
			return err
		}
		timer.Reset(time.Until(p.due()))
		select {
		case a := <-p.calls[0].Answers():
			p.calls = p.calls[1:]
			if err := p.answered(ctx, a); err != nil {
				return err
			}
		case <-timer.C:
			if err := p.late(ctx); err != nil {
				return err
			}
		case <-missing.C:
			if err := p.s.again(ctx); err != nil && !opcua.KeepsSession(err) {
				return err
			}
		case <-ctx.Done():
		}
	}
	return ctx.Err()
}

// due is when something is to be done although nothing was received.
func (p *publisher) due() time.Time {
	watchdog := p.heard.Add(p.s.quiet())
	if !p.flushAt.IsZero() && p.flushAt.Before(watchdog) {
		return p.flushAt
	}
	return watchdog
}

func (s *stream) quiet() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.silence
}

// late does what is due.
func (p *publisher) late(ctx context.Context) error {
	now := time.Now()
	if !p.flushAt.IsZero() && !now.Before(p.flushAt) {
		p.flush(ctx)
	}
	if quiet := p.s.quiet(); time.Since(p.heard) >= quiet && len(p.calls[0].Answers()) == 0 {
		return fmt.Errorf("OPC-UA subscription watchdog: no keepalive or data received for %d ms. Triggering reconnect", quiet.Milliseconds())
	}
	return nil
}

// request keeps requests waiting at the server, which answers them when something changes.
func (p *publisher) request() error {
	for len(p.calls) < p.allowed {
		p.s.mu.Lock()
		acks := p.s.acks
		p.s.acks = nil
		p.s.mu.Unlock()
		if acks == nil {
			acks = []*ua.SubscriptionAcknowledgement{}
		}
		call, err := p.session.Start(&ua.PublishRequest{SubscriptionAcknowledgements: acks})
		if err != nil {
			return err
		}
		p.calls = append(p.calls, call)
	}
	return nil
}

func (p *publisher) answered(ctx context.Context, a wire.Answer) error {
	got, err := wire.Decode(a)
	var decoding *wire.DecodeError
	switch {
	case errors.As(err, &decoding):
		// A value that nobody can read: the notification is fetched once more, and then given up.
		p.s.o.log.Error(fmt.Sprintf("A notification of the subscription cannot be read: %s", err))
		p.heard = time.Now()
		return nil
	case opcua.StatusOf(err) == ua.StatusBadTooManyPublishRequests && p.allowed > 1:
		p.allowed = 1
		return nil
	case opcua.StatusOf(err) == ua.StatusBadTimeout || opcua.StatusOf(err) == ua.StatusBadRequestTimeout:
		_ = task.Sleep(ctx, publishing) // the server has let the request go, perhaps at once
		return nil
	case isOver(err):
		p.s.forget()
		return fmt.Errorf("the server has ended the subscription: %w", err)
	case err != nil:
		return err
	}
	response, ok := got.(*ua.PublishResponse)
	if !ok || response.NotificationMessage == nil {
		return fmt.Errorf("the server answers with %T", got)
	}
	p.heard = time.Now()
	return p.notified(ctx, response)
}

// isOver says whether an error means that the server has no subscription any longer.
func isOver(err error) bool {
	code := opcua.StatusOf(err)
	return code == ua.StatusBadNoSubscription || code == ua.StatusBadSubscriptionIDInvalid
}

// notified takes in what the server tells, in order and without a gap where the server can still fill it.
func (p *publisher) notified(ctx context.Context, r *ua.PublishResponse) error {
	m := r.NotificationMessage
	p.s.mu.Lock()
	own, next := r.SubscriptionID == p.s.id, p.s.next
	p.s.mu.Unlock()
	if !own {
		p.acknowledge(r.SubscriptionID, m.SequenceNumber) // of one that is no more
		return nil
	}
	ahead := int32(m.SequenceNumber - next) // numbers begin again behind the last one
	if ahead > 0 && ahead <= mostGap {
		if err := p.republish(ctx, r.SubscriptionID, next, m.SequenceNumber); err != nil {
			return err
		}
	}
	if len(m.NotificationData) == 0 { // nothing has changed; the number is that of the next one
		p.expect(m.SequenceNumber)
		return nil
	}
	if ahead >= 0 || ahead < -mostGap {
		if err := p.deliver(ctx, m); err != nil {
			return err
		}
		p.expect(after(m.SequenceNumber))
	}
	p.acknowledge(r.SubscriptionID, m.SequenceNumber)
	return nil
}

// mostGap is how many notifications are asked for again: servers keep less.
const mostGap = 10_000

// after is the number behind n; 0 is none.
func after(n uint32) uint32 {
	if n++; n == 0 {
		n++
	}
	return n
}

func (p *publisher) expect(number uint32) {
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	p.s.next = number
}

func (p *publisher) acknowledge(subscription, number uint32) {
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	p.s.acks = append(p.s.acks, &ua.SubscriptionAcknowledgement{SubscriptionID: subscription, SequenceNumber: number})
}

// catchUp fetches what the server sent while nobody listened.
func (p *publisher) catchUp(ctx context.Context) error {
	p.s.mu.Lock()
	id, next := p.s.id, p.s.next
	p.s.mu.Unlock()
	for range mostGap {
		found, err := p.fetch(ctx, id, next)
		if err != nil || !found {
			return err
		}
		next = after(next)
	}
	return nil
}

// republish fetches the notifications from number to before end again.
func (p *publisher) republish(ctx context.Context, subscription, number, end uint32) error {
	for ; number != end; number = after(number) {
		found, err := p.fetch(ctx, subscription, number)
		if err != nil {
			return err
		}
		if !found {
			p.s.o.log.Warn(fmt.Sprintf("Notification %d of the subscription was lost on its way, and the server does not have it any longer", number))
		}
	}
	return nil
}

// fetch takes in one notification that was sent before.
func (p *publisher) fetch(ctx context.Context, subscription, number uint32) (found bool, err error) {
	response, err := opcua.Ask[*ua.RepublishResponse](ctx, p.session, &ua.RepublishRequest{SubscriptionID: subscription, RetransmitSequenceNumber: number})
	switch opcua.StatusOf(err) {
	case ua.StatusBadMessageNotAvailable, ua.StatusBadServiceUnsupported, ua.StatusBadNotImplemented:
		return false, nil
	}
	var decoding *wire.DecodeError
	if errors.As(err, &decoding) {
		return false, nil
	}
	if isOver(err) {
		p.s.forget()
		return false, fmt.Errorf("the server has ended the subscription: %w", err)
	}
	if err != nil {
		return false, err
	}
	if response.NotificationMessage == nil {
		return false, nil
	}
	if err := p.deliver(ctx, response.NotificationMessage); err != nil {
		return false, err
	}
	p.expect(after(number))
	p.acknowledge(subscription, number)
	return true, nil
}

// deliver puts the values of a notification into the buffer, and hands on when it is full.
func (p *publisher) deliver(ctx context.Context, m *ua.NotificationMessage) error {
	for _, d := range m.NotificationData {
		if d == nil {
			continue
		}
		switch n := d.Value.(type) {
		case *ua.DataChangeNotification:
			p.s.take(n.MonitoredItems)
		case *ua.StatusChangeNotification:
			if n.Status != ua.StatusOK {
				p.s.forget()
				return fmt.Errorf("the server has ended the subscription: %s", opcua.StatusName(n.Status))
			}
		}
	}
	for p.s.waiting() >= p.s.most && ctx.Err() == nil {
		p.flush(ctx)
	}
	if p.flushAt.IsZero() && p.s.waiting() > 0 {
		p.flushAt = time.Now().Add(p.s.each)
	}
	return nil
}

// flush hands on a part of the buffer. While it cannot, nothing more is fetched.
func (p *publisher) flush(ctx context.Context) {
	start := time.Now()
	err := p.s.flush(ctx)
	p.heard = p.heard.Add(time.Since(start)) // the server is not to blame for that time
	switch {
	case err != nil && ctx.Err() == nil:
		p.s.o.log.Error(fmt.Sprintf("Error when handing on values of the subscription: %s", err))
		_ = task.Sleep(ctx, flushRetry)
		p.flushAt = time.Now()
	case p.s.waiting() > 0:
		p.flushAt = time.Now()
	default:
		p.flushAt = time.Time{}
	}
}
