package connectors

import "oibus/agent/entity"

// Adopt stores Souths and Norths as they are, with their ids and their sealed secrets, behind those that are there. It is
// for what another OIBus had: nobody is told.
func (s *Service) Adopt(souths []entity.South, norths []entity.North) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	for _, next := range souths {
		f := &southFile{document: southDocument{Order: nextOrder(s.souths, func(f *southFile) int { return f.document.Order })}}
		if err := s.saveGeneration(f, next); err != nil {
			return err
		}
		s.mu.Lock()
		s.souths = append(s.souths, f)
		s.mu.Unlock()
	}
	for _, next := range norths {
		f := &northFile{order: nextOrder(s.norths, func(f *northFile) int { return f.order })}
		if err := s.saveNorth(f, next); err != nil {
			return err
		}
		s.mu.Lock()
		s.norths = append(s.norths, f)
		s.mu.Unlock()
	}
	return nil
}
