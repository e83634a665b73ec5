package cloudsim

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// Agent is an OIBus as the simulator knows it.
type Agent struct {
	ID              string    `json:"id"` // the oibusId
	Name            string    `json:"name"`
	Version         string    `json:"version"`
	LauncherVersion string    `json:"launcherVersion,omitempty"`
	OS              string    `json:"os"`
	Arch            string    `json:"arch"`
	PublicKey       string    `json:"publicKey"` // the latest, PEM
	Token           string    `json:"token"`     // "" when it was revoked
	RegisteredAt    time.Time `json:"registeredAt"`
	LastSeen        time.Time `json:"lastSeen,omitzero"` // last request with the token
	Requests        uint64    `json:"requests"`
	Waiting         int       `json:"waitingCommands"` // not ended
}

// agent is the live form: what changes with every request needs no lock.
type agent struct {
	Agent
	lastSeen atomic.Int64 // Unix milliseconds
	requests atomic.Uint64

	pending []*command // to hand out; those that are no longer pending are dropped at the next poll
	all     []*command // in the order in which they were queued, the forgotten ones included until compaction
	gone    int        // how many of all are forgotten
	open    int        // not ended
	latest  map[string]*Configuration
	before  map[string]*Configuration
	check   *Registration // completed, to be forgotten when the token is used
}

func (a *agent) seen(now time.Time) {
	a.lastSeen.Store(now.UnixMilli())
	a.requests.Add(1)
}

// view is called with the lock of the simulator.
func (a *agent) view() Agent {
	v := a.Agent
	if ms := a.lastSeen.Load(); ms > 0 {
		v.LastSeen = time.UnixMilli(ms).UTC()
	}
	v.Requests, v.Waiting = a.requests.Load(), a.open
	return v
}

// agentByToken finds the agent to which a token was given. Its first use completes the registration for good.
func (s *Sim) agentByToken(token string) *agent {
	if token == "" {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.tokens[token]
	if a != nil && a.check != nil {
		a.check.used = true
		a.check = nil
	}
	return a
}

// AgentInfo is what an agent says of itself when it registers.
type AgentInfo struct {
	ID        string `json:"oibusId"`
	Name      string `json:"oibusName"`
	Version   string `json:"oibusVersion"`
	OS        string `json:"oibusOs"`
	Arch      string `json:"oibusArch"`
	PublicKey string `json:"publicKey"`
}

// Enroll makes an agent known without a registration and returns it with its token. A known agent gets a new token.
func (s *Sim) Enroll(info AgentInfo) (Agent, error) {
	if info.ID == "" {
		return Agent{}, fmt.Errorf("an agent needs an oibusId")
	}
	s.mu.Lock()
	a, err := s.admit(info)
	if err != nil {
		s.mu.Unlock()
		return Agent{}, err
	}
	v := a.view()
	s.mu.Unlock()
	s.changed(true)
	return v, nil
}

// admit is called with the lock.
func (s *Sim) admit(info AgentInfo) (*agent, error) {
	a := s.agents[info.ID]
	if a == nil {
		if len(s.agents) >= s.o.Limits.Agents {
			return nil, fmt.Errorf("%d agents are known already: remove some first", len(s.agents))
		}
		a = &agent{latest: map[string]*Configuration{}, before: map[string]*Configuration{}}
		s.agents[info.ID] = a
		s.order = append(s.order, a)
	}
	delete(s.tokens, a.Token)
	a.ID, a.Name, a.Version, a.OS, a.Arch, a.PublicKey = info.ID, info.Name, info.Version, info.OS, info.Arch, info.PublicKey
	a.Token, a.RegisteredAt = newToken(), s.o.Now().UTC()
	s.tokens[a.Token] = a
	return a, nil
}

func newToken() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails: it ends the process instead
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// Agents returns the agents whose id or name contains text, in the order of their first registration.
func (s *Sim) Agents(text string) []Agent {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []Agent{}
	for _, a := range s.order {
		if text == "" || strings.Contains(strings.ToLower(a.Name), strings.ToLower(text)) || strings.Contains(a.ID, text) {
			out = append(out, a.view())
		}
	}
	return out
}

// Agent returns one agent.
func (s *Sim) Agent(id string) (Agent, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.find(id)
	if err != nil {
		return Agent{}, err
	}
	return a.view(), nil
}

// find is called with the lock.
func (s *Sim) find(id string) (*agent, error) {
	if a := s.agents[id]; a != nil {
		return a, nil
	}
	return nil, &UnknownError{What: "agent", ID: id}
}

// UnknownError says that there is no such thing.
type UnknownError struct{ What, ID string }

func (e *UnknownError) Error() string { return fmt.Sprintf("no %s %q", e.What, e.ID) }

// Revoke takes the token of an agent away: its requests are answered 401 until it registers again.
func (s *Sim) Revoke(id string) error {
	return s.withAgent(id, func(a *agent) {
		delete(s.tokens, a.Token)
		a.Token = ""
	})
}

// RemoveAgent forgets an agent with its commands and configurations.
func (s *Sim) RemoveAgent(id string) error {
	return s.withAgent(id, func(a *agent) {
		delete(s.tokens, a.Token)
		delete(s.agents, id)
		s.order = slices.DeleteFunc(s.order, func(b *agent) bool { return a == b })
		for _, c := range a.all {
			s.forgetCommand(c)
		}
	})
}

func (s *Sim) withAgent(id string, change func(*agent)) error {
	s.mu.Lock()
	a, err := s.find(id)
	if err == nil {
		change(a)
	}
	s.mu.Unlock()
	if err != nil {
		return err
	}
	s.changed(true)
	return nil
}
