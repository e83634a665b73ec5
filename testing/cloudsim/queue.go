package cloudsim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"oibus/agent/entity"
)

// ErrFull says that more commands wait than the simulator may remember.
var ErrFull = errors.New("too many commands are waiting: cancel some, or start the simulator with a higher limit")

// Queue adds commands for an agent, each a JSON object with a type, or any value that encodes as one. A missing id or
// targetVersion is filled in; everything else is handed out as it is. It returns the ids.
func (s *Sim) Queue(agentID string, commands ...any) (ids []string, err error) {
	bodies := make([]json.RawMessage, len(commands))
	for i, c := range commands {
		if bodies[i], err = encode(c); err != nil {
			return nil, fmt.Errorf("cannot encode command %d: %w", i+1, err)
		}
	}
	s.mu.Lock()
	ids, err = s.queue(agentID, bodies)
	s.mu.Unlock()
	if err == nil {
		s.changed(true)
	}
	return ids, err
}

// encode leaves JSON that is written already as it is.
func encode(c any) (json.RawMessage, error) {
	if raw, ok := c.(json.RawMessage); ok && json.Valid(raw) {
		return raw, nil
	}
	return json.Marshal(c)
}

// queue is called with the lock. It queues all commands or none.
func (s *Sim) queue(agentID string, bodies []json.RawMessage) (ids []string, err error) {
	a, err := s.find(agentID)
	if err != nil {
		return nil, err
	}
	list := make([]*command, len(bodies))
	for i, body := range bodies {
		if list[i], err = newCommand(body, a); err != nil {
			return nil, fmt.Errorf("command %d: %w", i+1, err)
		}
	}
	if !s.makeRoom(list) {
		return nil, ErrFull
	}
	for _, c := range list {
		s.enqueue(a, c)
		ids = append(ids, c.ID)
	}
	return ids, nil
}

func (s *Sim) enqueue(a *agent, c *command) {
	s.nextCommand++
	c.Seq, c.QueuedAt = s.nextCommand, s.o.Now().UTC()
	s.index(a, c)
	a.pending = append(a.pending, c)
	a.open++
}

// index is called with the lock. Two commands may have the same id: a test may want to know what an agent makes of it.
func (s *Sim) index(a *agent, c *command) {
	s.commands[c.ID] = append(s.commands[c.ID], c)
	a.all = append(a.all, c)
	s.commandCount++
	s.commandBytes += c.weight
}

type commandKeys struct {
	ID            *string `json:"id"`
	Type          string  `json:"type"`
	TargetVersion *string `json:"targetVersion"`
}

func newCommand(body json.RawMessage, a *agent) (*command, error) {
	var k commandKeys
	if err := json.Unmarshal(body, &k); err != nil {
		return nil, fmt.Errorf("not a JSON object with a type: %w", err)
	}
	if body = bytes.TrimSpace(body); len(body) == 0 || body[0] != '{' {
		return nil, errors.New("not a JSON object")
	}
	if k.Type == "" {
		return nil, errors.New("the type is missing")
	}
	if k.TargetVersion == nil {
		k.TargetVersion, body = &a.Version, prepend(body, "targetVersion", a.Version)
	}
	if k.ID == nil || *k.ID == "" {
		id := "cmd-" + entity.NewID(16)
		k.ID, body = &id, prepend(body, "id", id)
	}
	c := Command{ID: *k.ID, Agent: a.ID, Type: k.Type, TargetVersion: *k.TargetVersion, Status: CommandPending, Updates: []Update{}, Body: body}
	return &command{Command: c, weight: int64(len(body)) + 512}, nil
}

// prepend adds a key in front of those of an object and leaves the rest as it was written.
func prepend(object json.RawMessage, key, value string) json.RawMessage {
	text, _ := json.Marshal(value) // a string always encodes
	rest := bytes.TrimSpace(object[1:])
	separator := ","
	if rest[0] == '}' {
		separator = ""
	}
	return json.RawMessage(`{` + strconv.Quote(key) + `:` + string(text) + separator + string(rest))
}

// makeRoom is called with the lock. It forgets the commands that ended longest ago and says whether there is room.
func (s *Sim) makeRoom(list []*command) bool {
	var weight int64
	for _, c := range list {
		weight += c.weight
	}
	full := func() bool {
		return s.commandCount+len(list) > s.o.Limits.Commands || s.commandBytes+weight > s.o.Limits.CommandBytes
	}
	for full() && len(s.ended) > 0 {
		c := s.ended[0]
		s.ended[0] = nil
		s.ended = s.ended[1:]
		s.forgetCommand(c)
	}
	return !full()
}

// forgetCommand is called with the lock.
func (s *Sim) forgetCommand(c *command) {
	if c.forgotten {
		return
	}
	c.forgotten = true
	s.commandCount--
	s.commandBytes -= c.weight
	s.commands[c.ID] = without(s.commands[c.ID], c)
	if len(s.commands[c.ID]) == 0 {
		delete(s.commands, c.ID)
	}
	a := s.agents[c.Agent]
	if a == nil {
		return
	}
	if a.gone++; a.gone > len(a.all)/2 {
		a.all, a.gone = remembered(a.all), 0
	}
}

func without(list []*command, c *command) []*command {
	out := make([]*command, 0, len(list))
	for _, other := range list {
		if other != c {
			out = append(out, other)
		}
	}
	return out
}

func remembered(list []*command) []*command {
	out := make([]*command, 0, len(list))
	for _, c := range list {
		if !c.forgotten {
			out = append(out, c)
		}
	}
	return out
}
