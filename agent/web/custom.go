package web

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"

	"oibus/agent/entity"
	"oibus/agent/transformers"
	"oibus/agent/web/shape"
)

// Transformers shows transformers, changes custom ones, and tries them out.
type Transformers interface {
	// All lists the DTOs of all transformers, the standard ones first; View is one of them.
	All() []any
	View(id string) (any, error)
	Create(author string, body json.RawMessage) (entity.CustomTransformer, error)
	Update(author, id string, body json.RawMessage) error
	Delete(id string) error
	// TestDraft runs code that is not stored, TestStored a transformer that is; they return the body of the answer.
	TestDraft(ctx context.Context, body json.RawMessage) (transformers.TestResponse, error)
	TestStored(ctx context.Context, id, input string, options json.RawMessage) (any, error)
	// Try is TestDraft for a person who writes code: it tells also what the code printed, and where it failed.
	Try(ctx context.Context, body json.RawMessage) (transformers.Trial, error)
}

var (
	transformerParts = slices.Concat(shape.Must(shape.KindText, "type", "inputType", "outputType", "name", "customCode", "language"),
		shape.Must(shape.KindNumber, "timeout"), shape.Must(shape.KindObject, "customManifest"), []shape.Part{{Name: "description", Kind: shape.KindText, Required: true, Null: true}})
	draftParts = shape.Must(shape.KindObject, "transformer", "testRequest")
	testParts  = slices.Concat(shape.Must(shape.KindText, "inputData"), shape.May(shape.KindObject, "options"))
)

func (s *Server) createTransformer(w http.ResponseWriter, r *http.Request) error {
	content, err := top(r, transformerParts)
	if err != nil {
		return err
	}
	made, err := s.o.Transformers.Create(author(r), content)
	if err != nil {
		return err
	}
	view, err := s.o.Transformers.View(made.ID)
	return created(w, view, err)
}

func (s *Server) updateTransformer(r *http.Request, content json.RawMessage) error {
	return s.o.Transformers.Update(author(r), r.PathValue("id"), content)
}

func (s *Server) deleteTransformer(r *http.Request) error {
	return s.o.Transformers.Delete(r.PathValue("id"))
}

func (s *Server) testDraftTransformer(r *http.Request) (transformers.TestResponse, error) {
	content, err := top(r, draftParts)
	if err != nil {
		return transformers.TestResponse{}, err
	}
	return s.o.Transformers.TestDraft(r.Context(), content)
}

func (s *Server) tryTransformer(r *http.Request) (transformers.Trial, error) {
	content, err := top(r, draftParts)
	if err != nil {
		return transformers.Trial{}, err
	}
	return s.o.Transformers.Try(r.Context(), content)
}

func (s *Server) testTransformer(r *http.Request) (any, error) {
	content, err := top(r, testParts)
	if err != nil {
		return nil, err
	}
	var test struct {
		InputData string          `json:"inputData"`
		Options   json.RawMessage `json:"options"`
	}
	if err := json.Unmarshal(content, &test); err != nil {
		return nil, entity.Invalid("cannot read JSON: %v", err)
	}
	return s.o.Transformers.TestStored(r.Context(), r.PathValue("id"), test.InputData, test.Options)
}
