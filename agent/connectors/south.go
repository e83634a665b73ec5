package connectors

import (
	"encoding/json"
	"slices"

	"oibus/agent/entity"
	"oibus/agent/manifest"
	"oibus/agent/store"
)

// Secrets says where the secrets of a body come from. Those that the body leaves empty are kept from the connector
// that is changed, or copied from the one named From, of the same type, when a new one is made.
type Secrets struct {
	From    string
	Decrypt func(cipher string) (string, error) // of commands; nil when the body has them plain
}

// southBody reads the body of a South, with its secrets plain. The errors come in the order of the reference: what the
// body is, secrets.
func (s *Service) readSouth(body json.RawMessage, from Secrets) (*southBody, manifest.South, error) {
	var b southBody
	if err := decode(body, &b); err != nil {
		return nil, manifest.South{}, err
	}
	if err := b.check(); err != nil {
		return nil, manifest.South{}, err
	}
	c, err := s.southChange("", b.Type.value, entity.South{})
	if err != nil {
		return nil, manifest.South{}, err
	}
	if b.Settings.raw, err = s.adapted(manifest.AdaptSouth, b.Type.value, b.Settings.raw); err != nil {
		return nil, manifest.South{}, err
	}
	if from.Decrypt == nil {
		return &b, c.form, nil
	}
	if b.Settings.raw, err = c.form.Settings.DecryptFromCloud(b.Settings.raw, from.Decrypt); err != nil {
		return nil, manifest.South{}, err
	}
	for i := range b.Items.items {
		settings := &b.Items.items[i].Settings
		if !c.secrets {
			break
		}
		if settings.raw, err = c.itemForm.DecryptFromCloud(settings.raw, from.Decrypt); err != nil {
			return nil, manifest.South{}, err
		}
	}
	return &b, c.form, nil
}

// CreateSouth makes a South from a SouthCommand.
func (s *Service) CreateSouth(author string, body json.RawMessage, secrets Secrets) (entity.South, error) {
	s.changing.Lock()
	defer s.changing.Unlock()
	b, form, err := s.readSouth(body, secrets)
	if err != nil {
		return entity.South{}, err
	}
	next := entity.South{Connector: entity.Connector{Audit: entity.NewAudit(s.newID(), author, s.o.Now())}}
	if err := s.fillSouth(author, &next, b, form, secrets.From); err != nil {
		return entity.South{}, err
	}
	return next, s.addSouth(next)
}

// addSouth makes a new South durable.
func (s *Service) addSouth(next entity.South) error {
	f := &southFile{document: southDocument{Order: nextOrder(s.souths, func(f *southFile) int { return f.document.Order })}}
	if err := s.saveGeneration(f, next); err != nil {
		return err
	}
	s.mu.Lock()
	s.souths = append(s.souths, f)
	s.mu.Unlock()
	s.announce(Change{South, next.ID, Created})
	return nil
}

// UpdateSouth replaces all of a South but its type: items and groups that the body does not have are deleted.
func (s *Service) UpdateSouth(author, id string, body json.RawMessage, secrets Secrets) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	b, form, err := s.readSouth(body, secrets)
	if err != nil {
		return err
	}
	f, err := s.southFile(id)
	if err != nil {
		return err
	}
	next := f.south
	if b.Type.value != next.Type {
		return wrongType("South", next.Connector, b.Type.value)
	}
	next.Audit = next.Touched(author, s.o.Now())
	if err := s.fillSouth(author, &next, b, form, id); err != nil {
		return err
	}
	return s.replaceSouth(f, next, Updated)
}

func wrongType(kind string, c entity.Connector, wanted string) error {
	return entity.Invalid(`%s connector %s (type %s) must be of the type %s`, kind, quoted(c.ID), quoted(c.Type), quoted(wanted))
}

// fillSouth checks a body and puts what it says into next, which is empty or the South as it was.
func (s *Service) fillSouth(author string, next *entity.South, b *southBody, form manifest.South, from string) error {
	if err := s.freeSouthName(b.Name.value, next.ID); err != nil {
		return err
	}
	if err := form.Settings.Validate(b.Settings.raw); err != nil {
		return err
	}
	c, err := s.southChange(author, b.Type.value, *next)
	if err != nil {
		return err
	}
	if err := c.checkItems(b.Items.items); err != nil {
		return err
	}
	previous, err := s.southSecrets(from, form.ID)
	if err != nil {
		return err
	}
	groups, err := c.resolveGroups(b.Groups.items, next.Groups)
	if err != nil {
		return err
	}
	if next.Items, err = c.resolveItems(b.Items.items, groups, next.Items); err != nil {
		return err
	}
	next.Groups = groups.sorted()
	next.Settings, err = s.seal(form.Settings, b.Settings.raw, previous)
	next.Name, next.Type, next.Description, next.Enabled = b.Name.value, form.ID, b.Description.value, b.Enabled.value
	return err
}

func (s *Service) freeSouthName(name, id string) error {
	if slices.ContainsFunc(s.Souths(), func(other entity.South) bool { return other.Name == name && other.ID != id }) {
		return entity.Invalid("South connector name %s already exists", quoted(name))
	}
	return nil
}

// southSecrets are the sealed settings of the South from which secrets are copied, nil for none.
func (s *Service) southSecrets(from, kind string) (json.RawMessage, error) {
	if from == "" {
		return nil, nil
	}
	source, err := s.South(from)
	if err != nil {
		return nil, err
	}
	if source.Type != kind {
		return nil, wrongType("South", source.Connector, kind)
	}
	return source.Settings, nil
}

// replaceSouth makes next durable, then takes away the links to what it has no more.
func (s *Service) replaceSouth(f *southFile, next entity.South, what What) error {
	change := difference(f.south.Items, next.Items)
	loses := len(change.Drop) > 0 || losesGroup(f.south.Groups, next.Groups)
	if err := s.saveSouth(f, next, change); err != nil {
		return err
	}
	changes := []Change{{South, next.ID, what}}
	var err error
	if loses {
		var cut []Change
		cut, err = s.pruneLinks()
		changes = append(changes, cut...)
	}
	s.announce(changes...)
	return err
}

func losesGroup(before, after []entity.SouthGroup) bool {
	kept := existing(after).keys
	return slices.ContainsFunc(before, func(g entity.SouthGroup) bool { _, ok := kept[g.ID]; return !ok })
}

// DeleteSouth removes a South with its items and the links to it.
func (s *Service) DeleteSouth(author, id string) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	f, err := s.southFile(id)
	if err != nil {
		return err
	}
	if err := store.Remove(s.o.Store, documentName(id)); err != nil {
		return err
	}
	s.mu.Lock()
	s.souths = slices.DeleteFunc(slices.Clone(s.souths), func(other *southFile) bool { return other == f })
	s.mu.Unlock()
	f.discard(s)
	changes, err := s.pruneLinks()
	s.announce(append([]Change{{South, id, Deleted}}, changes...)...)
	return err
}

// EnableSouth switches a South on or off.
func (s *Service) EnableSouth(author, id string, enabled bool) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	f, err := s.southFile(id)
	if err != nil {
		return err
	}
	next := f.south
	if next.Enabled == enabled {
		return nil
	}
	next.Enabled, next.Audit = enabled, next.Touched(author, s.o.Now())
	return s.replaceSouth(f, next, switched(enabled))
}

func switched(enabled bool) What {
	if enabled {
		return Enabled
	}
	return Disabled
}
