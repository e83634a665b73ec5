package web

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"

	"oibus/agent/connector"
	"oibus/agent/connectors"
	"oibus/agent/entity"
	"oibus/agent/manifest"
	"oibus/agent/web/shape"
)

// Keys of the bodies of Souths, as protocol/openapi.json has them (SouthConnectorCommandDTO). What they hold is checked
// by package connectors, after the manifests.
var (
	connectorParts = slices.Concat(shape.Must(shape.KindText, "name", "type", "description"), shape.Must(shape.KindBool, "enabled"), shape.Must(shape.KindObject, "settings"))
	southParts     = slices.Concat(connectorParts, shape.Must(shape.KindArray, "items", "groups"))
	// southHeadParts are those of a South whose items stay as they are.
	southHeadParts = slices.Concat(connectorParts, shape.May(shape.KindArray, "items", "groups"))
	itemTestParts  = shape.Must(shape.KindObject, "southSettings", "itemSettings", "testingSettings")
)

func (s *Server) southTypes(*http.Request) ([]manifest.SouthType, error) {
	return manifest.SouthTypes(s.dialect()), nil
}

func (s *Server) southManifest(kind string) (manifest.South, error) {
	form, ok := manifest.FindSouth(s.dialect(), kind)
	if !ok {
		return form, entity.NotFound("South manifest %q not found", kind)
	}
	return form, nil
}

// southPart answers for two operations whose paths the multiplexer cannot tell apart: the manifest of a type, and
// the groups of a South.
func (s *Server) southPart(w http.ResponseWriter, r *http.Request) error {
	first, second := r.PathValue("id"), r.PathValue("part")
	switch {
	case first == "manifests":
		form, err := s.southManifest(second)
		if err != nil {
			return err
		}
		return ok(w, form)
	case second == "groups":
		groups, err := s.views.GroupViews(first)
		if err != nil {
			return err
		}
		return ok(w, groups)
	}
	s.answerNotFound(w, r)
	return nil
}

func (s *Server) listSouths(*http.Request) ([]connectors.Light, error) {
	return s.views.LightSouths(), nil
}

// findSouth shows a South; with ?items=false, for the page, without its items, of which there may be 100,000.
func (s *Server) findSouth(w http.ResponseWriter, r *http.Request) error {
	if r.URL.Query().Get("items") == "false" {
		return show(func(r *http.Request) (connectors.SouthView, error) { return s.views.SouthHead(r.PathValue("id")) })(w, r)
	}
	return streamed(func(r *http.Request) (connectors.Stream, error) { return s.views.SouthStream(r.PathValue("id")) })(w, r)
}

// createSouth makes a South; with ?duplicate=…&items=copy, for the page, with the items and groups of the one that it is a
// duplicate of, which then are not in the answer either.
func (s *Server) createSouth(w http.ResponseWriter, r *http.Request) error {
	from := r.URL.Query().Get("duplicate")
	if from != "" && r.URL.Query().Get("items") == "copy" {
		return s.duplicateSouth(w, r, from)
	}
	content, err := top(r, southParts)
	if err != nil {
		return err
	}
	south, err := s.o.Connectors.CreateSouth(author(r), content, plainSecrets(from))
	if err != nil {
		return err
	}
	view, err := s.views.SouthView(south.ID)
	return created(w, view, err)
}

func (s *Server) duplicateSouth(w http.ResponseWriter, r *http.Request, from string) error {
	content, err := top(r, southHeadParts)
	if err != nil {
		return err
	}
	south, err := s.o.Connectors.DuplicateSouth(author(r), from, content)
	if err != nil {
		return err
	}
	view, err := s.views.SouthHead(south.ID)
	return created(w, view, err)
}

// updateSouth replaces a South; with ?items=keep, for the page, all of it but items and groups.
func (s *Server) updateSouth(w http.ResponseWriter, r *http.Request) error {
	parts, update := southParts, s.o.Connectors.UpdateSouth
	if r.URL.Query().Get("items") == "keep" {
		parts, update = southHeadParts, s.o.Connectors.UpdateSouthHead
	}
	return changeTop(parts, func(r *http.Request, content json.RawMessage) error {
		return update(author(r), r.PathValue("id"), content, plainSecrets(""))
	})(w, r)
}

func (s *Server) deleteSouth(r *http.Request) error {
	return s.o.Connectors.DeleteSouth(author(r), r.PathValue("id"))
}

func (s *Server) enableSouth(enabled bool) handle {
	return act(func(r *http.Request) error { return s.o.Connectors.EnableSouth(author(r), r.PathValue("id"), enabled) })
}

func (s *Server) resetSouthMetrics(r *http.Request) error {
	return s.o.Engine.ResetSouthMetrics(r.PathValue("id"))
}

func (s *Server) testSouth(r *http.Request) (connector.Report, error) {
	return testConnection(r, "southType", s.o.Engine.TestSouth)
}

// testConnection tests the settings in the body; kind is the query parameter that names the type.
func testConnection(r *http.Request, kind string, test func(ctx context.Context, id, kind string, settings json.RawMessage) (connector.Report, error)) (connector.Report, error) {
	wantedType, err := wanted(r, kind)
	if err != nil {
		return connector.Report{}, err
	}
	settings, err := settingsOf(r)
	if err != nil {
		return connector.Report{}, err
	}
	report, err := test(r.Context(), r.PathValue("id"), wantedType, settings)
	if err != nil {
		return connector.Report{}, failedTest(err)
	}
	return report, nil
}

func (s *Server) testSouthItem(r *http.Request) (any, error) {
	kind, err := wanted(r, "southType")
	if err != nil {
		return nil, err
	}
	content, err := top(r, itemTestParts)
	if err != nil {
		return nil, err
	}
	var asked struct {
		SouthSettings, ItemSettings, TestingSettings json.RawMessage
	}
	if err := json.Unmarshal(content, &asked); err != nil {
		return nil, err
	}
	result, err := s.o.Engine.TestSouthItem(r.Context(), ItemTest{
		SouthID: r.PathValue("id"), SouthType: kind, ItemName: r.URL.Query().Get("itemName"),
		SouthSettings: asked.SouthSettings, ItemSettings: asked.ItemSettings, TestingSettings: asked.TestingSettings,
	})
	if err != nil {
		return nil, failedTest(err)
	}
	return result, nil
}

// wanted is a query parameter that must be there.
func wanted(r *http.Request, name string) (string, error) {
	value := r.URL.Query().Get(name)
	if value == "" {
		return "", &faulty{shape.Faults{name: {Message: "'" + name + "' is required"}}}
	}
	return value, nil
}

// settingsOf is the body of r, which is the settings of a connector.
func settingsOf(r *http.Request) (json.RawMessage, error) { return body(r, shape.Open()) }
