package cloudsim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"oibus/platform"
)

// stateLevel is raised when a state file can no longer be read by the versions before.
const stateLevel = 1

// savePause is the shortest time between two savings; after a slow one the pause is saveShare times as long, so that
// a large state does not keep the disk busy.
const (
	savePause = 300 * time.Millisecond
	saveShare = 10
)

// savedState is the state file. Logs, data and the journal are not in it.
type savedState struct {
	Level          int             `json:"level"`
	Agents         []Agent         `json:"agents"`
	Registrations  []Registration  `json:"registrations"` // that an agent still asks for
	Commands       []Command       `json:"commands"`
	Configurations []Configuration `json:"configurations"` // the latest of each agent and kind
}

// saver writes the state file some time after a change.
type saver struct {
	mu      sync.Mutex // one writer
	dirty   chan struct{}
	failure error
}

func (s *saver) mark() {
	if s.dirty == nil {
		return
	}
	select {
	case s.dirty <- struct{}{}:
	default: // a saving is due already
	}
}

func (s *Sim) startSaving() {
	if s.o.State == "" {
		return
	}
	s.saver.dirty = make(chan struct{}, 1)
	s.tasks.Go("state saver", func(ctx context.Context) error {
		for {
			select {
			case <-s.saver.dirty:
			case <-ctx.Done():
				return nil
			}
			start := time.Now()
			if err := s.save(); err != nil {
				s.o.Log.Error("state is not saved", "error", err)
			}
			if !pause(ctx, max(savePause, saveShare*time.Since(start))) {
				return nil
			}
		}
	})
}

// save writes the state now. Without a state file it does nothing.
func (s *Sim) save() error {
	if s.o.State == "" {
		return nil
	}
	s.saver.mu.Lock()
	defer s.saver.mu.Unlock()
	raw, err := json.Marshal(s.snapshot())
	if err == nil {
		err = platform.WriteFile(s.o.State, raw, 0o600)
	}
	if err != nil {
		err = fmt.Errorf("cannot save the state: %w", err)
	}
	s.saver.failure = err
	return err
}

// SaveError tells why the state file was not written last time, nil when it was.
func (s *Sim) SaveError() error {
	s.saver.mu.Lock()
	defer s.saver.mu.Unlock()
	return s.saver.failure
}

// snapshot copies the state. Bodies are shared: they never change.
func (s *Sim) snapshot() savedState {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := savedState{Level: stateLevel}
	for _, a := range s.order {
		out.Agents = append(out.Agents, a.view())
		for _, c := range a.all {
			if !c.forgotten {
				out.Commands = append(out.Commands, c.Command)
			}
		}
		for _, kind := range []string{FullConfig, HistoryQueries} {
			if c := a.latest[kind]; c != nil {
				out.Configurations = append(out.Configurations, *c)
			}
		}
	}
	for _, r := range s.history.after(0) {
		if !r.used && (r.Status == RegistrationPending || r.Status == RegistrationCompleted) {
			out.Registrations = append(out.Registrations, *r)
		}
	}
	return out
}

// load reads the state file. A file that cannot be read is an error: the person decides what becomes of it.
func (s *Sim) load() error {
	if s.o.State == "" {
		return nil
	}
	raw, err := os.ReadFile(s.o.State)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	var state savedState
	if err == nil {
		err = json.Unmarshal(raw, &state)
	}
	if err == nil && state.Level > stateLevel {
		err = fmt.Errorf("it was written by a newer version (level %d, this one knows %d)", state.Level, stateLevel)
	}
	if err != nil {
		return fmt.Errorf("cannot read the state file %q, move it away to start anew: %w", s.o.State, err)
	}
	s.restore(state)
	return nil
}

func (s *Sim) restore(state savedState) {
	for _, saved := range state.Agents {
		a := &agent{Agent: saved, latest: map[string]*Configuration{}, before: map[string]*Configuration{}}
		if !saved.LastSeen.IsZero() {
			a.lastSeen.Store(saved.LastSeen.UnixMilli())
		}
		a.requests.Store(saved.Requests)
		s.agents[a.ID] = a
		s.order = append(s.order, a)
		if a.Token != "" {
			s.tokens[a.Token] = a
		}
	}
	for _, r := range state.Registrations {
		s.remember(&r)
		if a := s.agents[r.Agent.ID]; a != nil && r.Status == RegistrationCompleted {
			a.check = &r
		}
	}
	for _, c := range state.Commands {
		s.restoreCommand(c)
	}
	for _, c := range state.Configurations {
		s.restoreConfiguration(c)
	}
}

func (s *Sim) restoreCommand(c Command) {
	a := s.agents[c.Agent]
	if a == nil {
		return
	}
	live := &command{Command: c, weight: int64(len(c.Body)) + 512}
	for _, u := range c.Updates {
		live.weight += int64(len(u.Body)+len(text(u.Result))) + 128
	}
	s.index(a, live)
	s.nextCommand = max(s.nextCommand, c.Seq)
	if ended(c.Status) {
		s.ended = append(s.ended, live)
		return
	}
	a.open++
	if c.Status == CommandPending {
		a.pending = append(a.pending, live)
	}
}

func (s *Sim) restoreConfiguration(c Configuration) {
	a := s.agents[c.Agent]
	if a == nil {
		return
	}
	c.Seq = s.configurations.next()
	s.configurations.add(&c, int64(len(c.Body))+256)
	a.latest[c.Kind] = &c
}
