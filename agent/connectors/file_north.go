package connectors

import (
	"slices"
	"strings"

	"oibus/agent/entity"
	"oibus/agent/manifest"
	"oibus/agent/store"
)

const northFolder = "norths"

// northFile is a North with its document.
type northFile struct {
	north entity.North
	order int
}

// northDocument is state/norths/<id>.json.
type northDocument struct {
	entity.North
	Order int `json:"order"` // place among the Norths
}

func northName(id string) string { return northFolder + "/" + id }

func (s *Service) loadNorths() error {
	names, err := store.List(s.o.Store, northFolder)
	if err != nil {
		return err
	}
	for _, name := range names {
		document, found, err := store.Load(s.o.Store, name, northDocument{})
		if err != nil {
			return err
		}
		if !found {
			continue // unusable: put aside and reported by the store
		}
		north := document.North
		north.ID = strings.TrimPrefix(name, northFolder+"/")
		if adapted, err := manifest.AdaptNorth(s.o.Dialect, north.Type, north.Settings); err == nil {
			north.Settings = adapted // the dialect may have changed since
		}
		s.norths = append(s.norths, &northFile{north, document.Order})
	}
	slices.SortStableFunc(s.norths, func(a, b *northFile) int { return a.order - b.order })
	return nil
}

// saveNorth makes next durable, and visible.
func (s *Service) saveNorth(f *northFile, next entity.North) error {
	if err := store.Save(s.o.Store, northName(next.ID), northDocument{next, f.order}); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f.north = next
	return nil
}

// nextOrder is the place of a connector that comes last.
func nextOrder[F any](files []F, order func(F) int) int {
	if len(files) == 0 {
		return 1
	}
	return order(files[len(files)-1]) + 1
}
