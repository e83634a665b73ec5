package web

import (
	"bufio"
	"io"
	"net/http"
	"runtime/debug"
	"sync/atomic"
	"time"

	"oibus/agent/connectors"
)

// A request that carries 100,000 items, or an answer that shows them, takes hundreds of megabytes for a moment, which the
// runtime would keep for minutes. They are given back once, soon after; what comes meanwhile is given back with it.
const (
	largeSize  = 8 << 20         // bytes of a body or an answer, from where on it is worth a collection
	largePause = 5 * time.Second // after one: at most so often, whoever asks
)

// tidier gives memory back after something large.
type tidier struct {
	waits atomic.Bool
	free  func()
	after func(time.Duration, func())
}

func newTidier() *tidier {
	return &tidier{free: debug.FreeOSMemory, after: func(d time.Duration, f func()) { time.AfterFunc(d, f) }}
}

// handled is told how much a request and its answer were.
func (t *tidier) handled(size int64) {
	if size < largeSize || !t.waits.CompareAndSwap(false, true) {
		return
	}
	t.after(largePause, func() {
		t.waits.Store(false)
		t.free()
	})
}

// streamed answers with JSON that is written piece by piece.
func streamed(open func(r *http.Request) (connectors.Stream, error)) handle {
	return func(w http.ResponseWriter, r *http.Request) error {
		write, err := open(r)
		if err != nil {
			return err
		}
		const piece = 64 << 10
		out := &sent{Writer: w}
		b := bufio.NewWriterSize(out, piece)
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		if err := write(b); err != nil && !out.any {
			return err
		} else if err != nil || b.Flush() != nil {
			panic(http.ErrAbortHandler) // half an answer must not look like a whole one; most often it is the client that went away
		}
		return nil
	}
}

// sent notes whether anything was written.
type sent struct {
	io.Writer
	any bool
}

func (s *sent) Write(p []byte) (int, error) {
	s.any = true
	return s.Writer.Write(p)
}
