package connectors

import (
	"slices"
	"strings"

	"oibus/agent/entity"
)

// modes finds scan modes by id, then by name.
type modes struct{ ids, names map[string]entity.ScanMode }

func (s *Service) modes() modes {
	m := modes{map[string]entity.ScanMode{}, map[string]entity.ScanMode{}}
	for _, mode := range s.o.ScanModes() {
		m.ids[mode.ID], m.names[mode.Name] = mode, mode
	}
	return m
}

// find returns the id of the scan mode that a body names, "" when it names none. The text of the error shows the name
// also when the id was used, as in the reference.
func (m modes) find(id, name text) (string, error) {
	var mode entity.ScanMode
	var found bool
	switch {
	case id.value != "":
		mode, found = m.ids[id.value]
	case name.value != "":
		mode, found = m.names[name.value]
	default:
		return "", nil
	}
	if !found {
		return "", entity.Invalid("Scan mode %s not found", quoted(name.shown()))
	}
	return mode.ID, nil
}

// quoted puts double quotes around a text as the reference does, changing nothing in it.
func quoted(s string) string { return `"` + s + `"` }

// groups finds the groups of a South while a change of it is made: by the id that the body uses, then by name.
type groups struct {
	list  []entity.SouthGroup
	keys  map[string]int  // the id in the body → the place of the group
	names map[string]int  // its name → its place
	taken map[string]bool // all names
}

func newGroups() *groups {
	return &groups{keys: map[string]int{}, names: map[string]int{}, taken: map[string]bool{}}
}

// existing are the groups that a South has.
func existing(list []entity.SouthGroup) *groups {
	g := newGroups()
	for _, group := range list {
		g.put(group.ID, group)
	}
	return g
}

// add refuses a group whose name is taken.
func (g *groups) add(key string, group entity.SouthGroup) error {
	if g.taken[group.Name] {
		return entity.Invalid("A group with name %s already exists for this south connector", quoted(group.Name))
	}
	g.put(key, group)
	return nil
}

func (g *groups) put(key string, group entity.SouthGroup) {
	g.taken[group.Name] = true
	g.list = append(g.list, group)
	if key != "" {
		g.keys[key], g.names[group.Name] = len(g.list)-1, len(g.list)-1
	}
}

// find returns the id of the group that an item names, "" when it names none.
func (g *groups) find(id, name text) (string, error) {
	var place int
	var found bool
	switch {
	case id.value != "":
		place, found = g.keys[id.value]
	case name.value != "":
		place, found = g.names[name.value]
	default:
		return "", nil
	}
	if !found {
		return "", entity.Invalid("Group %s not found", quoted(name.shown()))
	}
	return g.list[place].ID, nil
}

func (g *groups) sorted() []entity.SouthGroup {
	sorted := append([]entity.SouthGroup{}, g.list...)
	slices.SortStableFunc(sorted, func(a, b entity.SouthGroup) int { return strings.Compare(a.Name, b.Name) })
	return sorted
}
