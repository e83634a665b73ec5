package command

import (
	"encoding/json"
	"maps"
	"time"
)

// States of a command (protocol/control-plane.md, section 3.2).
const (
	Retrieved = "RETRIEVED"
	Running   = "RUNNING"
	Completed = "COMPLETED"
	Errored   = "ERRORED"
	Cancelled = "CANCELLED"
)

const contentKey = "commandContent"

// Stored is a command as it is journaled. Fields are its type-specific keys in the form of section 5, as they go back
// to the cloud.
type Stored struct {
	Seq           uint64                     `json:"seq"` // order of arrival
	ID            string                     `json:"id"`
	Type          string                     `json:"type"`
	TargetVersion *string                    `json:"targetVersion"`
	Status        string                     `json:"status"`
	Ack           bool                       `json:"ack"`
	CreatedAt     string                     `json:"createdAt"`
	RetrievedDate string                     `json:"retrievedDate"`
	CompletedDate *string                    `json:"completedDate"`
	Result        *string                    `json:"result"`
	Fields        map[string]json.RawMessage `json:"fields"`
	// Sealed is the content of a type whose content holds secrets in clear; it is then not among Fields.
	Sealed string `json:"sealed,omitempty"`
	// Progress says how far a command that runs has come; "" for most.
	Progress string `json:"progress,omitempty"`

	revision int  // counts the changes of state, so that a confirmation is not taken for that of a later state
	alone    bool // the cloud refused a report that it was part of
	slim     bool // the cloud finds its report too long
}

func (c *Stored) terminal() bool {
	return c.Status == Completed || c.Status == Errored || c.Status == Cancelled
}

func (c *Stored) created() time.Time {
	t, err := time.Parse(time.RFC3339Nano, c.CreatedAt)
	if err != nil {
		return time.Time{} // as old as can be
	}
	return t
}

// copy is a snapshot that later changes do not reach. Fields are never changed in place.
func (c *Stored) copy() *Stored {
	snapshot := *c
	return &snapshot
}

// report is the JSON of a command in E6 (protocol/control-plane.md, section 3.7). ack is always false there: only what
// is not confirmed is sent.
func (s *Service) report(c *Stored) ([]byte, error) {
	return merge(struct {
		ID            string  `json:"id"`
		CreatedBy     *string `json:"createdBy"`
		UpdatedBy     *string `json:"updatedBy"`
		CreatedAt     string  `json:"createdAt"`
		UpdatedAt     string  `json:"updatedAt"`
		Status        string  `json:"status"`
		Ack           bool    `json:"ack"`
		TargetVersion *string `json:"targetVersion"`
		RetrievedDate string  `json:"retrievedDate"`
		CompletedDate *string `json:"completedDate"`
		Result        *string `json:"result"`
		Type          string  `json:"type"`
	}{c.ID, nil, nil, c.CreatedAt, c.CreatedAt, c.Status, false, c.TargetVersion, c.RetrievedDate, c.CompletedDate, c.Result, c.Type},
		s.sentFields(c))
}

func (s *Service) sentFields(c *Stored) map[string]json.RawMessage {
	fields := maps.Clone(c.Fields)
	if content, err := s.content(c); err == nil && content != nil {
		fields[contentKey] = content
	}
	if c.slim {
		delete(fields, contentKey)
	}
	return fields
}

// content is what the command says, opened when it is sealed; nil when it says nothing.
func (s *Service) content(c *Stored) (json.RawMessage, error) {
	if c.Sealed == "" {
		return c.Fields[contentKey], nil
	}
	plain, err := s.o.Sealer.Open(c.Sealed)
	return json.RawMessage(plain), err
}

// View is a command as the REST API shows it.
type View struct {
	ID            string  `json:"id"`
	Type          string  `json:"type"`
	Status        string  `json:"status"`
	Ack           bool    `json:"ack"`
	RetrievedDate string  `json:"retrievedDate"`
	CompletedDate *string `json:"completedDate"`
	Result        *string `json:"result"`
	TargetVersion *string `json:"targetVersion"`
	Progress      string  `json:"progress,omitempty"`

	Fields map[string]json.RawMessage `json:"-"` // the other keys, by type
}

// MarshalJSON puts the type-specific keys beside the others.
func (v View) MarshalJSON() ([]byte, error) {
	type plain View
	return merge(plain(v), v.Fields)
}

// view shows c without the secrets that it holds in clear.
func (s *Service) view(c *Stored) View {
	v := View{
		ID: c.ID, Type: c.Type, Status: c.Status, Ack: c.Ack, RetrievedDate: c.RetrievedDate,
		CompletedDate: c.CompletedDate, Result: c.Result, TargetVersion: c.TargetVersion, Progress: c.Progress, Fields: maps.Clone(c.Fields),
	}
	if c.Sealed == "" {
		return v
	}
	content, err := s.content(c)
	r := s.rows[c.Type]
	if err != nil || r == nil {
		return v
	}
	for _, path := range r.secrets {
		if content, err = replaceText(content, path, func(string) (string, error) { return "", nil }); err != nil {
			return v
		}
	}
	v.Fields[contentKey] = content
	return v
}

// merge writes the keys of fields after those of v, which must be a struct.
func merge(v any, fields map[string]json.RawMessage) ([]byte, error) {
	head, err := json.Marshal(v)
	if err != nil || len(fields) == 0 {
		return head, err
	}
	tail, err := json.Marshal(fields)
	if err != nil {
		return nil, err
	}
	return append(append(head[:len(head)-1], ','), tail[1:]...), nil
}
