package history

import (
	"errors"
	"fmt"
	"io"

	"oibus/agent/cache"
	"oibus/agent/entity"
)

// CacheFound is what a search in the cache of a query found (protocol/data-plane.md, section 3.8).
type CacheFound struct {
	Metrics    NorthMetrics `json:"metrics"`
	SearchDate string       `json:"searchDate"`
	cache.Found
}

// cacheOf is the North whose cache is asked for.
func (s *Service) cacheOf(id string) (northRunner, error) {
	if !s.known(id) {
		return nil, entity.NotFound("Could not find History \"%s\" in engine", id)
	}
	n := s.slot(id).ready()
	if n == nil {
		return nil, fmt.Errorf("the cache of history query %q is not open yet", id)
	}
	return n, nil
}

// SearchCache searches the cache of a query.
func (s *Service) SearchCache(id string, q cache.Query) (CacheFound, error) {
	n, err := s.cacheOf(id)
	if err != nil {
		return CacheFound{}, err
	}
	found, err := n.Cache().Search(q)
	return CacheFound{northMetrics(n.Metrics()), entity.Milli(s.now()), found}, err
}

// CacheNames are the ids of what a search finds in one folder of the cache of a query.
func (s *Service) CacheNames(id string, folder cache.Folder, q cache.Query) ([]string, error) {
	n, err := s.cacheOf(id)
	if err != nil {
		return nil, err
	}
	return n.Cache().Names(folder, q)
}

// CacheFile shows the beginning of a content.
func (s *Service) CacheFile(id string, folder cache.Folder, filename string) (cache.View, error) {
	n, err := s.cacheOf(id)
	if err != nil {
		return cache.View{}, err
	}
	return n.Cache().View(folder, filename)
}

// CacheReader reads a whole content.
func (s *Service) CacheReader(id string, folder cache.Folder, filename string) (cache.File, io.ReadCloser, error) {
	n, err := s.cacheOf(id)
	if err != nil {
		return cache.File{}, nil, err
	}
	return n.Cache().Read(folder, filename)
}

// UpdateCache removes and moves contents. Names that are unknown are logged and passed over.
func (s *Service) UpdateCache(id string, u cache.Update) error {
	n, err := s.cacheOf(id)
	if err != nil {
		return err
	}
	problems, err := n.Cache().Update(u)
	if len(problems) > 0 {
		q, known := s.Query(id)
		if known != nil {
			return errors.Join(known, err)
		}
		for _, p := range problems {
			s.log(&q).Error(p.Error())
		}
	}
	return err
}
