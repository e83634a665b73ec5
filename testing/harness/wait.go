package harness

import (
	"context"
	"os"
	"testing"
	"time"
)

// interval is the time between two looks at a condition that cannot announce itself.
const interval = 10 * time.Millisecond

// Until waits until reached says true, and fails the test, naming what, when that takes longer than limit.
func Until(t testing.TB, limit time.Duration, what string, reached func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	if !UntilDone(ctx, reached) {
		t.Fatalf("waited %v in vain: %s", limit, what)
	}
}

// UntilDone waits until reached says true or ctx is done, and returns whether it was reached.
func UntilDone(ctx context.Context, reached func() bool) bool {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		if reached() {
			return true
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return reached()
		}
	}
}

// spread differs from one test process to the next, so that several at a time seldom try the same ports.
func spread() int { return os.Getpid() * 61 }
