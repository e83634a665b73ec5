package upgrade

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"oibus/agent/cloud"
	"oibus/launcher/release"
	"oibus/platform"
	"oibus/platform/task"
)

const (
	pieceSize = 256 << 10
	// Each syncBytes, or syncPace on a slow line, what has come is made durable: that much is downloaded again at most.
	syncBytes = 16 << 20
	syncPace  = 10 * time.Second
	// sameEnd is how often in a row a download may end at the same byte, after it got on, before the server is taken for
	// one that lies about the length.
	sameEnd = 4
)

// download gets what is missing, connection by connection, until all is there or patience is over.
func (s *Service) download(ctx context.Context, o order, p *partial, r *reporter) error {
	if p.Staged != "" {
		return nil
	}
	t := &course{s: s, p: p, r: r, highest: p.at, risen: s.o.Now()}
	for failures := 0; ; {
		t.brought = 0
		err := s.connection(ctx, o, p, t)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return errors.Join(context.Cause(ctx), p.sync())
		}
		if failures++; t.brought > 0 {
			failures = 1
		}
		if stop := t.judge(err); stop != nil {
			return errors.Join(stop, s.keep(p, stop))
		}
		wait := cloud.Backoff{Max: s.o.limits.lastRetry}.Next(failures, s.o.limits.firstRetry, cloud.RetryAfter(err), s.o.random)
		s.o.Log.Warn("The download of the release was interrupted", "asset", o.asset, "error", err, "bytes", p.at, "size", p.Size, "again", wait.Round(time.Second))
		r.interrupted(err, wait)
		if err := task.Sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// keep leaves what is there for another command, unless the disk needs the room.
func (s *Service) keep(p *partial, why error) error {
	var short *ShortageError
	if errors.As(why, &short) || platform.IsDiskFull(why) {
		return p.discard()
	}
	return p.sync()
}

// connection gets as much as one connection brings. It returns nil when all is there.
func (s *Service) connection(ctx context.Context, o order, p *partial, t *course) error {
	conn, err := s.o.Connection()
	if err != nil {
		return &finalError{err}
	}
	if p.Size >= 0 && p.at == p.Size && p.at > 0 {
		return nil // all of it was there before a restart
	}
	a, err := s.o.Cloud.Asset(ctx, conn, o.asset, p.from())
	if err != nil {
		return err
	}
	err = s.receive(ctx, p, a, t)
	return errors.Join(err, closed(a.Body))
}

// closed closes the body of an answer: what matters of it was read, or failed already.
func closed(body io.Closer) error {
	_ = body.Close()
	return nil
}

func (s *Service) receive(ctx context.Context, p *partial, a *cloud.Asset, t *course) error {
	limit := release.DefaultLimits().PackageSize
	if a.Size > limit {
		return &finalError{fmt.Errorf("the release has %d bytes, the limit is %d", a.Size, limit)}
	}
	if err := p.begin(a); err != nil {
		return &finalError{err}
	}
	if err := s.checkRoom(ctx, p); err != nil {
		return &finalError{err}
	}
	buf := make([]byte, pieceSize)
	for {
		n, err := io.ReadAtLeast(a.Body, buf, len(buf))
		if n > 0 {
			if writeErr := s.take(p, buf[:n], limit); writeErr != nil {
				return &finalError{writeErr}
			}
			t.rise(n)
		}
		switch err {
		case nil:
		case io.EOF, io.ErrUnexpectedEOF: // of the buffer; a body that is cut ends with an error of the cloud client
			return s.complete(p)
		default:
			return errors.Join(err, p.sync())
		}
	}
}

// take writes bytes and makes them durable from time to time.
func (s *Service) take(p *partial, b []byte, limit int64) error {
	if p.at+int64(len(b)) > limit {
		return fmt.Errorf("the release has more than %d bytes, the limit", limit)
	}
	n, err := p.file.Write(b)
	p.at += int64(n)
	if err != nil {
		return s.writeFailure(p, err)
	}
	if p.at-p.Synced < syncBytes && s.o.Now().Sub(p.syncedAt) < syncPace {
		return nil
	}
	p.syncedAt = s.o.Now()
	if err := s.checkSpare(p); err != nil {
		return err
	}
	if err := p.sync(); err != nil {
		return s.writeFailure(p, err)
	}
	return nil
}

// complete is the end of a body that was not cut.
func (s *Service) complete(p *partial) error {
	if err := p.sync(); err != nil {
		return &finalError{s.writeFailure(p, err)}
	}
	if p.Size >= 0 && p.at != p.Size {
		return fmt.Errorf("%d bytes came of the %d announced", p.at, p.Size)
	}
	return nil
}

// finalError ends a download at once.
type finalError struct{ err error }

func (e *finalError) Error() string { return e.err.Error() }
func (e *finalError) Unwrap() error { return e.err }

// course watches whether a download gets on.
type course struct {
	s       *Service
	p       *partial
	r       *reporter
	highest int64     // bytes that were ever there
	risen   time.Time // when that last grew
	brought int       // bytes that the present connection brought
	end     int64     // where the connection before ended that brought something
	ends    int       // connections in a row that ended there
}

func (t *course) rise(n int) {
	t.brought += n
	if t.p.at > t.highest {
		t.highest, t.risen = t.p.at, t.s.o.Now()
	}
	t.r.downloaded(t.p.at, t.p.Size)
}

// judge says whether to give up after a connection that failed with err.
func (t *course) judge(err error) error {
	var final *finalError
	var answer *cloud.Error
	isAnswer := errors.As(err, &answer)
	now := t.s.o.Now()
	switch {
	case errors.As(err, &final):
		return final.err
	case isAnswer && !answer.Retryable():
		return &toldError{answer}
	case t.sameAgain():
		return fmt.Errorf("the download ends at byte %d of %s each time, %d times in a row: %w", t.p.at, announced(t.p.Size), t.ends, err)
	case now.Sub(t.risen) >= t.s.o.limits.stall:
		return fmt.Errorf("the download made no progress for %s, at byte %d of %s: %w", t.s.o.limits.stall, t.p.at, announced(t.p.Size), err)
	case now.Sub(t.p.Begun) >= t.s.o.limits.whole:
		return fmt.Errorf("the download took longer than %s, and is at byte %d of %s: %w", t.s.o.limits.whole, t.p.at, announced(t.p.Size), err)
	}
	return nil
}

// sameAgain counts connections that end where the one before did, after they brought something.
func (t *course) sameAgain() bool {
	switch {
	case t.brought == 0:
		return false
	case t.p.at != t.end:
		t.end, t.ends = t.p.at, 0
	}
	t.ends++
	return t.ends >= sameEnd
}

func announced(size int64) string {
	if size < 0 {
		return "an unknown number"
	}
	return fmt.Sprint(size)
}
