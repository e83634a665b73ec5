package web

import (
	"encoding/json"
	"net/http"

	"oibus/agent/entity"
	"oibus/agent/web/shape"
)

// collection serves the usual five operations on one kind of object.
type collection[T any] struct {
	form   shape.Shape
	dto    func(T) any
	list   func() []T
	find   func(id string) (T, error)
	create func(author string, body json.RawMessage) (T, error)
	update func(author, id string, body json.RawMessage) error
	remove func(author, id string) error
}

func (c collection[T]) listAll(w http.ResponseWriter, _ *http.Request) error {
	return ok(w, each(c.list(), c.dto))
}

func (c collection[T]) findOne(w http.ResponseWriter, r *http.Request) error {
	v, err := c.find(r.PathValue("id"))
	if err != nil {
		return err
	}
	return ok(w, c.dto(v))
}

func (c collection[T]) makeOne(w http.ResponseWriter, r *http.Request) error {
	content, err := body(r, c.form)
	if err != nil {
		return err
	}
	v, err := c.create(author(r), content)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusCreated, c.dto(v))
	return nil
}

func (c collection[T]) changeOne(r *http.Request, content json.RawMessage) error {
	return c.update(author(r), r.PathValue("id"), content)
}

func (c collection[T]) dropOne(w http.ResponseWriter, r *http.Request) error {
	if err := c.remove(author(r), r.PathValue("id")); err != nil {
		return err
	}
	return noContent(w)
}

// each is what f makes of each of list; never nil, so that its JSON is an array.
func each[T any](list []T, f func(T) any) []any {
	out := make([]any, 0, len(list))
	for _, v := range list {
		out = append(out, f(v))
	}
	return out
}

func (s *Server) scanModes() collection[entity.ScanMode] {
	o := s.o.Settings
	return collection[entity.ScanMode]{scanModeForm, s.scanModeDTO, o.ScanModes, o.ScanMode, o.CreateScanMode, o.UpdateScanMode, o.DeleteScanMode}
}

func (s *Server) ipFilters() collection[entity.IPFilter] {
	o := s.o.Settings
	return collection[entity.IPFilter]{ipFilterForm, s.ipFilterDTO, o.IPFilters, o.IPFilter, o.CreateIPFilter, o.UpdateIPFilter, o.DeleteIPFilter}
}

func (s *Server) certificates() collection[entity.Certificate] {
	o := s.o.Settings
	return collection[entity.Certificate]{certificateForm, s.certificateDTO, o.Certificates, o.Certificate,
		o.CreateCertificate, o.UpdateCertificate, o.DeleteCertificate}
}
