// Package connectors owns the Souths and Norths as they are configured: the rules for changing them, their items,
// groups and transformer links, their files, and how they look on the wire. It promises that a change is either
// refused with a text that names what is wrong, and nothing changed, or durable as a whole and announced; that no
// secret leaves it but sealed or blank; and that nothing refers to what is gone. It guards against connectors that are
// half changed after a crash, and against links and items that silently mean something else than they did.
package connectors

import (
	"slices"
	"sync"
	"time"

	"oibus/agent/entity"
	"oibus/agent/manifest"
	"oibus/agent/store"
)

// Sealer protects secrets at rest.
type Sealer interface {
	Seal(plain string) (string, error)
}

// Options are what a Service is built from. ScanModes and Transformer are asked while a change is made, so they must
// not call the Service.
type Options struct {
	Store     *store.Store
	Keys      Sealer
	Dialect   manifest.Dialect // of the wire, and of the forms of settings
	ScanModes func() []entity.ScanMode
	// Transformer says whether there is a transformer, standard or custom, with that id.
	Transformer func(id string) bool
	// Strict refuses settings written for the other dialect with the reference's texts, instead of adapting them.
	Strict bool
	Now    func() time.Time
}

// Service is safe for concurrent use. What it returns shares memory with what it keeps, and must not be changed.
type Service struct {
	o Options

	changing sync.Mutex // held through a whole change
	mu       sync.RWMutex
	souths   []*southFile // in the order they were made
	norths   []*northFile
	repairs  []string
	listen   []func(Change)
}

// Open loads the connectors, and repairs what an interrupted change left.
func Open(o Options) (*Service, error) {
	s := &Service{o: o}
	if err := s.loadSouths(); err != nil {
		return nil, err
	}
	if err := s.loadNorths(); err != nil {
		return nil, err
	}
	s.changing.Lock()
	defer s.changing.Unlock()
	changed, err := s.pruneLinks()
	for _, c := range changed {
		s.repaired("North %q had links to what is gone; they were removed", c.ID)
	}
	return s, err
}

// Repairs lists what Open had to put right, for the log.
func (s *Service) Repairs() []string { return s.repairs }

// Close releases the files. Nothing may be changed afterwards.
func (s *Service) Close() error {
	s.changing.Lock()
	defer s.changing.Unlock()
	var first error
	for _, f := range s.souths {
		if err := f.items.Close(); err != nil && first == nil {
			first = err
		}
	}
	return first
}

// Souths lists the Souths in the order they were made.
func (s *Service) Souths() []entity.South {
	s.mu.RLock()
	defer s.mu.RUnlock()
	all := make([]entity.South, len(s.souths))
	for i, f := range s.souths {
		all[i] = f.south
	}
	return all
}

// South returns one of them.
func (s *Service) South(id string) (entity.South, error) {
	f, err := s.southFile(id)
	if err != nil {
		return entity.South{}, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	return f.south, nil
}

func (s *Service) southFile(id string) (*southFile, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	i := slices.IndexFunc(s.souths, func(f *southFile) bool { return f.south.ID == id })
	if i < 0 {
		return nil, entity.NotFound("South %q not found", id)
	}
	return s.souths[i], nil
}

// Norths lists the Norths in the order they were made.
func (s *Service) Norths() []entity.North {
	s.mu.RLock()
	defer s.mu.RUnlock()
	all := make([]entity.North, len(s.norths))
	for i, f := range s.norths {
		all[i] = f.north
	}
	return all
}

// North returns one of them.
func (s *Service) North(id string) (entity.North, error) {
	f, err := s.northFile(id)
	if err != nil {
		return entity.North{}, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	return f.north, nil
}

func (s *Service) northFile(id string) (*northFile, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	i := slices.IndexFunc(s.norths, func(f *northFile) bool { return f.north.ID == id })
	if i < 0 {
		return nil, entity.NotFound("North %q not found", id)
	}
	return s.norths[i], nil
}

// UsesScanMode says whether a connector refers to a scan mode, which then cannot be deleted.
func (s *Service) UsesScanMode(id string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, f := range s.norths {
		if f.north.Caching.Trigger.ScanModeID == id {
			return true
		}
	}
	for _, f := range s.souths {
		if slices.ContainsFunc(f.south.Groups, func(g entity.SouthGroup) bool { return g.ScanModeID == id }) ||
			slices.ContainsFunc(f.south.Items, func(i entity.SouthItem) bool { return i.ScanModeID == id }) {
			return true
		}
	}
	return false
}

// UsesTransformer says whether a North links a transformer.
func (s *Service) UsesTransformer(id string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, f := range s.norths {
		if slices.ContainsFunc(f.north.Transformers, func(l entity.TransformerLink) bool { return l.TransformerID == id }) {
			return true
		}
	}
	return false
}

// newID draws an id that no connector has.
func (s *Service) newID() string {
	for {
		id := entity.NewID(entity.ShortID)
		_, noSouth := s.southFile(id)
		_, noNorth := s.northFile(id)
		if noSouth != nil && noNorth != nil {
			return id
		}
	}
}

// drawer draws ids that are not in use, and remembers them. With 100,000 items two random ids are equal now and then.
type drawer map[string]bool

func (d drawer) draw() string {
	for {
		if id := entity.NewID(entity.ShortID); !d[id] {
			d[id] = true
			return id
		}
	}
}
