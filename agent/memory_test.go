package agent

import (
	"context"
	"errors"
	"runtime"
	"runtime/debug"
	"testing"
)

const mb = 1 << 20

func TestMemoryIsGivenBackWhenItGrewAndTheAgentIsQuiet(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		before, now heapUse
		floor       uint64
		want        bool
	}{
		"a small start":                      {now: heapUse{4 * mb, 4 * mb}},
		"a start that made keys":             {before: heapUse{38 * mb, 40 * mb}, now: heapUse{38 * mb, 41 * mb}, want: true},
		"keys are being made":                {before: heapUse{20 * mb, 20 * mb}, now: heapUse{38 * mb, 40 * mb}},
		"nothing more than the last time":    {before: heapUse{5 * mb, 90 * mb}, now: heapUse{6 * mb, 91 * mb}, floor: 4 * mb},
		"a password was checked":             {before: heapUse{24 * mb, 90 * mb}, now: heapUse{24 * mb, 91 * mb}, floor: 4 * mb, want: true},
		"a large heap and its usual garbage": {before: heapUse{110 * mb, 900 * mb}, now: heapUse{118 * mb, 905 * mb}, floor: 100 * mb},
		"a large heap that grew by a third":  {before: heapUse{132 * mb, 900 * mb}, now: heapUse{133 * mb, 905 * mb}, floor: 100 * mb, want: true},
	} {
		if got := worthTrimming(c.before, c.now, c.floor); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestMemoryThatIsNeededIsNotCollectedAgainAndAgain(t *testing.T) {
	t.Parallel()
	released := 0
	use := heapUse{held: 60 * mb}
	trim := trimmer{read: func() heapUse { return use }, release: func() { released++; use.held = 50 * mb }}
	for range 10 {
		trim.look()
	}
	if released != 1 {
		t.Fatalf("a heap that stays at 50 MB was collected %d times", released)
	}
	use.held = 10 * mb // what was needed is not any more
	trim.look()
	use.held = 20 * mb
	trim.look()
	if released != 2 {
		t.Fatalf("a heap that grew from 10 to 20 MB was collected %d times", released-1)
	}
}

// Not parallel: other tests would change the heap meanwhile.
func TestWhatWasNeededOnceGoesBackToTheSystem(t *testing.T) {
	block := make([]byte, 32*mb)
	for i := range block {
		block[i] = 1
	}
	before := readHeap()
	runtime.KeepAlive(block)
	block = nil
	trim := trimmer{read: readHeap, release: debug.FreeOSMemory, last: before}
	trim.look()
	if after := readHeap(); before.held-min(after.held, before.held) < 24*mb {
		t.Errorf("the heap held %d MB and holds %d MB", before.held/mb, after.held/mb)
	}
}

func TestTrimmingEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := trimMemory(ctx); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}
