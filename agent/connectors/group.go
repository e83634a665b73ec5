package connectors

import (
	"encoding/json"
	"slices"

	"oibus/agent/entity"
	"oibus/agent/manifest"
)

func (s *Service) hasHistory(southType string) bool {
	form, ok := manifest.FindSouth(s.o.Dialect, southType)
	return ok && form.Modes.History
}

// Group returns a group of a South.
func (s *Service) Group(southID, groupID string) (entity.SouthGroup, error) {
	south, err := s.South(southID)
	if err != nil {
		return entity.SouthGroup{}, err
	}
	if g, ok := south.Group(groupID); ok {
		return g, nil
	}
	for _, other := range s.Souths() {
		if _, ok := other.Group(groupID); ok {
			return entity.SouthGroup{}, entity.Invalid("South item group %s does not belong to south connector %s", quoted(groupID), quoted(southID))
		}
	}
	return entity.SouthGroup{}, entity.NotFound("South item group %s not found", quoted(groupID))
}

// readGroup makes a group without audit from a SouthGroupCommand.
func (c *southChange) readGroup(body json.RawMessage, others []entity.SouthGroup, id string) (entity.SouthGroup, error) {
	var b groupBody
	if err := decode(body, &b); err != nil {
		return entity.SouthGroup{}, err
	}
	var f faults
	f.group("", &b)
	if err := f.err(); err != nil {
		return entity.SouthGroup{}, err
	}
	name := b.Standard.Name.value
	if slices.ContainsFunc(others, func(g entity.SouthGroup) bool { return g.Name == name && g.ID != id }) {
		return entity.SouthGroup{}, entity.Invalid("A group with name %s already exists for this south connector", quoted(name))
	}
	return c.group(&b)
}

// CreateGroup adds a group to a South.
func (s *Service) CreateGroup(author, southID string, body json.RawMessage) (group entity.SouthGroup, err error) {
	err = s.change(author, southID, GroupCreated, func(c *southChange, next *entity.South) error {
		if group, err = c.readGroup(body, next.Groups, ""); err != nil {
			return err
		}
		group.Audit = entity.NewAudit(c.ids.draw(), author, c.now)
		groups := existing(next.Groups)
		groups.put(group.ID, group)
		next.Groups = groups.sorted()
		return nil
	})
	return group, err
}

// UpdateGroup replaces a group. A read delay that is not given becomes 0, as in the reference.
func (s *Service) UpdateGroup(author, southID, groupID string, body json.RawMessage) error {
	if _, err := s.Group(southID, groupID); err != nil {
		return err
	}
	return s.change(author, southID, Items, func(c *southChange, next *entity.South) error {
		groups := existing(next.Groups)
		at, ok := groups.keys[groupID]
		if !ok {
			return entity.NotFound("South item group %s not found", quoted(groupID))
		}
		group, err := c.readGroup(body, next.Groups, groupID)
		if err != nil {
			return err
		}
		if group.History.ReadDelay == nil {
			group.History.ReadDelay = new(float64)
		}
		group.Audit = groups.list[at].Touched(author, c.now)
		groups.list[at] = group
		next.Groups = groups.sorted()
		return nil
	})
}

// DeleteGroup removes a group. Its items stay, with what they need from it.
func (s *Service) DeleteGroup(author, southID, groupID string) error {
	group, err := s.Group(southID, groupID)
	if err != nil {
		return err
	}
	return s.change(author, southID, Items, func(c *southChange, next *entity.South) error {
		next.Groups = slices.DeleteFunc(slices.Clone(next.Groups), func(g entity.SouthGroup) bool { return g.ID == groupID })
		next.Items = slices.Clone(next.Items)
		for i := range next.Items {
			if item := &next.Items[i]; item.GroupID == groupID {
				*item = released(*item, group, c.form.Modes.History)
				item.Audit = item.Touched(author, c.now)
			}
		}
		return nil
	})
}
