package web

import (
	"encoding/json"
	"net/http"
	"slices"

	"oibus/agent/connectors"
	"oibus/agent/web/shape"
)

// groupParts are the keys of a SouthItemGroupCommandDTO.
var groupParts = slices.Concat(shape.Must(shape.KindObject, "standardSettings", "historySettings"), shape.May(shape.KindText, "id"))

func (s *Server) findGroupOfSouth(r *http.Request) (connectors.GroupView, error) {
	return s.views.GroupView(r.PathValue("id"), r.PathValue("groupId"))
}

func (s *Server) createGroup(w http.ResponseWriter, r *http.Request) error {
	content, err := top(r, groupParts)
	if err != nil {
		return err
	}
	group, err := s.o.Connectors.CreateGroup(author(r), r.PathValue("id"), content)
	if err != nil {
		return err
	}
	view, err := s.views.GroupView(r.PathValue("id"), group.ID)
	return created(w, view, err)
}

func (s *Server) updateGroup(r *http.Request, content json.RawMessage) error {
	return s.o.Connectors.UpdateGroup(author(r), r.PathValue("id"), r.PathValue("groupId"), content)
}

func (s *Server) deleteGroup(r *http.Request) error {
	return s.o.Connectors.DeleteGroup(author(r), r.PathValue("id"), r.PathValue("groupId"))
}
