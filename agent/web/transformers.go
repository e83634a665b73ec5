package web

import (
	"net/http"
	"slices"

	"oibus/agent/entity"
	"oibus/agent/manifest"
	"oibus/agent/transform"
	"oibus/agent/transformers"
)

// transformersPerPage is how many transformers a page of a search has, as in the reference.
const transformersPerPage = 10

// transformer is the DTO of a transformer, null when it is gone.
func (s *Server) transformer(id string) any {
	view, err := s.o.Transformers.View(id)
	if err != nil {
		return nil
	}
	return view
}

func (s *Server) transformerTypes(*http.Request) ([]manifest.TransformerType, error) {
	return manifest.TransformerTypes(), nil
}

func (s *Server) transformerManifest(r *http.Request) (manifest.Transformer, error) {
	form, ok := manifest.FindTransformer(r.PathValue("type"))
	if !ok {
		return form, entity.NotFound("Transformer manifest %q not found", r.PathValue("type"))
	}
	return form, nil
}

func (s *Server) listTransformers(*http.Request) ([]any, error) {
	return s.o.Transformers.All(), nil
}

func (s *Server) findTransformer(r *http.Request) (any, error) {
	return s.o.Transformers.View(r.PathValue("id"))
}

func (s *Server) searchTransformers(r *http.Request) (page, error) {
	q := queryOf(r)
	number := q.page()
	if err := q.err(); err != nil {
		return page{}, err
	}
	found := slices.DeleteFunc(s.o.Transformers.All(), func(t any) bool {
		kind, input, output := kindsOf(t)
		differs := func(name, value string) bool { return q.text(name) != "" && q.text(name) != value }
		return differs("type", kind) || differs("inputType", input) || differs("outputType", output)
	})
	from := min(number*transformersPerPage, len(found))
	content := found[from:min(from+transformersPerPage, len(found))]
	return page{content, len(found), transformersPerPage, number, (len(found) + transformersPerPage - 1) / transformersPerPage}, nil
}

// kindsOf says what a transformer is, takes and makes.
func kindsOf(t any) (kind, input, output string) {
	switch t := t.(type) {
	case transformers.StandardView:
		return t.Type, t.InputType, t.OutputType
	case transformers.CustomView:
		return t.Type, t.InputType, t.OutputType
	}
	return "", "", ""
}

// template is the sample for a type of input.
func (s *Server) template(r *http.Request) (transform.Template, error) {
	return transform.TemplateFor(r.PathValue("type"), s.o.Now()), nil
}
