package registration

import (
	"context"
	"errors"
	"time"

	"oibus/agent/entity"
)

var errNoSpare = errors.New("no key pair is ready")

// makeKeys keeps one key pair ready, so that neither a registration nor a regeneration waits for the seconds that
// making one takes.
func (s *Service) makeKeys(ctx context.Context) error {
	delay := spareDelay
	for {
		changed, r := s.watch()
		if r.Spare != nil {
			select {
			case <-changed:
				continue
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if err := s.delayKeys(ctx, delay); err != nil {
			return err
		}
		delay = 0
		if err := s.makeSpare(ctx); err != nil {
			s.o.Log.Error("Error while making the key pair for OIAnalytics: " + err.Error())
			delay = keyRetry
		}
	}
}

func (s *Service) delayKeys(ctx context.Context, delay time.Duration) error {
	if delay == 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.keysWanted:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

func (s *Service) makeSpare(ctx context.Context) error {
	public, private, err := s.o.NewKeys(ctx)
	if err != nil {
		return err
	}
	sealed, err := s.o.Sealer.Seal(private)
	if err != nil {
		return err
	}
	return s.update(func(r *Record) (Kind, error) {
		r.Spare = &KeyPair{Public: public, Private: sealed}
		return "", nil
	})
}

// takeKeys returns the key pair made ahead, waiting for it if it is not ready. Nobody else gets the same pair.
func (s *Service) takeKeys(ctx context.Context) (KeyPair, error) {
	for {
		changed, _ := s.watch()
		var pair KeyPair
		err := s.update(func(r *Record) (Kind, error) {
			if r.Spare == nil {
				return "", errNoSpare
			}
			pair, r.Spare = *r.Spare, nil
			return "", nil
		})
		if !errors.Is(err, errNoSpare) {
			return pair, err
		}
		select {
		case s.keysWanted <- struct{}{}:
		default:
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return KeyPair{}, errors.New("the key pair for OIAnalytics is not ready yet: try again")
		}
	}
}

// RegenerateKeys replaces the key pair. The replaced private key is kept until the cloud has the new public key, and
// a while after.
func (s *Service) RegenerateKeys(ctx context.Context) error {
	pair, err := s.takeKeys(ctx)
	if err != nil {
		return err
	}
	return s.update(func(r *Record) (Kind, error) {
		owner := &r.Registration
		if r.Working != nil {
			working := *r.Working
			r.Working, owner = &working, &working
		}
		r.retire(owner.PrivateCipherKey)
		owner.PublicCipherKey, owner.PrivateCipherKey = &pair.Public, &pair.Private
		return KeysReplaced, nil
	})
}

// PublicKey is the PEM text that the cloud encrypts secrets with, "" when there is none yet.
func (s *Service) PublicKey() string {
	r := s.record.Load()
	if active := r.active(); active != nil {
		return text(active.PublicCipherKey)
	}
	return text(r.PublicCipherKey)
}

// KeyDelivered says that the cloud has received this public key: from now on the keys it replaced are kept only for
// what was encrypted before.
func (s *Service) KeyDelivered(public string) error {
	waiting := false
	for _, k := range s.record.Load().Retired {
		waiting = waiting || k.Until == ""
	}
	if !waiting || public == "" || public != s.PublicKey() {
		return nil
	}
	until := entity.Milli(s.o.Now().Add(keyGrace))
	return s.update(func(r *Record) (Kind, error) {
		kept := make([]RetiredKey, len(r.Retired))
		for i, k := range r.Retired {
			if k.Until == "" {
				k.Until = until
			}
			kept[i] = k
		}
		r.Retired = kept
		return "", nil
	})
}

// retire keeps a private key that is being replaced until the cloud has the new public key.
func (r *Record) retire(private *string) {
	if text(private) == "" {
		return
	}
	kept := append([]RetiredKey{{Private: *private}}, r.Retired...)
	r.Retired = kept[:min(len(kept), maxRetired)]
}

// dropRetired forgets the keys whose time has passed.
func (r *Record) dropRetired(now time.Time) {
	kept := make([]RetiredKey, 0, len(r.Retired))
	for _, k := range r.Retired {
		if until, ok := parseInstant(k.Until); !ok || now.Before(until) {
			kept = append(kept, k)
		}
	}
	r.Retired = kept
}

// Decrypt decrypts a secret that the cloud encrypted, with the current key or one of those it replaced. The error is
// that of the current key.
func (s *Service) Decrypt(ciphertext string) (string, error) {
	var first error
	for _, sealed := range s.record.Load().privateKeys() {
		key, err := s.o.Sealer.Open(sealed)
		if err == nil {
			var plain string
			if plain, err = s.o.Decrypt(key, ciphertext); err == nil {
				return plain, nil
			}
		}
		if first == nil {
			first = err
		}
	}
	if first == nil { // no key at all: the decryption says so
		return s.o.Decrypt("", ciphertext)
	}
	return "", first
}

// privateKeys are the sealed private keys, the one the cloud most likely used first.
func (r *Record) privateKeys() []string {
	var keys []string
	add := func(p *string) {
		if text(p) != "" {
			keys = append(keys, *p)
		}
	}
	if r.Working != nil {
		add(r.Working.PrivateCipherKey)
	}
	add(r.PrivateCipherKey)
	for _, k := range r.Retired {
		add(&k.Private)
	}
	return keys
}
