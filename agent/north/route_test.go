package north

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"oibus/agent/content"
	"oibus/agent/entity"
)

// The plain model of routing: the text of protocol/data-plane.md, section 1.9, read aloud.

func modelMatches(l entity.TransformerLink, level int, south string, item content.Item) bool {
	s := l.Source
	if s.Type != entity.SourceSouth || s.SouthID != south {
		return false
	}
	switch level {
	case 1:
		return slices.Contains(s.ItemIDs, item.ID)
	case 2:
		return len(s.ItemIDs) == 0 && s.GroupID != "" && s.GroupID == item.GroupID
	}
	return len(s.ItemIDs) == 0 && s.GroupID == ""
}

func modelOfItem(links []entity.TransformerLink, south string, item content.Item) int {
	for level := 1; level <= 3; level++ {
		for i, l := range links {
			if modelMatches(l, level, south, item) {
				return i
			}
		}
	}
	return none
}

func modelOfBatch(links []entity.TransformerLink, south string, items []content.Item) int {
	for level := 1; level <= 3; level++ {
		for i, l := range links {
			for _, item := range items {
				if modelMatches(l, level, south, item) {
					return i
				}
			}
		}
	}
	return none
}

func randomLinks(r *rand.Rand) (links []entity.TransformerLink) {
	for n := range r.IntN(8) {
		s := entity.LinkSource{Type: entity.SourceSouth, SouthID: fmt.Sprint("s", r.IntN(2))}
		switch r.IntN(5) {
		case 0:
			s = entity.LinkSource{Type: entity.SourceAPI, DataSourceID: fmt.Sprint("d", r.IntN(2))}
		case 1:
			s = entity.LinkSource{Type: entity.SourceSetpoint}
		case 2:
			for range 1 + r.IntN(3) {
				s.ItemIDs = append(s.ItemIDs, fmt.Sprint("i", r.IntN(4)))
			}
		case 3:
			s.GroupID = fmt.Sprint("g", r.IntN(2))
		}
		links = append(links, link(fmt.Sprint(n), "iso", s))
	}
	return links
}

func TestRoutingDoesWhatAPlainModelDoes(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		links := randomLinks(r)
		src := content.Source{Origin: content.FromSouth, SouthID: fmt.Sprint("s", r.IntN(2))}
		for range 1 + r.IntN(4) {
			id := fmt.Sprint("i", r.IntN(5))
			item := content.Item{ID: id, Name: "name of " + id}
			if r.IntN(2) == 0 {
				item.GroupID = fmt.Sprint("g", r.IntN(2))
			}
			if !slices.ContainsFunc(src.Items, func(i content.Item) bool { return i.ID == id }) {
				src.Items = append(src.Items, item)
			}
		}
		table := newTable(links)
		if got, want := table.choose(content.Any, &src), modelOfBatch(links, src.SouthID, src.Items); got.link != want || got.names != nil {
			t.Fatalf("%+v\n%+v\na file takes %d, want %d", links, src, got.link, want)
		}
		got := table.choose(content.TimeValues, &src)
		earliest, distinct := none, map[int]bool{}
		for _, item := range src.Items {
			want := modelOfItem(links, src.SouthID, item)
			distinct[want] = true
			if want != none && (earliest == none || want < earliest) {
				earliest = want
			}
			link, split := got.link, got.names != nil
			if split {
				link = got.names[item.Name]
			}
			if link != want {
				t.Fatalf("%+v\n%+v\n%s takes %d, want %d", links, src, item.ID, link, want)
			}
		}
		if split := got.names != nil; split != (len(distinct) > 1) || split && got.link != earliest {
			t.Fatalf("%+v\n%+v\nwhole takes %d (split %v), want %d (%d ways)", links, src, got.link, split, earliest, len(distinct))
		}
	}
}

func TestContentOfOtherOriginsTakesTheFirstLinkOfItsSource(t *testing.T) {
	t.Parallel()
	table := newTable([]entity.TransformerLink{
		link("0", "a", entity.LinkSource{Type: entity.SourceAPI, DataSourceID: "app"}),
		link("1", "b", entity.LinkSource{Type: entity.SourceSetpoint}),
		link("2", "c", entity.LinkSource{Type: entity.SourceSetpoint}),
		link("3", "d", entity.LinkSource{Type: entity.SourceAPI, DataSourceID: "app"}),
		link("4", "e", entity.LinkSource{Type: entity.SourceAPI}),
	})
	for _, c := range []struct {
		src  content.Source
		want int
	}{
		{content.Source{Origin: content.FromAPI, DataSourceID: "app"}, 0},
		{content.Source{Origin: content.FromAPI, DataSourceID: "other"}, none},
		{content.Source{Origin: content.FromAPI}, 4},
		{content.Source{Origin: content.FromCloud}, 1},
		{content.Source{Origin: content.FromTest}, none},
		{content.Source{Origin: content.FromSouth, SouthID: "app"}, none},
	} {
		if got := table.choose(content.TimeValues, &c.src); got.link != c.want || got.names != nil {
			t.Errorf("%+v takes %+v, want %d", c.src, got, c.want)
		}
	}
}
