package agent

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// Making a key or checking a password takes tens of megabytes for a moment. The runtime would keep them: it collects
// when the heap has doubled, which an agent that only polls does not reach in hours, or after two minutes, and what it
// then gives back leaves room for the heap as large as it was. A lower GC percentage or a memory limit would
// collect earlier, and also while a backlog is sent, when it costs most. So the agent looks from time to time, and
// collects when it holds clearly more than it did after the last time and has little else to do.
const (
	trimInterval = 10 * time.Second // between two looks: a minute after a start, everything that made it large is over
	trimGain     = 8 << 20          // bytes held more than after the last time, to be worth a collection
	trimQuiet    = 1 << 20          // bytes allocated a second, at most: an idle agent needs a tenth of it
)

// heapUse is what the heap holds of the machine's memory, and all that was ever allocated in it.
type heapUse struct{ held, allocated uint64 }

func readHeap() heapUse {
	samples := []metrics.Sample{
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/heap/unused:bytes"},
		{Name: "/memory/classes/heap/free:bytes"},
		{Name: "/gc/heap/allocs:bytes"},
	}
	metrics.Read(samples)
	return heapUse{
		held:      samples[0].Value.Uint64() + samples[1].Value.Uint64() + samples[2].Value.Uint64(),
		allocated: samples[3].Value.Uint64(),
	}
}

// trimmer gives memory back to the system when that is worth it.
type trimmer struct {
	read    func() heapUse
	release func()

	last  heapUse // at the last look
	floor uint64  // least that was held since memory was given back
}

// worthTrimming says whether the heap has outgrown floor while little was allocated since before.
func worthTrimming(before, now heapUse, floor uint64) bool {
	quiet := now.allocated-before.allocated <= trimQuiet*uint64(trimInterval/time.Second)
	return quiet && now.held >= floor+max(trimGain, floor/4)
}

// look is called each trimInterval.
func (t *trimmer) look() {
	now := t.read()
	trim := worthTrimming(t.last, now, t.floor)
	t.last, t.floor = now, min(t.floor, now.held)
	if !trim {
		return
	}
	t.release()
	t.last = t.read()
	t.floor = t.last.held
}

// trimMemory keeps the memory of an idle agent small, until ctx is done.
func trimMemory(ctx context.Context) error {
	t := trimmer{read: readHeap, release: debug.FreeOSMemory}
	tick := time.NewTicker(trimInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			t.look()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
