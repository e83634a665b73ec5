package logging

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"
)

const (
	firstRetry = time.Second
	lastRetry  = time.Minute
	// longestRetryAfter bounds what a server may ask for, so that a wrong header does not silence an agent for days.
	longestRetryAfter = 10 * time.Minute
	// tellAgain is how often a trouble that lasts, or comes and goes, is told.
	tellAgain = 5 * time.Minute
)

// backoff grows from failure to failure. The zero value has not failed.
type backoff struct {
	failures int
	until    time.Time
}

func (b *backoff) failing() bool { return b.failures > 0 }

// failed sets the next attempt: twice as late as the one before, or what the server asked for, with up to a quarter
// more so that many agents do not come back at once.
func (b *backoff) failed(now time.Time, asked time.Duration) {
	delay := min(firstRetry<<min(b.failures, 10), lastRetry)
	delay = max(delay, min(asked, longestRetryAfter))
	b.failures++
	b.until = now.Add(delay + rand.N(delay/4))
}

// trouble keeps the complaints of a forwarder few, since each is a log line itself.
type trouble struct {
	lasts  bool
	told   bool // about the trouble that lasts
	toldAt time.Time
	silent int // complaints since then
}

func (t *trouble) report(log *slog.Logger, now time.Time, text string) {
	t.lasts = true
	if !t.toldAt.IsZero() && now.Sub(t.toldAt) < tellAgain {
		t.silent++
		return
	}
	if t.silent > 0 {
		text += fmt.Sprintf(" (and %d times more since it was last told)", t.silent)
	}
	t.told, t.toldAt, t.silent = true, now, 0
	log.Warn(text)
}

func (t *trouble) over(log *slog.Logger, text string) {
	if t.lasts && t.told {
		log.Info(text)
	}
	t.lasts, t.told = false, false
}
