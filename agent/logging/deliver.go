package logging

import (
	"context"
	"fmt"
	"time"

	"oibus/platform/task"
)

// sendLimit ends a send that hangs. It is more than the 30 s of the protocol's own timeout.
const sendLimit = time.Minute

// send sends one batch and acts on the outcome.
func (f *forwarder) send(ctx context.Context) {
	most, rest := f.route.target.limit()
	records := f.pending[:min(len(f.pending), f.chance)]
	limited, cancel := context.WithTimeout(ctx, sendLimit)
	sent, err := f.route.target.send(limited, records)
	cancel()
	f.confirm(sent)
	switch {
	case err == nil:
		f.chance = min(most, f.chance*2)
		f.retry = backoff{}
		f.trouble.over(f.log, "Log forwarding to "+f.name+" works again")
		if rest > 0 {
			_ = task.Sleep(ctx, rest)
		}
	case ctx.Err() != nil:
		f.retry.failed(f.now(), 0)
	case neverAccepted(err):
		f.refused(len(records)-sent, err)
	default:
		f.retry.failed(f.now(), retryAfter(err))
		f.trouble.report(f.log, f.now(), fmt.Sprintf("Cannot forward logs to %s: %v", f.name, err))
	}
}

// refused halves a batch that was refused for what it holds, down to one entry, which is given up. A server that
// refuses every entry is given one at a time, with growing pauses, so that it cannot empty the journal.
func (f *forwarder) refused(records int, err error) {
	if records > 1 {
		f.chance = records / 2
		return
	}
	if records == 1 {
		f.log.Warn(fmt.Sprintf("%s refuses a log entry, which is given up (number %d): %v", f.name, f.pending[0].seq, err))
		f.confirm(1)
	}
	f.chance = 1
	f.retry.failed(f.now(), retryAfter(err))
}

// confirm removes the first n pending records, which are done with.
func (f *forwarder) confirm(n int) {
	if n == 0 {
		return
	}
	seq := f.pending[n-1].seq
	for _, rec := range f.pending[:n] {
		f.size -= rec.size
	}
	f.pending = f.pending[n:]
	if len(f.pending) == 0 {
		f.pending, f.size, seq = f.pending[:0:0], 0, f.read
	}
	f.due = f.now().Add(f.route.interval)
	f.advance(seq)
}

func (f *forwarder) advance(seq uint64) {
	if err := f.cursor.advance(seq, f.now(), false); err != nil {
		f.trouble.report(f.log, f.now(), fmt.Sprintf("Log forwarding to %s may repeat entries: %v", f.name, err))
	}
}
