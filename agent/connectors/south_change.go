package connectors

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"oibus/agent/entity"
	"oibus/agent/manifest"
)

// southChange is what is at hand while a South is made or changed.
type southChange struct {
	service  *Service
	author   string
	now      time.Time
	modes    modes
	form     manifest.South
	itemForm manifest.Attribute
	secrets  bool   // items have some
	free     bool   // items have no scan mode, group or timing: those of a history query
	ids      drawer // of items and groups
}

// southChange prepares the change of a South of a type that is known.
func (s *Service) southChange(author, kind string, old entity.South) (*southChange, error) {
	form, ok := manifest.FindSouth(s.o.Dialect, kind)
	if !ok {
		var known []string
		for _, t := range manifest.SouthTypes(s.o.Dialect) {
			known = append(known, t.ID)
		}
		return nil, unknownType(kind, known)
	}
	c := &southChange{service: s, author: author, now: s.o.Now(), modes: s.modes(), form: form, itemForm: form.ItemSettings(), ids: drawer{}}
	c.secrets = hasSecrets(&c.itemForm)
	for i := range old.Items {
		c.ids[old.Items[i].ID] = true
	}
	for i := range old.Groups {
		c.ids[old.Groups[i].ID] = true
	}
	return c, nil
}

// unknownType names the field, where the reference stumbles.
func unknownType(kind string, known []string) error { return unknownTypeAt("type", kind, known) }

func unknownTypeAt(at, kind string, known []string) error {
	return entity.Invalid("%q must be one of [%s], %q is not known to this OIBus", at, strings.Join(known, ", "), kind)
}

// released says whether the cloud speaks the dialect of the released 3.8.8.
func (s *Service) released() bool { return s.o.Dialect == manifest.R }

// history reads the timing keys. Dialect R has overlap in place of the last three, and drops those of dialect N
// without a word; dialect N takes an overlap for what it means (protocol/control-plane.md, section 12).
func (c *southChange) history(b *historyBody) entity.History {
	h := entity.History{MaxReadInterval: b.MaxReadInterval.pointer(), ReadDelay: b.ReadDelay.pointer()}
	if c.service.released() || b.Overlap.given && !b.StartTimeOffset.given {
		return c.overlap(h, b.Overlap.pointer())
	}
	h.StartTimeOffset, h.EndTimeOffset = b.StartTimeOffset.pointer(), b.EndTimeOffset.pointer()
	if b.RecoveryStrategy.value != "" {
		h.RecoveryStrategy = &b.RecoveryStrategy.value
	}
	return h
}

// overlap sets what an overlap of dialect R means.
func (c *southChange) overlap(h entity.History, overlap *float64) entity.History {
	if overlap == nil {
		return h
	}
	start := 0 - *overlap // not -0
	h.StartTimeOffset = &start
	if c.form.Modes.History {
		end, oldest := 0.0, entity.Oldest
		h.EndTimeOffset, h.RecoveryStrategy = &end, &oldest
	}
	return h
}

// resolveGroups makes the groups of a South from those in a command. One with the id of an old group replaces it, all
// others are new, whatever id the command gives them so that its items can refer to them. A group without id is made
// too, but no item can refer to it, as in the reference.
func (c *southChange) resolveGroups(bodies []groupBody, old []entity.SouthGroup) (*groups, error) {
	before, after := existing(old), newGroups()
	for i := range bodies {
		body := &bodies[i]
		group, err := c.group(body)
		if err != nil {
			return nil, err
		}
		place, known := before.keys[body.ID.value]
		if _, twice := after.keys[body.ID.value]; known && !twice {
			group.Audit = before.list[place].Audit
			if !sameGroup(&before.list[place], &group) {
				group.Audit = group.Touched(c.author, c.now)
			}
		} else {
			group.Audit = entity.NewAudit(c.ids.draw(), c.author, c.now)
		}
		if err := after.add(body.ID.value, group); err != nil {
			return nil, err
		}
	}
	return after, nil
}

// group makes a group without audit from a body.
func (c *southChange) group(body *groupBody) (entity.SouthGroup, error) {
	group := entity.SouthGroup{Name: body.Standard.Name.value, History: c.history(&body.History)}
	id, name := body.mode()
	if id.value == "" && name.value == "" {
		return group, entity.Invalid("Scan mode not specified")
	}
	if !name.given {
		name = id // which the text of the error shows
	}
	var err error
	group.ScanModeID, err = c.modes.find(id, name)
	return group, err
}

// checkItems checks names and settings of the items of a command.
func (c *southChange) checkItems(bodies []itemBody) error {
	names := make(map[string]bool, len(bodies))
	for i := range bodies {
		if err := c.itemForm.Validate(bodies[i].Settings.raw); err != nil {
			return err
		}
		name := bodies[i].Name.value
		if names[name] {
			return entity.Invalid("Item name %s already used", quoted(name))
		}
		names[name] = true
	}
	return nil
}

// item makes an item from a body that was checked, in place of old, or a new one.
func (c *southChange) item(body *itemBody, groups *groups, old *entity.SouthItem) (entity.SouthItem, error) {
	item := entity.SouthItem{
		Name: body.Name.value, Enabled: body.Enabled.value, SyncWithGroup: body.SyncWithGroup.value, History: c.history(&body.historyBody),
	}
	var previous json.RawMessage
	if old != nil {
		item.Audit, previous = old.Audit, old.Settings
	}
	var err error
	item.Settings = body.Settings.raw
	if c.secrets {
		if item.Settings, err = c.service.seal(c.itemForm, item.Settings, previous); err != nil {
			return item, err
		}
	}
	if item.ScanModeID, err = c.modes.find(body.mode()); err != nil {
		return item, err
	}
	if item.GroupID, err = groups.find(body.group()); err != nil {
		return item, err
	}
	if item.GroupID == "" {
		item.SyncWithGroup = false
		if item.ScanModeID == "" && !c.free {
			return item, entity.Invalid("Scan mode not specified")
		}
	}
	switch {
	case old == nil:
		item.Audit = entity.NewAudit(c.ids.draw(), c.author, c.now)
	case sameItem(old, &item):
		return *old, nil
	default:
		item.Audit = item.Touched(c.author, c.now)
	}
	return item, nil
}

// resolveItems makes the items of a South from those in a command. An item whose id one of old has replaces it; all
// others are new.
func (c *southChange) resolveItems(bodies []itemBody, groups *groups, old []entity.SouthItem) ([]entity.SouthItem, error) {
	before := make(map[string]*entity.SouthItem, len(old))
	for i := range old {
		before[old[i].ID] = &old[i]
	}
	items := make([]entity.SouthItem, 0, len(bodies))
	for i := range bodies {
		id := bodies[i].ID.value
		item, err := c.item(&bodies[i], groups, before[id])
		if err != nil {
			return nil, err
		}
		delete(before, id) // a second item with that id is new
		items = append(items, item)
	}
	sortItems(items)
	return items, nil
}

// seal replaces plain secrets in settings by sealed ones; empty ones keep those of previous.
func (s *Service) seal(form manifest.Attribute, settings, previous json.RawMessage) (json.RawMessage, error) {
	sealed, err := form.Seal(settings, previous, s.o.Keys.Seal)
	if err != nil {
		return nil, fmt.Errorf("cannot protect the secrets: %w", err)
	}
	return sealed, nil
}

// hasSecrets says whether a form has a secret anywhere.
func hasSecrets(a *manifest.Attribute) bool {
	if a.Type == manifest.TypeSecret || a.Root != nil && hasSecrets(a.Root) {
		return true
	}
	return slices.ContainsFunc(a.Attributes, func(child manifest.Attribute) bool { return hasSecrets(&child) })
}

// adapted is the settings of a South as the form of this dialect wants them.
func (s *Service) adapted(
	adapt func(manifest.Dialect, string, json.RawMessage) (json.RawMessage, error), kind string, settings json.RawMessage,
) (json.RawMessage, error) {
	if s.o.Strict {
		return settings, nil
	}
	return adapt(s.o.Dialect, kind, settings)
}
