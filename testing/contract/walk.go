// Package contract walks the OpenAPI document of the reference: it calls each of its operations well, badly and without
// credentials, and holds what is sent and what is answered against the document. It promises that an operation counts
// as passed only when all three were tried and all answers fit. It guards against an API that answers, and not what
// scripts of people were written for.
package contract

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
)

// Answer is what an operation answered.
type Answer struct {
	Status      int
	ContentType string
	Body        string
}

// Request is a call of an operation.
type Request struct {
	Method, Path, Body string
	ContentType        string // of the body, if there is one
	Anonymous          bool   // without credentials
}

// Site is what is tried.
type Site struct {
	Do      func(Request) (Answer, error)
	Names   map[string]string       // what stands for {name} in trials
	Rewrite *strings.Replacer       // of paths and bodies, for what lies elsewhere here; may be nil
	After   map[string]func() error // what to wait for after an operation
}

// Walk is a document that is being tried on a site.
type Walk struct {
	document *Document
	site     Site
	names    map[string]string
	results  map[string]*result
}

type result struct {
	good, bad, refused int // calls that were answered as they should
	faults             []error
}

// New begins a walk.
func New(d *Document, s Site) *Walk {
	w := &Walk{d, s, map[string]string{}, map[string]*result{}}
	maps.Copy(w.names, s.Names)
	return w
}

// Try makes the trials. Its errors are also in the table.
func (w *Walk) Try(trials ...Trial) error {
	var all []error
	for _, c := range trials {
		if err := w.try(c); err != nil {
			err = fmt.Errorf("%s %s %.300s: %w", c.Operation, c.Path, c.Body, err)
			w.result(c.Operation).faults = append(w.result(c.Operation).faults, err)
			all = append(all, err)
		}
	}
	return errors.Join(all...)
}

func (w *Walk) result(operation string) *result {
	if w.results[operation] == nil {
		w.results[operation] = &result{}
	}
	return w.results[operation]
}

// links are names that are looked up when they are used: the first binding of what an earlier trial made.
var links = map[string]struct{ path, key string }{
	"{link}":        {"/api/north/{north}", "transformers"},
	"{historyLink}": {"/api/history/{history}", "northTransformers"},
}

// fill puts what names stand for into text.
func (w *Walk) fill(text string) (string, error) {
	for name, at := range links {
		if !strings.Contains(text, name) {
			continue
		}
		path, err := w.fill(at.path)
		if err != nil {
			return "", err
		}
		got, err := w.site.Do(Request{Method: "GET", Path: path})
		if err != nil {
			return "", err
		}
		var all map[string]json.RawMessage
		var found []struct{ ID string }
		if err := errors.Join(json.Unmarshal([]byte(got.Body), &all), json.Unmarshal(all[at.key], &found)); err != nil || len(found) == 0 {
			return "", fmt.Errorf("%s has no %s: %s", path, at.key, got.Body)
		}
		text = strings.ReplaceAll(text, name, found[0].ID)
	}
	for name, value := range w.names {
		text = strings.ReplaceAll(text, "{"+name+"}", value)
	}
	if w.site.Rewrite != nil {
		text = w.site.Rewrite.Replace(text)
	}
	return text, nil
}

func (w *Walk) try(c Trial) error {
	op, err := w.document.operation(c.Operation)
	if err != nil {
		return err
	}
	method, path, _ := strings.Cut(c.Operation, " ")
	if c.Path != "" {
		path = c.Path
	}
	path, err = w.fill(path)
	if err != nil {
		return err
	}
	body, err := w.fill(c.Body)
	if err != nil {
		return err
	}
	if err := w.anonymously(c.Operation, method, path); err != nil {
		return err
	}
	got, err := w.site.Do(Request{Method: method, Path: path, Body: body, ContentType: contentType(body)})
	if err != nil {
		return err
	}
	if got.Status != c.Status {
		return fmt.Errorf("got %d %.1000s, want %d", got.Status, got.Body, c.Status)
	}
	if c.Status >= 400 {
		if err := checkError(got); err != nil {
			return err
		}
		w.result(c.Operation).bad++
		return nil
	}
	if err := w.checkAnswer(c, op, path, body, got); err != nil {
		return err
	}
	w.result(c.Operation).good++
	if after := w.site.After[c.Operation]; after != nil {
		return after()
	}
	return nil
}

func contentType(body string) string {
	if strings.HasPrefix(body, FormEdge) {
		return "multipart/form-data; boundary=" + strings.TrimPrefix(FormEdge, "--")
	}
	return "application/json"
}

// anonymously tries an operation once without credentials.
func (w *Walk) anonymously(operation, method, path string) error {
	r := w.result(operation)
	if r.refused > 0 || public(operation) {
		return nil
	}
	got, err := w.site.Do(Request{Method: method, Path: path, Anonymous: true})
	if err != nil {
		return err
	}
	if want := `{"error":"Unauthorized","status":401}`; got.Status != 401 || got.Body != want {
		return fmt.Errorf("without credentials: %d %s", got.Status, got.Body)
	}
	r.refused++
	return nil
}

// tables are the operations that answer with a table, which the document forgets.
var tables = map[string]bool{
	"POST /api/south/{southId}/items/export": true, "POST /api/south/{southType}/items/to-csv": true,
	"POST /api/history/{historyId}/items/export": true, "POST /api/history/{southType}/items/to-csv": true,
}

func (w *Walk) checkAnswer(c Trial, op map[string]any, path, body string, got Answer) error {
	if tables[c.Operation] {
		if got.ContentType != "text/csv; charset=utf-8" || !strings.HasPrefix(got.Body, "name") && got.Body != "" {
			return fmt.Errorf("the answer is %s: %.200s", got.ContentType, got.Body)
		}
		return nil
	}
	if body != "" && !strings.HasPrefix(body, FormEdge) && !strings.Contains(path, "items=keep") {
		if err := w.document.fits(c.Operation, body, "requestBody"); err != nil {
			return err
		}
	}
	documented, there := op["responses"].(map[string]any)[strconv.Itoa(c.Status)].(map[string]any)
	switch {
	case !there:
		return fmt.Errorf("%d is not a documented answer", c.Status)
	case documented["content"] != nil:
		if err := w.document.fits(c.Operation, got.Body, "responses", strconv.Itoa(c.Status)); err != nil {
			return err
		}
	case got.Body != "":
		return fmt.Errorf("the answer should be empty, it is %s", got.Body)
	}
	if c.Keep == "" {
		return nil
	}
	var made struct{ ID string }
	if err := json.Unmarshal([]byte(got.Body), &made); err != nil || made.ID == "" {
		return fmt.Errorf("no id in %s", got.Body)
	}
	w.names[c.Keep] = made.ID
	return nil
}

// checkError holds an error against the forms of rest-notes.md.
func checkError(got Answer) error {
	var answer map[string]any
	if err := json.Unmarshal([]byte(got.Body), &answer); err != nil {
		return fmt.Errorf("%d with %q", got.Status, got.Body)
	}
	key := "error"
	if got.Status == 400 {
		key = "message"
	}
	said := answer[key]
	if _, text := said.(string); said == nil || said == "" || !text && got.Status != 400 || len(answer) != 1 {
		return fmt.Errorf("%d with %s", got.Status, got.Body)
	}
	return nil
}
