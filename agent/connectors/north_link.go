package connectors

import (
	"encoding/json"
	"errors"
	"slices"

	"oibus/agent/entity"
)

// SaveLink adds a transformer link to a North, or replaces the one whose id the body has.
func (s *Service) SaveLink(author, northID string, body json.RawMessage) error {
	var b linkBody
	if err := decode(body, &b); err != nil {
		return err
	}
	var wrong faults
	wrong.link("", &b)
	if err := wrong.err(); err != nil {
		return err
	}
	s.changing.Lock()
	defer s.changing.Unlock()
	f, err := s.northFile(northID)
	if err != nil {
		return err
	}
	made, err := s.links([]linkBody{b}, f.north.Transformers)
	if err != nil {
		return err
	}
	next := f.north
	next.Audit = next.Touched(author, s.o.Now())
	next.Transformers = slices.Clone(next.Transformers)
	if i := slices.IndexFunc(next.Transformers, func(l entity.TransformerLink) bool { return l.ID == made[0].ID }); i >= 0 {
		next.Transformers[i] = made[0]
	} else {
		next.Transformers = append(next.Transformers, made[0])
	}
	return s.replaceNorth(f, next, Links)
}

// DeleteLink removes a transformer link from a North.
func (s *Service) DeleteLink(author, northID, linkID string) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	f, err := s.northFile(northID)
	if err != nil {
		return err
	}
	next := f.north
	next.Audit = next.Touched(author, s.o.Now())
	next.Transformers = slices.DeleteFunc(slices.Clone(next.Transformers), func(l entity.TransformerLink) bool { return l.ID == linkID })
	if len(next.Transformers) == len(f.north.Transformers) {
		return entity.NotFound("Transformer link %s not found", quoted(linkID))
	}
	return s.replaceNorth(f, next, Links)
}

// northsLinking lists the Norths that link a transformer.
func (s *Service) northsLinking(transformerID string) []string {
	var ids []string
	for _, n := range s.Norths() {
		if slices.ContainsFunc(n.Transformers, func(l entity.TransformerLink) bool { return l.TransformerID == transformerID }) {
			ids = append(ids, n.ID)
		}
	}
	return ids
}

// DeleteLinksTo removes the links to a transformer from all Norths.
func (s *Service) DeleteLinksTo(author, transformerID string) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	var errs []error
	for _, id := range s.northsLinking(transformerID) {
		f, err := s.northFile(id)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		next := f.north
		next.Audit = next.Touched(author, s.o.Now())
		next.Transformers = slices.DeleteFunc(slices.Clone(next.Transformers), func(l entity.TransformerLink) bool { return l.TransformerID == transformerID })
		errs = append(errs, s.replaceNorth(f, next, Links))
	}
	return errors.Join(errs...)
}
