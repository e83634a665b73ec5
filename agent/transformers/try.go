package transformers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"oibus/agent/content"
	"oibus/agent/entity"
	"oibus/agent/script"
	"oibus/agent/transform"
)

// testFile is the file name that custom code is told in a test.
const testFile = "test-input.json"

// Result is what a transformer made in a test.
type Result struct {
	Kind     content.Kind
	FileName string
	Elements int
	Data     []byte
}

func (s *Service) try(ctx context.Context, t transform.Transformer, in transform.Input) (Result, error) {
	in.Now, in.NewID = s.o.Now(), entity.NewID
	plan, err := t.Plan(ctx, in)
	if err != nil {
		return Result{}, err
	}
	w := &limited{}
	n, err := plan.Run(ctx, w)
	if err != nil {
		return Result{}, err
	}
	return Result{plan.Kind, plan.FileName, n, w.Bytes()}, nil
}

// limited refuses more than a test can show.
type limited struct{ bytes.Buffer }

func (l *limited) Write(p []byte) (int, error) {
	if l.Len()+len(p) > readLimit {
		return 0, fmt.Errorf("the result of the test has more than %d bytes", readLimit)
	}
	return l.Buffer.Write(p)
}

// TestRequest is a TransformerTestRequest.
type TestRequest struct {
	InputData string          `json:"inputData"`
	Options   json.RawMessage `json:"options"`
}

// TestResponse is a TransformerTestResponse (protocol/control-plane.md, section 5.9).
type TestResponse struct {
	Output   string       `json:"output"`
	Metadata testMetadata `json:"metadata"`
}

type testMetadata struct {
	ContentFile     string       `json:"contentFile"`
	ContentSize     int          `json:"contentSize"`
	CreatedAt       string       `json:"createdAt"`
	NumberOfElement int          `json:"numberOfElement"`
	ContentType     content.Kind `json:"contentType"`
}

// draft is code that is not stored, and what to try it with.
type draft struct {
	runner
	request TestRequest
}

// draft reads the body of test-custom-transformer, {command, testRequest}. A bare test request names no code, and is an
// error that says so.
func (s *Service) draft(body json.RawMessage) (draft, error) {
	var b struct {
		Command     json.RawMessage `json:"command"`
		Transformer json.RawMessage `json:"transformer"` // as the REST API calls it
		Request     *TestRequest    `json:"testRequest"`
	}
	if err := json.Unmarshal(body, &b); err != nil {
		return draft{}, entity.Invalid("the test request cannot be read: %v", err)
	}
	if len(b.Command) == 0 {
		b.Command = b.Transformer
	}
	switch {
	case len(b.Command) == 0:
		return draft{}, entity.Invalid(`"command" is required: it holds the transformer to test`)
	case b.Request == nil:
		return draft{}, entity.Invalid(`"testRequest" is required`)
	}
	t, err := decode(b.Command)
	if err != nil {
		return draft{}, err
	}
	return draft{s.runner(t), *b.Request}, nil
}

func (d draft) test(ctx context.Context) (TestResponse, error) {
	r, err := d.s.try(ctx, d.runner, testInput(content.Kind(d.t.InputType), d.request))
	if err != nil {
		return TestResponse{}, err
	}
	return TestResponse{Output: strings.ToValidUTF8(string(r.Data), "\uFFFD"), Metadata: testMetadata{
		ContentFile: r.FileName, ContentSize: len(d.request.InputData), CreatedAt: entity.Milli(d.s.o.Now()),
		NumberOfElement: r.Elements, ContentType: r.Kind,
	}}, nil
}

// TestDraft runs code that is not stored.
func (s *Service) TestDraft(ctx context.Context, body json.RawMessage) (TestResponse, error) {
	d, err := s.draft(body)
	if err != nil {
		return TestResponse{}, err
	}
	return d.test(ctx)
}

// Trial is what a person who writes a transformer is shown: what it made, or what went wrong and where, and what it
// printed.
type Trial struct {
	Output   *string       `json:"output"`
	Metadata *testMetadata `json:"metadata"`
	Console  []Printed     `json:"console"`
	Error    *TrialError   `json:"error"`
}

// Printed is a line of the console.
type Printed struct {
	Level string `json:"level"`
	Text  string `json:"text"`
}

// TrialError says what is wrong with the code. Line and column count from 1, and are 0 when they are not known.
type TrialError struct {
	Category string `json:"category"`
	Text     string `json:"text"`
	Line     int    `json:"line"`
	Column   int    `json:"column"`
}

// otherError is the category of an error that is not of the code itself.
const otherError = "OTHER"

// Try runs code that is not stored, and tells all of it. Only a body of the wrong form is an error.
func (s *Service) Try(ctx context.Context, body json.RawMessage) (Trial, error) {
	d, err := s.draft(body)
	if err != nil {
		return Trial{}, err
	}
	trial := Trial{Console: []Printed{}}
	d.console = func(level, text string) { trial.Console = append(trial.Console, Printed{level, text}) }
	made, err := d.test(ctx)
	if ctx.Err() != nil {
		return Trial{}, err
	}
	if err != nil {
		trial.Error = trialError(err)
		return trial, nil
	}
	trial.Output, trial.Metadata = &made.Output, &made.Metadata
	return trial, nil
}

func trialError(err error) *TrialError {
	var failed *script.Error
	if errors.As(err, &failed) {
		return &TrialError{failed.Category, failed.Message, failed.Line, failed.Column}
	}
	return &TrialError{Category: otherError, Text: err.Error()}
}

func testInput(kind content.Kind, r TestRequest) transform.Input {
	return transform.Input{Content: content.FromBytes(kind, testFile, 0, []byte(r.InputData)), Name: testFile,
		Source: content.Source{Origin: content.FromTest}, Options: r.Options}
}

// InputKind is what the transformer id takes.
func (s *Service) InputKind(id string) (content.Kind, error) {
	v, err := Views{s, func(string) string { return "" }}.View(id)
	if err != nil {
		return "", err
	}
	switch t := v.(type) {
	case StandardView:
		return content.Kind(t.InputType), nil
	case CustomView:
		return content.Kind(t.InputType), nil
	}
	return "", fmt.Errorf("the transformer %q is of no known kind", id)
}
