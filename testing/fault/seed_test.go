package fault

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"oibus/testing/fault/site"
)

// recoversWithin bounds the time from the end of a fault to the end of all commands: retries back off meanwhile.
const recoversWithin = 60 * time.Second

func TestMain(m *testing.M) { site.Main(m) }

// sweep skips the test unless the long runs are wanted.
func sweep(t *testing.T) {
	t.Helper()
	if os.Getenv("OIBUS_SWEEP") == "" {
		t.Skip("a long run: OIBUS_SWEEP=1 or ./build.sh sweep wants it")
	}
}

// dice are the random numbers of a test, repeatable with OIBUS_SEED.
func dice(t *testing.T) *rand.Rand {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("OIBUS_SEED"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("OIBUS_SEED: %v", err)
		}
		seed = n
	}
	t.Logf("OIBUS_SEED=%d repeats this run", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// between is a random duration.
func between(r *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(r.Int64N(int64(most-least)+1))
}

// pause lets d pass: the moments of a fault are random, not those that the test would find convenient.
func pause(d time.Duration) { <-time.After(d) }
