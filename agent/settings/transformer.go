package settings

import (
	"slices"

	"oibus/agent/entity"
	"oibus/agent/manifest"
)

// seedTransformers gives each standard transformer that has none an id, which it keeps for ever.
func (s *Service) seedTransformers() error {
	known := s.StandardTransformers()
	items := slices.Clone(s.transformers.items)
	for _, t := range manifest.Transformers() {
		if known[t.ID] == "" {
			items = append(items, entity.StandardTransformer{ID: s.transformers.newID(), Function: t.ID})
		}
	}
	if len(items) == len(s.transformers.items) {
		return nil
	}
	if len(known) == 0 && !s.o.Store.Fresh() {
		s.o.Store.Report("standard-transformers.json", "missing", "made again with new ids: bindings that refer to the old ones must be made again")
	}
	return save(s, &s.transformers, items)
}

// StandardTransformers returns the id of each standard transformer by its function name.
func (s *Service) StandardTransformers() map[string]string {
	ids := map[string]string{}
	for _, t := range all(s, &s.transformers) {
		ids[t.Function] = t.ID
	}
	return ids
}
