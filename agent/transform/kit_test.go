package transform

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the tests name zones that a machine may lack

	"oibus/agent/content"
)

// now is when all transformations of these tests run.
var now = time.Date(2024, 5, 6, 7, 8, 9, 10e6, time.UTC)

func input(kind content.Kind, data, options string) Input {
	return Input{
		Content: content.FromBytes(kind, "", 0, []byte(data)),
		Name:    "in-0123456789.csv",
		Source:  content.Source{Origin: content.FromTest},
		Options: json.RawMessage(options),
		Now:     now,
		NewID:   func(n int) string { return strings.Repeat("x", n) },
	}
}

// run runs the standard transformer name.
func run(t testing.TB, name string, in Input) (Plan, string, int, error) {
	t.Helper()
	return runWith(t, Catalogue{}, name, in)
}

func runWith(t testing.TB, c Catalogue, name string, in Input) (Plan, string, int, error) {
	t.Helper()
	tr, ok := c.Standard(name)
	if !ok {
		t.Fatalf("there is no transformer %s", name)
	}
	plan, err := tr.Plan(context.Background(), in)
	if err != nil {
		return Plan{}, "", 0, err
	}
	var out bytes.Buffer
	n, err := plan.Run(context.Background(), &out)
	return plan, out.String(), n, err
}

// row is one line of the tables of these tests: want is the output, or what stands in the error when it begins with !.
type row struct {
	what, options, input, want string
}

func check(t *testing.T, name string, kind content.Kind, rows []row) {
	t.Helper()
	for _, r := range rows {
		_, got, _, err := run(t, name, input(kind, r.input, r.options))
		if wanted, failing := strings.CutPrefix(r.want, "!"); failing {
			if err == nil || !strings.Contains(err.Error(), wanted) {
				t.Errorf("%s: %q, error %v, want error with %s", r.what, got, err, wanted)
			}
			continue
		}
		if err != nil || got != r.want {
			t.Errorf("%s:\n got %q, error %v\nwant %q", r.what, got, err, r.want)
		}
	}
}

// with are options with some replaced or, by null, removed.
func with(t testing.TB, base, change string) string {
	t.Helper()
	var options map[string]any
	if err := json.Unmarshal([]byte(base), &options); err != nil {
		t.Fatal(err)
	}
	if change != "" {
		if err := json.Unmarshal([]byte(change), &options); err != nil {
			t.Fatal(err)
		}
	}
	b, err := json.Marshal(options)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

const csvOutOptions = `{"filename":"@CurrentDate.csv","encoding":"UTF_8","header":true,"delimiter":"COMMA","newline":"LF","quoteChar":"NONE","escapeChar":"DOUBLE_QUOTE",
	"pointIdColumnTitle":"Reference","valueColumnTitle":"Value","timestampColumnTitle":"Timestamp","timestampType":"iso-string"}`
