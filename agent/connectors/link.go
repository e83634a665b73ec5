package connectors

import (
	"fmt"
	"slices"

	"oibus/agent/entity"
)

// linkBody is a TransformerLink of a command (protocol/control-plane.md, section 4.5). The page sends the transformer,
// South and group as objects.
type linkBody struct {
	ID            text       `json:"id"`
	TransformerID text       `json:"transformerId"`
	Transformer   *reference `json:"transformer"`
	Options       object     `json:"options"`
	Source        struct {
		Type         text            `json:"type"`
		SouthID      text            `json:"southId"`
		South        *reference      `json:"south"`
		GroupID      text            `json:"groupId"`
		Group        *reference      `json:"group"`
		Items        list[reference] `json:"items"`
		DataSourceID text            `json:"dataSourceId"`
	} `json:"source"`
}

// transformer is the id of the transformer that a link names.
func (l *linkBody) transformer() text {
	id, _ := refer(l.TransformerID, text{}, l.Transformer)
	return id
}
func (l *linkBody) south() text { id, _ := refer(l.Source.SouthID, text{}, l.Source.South); return id }
func (l *linkBody) group() text { id, _ := refer(l.Source.GroupID, text{}, l.Source.Group); return id }

func (f *faults) link(at string, l *linkBody) {
	f.optional(at+"id", l.ID.presence, aString)
	f.name(at+"transformerId", l.transformer())
	if l.Options.given {
		f.present(at+"options", l.Options.presence, anObject)
	}
	switch kind := l.Source.Type; kind.value {
	case entity.SourceSouth:
		f.name(at+"source.southId", l.south())
		f.optional(at+"source.items", l.Source.Items.presence, anArray)
	case entity.SourceAPI:
		f.name(at+"source.dataSourceId", l.Source.DataSourceID)
	case entity.SourceSetpoint:
	default:
		if f.present(at+"source.type", kind.presence, aString) {
			f.add("%q must be one of [%s, %s, %s]", at+"source.type", entity.SourceSouth, entity.SourceAPI, entity.SourceSetpoint)
		}
	}
}

// links makes the transformer links of a North from those in a command. A link whose id one of old has replaces it
// wholly, whatever its source was; all others are new.
func (s *Service) links(bodies []linkBody, old []entity.TransformerLink) ([]entity.TransformerLink, error) {
	kept := map[string]bool{}
	ids := drawer{}
	for _, l := range old {
		kept[l.ID], ids[l.ID] = true, true
	}
	links := make([]entity.TransformerLink, 0, len(bodies))
	for i := range bodies {
		link, err := s.link(&bodies[i])
		if err != nil {
			return nil, err
		}
		if id := bodies[i].ID.value; kept[id] {
			link.ID = id
			kept[id] = false // a second link with that id is new
		} else {
			link.ID = ids.draw()
		}
		links = append(links, link)
	}
	return links, nil
}

// link resolves what a link refers to.
func (s *Service) link(b *linkBody) (entity.TransformerLink, error) {
	link := entity.TransformerLink{TransformerID: b.transformer().value, Options: b.Options.raw, Source: entity.LinkSource{Type: b.Source.Type.value}}
	if len(link.Options) == 0 {
		link.Options = []byte("{}")
	}
	if !s.o.Transformer(link.TransformerID) {
		return link, entity.NotFound("Could not find OIBus transformer %s", quoted(link.TransformerID))
	}
	switch link.Source.Type {
	case entity.SourceAPI:
		link.Source.DataSourceID = b.Source.DataSourceID.value
		return link, nil
	case entity.SourceSetpoint:
		return link, nil
	}
	var err error
	link.Source, err = s.southSource(b)
	return link, err
}

// southSource resolves the South of a link, and the group or else the items of it. When a group is given the items are
// not kept.
func (s *Service) southSource(b *linkBody) (entity.LinkSource, error) {
	source := entity.LinkSource{Type: entity.SourceSouth, SouthID: b.south().value, GroupID: b.group().value}
	south, err := s.South(source.SouthID)
	if err != nil {
		return source, entity.NotFound("Could not find South connector %s", quoted(source.SouthID))
	}
	if source.GroupID != "" {
		if _, ok := south.Group(source.GroupID); !ok {
			return source, entity.NotFound("Could not find Group %s", quoted(source.GroupID))
		}
		return source, nil
	}
	known := itemIDs(south.Items)
	for _, item := range b.Source.Items.items {
		if !known[item.ID.value] {
			return source, entity.NotFound("Could not find South connector item %s (%s)", quoted(item.Name.shown()), item.ID.value)
		}
		source.ItemIDs = append(source.ItemIDs, item.ID.value)
	}
	return source, nil
}

func itemIDs(items []entity.SouthItem) map[string]bool {
	ids := make(map[string]bool, len(items))
	for i := range items {
		ids[items[i].ID] = true
	}
	return ids
}

// pruneLinks takes from all Norths the links to Souths, groups and items that are gone, and says which Norths changed.
// A link of which the last item went goes too: without items it would mean the whole South. The caller holds changing.
func (s *Service) pruneLinks() ([]Change, error) {
	var changes []Change
	souths := map[string]entity.South{}
	for _, south := range s.Souths() {
		souths[south.ID] = south
	}
	for _, f := range s.norths {
		next := f.north
		next.Transformers = pruned(next.Transformers, souths)
		if slices.EqualFunc(next.Transformers, f.north.Transformers, func(a, b entity.TransformerLink) bool {
			return a.ID == b.ID && len(a.Source.ItemIDs) == len(b.Source.ItemIDs)
		}) {
			continue
		}
		if err := s.saveNorth(f, next); err != nil {
			return changes, fmt.Errorf("cannot remove the links of North %q to what is gone: %w", f.north.Name, err)
		}
		changes = append(changes, Change{North, f.north.ID, Links})
	}
	return changes, nil
}

// pruned are the links of which the source is still there, as far as it is.
func pruned(links []entity.TransformerLink, souths map[string]entity.South) []entity.TransformerLink {
	kept := make([]entity.TransformerLink, 0, len(links))
	for _, link := range links {
		if link.Source.Type == entity.SourceSouth {
			south, ok := souths[link.Source.SouthID]
			if !ok {
				continue
			}
			if _, ok := south.Group(link.Source.GroupID); link.Source.GroupID != "" && !ok {
				continue
			}
			if len(link.Source.ItemIDs) > 0 {
				known := itemIDs(south.Items)
				link.Source.ItemIDs = slices.DeleteFunc(slices.Clone(link.Source.ItemIDs), func(id string) bool { return !known[id] })
				if len(link.Source.ItemIDs) == 0 {
					continue
				}
			}
		}
		kept = append(kept, link)
	}
	return kept
}
