package agent

import (
	"encoding/json"
	"fmt"
	"sync"

	"oibus/agent/store"
)

// guides remembers which users want the guide of the page no more, wherever they sign in.
type guides struct {
	facts *store.Facts

	mu  sync.Mutex
	off map[string]bool // by the id of the user, as far as it was asked for
}

func newGuides(s *store.Store) *guides {
	return &guides{facts: s.Facts("guide"), off: map[string]bool{}}
}

func (g *guides) isOff(user string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	off, known := g.off[user]
	if !known {
		_, off = g.facts.Get(user)
		g.off[user] = off
	}
	return off
}

func (g *guides) turnOff(user string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.facts.Set(map[string]json.RawMessage{user: json.RawMessage("true")}); err != nil {
		return fmt.Errorf("cannot remember that the guide is not wanted: %w", err)
	}
	g.off[user] = true
	return nil
}
