package north

import (
	"oibus/agent/content"
	"oibus/agent/entity"
)

// none is the link of what has none.
const none = -1

// table is the transformer links of a North, ready to be looked up. Of links that say the same the first one counts.
type table struct {
	links    []entity.TransformerLink
	items    map[[2]string]int // by South and item
	groups   map[[2]string]int // by South and group
	souths   map[string]int    // those that say neither
	narrow   map[string]bool   // Souths with links of the first two kinds
	apis     map[string]int    // by data source
	setpoint int
}

func newTable(links []entity.TransformerLink) *table {
	t := &table{links: links, items: map[[2]string]int{}, groups: map[[2]string]int{}, souths: map[string]int{},
		narrow: map[string]bool{}, apis: map[string]int{}, setpoint: none}
	for i := range links {
		switch s := &links[i].Source; s.Type {
		case entity.SourceSouth:
			t.addSouth(s, i)
		case entity.SourceAPI:
			addFirst(t.apis, s.DataSourceID, i)
		case entity.SourceSetpoint:
			if t.setpoint == none {
				t.setpoint = i
			}
		}
	}
	return t
}

func (t *table) addSouth(s *entity.LinkSource, i int) {
	switch {
	case len(s.ItemIDs) > 0:
		for _, item := range s.ItemIDs {
			addFirst(t.items, [2]string{s.SouthID, item}, i)
		}
	case s.GroupID != "":
		addFirst(t.groups, [2]string{s.SouthID, s.GroupID}, i)
	default:
		addFirst(t.souths, s.SouthID, i)
		return
	}
	t.narrow[s.SouthID] = true
}

func addFirst[K comparable](m map[K]int, key K, i int) {
	if _, ok := m[key]; !ok {
		m[key] = i
	}
}

func lookUp[K comparable](m map[K]int, key K) int {
	if i, ok := m[key]; ok {
		return i
	}
	return none
}

// way is which link a content takes.
type way struct {
	link  int            // of the whole content, or of what is not split
	names map[string]int // when it is to be split: the link of each point
}

// choose says which way a content takes (protocol/data-plane.md, section 1.9): links that list items go before those of
// a group, and these before those of a whole South. Time values of items with different links are split.
func (t *table) choose(kind content.Kind, src *content.Source) way {
	switch src.Origin {
	case content.FromAPI:
		return way{link: lookUp(t.apis, src.DataSourceID)}
	case content.FromCloud:
		return way{link: t.setpoint}
	case content.FromSouth:
	default:
		return way{link: none}
	}
	if !t.narrow[src.SouthID] || len(src.Items) == 0 {
		return way{link: lookUp(t.souths, src.SouthID)}
	}
	if kind != content.TimeValues {
		return way{link: t.mostSpecific(src)}
	}
	return t.split(src)
}

// mostSpecific is the link of a content that is never split.
func (t *table) mostSpecific(src *content.Source) int {
	byItem, byGroup := none, none
	for i := range src.Items {
		item := &src.Items[i]
		byItem = earlier(byItem, lookUp(t.items, [2]string{src.SouthID, item.ID}))
		if item.GroupID != "" {
			byGroup = earlier(byGroup, lookUp(t.groups, [2]string{src.SouthID, item.GroupID}))
		}
	}
	switch {
	case byItem != none:
		return byItem
	case byGroup != none:
		return byGroup
	}
	return lookUp(t.souths, src.SouthID)
}

// earlier is the one that comes first in the list.
func earlier(a, b int) int {
	if a == none || b != none && b < a {
		return b
	}
	return a
}

// ofItem is the link of one item.
func (t *table) ofItem(southID string, item *content.Item) int {
	if i := lookUp(t.items, [2]string{southID, item.ID}); i != none {
		return i
	}
	if item.GroupID != "" {
		if i := lookUp(t.groups, [2]string{southID, item.GroupID}); i != none {
			return i
		}
	}
	return lookUp(t.souths, southID)
}

func (t *table) split(src *content.Source) way {
	first, same, earliest := none, true, none
	links := make([]int, len(src.Items))
	for i := range src.Items {
		links[i] = t.ofItem(src.SouthID, &src.Items[i])
		if i == 0 {
			first = links[0]
		}
		same = same && links[i] == first
		earliest = earlier(earliest, links[i])
	}
	if same {
		return way{link: first}
	}
	w := way{link: earliest, names: make(map[string]int, len(links))}
	for i := range src.Items {
		addFirst(w.names, src.Items[i].Name, links[i])
	}
	return w
}
