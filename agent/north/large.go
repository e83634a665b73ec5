package north

import (
	"context"
	"runtime"
)

// What is transformed is gathered in memory, up to 1 MB of a content and more while it grows. So that many sources that
// hand over large contents at the same time do not make the memory grow, only as many of these are handled at once as
// keep processor and disk busy. Small ones, of which many are to become durable with one flush, are not held up.
const largeContent = 64 << 10

// largeAtOnce is how many large contents one North handles at once.
func largeAtOnce() int { return max(4, 2*runtime.GOMAXPROCS(0)) }

// turns are what large contents wait for.
type turns chan struct{}

func newTurns() turns { return make(turns, largeAtOnce()) }

// take waits for a turn for a content of size bytes. done, which is never nil, ends it.
func (t turns) take(ctx context.Context, size int64) (done func(), err error) {
	if size <= largeContent {
		return func() {}, nil
	}
	select {
	case t <- struct{}{}:
		return func() { <-t }, nil
	case <-ctx.Done():
		return func() {}, ctx.Err()
	}
}
