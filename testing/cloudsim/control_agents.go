package cloudsim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"oibus/testing/cloudsim/catalogue"
)

func (s *Sim) controlMetrics(*http.Request) (any, error) { return s.Metrics(), nil }

func (s *Sim) controlRegistrations(*http.Request) (any, error) { return s.Registrations(), nil }

type decision struct {
	Code string `json:"activationCode"`
	ID   string `json:"oibusId"`
}

func (s *Sim) controlApprove(r *http.Request) (any, error) {
	var d decision
	if err := decode(r, &d); err != nil {
		return nil, err
	}
	if d.ID != "" {
		return s.ApproveAgent(d.ID)
	}
	return s.Approve(d.Code)
}

func (s *Sim) controlDecline(r *http.Request) (any, error) {
	var d decision
	if err := decode(r, &d); err != nil {
		return nil, err
	}
	if d.ID != "" {
		return nil, s.DeclineAgent(d.ID)
	}
	return nil, s.Decline(d.Code)
}

func (s *Sim) controlAgents(r *http.Request) (any, error) {
	return s.Agents(r.URL.Query().Get("text")), nil
}

func (s *Sim) controlEnroll(r *http.Request) (any, error) {
	var info AgentInfo
	if err := decode(r, &info); err != nil {
		return nil, err
	}
	return s.Enroll(info)
}

func (s *Sim) controlAgent(r *http.Request) (any, error) { return s.Agent(r.PathValue("agent")) }

func (s *Sim) controlRemoveAgent(r *http.Request) (any, error) {
	return nil, s.RemoveAgent(r.PathValue("agent"))
}

func (s *Sim) controlRevoke(r *http.Request) (any, error) {
	return nil, s.Revoke(r.PathValue("agent"))
}

func (s *Sim) controlNames(r *http.Request) (any, error) { return s.Names(r.PathValue("agent")) }

func (s *Sim) controlEncrypt(r *http.Request) (any, error) {
	var q struct {
		Secret string `json:"secret"`
	}
	if err := decode(r, &q); err != nil {
		return nil, err
	}
	sealed, err := s.Encrypt(r.PathValue("agent"), q.Secret)
	return map[string]string{"ciphertext": sealed}, err
}

func (s *Sim) controlQueue(r *http.Request) (any, error) {
	body, err := readControl(r)
	if err != nil {
		return nil, err
	}
	commands, err := parseCommands(body)
	if err != nil {
		return nil, err
	}
	ids, err := s.Queue(r.PathValue("agent"), commands...)
	return map[string][]string{"ids": ids}, err
}

// parseCommands reads one command or an array of them.
func parseCommands(body []byte) ([]any, error) {
	body = bytes.TrimSpace(body)
	list := []json.RawMessage{body}
	if len(body) > 0 && body[0] == '[' {
		list = nil
		if err := json.Unmarshal(body, &list); err != nil {
			return nil, fmt.Errorf("cannot read the commands: %w", err)
		}
	}
	if len(list) == 0 {
		return nil, errors.New("there is no command in the array")
	}
	out := make([]any, len(list))
	for i, c := range list {
		if !json.Valid(c) {
			return nil, errors.New("cannot read the command: it is not JSON")
		}
		out[i] = c
	}
	return out, nil
}

func (s *Sim) controlCommands(r *http.Request) (any, error) {
	_, limit, err := paging(r)
	if err != nil {
		return nil, err
	}
	q := r.URL.Query()
	return s.Commands(r.PathValue("agent"), CommandFilter{Status: q.Get("status"), Type: q.Get("type"), Limit: limit})
}

func (s *Sim) controlCommand(r *http.Request) (any, error) { return s.Command(r.PathValue("id")) }

func (s *Sim) controlCancel(r *http.Request) (any, error) {
	if err := s.Cancel(r.PathValue("id")); err != nil {
		return nil, err
	}
	return s.Command(r.PathValue("id"))
}

func (s *Sim) controlConfiguration(w http.ResponseWriter, r *http.Request) {
	c, _, err := s.Configuration(r.PathValue("agent"), r.PathValue("kind"))
	if err == nil && (c == nil || c.Body == nil) {
		err = &UnknownError{What: "configuration of kind", ID: r.PathValue("kind")}
	}
	if err != nil {
		writeJSON(w, nil, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(c.Body) // the caller may have gone
}

func (s *Sim) controlConfigurations(r *http.Request) (any, error) {
	after, limit, err := paging(r)
	q := r.URL.Query()
	return s.Configurations(ConfigurationFilter{Agent: q.Get("agent"), Kind: q.Get("kind"), After: after, Limit: limit}), err
}

// formLibrary is what the command form needs to draw itself.
type formLibrary struct {
	Templates []catalogue.Template           `json:"templates"`
	Fields    map[string]catalogue.Field     `json:"fields"`
	Choices   map[string][]string            `json:"choices"`
	Secrets   map[string]map[string][]string `json:"secrets"`
}

func (s *Sim) controlTemplates(*http.Request) (any, error) {
	return formLibrary{catalogue.Templates(), catalogue.Fields, catalogue.Choices, catalogue.SecretsOf()}, nil
}
