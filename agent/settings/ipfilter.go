package settings

import (
	"encoding/json"

	"oibus/agent/entity"
	"oibus/agent/schema"
)

var ipFilterForm = schema.Object(
	schema.Required("address", schema.String()),
	schema.Required("description", textOrEmpty),
)

// IPFilters lists the filters in the order they were made.
func (s *Service) IPFilters() []entity.IPFilter { return all(s, &s.ipFilters) }

// IPFilter returns one of them.
func (s *Service) IPFilter(id string) (entity.IPFilter, error) {
	return one(s, &s.ipFilters, "IP filter", id)
}

// CreateIPFilter makes a filter from {address, description}.
func (s *Service) CreateIPFilter(author string, body json.RawMessage) (entity.IPFilter, error) {
	s.changing.Lock()
	defer s.changing.Unlock()
	f := entity.IPFilter{Audit: entity.NewAudit(s.ipFilters.newID(), author, s.o.Now())}
	err := s.storeIPFilter(&f, body)
	return f, err
}

// UpdateIPFilter changes a filter.
func (s *Service) UpdateIPFilter(author, id string, body json.RawMessage) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	if err := schema.Check(ipFilterForm, body); err != nil {
		return err
	}
	f, err := s.IPFilter(id)
	if err != nil {
		return err
	}
	f.Audit = f.Touched(author, s.o.Now())
	return s.storeIPFilter(&f, body)
}

func (s *Service) storeIPFilter(f *entity.IPFilter, body json.RawMessage) error {
	f.Description = nil
	if err := schema.Decode(ipFilterForm, body, f); err != nil {
		return err
	}
	for _, other := range s.IPFilters() {
		if other.Address == f.Address && other.ID != f.ID {
			return entity.Invalid("UNIQUE constraint failed: ip_filters.address")
		}
	}
	if err := save(s, &s.ipFilters, s.ipFilters.with(*f)); err != nil {
		return err
	}
	s.announce(IPFilters)
	return nil
}

// DeleteIPFilter removes a filter.
func (s *Service) DeleteIPFilter(author, id string) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	if _, err := s.IPFilter(id); err != nil {
		return err
	}
	if err := save(s, &s.ipFilters, s.ipFilters.without(id)); err != nil {
		return err
	}
	s.announce(IPFilters)
	return nil
}
