package connectors

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"oibus/agent/entity"
)

// southBody is a SouthCommand (protocol/control-plane.md, section 4.2).
type southBody struct {
	headBody
	Items  list[itemBody]  `json:"items"`
	Groups list[groupBody] `json:"groups"`
}

// headBody is what the commands of Souths and Norths have in common.
type headBody struct {
	Name        text   `json:"name"`
	Type        text   `json:"type"`
	Description text   `json:"description"`
	Enabled     flag   `json:"enabled"`
	Settings    object `json:"settings"`
}

// historyBody are the timing keys of items and groups, of both dialects.
type historyBody struct {
	MaxReadInterval  number `json:"maxReadInterval"`
	ReadDelay        number `json:"readDelay"`
	StartTimeOffset  number `json:"startTimeOffset"`
	EndTimeOffset    number `json:"endTimeOffset"`
	RecoveryStrategy text   `json:"recoveryStrategy"`
	Overlap          number `json:"overlap"` // dialect R
}

// itemBody is a SouthItemCommand (section 4.3). The page sends the scan mode and the group of an imported item as
// objects.
type itemBody struct {
	ID            text   `json:"id"`
	Name          text   `json:"name"`
	Enabled       flag   `json:"enabled"`
	Settings      object `json:"settings"`
	ScanModeID    text   `json:"scanModeId"`
	ScanModeName  text   `json:"scanModeName"`
	GroupID       text   `json:"groupId"`
	GroupName     text   `json:"groupName"`
	SyncWithGroup flag   `json:"syncWithGroup"`
	historyBody

	ScanMode *reference `json:"scanMode"`
	Group    *groupBody `json:"group"`
}

// reference is an object of which only the identity counts.
type reference struct {
	ID   text `json:"id"`
	Name text `json:"name"`
}

// groupBody is a SouthGroupCommand (section 4.4).
type groupBody struct {
	ID       text `json:"id"`
	Standard struct {
		Name         text       `json:"name"`
		ScanModeID   text       `json:"scanModeId"`
		ScanModeName text       `json:"scanModeName"`
		ScanMode     *reference `json:"scanMode"`
	} `json:"standardSettings"`
	History historyBody `json:"historySettings"`
}

// decode reads a body into a struct made of parts that cannot fail.
func decode(body json.RawMessage, into any) error {
	if trimmed := bytes.TrimSpace(body); len(trimmed) == 0 || string(trimmed) == "null" {
		return entity.Invalid(`"commandContent" is required`)
	}
	err := json.Unmarshal(body, into)
	if wrong, ok := err.(*json.UnmarshalTypeError); ok {
		at := wrong.Field
		if at == "" {
			at = "commandContent"
		}
		return entity.Invalid("%q must be of type object", at)
	}
	if err != nil {
		return entity.Invalid("cannot read JSON: %v", err)
	}
	return nil
}

// faults collects what is wrong with a body, each with its path.
type faults []string

func (f *faults) add(format string, args ...any) { *f = append(*f, fmt.Sprintf(format, args...)) }

// err is all faults as the reference joins them, or nil.
func (f faults) err() error {
	if len(f) == 0 {
		return nil
	}
	const enough = 100
	if more := len(f) - enough; more > 0 {
		f = append(f[:enough:enough], fmt.Sprintf("%d more violations", more))
	}
	return &entity.InvalidError{Text: strings.Join(f, ". ")}
}

// present checks that a part is there and of the right type, which kind names.
func (f *faults) present(at string, p presence, kind string) bool {
	switch {
	case !p.given:
		f.add("%q is required", at)
	case p.null || p.bad:
		f.add("%q must be %s", at, kind)
	default:
		return true
	}
	return false
}

// optional checks that a part, if it is there, is of the right type.
func (f *faults) optional(at string, p presence, kind string) {
	if p.bad {
		f.add("%q must be %s", at, kind)
	}
}

// Kinds of parts, as the reference's texts name them.
const (
	aString  = "a string"
	aNumber  = "a number"
	aBoolean = "a boolean"
	anArray  = "an array"
	anObject = "of type object"
)

func (f *faults) name(at string, t text) {
	if f.present(at, t.presence, aString) && t.value == "" {
		f.add("%q is not allowed to be empty", at)
	}
}

func (f *faults) head(h *headBody) {
	f.name("name", h.Name)
	f.name("type", h.Type)
	f.optional("description", h.Description.presence, aString)
	f.present("enabled", h.Enabled.presence, aBoolean)
	f.present("settings", h.Settings.presence, anObject)
}

func (f *faults) history(at string, h *historyBody) {
	for _, n := range []struct {
		key string
		number
	}{
		{"maxReadInterval", h.MaxReadInterval}, {"readDelay", h.ReadDelay}, {"startTimeOffset", h.StartTimeOffset},
		{"endTimeOffset", h.EndTimeOffset}, {"overlap", h.Overlap},
	} {
		f.optional(at+n.key, n.presence, aNumber)
		switch {
		case n.value < minTiming:
			f.add("%q must be greater than or equal to %d", at+n.key, minTiming)
		case n.value > maxTiming:
			f.add("%q must be less than or equal to %d", at+n.key, maxTiming)
		}
	}
	s := h.RecoveryStrategy
	f.optional(at+"recoveryStrategy", s.presence, aString)
	if s.value != "" && s.value != entity.Oldest && s.value != entity.Newest {
		f.add("%q must be one of [%s, %s]", at+"recoveryStrategy", entity.Oldest, entity.Newest)
	}
}

// Bounds of the timing keys, those of the reference's form (protocol/data-plane.md, section 1.4).
const (
	minTiming = -1 << 31
	maxTiming = 1<<31 - 1
)

func (f *faults) item(at string, i *itemBody) {
	f.name(at+"name", i.Name)
	f.present(at+"enabled", i.Enabled.presence, aBoolean)
	f.present(at+"settings", i.Settings.presence, anObject)
	for _, t := range []struct {
		key string
		text
	}{{"id", i.ID}, {"scanModeId", i.ScanModeID}, {"scanModeName", i.ScanModeName}, {"groupId", i.GroupID}, {"groupName", i.GroupName}} {
		f.optional(at+t.key, t.presence, aString)
	}
	f.optional(at+"syncWithGroup", i.SyncWithGroup.presence, aBoolean)
	f.history(at, &i.historyBody)
}

func (f *faults) group(at string, g *groupBody) {
	f.optional(at+"id", g.ID.presence, aString)
	f.name(at+"standardSettings.name", g.Standard.Name)
	f.optional(at+"standardSettings.scanModeId", g.Standard.ScanModeID.presence, aString)
	f.history(at+"historySettings.", &g.History)
}

func (b *southBody) check() error {
	var f faults
	f.head(&b.headBody)
	if f.present("items", b.Items.presence, anArray) {
		for i := range b.Items.items {
			f.item(fmt.Sprintf("items[%d].", i), &b.Items.items[i])
		}
	}
	if f.present("groups", b.Groups.presence, anArray) {
		for i := range b.Groups.items {
			f.group(fmt.Sprintf("groups[%d].", i), &b.Groups.items[i])
		}
	}
	return f.err()
}

// mode says which scan mode an item names.
func (i *itemBody) mode() (id, name text) { return refer(i.ScanModeID, i.ScanModeName, i.ScanMode) }

// group says which group an item names.
func (i *itemBody) group() (id, name text) {
	if i.GroupID.value == "" && i.GroupName.value == "" && i.Group != nil {
		return i.Group.ID, i.Group.Standard.Name
	}
	return i.GroupID, i.GroupName
}

func (g *groupBody) mode() (id, name text) {
	return refer(g.Standard.ScanModeID, g.Standard.ScanModeName, g.Standard.ScanMode)
}

func refer(id, name text, whole *reference) (text, text) {
	if id.value == "" && name.value == "" && whole != nil {
		return whole.ID, whole.Name
	}
	return id, name
}

// compacted is valid JSON without white space between its parts.
func compacted(raw []byte) json.RawMessage {
	var b bytes.Buffer
	b.Grow(len(raw))
	if json.Compact(&b, raw) != nil {
		return bytes.Clone(raw)
	}
	return b.Bytes()
}
