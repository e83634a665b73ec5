package cloudsim

import (
	"context"
	"fmt"
)

// CommandFilter narrows Commands. Zero fields do not.
type CommandFilter struct {
	Status string
	Type   string
	Limit  int // only the newest of them
}

// Commands returns the commands of an agent that match, in the order in which they were queued.
func (s *Sim) Commands(agentID string, f CommandFilter) ([]Command, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.find(agentID)
	if err != nil {
		return nil, err
	}
	out := []Command{}
	for _, c := range a.all {
		if !c.forgotten && (f.Status == "" || f.Status == c.Status) && (f.Type == "" || f.Type == c.Type) {
			out = append(out, c.Command)
		}
	}
	return newest(out, f.Limit), nil
}

// Command returns the last command that was queued with this id.
func (s *Sim) Command(id string) (Command, error) {
	list, err := s.Statuses(id)
	if err != nil {
		return Command{}, err
	}
	return list[0], nil
}

// Statuses returns the commands with these ids, in the same order.
func (s *Sim) Statuses(ids ...string) ([]Command, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Command, len(ids))
	for i, id := range ids {
		list := s.commands[id]
		if len(list) == 0 {
			return nil, &UnknownError{What: "command", ID: id}
		}
		out[i] = list[len(list)-1].Command
	}
	return out, nil
}

// WaitTerminal waits until each of these commands has ended and returns them in the same order. When ctx is done
// first, the error names those that have not.
func (s *Sim) WaitTerminal(ctx context.Context, ids ...string) ([]Command, error) {
	left := ids
	err := s.events.wait(ctx, func() bool {
		left = s.unended(left)
		return len(left) == 0
	})
	if err != nil {
		return nil, fmt.Errorf("%d of %d commands have not ended, the first is %s: %w", len(left), len(ids), s.describe(left[0]), err)
	}
	return s.Statuses(ids...)
}

func (s *Sim) unended(ids []string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, id := range ids {
		if list := s.commands[id]; len(list) == 0 || !ended(list[len(list)-1].Status) {
			out = append(out, id)
		}
	}
	return out
}

func (s *Sim) describe(id string) string {
	c, err := s.Command(id)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%q (%s) in state %s", id, c.Type, c.Status)
}
