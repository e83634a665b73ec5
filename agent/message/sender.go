package message

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"oibus/agent/cloud"
	"oibus/agent/entity"
	"oibus/platform/task"
)

// payload is a message ready to be sent. publicKey is the key in it, "" when it carries none.
type payload struct {
	body      []byte
	publicKey string
}

// sender sends one type of message. What is to be sent has a number that grows with each change: a success for a
// smaller number leaves the rest to be sent.
type sender struct {
	s     *Service
	kind  Kind
	build func() (payload, error)
	put   func(context.Context, cloud.Connection, []byte) error
	wake  chan struct{}

	mu        sync.Mutex
	wanted    uint64        // number of the last change
	sent      uint64        // number of the last change that the cloud has, or has refused
	gate      chan struct{} // what the next attempt waits for, or nil
	tried     []attempt     // that somebody waits for
	notBefore time.Time     // nothing is sent until then: the cloud asked for it, or one was just sent
	last      State
}

// attempt is closed when the content of a number was tried.
type attempt struct {
	number uint64
	done   chan struct{}
}

func newSender(s *Service, kind Kind, build func() (payload, error), put func(context.Context, cloud.Connection, []byte) error) *sender {
	return &sender{s: s, kind: kind, build: build, put: put, wake: make(chan struct{}, 1), last: State{Type: kind}}
}

// mark notes a change. The message goes out after the attempt gate, when there is one. It returns the attempt to come.
func (m *sender) mark(gate chan struct{}) (next chan struct{}) {
	m.mu.Lock()
	m.wanted++
	m.last.Status = StatusPending
	if gate != nil {
		m.gate = gate
	}
	next = make(chan struct{})
	m.tried = append(m.tried, attempt{m.wanted, next})
	m.mu.Unlock()
	select {
	case m.wake <- struct{}{}:
	default:
	}
	return next
}

func (m *sender) status() State {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.last
}

// due returns the number to send, 0 when there is nothing, how long to leave the cloud alone, and, when that is over,
// what else to wait for.
func (m *sender) due() (number uint64, gate chan struct{}, wait time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.wanted == m.sent || !m.s.o.Registration.Registered() {
		return 0, nil, 0
	}
	if wait = time.Until(m.notBefore); wait > 0 {
		return m.wanted, nil, wait
	}
	gate, m.gate = m.gate, nil
	return m.wanted, gate, 0
}

// loop sends until the service stops.
func (m *sender) loop(ctx context.Context) error {
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	defer timer.Stop()
	var t tally
	for {
		select {
		case <-m.wake:
		case <-timer.C:
		case <-m.s.quit:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
		if m.s.stopping() {
			return nil
		}
		number, gate, wait := m.due()
		if number == 0 {
			continue
		}
		if wait <= 0 && m.pass(ctx, gate) {
			wait = m.try(ctx, number, &t)
		}
		if wait > 0 {
			timer.Reset(wait)
		}
	}
}

// pass waits for a gate, but not for ever. It tells whether the service goes on.
func (m *sender) pass(ctx context.Context, gate chan struct{}) bool {
	if gate == nil {
		return true
	}
	patience := time.NewTimer(gateWait)
	defer patience.Stop()
	select {
	case <-gate:
	case <-patience.C:
	case <-m.s.quit:
		return false
	case <-ctx.Done():
		return false
	}
	return true
}

// tally counts the failures in a row.
type tally struct {
	failures    int
	badRequests int // for the same number
	number      uint64
}

// try sends once and returns when to try again, 0 for not before the next change.
func (m *sender) try(ctx context.Context, number uint64, t *tally) time.Duration {
	if t.number != number {
		t.number, t.badRequests = number, 0
	}
	began := time.Now()
	err := m.send(ctx)
	defer m.release(number)
	switch {
	case err == nil:
		*t = tally{}
		return m.settled(number, StatusCompleted, "", spacing(time.Since(began)))
	case ctx.Err() != nil:
		return 0
	case m.refused(err, t):
		m.s.o.Log.Error(fmt.Sprintf("OIAnalytics refuses the %s message, which is not sent again before the next change: %s", m.kind, err))
		*t = tally{}
		return m.settled(number, StatusErrored, err.Error(), spacing(time.Since(began)))
	}
	t.failures++
	_, _, base := m.s.o.Registration.Intervals()
	wait := cloud.Backoff{}.Next(t.failures, base, cloud.RetryAfter(err), nil)
	m.s.o.Log.Error(fmt.Sprintf("Error while sending the %s message: %s. Retrying in %.0fs", m.kind, err, wait.Seconds()))
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last.Error = err.Error()
	if cloud.RetryAfter(err) > 0 {
		m.notBefore = time.Now().Add(wait)
	}
	return wait
}

// refused tells whether the cloud will never accept this content.
func (m *sender) refused(err error, t *tally) bool {
	if strings.Contains(err.Error(), "Bad Request") && cloud.StatusOf(err) != 0 {
		return true
	}
	if cloud.StatusOf(err) != http.StatusBadRequest {
		return false
	}
	t.badRequests++
	return t.badRequests >= maxBadRequests
}

// spacing is how long the next message of the type waits after one that took so long.
func spacing(took time.Duration) time.Duration { return min(max(2*took, minSpacing), maxSpacing) }

// send builds the message from what is now, and sends it.
func (m *sender) send(ctx context.Context) error {
	conn, err := m.s.o.Registration.Connection()
	if err != nil {
		return err
	}
	var p payload
	err = task.Protect("message "+string(m.kind), func() (err error) { p, err = m.build(); return err })
	var panicked *task.PanicError
	if errors.As(err, &panicked) {
		m.s.o.Log.Error(fmt.Sprintf("%v\n%s", panicked, panicked.Stack))
	}
	if err == nil {
		err = m.put(ctx, conn, p.body)
	}
	if err != nil || p.publicKey == "" {
		return err
	}
	if err := m.s.o.Registration.KeyDelivered(p.publicKey); err != nil {
		m.s.o.Log.Error("Error while noting that OIAnalytics has the public key: " + err.Error())
	}
	return nil
}

// settled notes that the cloud has, or will never have, the content of number, and returns the wait until what changed
// since may be sent, 0 when nothing did.
func (m *sender) settled(number uint64, status, reason string, wait time.Duration) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sent, m.notBefore = number, time.Now().Add(wait)
	m.last = State{Type: m.kind, Status: status, Error: reason, At: entity.Milli(m.s.o.Now())}
	if m.wanted == number {
		return 0
	}
	m.last.Status = StatusPending
	return wait
}

// release tells those who wait for an attempt with number that it is over.
func (m *sender) release(number uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	kept := m.tried[:0]
	for _, a := range m.tried {
		if a.number <= number {
			close(a.done)
		} else {
			kept = append(kept, a)
		}
	}
	m.tried = kept
}
