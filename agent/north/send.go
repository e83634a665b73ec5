package north

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"oibus/agent/cache"
	"oibus/platform/task"
)

// refusalLimit is how often a target may refuse a content by an answer that may change, before what waits behind it gets
// its turn. When that one is refused too, it is probably not the content: the limit doubles each time until something is
// delivered, at most mostDoublings times, so that an outage does not turn the queue round and round.
const (
	refusalLimit  = 10
	mostDoublings = 6
)

// logAttempts is how many attempts to send a content are logged one by one; later ones are logged once a minute, so that an
// outage of weeks does not push everything else out of the log.
const logAttempts = 10

// refusals counts how often the content that is next was refused by an answer of the target.
type refusals struct {
	id       string
	count    int
	deferred int // contents set back since something was delivered
}

// add counts a refusal of the content id, and says whether it is to be set back, after how many refusals.
func (f *refusals) add(id string) (setBack bool, count int) {
	if f.id != id {
		f.id, f.count = id, 0
	}
	f.count++
	if f.count < refusalLimit<<min(f.deferred, mostDoublings) {
		return false, f.count
	}
	count = f.count
	f.id, f.count = "", 0
	f.deferred++
	return true, count
}

// sendNext takes the next batch and makes one attempt to send it.
func (s *sender) sendNext(ctx context.Context) {
	b, err := s.r.cache.Next(s.r.config.Load().maxElements())
	if err != nil {
		if !errors.Is(err, cache.ErrClosed) {
			s.r.log.Error("Unhandled error in North task runner: " + err.Error())
		}
		s.failed(err)
		s.schedule.failed(s.retryIn(0))
		return
	}
	if b == nil {
		s.schedule.retryAt = time.Time{}
		s.schedule.end(time.Now())
		if s.waiting().contents > 0 { // what cannot be reached now
			s.schedule.failed(s.retryIn(0))
		}
		return
	}
	if !slices.Contains(s.r.o.Type.Accepts, b.Kind) {
		s.r.log.Error(fmt.Sprintf("Unsupported data type: %s (file %s)", b.Kind, b.File.Filename))
		s.sending = complaint{}
		s.ended(b, b.Errored())
		return
	}
	if b.Interrupted {
		s.r.log.Error(fmt.Sprintf("OIBus stopped while it sent content \"%s\": it may have taken effect, so it is not sent again but moved into error", describe(b.File)))
		s.sending = complaint{}
		s.ended(b, b.Errored())
		return
	}
	if b.Once {
		if err := b.Begin(); err != nil { // without a note it might be sent twice
			b.Release()
			s.note(err)
			s.schedule.failed(s.retryIn(0))
			return
		}
	}
	start, began := s.r.o.Now(), time.Now()
	err = s.attempt(ctx, b)
	s.r.meter.ran(start, time.Since(began))
	s.conclude(ctx, b, err)
}

// attempt has the connector send b. An error of reading b counts whatever the connector makes of it.
func (s *sender) attempt(ctx context.Context, b *cache.Batch) error {
	var trouble readTrouble
	meta := b.File.Metadata
	d := Delivery{Kind: b.Kind, Name: meta.ContentFile, Elements: b.Elements, Size: meta.ContentSize, Created: b.Created,
		Open: func() io.ReadCloser { return &watched{ReadCloser: b.Reader(), trouble: &trouble} }}
	err := task.Protect("send of north "+s.r.id, func() error { return s.connector.Send(ctx, d) })
	if failed := trouble.get(); failed != nil {
		return failed
	}
	return err
}

// conclude does what follows from an attempt.
func (s *sender) conclude(ctx context.Context, b *cache.Batch, err error) {
	var unreadable *unreadableError
	switch {
	case err == nil:
		s.refused, s.sending = refusals{}, complaint{}
		s.delivered()
		s.ended(b, b.Done(s.r.config.Load().north.Caching.Archive.Enabled))
	case ctx.Err() != nil: // stopped: that is no failure
		b.Release()
	case errors.As(err, &unreadable):
		s.unreadable(b, err)
	default:
		s.refusedOrFailed(b, err)
	}
}

// ended notes that b has left the queue. err is what kept that from being durable: it may be sent twice after a crash.
func (s *sender) ended(b *cache.Batch, err error) {
	s.note(err)
	s.schedule.sent(time.Now(), b.Elements)
}

// unreadable gives back a batch that could not be read. What is damaged has been moved to error.
func (s *sender) unreadable(b *cache.Batch, err error) {
	b.Release()
	s.failed(err)
	s.r.log.Error(fmt.Sprintf("Error while reading file \"%s\": %s", b.File.Filename, err.Error()))
	if errors.Is(err, cache.ErrDamaged) {
		s.schedule.sent(time.Now(), 0)
		return
	}
	s.schedule.failed(s.retryIn(0))
}

func (s *sender) refusedOrFailed(b *cache.Batch, err error) {
	s.failed(err)
	if s.sending.due(b.File.Filename+err.Error(), s.r.o.Now()) || b.Attempts < logAttempts {
		s.r.log.Error(fmt.Sprintf("Could not send content \"%s\" (%d). Error: %s", describe(b.File), b.Attempts, err.Error()))
	}
	again, isAgain := IsAgain(err)
	setBack, refused := false, 0
	if isAgain && again.Answer {
		setBack, refused = s.refused.add(b.File.Filename)
	}
	switch {
	case !isAgain && b.Attempts >= int(s.r.config.Load().north.Caching.Error.RetryCount):
		s.r.log.Error(fmt.Sprintf("Moving content into error after %d errors", b.Attempts+1))
		s.ended(b, b.Errored())
		return
	case setBack:
		s.r.log.Warn(fmt.Sprintf("The target has refused content \"%s\" %d times. It is set behind what else waits", b.File.Filename, refused))
		s.note(b.Defer())
	default:
		_, err := b.Fail()
		s.note(err)
	}
	var asked time.Duration
	if isAgain {
		asked = again.After
	}
	s.schedule.failed(s.retryIn(asked))
}

// note logs why what has become of a batch is not durable yet: after a crash it may be sent again.
func (s *sender) note(err error) {
	if err == nil {
		return
	}
	s.failed(err)
	if s.disk.due(err.Error(), s.r.o.Now()) {
		s.r.log.Error("cannot note in the cache what became of content: it may be sent again after a restart", "error", err)
	}
}

// describe is the JSON of a content in the log, as the reference writes it.
func describe(f cache.File) string {
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false)
	if err := e.Encode(f); err != nil {
		return f.Filename
	}
	return string(bytes.TrimSpace(buf.Bytes()))
}

// unreadableError is an error of reading a content.
type unreadableError struct{ err error }

func (e *unreadableError) Error() string { return e.err.Error() }
func (e *unreadableError) Unwrap() error { return e.err }

// readTrouble is the first error of reading a content.
type readTrouble struct {
	mu  sync.Mutex
	err error
}

func (t *readTrouble) note(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err == nil {
		t.err = &unreadableError{err}
	}
}

func (t *readTrouble) get() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err
}

// watched notes errors of reading.
type watched struct {
	io.ReadCloser
	trouble *readTrouble
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		w.trouble.note(err)
	}
	return n, err
}
