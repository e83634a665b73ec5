package auth

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"sync"
	"time"

	"oibus/agent/entity"
)

// Basic credentials are remembered for a short time under a keyed hash: right ones, so that a script which calls every
// second does not have its password hashed every second, and wrong ones, so that a script with an old password, which
// guesses nothing by repeating it, does not use up the tries of the people at the same address.
const (
	rightLifetime = time.Minute
	wrongLifetime = 30 * time.Second
	maxBasic      = 256
)

// verdict is what came of a check; a zero userID stands for wrong credentials.
type verdict struct {
	userID, mark string
	until        time.Time
}

type basicCache struct {
	now func() time.Time
	key [32]byte

	mu   sync.Mutex
	seen map[[sha256.Size]byte]verdict
}

func newBasicCache(now func() time.Time) *basicCache {
	c := &basicCache{now: now, seen: map[[sha256.Size]byte]verdict{}}
	rand.Read(c.key[:])
	return c
}

func (c *basicCache) hash(login, password string) (sum [sha256.Size]byte) {
	h := hmac.New(sha256.New, c.key[:])
	h.Write([]byte(login))
	h.Write([]byte{0})
	h.Write([]byte(password))
	h.Sum(sum[:0])
	return sum
}

func (c *basicCache) find(login, password string) (verdict, bool) {
	sum := c.hash(login, password)
	c.mu.Lock()
	defer c.mu.Unlock()
	v, ok := c.seen[sum]
	return v, ok && c.now().Before(v.until)
}

func (c *basicCache) right(login, password string, user entity.User) {
	c.add(login, password, verdict{userID: user.ID, mark: passwordMark(user), until: c.now().Add(rightLifetime)})
}

func (c *basicCache) wrong(login, password string) {
	c.add(login, password, verdict{until: c.now().Add(wrongLifetime)})
}

func (c *basicCache) add(login, password string, v verdict) {
	sum := c.hash(login, password)
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, old := range c.seen {
		if !now.Before(old.until) || len(c.seen) >= maxBasic {
			delete(c.seen, key)
		}
	}
	c.seen[sum] = v
}
