package web

import (
	"encoding/json"
	"net/http"
)

func (s *Server) registration(w http.ResponseWriter, _ *http.Request) error {
	return ok(w, s.o.Registered(func(id string) any { return s.who(id) }))
}

func (s *Server) register(r *http.Request, content json.RawMessage) error {
	return s.o.Registration.Register(r.Context(), author(r), content)
}

func (s *Server) editRegistration(r *http.Request, content json.RawMessage) error {
	return s.o.Registration.Edit(author(r), content)
}

func (s *Server) testConnection(r *http.Request, content json.RawMessage) error {
	return s.o.Registration.TestConnection(r.Context(), content)
}

func (s *Server) unregister(w http.ResponseWriter, _ *http.Request) error {
	if err := s.o.Registration.Unregister(); err != nil {
		return err
	}
	return noContent(w)
}

// searchCommands pages through the stored commands, newest first.
func (s *Server) searchCommands(w http.ResponseWriter, r *http.Request) error {
	q := queryOf(r)
	asked := CommandQuery{Types: q.list("types"), Statuses: q.list("status"), Start: q.instant("start"), End: q.instant("end"),
		Ack: q.truth("ack"), Page: q.page()}
	if err := q.err(); err != nil {
		return err
	}
	return ok(w, s.o.Commands.Search(asked))
}

func (s *Server) deleteCommand(w http.ResponseWriter, r *http.Request) error {
	if err := s.o.Commands.Delete(r.PathValue("id")); err != nil {
		return err
	}
	return noContent(w)
}
