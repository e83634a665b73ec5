package command

import (
	"context"
	"errors"
	"fmt"
	"time"

	"oibus/agent/entity"
	"oibus/platform/task"
)

// Bounds of results (protocol/control-plane.md, section 5.8: 512 000 characters, which JSON may write in six bytes
// each).
const (
	maxResult = 4 << 20
	maxReason = 64 << 10 // of an error text
)

var (
	errInterrupted = errors.New("OIBus stopped while this command was running. What it did is not known: check, and send it again if needed")
	errStopped     = errors.New("OIBus was stopped while this command was running. What it did is not known: check, and send it again if needed")
)

// settle ends, at the start, the command that was running when the process ended. It is never executed again: it may
// have had its effect, and it may be what ended the process.
func (s *Service) settle() error {
	s.book.write.Lock()
	defer s.book.write.Unlock()
	if s.book.strange > 0 {
		s.o.Log.Error(fmt.Sprintf("The journal of commands has %d records that are not understood; they are ignored", s.book.strange))
	}
	var entries []entry
	for _, c := range s.book.all(func(c *Stored) bool { return c.Status == Running }) {
		result, err := "", errInterrupted
		r := s.rows[c.Type]
		if r != nil && r.resumes && s.book.current == nil {
			s.setCurrent(c)
			continue
		}
		if r != nil && r.settle != nil {
			content, _ := s.content(c) // unreadable is the same as nothing here
			result, err = r.settle(&s.o.Deps, Command{ID: c.ID, Type: c.Type, Content: content, fields: c.Fields})
		}
		entries = append(entries, s.outcome(c, result, err))
	}
	if len(entries) == 0 {
		return nil
	}
	return s.book.commit(entries...)
}

// executor runs what was chosen, one command at a time.
func (s *Service) executor(ctx context.Context) error {
	if err := s.resume(); err != nil {
		s.o.Log.Error("Error while executing commands: " + err.Error())
	}
	for {
		select {
		case <-s.kick:
		case <-ctx.Done():
			return ctx.Err()
		}
		for c := s.running(); c != nil && ctx.Err() == nil; c = s.running() {
			if s.isStopping() {
				return s.putBack(c)
			}
			result, err := s.execute(ctx, c)
			if errors.Is(err, errStopped) && s.rows[c.Type].resumes {
				return nil // it goes on at the next start
			}
			s.finish(ctx, c, result, err)
		}
	}
}

func (s *Service) running() *Stored {
	s.book.write.Lock()
	defer s.book.write.Unlock()
	return s.book.current
}

// putBack lets a command that was chosen wait again.
func (s *Service) putBack(c *Stored) error {
	s.book.write.Lock()
	defer s.book.write.Unlock()
	s.book.current = nil
	return s.book.commit(entry{Op: opBack, ID: c.ID})
}

// ran is what a run returned.
type ran struct {
	result string
	err    error
}

// execute runs c under its deadline. An operation that does not heed the deadline is abandoned, and what it returns
// later has no effect.
func (s *Service) execute(ctx context.Context, c *Stored) (string, error) {
	r := s.rows[c.Type]
	s.o.Log.Info(fmt.Sprintf("Executing command %s (%s)", c.Type, c.ID))
	content, err := s.content(c)
	if err != nil {
		return "", fmt.Errorf("cannot read the content of the command: %w", err)
	}
	late := fmt.Errorf("%s timed out after %.0fs", c.Type, r.deadline().Seconds())
	done := make(chan ran, 1)
	s.workers.Go(c.Type, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeoutCause(ctx, r.deadline(), late)
		defer cancel()
		done <- s.attempt(ctx, r, Command{ID: c.ID, Type: c.Type, Content: content, fields: c.Fields, note: s.noting(c.ID)})
		return nil
	})
	deadline := time.NewTimer(r.deadline() + abandonAfter)
	defer deadline.Stop()
	select {
	case o := <-done:
		return o.result, o.err
	case <-deadline.C:
		return "", late
	case <-ctx.Done():
	}
	select {
	case o := <-done:
		return o.result, o.err
	default:
		return "", errStopped
	}
}

// noting journals how far a command that runs has come, for the page.
func (s *Service) noting(id string) func(text string) {
	return func(text string) {
		s.book.write.Lock()
		defer s.book.write.Unlock()
		if c := s.book.get(id); c == nil || c.Status != Running {
			return
		}
		if err := s.book.commit(entry{Op: opNote, ID: id, Note: clip(text, maxReason)}); err != nil {
			s.o.Log.Warn(fmt.Sprintf("Error while storing the progress of command %s: %s", id, err))
		}
	}
}

// attempt runs a command. A failure that comes from the end of ctx says why ctx ended.
func (s *Service) attempt(ctx context.Context, r *row, c Command) (o ran) {
	o.err = task.Protect(c.Type, func() (err error) {
		o.result, err = r.run(ctx, &s.o.Deps, c)
		return err
	})
	switch {
	case o.err == nil || ctx.Err() == nil:
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		o.err = context.Cause(ctx)
	default:
		o.err = errStopped
	}
	return o
}

// outcome is the end of c after what its run returned.
func (s *Service) outcome(c *Stored, result string, err error) entry {
	var panicked *task.PanicError
	if errors.As(err, &panicked) {
		s.o.Log.Error(fmt.Sprintf("Command %s of type %s made OIBus fail: %v\n%s", c.ID, c.Type, panicked.Value, panicked.Stack))
		err = fmt.Errorf("internal error of OIBus while executing the command: %v", panicked.Value)
	}
	if err == nil && len(result) > maxResult {
		err = fmt.Errorf("the result is too long: %d bytes, at most %d can be sent", len(result), maxResult)
	}
	if err != nil {
		reason := clip(err.Error(), maxReason)
		s.o.Log.Error(fmt.Sprintf("Error while executing command %s (retrieved %s) of type %s. Error: %s", c.ID, c.RetrievedDate, c.Type, reason))
		return ended(c.ID, Errored, reason, "")
	}
	return ended(c.ID, Completed, result, entity.Milli(s.o.Now()))
}

// finish journals how c ended together with what runs next, tells the cloud, and restarts the process when c asks for
// that. It does not give up while the journal cannot take it: what is not durable is not told.
func (s *Service) finish(ctx context.Context, c *Stored, result string, runErr error) {
	e := s.outcome(c, result, runErr)
	exits := s.rows[c.Type].exits && runErr == nil
	for {
		err := s.tryFinish(c, e, exits)
		if err == nil {
			break
		}
		s.o.Log.Error(fmt.Sprintf("Error while storing the result of command %s of type %s: %s", c.ID, c.Type, err))
		if exits {
			break // the mark that it runs is durable, and says enough at the next start
		}
		retry := time.NewTimer(journalRetry)
		select {
		case <-retry.C:
		case <-ctx.Done():
			retry.Stop()
			return
		}
	}
	if settled := s.rows[c.Type].settled; settled != nil {
		settled(&s.o.Deps, c.ID)
	}
	s.ack.notify()
	if exits {
		ctx, cancel := context.WithTimeout(ctx, lastWordsLimit)
		defer cancel()
		s.ack.round(ctx, "")
		s.o.Deps.Restart()
	}
}

func (s *Service) tryFinish(c *Stored, e entry, exits bool) error {
	s.book.write.Lock()
	defer s.book.write.Unlock()
	s.book.current = nil
	entries := []entry{e}
	var chosen *Stored
	if exits {
		s.mu.Lock()
		s.stopping = true // nothing new begins in a process that is about to end
		s.mu.Unlock()
	} else {
		next, n := s.choose(nil)
		entries, chosen = append(entries, next...), n
	}
	if err := s.book.commit(entries...); err != nil {
		s.book.current = c
		return err
	}
	s.setCurrent(chosen)
	return nil
}
