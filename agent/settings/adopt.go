package settings

import (
	"errors"

	"oibus/agent/entity"
	"oibus/agent/store"
)

// Objects are what the settings hold, as another OIBus had them.
type Objects struct {
	Engine       entity.Engine
	ScanModes    []entity.ScanMode
	IPFilters    []entity.IPFilter
	Certificates []entity.Certificate
	Users        []entity.User
	Transformers []entity.StandardTransformer
}

// Adopt stores them in a state that has none.
func Adopt(s *store.Store, o Objects) error {
	l, err := openLists(s)
	if err != nil {
		return err
	}
	return errors.Join(store.Save(s, "engine", o.Engine), store.Save(s, l.scanModes.name, o.ScanModes), store.Save(s, l.ipFilters.name, o.IPFilters),
		store.Save(s, l.certificates.name, o.Certificates), store.Save(s, l.users.name, o.Users), store.Save(s, l.transformers.name, o.Transformers))
}
