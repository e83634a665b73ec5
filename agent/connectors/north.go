package connectors

import (
	"encoding/json"
	"fmt"
	"slices"

	"oibus/agent/entity"
	"oibus/agent/manifest"
	"oibus/agent/store"
)

// northBody is a NorthCommand (protocol/control-plane.md, section 4.5).
type northBody struct {
	headBody
	Caching struct {
		Trigger struct {
			ScanModeID       text       `json:"scanModeId"`
			ScanModeName     text       `json:"scanModeName"`
			ScanMode         *reference `json:"scanMode"`
			NumberOfElements number     `json:"numberOfElements"`
			NumberOfFiles    number     `json:"numberOfFiles"`
		} `json:"trigger"`
		Throttling struct {
			RunMinDelay         number `json:"runMinDelay"`
			MaxSize             number `json:"maxSize"`
			MaxNumberOfElements number `json:"maxNumberOfElements"`
		} `json:"throttling"`
		Error struct {
			RetryInterval     number `json:"retryInterval"`
			RetryCount        number `json:"retryCount"`
			RetentionDuration number `json:"retentionDuration"`
		} `json:"error"`
		Archive struct {
			Enabled           flag   `json:"enabled"`
			RetentionDuration number `json:"retentionDuration"`
		} `json:"archive"`
	} `json:"caching"`
	Transformers list[linkBody] `json:"transformers"`
}

// amounts are the numbers of the caching block with their paths.
func (b *northBody) amounts() []struct {
	at string
	n  number
} {
	c := &b.Caching
	return []struct {
		at string
		n  number
	}{
		{"trigger.numberOfElements", c.Trigger.NumberOfElements}, {"trigger.numberOfFiles", c.Trigger.NumberOfFiles},
		{"throttling.runMinDelay", c.Throttling.RunMinDelay}, {"throttling.maxSize", c.Throttling.MaxSize},
		{"throttling.maxNumberOfElements", c.Throttling.MaxNumberOfElements},
		{"error.retryInterval", c.Error.RetryInterval}, {"error.retryCount", c.Error.RetryCount},
		{"error.retentionDuration", c.Error.RetentionDuration}, {"archive.retentionDuration", c.Archive.RetentionDuration},
	}
}

func (b *northBody) check() error {
	var f faults
	f.head(&b.headBody)
	for _, a := range b.amounts() {
		if !f.present("caching."+a.at, a.n.presence, aNumber) {
			continue
		}
		switch {
		case a.n.value < 0:
			f.add("%q must be greater than or equal to 0", "caching."+a.at)
		case a.n.value > maxTiming:
			f.add("%q must be less than or equal to %d", "caching."+a.at, maxTiming)
		}
	}
	f.present("caching.archive.enabled", b.Caching.Archive.Enabled.presence, aBoolean)
	if f.present("transformers", b.Transformers.presence, anArray) {
		for i := range b.Transformers.items {
			f.link(fmt.Sprintf("transformers[%d].", i), &b.Transformers.items[i])
		}
	}
	return f.err()
}

// caching is what a body that was checked says of the cache, but for the scan mode.
func (b *northBody) caching() entity.Caching {
	c := &b.Caching
	return entity.Caching{
		Trigger:    entity.CachingTrigger{NumberOfElements: c.Trigger.NumberOfElements.value, NumberOfFiles: c.Trigger.NumberOfFiles.value},
		Throttling: entity.CachingThrottling{RunMinDelay: c.Throttling.RunMinDelay.value, MaxSize: c.Throttling.MaxSize.value, MaxNumberOfElements: c.Throttling.MaxNumberOfElements.value},
		Error:      entity.CachingError{RetryInterval: c.Error.RetryInterval.value, RetryCount: c.Error.RetryCount.value, RetentionDuration: c.Error.RetentionDuration.value},
		Archive:    entity.CachingArchive{Enabled: c.Archive.Enabled.value, RetentionDuration: c.Archive.RetentionDuration.value},
	}
}

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
	trigger := &b.Caching.Trigger
	mode, err := s.modes().find(refer(trigger.ScanModeID, trigger.ScanModeName, trigger.ScanMode))
	if err != nil {
		return err
	}
	if mode == "" {
		return entity.Invalid("Scan mode not specified")
	}
	if next.Transformers, err = s.links(b.Transformers.items, next.Transformers); err != nil {
		return err
	}
	next.Caching = b.caching()
	next.Caching.Trigger.ScanModeID = mode
	next.Settings, err = s.seal(form.Settings, b.Settings.raw, previous)
	next.Name, next.Type, next.Description, next.Enabled = b.Name.value, form.ID, b.Description.value, b.Enabled.value
	return err
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

// SaveLink adds a transformer link to a North, or replaces the one whose id the body has.
func (s *Service) SaveLink(author, northID string, body json.RawMessage) error {
	var b linkBody
	if err := decode(body, &b); err != nil {
		return err
	}
	var wrong faults
	wrong.link("", &b)
	if err := wrong.err(); err != nil {
		return err
	}
	s.changing.Lock()
	defer s.changing.Unlock()
	f, err := s.northFile(northID)
	if err != nil {
		return err
	}
	made, err := s.links([]linkBody{b}, f.north.Transformers)
	if err != nil {
		return err
	}
	next := f.north
	next.Audit = next.Touched(author, s.o.Now())
	next.Transformers = slices.Clone(next.Transformers)
	if i := slices.IndexFunc(next.Transformers, func(l entity.TransformerLink) bool { return l.ID == made[0].ID }); i >= 0 {
		next.Transformers[i] = made[0]
	} else {
		next.Transformers = append(next.Transformers, made[0])
	}
	return s.replaceNorth(f, next, Links)
}

// DeleteLink removes a transformer link from a North.
func (s *Service) DeleteLink(author, northID, linkID string) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	f, err := s.northFile(northID)
	if err != nil {
		return err
	}
	next := f.north
	next.Audit = next.Touched(author, s.o.Now())
	next.Transformers = slices.DeleteFunc(slices.Clone(next.Transformers), func(l entity.TransformerLink) bool { return l.ID == linkID })
	if len(next.Transformers) == len(f.north.Transformers) {
		return entity.NotFound("Transformer link %s not found", quoted(linkID))
	}
	return s.replaceNorth(f, next, Links)
}
