package connectors

import (
	"encoding/json"
	"fmt"
	"time"

	"oibus/agent/entity"
	"oibus/agent/manifest"
)

// queryBody is a HistoryQueryCommand (protocol/control-plane.md, section 4.6).
type queryBody struct {
	Name        text `json:"name"`
	Description text `json:"description"`
	Range       struct {
		Start           text   `json:"startTime"`
		End             text   `json:"endTime"`
		MaxReadInterval number `json:"maxReadInterval"`
		ReadDelay       number `json:"readDelay"`
	} `json:"queryTimeRange"`
	SouthType     text                `json:"southType"`
	SouthSettings object              `json:"southSettings"`
	NorthType     text                `json:"northType"`
	NorthSettings object              `json:"northSettings"`
	Caching       cachingBody         `json:"caching"`
	Items         list[queryItemBody] `json:"items"`
	Links         list[queryLinkBody] `json:"northTransformers"`

	south manifest.South
	north manifest.North
	items manifest.Attribute // of the South
}

type queryItemBody struct {
	ID       text   `json:"id"`
	Name     text   `json:"name"`
	Enabled  flag   `json:"enabled"`
	Settings object `json:"settings"`
}

// queryLinkBody is a transformer link of a history query. The page sends the transformer as an object.
type queryLinkBody struct {
	ID            text            `json:"id"`
	TransformerID text            `json:"transformerId"`
	Transformer   *reference      `json:"transformer"`
	Options       object          `json:"options"`
	Items         list[reference] `json:"items"`
}

func (l *queryLinkBody) transformer() text {
	id, _ := refer(l.TransformerID, text{}, l.Transformer)
	return id
}

func (i *queryItemBody) full() itemBody {
	return itemBody{ID: i.ID, Name: i.Name, Enabled: i.Enabled, Settings: i.Settings}
}

func (f *faults) queryItem(at string, i *queryItemBody) {
	full := i.full()
	f.item(at, &full)
}

func (f *faults) queryLink(at string, l *queryLinkBody) {
	f.optional(at+"id", l.ID.presence, aString)
	f.name(at+"transformerId", l.transformer())
	if l.Options.given {
		f.present(at+"options", l.Options.presence, anObject)
	}
	f.optional(at+"items", l.Items.presence, anArray)
}

// itemBodies are the items as those of a South.
func (b *queryBody) itemBodies() []itemBody {
	bodies := make([]itemBody, len(b.Items.items))
	for i := range bodies {
		bodies[i] = b.Items.items[i].full()
	}
	return bodies
}

// check says what is wrong with a body; items and links only when they count.
func (b *queryBody) check(kept bool) error {
	var f faults
	f.name("name", b.Name)
	f.optional("description", b.Description.presence, aString)
	f.timeRange(b)
	f.name("southType", b.SouthType)
	f.present("southSettings", b.SouthSettings.presence, anObject)
	f.name("northType", b.NorthType)
	f.present("northSettings", b.NorthSettings.presence, anObject)
	f.caching(&b.Caching)
	if kept {
		return f.err()
	}
	if f.present("items", b.Items.presence, anArray) {
		for i := range b.Items.items {
			f.queryItem(fmt.Sprintf("items[%d].", i), &b.Items.items[i])
		}
	}
	if f.present("northTransformers", b.Links.presence, anArray) {
		for i := range b.Links.items {
			f.queryLink(fmt.Sprintf("northTransformers[%d].", i), &b.Links.items[i])
		}
	}
	return f.err()
}

// timeRange checks what is to be read. The reference takes anything, and then reads nothing or for ever.
func (f *faults) timeRange(b *queryBody) {
	start, hasStart := f.instant("queryTimeRange.startTime", b.Range.Start)
	end, hasEnd := f.instant("queryTimeRange.endTime", b.Range.End)
	if hasStart && hasEnd && !end.After(start) {
		f.add("%q must be later than %q", "queryTimeRange.endTime", "queryTimeRange.startTime")
	}
	for at, n := range map[string]number{"queryTimeRange.maxReadInterval": b.Range.MaxReadInterval, "queryTimeRange.readDelay": b.Range.ReadDelay} {
		f.optional(at, n.presence, aNumber)
		switch {
		case n.value < 0:
			f.add("%q must be greater than or equal to 0", at)
		case n.value > maxTiming:
			f.add("%q must be less than or equal to %d", at, maxTiming)
		}
	}
}

func (f *faults) instant(at string, t text) (time.Time, bool) {
	if !f.present(at, t.presence, aString) {
		return time.Time{}, false
	}
	parsed, err := time.Parse(time.RFC3339Nano, t.value)
	if err != nil {
		f.add("%q must be a date like 2024-01-31T00:00:00.000Z", at)
	}
	return parsed, err == nil
}

// timeRange is that of a body that was checked.
func (b *queryBody) timeRange() entity.HistoryRange {
	normal := func(t text) string {
		parsed, err := time.Parse(time.RFC3339Nano, t.value)
		if err != nil {
			return t.value
		}
		return entity.Milli(parsed)
	}
	return entity.HistoryRange{Start: normal(b.Range.Start), End: normal(b.Range.End), MaxReadInterval: b.Range.MaxReadInterval.value, ReadDelay: b.Range.ReadDelay.value}
}

// readQuery reads the body of a history query, with its settings in this dialect and its secrets plain.
func (s *Service) readQuery(body json.RawMessage, kept bool, decrypt func(string) (string, error)) (*queryBody, error) {
	var b queryBody
	if err := decode(body, &b); err != nil {
		return nil, err
	}
	if err := b.check(kept); err != nil {
		return nil, err
	}
	if err := s.queryForms(&b); err != nil {
		return nil, err
	}
	var err error
	if b.SouthSettings.raw, err = s.plain(manifest.AdaptSouth, b.south.ID, b.south.Settings, b.SouthSettings.raw, Secrets{Decrypt: decrypt}); err != nil {
		return nil, err
	}
	if b.NorthSettings.raw, err = s.plain(manifest.AdaptNorth, b.north.ID, b.north.Settings, b.NorthSettings.raw, Secrets{Decrypt: decrypt}); err != nil {
		return nil, err
	}
	if decrypt == nil || !hasSecrets(&b.items) {
		return &b, nil
	}
	for i := range b.Items.items {
		settings := &b.Items.items[i].Settings
		if settings.raw, err = b.items.DecryptFromCloud(settings.raw, decrypt); err != nil {
			return nil, err
		}
	}
	return &b, nil
}

// queryForms finds the forms of both types, that of the North first, as the reference.
func (s *Service) queryForms(b *queryBody) error {
	var ok bool
	if b.north, ok = manifest.FindNorth(s.o.Dialect, b.NorthType.value); !ok {
		var known []string
		for _, t := range manifest.NorthTypes(s.o.Dialect) {
			known = append(known, t.ID)
		}
		return unknownTypeAt("northType", b.NorthType.value, known)
	}
	if b.south, ok = manifest.FindSouth(s.o.Dialect, b.SouthType.value); !ok {
		var known []string
		for _, t := range manifest.SouthTypes(s.o.Dialect) {
			known = append(known, t.ID)
		}
		return unknownTypeAt("southType", b.SouthType.value, known)
	}
	b.items = b.south.ItemSettings()
	return nil
}
