package cloudsim

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"oibus/agent/entity"
)

// Status of a registration, as its check answers.
const (
	RegistrationPending   = "PENDING"
	RegistrationCompleted = "COMPLETED"
	RegistrationDeclined  = "DECLINED"
	RegistrationExpired   = "EXPIRED"
)

// Registration is an agent's request to be known.
type Registration struct {
	ID          string    `json:"id"` // of the check
	Code        string    `json:"activationCode"`
	Agent       AgentInfo `json:"agent"`
	RequestedAt time.Time `json:"requestedAt"`
	ExpiresAt   time.Time `json:"expirationDate"`
	Status      string    `json:"status"`

	used bool // the token was used: the check has done its work
}

// statusAt is the status that a check answers.
func (r *Registration) statusAt(now time.Time) string {
	if r.Status == RegistrationPending && now.After(r.ExpiresAt) {
		return RegistrationExpired
	}
	return r.Status
}

// instant is how OIAnalytics writes a date.
func instant(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

type registrationRequest struct {
	Code string `json:"activationCode"`
	AgentInfo
}

// peekOIBusID finds whose registration a body is, for the rules; "" when it cannot be read.
func peekOIBusID(body []byte) string {
	var q registrationRequest
	if json.Unmarshal(body, &q) != nil {
		return ""
	}
	return q.ID
}

// serveRegister is E1 (protocol/control-plane.md, section 2.3).
func (s *Sim) serveRegister(x *exchange) answer {
	var q registrationRequest
	if err := json.Unmarshal(x.body, &q); err != nil {
		return failure(http.StatusBadRequest, "Bad Request: "+err.Error())
	}
	if q.Code == "" || q.ID == "" || len(q.ID) > 200 || len(q.Code) > 200 {
		return failure(http.StatusBadRequest, "Bad Request: activationCode and oibusId are needed")
	}
	now := s.o.Now().UTC()
	r := &Registration{ID: entity.NewID(16), Code: q.Code, Agent: q.AgentInfo, RequestedAt: now, ExpiresAt: now.Add(s.o.RegistrationTTL), Status: RegistrationPending}
	s.mu.Lock()
	s.remember(r)
	var err error
	if s.o.AutoApprove {
		err = s.complete(r)
	}
	s.mu.Unlock()
	s.changed(true)
	if err != nil {
		return failure(http.StatusServiceUnavailable, err.Error())
	}
	s.o.Log.Info("an agent asks to register", "agent", q.ID, "name", q.Name, "version", q.Version)
	return reply(http.StatusOK, map[string]string{"redirectUrl": checkPath + "?id=" + url.QueryEscape(r.ID), "expirationDate": instant(r.ExpiresAt)})
}

// remember is called with the lock. A new registration of an agent takes the place of its older one.
func (s *Sim) remember(r *Registration) {
	if old := s.latest[r.Agent.ID]; old != nil && old.Status == RegistrationPending {
		old.Status = RegistrationDeclined
	}
	s.registrations[r.ID] = r
	s.latest[r.Agent.ID] = r
	s.history.add(r, 1)
}

// forgetRegistration is called with the lock, when the history is full.
func (s *Sim) forgetRegistration(r *Registration) {
	delete(s.registrations, r.ID)
	if s.latest[r.Agent.ID] == r {
		delete(s.latest, r.Agent.ID)
	}
}

func (s *Sim) agentOfRegistration(id string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.registrations[id]; r != nil {
		return r.Agent.ID
	}
	return ""
}

type checkAnswer struct {
	Status      string  `json:"status"`
	Expired     bool    `json:"expired"`
	AccessToken *string `json:"accessToken"`
}

// serveCheck is E2. The token is handed out until the agent has used it, so that a lost answer loses nothing.
func (s *Sim) serveCheck(x *exchange) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.registrations[x.r.URL.Query().Get("id")]
	if r == nil || r.used {
		return failure(http.StatusNotFound, "Not Found: no such registration")
	}
	status := r.statusAt(s.o.Now())
	a := checkAnswer{Status: status, Expired: status == RegistrationExpired}
	if status == RegistrationCompleted {
		agent := s.agents[r.Agent.ID]
		if agent == nil || agent.Token == "" {
			return failure(http.StatusNotFound, "Not Found: the agent was removed or its token revoked")
		}
		a.AccessToken = &agent.Token
	}
	return reply(http.StatusOK, a)
}

// serveStatus is E3.
func (s *Sim) serveStatus(*exchange) answer { return accepted }

// complete is called with the lock.
func (s *Sim) complete(r *Registration) error {
	a, err := s.admit(r.Agent)
	if err != nil {
		return err
	}
	r.Status, a.check = RegistrationCompleted, r
	return nil
}

// waiting is called with the lock: the registrations whose code can be entered, oldest first.
func (s *Sim) waiting() []*Registration {
	var out []*Registration
	now := s.o.Now()
	for _, r := range s.history.after(0) {
		if r.statusAt(now) == RegistrationPending {
			out = append(out, r)
		}
	}
	return out
}

// Registrations returns the registrations that wait for their code, oldest first.
func (s *Sim) Registrations() []Registration {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []Registration{}
	for _, r := range s.waiting() {
		out = append(out, *r)
	}
	return out
}

// ErrNoSuchCode says that nobody waits with the code that was entered.
var ErrNoSuchCode = errors.New("no OIBus is waiting with this code: codes are case-sensitive and expire")

// Approve completes the registration with this activation code. The agent gets its token at its next check.
func (s *Sim) Approve(code string) (Agent, error) {
	return s.decideByCode(code, s.complete)
}

// ApproveAgent completes the registration of an agent without its code.
func (s *Sim) ApproveAgent(id string) (Agent, error) { return s.decideLatest(id, s.complete) }

// Decline refuses the registration with this activation code.
func (s *Sim) Decline(code string) error {
	_, err := s.decideByCode(code, decline)
	return err
}

// DeclineAgent refuses the registration of an agent.
func (s *Sim) DeclineAgent(id string) error {
	_, err := s.decideLatest(id, decline)
	return err
}

func decline(r *Registration) error {
	r.Status = RegistrationDeclined
	return nil
}

func (s *Sim) decideLatest(id string, verdict func(*Registration) error) (Agent, error) {
	return s.decide(func() (*Registration, error) {
		r := s.latest[id]
		if r == nil || r.statusAt(s.o.Now()) != RegistrationPending {
			return nil, &UnknownError{What: "waiting registration of agent", ID: id}
		}
		return r, nil
	}, verdict)
}

func (s *Sim) decideByCode(code string, verdict func(*Registration) error) (Agent, error) {
	return s.decide(func() (found *Registration, err error) {
		for _, r := range s.waiting() {
			switch {
			case r.Code != code:
			case found != nil:
				return nil, fmt.Errorf("agents %q and %q wait with the same code: decline one of them", found.Agent.ID, r.Agent.ID)
			default:
				found = r
			}
		}
		if found == nil {
			return nil, ErrNoSuchCode
		}
		return found, nil
	}, verdict)
}

// decide applies the verdict to the registration that meant finds under the lock.
func (s *Sim) decide(meant func() (*Registration, error), verdict func(*Registration) error) (Agent, error) {
	s.mu.Lock()
	r, err := meant()
	if err == nil {
		err = verdict(r)
	}
	var decided Agent
	if err == nil {
		decided = Agent{ID: r.Agent.ID, Name: r.Agent.Name}
		if a := s.agents[r.Agent.ID]; a != nil {
			decided = a.view()
		}
	}
	s.mu.Unlock()
	if err == nil {
		s.changed(true)
	}
	return decided, err
}
