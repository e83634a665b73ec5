package settings

import (
	"encoding/json"
	"slices"

	"oibus/agent/cron"
	"oibus/agent/entity"
	"oibus/agent/schema"
)

var scanModeForm = schema.Object(
	schema.Required("name", schema.String()),
	schema.Required("description", textOrEmpty),
	schema.Required("cron", schema.String()),
)

// firstScanModes are made when there is none (protocol/control-plane.md, section 10.7).
var firstScanModes = []struct{ name, description, cron string }{
	{"Every second", "Trigger every second", "* * * * * *"},
	{"Every 10 seconds", "Trigger every 10 seconds", "*/10 * * * * *"},
	{"Every minute", "Trigger every minute", "0 * * * * *"},
	{"Every 10 minutes", "Trigger every 10 minutes", "0 */10 * * * *"},
	{"Every hour", "Trigger every hour", "0 0 * * * *"},
	{"Every 24 hours", "Trigger every 24 hours", "0 0 0 * * *"},
	{"Subscription", "Used for subscription", ""},
}

// seedScanModes makes those of a first start, and the reserved one whenever it is missing.
func (s *Service) seedScanModes() error {
	items := slices.Clone(s.scanModes.items)
	seeds := firstScanModes
	if len(items) > 0 {
		seeds = seeds[len(seeds)-1:]
		if _, there := s.scanModes.find(entity.SubscriptionScanMode); there {
			return nil
		}
	}
	for _, m := range seeds {
		id := entity.SubscriptionScanMode
		if m.cron != "" {
			id = s.scanModes.newID()
		}
		items = append(items, entity.ScanMode{Audit: entity.NewAudit(id, entity.System, s.o.Now()), Name: m.name, Description: &m.description, Cron: m.cron})
	}
	return save(s, &s.scanModes, items)
}

// UseScanModes sets what says whether a connector uses a scan mode, which then cannot be deleted.
func (s *Service) UseScanModes(inUse func(id string) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.scanModeUse = inUse
}

// ScanModes lists the scan modes in the order they were made.
func (s *Service) ScanModes() []entity.ScanMode { return all(s, &s.scanModes) }

// ScanMode returns one of them.
func (s *Service) ScanMode(id string) (entity.ScanMode, error) {
	return one(s, &s.scanModes, "Scan mode", id)
}

// CreateScanMode makes a scan mode from {name, description, cron}.
func (s *Service) CreateScanMode(author string, body json.RawMessage) (entity.ScanMode, error) {
	s.changing.Lock()
	defer s.changing.Unlock()
	m := entity.ScanMode{Audit: entity.NewAudit(s.scanModes.newID(), author, s.o.Now())}
	err := s.storeScanMode(&m, body)
	return m, err
}

// UpdateScanMode changes a scan mode.
func (s *Service) UpdateScanMode(author, id string, body json.RawMessage) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	// The form comes first, as in the reference.
	if err := schema.Check(scanModeForm, body); err != nil {
		return err
	}
	m, err := s.ScanMode(id)
	if err != nil {
		return err
	}
	m.Audit = m.Touched(author, s.o.Now())
	return s.storeScanMode(&m, body)
}

func (s *Service) storeScanMode(m *entity.ScanMode, body json.RawMessage) error {
	m.Description = nil
	if err := schema.Decode(scanModeForm, body, m); err != nil {
		return err
	}
	if v := cron.Verify(m.Cron, s.o.Now()); !v.IsValid {
		return &entity.InvalidError{Text: v.ErrorMessage}
	}
	for _, other := range s.ScanModes() {
		if other.Name == m.Name && other.ID != m.ID {
			return entity.Invalid("Scan mode name %q already exists", m.Name)
		}
	}
	if err := save(s, &s.scanModes, s.scanModes.with(*m)); err != nil {
		return err
	}
	s.announce(ScanModes)
	return nil
}

// DeleteScanMode removes a scan mode that nothing uses. The reserved one is always in use.
func (s *Service) DeleteScanMode(author, id string) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	if _, err := s.ScanMode(id); err != nil {
		return err
	}
	s.mu.Lock()
	inUse := s.scanModeUse
	s.mu.Unlock()
	if id == entity.SubscriptionScanMode || inUse != nil && inUse(id) {
		return entity.Invalid("FOREIGN KEY constraint failed: the scan mode %q is in use", id)
	}
	if err := save(s, &s.scanModes, s.scanModes.without(id)); err != nil {
		return err
	}
	s.announce(ScanModes)
	return nil
}
