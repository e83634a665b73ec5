package web

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"oibus/agent/entity"
	"oibus/agent/web/access"
	"oibus/agent/web/shape"
)

// handle serves one operation. An error that it returns is answered in the forms of protocol/rest-notes.md.
type handle func(w http.ResponseWriter, r *http.Request) error

// faulty is the error of a request that does not have the form of its operation.
type faulty struct{ faults shape.Faults }

func (e *faulty) Error() string { return "the request does not have the right form" }

// tooLargeError is that of a body that is longer than its operation takes.
type tooLargeError struct{ limit string }

func (e *tooLargeError) Error() string { return "the body is larger than " + e.limit }

var errTooLarge = &tooLargeError{"20 MB"}

func (s *Server) answering(h handle) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := h(w, r); err != nil {
			s.fail(w, r, err)
		}
	}
}

// fail answers with what went wrong.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	var (
		wrongForm *faulty
		notFound  *entity.NotFoundError
		invalid   *entity.InvalidError
		pinned    *entity.PinnedError
		limited   *access.LimitedError
		large     *tooLargeError
	)
	switch {
	case errors.As(err, &wrongForm):
		writeJSON(w, http.StatusBadRequest, map[string]any{"message": wrongForm.faults})
	case errors.Is(err, shape.ErrJSON):
		writeJSON(w, http.StatusUnprocessableEntity, map[string]any{"error": "Unprocessable Entity", "message": "Invalid JSON payload"})
	case errors.As(err, &large):
		writeJSON(w, http.StatusRequestEntityTooLarge, map[string]any{"error": large.Error()})
	case errors.As(err, &limited):
		tooManyTries(w, limited)
	case errors.As(err, &notFound):
		writeJSON(w, http.StatusNotFound, map[string]any{"error": notFound.Error()})
	case errors.As(err, &invalid), errors.As(err, &pinned):
		writeJSON(w, http.StatusBadRequest, map[string]any{"message": err.Error()})
	default:
		if r.Context().Err() == nil {
			s.log.Error("a request failed", "method", r.Method, "path", r.URL.Path, "error", err)
		}
		writeJSON(w, http.StatusInternalServerError, map[string]any{"error": err.Error()})
	}
}

// failing makes every failure of h but a wrong form a 500, as the reference answers on the registration.
func failing(h handle) handle {
	return func(w http.ResponseWriter, r *http.Request) error {
		err := h(w, r)
		var invalid *entity.InvalidError
		if errors.As(err, &invalid) {
			writeJSON(w, http.StatusInternalServerError, map[string]any{"error": err.Error()})
			return nil
		}
		return err
	}
}

// refuse answers in the form that the reference has for credentials.
func refuse(w http.ResponseWriter, status int, text string) {
	writeJSON(w, status, map[string]any{"error": text, "status": status})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err) // a value of ours that is no JSON: found by the first test that calls the operation
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	w.Write(body) // a client that went away is no one to tell
}

func noContent(w http.ResponseWriter) error {
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func ok(w http.ResponseWriter, v any) error {
	writeJSON(w, http.StatusOK, v)
	return nil
}

// created answers with what was made, as it is shown; err is what kept it from being shown.
func created(w http.ResponseWriter, view any, err error) error {
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusCreated, view)
	return nil
}

// readBody reads the body of r to its end.
func readBody(r *http.Request) ([]byte, error) {
	raw, err := io.ReadAll(r.Body)
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return nil, errTooLarge
	}
	if err != nil {
		return nil, shape.ErrJSON // cut short
	}
	return raw, nil
}

// body reads the JSON body of r, which has to have the given form.
func body(r *http.Request, form shape.Shape) (json.RawMessage, error) {
	raw, err := readBody(r)
	if err != nil {
		return nil, err
	}
	fitted, faults, err := shape.Check(form, raw)
	if len(faults) > 0 {
		return nil, &faulty{faults}
	}
	return fitted, err
}

// change serves an operation that takes a body of the given form and answers with nothing.
func change(form shape.Shape, f func(r *http.Request, content json.RawMessage) error) handle {
	return func(w http.ResponseWriter, r *http.Request) error {
		content, err := body(r, form)
		if err != nil {
			return err
		}
		if err := f(r, content); err != nil {
			return err
		}
		return noContent(w)
	}
}

// author is the user who asks, as the author of what the request changes.
func author(r *http.Request) string {
	id, _ := access.From(r.Context())
	return id.UserID
}
