package connectors

import (
	"encoding/json"
	"slices"

	"oibus/agent/entity"
)

// HistoryForm says what a command that makes or changes a history query is held against.
type HistoryForm struct {
	Author string
	Old    *entity.HistoryQuery // that is changed; nil for a new one
	// Taken says whether another history query has a name.
	Taken func(name string) bool
	// Query finds the one that secrets are copied from.
	Query   func(id string) (entity.HistoryQuery, error)
	From    HistorySources
	Copy    bool                                // see HistorySecrets
	Keep    bool                                // types, items and links of Old stay as they are; those of the body do not count
	Decrypt func(cipher string) (string, error) // of commands; nil when the body has the secrets plain
}

// HistorySecrets say where the secrets of a new query come from when its command leaves them empty, and how to read them.
type HistorySecrets struct {
	From HistorySources
	// Copy gives a new query also the items of the history query or South, whatever items the body has. Links in the body
	// name them by the ids that they have there.
	Copy    bool
	Decrypt func(cipher string) (string, error) // of commands; nil when the body has them plain
}

// HistorySources name what the secrets that a body leaves empty are copied from: the history query when there is one, else
// a South and a North (protocol/control-plane.md, section 6.3).
type HistorySources struct{ South, North, Query string }

// HistoryQuery makes a history query from a HistoryQueryCommand, without storing it. A new one has no id and no status.
// The errors come in the order of the reference: the settings of the North and the South, name, items, where secrets
// are copied from, scan mode, links. Unlike in the reference, it is always the submitted settings that are checked.
func (s *Service) HistoryQuery(body json.RawMessage, f HistoryForm) (entity.HistoryQuery, error) {
	b, err := s.readQuery(body, f.Keep, f.Decrypt)
	if err != nil {
		return entity.HistoryQuery{}, err
	}
	if err := b.north.Settings.Validate(b.NorthSettings.raw); err != nil {
		return entity.HistoryQuery{}, err
	}
	if err := b.south.Settings.Validate(b.SouthSettings.raw); err != nil {
		return entity.HistoryQuery{}, err
	}
	if f.Taken(b.Name.value) {
		return entity.HistoryQuery{}, entity.Invalid("History query name %s already exists", quoted(b.Name.value))
	}
	var next entity.HistoryQuery
	if f.Old != nil {
		next = *f.Old
	}
	next.Name, next.Description, next.Range = b.Name.value, b.Description.value, b.timeRange()
	return next, s.fillQuery(&next, b, f)
}

func (s *Service) fillQuery(next *entity.HistoryQuery, b *queryBody, f HistoryForm) error {
	c, err := s.southChange(f.Author, b.south.ID, next.South)
	if err != nil {
		return err
	}
	c.free = true
	bodies := b.itemBodies()
	if f.Keep {
		err = sameTypes(next, b.south.ID, b.north.ID)
	} else {
		err = c.checkItems(bodies)
	}
	if err != nil {
		return err
	}
	previous, err := s.querySecrets(b, f)
	if err != nil {
		return err
	}
	if next.North.Caching, err = s.caching(&b.Caching); err != nil {
		return err
	}
	if !f.Keep {
		if err := c.fillItems(next, b, f, bodies, previous.South.Items); err != nil {
			return err
		}
	}
	next.South.Type, next.North.Type = b.south.ID, b.north.ID
	if next.South.Settings, err = s.seal(b.south.Settings, b.SouthSettings.raw, previous.South.Settings); err != nil {
		return err
	}
	next.North.Settings, err = s.seal(b.north.Settings, b.NorthSettings.raw, previous.North.Settings)
	return err
}

// fillItems puts the items and the links of a body into next.
func (c *southChange) fillItems(next *entity.HistoryQuery, b *queryBody, f HistoryForm, bodies []itemBody, previous []entity.SouthItem) (err error) {
	var ids map[string]string
	if f.Old == nil && f.Copy {
		ids, err = c.copiedQueryItems(next, previous, f.From)
	} else {
		ids, err = c.queryItems(next, bodies, previous)
	}
	if err == nil {
		next.North.Transformers, err = c.service.queryLinks(b.Links.items, next.North.Transformers, next.South.Items, ids)
	}
	return err
}

// querySecrets is what empty secrets are taken from: the query as it was, or the sources that are named.
func (s *Service) querySecrets(b *queryBody, f HistoryForm) (from entity.HistoryQuery, err error) {
	if f.Old != nil {
		from.South.Items = f.Old.South.Items
		if f.Old.South.Type == b.south.ID {
			from.South.Settings = f.Old.South.Settings
		}
		if f.Old.North.Type == b.north.ID {
			from.North.Settings = f.Old.North.Settings
		}
		return from, nil
	}
	if f.From.Query != "" {
		if from, err = f.Query(f.From.Query); err != nil {
			return from, err
		}
		return from, sameTypes(&from, b.south.ID, b.north.ID)
	}
	if f.From.South != "" {
		if from.South.Settings, err = s.southSecrets(f.From.South, b.south.ID); err != nil {
			return from, err
		}
		south, err := s.South(f.From.South)
		if err != nil {
			return from, err
		}
		from.South.Items = south.Items
	}
	from.North.Settings, err = s.northSecrets(f.From.North, b.north.ID)
	return from, err
}

// sameTypes refuses to copy secrets from a history query of other types. An empty type is not compared.
func sameTypes(from *entity.HistoryQuery, south, north string) error {
	if south != "" && from.South.Type != south {
		return entity.Invalid("History query %s (South type %s) must be of the South type %s", quoted(from.ID), quoted(from.South.Type), quoted(south))
	}
	if north != "" && from.North.Type != north {
		return entity.Invalid("History query %s (North type %s) must be of the North type %s", quoted(from.ID), quoted(from.North.Type), quoted(north))
	}
	return nil
}

// queryItems makes the items of a history query, and says which id each id of the body has become. Ids that the query
// does not have are not kept: they may be those of another one.
func (c *southChange) queryItems(next *entity.HistoryQuery, bodies []itemBody, secrets []entity.SouthItem) (map[string]string, error) {
	before, copied := map[string]*entity.SouthItem{}, map[string]*entity.SouthItem{}
	for i := range next.South.Items {
		before[next.South.Items[i].ID] = &next.South.Items[i]
	}
	for i := range secrets {
		copied[secrets[i].ID] = &secrets[i]
	}
	items, ids, none := make([]entity.SouthItem, 0, len(bodies)), map[string]string{}, newGroups()
	for i := range bodies {
		id := bodies[i].ID.value
		item, err := c.item(&bodies[i], none, before[id])
		if err != nil {
			return nil, err
		}
		if from := copied[id]; c.secrets && from != nil && before[id] == nil {
			if item.Settings, err = c.service.seal(c.itemForm, bodies[i].Settings.raw, from.Settings); err != nil {
				return nil, err
			}
		}
		delete(before, id) // a second item with that id is new
		if _, twice := ids[id]; id != "" && !twice {
			ids[id] = item.ID
		}
		items = append(items, item)
	}
	sortItems(items)
	next.South.Items = items
	return ids, nil
}

// copiedQueryItems gives a history query the items of another one or of a South, and says which id each of theirs has become.
func (c *southChange) copiedQueryItems(next *entity.HistoryQuery, items []entity.SouthItem, from HistorySources) (map[string]string, error) {
	if from.Query == "" && from.South == "" {
		return nil, entity.Invalid("There is no South or history query whose items could be copied")
	}
	made, ids := c.copyItems(items), make(map[string]string, len(items))
	for i := range made {
		made[i].ScanModeID, made[i].GroupID, made[i].SyncWithGroup, made[i].History = "", "", false, entity.History{}
		ids[items[i].ID] = made[i].ID
	}
	next.South.Items = made
	return ids, nil
}

// queryLinks makes the transformer links of a history query, with item ids of the body turned into those of the items.
// The source has no South yet: the query may have no id.
func (s *Service) queryLinks(bodies []queryLinkBody, old []entity.TransformerLink, items []entity.SouthItem, ids map[string]string) ([]entity.TransformerLink, error) {
	kept, drawn := map[string]bool{}, drawer{}
	for _, l := range old {
		kept[l.ID], drawn[l.ID] = true, true
	}
	links := make([]entity.TransformerLink, 0, len(bodies))
	for i := range bodies {
		link, err := s.queryLink(&bodies[i], items, ids)
		if err != nil {
			return nil, err
		}
		if id := bodies[i].ID.value; kept[id] {
			link.ID, kept[id] = id, false
		} else {
			link.ID = drawn.draw()
		}
		links = append(links, link)
	}
	return links, nil
}

func (s *Service) queryLink(b *queryLinkBody, items []entity.SouthItem, ids map[string]string) (entity.TransformerLink, error) {
	link := entity.TransformerLink{TransformerID: b.transformer().value, Options: b.Options.raw, Source: entity.LinkSource{Type: entity.SourceSouth}}
	if len(link.Options) == 0 {
		link.Options = []byte("{}")
	}
	if !s.o.Transformer(link.TransformerID) {
		return link, entity.NotFound("Could not find OIBus transformer %s", quoted(link.TransformerID))
	}
	known := itemIDs(items)
	for _, item := range b.Items.items {
		id := item.ID.value
		if made, ok := ids[id]; ok {
			id = made
		}
		if !known[id] {
			return link, entity.NotFound("Could not find History item %s (%s)", quoted(item.Name.shown()), item.ID.value)
		}
		if !slices.Contains(link.Source.ItemIDs, id) {
			link.Source.ItemIDs = append(link.Source.ItemIDs, id)
		}
	}
	return link, nil
}
