package logging

// maxSuggestions bounds a list of suggestions.
const maxSuggestions = 10

// NamedScope is a scope that has entries; its JSON is Scope of the REST API.
type NamedScope struct {
	ID   string `json:"scopeId"`
	Name string `json:"scopeName"`
}

// NamedItem is an item that has entries; its JSON is Item of the REST API.
type NamedItem struct {
	ID        string `json:"itemId"`
	Name      string `json:"itemName"`
	ScopeID   string `json:"scopeId"`
	ScopeName string `json:"scopeName"`
}

// NamedGroup is a group that has entries; its JSON is Group of the REST API.
type NamedGroup struct {
	ID        string `json:"groupId"`
	Name      string `json:"groupName"`
	ScopeID   string `json:"scopeId"`
	ScopeName string `json:"scopeName"`
}

// SuggestScopes returns up to ten scopes with entries whose name holds name in any case, those with the newest entry
// first.
func (h *Hub) SuggestScopes(name string) ([]NamedScope, error) {
	return suggest(h, name, "", scopeOf, func(s NamedScope) (string, string, string) { return s.ID, s.Name, "" })
}

// SuggestItems is SuggestScopes for items, of one scope or, when scopeID is empty, of all.
func (h *Hub) SuggestItems(name, scopeID string) ([]NamedItem, error) {
	return suggest(h, name, scopeID, itemOf, func(i NamedItem) (string, string, string) { return i.ID, i.Name, i.ScopeID })
}

// SuggestGroups is SuggestItems for groups.
func (h *Hub) SuggestGroups(name, scopeID string) ([]NamedGroup, error) {
	return suggest(h, name, scopeID, groupOf, func(g NamedGroup) (string, string, string) { return g.ID, g.Name, g.ScopeID })
}

// ScopeByID returns the scope as its newest entry names it, and whether it has any.
func (h *Hub) ScopeByID(id string) (NamedScope, bool, error) {
	return newest(h, scopeOf, func(s NamedScope) bool { return s.ID == id && s.Name != "" })
}

// ItemByID returns the item as its newest entry names it, and whether it has any.
func (h *Hub) ItemByID(id string) (NamedItem, bool, error) {
	return newest(h, itemOf, func(i NamedItem) bool { return i.ID == id && i.Name != "" })
}

// GroupByID returns the group as its newest entry names it, and whether it has any.
func (h *Hub) GroupByID(id string) (NamedGroup, bool, error) {
	return newest(h, groupOf, func(g NamedGroup) bool { return g.ID == id && g.Name != "" })
}

func scopeOf(r *record) NamedScope { return NamedScope{ID: plain(r.id), Name: plain(r.name)} }

func itemOf(r *record) NamedItem {
	return NamedItem{ID: plain(r.itemID), Name: plain(r.itemName), ScopeID: plain(r.id), ScopeName: plain(r.name)}
}

func groupOf(r *record) NamedGroup {
	return NamedGroup{ID: plain(r.groupID), Name: plain(r.groupName), ScopeID: plain(r.id), ScopeName: plain(r.name)}
}

func suggest[T any](h *Hub, name, scopeID string, of func(*record) T, key func(T) (id, name, scope string)) ([]T, error) {
	part := newMatcher(Query{Text: name}, LevelTrace)
	found, seen := []T{}, map[string]bool{}
	err := h.newestFirst(func(g *glance) bool {
		r, err := parseRecord(g.line)
		if err != nil || r.name == nil {
			return true
		}
		thing := of(&r)
		id, thingName, scope := key(thing)
		if id == "" || thingName == "" || seen[id] || scopeID != "" && scope != scopeID {
			return true
		}
		seen[id] = true
		if part.inText(thingName) {
			found = append(found, thing)
		}
		return len(found) < maxSuggestions
	})
	return found, err
}

func newest[T any](h *Hub, of func(*record) T, is func(T) bool) (thing T, ok bool, err error) {
	err = h.newestFirst(func(g *glance) bool {
		if r, err := parseRecord(g.line); err == nil {
			if candidate := of(&r); is(candidate) {
				thing, ok = candidate, true
			}
		}
		return !ok
	})
	return thing, ok, err
}
