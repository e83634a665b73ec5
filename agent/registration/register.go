package registration

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"oibus/agent/cloud"
	"oibus/agent/entity"
)

// registerLimit bounds a registration: the making of a key pair on a small machine and one call of the cloud.
const registerLimit = 3 * time.Minute

var errSuperseded = errors.New("the registration was changed by somebody else while OIAnalytics answered")

// Register sends a new activation code to the cloud that body names and stores it, to be approved by a person
// (protocol/control-plane.md, section 2.3). The error texts are those of the reference. It goes on when ctx ends: the
// cloud may have accepted already.
func (s *Service) Register(ctx context.Context, author string, body json.RawMessage) error {
	v, err := decode(body)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), registerLimit)
	defer cancel()
	if err := s.register(ctx, author, v); err != nil {
		return err
	}
	s.mu.Lock()
	s.paused = false
	s.mu.Unlock()
	return nil
}

func (s *Service) register(ctx context.Context, author string, v Settings) error {
	s.restrict(&v)
	current := s.record.Load()
	if err := s.checkPins(v); err != nil {
		return err
	}
	conn, err := s.connectionWith(current, v)
	if err != nil {
		return err
	}
	attempt := s.nextAttempt()
	pair, err := s.takeKeys(ctx)
	if err != nil {
		return err
	}
	request := s.request(pair.Public)
	answer, err := s.o.Cloud.Register(ctx, conn, request)
	if err != nil {
		return err
	}
	if answer.RedirectURL == "" {
		return errors.New("OIAnalytics answered the registration without saying where to check it (no redirectUrl)")
	}
	return s.update(func(r *Record) (Kind, error) {
		if s.attempts != attempt {
			return "", errSuperseded
		}
		if err := s.write(&r.Registration, v); err != nil {
			return "", err
		}
		s.supersede()
		s.await(r, author, v.Host, request.ActivationCode, answer, pair)
		return Requested, nil
	})
}

// nextAttempt makes the attempts before void.
func (s *Service) nextAttempt() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.attempts++
	return s.attempts
}

func (s *Service) request(publicKey string) cloud.RegisterRequest {
	id, name := s.o.Engine()
	operatingSystem, architecture := system()
	return cloud.RegisterRequest{
		ActivationCode: entity.NewID(entity.ShortID),
		OIBusID:        id,
		OIBusName:      name,
		OIBusVersion:   s.o.Announced,
		OIBusOS:        operatingSystem,
		OIBusArch:      architecture,
		PublicKey:      publicKey,
	}
}

// await makes r a request that waits for approval. What worked before stays in Working.
func (s *Service) await(r *Record, author, host, code string, answer cloud.RegisterAnswer, pair KeyPair) {
	now := s.o.Now()
	before := s.record.Load()
	if before.Status == entity.Registered {
		working := before.Registration
		r.Working = &working
	} else {
		r.retire(r.PrivateCipherKey)
	}
	r.Audit = r.Touched(author, now)
	r.Host, r.Status, r.Token = host, entity.Pending, ptr("")
	r.ActivationCode, r.CheckURL, r.ActivationExpirationDate = &code, &answer.RedirectURL, &answer.ExpirationDate
	r.PublicCipherKey, r.PrivateCipherKey = &pair.Public, &pair.Private
	r.RequestedAt, r.BlindExpiration, r.LastFailure, r.LastEnd = entity.Milli(now), false, "", ""
	if expires, ok := parseInstant(answer.ExpirationDate); ok && !expires.After(now) {
		r.BlindExpiration = true
		s.o.Log.Warn(fmt.Sprintf("The activation code would have expired at %s already: the clock of this machine or that of OIAnalytics is wrong. OIAnalytics decides when it expires", answer.ExpirationDate))
	}
}

func parseInstant(s string) (time.Time, bool) {
	t, err := time.Parse(time.RFC3339Nano, s)
	return t, err == nil
}

// Unregister gives up the registration and any request, on this side only: the cloud is not told
// (protocol/control-plane.md, section 2.6).
func (s *Service) Unregister() error {
	return s.update(func(r *Record) (Kind, error) {
		s.attempts++
		s.supersede()
		s.paused = true
		r.unregister()
		r.LastFailure, r.LastEnd = "", ""
		return Unregistered, nil
	})
}
