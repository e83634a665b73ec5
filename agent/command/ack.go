package command

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"oibus/agent/cloud"
)

// Bounds of one report (E6).
const (
	maxBatch      = 100
	maxBatchBytes = 4 << 20
)

// acker tells the cloud the states of commands, one request at a time, until it confirms. A round that something
// happened for is made at once; one that failed is repeated after a growing delay.
type acker struct {
	s    *Service
	wake chan struct{}

	mu        sync.Mutex
	greetings []*Stored       // just fetched: their RETRIEVED is told before anything else, as in the reference
	running   string          // id of a command that the next round may tell to be RUNNING, or ""
	waiting   []chan struct{} // closed after the next round
	notBefore time.Time       // the cloud asked to wait until then
}

func newAcker(s *Service) *acker { return &acker{s: s, wake: make(chan struct{}, 1)} }

// notify makes a round soon.
func (a *acker) notify() { poke(a.wake) }

// greet tells the cloud that commands were retrieved.
func (a *acker) greet(commands []*Stored) {
	a.mu.Lock()
	a.greetings = append(a.greetings, commands...)
	a.mu.Unlock()
	poke(a.wake)
}

// round makes a round and waits for it to end, at most until ctx ends. The command running is told to be RUNNING if
// that is what it is; quick ones are not, as in the reference.
func (a *acker) round(ctx context.Context, running string) {
	done := make(chan struct{})
	a.mu.Lock()
	a.waiting = append(a.waiting, done)
	if running != "" {
		a.running = running
	}
	a.mu.Unlock()
	poke(a.wake)
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// loop makes rounds until ctx ends.
func (a *acker) loop(ctx context.Context) error {
	retry := time.NewTimer(time.Hour)
	retry.Stop()
	defer retry.Stop()
	failures := 0
	for {
		select {
		case <-a.wake:
		case <-retry.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		greetings, running, waiting, wait := a.take()
		var err error
		if wait > 0 {
			retry.Reset(wait)
		} else if err = a.tell(ctx, greetings, running); err != nil && ctx.Err() == nil {
			failures++
			retry.Reset(a.failed(failures, err))
		} else {
			failures = 0
			retry.Stop()
		}
		for _, done := range waiting {
			close(done)
		}
	}
}

func (a *acker) take() (greetings []*Stored, running string, waiting []chan struct{}, wait time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	waiting, a.waiting = a.waiting, nil
	if wait = time.Until(a.notBefore); wait > 0 {
		return nil, "", waiting, wait
	}
	greetings, a.greetings = a.greetings, nil
	running, a.running = a.running, ""
	return greetings, running, waiting, 0
}

// failed logs and returns the delay until the next try.
func (a *acker) failed(failures int, err error) time.Duration {
	_, base, _ := a.s.o.Registration.Intervals()
	wait := cloud.Backoff{}.Next(failures, base, cloud.RetryAfter(err), nil)
	if cloud.RetryAfter(err) > 0 {
		a.mu.Lock()
		a.notBefore = time.Now().Add(wait)
		a.mu.Unlock()
	}
	n := len(a.s.book.all(func(c *Stored) bool { return !c.Ack }))
	a.s.o.Log.Error(fmt.Sprintf("Error while acknowledging %d command(s): %s. Retrying in %.0fs", n, err, wait.Seconds()))
	return wait
}

// tell reports greetings and then everything else that is not confirmed. It stops at the first failure that is not
// about one command.
func (a *acker) tell(ctx context.Context, greetings []*Stored, running string) error {
	if !a.s.o.Registration.Registered() {
		return nil
	}
	slices.Reverse(greetings) // newest first, as the reference does
	if err := a.batches(ctx, greetings); err != nil {
		return err
	}
	return a.batches(ctx, a.s.book.all(func(c *Stored) bool {
		return !c.Ack && (c.Status != Running || c.ID == running)
	}))
}

// batches reports commands in as few requests as the bounds allow. One that the cloud refused before goes alone, last.
func (a *acker) batches(ctx context.Context, commands []*Stored) error {
	var together, alone []*Stored
	for _, c := range commands {
		if c.alone {
			alone = append(alone, c)
		} else {
			together = append(together, c)
		}
	}
	for len(together) > 0 {
		body, n, err := a.body(together)
		if err != nil {
			return err
		}
		err = a.send(ctx, body, together[:n])
		switch {
		case err == nil:
		case n > 1 && aboutOne(err):
			alone = append(together[:n:n], alone...)
		default:
			return err
		}
		together = together[n:]
	}
	return a.oneByOne(ctx, alone)
}

// aboutOne tells whether a refusal may be about one command of several.
func aboutOne(err error) bool {
	switch cloud.StatusOf(err) {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		return true
	}
	return false
}

// oneByOne reports each command on its own, so that one which the cloud refuses does not hold up the others.
func (a *acker) oneByOne(ctx context.Context, commands []*Stored) error {
	var refused error
	for _, c := range commands {
		body, _, err := a.body([]*Stored{c})
		if err == nil {
			err = a.send(ctx, body, []*Stored{c})
		}
		if err == nil {
			continue
		}
		if !aboutOne(err) {
			return err
		}
		refused = err
		tooLong := cloud.StatusOf(err) == http.StatusRequestEntityTooLarge
		a.s.book.mark([]string{c.ID}, func(c *Stored) { c.alone, c.slim = true, c.slim || tooLong })
	}
	return refused
}

// body is the JSON of as many commands as fit, at least one.
func (a *acker) body(commands []*Stored) (body []byte, n int, err error) {
	var b bytes.Buffer
	b.WriteByte('[')
	for _, c := range commands {
		one, err := a.s.report(c)
		if err != nil {
			return nil, 0, err
		}
		if n > 0 && (n == maxBatch || b.Len()+len(one) > maxBatchBytes) {
			break
		}
		if n > 0 {
			b.WriteByte(',')
		}
		b.Write(one)
		n++
	}
	b.WriteByte(']')
	return b.Bytes(), n, nil
}

// send reports commands. A 404 for a single command says that the cloud forgot it, which confirms as well (protocol/
// control-plane.md, section 3.6).
func (a *acker) send(ctx context.Context, body []byte, commands []*Stored) error {
	conn, err := a.s.o.Registration.Connection()
	if err != nil {
		return err
	}
	err = a.s.o.Cloud.UpdateStatus(ctx, conn, body)
	if err != nil && !(len(commands) == 1 && cloud.StatusOf(err) == http.StatusNotFound) {
		return err
	}
	a.s.book.confirm(commands)
	return nil
}
