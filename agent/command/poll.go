package command

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"oibus/agent/cloud"
	"oibus/agent/entity"
)

// pollLoop makes one cycle after the other: at the start, when the timer fires, and when the registration changed. There
// is one timer, so cycles never multiply.
func (s *Service) pollLoop(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	failures := 0
	for first := true; ; first = false {
		select {
		case <-timer.C:
		case <-s.wake:
		case <-ctx.Done():
			return ctx.Err()
		}
		timer.Stop()
		if wait := s.cycle(ctx, &failures); wait > 0 {
			timer.Reset(wait)
		}
		if first {
			s.ack.notify() // what an earlier process left, even when there was nothing to fetch
			close(s.first)
		}
	}
}

// cycle asks for cancellations, fetches, and reports (protocol/control-plane.md, section 3.3). It returns the delay
// until the next one, 0 when there is nothing to poll until the registration changes.
func (s *Service) cycle(ctx context.Context, failures *int) time.Duration {
	if !s.o.Registration.Registered() {
		s.met(nil, false)
		return 0
	}
	if s.onTrial() {
		return holdPace
	}
	if err := s.resume(); err != nil {
		s.o.Log.Error("Error while executing commands: " + err.Error())
	}
	refresh, retry, _ := s.o.Registration.Intervals()
	running := ""
	if c := s.running(); c != nil {
		running = c.ID
	}
	err := s.fetch(ctx)
	if ctx.Err() != nil {
		return 0
	}
	s.met(err, true)
	if err != nil {
		*failures++
		s.o.Log.Error(err.Error())
		return cloud.Backoff{}.Next(*failures, retry, cloud.RetryAfter(err), nil)
	}
	*failures = 0
	s.ack.round(ctx, running)
	return refresh
}

// fetch asks for cancellations and then for commands, and journals them.
func (s *Service) fetch(ctx context.Context) error {
	conn, err := s.o.Registration.Connection()
	if err != nil {
		//lint:ignore ST1005 the text of the reference
		return fmt.Errorf("Error while retrieving commands: %w", err)
	}
	if err := s.askCancelled(ctx, conn); err != nil {
		//lint:ignore ST1005 the text of the reference
		return fmt.Errorf("Error while checking PENDING commands status: %w", err)
	}
	elements, err := s.o.Cloud.Pending(ctx, conn)
	if err != nil {
		//lint:ignore ST1005 the text of the reference
		return fmt.Errorf("Error while retrieving commands: %w", err)
	}
	if !s.o.Registration.Registered() { // given up meanwhile: they are no longer ours
		return nil
	}
	if err := s.admit(elements); err != nil {
		//lint:ignore ST1005 the text of the reference
		return fmt.Errorf("Error while retrieving commands: %w", err)
	}
	return nil
}

// askCancelled asks which of the commands that wait were cancelled, newest first.
func (s *Service) askCancelled(ctx context.Context, conn cloud.Connection) error {
	var ids []string
	for _, c := range s.book.all(func(c *Stored) bool { return c.Status == Retrieved }) {
		ids = append(ids, c.ID)
	}
	if len(ids) == 0 {
		return nil
	}
	slices.Reverse(ids)
	cancelled, err := s.o.Cloud.Cancelled(ctx, conn, ids)
	if cancelErr := s.cancel(cancelled); cancelErr != nil {
		return cancelErr
	}
	return err
}

// housekeeping journals confirmations and forgets old commands.
func (s *Service) housekeeping(ctx context.Context) error {
	flush, clean := time.NewTicker(flushDelay), time.NewTicker(cleanInterval)
	defer flush.Stop()
	defer clean.Stop()
	s.clean()
	for {
		select {
		case <-flush.C:
			if err := s.book.flush(); err != nil {
				s.o.Log.Error("Error while storing what OIAnalytics confirmed: " + err.Error())
			}
		case <-clean.C:
			s.clean()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (s *Service) clean() {
	forgotten, unacked, err := s.book.clean(s.o.Now())
	if err != nil {
		s.o.Log.Error("Error while cleaning up commands: " + err.Error())
	}
	if unacked > 0 {
		s.o.Log.Warn(fmt.Sprintf("%d of %d commands that are forgotten were never confirmed by OIAnalytics: there are more than %d", unacked, forgotten, maxUnacked))
	}
}

// contact is how the last cycles went.
type contact struct {
	at           time.Time // of the last one that succeeded
	lastError    string
	unauthorized int // refusals of the token in a row
}

// met notes how a cycle went, and says once when the cloud keeps refusing the token.
func (s *Service) met(err error, registered bool) {
	if s.note(err, registered) == refusalNotice {
		s.o.Log.Error("OIAnalytics keeps refusing the access token of this OIBus (401): register it again")
	}
}

// note returns the refusals of the token in a row when this is one.
func (s *Service) note(err error, registered bool) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case !registered:
		s.contact = contact{at: s.contact.at}
	case err == nil:
		s.contact = contact{at: s.o.Now()}
	case cloud.StatusOf(err) != http.StatusUnauthorized:
		s.contact.lastError, s.contact.unauthorized = err.Error(), 0
	default:
		s.contact.lastError = err.Error()
		s.contact.unauthorized++
		return s.contact.unauthorized
	}
	return 0
}

// State is where the commands stand, for the page.
type State struct {
	Waiting      int    `json:"waiting"`      // RETRIEVED
	Running      string `json:"running"`      // type of the one that runs, or ""
	Unconfirmed  int    `json:"unconfirmed"`  // ended, but the cloud did not confirm
	LastContact  string `json:"lastContact"`  // of the last poll that succeeded since the start, or ""
	LastError    string `json:"lastError"`    // of the polls since then, or ""
	Unauthorized bool   `json:"unauthorized"` // the cloud keeps refusing the token
}

// State shows where the commands stand.
func (s *Service) State() State {
	var st State
	for _, c := range s.book.all(func(c *Stored) bool { return !c.terminal() || !c.Ack }) {
		switch {
		case c.Status == Retrieved:
			st.Waiting++
		case c.Status == Running:
			st.Running = c.Type
		default:
			st.Unconfirmed++
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.contact.at.IsZero() {
		st.LastContact = entity.Milli(s.contact.at)
	}
	st.LastError, st.Unauthorized = s.contact.lastError, s.contact.unauthorized >= refusalNotice
	return st
}
