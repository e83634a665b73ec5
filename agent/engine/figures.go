package engine

import (
	"oibus/agent/cache"
	"oibus/agent/entity"
	"oibus/agent/north"
	"oibus/agent/south"
)

// SouthFigures is a South as operators watch it.
type SouthFigures struct {
	South   entity.Connector
	State   south.State
	Metrics south.Metrics
	Tally   south.Tally // of the Runner, if it runs
}

// NorthFigures is a North as operators watch it. Its cache is empty while it is being opened.
type NorthFigures struct {
	North   entity.Connector
	State   north.State
	Metrics north.Metrics
	Tally   north.Tally
	Cache   cache.Stats
}

// Figures are those of all Souths and Norths, as they are at this moment: it waits for none. stored asks for the metrics
// of Souths that do not run, too, which are on disk.
func (s *Service) Figures(stored bool) (souths []SouthFigures, norths []NorthFigures) {
	for _, e := range s.o.Connectors.Souths() {
		s.mu.RLock()
		slot := s.souths[e.ID]
		s.mu.RUnlock()
		f := SouthFigures{South: e.Connector}
		var r *south.Runner
		if slot != nil {
			f.State, r = slot.state(), slot.current()
		}
		if r != nil {
			f.Metrics, f.Tally = r.Metrics(), r.Tally()
		} else if stored {
			kept, err := south.StoredMetrics(s.o.Store, e.ID, s.now())
			if err == nil { // an error is that of the disk, which is told elsewhere
				f.Metrics = kept
			}
		}
		souths = append(souths, f)
	}
	for _, e := range s.o.Connectors.Norths() {
		s.mu.RLock()
		slot := s.norths[e.ID]
		s.mu.RUnlock()
		f := NorthFigures{North: e.Connector}
		if slot != nil {
			f.State = slot.state()
			if r := slot.current(); r != nil {
				f.Metrics, f.Tally, f.Cache = r.Metrics(), r.Tally(), r.Cache().Stats()
			}
		}
		norths = append(norths, f)
	}
	return souths, norths
}
