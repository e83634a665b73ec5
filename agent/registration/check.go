package registration

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"oibus/agent/cloud"
	"oibus/agent/entity"
)

// refusals are the statuses after which no approval can come any more. The values besides COMPLETED and PENDING are
// not documented by the cloud (protocol/control-plane.md, section 13, Q-05).
var refusals = map[string]bool{
	"DECLINED": true, "EXPIRED": true, "REFUSED": true, "REJECTED": true, "DENIED": true, "CANCELLED": true, "CANCELED": true,
}

type decision int

const (
	keepWaiting decision = iota
	approved
	giveUp
)

// verdict is what follows from one check.
type verdict struct {
	decision decision
	ended    string // with giveUp: endExpired or endDeclined
	level    slog.Level
	text     string
}

// How a request ended without approval.
const (
	endExpired  = "expired"
	endDeclined = "declined"
)

// judge decides on a request from the answer to a check, or the error of it, and the clock.
func judge(r *Record, answer cloud.CheckAnswer, err error, now time.Time) verdict {
	status := clipped(answer.Status)
	switch {
	case err == nil && status == cloud.Completed && answer.AccessToken != "":
		return verdict{approved, "", slog.LevelInfo, "OIBus registered on " + r.Host}
	case err == nil && (answer.Expired || refusals[strings.ToUpper(status)]):
		ended := endDeclined
		if answer.Expired || strings.EqualFold(status, "EXPIRED") {
			ended = endExpired
		}
		return verdict{giveUp, ended, slog.LevelWarn, fmt.Sprintf("OIAnalytics ended the registration with status %s: register again for a new activation code", status)}
	case expired(r, now):
		return verdict{giveUp, endExpired, slog.LevelWarn, fmt.Sprintf("The activation code %s expired at %s before it was approved: register again for a new one", text(r.ActivationCode), deadline(r).UTC().Format(time.RFC3339))}
	case err != nil:
		return verdict{keepWaiting, "", slog.LevelError, "Error while checking registration: " + err.Error()}
	case status == cloud.Completed:
		return verdict{keepWaiting, "", slog.LevelError, "Error while checking registration: OIAnalytics answered COMPLETED without an access token"}
	}
	return verdict{keepWaiting, "", slog.LevelWarn, "Registration not completed. Status: " + status}
}

func clipped(s string) string {
	const limit = 100
	if len(s) > limit {
		return strings.ToValidUTF8(s[:limit], "") + "…"
	}
	return s
}

// expired tells whether the code of r can no longer be approved by the clock of this machine.
func expired(r *Record, now time.Time) bool { return now.After(deadline(r)) }

// deadline is when the code of r expires. Without a usable date from the cloud a code lives codeLife.
func deadline(r *Record) time.Time {
	at, ok := parseInstant(text(r.ActivationExpirationDate))
	if ok && !r.BlindExpiration {
		return at
	}
	requested, ok := parseInstant(r.RequestedAt)
	if !ok {
		return time.Unix(1<<40, 0) // nothing to count from: the cloud decides
	}
	return requested.Add(codeLife)
}

// checkLoop asks the cloud every checkInterval about a request that waits.
func (s *Service) checkLoop(ctx context.Context) error {
	var due time.Time
	var generation uint64
	for first := true; ; first = false {
		changed, r := s.watch()
		if !r.pending() {
			select {
			case <-changed:
				continue
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if g := s.currentGeneration(); first || due.IsZero() || g != generation {
			generation, due = g, time.Now().Add(checkInterval)
		}
		timer := time.NewTimer(time.Until(due))
		select {
		case <-timer.C:
			due = time.Now().Add(s.check(ctx))
		case <-changed:
			timer.Stop()
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}

func (s *Service) currentGeneration() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.generation
}

// check asks once, acts on the answer, and returns how long to wait before the next time.
func (s *Service) check(ctx context.Context) time.Duration {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.mu.Lock()
	generation, r, known := s.generation, s.record.Load(), s.approval
	s.abort = cancel
	s.mu.Unlock()

	var answer cloud.CheckAnswer
	var err error
	if known != nil && known.generation == generation {
		answer = known.answer
	} else if answer, err = s.ask(ctx, r); ctx.Err() != nil {
		return checkInterval
	}
	s.settle(generation, answer, err)
	return min(max(checkInterval, cloud.RetryAfter(err)), lastBackoff)
}

func (s *Service) ask(ctx context.Context, r *Record) (cloud.CheckAnswer, error) {
	conn, err := s.connection(&r.Registration)
	if err != nil {
		return cloud.CheckAnswer{}, err
	}
	return s.o.Cloud.Check(ctx, conn, text(r.CheckURL))
}

// approval is an answer whose token could not be stored yet. The cloud hands a token out once.
type approval struct {
	generation uint64
	answer     cloud.CheckAnswer
}

var errUnchanged = errors.New("nothing to change")

// settle applies an answer to the request that it was asked for; to none when that request is gone.
func (s *Service) settle(generation uint64, answer cloud.CheckAnswer, askErr error) {
	var v verdict
	err := s.update(func(r *Record) (Kind, error) {
		if s.generation != generation || !r.pending() {
			return "", errUnchanged
		}
		now := s.o.Now()
		v = judge(r, answer, askErr, now)
		if v.decision == keepWaiting {
			return "", errUnchanged
		}
		s.approval = nil
		if v.decision == approved {
			s.approval = &approval{generation, answer}
		}
		return s.conclude(r, v, answer.AccessToken, now)
	})
	if err != nil && !errors.Is(err, errUnchanged) {
		s.o.Log.Error("Error while checking registration: " + err.Error())
	} else if v.text != "" {
		s.o.Log.Log(context.Background(), v.level, v.text)
	}
}

// conclude ends the request of r as v says.
func (s *Service) conclude(r *Record, v verdict, token string, now time.Time) (Kind, error) {
	if v.decision == giveUp {
		r.revert(v.text, v.ended)
		return Ended, nil
	}
	sealed, err := s.o.Sealer.Seal(token)
	if err != nil {
		return "", err
	}
	if r.Working != nil {
		r.retire(r.Working.PrivateCipherKey)
		r.Working = nil
	}
	r.clearRequest()
	r.Status, r.Token, r.ActivationDate = entity.Registered, &sealed, ptr(entity.Milli(now))
	r.LastFailure, r.LastEnd = "", ""
	return Activated, nil
}
