package connectors

import (
	"encoding/json"
	"slices"

	"oibus/agent/entity"
	"oibus/agent/manifest"
	"oibus/agent/store"
)

// readNorth reads the body of a North, with its secrets plain.
func (s *Service) readNorth(body json.RawMessage, secrets Secrets) (*northBody, manifest.North, error) {
	var b northBody
	if err := decode(body, &b); err != nil {
		return nil, manifest.North{}, err
	}
	if err := b.check(); err != nil {
		return nil, manifest.North{}, err
	}
	form, err := s.northForm(b.Type.value)
	if err != nil {
		return nil, form, err
	}
	if b.Settings.raw, err = s.adapted(manifest.AdaptNorth, form.ID, b.Settings.raw); err != nil {
		return nil, form, err
	}
	if secrets.Decrypt != nil {
		b.Settings.raw, err = form.Settings.DecryptFromCloud(b.Settings.raw, secrets.Decrypt)
	}
	return &b, form, err
}

func (s *Service) northForm(kind string) (manifest.North, error) {
	form, ok := manifest.FindNorth(s.o.Dialect, kind)
	if ok {
		return form, nil
	}
	var known []string
	for _, t := range manifest.NorthTypes(s.o.Dialect) {
		known = append(known, t.ID)
	}
	return form, unknownType(kind, known)
}

// CreateNorth makes a North from a NorthCommand.
func (s *Service) CreateNorth(author string, body json.RawMessage, secrets Secrets) (entity.North, error) {
	s.changing.Lock()
	defer s.changing.Unlock()
	b, form, err := s.readNorth(body, secrets)
	if err != nil {
		return entity.North{}, err
	}
	next := entity.North{Connector: entity.Connector{Audit: entity.NewAudit(s.newID(), author, s.o.Now())}}
	if err := s.fillNorth(&next, b, form, secrets.From); err != nil {
		return entity.North{}, err
	}
	f := &northFile{order: nextOrder(s.norths, func(f *northFile) int { return f.order })}
	if err := s.saveNorth(f, next); err != nil {
		return entity.North{}, err
	}
	s.mu.Lock()
	s.norths = append(s.norths, f)
	s.mu.Unlock()
	s.announce(Change{North, next.ID, Created})
	return next, nil
}

// UpdateNorth replaces all of a North but its type.
func (s *Service) UpdateNorth(author, id string, body json.RawMessage, secrets Secrets) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	b, form, err := s.readNorth(body, secrets)
	if err != nil {
		return err
	}
	f, err := s.northFile(id)
	if err != nil {
		return err
	}
	next := f.north
	if b.Type.value != next.Type {
		return wrongType("North", next.Connector, b.Type.value)
	}
	next.Audit = next.Touched(author, s.o.Now())
	if err := s.fillNorth(&next, b, form, id); err != nil {
		return err
	}
	return s.replaceNorth(f, next, Updated)
}

func (s *Service) replaceNorth(f *northFile, next entity.North, what What) error {
	if err := s.saveNorth(f, next); err != nil {
		return err
	}
	s.announce(Change{North, next.ID, what})
	return nil
}

// fillNorth checks a body and puts what it says into next, which is empty or the North as it was.
func (s *Service) fillNorth(next *entity.North, b *northBody, form manifest.North, from string) error {
	if err := form.Settings.Validate(b.Settings.raw); err != nil {
		return err
	}
	if slices.ContainsFunc(s.Norths(), func(other entity.North) bool { return other.Name == b.Name.value && other.ID != next.ID }) {
		return entity.Invalid("North connector name %s already exists", quoted(b.Name.value))
	}
	previous, err := s.northSecrets(from, form.ID)
	if err != nil {
		return err
	}
	caching, err := s.caching(&b.Caching)
	if err != nil {
		return err
	}
	if next.Transformers, err = s.links(b.Transformers.items, next.Transformers); err != nil {
		return err
	}
	next.Caching = caching
	next.Settings, err = s.seal(form.Settings, b.Settings.raw, previous)
	next.Name, next.Type, next.Description, next.Enabled = b.Name.value, form.ID, b.Description.value, b.Enabled.value
	return err
}

// caching is what a body that was checked says of the cache.
func (s *Service) caching(b *cachingBody) (entity.Caching, error) {
	caching := b.caching()
	mode, err := s.modes().find(refer(b.Trigger.ScanModeID, b.Trigger.ScanModeName, b.Trigger.ScanMode))
	if err == nil && mode == "" {
		err = entity.Invalid("Scan mode not specified")
	}
	caching.Trigger.ScanModeID = mode
	return caching, err
}

// northSecrets are the sealed settings of the North from which secrets are copied, nil for none.
func (s *Service) northSecrets(from, kind string) (json.RawMessage, error) {
	if from == "" {
		return nil, nil
	}
	source, err := s.North(from)
	if err != nil {
		return nil, err
	}
	if source.Type != kind {
		return nil, wrongType("North", source.Connector, kind)
	}
	return source.Settings, nil
}

// DeleteNorth removes a North with its links.
func (s *Service) DeleteNorth(author, id string) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	f, err := s.northFile(id)
	if err != nil {
		return err
	}
	if err := store.Remove(s.o.Store, northName(id)); err != nil {
		return err
	}
	s.mu.Lock()
	s.norths = slices.DeleteFunc(slices.Clone(s.norths), func(other *northFile) bool { return other == f })
	s.mu.Unlock()
	s.announce(Change{North, id, Deleted})
	return nil
}

// EnableNorth switches a North on or off.
func (s *Service) EnableNorth(author, id string, enabled bool) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	f, err := s.northFile(id)
	if err != nil {
		return err
	}
	next := f.north
	if next.Enabled == enabled {
		return nil
	}
	next.Enabled, next.Audit = enabled, next.Touched(author, s.o.Now())
	return s.replaceNorth(f, next, switched(enabled))
}
