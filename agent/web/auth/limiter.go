package auth

import (
	"net/netip"
	"sync"
	"time"

	"oibus/agent/web/access"
)

// How fast passwords may be tried. A person who mistypes is not hindered; a program is. The common allowance is
// larger than that of one address, and does not apply on the machine itself, so that nobody on the network can keep
// the person at the machine out.
const (
	tries         = 10 // wrong passwords in a row from one address …
	tryEvery      = 12 * time.Second
	commonTries   = 100 // … and from everywhere
	commonEvery   = time.Second
	maxAddresses  = 2048 // remembered; the least recently used is forgotten first
	ipv6HostsBits = 64   // one subscriber usually has a whole /64
)

// bucket is a token bucket: spent tokens come back with time.
type bucket struct {
	spent float64
	at    time.Time
}

func (b *bucket) refill(now time.Time, every time.Duration) {
	b.spent = max(0, b.spent-now.Sub(b.at).Seconds()/every.Seconds())
	b.at = now
}

// wait is how long until one token of capacity is there.
func (b *bucket) wait(capacity float64, every time.Duration) time.Duration {
	missing := b.spent + 1 - capacity
	if missing <= 0 {
		return 0
	}
	return time.Duration(missing * float64(every))
}

// limiter counts wrong passwords.
type limiter struct {
	now func() time.Time

	mu     sync.Mutex
	by     map[netip.Prefix]*bucket
	common bucket
}

func newLimiter(now func() time.Time) *limiter {
	return &limiter{now: now, by: map[netip.Prefix]*bucket{}}
}

// take spends one try of addr, and returns what gives it back when the password turns out right.
func (l *limiter) take(addr netip.Addr) (refund func(), err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	own := l.bucket(addr, now)
	own.refill(now, tryEvery)
	l.common.refill(now, commonEvery)
	wait := own.wait(tries, tryEvery)
	if !addr.IsLoopback() {
		wait = max(wait, l.common.wait(commonTries, commonEvery))
	}
	if wait > 0 {
		return nil, &access.LimitedError{RetryAfter: wait}
	}
	own.spent++
	l.common.spent++
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		own.spent = max(0, own.spent-1)
		l.common.spent = max(0, l.common.spent-1)
	}, nil
}

func (l *limiter) bucket(addr netip.Addr, now time.Time) *bucket {
	bits := addr.BitLen()
	if addr.Is6() {
		bits = ipv6HostsBits
	}
	key, _ := addr.Prefix(bits) // the zero Prefix for the zero Addr: those share one bucket
	if b, ok := l.by[key]; ok {
		return b
	}
	if len(l.by) >= maxAddresses {
		l.forget()
	}
	b := &bucket{at: now}
	l.by[key] = b
	return b
}

// forget makes room for one address.
func (l *limiter) forget() {
	var oldest netip.Prefix
	var at time.Time
	for key, b := range l.by {
		if at.IsZero() || b.at.Before(at) {
			oldest, at = key, b.at
		}
	}
	delete(l.by, oldest)
}
