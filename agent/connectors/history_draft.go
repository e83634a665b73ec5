package connectors

import (
	"encoding/json"

	"oibus/agent/entity"
	"oibus/agent/manifest"
)

// HistoryDraft says where the secrets that a test of a part of a history query leaves empty come from: from the query
// when it is stored, else from a South or North (protocol/control-plane.md, section 5.6).
type HistoryDraft struct {
	Query   *entity.HistoryQuery // nil when there is none yet
	From    string               // id of a South or North, "" for none
	Decrypt func(cipher string) (string, error)
}

// HistoryTest is a test of a part of a history query that need not be stored.
type HistoryTest struct {
	ID       string // of the query, or "create"
	From     string // of a South or North that secrets are copied from, "" for none
	Type     string // of the South or North
	Settings json.RawMessage
	Decrypt  func(cipher string) (string, error) // of commands; nil when the secrets are plain

	ItemName              string // of a test of an item
	ItemSettings, Testing json.RawMessage
}

// DraftHistorySouth makes the South that a test of settings needs.
func (s *Service) DraftHistorySouth(southType string, settings json.RawMessage, d HistoryDraft) (draft entity.South, err error) {
	c, err := s.southChange("", southType, entity.South{})
	if err != nil {
		return draft, err
	}
	if settings, err = s.plain(manifest.AdaptSouth, southType, c.form.Settings, settings, Secrets{Decrypt: d.Decrypt}); err != nil {
		return draft, err
	}
	var previous json.RawMessage
	switch {
	case d.Query != nil && d.Query.South.Type == southType:
		previous = d.Query.South.Settings
	case d.Query == nil && !unstored(d.From):
		if previous, err = s.southSecrets(d.From, southType); err != nil {
			return draft, err
		}
	}
	draft.Connector, _, err = s.draft(southType, c.form.Settings, settings, previous)
	return draft, err
}

// DraftHistoryNorth makes the North that a test of settings needs.
func (s *Service) DraftHistoryNorth(northType string, settings json.RawMessage, d HistoryDraft) (draft entity.North, err error) {
	form, err := s.northForm(northType)
	if err != nil {
		return draft, err
	}
	if settings, err = s.plain(manifest.AdaptNorth, northType, form.Settings, settings, Secrets{Decrypt: d.Decrypt}); err != nil {
		return draft, err
	}
	var previous json.RawMessage
	switch {
	case d.Query != nil && d.Query.North.Type == northType:
		previous = d.Query.North.Settings
	case d.Query == nil && !unstored(d.From):
		if previous, err = s.northSecrets(d.From, northType); err != nil {
			return draft, err
		}
	}
	draft.Connector, _, err = s.draft(northType, form.Settings, settings, previous)
	return draft, err
}
