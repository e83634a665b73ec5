package cloud

import (
	"math/rand/v2"
	"net/http"
	"strings"
	"time"
)

const (
	// MaxBackoff is the longest wait that Backoff makes of its own: what a person waits for at most, after a long
	// outage, until the site can be managed again.
	MaxBackoff = 2 * time.Minute
	// MaxRetryAfter bounds what a server may ask for, so that a mistaken one does not cut the site off for a day.
	MaxRetryAfter = time.Hour
)

// Backoff is how long to wait before a call is made again. Max is the longest wait, MaxBackoff when 0; a base above
// it is kept as it is. It is a pure function over what it is given, so that callers can be tested without waiting.
type Backoff struct{ Max time.Duration }

// Next is the wait after attempt failures in a row, 1 or more: base, doubled at each failure up to Max, give or take
// a quarter, so that the agents of a fleet which fail together do not return together. A server's retryAfter is
// never undercut, only exceeded by up to a quarter. random returns numbers in [0,1); nil stands for a source of its own.
func (b Backoff) Next(attempt int, base, retryAfter time.Duration, random func() float64) time.Duration {
	if random == nil {
		random = rand.Float64
	}
	limit := b.Max
	if limit <= 0 {
		limit = MaxBackoff
	}
	limit = max(limit, base)
	wait := max(base, 0)
	for i := 1; i < attempt && wait < limit; i++ {
		wait += min(wait, limit-wait)
	}
	r := random()
	wait = scale(wait, 0.75+r/2)
	if retryAfter = min(retryAfter, MaxRetryAfter); retryAfter > 0 {
		wait = max(wait, scale(retryAfter, 1+r/4))
	}
	return wait
}

func scale(d time.Duration, by float64) time.Duration { return time.Duration(float64(d) * by) }

// retryAfter reads the header Retry-After: seconds or a date. A date is compared with the clock of the server where
// it sends one: that of the machine may be wrong.
func retryAfter(h http.Header) time.Duration {
	text := strings.TrimSpace(h.Get("Retry-After"))
	if n, ok := digits(text); ok {
		return time.Duration(min(n, int64(MaxRetryAfter/time.Second))) * time.Second
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	now, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		now = time.Now()
	}
	return min(max(at.Sub(now), 0), MaxRetryAfter)
}
