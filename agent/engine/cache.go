package engine

import (
	"errors"
	"fmt"
	"io"
	"time"

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

// cachePatience is how long a request waits for a cache that is being opened: its North was made, changed, started or
// stopped a moment ago.
const cachePatience = 10 * time.Second

// cacheOf is the North whose cache is asked for.
func (s *Service) cacheOf(id string) (northRunner, error) {
	patience := time.NewTimer(cachePatience)
	defer patience.Stop()
	for {
		r, changed, err := s.cacheNow(id)
		if err == nil || changed == nil {
			return r, err
		}
		select {
		case <-changed:
		case <-patience.C:
			return nil, err
		}
	}
}

// cacheNow is a North with its cache, or an error and, unless there is no such North, a channel that is closed when it
// may be open.
func (s *Service) cacheNow(id string) (northRunner, <-chan struct{}, error) {
	if _, err := s.o.Connectors.North(id); err != nil {
		return nil, nil, entity.NotFound("Could not find North \"%s\" in engine", id)
	}
	notYet := fmt.Errorf("the cache of North %q is not open yet", id)
	s.mu.RLock()
	slot := s.norths[id]
	s.mu.RUnlock()
	if slot == nil {
		return nil, nil, notYet
	}
	r, _, _, changed := slot.view()
	if r == nil {
		return nil, changed, notYet
	}
	return r, nil, nil
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

// CacheNames are the ids of what a search finds in one folder of the cache of a North.
func (s *Service) CacheNames(northID string, folder cache.Folder, q cache.Query) ([]string, error) {
	r, err := s.cacheOf(northID)
	if err != nil {
		return nil, err
	}
	return r.Cache().Names(folder, q)
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
