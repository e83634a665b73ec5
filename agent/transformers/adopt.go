package transformers

import (
	"oibus/agent/entity"
	"oibus/agent/store"
)

// Adopt stores custom transformers as another OIBus had them, in a state that has none.
func Adopt(s *store.Store, list []entity.CustomTransformer) error {
	return store.Save(s, document, list)
}
