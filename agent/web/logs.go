package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"oibus/agent/entity"
	"oibus/agent/logging"
	"oibus/agent/web/shape"
)

// defaultRange is how far back a search of the logs looks when it is not told.
const defaultRange = 24 * time.Hour

// Logs are the journal of the agent; *logging.Hub is one.
type Logs interface {
	Search(q logging.Query) (logging.Page, error)
	Follow(q logging.Query, after uint64) *logging.Follower
	SuggestScopes(name string) ([]logging.NamedScope, error)
	SuggestItems(name, scopeID string) ([]logging.NamedItem, error)
	SuggestGroups(name, scopeID string) ([]logging.NamedGroup, error)
	ScopeByID(id string) (logging.NamedScope, bool, error)
	ItemByID(id string) (logging.NamedItem, bool, error)
	GroupByID(id string) (logging.NamedGroup, bool, error)
}

// logQuery reads what both the search and the live log take.
func logQuery(q query) logging.Query {
	asked := logging.Query{ScopeTypes: q.list("scopeTypes"), ScopeIDs: q.list("scopeIds"), ItemIDs: q.list("itemIds"),
		GroupIDs: q.list("groupIds"), Text: q.text("messageContent"), PageSize: pageSize}
	names := []string{"silent", "error", "warn", "info", "debug", "trace"}
	for _, name := range q.list("levels") {
		if !slices.Contains(names, name) {
			q.faults["levels"] = shape.Fault{Message: "should be one of the following; ['silent','error','warn','info','debug','trace']"}
		}
		asked.Levels = append(asked.Levels, logging.ParseLevel(name))
	}
	return asked
}

// searchLogs pages through the journal, newest first.
func (s *Server) searchLogs(w http.ResponseWriter, r *http.Request) error {
	q := queryOf(r)
	asked := logQuery(q)
	asked.From, asked.To, asked.Page = q.instant("start"), q.instant("end"), q.page()
	if size := q.count("size"); size > 0 { // ours: who takes all of it does not look through the journal for every 50 lines
		asked.PageSize = size
	}
	if err := q.err(); err != nil {
		return err
	}
	if asked.From.IsZero() {
		asked.From = s.o.Now().Add(-defaultRange)
	}
	found, err := s.o.Logs.Search(asked)
	if err != nil {
		return err
	}
	return ok(w, found)
}

// suggest answers with what of finds for the name, and for the scope where there can be one.
func suggest[T any](of func(name, scopeID string) ([]T, error)) handle {
	return func(w http.ResponseWriter, r *http.Request) error {
		q := queryOf(r)
		found, err := of(q.text("name"), q.text("scopeId"))
		if err != nil {
			return err
		}
		if found == nil {
			found = []T{}
		}
		return ok(w, found)
	}
}

func (s *Server) scopesNamed(name, _ string) ([]logging.NamedScope, error) {
	return s.o.Logs.SuggestScopes(name)
}

func (s *Server) itemsNamed(name, scopeID string) ([]logging.NamedItem, error) {
	return s.o.Logs.SuggestItems(name, scopeID)
}

func (s *Server) groupsNamed(name, scopeID string) ([]logging.NamedGroup, error) {
	return s.o.Logs.SuggestGroups(name, scopeID)
}

// findScope answers null for a scope without entries, as documented; items and groups are then not found.
func (s *Server) findScope(w http.ResponseWriter, r *http.Request) error {
	found, known, err := s.o.Logs.ScopeByID(r.PathValue("id"))
	if err != nil {
		return err
	}
	if !known {
		return ok(w, nil)
	}
	return ok(w, found)
}

func (s *Server) findItem(w http.ResponseWriter, r *http.Request) error {
	found, known, err := s.o.Logs.ItemByID(r.PathValue("id"))
	if err == nil && !known {
		err = entity.NotFound("Item %q not found", r.PathValue("id"))
	}
	if err != nil {
		return err
	}
	return ok(w, found)
}

func (s *Server) findGroup(w http.ResponseWriter, r *http.Request) error {
	found, known, err := s.o.Logs.GroupByID(r.PathValue("id"))
	if err == nil && !known {
		err = entity.NotFound("Group %q not found", r.PathValue("id"))
	}
	if err != nil {
		return err
	}
	return ok(w, found)
}

// streamLogs sends the entries as they are written, and a comment now and then so that a dead line is noticed. The id of
// an event is where the journal was read to: who comes back with it misses nothing and gets nothing twice.
func (s *Server) streamLogs(w http.ResponseWriter, r *http.Request) error {
	q := queryOf(r)
	asked, after := logQuery(q), resumeAfter(q)
	if err := q.err(); err != nil {
		return err
	}
	entries := s.o.Logs.Follow(asked, after)
	send := startEvents(w)
	event := ""
	for ctx := r.Context(); ; {
		if send(event+"id: "+strconv.FormatUint(entries.Read(), 10)+"\n\n") != nil {
			return nil // the client went away
		}
		entry, err := nextEntry(ctx, entries)
		switch {
		case err == nil:
			data, err := json.Marshal(entry)
			if err != nil {
				return nil // an entry that is no JSON: there is no way to tell
			}
			event = "data: " + string(data) + "\n"
		case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
			event = ": ping\n"
		default:
			return nil // the stream or the log ended
		}
	}
}

// nextEntry waits for an entry until it is time for a sign of life.
func nextEntry(ctx context.Context, entries *logging.Follower) (logging.Entry, error) {
	ctx, cancel := context.WithTimeout(ctx, pingPace)
	defer cancel()
	return entries.Next(ctx)
}

// resumeAfter is the id of the last event that the client has; without one it gets what is logged from now on. A browser that reconnects tells it
// by itself; others may name it in the address.
func resumeAfter(q query) uint64 {
	text := q.text("after")
	if last := q.r.Header.Get("Last-Event-ID"); last != "" {
		text = last
	}
	if text == "" {
		return logging.Now
	}
	after, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		q.faults["after"] = shape.Fault{Message: "invalid id of an event"}
	}
	return after
}
