package engine

import (
	"oibus/agent/entity"
	"oibus/agent/north"
	"oibus/agent/south"
)

// SouthState says how a South is doing.
func (s *Service) SouthState(id string) (south.State, error) {
	slot, err := s.southSlot(id)
	if slot == nil {
		return south.State{}, err
	}
	return slot.state(), nil
}

// NorthState says how a North is doing.
func (s *Service) NorthState(id string) (north.State, error) {
	slot, err := s.northSlot(id)
	if slot == nil {
		return north.State{}, err
	}
	return slot.state(), nil
}

// southSlot finds a South; it is nil without an error while it is being made.
func (s *Service) southSlot(id string) (*southSlot, error) {
	if _, err := s.o.Connectors.South(id); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.souths[id], nil
}

func (s *Service) northSlot(id string) (*northSlot, error) {
	if _, err := s.o.Connectors.North(id); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.norths[id], nil
}

// SouthMetrics are the metrics of a South, those of its last run when it does not run.
func (s *Service) SouthMetrics(id string) (south.Metrics, error) {
	slot, err := s.southSlot(id)
	if err != nil {
		return south.Metrics{}, err
	}
	if slot != nil {
		if r := slot.current(); r != nil {
			return r.Metrics(), nil
		}
	}
	return south.StoredMetrics(s.o.Store, id, s.now())
}

// ResetSouthMetrics begins new ones.
func (s *Service) ResetSouthMetrics(id string) error {
	slot, err := s.southSlot(id)
	if err != nil {
		return err
	}
	if slot != nil {
		if r := slot.current(); r != nil {
			r.ResetMetrics()
			return nil
		}
	}
	return south.ResetStoredMetrics(s.o.Store, id, s.now())
}

// NorthMetrics are the metrics of a North.
func (s *Service) NorthMetrics(id string) (north.Metrics, error) {
	r, err := s.cacheOf(id)
	if err != nil {
		return north.Metrics{}, err
	}
	return r.Metrics(), nil
}

// ResetNorthMetrics begins new ones.
func (s *Service) ResetNorthMetrics(id string) error {
	r, err := s.cacheOf(id)
	if err != nil {
		return err
	}
	r.ResetMetrics()
	return nil
}

// Running are the metrics of all that runs, by id, for the live stream of the home page.
func (s *Service) Running() (souths, norths map[string]any) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	souths, norths = map[string]any{}, map[string]any{}
	for id, slot := range s.souths {
		if r := slot.current(); r != nil {
			souths[id] = r.Metrics()
		}
	}
	for id, slot := range s.norths {
		if r, e, _, _ := slot.view(); r != nil && e.Enabled {
			norths[id] = r.Metrics()
		}
	}
	return souths, norths
}

// LastValue is what was read last of an item.
func (s *Service) LastValue(southID, itemID string) (any, error) {
	e, err := s.o.Connectors.South(southID)
	if err != nil {
		return nil, err
	}
	t, _ := s.southType(e.Type) // one that is not installed has values too
	for i := range e.Items {
		if e.Items[i].ID == itemID {
			return s.tracking.Book(southID).LastValue(&e, t, &e.Items[i]), nil
		}
	}
	return nil, entity.NotFound("Item \"%s\" not found", itemID)
}
