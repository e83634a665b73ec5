package connectors

import (
	"bytes"
	"encoding/json"

	"oibus/agent/entity"
	"oibus/agent/manifest"
)

// Ids that stand for a connector that is not stored, in tests of settings.
const (
	draftCreate  = "create"
	draftHistory = "history"
	draftID      = "test"
)

func unstored(id string) bool { return id == "" || id == draftCreate || id == draftHistory }

// DraftSouth makes the South that a test of settings needs, without storing it. Secrets that are empty are those of
// the South id, unless that is "create" or "history". Stored says that the settings equal those of South id, whose
// running connector can then be asked.
func (s *Service) DraftSouth(id, southType string, settings json.RawMessage, secrets Secrets) (draft entity.South, stored bool, err error) {
	c, err := s.southChange("", southType, entity.South{})
	if err != nil {
		return draft, false, err
	}
	if settings, err = s.plain(manifest.AdaptSouth, southType, c.form.Settings, settings, secrets); err != nil {
		return draft, false, err
	}
	var previous json.RawMessage
	if !unstored(id) {
		if previous, err = s.southSecrets(id, southType); err != nil {
			return draft, false, err
		}
	}
	draft.Connector, stored, err = s.draft(southType, c.form.Settings, settings, previous)
	return draft, stored, err
}

// DraftItem makes the item that a test needs.
func (s *Service) DraftItem(southType, name string, settings json.RawMessage) (entity.SouthItem, error) {
	c, err := s.southChange("", southType, entity.South{})
	if err != nil {
		return entity.SouthItem{}, err
	}
	settings, err = checkedSettings(c.itemForm, settings)
	return entity.SouthItem{Audit: entity.Audit{ID: draftID}, Name: name, Enabled: true, Settings: settings}, err
}

// DraftNorth makes the North that a test of settings needs, as DraftSouth does.
func (s *Service) DraftNorth(id, northType string, settings json.RawMessage, secrets Secrets) (draft entity.North, stored bool, err error) {
	form, err := s.northForm(northType)
	if err != nil {
		return draft, false, err
	}
	if settings, err = s.plain(manifest.AdaptNorth, northType, form.Settings, settings, secrets); err != nil {
		return draft, false, err
	}
	var previous json.RawMessage
	if !unstored(id) {
		if previous, err = s.northSecrets(id, northType); err != nil {
			return draft, false, err
		}
	}
	draft.Connector, stored, err = s.draft(northType, form.Settings, settings, previous)
	return draft, stored, err
}

// plain is settings in this dialect with plain secrets.
func (s *Service) plain(
	adapt func(manifest.Dialect, string, json.RawMessage) (json.RawMessage, error), kind string, form manifest.Attribute, settings json.RawMessage, secrets Secrets,
) (json.RawMessage, error) {
	if len(bytes.TrimSpace(settings)) == 0 {
		return nil, entity.Invalid("%q is required", "settings")
	}
	settings, err := s.adapted(adapt, kind, settings)
	if err != nil || secrets.Decrypt == nil {
		return settings, err
	}
	return form.DecryptFromCloud(settings, secrets.Decrypt)
}

func checkedSettings(form manifest.Attribute, settings json.RawMessage) (json.RawMessage, error) {
	if len(bytes.TrimSpace(settings)) == 0 {
		return nil, entity.Invalid("%q is required", "settings")
	}
	return compacted(settings), form.Validate(settings)
}

func (s *Service) draft(kind string, form manifest.Attribute, settings, previous json.RawMessage) (c entity.Connector, stored bool, err error) {
	if settings, err = checkedSettings(form, settings); err != nil {
		return c, false, err
	}
	if settings, err = s.seal(form, settings, previous); err != nil {
		return c, false, err
	}
	c = entity.Connector{Audit: entity.Audit{ID: draftID}, Name: kind + ":test-connection", Type: kind, Enabled: true, Settings: settings}
	return c, previous != nil && bytes.Equal(settings, previous), nil
}
