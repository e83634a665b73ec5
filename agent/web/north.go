package web

import (
	"encoding/json"
	"net/http"
	"slices"

	"oibus/agent/connector"
	"oibus/agent/connectors"
	"oibus/agent/entity"
	"oibus/agent/manifest"
	"oibus/agent/web/shape"
)

var (
	// northParts are the keys of a NorthConnectorCommandDTO.
	northParts = slices.Concat(connectorParts, shape.Must(shape.KindObject, "caching"), shape.Must(shape.KindArray, "transformers"))
	// linkParts are those of a TransformerDTOWithOptions.
	linkParts = slices.Concat(shape.Must(shape.KindText, "id"), shape.Must(shape.KindObject, "transformer", "source", "options"))
)

func (s *Server) northTypes(*http.Request) ([]manifest.NorthType, error) {
	return manifest.NorthTypes(s.dialect()), nil
}

func (s *Server) northManifest(r *http.Request) (manifest.North, error) {
	form, ok := manifest.FindNorth(s.dialect(), r.PathValue("type"))
	if !ok {
		return form, entity.NotFound("North manifest %q not found", r.PathValue("type"))
	}
	return form, nil
}

func (s *Server) listNorths(*http.Request) ([]connectors.Light, error) {
	return s.views.LightNorths(), nil
}

func (s *Server) findNorth(r *http.Request) (connectors.NorthView, error) {
	return s.views.NorthView(r.PathValue("id"))
}

func (s *Server) createNorth(w http.ResponseWriter, r *http.Request) error {
	content, err := top(r, northParts)
	if err != nil {
		return err
	}
	north, err := s.o.Connectors.CreateNorth(author(r), content, plainSecrets(r.URL.Query().Get("duplicate")))
	if err != nil {
		return err
	}
	view, err := s.views.NorthView(north.ID)
	return created(w, view, err)
}

func (s *Server) updateNorth(r *http.Request, content json.RawMessage) error {
	return s.o.Connectors.UpdateNorth(author(r), r.PathValue("id"), content, plainSecrets(""))
}

func (s *Server) deleteNorth(r *http.Request) error {
	return s.o.Connectors.DeleteNorth(author(r), r.PathValue("id"))
}

func (s *Server) enableNorth(enabled bool) handle {
	return act(func(r *http.Request) error { return s.o.Connectors.EnableNorth(author(r), r.PathValue("id"), enabled) })
}

func (s *Server) resetNorthMetrics(r *http.Request) error {
	return s.o.Engine.ResetNorthMetrics(r.PathValue("id"))
}

func (s *Server) testNorth(r *http.Request) (connector.Report, error) {
	return testConnection(r, "northType", s.o.Engine.TestNorth)
}

func (s *Server) saveLink(r *http.Request, content json.RawMessage) error {
	return s.o.Connectors.SaveLink(author(r), r.PathValue("id"), content)
}

func (s *Server) deleteLink(r *http.Request) error {
	return s.o.Connectors.DeleteLink(author(r), r.PathValue("id"), r.PathValue("linkId"))
}
