package engine

import (
	"context"
	"sync"
	"time"
)

// Times between two attempts to do what could not be done.
const (
	firstAgain = 5 * time.Second
	lastAgain  = time.Minute
)

// restartLimit is how long a connector that is restarted may take to stop.
const restartLimit = 15 * time.Second

// keeper sees to it that one connector is run as it is configured. Requests that come while it is at work are answered
// together, by what is configured then: so they need no queue, and the last one counts.
type keeper struct {
	wake chan struct{}

	mu      sync.Mutex
	restart bool // someone has switched the connector on or off
}

func newKeeper() keeper { return keeper{wake: make(chan struct{}, 1)} }

// request asks for another look at the configuration, and for a new connection in any case when restart says so.
func (k *keeper) request(restart bool) {
	k.mu.Lock()
	k.restart = k.restart || restart
	k.mu.Unlock()
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

func (k *keeper) take() (restart bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	restart, k.restart = k.restart, false
	return restart
}

// keep calls settle after each request, and again after a while when it fails, until that says that the connector is
// gone or ctx is done.
func (k *keeper) keep(ctx context.Context, settle func(ctx context.Context, restart bool) (gone bool, err error)) error {
	again := time.NewTimer(0)
	defer again.Stop()
	wait := firstAgain
	for {
		select {
		case <-k.wake:
			wait = firstAgain
		case <-again.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		gone, err := settle(ctx, k.take())
		if gone {
			return nil
		}
		if err != nil {
			again.Reset(wait)
			wait = min(2*wait, lastAgain)
		}
	}
}
