package transformers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"oibus/agent/content"
	"oibus/agent/entity"
	"oibus/agent/script"
	"oibus/agent/store"
	"oibus/agent/transform"
)

// scripts is a script engine that returns what it was given, or what it was told to.
type scripts struct {
	out    script.Output
	err    error
	jobs   []script.Job
	prints []string
}

func (s *scripts) Transform(_ context.Context, j script.Job) (script.Output, error) {
	s.jobs = append(s.jobs, j)
	for _, text := range s.prints {
		j.Console("info", text)
	}
	if s.out.Data == nil && s.err == nil {
		return script.Output{Data: j.Content, FileName: j.FileName, Elements: 7}, nil
	}
	return s.out, s.err
}

func open(t *testing.T, dir string, s Scripts) *Service {
	t.Helper()
	st, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	v, err := Open(Options{Store: st, StandardIDs: func() map[string]string {
		return map[string]string{"iso": "isoiso", "ignore": "ignore", "upper": "upper1"}
	},
		Standard: func(function string) (transform.Transformer, bool) { return upper{}, function == "upper" }, Scripts: s,
		Now: func() time.Time { return time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC) }, Console: func(string, string, string) {}})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func try(t *testing.T, s *Service, id string, in transform.Input) (Result, error) {
	t.Helper()
	found, _, ok := s.Find(id)
	if !ok {
		t.Fatalf("there is no transformer %q", id)
	}
	return s.try(t.Context(), found, in)
}

type upper struct{}

func (upper) Plan(_ context.Context, in transform.Input) (transform.Plan, error) {
	return transform.Plan{Kind: content.Any, FileName: "up", Run: func(_ context.Context, w io.Writer) (int, error) {
		f, err := in.Content.Open()
		if err != nil {
			return 0, err
		}
		defer f.Close()
		text, err := io.ReadAll(f)
		if err != nil {
			return 0, err
		}
		_, err = w.Write(bytes.ToUpper(text))
		return 0, err
	}}, nil
}

func body(change string) json.RawMessage {
	b := map[string]any{"type": "custom", "name": "Suffixer", "description": nil, "inputType": "time-values", "outputType": "time-values",
		"language": "javascript", "customCode": "function transform() {}", "timeout": 2000,
		"customManifest": map[string]any{"type": "object", "key": "options", "attributes": []any{}}}
	if change != "" {
		var c map[string]any
		if err := json.Unmarshal([]byte(change), &c); err != nil {
			panic(err)
		}
		for k, v := range c {
			b[k] = v
		}
	}
	out, err := json.Marshal(b)
	if err != nil {
		panic(err)
	}
	return out
}

func TestChangesAreDurableAndAnnounced(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir, &scripts{})
	var told []What
	s.OnChange(func(_ string, w What) { told = append(told, w) })
	made, err := s.Create("u", body(""))
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range []string{`{"description":"x"}`, `{"description":"x","customCode":"1"}`, `{"description":"x","customCode":"1","customManifest":{"type":"object","key":"options","attributes":[],"translationKey":"z"}}`} {
		if err := s.Update("v", made.ID, body(change)); err != nil {
			t.Fatal(err)
		}
	}
	again := open(t, dir, &scripts{}).List()
	if len(again) != 1 || again[0].Code != "1" || again[0].CreatedBy != "u" || again[0].UpdatedBy != "v" {
		t.Fatalf("after a restart: %+v", again)
	}
	if err := s.Delete(made.ID); err != nil {
		t.Fatal(err)
	}
	if want := []What{Created, Changed, Changed, Reshaped, Deleted}; !slices.Equal(told, want) {
		t.Fatalf("told %v", told)
	}
	if list := open(t, dir, &scripts{}).List(); len(list) != 0 {
		t.Fatalf("still there: %v", list)
	}
}

func TestWhatIsWrongIsNamed(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), &scripts{})
	made, err := s.Create("u", body(""))
	if err != nil {
		t.Fatal(err)
	}
	_, invalid := s.Create("u", json.RawMessage(`{"type":"custom","name":"","timeout":10}`))
	_, taken := s.Create("u", body(""))
	for want, err := range map[string]error{
		`"name" is not allowed to be empty. "description" is required. "inputType" is required. "outputType" is required. "language" is required. "customCode" is required. "customManifest" is required. "timeout" must be greater than or equal to 100`: invalid,
		`Transformer name "Suffixer" already exists`:  taken,
		`Transformer "nope" not found`:                s.Update("u", "nope", body("")),
		`Cannot edit standard transformer "isoiso"`:   s.Update("u", "isoiso", body("")),
		`Cannot delete standard transformer "isoiso"`: s.Delete("isoiso"),
		`Transformer "gone" not found`:                s.Delete("gone"),
	} {
		if err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if err := s.Update("u", made.ID, body("")); err != nil {
		t.Errorf("the own name is taken: %v", err)
	}
}

func TestCustomCodeGetsItsInputAndItsOutputIsChecked(t *testing.T) {
	t.Parallel()
	fake := &scripts{}
	s := open(t, t.TempDir(), fake)
	made, err := s.Create("u", body(""))
	if err != nil {
		t.Fatal(err)
	}
	in := transform.Input{Content: content.FromBytes(content.TimeValues, "", 1, []byte(`[{"pointId":"a"}]`)), Name: "x.json", Options: json.RawMessage(`{"a":1}`), Source: content.Source{Origin: content.FromTest}}
	r, err := try(t, s, made.ID, in)
	if err != nil || r.Elements != 1 || r.FileName != "x.json" || string(r.Data) != `[{"pointId":"a"}]` || r.Kind != content.TimeValues {
		t.Fatalf("got %+v, %v", r, err)
	}
	if j := fake.jobs[0]; j.Timeout != 2*time.Second || string(j.Options) != `{"a":1}` || j.Language != "javascript" {
		t.Fatalf("the code was given %+v", j)
	}
	for _, c := range []struct{ data, name, want string }{{`{"a":1}`, "x", "did not return an array"}, {`[1,`, "x", "did not return an array"}} {
		fake.out = script.Output{Data: []byte(c.data), FileName: c.name}
		if _, err := try(t, s, made.ID, in); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.data, err)
		}
	}
	for name, want := range map[string]string{"../../etc/passwd": "etc/passwd", `..\..\x`: "x", "a/b.csv": "a/b.csv", "/abs": "abs"} {
		fake.out = script.Output{Data: []byte(`[]`), FileName: name}
		if r, err := try(t, s, made.ID, in); err != nil || r.FileName != want {
			t.Errorf("%s: %q, %v", name, r.FileName, err)
		}
	}
	fake.err = errors.New("kaput")
	if _, err := try(t, s, made.ID, in); err == nil || err.Error() != "kaput" {
		t.Errorf("got %v", err)
	}
}

func TestCodeThatIsNotStoredIsTriedOut(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), &scripts{})
	if _, err := s.TestDraft(t.Context(), json.RawMessage(`{"inputData":"[]","options":{}}`)); err == nil || err.Error() != `"command" is required: it holds the transformer to test` {
		t.Errorf("got %v", err)
	}
	draft, err := json.Marshal(map[string]any{"command": body(""), "testRequest": map[string]any{"inputData": "[1]", "options": map[string]any{}}})
	if err != nil {
		t.Fatal(err)
	}
	answer, err := s.TestDraft(t.Context(), draft)
	if err != nil || answer.Output != "[1]" || answer.Metadata.ContentFile != testFile || answer.Metadata.ContentSize != 3 {
		t.Fatalf("got %+v, %v", answer, err)
	}
}

func TestWhoWritesCodeIsToldWhatItPrintedAndWhereItFailed(t *testing.T) {
	t.Parallel()
	fake := &scripts{prints: []string{"one", "two"}}
	s := open(t, t.TempDir(), fake)
	draft, err := json.Marshal(map[string]any{"transformer": body(""), "testRequest": map[string]any{"inputData": "[1]", "options": map[string]any{}}})
	if err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		err  error
		want string
	}{
		"success": {nil, `{"output":"[1]","metadata":{"contentFile":"test-input.json","contentSize":3,"createdAt":"2024-01-01T00:00:00.000Z","numberOfElement":1,"contentType":"time-values"},"console":[{"level":"info","text":"one"},{"level":"info","text":"two"}],"error":null}`},
		"kaput":   {&script.Error{Category: script.Runtime, Message: "kaput", Line: 3, Column: 9}, `{"output":null,"metadata":null,"console":[{"level":"info","text":"one"},{"level":"info","text":"two"}],"error":{"category":"RUNTIME_ERROR","text":"kaput","line":3,"column":9}}`},
		"other":   {script.ErrClosed, `{"output":null,"metadata":null,"console":[{"level":"info","text":"one"},{"level":"info","text":"two"}],"error":{"category":"OTHER","text":"scripts do not run any more","line":0,"column":0}}`},
	} {
		fake.err = c.err
		trial, err := s.Try(t.Context(), draft)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := json.Marshal(trial); string(got) != c.want {
			t.Errorf("%s: %s", what, got)
		}
	}
	if _, err := s.Try(t.Context(), json.RawMessage(`{"testRequest":{}}`)); err == nil {
		t.Error("a test without code is tried")
	}
}

func TestTheLogSaysWhereCodeFailedAndAnAnswerToATestDoesNot(t *testing.T) {
	t.Parallel()
	fake := &scripts{err: &script.Error{Category: script.Runtime, Message: "kaput", Line: 3, Column: 9}}
	s := open(t, t.TempDir(), fake)
	made, err := s.Create("u", body(""))
	if err != nil {
		t.Fatal(err)
	}
	for origin, want := range map[content.Origin]string{
		content.FromTest:  "[RUNTIME_ERROR] Custom code execution failed: kaput",
		content.FromSouth: "[RUNTIME_ERROR] Custom code execution failed: kaput [transformer:3:9]",
	} {
		in := testInput(content.TimeValues, TestRequest{InputData: "[]"})
		in.Source.Origin = origin
		if _, err := try(t, s, made.ID, in); err == nil || err.Error() != want {
			t.Errorf("%v: %v", origin, err)
		}
	}
}

func TestBindingsFindTheirTransformer(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), &scripts{})
	made, err := s.Create("u", body(""))
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]struct {
		name       string
		there, run bool
	}{"isoiso": {"iso", true, false}, "upper1": {"upper", true, true}, made.ID: {"Suffixer", true, true}, "nope": {"", false, false}} {
		found, name, ok := s.Find(id)
		if name != want.name || ok != want.there || (found != nil) != want.run || s.Exists(id) != want.there {
			t.Errorf("%s: %v %q %v", id, found, name, ok)
		}
	}
	if kind, err := s.InputKind(made.ID); err != nil || kind != content.TimeValues {
		t.Errorf("got %q, %v", kind, err)
	}
	if _, err := s.InputKind("nope"); err == nil || err.Error() != `Transformer "nope" not found` {
		t.Errorf("got %v", err)
	}
}

func TestADamagedFileIsPutAside(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "state"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "state", document+".json"), []byte{0, 0, 0}, 0o600); err != nil {
		t.Fatal(err)
	}
	if list := open(t, dir, &scripts{}).List(); len(list) != 0 {
		t.Fatalf("got %v", list)
	}
}

func TestTheFullConfigurationHoldsCustomTransformers(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), &scripts{})
	if _, err := s.Create("oianalytics", body("")); err != nil {
		t.Fatal(err)
	}
	blocks, err := s.Blocks()
	if err != nil || len(blocks) != 1 {
		t.Fatal(blocks, err)
	}
	var b struct {
		Type      string
		Settings  struct{ CustomCode string }
		CreatedBy string `json:"oIBusCreatedBy"`
	}
	if err := json.Unmarshal(blocks[0], &b); err != nil || b.Type != "custom" || b.Settings.CustomCode == "" || b.CreatedBy != "oianalytics" {
		t.Fatalf("got %s, %v", blocks[0], err)
	}
	if _, err := (Views{s, func(id string) string { return "?" + id }}).View(s.List()[0].ID); err != nil {
		t.Fatal(err)
	}
	var missing *entity.NotFoundError
	if _, err := s.Custom("x"); !errors.As(err, &missing) {
		t.Fatal(err)
	}
}
