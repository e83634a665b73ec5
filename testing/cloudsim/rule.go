package cloudsim

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// anyEndpoint in a rule matches every endpoint.
const anyEndpoint = "*"

// Rule makes an endpoint answer otherwise than it should. The first rule that matches a request applies. A rule with
// Status, Body, Text or Garbage replaces the answer, and the request is not processed unless Process is set. A rule
// without them changes how the true answer is delivered.
type Rule struct {
	ID       string `json:"id"`
	Endpoint string `json:"endpoint"`        // E1 … E11, D1 … D4, none, or *
	Agent    string `json:"agent,omitempty"` // only for this agent

	Skip        int     `json:"skip,omitempty"`        // matching requests that are answered truly first
	Count       int     `json:"count,omitempty"`       // how many times it applies; 0 is for ever
	Probability float64 `json:"probability,omitempty"` // of applying; 0 is always
	Seed        uint64  `json:"seed,omitempty"`        // of the dice: the same seed gives the same sequence

	Process        bool              `json:"process,omitempty"` // handle the request truly before answering otherwise
	DelayMS        int               `json:"delayMs,omitempty"`
	Status         int               `json:"status,omitempty"`
	Body           json.RawMessage   `json:"body,omitempty"` // JSON
	Text           string            `json:"text,omitempty"` // any other body
	Headers        map[string]string `json:"headers,omitempty"`
	RetryAfter     string            `json:"retryAfter,omitempty"`
	Garbage        string            `json:"garbage,omitempty"` // captive-portal, wrong-type, broken-json, empty
	Drop           bool              `json:"drop,omitempty"`    // close the connection without an answer
	TruncateAfter  *int64            `json:"truncateAfter,omitempty"`
	BytesPerSecond int               `json:"bytesPerSecond,omitempty"`

	Matched int `json:"matched"` // requests that matched so far
	Applied int `json:"applied"` // and those that it was applied to
}

// replaces says whether the rule has its own answer, so that the request need not be processed.
func (r Rule) replaces() bool {
	return r.Status != 0 || r.Body != nil || r.Text != "" || r.Garbage != "" || r.Drop
}

func (r Rule) check() error {
	switch {
	case !knownEndpoint(r.Endpoint):
		return fmt.Errorf("unknown endpoint %q: use E1 to E11, D1 to D4, none or *", r.Endpoint)
	case r.Probability < 0 || r.Probability > 1:
		return fmt.Errorf("probability %v is not between 0 and 1", r.Probability)
	case r.Status != 0 && (r.Status < 200 || r.Status > 599):
		return fmt.Errorf("status %d is not between 200 and 599", r.Status)
	case r.Skip < 0 || r.Count < 0 || r.DelayMS < 0 || r.BytesPerSecond < 0 || r.TruncateAfter != nil && *r.TruncateAfter < 0:
		return fmt.Errorf("skip, count, delayMs, bytesPerSecond and truncateAfter cannot be negative")
	case r.DelayMS > int(time.Hour/time.Millisecond):
		return fmt.Errorf("delayMs %d is more than an hour", r.DelayMS)
	case r.Garbage != "" && !slices.Contains(garbageKinds, r.Garbage):
		return fmt.Errorf("unknown garbage %q: use one of %v", r.Garbage, garbageKinds)
	}
	return nil
}

type liveRule struct {
	Rule
	dice *rand.Rand
}

type ruleSet struct {
	mu    sync.Mutex
	rules []*liveRule
	next  int
}

// match finds the rule that applies to a request and counts it.
func (s *ruleSet) match(endpoint, agent string) (Rule, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.rules {
		if r.Endpoint != anyEndpoint && r.Endpoint != endpoint || r.Agent != "" && r.Agent != agent {
			continue
		}
		if r.Matched++; r.applies() {
			r.Applied++
			return r.Rule, true
		}
	}
	return Rule{}, false
}

func (r *liveRule) applies() bool {
	if r.Matched <= r.Skip || r.Count > 0 && r.Applied >= r.Count {
		return false
	}
	return r.Probability == 0 || r.dice.Float64() < r.Probability
}

// AddRule adds a rule after the others and returns its id, which is made up when it is empty.
func (s *Sim) AddRule(r Rule) (id string, err error) {
	if err := r.check(); err != nil {
		return "", err
	}
	s.rules.mu.Lock()
	defer s.rules.mu.Unlock()
	s.rules.next++
	if r.ID == "" {
		r.ID = "rule-" + strconv.Itoa(s.rules.next)
	}
	for _, other := range s.rules.rules {
		if other.ID == r.ID {
			return "", fmt.Errorf("a rule %q exists already", r.ID)
		}
	}
	r.Matched, r.Applied = 0, 0
	s.rules.rules = append(s.rules.rules, &liveRule{Rule: r, dice: rand.New(rand.NewPCG(r.Seed, uint64(len(r.Endpoint))))})
	return r.ID, nil
}

// Rules returns the rules with how often they were applied.
func (s *Sim) Rules() []Rule {
	s.rules.mu.Lock()
	defer s.rules.mu.Unlock()
	out := make([]Rule, len(s.rules.rules))
	for i, r := range s.rules.rules {
		out[i] = r.Rule
	}
	return out
}

// RemoveRule says whether there was such a rule.
func (s *Sim) RemoveRule(id string) bool {
	s.rules.mu.Lock()
	defer s.rules.mu.Unlock()
	before := len(s.rules.rules)
	s.rules.rules = slices.DeleteFunc(s.rules.rules, func(r *liveRule) bool { return r.ID == id })
	return len(s.rules.rules) < before
}

// ResetRules removes every rule.
func (s *Sim) ResetRules() {
	s.rules.mu.Lock()
	defer s.rules.mu.Unlock()
	s.rules.rules = nil
}

// httpHeader is what the rule adds to its answer.
func (r Rule) httpHeader() http.Header {
	h := http.Header{}
	for name, value := range r.Headers {
		h.Set(name, value)
	}
	if r.RetryAfter != "" {
		h.Set("Retry-After", r.RetryAfter)
	}
	return h
}
