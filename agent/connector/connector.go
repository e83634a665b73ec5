// Package connector is what south and north connectors have in common: what they may ask of the agent, and what a test
// tells. It promises that a connector sees nothing of the agent but this, and gets its secrets in clear only here, in
// memory. It guards against connectors that reach into the agent.
package connector

import (
	"encoding/json"
	"log/slog"
	"time"

	"oibus/agent/cloud"
)

// Env is what a connector is made from.
type Env struct {
	ID, Name string
	Type     string
	Settings json.RawMessage // with secrets in clear: never log it
	Log      *slog.Logger
	TempDir  string // exists, is the connector's own, and is emptied before each start
	Test     bool   // made for one test only, not for running
	Host     Host
	// Memory is what the connector remembers over restarts besides its content, such as the host keys it trusts. It is
	// nil in a test of settings that belong to no saved connector.
	Memory Memory
}

// MemoryOf is what a connector remembers, nil when nothing lasts, or when it was never saved.
func (h Host) MemoryOf(id string) Memory {
	if h.Memory == nil || id == "" {
		return nil
	}
	return h.Memory(id)
}

// MemoryName is the document of what a connector remembers.
func MemoryName(id string) string { return "memory/" + id }

// Memory keeps a few small facts of a connector, durably. It is safe for concurrent use.
type Memory interface {
	Get(key string) (json.RawMessage, bool)
	// Set changes some keys, nil deletes one; what it says is durable when it returns nil.
	Set(changes map[string]json.RawMessage) error
}

// Host is what the agent gives to all connectors.
type Host struct {
	Version string // of the agent, as announced
	// OIAnalytics is the connection of the registration. Its error is for the person who set the connector up.
	OIAnalytics func() (cloud.Connection, error)
	// Certificate finds a stored certificate with its private key in clear.
	Certificate func(id string) (Certificate, error)
	// Identity is the agent's own certificate, by which it shows itself to machines: self-signed, made once, with its
	// application URI as subjectAltName.
	Identity func() (Certificate, error)
	// Memory is what the connector of that id remembers; nil when nothing lasts.
	Memory func(id string) Memory
	// Seal and Open turn a secret into what may be written to a Memory, and back.
	Seal func(secret string) (string, error)
	Open func(sealed string) (string, error)
	Now  func() time.Time
	// AcceptChangedSSHHostKeys says that the person in charge of the machine expects servers to show other host keys.
	AcceptChangedSSHHostKeys bool
}

// Certificate is a stored certificate, as PEM texts.
type Certificate struct {
	Name, Certificate, PrivateKey string
}

// Report is what a test of a connection tells: the items of data-plane.md, section 5.0.
type Report struct {
	Items []Fact `json:"items"`
}

// Fact is one line of a Report.
type Fact struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// Add appends a fact.
func (r *Report) Add(key, value string) { r.Items = append(r.Items, Fact{Key: key, Value: value}) }

// MarshalJSON shows a report without facts as an empty list.
func (r Report) MarshalJSON() ([]byte, error) {
	items := r.Items
	if items == nil {
		items = []Fact{}
	}
	return json.Marshal(struct {
		Items []Fact `json:"items"`
	}{items})
}
