package proxy

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"sync"
)

// verifications is how many passwords are verified at once: each costs much memory, and that on purpose.
const verifications = 2

// access is who may use the proxy. A verified password is remembered by a keyed digest that dies with the process,
// because clients send it with each request.
type access struct {
	username, hash string
	verify         func(hash, password string) bool
	turn           chan struct{}
	key            [32]byte

	mu    sync.Mutex
	known []byte // digest of the password that fits; nil: not yet seen
}

func newAccess(username, hash string, verify func(hash, password string) bool) *access {
	a := &access{username: username, hash: hash, verify: verify, turn: make(chan struct{}, verifications)}
	rand.Read(a.key[:])
	return a
}

// admits tells whether header holds the right credentials, or none are needed.
func (a *access) admits(ctx context.Context, header string) bool {
	if a.username == "" {
		return true
	}
	user, password, ok := basic(header)
	if !ok || a.hash == "" || subtle.ConstantTimeCompare([]byte(user), []byte(a.username)) != 1 {
		return false
	}
	mac := hmac.New(sha256.New, a.key[:])
	mac.Write([]byte(password))
	digest := mac.Sum(nil)
	if a.isKnown(digest) {
		return true
	}
	select {
	case a.turn <- struct{}{}:
		defer func() { <-a.turn }()
	case <-ctx.Done():
		return false
	}
	if !a.isKnown(digest) && !a.verify(a.hash, password) { // others may have waited with the same password
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.known = digest
	return true
}

func (a *access) isKnown(digest []byte) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.known != nil && hmac.Equal(a.known, digest)
}
