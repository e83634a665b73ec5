package engine

import (
	"errors"
	"fmt"
	"io"

	"oibus/agent/cache"
	"oibus/agent/entity"
	"oibus/agent/north"
)

// CacheFound is what a search in a cache found (protocol/data-plane.md, section 3.8).
type CacheFound struct {
	Metrics    north.Metrics `json:"metrics"`
	SearchDate string        `json:"searchDate"`
	cache.Found
}

// cacheOf is the North whose cache is asked for.
func (s *Service) cacheOf(id string) (northRunner, error) {
	if _, err := s.o.Connectors.North(id); err != nil {
		return nil, entity.NotFound("Could not find North \"%s\" in engine", id)
	}
	r, _, _, found := s.northNow(id)
	if !found || r == nil {
		return nil, fmt.Errorf("the cache of North %q is not open yet", id)
	}
	return r, nil
}

// SearchCache searches the cache of a North.
func (s *Service) SearchCache(northID string, q cache.Query) (CacheFound, error) {
	r, err := s.cacheOf(northID)
	if err != nil {
		return CacheFound{}, err
	}
	found, err := r.Cache().Search(q)
	return CacheFound{r.Metrics(), entity.Milli(s.now()), found}, err
}

// CacheFile shows the beginning of a content.
func (s *Service) CacheFile(northID string, folder cache.Folder, filename string) (cache.View, error) {
	r, err := s.cacheOf(northID)
	if err != nil {
		return cache.View{}, err
	}
	return r.Cache().View(folder, filename)
}

// CacheReader reads a whole content.
func (s *Service) CacheReader(northID string, folder cache.Folder, filename string) (cache.File, io.ReadCloser, error) {
	r, err := s.cacheOf(northID)
	if err != nil {
		return cache.File{}, nil, err
	}
	return r.Cache().Read(folder, filename)
}

// UpdateCache removes and moves contents. Names that are unknown are logged and passed over.
func (s *Service) UpdateCache(northID string, u cache.Update) error {
	r, err := s.cacheOf(northID)
	if err != nil {
		return err
	}
	problems, err := r.Cache().Update(u)
	if len(problems) > 0 {
		e, gone := s.o.Connectors.North(northID)
		if gone != nil {
			return errors.Join(gone, err)
		}
		for _, p := range problems {
			s.o.NorthLog(northID, e.Name).Error(p.Error())
		}
	}
	return err
}
