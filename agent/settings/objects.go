package settings

import (
	"slices"

	"oibus/agent/entity"
	"oibus/agent/store"
)

// list is a small collection kept in one state document. Its fields are guarded by the mutex of the Service.
type list[T any] struct {
	name  string // of the document
	id    func(T) string
	items []T
}

func openList[T any](st *store.Store, name string, id func(T) string) (list[T], error) {
	items, _, err := store.Load(st, name, []T(nil))
	return list[T]{name: name, id: id, items: items}, err
}

func (l *list[T]) find(id string) (T, bool) {
	i := slices.IndexFunc(l.items, func(v T) bool { return l.id(v) == id })
	if i < 0 {
		var none T
		return none, false
	}
	return l.items[i], true
}

// with is the items with v in place of the one with its id, or at the end.
func (l *list[T]) with(v T) []T {
	items := slices.Clone(l.items)
	if i := slices.IndexFunc(items, func(other T) bool { return l.id(other) == l.id(v) }); i >= 0 {
		items[i] = v
		return items
	}
	return append(items, v)
}

func (l *list[T]) without(id string) []T {
	return slices.DeleteFunc(slices.Clone(l.items), func(v T) bool { return l.id(v) == id })
}

// newID draws an id that no item has.
func (l *list[T]) newID() string {
	for {
		id := entity.NewID(entity.ShortID)
		if _, taken := l.find(id); !taken {
			return id
		}
	}
}

// lists are the collections of the Service.
type lists struct {
	scanModes    list[entity.ScanMode]
	ipFilters    list[entity.IPFilter]
	certificates list[entity.Certificate]
	users        list[entity.User]
	transformers list[entity.StandardTransformer]
	scanModeUse  func(id string) bool
}

func openLists(st *store.Store) (l lists, err error) {
	if l.scanModes, err = openList(st, "scan-modes", func(v entity.ScanMode) string { return v.ID }); err != nil {
		return l, err
	}
	if l.ipFilters, err = openList(st, "ip-filters", func(v entity.IPFilter) string { return v.ID }); err != nil {
		return l, err
	}
	if l.certificates, err = openList(st, "certificates", func(v entity.Certificate) string { return v.ID }); err != nil {
		return l, err
	}
	if l.users, err = openList(st, "users", func(v entity.User) string { return v.ID }); err != nil {
		return l, err
	}
	l.transformers, err = openList(st, "standard-transformers", func(v entity.StandardTransformer) string { return v.ID })
	return l, err
}

// save makes items the content of l, on disk first. The caller holds s.changing.
func save[T any](s *Service, l *list[T], items []T) error {
	if err := store.Save(s.o.Store, l.name, items); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l.items = items
	return nil
}

// all returns a copy of the items of l.
func all[T any](s *Service, l *list[T]) []T {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(l.items)
}

// one returns the item with this id, or a NotFoundError with the reference's text, as `Scan mode "x" not found`.
func one[T any](s *Service, l *list[T], kind, id string) (T, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, found := l.find(id)
	if !found {
		return v, entity.NotFound("%s %q not found", kind, id)
	}
	return v, nil
}
