package transformers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	"oibus/agent/content"
	"oibus/agent/entity"
	"oibus/agent/script"
	"oibus/agent/transform"
)

// Scripts runs foreign code.
type Scripts interface {
	Transform(ctx context.Context, j script.Job) (script.Output, error)
}

// readLimit is how much a custom transformer is given: it gets its input as one text.
const readLimit = 128 << 20

// Find returns what a binding refers to, and its name for logs: the function name of a standard transformer.
func (s *Service) Find(id string) (t transform.Transformer, name string, ok bool) {
	if function, standard := s.standard(id); standard {
		if function == transform.Keep || function == transform.Ignore {
			return nil, function, true // the router knows what they mean
		}
		t, ok = s.o.Standard(function)
		return t, function, ok
	}
	custom, err := s.Custom(id)
	if err != nil {
		return nil, "", false
	}
	return s.runner(custom), custom.Name, true
}

// runner runs one custom transformer.
type runner struct {
	s       *Service
	t       entity.CustomTransformer
	console func(level, text string)
}

// runner makes one whose console is the log.
func (s *Service) runner(t entity.CustomTransformer) runner {
	return runner{s, t, func(level, text string) { s.o.Console(t.Name, level, text) }}
}

// Plan runs the code.
func (r runner) Plan(ctx context.Context, in transform.Input) (transform.Plan, error) {
	m, err := r.run(ctx, in)
	if err != nil {
		return transform.Plan{}, err
	}
	return transform.Plan{Kind: m.kind, FileName: m.name, Run: func(_ context.Context, w io.Writer) (int, error) {
		_, err := w.Write(m.data)
		return m.elements, err
	}}, nil
}

// made is what custom code returned.
type made struct {
	kind     content.Kind
	name     string
	elements int
	data     []byte
}

// inputName is the file name that the code is told.
func inputName(in transform.Input) string {
	if in.Name != "" {
		return in.Name
	}
	return in.NewID(10) + ".json"
}

func (r runner) run(ctx context.Context, in transform.Input) (made, error) {
	text, err := read(in.Content)
	if err != nil {
		return made{}, err
	}
	source, err := json.Marshal(in.Source)
	if err != nil {
		return made{}, fmt.Errorf("cannot describe the source: %w", err)
	}
	out, err := r.s.o.Scripts.Transform(ctx, script.Job{
		Code: r.t.Code, Language: r.t.Language, Timeout: time.Duration(r.t.Timeout) * time.Millisecond,
		Content: text, Source: source, FileName: inputName(in), Options: in.Options,
		Console: r.console,
	})
	if err != nil {
		return made{}, placed(err, in.Source)
	}
	return r.check(out)
}

// placed tells where in the code an error happened, except in a test, whose answer has the text of the reference.
func placed(err error, source content.Source) error {
	var failed *script.Error
	if source.Origin == content.FromTest || !errors.As(err, &failed) || failed.Place() == "" {
		return err
	}
	return fmt.Errorf("%w%s", err, failed.Place())
}

// check looks at what came back: an array must be one, because its elements are sent in other portions than they came in.
func (r runner) check(out script.Output) (made, error) {
	kind := content.Kind(r.t.OutputType)
	elements := out.Elements
	if kind.Array() {
		var err error
		if elements, err = count(out.Data); err != nil {
			return made{}, fmt.Errorf("the transformer %q did not return an array, as its output type %q needs: %w", r.t.Name, kind, err)
		}
	}
	return made{kind, cleanName(out.FileName), elements, out.Data}, nil
}

func count(data []byte) (n int, err error) {
	a := content.NewArray(strings.NewReader(string(data)))
	for {
		_, err := a.Next()
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return 0, err
		}
		n++
	}
}

// cleanName keeps a name that a script made inside of whatever folder it is used in.
func cleanName(name string) string {
	return strings.TrimPrefix(path.Clean("/"+strings.ReplaceAll(name, `\`, "/")), "/")
}

func read(c content.Content) ([]byte, error) {
	if c.Size > readLimit {
		return nil, fmt.Errorf("the content has %d bytes, a custom transformer takes at most %d in memory", c.Size, readLimit)
	}
	f, err := c.Open()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, readLimit+1))
	if err != nil {
		return nil, fmt.Errorf("cannot read content: %w", err)
	}
	if len(text) > readLimit {
		return nil, fmt.Errorf("the content has more than %d bytes", readLimit)
	}
	return text, nil
}
