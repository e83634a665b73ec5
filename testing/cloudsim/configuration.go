package cloudsim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// Kinds of configuration, named as the messages of the agent (protocol/control-plane.md, section 7).
const (
	FullConfig     = "full-config"
	HistoryQueries = "history-queries"
)

// Configuration is one configuration that an agent sent.
type Configuration struct {
	Seq   uint64          `json:"seq"`
	At    time.Time       `json:"at"`
	Agent string          `json:"agent"`
	Kind  string          `json:"kind"`
	Bytes int             `json:"bytes"`
	Body  json.RawMessage `json:"body,omitempty"` // absent when the memory went to newer ones
}

// dropContent is called with the lock when the memory for configurations is full. The entry may still be the latest of
// its agent: it stays, without its content.
func dropContent(c *Configuration) { c.Body = nil }

// announced is what the simulator reads in a full configuration.
type announced struct {
	Engine struct {
		Name            string `json:"name"`
		SoftwareVersion string `json:"softwareVersion"`
		LauncherVersion string `json:"launcherVersion"`
		Architecture    string `json:"architecture"`
		OperatingSystem string `json:"operatingSystem"`
	} `json:"engine"`
	Registration struct {
		PublicKey string `json:"publicKey"`
	} `json:"registration"`
}

// serveFullConfiguration is E7.
func (s *Sim) serveFullConfiguration(x *exchange) answer {
	var said announced
	if err := json.Unmarshal(x.body, &said); err != nil {
		return badConfiguration(err)
	}
	return s.receive(x, FullConfig, func(a *agent) {
		takeOver(&a.Name, said.Engine.Name)
		takeOver(&a.Version, said.Engine.SoftwareVersion)
		takeOver(&a.LauncherVersion, said.Engine.LauncherVersion)
		takeOver(&a.Arch, said.Engine.Architecture)
		takeOver(&a.OS, said.Engine.OperatingSystem)
		takeOver(&a.PublicKey, said.Registration.PublicKey)
	})
}

func takeOver(to *string, value string) {
	if value != "" {
		*to = value
	}
}

// serveHistoryQueries is E8.
func (s *Sim) serveHistoryQueries(x *exchange) answer {
	var said struct {
		HistoryQueries []json.RawMessage `json:"historyQueries"`
	}
	if err := json.Unmarshal(x.body, &said); err != nil {
		return badConfiguration(err)
	}
	if said.HistoryQueries == nil {
		return badConfiguration(fmt.Errorf("historyQueries is missing"))
	}
	return s.receive(x, HistoryQueries, func(*agent) {})
}

// badConfiguration has the words by which the agent gives a message up (section 7.2).
func badConfiguration(err error) answer {
	return reply(http.StatusBadRequest, map[string]any{"status": http.StatusBadRequest, "error": "Bad Request", "message": err.Error()})
}

func (s *Sim) receive(x *exchange, kind string, note func(*agent)) answer {
	body := bytes.TrimSpace(x.body)
	if len(body) == 0 || body[0] != '{' {
		return badConfiguration(fmt.Errorf("the body is not an object"))
	}
	s.mu.Lock()
	c := &Configuration{Seq: s.configurations.next(), At: s.o.Now().UTC(), Agent: x.agent.ID, Kind: kind, Bytes: len(body), Body: body}
	s.configurations.add(c, int64(len(body))+256)
	x.agent.before[kind] = x.agent.latest[kind]
	x.agent.latest[kind] = c
	note(x.agent)
	s.mu.Unlock()
	s.changed(true)
	return accepted
}

// serveForgetHistoryQuery is E9, which the reference agent never calls: the next list (E8) tells the same.
func (s *Sim) serveForgetHistoryQuery(x *exchange) answer {
	if x.r.URL.Query().Get("historyId") == "" {
		return badConfiguration(fmt.Errorf("historyId is missing"))
	}
	return accepted
}

// ConfigurationFilter narrows Configurations. Zero fields do not.
type ConfigurationFilter struct {
	Agent string
	Kind  string
	After uint64 // only those with a greater number
	Limit int    // only the newest of them
}

// Configurations returns the configurations received, in the order of arrival.
func (s *Sim) Configurations(f ConfigurationFilter) []Configuration {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []Configuration{}
	for _, c := range s.configurations.after(f.After) {
		if c.Seq > f.After && (f.Agent == "" || f.Agent == c.Agent) && (f.Kind == "" || f.Kind == c.Kind) {
			out = append(out, *c)
		}
	}
	return newest(out, f.Limit)
}

// Configuration returns the latest configuration of an agent and the one before it, which may be absent.
func (s *Sim) Configuration(agentID, kind string) (latest, before *Configuration, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.find(agentID)
	if err != nil {
		return nil, nil, err
	}
	return copied(a.latest[kind]), copied(a.before[kind]), nil
}

func copied(c *Configuration) *Configuration {
	if c == nil {
		return nil
	}
	v := *c
	return &v
}
