package connectors

import (
	"encoding/json"
	"slices"

	"oibus/agent/entity"
	"oibus/agent/manifest"
)

// DuplicateSouth makes a South from a SouthCommand, of which items and groups do not count: they are those of the South
// from, with new ids. Secrets that are empty are copied too. A South of 100,000 items is copied so without any of them
// leaving the agent.
func (s *Service) DuplicateSouth(author, from string, body json.RawMessage) (entity.South, error) {
	s.changing.Lock()
	defer s.changing.Unlock()
	source, err := s.South(from)
	if err != nil {
		return entity.South{}, err
	}
	b, c, err := s.readHead(author, source.Type, body, Secrets{})
	if err != nil {
		return entity.South{}, err
	}
	if b.Type.value != source.Type {
		return entity.South{}, wrongType("South", source.Connector, b.Type.value)
	}
	if err := s.freeSouthName(b.Name.value, ""); err != nil {
		return entity.South{}, err
	}
	next := entity.South{Connector: entity.Connector{Audit: entity.NewAudit(s.newID(), author, c.now)}}
	if next.Settings, err = s.seal(c.form.Settings, b.Settings.raw, source.Settings); err != nil {
		return entity.South{}, err
	}
	next.Name, next.Type, next.Description, next.Enabled = b.Name.value, source.Type, b.Description.value, b.Enabled.value
	groups := c.copyGroups(source.Groups)
	next.Groups = groups.sorted()
	next.Items = c.copyItems(source.Items)
	for i := range next.Items {
		if at, ok := groups.keys[next.Items[i].GroupID]; ok {
			next.Items[i].GroupID = groups.list[at].ID
		}
	}
	return next, s.addSouth(next)
}

// copyGroups are groups with new ids, to be found by those that they had.
func (c *southChange) copyGroups(list []entity.SouthGroup) *groups {
	made := newGroups()
	for _, group := range list {
		old := group.ID
		group.Audit = entity.NewAudit(c.ids.draw(), c.author, c.now)
		made.put(old, group)
	}
	return made
}

// copyItems are items with new ids, in the order that they have.
func (c *southChange) copyItems(items []entity.SouthItem) []entity.SouthItem {
	made := slices.Clone(items)
	audit := entity.NewAudit("", c.author, c.now)
	for i := range made {
		made[i].Audit = audit
		made[i].ID = c.ids.draw()
	}
	return made
}

// readHead reads what a SouthCommand says beside items and groups: checked, with settings of this dialect. kind is the
// type that a South has already.
func (s *Service) readHead(author, kind string, body json.RawMessage, secrets Secrets) (*headBody, *southChange, error) {
	var b headBody
	if err := decode(body, &b); err != nil {
		return nil, nil, err
	}
	var f faults
	f.head(&b)
	if err := f.err(); err != nil {
		return nil, nil, err
	}
	c, err := s.southChange(author, kind, entity.South{})
	if err != nil || b.Type.value != kind {
		return &b, c, err // the caller tells that the type is another
	}
	if b.Settings.raw, err = s.plain(manifest.AdaptSouth, kind, c.form.Settings, b.Settings.raw, secrets); err != nil {
		return nil, nil, err
	}
	return &b, c, c.form.Settings.Validate(b.Settings.raw)
}
