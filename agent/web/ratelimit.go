package web

import (
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The limit of the reference on /api (protocol/rest-notes.md): it stops the loop that went wrong.
const (
	rateLimit   = 5000
	rateWindow  = time.Minute
	rateClients = 4096 // counted at a time
)

type rateLimiter struct {
	now func() time.Time

	mu sync.Mutex
	by map[netip.Addr]*window
}

type window struct {
	used int
	ends time.Time
}

func newRateLimiter(now func() time.Time) *rateLimiter {
	return &rateLimiter{now: now, by: map[netip.Addr]*window{}}
}

// count notes one request of client, and returns how many are left and how long until the count starts again.
// left is negative when the request is one too many.
func (l *rateLimiter) count(client netip.Addr) (left int, reset time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	w := l.by[client]
	if w == nil || !now.Before(w.ends) || w.ends.Sub(now) > rateWindow {
		if w == nil && len(l.by) >= rateClients {
			l.makeRoom(now)
		}
		w = &window{ends: now.Add(rateWindow)}
		l.by[client] = w
	}
	w.used = min(w.used+1, rateLimit+1)
	return rateLimit - w.used, w.ends.Sub(now)
}

// makeRoom forgets the clients whose count is over, and others until a quarter of the room is free: so it is rarely
// needed, however many addresses a flood comes from.
func (l *rateLimiter) makeRoom(now time.Time) {
	for client, w := range l.by {
		if !now.Before(w.ends) {
			delete(l.by, client)
		}
	}
	for client := range l.by {
		if len(l.by) <= rateClients*3/4 {
			return
		}
		delete(l.by, client)
	}
}

// limited says whether the limit is on this path.
func limited(path string) bool {
	return strings.HasPrefix(path, "/api/") && !strings.HasPrefix(path, "/api/content")
}

// admit counts the request and writes the headers of the limit, and the answer when it is one too many.
func (l *rateLimiter) admit(w http.ResponseWriter, client netip.Addr) bool {
	left, reset := l.count(client)
	seconds := strconv.Itoa(int((reset + time.Second - 1) / time.Second))
	h := w.Header()
	h.Set("RateLimit-Policy", strconv.Itoa(rateLimit)+";w="+strconv.Itoa(int(rateWindow.Seconds())))
	h.Set("RateLimit-Limit", strconv.Itoa(rateLimit))
	h.Set("RateLimit-Remaining", strconv.Itoa(max(0, left)))
	h.Set("RateLimit-Reset", seconds)
	if left >= 0 {
		return true
	}
	h.Set("Retry-After", seconds)
	writeJSON(w, http.StatusTooManyRequests, map[string]any{"error": "Too many requests, please try again later."})
	return false
}
