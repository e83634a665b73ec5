package command

import (
	"encoding/json"
	"fmt"

	"oibus/agent/entity"
)

// admit journals the commands of an answer of E4, in one flush together with what runs first. Commands that are known
// already are reported again and not executed again. When the journal cannot take them they are kept and tried again
// with the next admit; nothing is done about them before.
func (s *Service) admit(elements []json.RawMessage) error {
	s.book.write.Lock()
	defer s.book.write.Unlock()
	added, known := s.sift(elements)
	s.book.mark(known, func(c *Stored) { c.Ack = false })
	if len(added) == 0 {
		return nil
	}
	entries := make([]entry, 0, len(added)+1)
	greetings := make([]*Stored, len(added))
	for i, p := range added {
		entries = append(entries, entry{Op: opPut, Command: p.command})
		greetings[i] = p.command.copy()
	}
	for _, p := range added {
		if p.refusal != "" {
			entries = append(entries, s.refuse(p.command, p.refusal))
		}
	}
	next, chosen := s.choose(added)
	if err := s.book.commit(append(entries, next...)...); err != nil {
		s.keep(added)
		return fmt.Errorf("cannot journal %d command(s): %w", len(added), err)
	}
	s.keep(nil)
	s.setCurrent(chosen)
	s.ack.greet(greetings)
	return nil
}

// sift parses elements and tells the new ones, after those that could not be journaled before, from those known.
func (s *Service) sift(elements []json.RawMessage) (added []parsed, known []string) {
	seen := map[string]bool{}
	s.mu.Lock()
	added = append(added, s.unsaved...)
	s.mu.Unlock()
	for _, p := range added {
		seen[p.command.ID] = true
	}
	for _, raw := range elements {
		p, err := s.parse(raw, s.o.Now())
		if err != nil {
			s.o.Log.Error("Error while retrieving commands: " + err.Error())
		}
		if p.command == nil || seen[p.command.ID] {
			continue
		}
		seen[p.command.ID] = true
		if s.book.get(p.command.ID) != nil {
			known = append(known, p.command.ID)
			continue
		}
		p.command.Seq = s.book.nextSeq()
		added = append(added, p)
	}
	return added, known
}

func (s *Service) keep(unsaved []parsed) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unsaved = unsaved
}

// refuse ends a command that is not executed.
func (s *Service) refuse(c *Stored, reason string) entry {
	s.o.Log.Warn(fmt.Sprintf("Command %s of type %s refused: %s", clip(c.ID, maxID), clip(c.Type, maxType), reason))
	return ended(c.ID, Errored, reason, "")
}

// ended is the end of a command. Like the reference, only a completed one has a date (section 13, Q-08).
func ended(id, status, result, at string) entry {
	e := entry{Op: opEnd, ID: id, Status: status, Result: &result}
	if at != "" {
		e.At = &at
	}
	return e
}

// choose decides what runs next, when nothing does: the oldest command that waits and is not refused. It returns the
// entries to journal. added are commands that are journaled with the same flush. The caller holds write.
func (s *Service) choose(added []parsed) (entries []entry, chosen *Stored) {
	if s.book.current != nil || s.isStopping() || !s.o.Registration.Registered() || s.onTrial() {
		return nil, nil
	}
	var refused []*Stored
	var reasons []string
	pick := func(c *Stored) (more bool) {
		reason := s.refusal(c)
		if reason == "" {
			chosen = c.copy()
			return false
		}
		refused, reasons = append(refused, c.copy()), append(reasons, reason)
		return true
	}
	s.book.eachWaiting(pick)
	for _, p := range added {
		if chosen == nil && p.refusal == "" {
			pick(p.command)
		}
	}
	for i, c := range refused {
		entries = append(entries, s.refuse(c, reasons[i]))
	}
	if chosen != nil {
		entries = append(entries, entry{Op: opRun, ID: chosen.ID})
	}
	return entries, chosen
}

// refusal says why a command may not be executed, "" when it may (protocol/control-plane.md, section 3.8).
func (s *Service) refusal(c *Stored) string {
	r := s.rows[c.Type]
	version := ""
	if c.TargetVersion != nil {
		version = *c.TargetVersion
	}
	switch {
	case version != s.o.Announced:
		return fmt.Sprintf("Wrong target version: %s for OIBus version %s", version, s.o.Announced)
	case r == nil:
		return fmt.Sprintf("Unknown command type %q: OIBus %s cannot execute it", c.Type, s.o.Announced)
	case !s.o.Registration.Allowed(r.permission):
		return fmt.Sprintf("Command %s of type %s is not authorized", c.ID, c.Type)
	case c.Type == "update-version" && s.o.Deps.IgnoreRemoteUpdate:
		return errUpdateRefused.Error()
	}
	return ""
}

// setCurrent starts the executor on what was chosen and journaled. The caller holds write.
func (s *Service) setCurrent(chosen *Stored) {
	if chosen != nil {
		s.book.current = chosen
		poke(s.kick)
	}
}

// resume runs what waits, if nothing runs: after a start, and when the registration changed.
func (s *Service) resume() error {
	s.book.write.Lock()
	defer s.book.write.Unlock()
	entries, chosen := s.choose(nil)
	if len(entries) == 0 {
		return nil
	}
	if err := s.book.commit(entries...); err != nil {
		return err
	}
	s.setCurrent(chosen)
	s.ack.notify()
	return nil
}

// cancel ends commands that the cloud has cancelled and that do not run yet.
func (s *Service) cancel(ids []string) error {
	s.book.write.Lock()
	defer s.book.write.Unlock()
	var entries []entry
	for _, id := range ids {
		if c := s.book.get(id); c != nil && c.Status == Retrieved {
			entries = append(entries, entry{Op: opEnd, ID: id, Status: Cancelled})
		}
	}
	if len(entries) == 0 {
		return nil
	}
	if err := s.book.commit(entries...); err != nil {
		return err
	}
	s.ack.notify()
	return nil
}

// Delete forgets a command (protocol/control-plane.md, section 2.10). One that runs cannot be deleted.
func (s *Service) Delete(id string) error {
	s.book.write.Lock()
	defer s.book.write.Unlock()
	c := s.book.get(id)
	switch {
	case c == nil:
		return entity.NotFound("OIAnalytics command %q not found", id)
	case c.Status == Running:
		return entity.Invalid("OIAnalytics command %q is being executed: delete it when it has ended", id)
	}
	return s.book.commit(entry{Op: opDrop, ID: id})
}
