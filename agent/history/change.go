package history

import (
	"context"
	"encoding/json"
	"slices"

	"oibus/agent/connectors"
	"oibus/agent/entity"
)

func (s *Service) form(author, id string, old *entity.HistoryQuery, secrets connectors.HistorySecrets) connectors.HistoryForm {
	return connectors.HistoryForm{
		Author: author, Old: old, Query: s.Query, From: secrets.From, Copy: secrets.Copy, Decrypt: secrets.Decrypt,
		Taken: func(name string) bool {
			return slices.ContainsFunc(s.Queries(), func(q entity.HistoryQuery) bool { return q.Name == name && q.ID != id })
		},
	}
}

// Create makes a query from a HistoryQueryCommand. It waits to be started.
func (s *Service) Create(ctx context.Context, author string, body json.RawMessage, secrets connectors.HistorySecrets) (entity.HistoryQuery, error) {
	q, err := s.create(author, body, secrets)
	if err != nil {
		return q, err
	}
	s.announce(q.ID)
	s.slot(q.ID).settle(ctx)
	return q, nil
}

func (s *Service) create(author string, body json.RawMessage, secrets connectors.HistorySecrets) (entity.HistoryQuery, error) {
	s.changing.Lock()
	defer s.changing.Unlock()
	q, err := s.o.Connectors.HistoryQuery(body, s.form(author, "", nil, secrets))
	if err != nil {
		return q, err
	}
	q.Audit, q.Status = entity.NewAudit(s.newID(), author, s.now()), entity.HistoryPending
	own(&q)
	q.Compose()
	f := &file{document: document{Order: s.nextOrder()}}
	if err := s.save(f, q, change{items: true}); err != nil {
		return q, err
	}
	s.mu.Lock()
	s.files = append(slices.Clone(s.files), f)
	s.mu.Unlock()
	return f.query, nil
}

func (s *Service) nextOrder() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	order := 0
	for _, f := range s.files {
		order = max(order, f.document.Order)
	}
	return order + 1
}

// newID draws an id that no query has, and of which nothing is left.
func (s *Service) newID() string {
	for {
		id := entity.NewID(entity.ShortID)
		if !s.known(id) && !slices.Contains(s.tracking.Souths(), id) {
			return id
		}
	}
}

// own makes the South of the query the source of its links.
func own(q *entity.HistoryQuery) {
	links := slices.Clone(q.North.Transformers)
	for i := range links {
		links[i].Source.SouthID = q.ID
	}
	q.North.Transformers = links
}

// change runs a change of a query, makes it durable and lets it take effect. edit puts into next what it wants to be; it
// must replace slices, not write into them.
func (s *Service) change(ctx context.Context, id string, edit func(next *entity.HistoryQuery) (change, error)) error {
	if err := s.edit(id, edit); err != nil {
		return err
	}
	s.announce(id)
	s.slot(id).settle(ctx)
	return nil
}

func (s *Service) edit(id string, edit func(next *entity.HistoryQuery) (change, error)) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	f, err := s.file(id)
	if err != nil {
		return err
	}
	next := f.query
	c, err := edit(&next)
	if err != nil {
		return err
	}
	return s.save(f, next, c)
}

// Update replaces all of a query but its status. With reset, what it has read and cached is forgotten. One that runs
// goes on with what it is now.
func (s *Service) Update(ctx context.Context, author, id string, body json.RawMessage, reset bool, decrypt func(string) (string, error)) error {
	return s.update(ctx, author, id, body, change{items: true, runs: true, reset: reset}, decrypt)
}

// UpdateHead replaces what a query has beside its types, items and links, which stay as they are at that moment.
func (s *Service) UpdateHead(ctx context.Context, author, id string, body json.RawMessage, reset bool) error {
	return s.update(ctx, author, id, body, change{runs: true, reset: reset}, nil)
}

func (s *Service) update(ctx context.Context, author, id string, body json.RawMessage, c change, decrypt func(string) (string, error)) error {
	return s.change(ctx, id, func(next *entity.HistoryQuery) (change, error) {
		old := *next
		f := s.form(author, id, &old, connectors.HistorySecrets{Decrypt: decrypt})
		f.Keep = !c.items
		made, err := s.o.Connectors.HistoryQuery(body, f)
		if err != nil {
			return change{}, err
		}
		made.Audit = old.Touched(author, s.now())
		own(&made)
		*next = made
		return c, nil
	})
}

// Delete removes a query with everything that it has read and cached.
func (s *Service) Delete(ctx context.Context, author, id string) error {
	if err := s.delete(id); err != nil {
		return err
	}
	s.announce(id)
	s.slot(id).settle(ctx)
	return nil
}

func (s *Service) delete(id string) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	f, err := s.file(id)
	if err != nil {
		return err
	}
	return s.remove(f)
}

// SaveLink adds a transformer link, or replaces the one whose id the body has.
func (s *Service) SaveLink(ctx context.Context, author, id string, body json.RawMessage) error {
	return s.change(ctx, id, func(next *entity.HistoryQuery) (change, error) {
		links, err := s.o.Connectors.HistoryLink(*next, body)
		if err != nil {
			return change{}, err
		}
		next.North.Transformers = links
		own(next)
		next.Audit = next.Touched(author, s.now())
		return change{}, nil
	})
}

// DeleteLink removes a transformer link.
func (s *Service) DeleteLink(ctx context.Context, author, id, linkID string) error {
	return s.change(ctx, id, func(next *entity.HistoryQuery) (change, error) {
		had := len(next.North.Transformers)
		next.North.Transformers = slices.DeleteFunc(slices.Clone(next.North.Transformers), func(l entity.TransformerLink) bool { return l.ID == linkID })
		if len(next.North.Transformers) == had {
			return change{}, entity.NotFound("Transformer link \"%s\" not found", linkID)
		}
		next.Audit = next.Touched(author, s.now())
		return change{}, nil
	})
}

// DeleteLinksTo removes the links to a transformer that is gone from all queries.
func (s *Service) DeleteLinksTo(ctx context.Context, author, transformerID string) error {
	for _, q := range s.Queries() {
		for _, l := range q.North.Transformers {
			if l.TransformerID == transformerID {
				if err := s.DeleteLink(ctx, author, q.ID, l.ID); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
