// Package transformers keeps the custom transformers that people wrote, next to the standard ones, finds what a binding
// refers to, and tries transformers out (protocol/data-plane.md, sections 7.8 and 7.9). It promises that a change is
// either refused with a text that names what is wrong, or durable and announced, and that code runs in package script
// only. It guards against bindings whose options no longer fit the transformer that they refer to.
package transformers

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"oibus/agent/entity"
	"oibus/agent/manifest"
	"oibus/agent/schema"
	"oibus/agent/store"
	"oibus/agent/transform"
)

const (
	document = "custom-transformers"
	idLength = 6
	// minTimeout is the least that the form accepts, in milliseconds; maxTimeout keeps one script from holding a worker.
	minTimeout = 100
	maxTimeout = 10 * time.Minute
)

// What happened to a transformer.
type What int

// What can happen. Reshaped: its options changed, so that bindings to it no longer fit. Whatever else changed, the next
// content finds it: a binding is followed for each.
const (
	Created What = iota
	Changed
	Reshaped
	Deleted
)

// Options are what a Service is built from.
type Options struct {
	Store *store.Store
	// StandardIDs is the id of each standard transformer by its function name, Standard what it does.
	StandardIDs func() map[string]string
	Standard    func(function string) (transform.Transformer, bool)
	Scripts     Scripts
	Now         func() time.Time
	// Console receives what a custom transformer prints.
	Console func(transformer, level, text string)
}

// Service is safe for concurrent use.
type Service struct {
	o         Options
	standards map[string]string // function names of the standard ones, by id

	mu       sync.Mutex
	items    []entity.CustomTransformer
	onChange []func(id string, what What)
}

// Open loads the custom transformers.
func Open(o Options) (*Service, error) {
	s := &Service{o: o, standards: map[string]string{}}
	for function, id := range o.StandardIDs() {
		s.standards[id] = function
	}
	var err error
	if s.items, _, err = store.Load(o.Store, document, []entity.CustomTransformer{}); err != nil {
		return nil, fmt.Errorf("cannot load the custom transformers: %w", err)
	}
	return s, nil
}

// OnChange has f called after each change, once it is durable. f must not block, nor change anything here.
func (s *Service) OnChange(f func(id string, what What)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onChange = append(s.onChange, f)
}

var kinds = []string{"any", "time-values", "setpoint"}

var form = schema.Object(
	schema.Optional("type", schema.Enum("custom")),
	schema.Required("name", schema.String()),
	schema.Required("description", schema.String().Empty().Nullable()),
	schema.Required("inputType", schema.Enum(kinds...)),
	schema.Required("outputType", schema.Enum("any", "time-values", "setpoint", "opcua", "mqtt", "modbus", "oianalytics")),
	schema.Required("language", schema.Enum("javascript", "typescript")),
	schema.Required("customCode", schema.String()),
	schema.Required("customManifest", schema.Map()),
	schema.Required("timeout", schema.Integer().Min(minTimeout).Max(float64(maxTimeout.Milliseconds()))),
)

type command struct {
	Name        string          `json:"name"`
	Description *string         `json:"description"`
	InputType   string          `json:"inputType"`
	OutputType  string          `json:"outputType"`
	Language    string          `json:"language"`
	Code        string          `json:"customCode"`
	Manifest    json.RawMessage `json:"customManifest"`
	Timeout     float64         `json:"timeout"`
}

func decode(body json.RawMessage) (entity.CustomTransformer, error) {
	var c command
	if err := schema.Decode(form, body, &c); err != nil {
		return entity.CustomTransformer{}, err
	}
	var attribute manifest.Attribute
	if err := json.Unmarshal(c.Manifest, &attribute); err != nil {
		return entity.CustomTransformer{}, entity.Invalid(`"customManifest" does not describe options: %v`, err)
	}
	return entity.CustomTransformer{Name: c.Name, Description: c.Description, InputType: c.InputType, OutputType: c.OutputType,
		Language: c.Language, Code: c.Code, Timeout: c.Timeout, Manifest: c.Manifest}, nil
}

// List returns the custom transformers in the order they were made.
func (s *Service) List() []entity.CustomTransformer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.items)
}

// Custom returns one of them.
func (s *Service) Custom(id string) (entity.CustomTransformer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := s.index(id); i >= 0 {
		return s.items[i], nil
	}
	return entity.CustomTransformer{}, entity.NotFound("Transformer %q not found", id)
}

func (s *Service) index(id string) int {
	return slices.IndexFunc(s.items, func(t entity.CustomTransformer) bool { return t.ID == id })
}

// Exists says whether there is a transformer, standard or custom, with that id.
func (s *Service) Exists(id string) bool {
	if _, ok := s.standard(id); ok {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.index(id) >= 0
}

// standard is the function name of a standard transformer.
func (s *Service) standard(id string) (string, bool) {
	function, ok := s.standards[id]
	return function, ok
}

// Create makes a custom transformer from a CustomTransformerCommand.
func (s *Service) Create(author string, body json.RawMessage) (entity.CustomTransformer, error) {
	t, err := decode(body)
	if err != nil {
		return t, err
	}
	s.mu.Lock()
	if err = s.free(t.Name, ""); err == nil {
		t.Audit = entity.NewAudit(s.newID(), author, s.o.Now())
		err = s.save(append(slices.Clone(s.items), t))
	}
	s.mu.Unlock()
	if err == nil {
		s.tell(t.ID, Created)
	}
	return t, err
}

func (s *Service) newID() string {
	for {
		id := entity.NewID(idLength)
		if _, standard := s.standard(id); !standard && s.index(id) < 0 {
			return id
		}
	}
}

func (s *Service) free(name, except string) error {
	for _, t := range s.items {
		if t.Name == name && t.ID != except {
			return entity.Invalid("Transformer name %q already exists", name)
		}
	}
	return nil
}

func (s *Service) save(items []entity.CustomTransformer) error {
	if err := store.Save(s.o.Store, document, items); err != nil {
		return err
	}
	s.items = items
	return nil
}

func (s *Service) tell(id string, what What) {
	s.mu.Lock()
	listeners := slices.Clone(s.onChange)
	s.mu.Unlock()
	for _, f := range listeners {
		f(id, what)
	}
}

// Update replaces all of a custom transformer. Unlike in the reference, its input and output types are changed too.
func (s *Service) Update(author, id string, body json.RawMessage) error {
	if _, ok := s.standard(id); ok {
		return entity.Invalid("Cannot edit standard transformer %q", id)
	}
	t, err := decode(body)
	if err != nil {
		return err
	}
	what, err := s.replace(author, id, t)
	if err == nil {
		s.tell(id, what)
	}
	return err
}

func (s *Service) replace(author, id string, t entity.CustomTransformer) (What, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.index(id)
	if i < 0 {
		return 0, entity.NotFound("Transformer %q not found", id)
	}
	if err := s.free(t.Name, id); err != nil {
		return 0, err
	}
	was := s.items[i]
	t.Audit = was.Audit.Touched(author, s.o.Now())
	items := slices.Clone(s.items)
	items[i] = t
	if err := s.save(items); err != nil {
		return 0, err
	}
	if !sameJSON(was.Manifest, t.Manifest) {
		return Reshaped, nil
	}
	return Changed, nil
}

func sameJSON(a, b json.RawMessage) bool {
	var x, y any
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return false
	}
	p, errX := json.Marshal(x)
	q, errY := json.Marshal(y)
	return errX == nil && errY == nil && string(p) == string(q)
}

// Delete removes a custom transformer.
func (s *Service) Delete(id string) error {
	if _, ok := s.standard(id); ok {
		return entity.Invalid("Cannot delete standard transformer %q", id)
	}
	s.mu.Lock()
	i := s.index(id)
	if i < 0 {
		s.mu.Unlock()
		return entity.NotFound("Transformer %q not found", id)
	}
	err := s.save(slices.Delete(slices.Clone(s.items), i, i+1))
	s.mu.Unlock()
	if err == nil {
		s.tell(id, Deleted)
	}
	return err
}
