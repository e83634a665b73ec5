package logging

import (
	"encoding/json"
	"log/slog"
	"strings"
	"time"

	"oibus/agent/entity"
)

// Scope types, as on the wire (protocol/control-plane.md, section 8.2).
const (
	Internal     = "INTERNAL"
	South        = "SOUTH"
	North        = "NORTH"
	HistoryQuery = "HISTORY_QUERY"
)

// Identifiers of internal scopes.
const (
	WebServer = "web-server"
	Engine    = "engine"
)

// Scope says what a record is about. An empty Type is Internal. An item and a group are never both told: the item wins.
type Scope struct {
	Type      string
	ID        string
	Name      string
	ItemID    string
	ItemName  string
	GroupID   string
	GroupName string
}

func (s Scope) normal() Scope {
	if s.Type = scopeType(s.Type); s.Type == "" {
		s.Type = Internal
	}
	if s.ItemID != "" || s.ItemName != "" {
		s.GroupID, s.GroupName = "", ""
	}
	return s
}

// scopeType is the wire form of a type in either of its spellings: "history-query" is HISTORY_QUERY.
func scopeType(text string) string {
	return strings.ReplaceAll(strings.ToUpper(text), "-", "_")
}

// Entry is one line of the journal. Its JSON is the LogDTO of the REST API (protocol/openapi.json).
type Entry struct {
	Seq     uint64 // grows by one from line to line
	Time    time.Time
	Level   slog.Level
	Scope   Scope
	Message string
}

type entryJSON struct {
	Timestamp string  `json:"timestamp"`
	Level     string  `json:"level"`
	ScopeType string  `json:"scopeType"`
	ScopeID   *string `json:"scopeId"`
	ScopeName *string `json:"scopeName"`
	ItemID    *string `json:"itemId"`
	ItemName  *string `json:"itemName"`
	GroupID   *string `json:"groupId"`
	GroupName *string `json:"groupName"`
	Message   string  `json:"message"`
}

// MarshalJSON writes the LogDTO: levels and scope types in lower case, an empty text as null.
func (e Entry) MarshalJSON() ([]byte, error) {
	return json.Marshal(entryJSON{
		Timestamp: entity.Milli(e.Time),
		Level:     LevelName(e.Level),
		ScopeType: strings.ReplaceAll(strings.ToLower(e.Scope.Type), "_", "-"),
		ScopeID:   orNull(e.Scope.ID), ScopeName: orNull(e.Scope.Name),
		ItemID: orNull(e.Scope.ItemID), ItemName: orNull(e.Scope.ItemName),
		GroupID: orNull(e.Scope.GroupID), GroupName: orNull(e.Scope.GroupName),
		Message: e.Message,
	})
}

func orNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
