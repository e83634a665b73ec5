package registration

import (
	"context"
	"fmt"
	"time"

	"oibus/agent/cloud"
	"oibus/agent/entity"
)

// attempts counts what went wrong since the last approval.
type attempts struct {
	failures, declines int
	retryAfter         time.Duration // that the cloud asked for
	requestedAt        time.Time     // of the last code
}

// unattended keeps this OIBus registered, or asking to be, with the host of the settings file. It prints and logs
// each activation code. A person who unregisters on the page stops it until the next start.
func (s *Service) unattended(ctx context.Context) error {
	var a attempts
	for shown := ""; ; {
		changed, r := s.watch()
		if code := text(r.ActivationCode); r.pending() && code != shown {
			s.show(r)
			shown = code
		}
		if s.settled(r) {
			if r.Status == entity.Registered {
				a = attempts{}
			}
			select {
			case <-changed:
				continue
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if err := s.pauseUntilSettled(ctx, s.unattendedDelay(r, &a)); err != nil {
			return err
		}
		if s.settled(s.record.Load()) {
			continue
		}
		if err := s.registerWanted(ctx); err != nil {
			a.failures, a.retryAfter = a.failures+1, cloud.RetryAfter(err)
			s.o.Log.Warn(fmt.Sprintf("Cannot register on %s, will try again: %s", s.wantedHost(), err))
			continue
		}
		a.failures, a.requestedAt = 0, time.Now()
	}
}

// settled tells whether there is nothing to do: registered with the wanted host, a code waiting there, or a person
// decided otherwise.
func (s *Service) settled(r *Record) bool {
	waiting := r.Status == entity.Registered || r.pending()
	return s.isPaused() || waiting && sameHost(r.Host, s.wantedHost())
}

func (s *Service) isPaused() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.paused
}

// unattendedDelay is how long to wait before the next try: none for a code that expired after a reasonable life; some
// after a failure; long after somebody declined, or a cloud let the code expire at once.
func (s *Service) unattendedDelay(r *Record, a *attempts) time.Duration {
	switch {
	case a.failures > 0:
		return cloud.Backoff{Max: lastBackoff}.Next(a.failures, firstBackoff, a.retryAfter, nil)
	case a.requestedAt.IsZero(), r.LastFailure == "":
		return 0
	case r.LastEnd == endExpired && time.Since(a.requestedAt) >= shortLife:
		return 0
	}
	a.declines++
	return cloud.Backoff{Max: declinedLimit}.Next(a.declines, declinedPause, 0, nil)
}

// pauseUntilSettled waits, but not longer than there is something to do.
func (s *Service) pauseUntilSettled(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		changed, r := s.watch()
		if s.settled(r) {
			return nil
		}
		select {
		case <-timer.C:
			return nil
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (s *Service) registerWanted(ctx context.Context) error {
	v, err := s.wanted(&s.record.Load().Registration)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, registerLimit)
	defer cancel()
	return s.register(ctx, entity.System, v)
}

// show tells whoever installs this machine which code to enter in OIAnalytics.
func (s *Service) show(r *Record) {
	line := fmt.Sprintf("Activation code %s: enter it in OIAnalytics at %s to register this OIBus", text(r.ActivationCode), r.Host)
	if until := text(r.ActivationExpirationDate); until != "" {
		line += " (valid until " + until + ")"
	}
	s.o.Log.Info(line)
	if s.o.Print != nil {
		s.o.Print(line)
	}
}
