package jsonpath

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

const doc = `{"device":"d1","data":[{"ts":1,"v":{"a":1.50,"b":[1,2,3]}},{"ts":2,"v":{"a":"x"}},{"ts":3}],
 "my-key":{"é":true,"a b":null},"text":"{\"in\":[{\"x\":1},{\"x\":\"[7,8]\"}]}"}`

func parse(t *testing.T, path string) *Path {
	t.Helper()
	p, err := Parse(path)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestWhatAPathYields(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"$.device":                   `"d1"`,
		"device":                     `"d1"`,
		"$['device']":                `"d1"`,
		`$["device"]`:                `"d1"`,
		"$.data[1].ts":               `2`,
		"data[1].ts":                 `2`,
		"$.data.1.ts":                `2`,
		"$.data[-1].ts":              `3`,
		"$.data[0].v.a":              `1.50`,
		"$.data[0].v.b":              `[1,2,3]`,
		"$.data[9].ts":               ``,
		"$.data[2].v.a":              ``,
		"$.data[*].ts":               `[1,2,3]`,
		"$.data[*].v.a":              `[1.50,"x"]`,
		"$.data[*].v.b[*]":           `[1,2,3]`,
		"$.data[?(@.ts > 1)].ts":     `[2,3]`,
		"$.data[?(@.v.a == 'x')].ts": `[2]`,
		"$.data[0:2].ts":             `[1,2]`,
		"$.data[0,2].ts":             `[1,3]`,
		"$.data[1:].ts":              `[2,3]`,
		"$..ts":                      `[1,2,3]`,
		"$.data[0].v.*":              `[1.50,[1,2,3]]`,
		"$.my-key.é":                 `true`,
		"$['my-key']['a b']":         `null`,
		"$.my-key.a b":               `null`,
		"$.text.in[0].x":             `1`,
		"$.text.in[1].x[1]":          `8`,
		"$.text.in[*].x":             `[1,"[7,8]"]`,
		"$.nothing":                  ``,
		"$.nothing[*]":               ``,
		"$.device.x":                 ``,
		"$":                          strings.TrimSpace(doc),
	} {
		if got, err := parse(t, path).Value(New([]byte(doc))); err != nil || string(got) != want {
			t.Errorf("%s: %s, error %v, want %s", path, got, err, want)
		}
	}
}

func TestRowsAreKnownByTheirNumbers(t *testing.T) {
	t.Parallel()
	const messages = `[{"message":"{\"metrics\":[{\"value\":1},{\"value\":2}]}"},{"message":{"metrics":[{"value":3}]}},{"message":"no"}]`
	for _, c := range []struct{ doc, path, want string }{
		{doc, "$.data[*]", "[0] [1] [2]"},
		{doc, "$.data[*].v.b[*]", "[0 0] [0 1] [0 2]"},
		{doc, "$.text.in[*]", "[0] [1]"},
		{messages, "$[*].message.metrics[*]", "[0 0] [0 1] [1 0]"},
		{messages, "$[*]", "[0] [1] [2]"},
		{`{"a":1,"b":2}`, "$[*]", "[] []"},
		{`[]`, "$[*]", ""},
		{`5`, "$[*]", ""},
		{`["[1,2]"]`, "$[*][*]", "[0 0] [0 1]"},
		{`"[1,2]"`, "$[*]", ""}, // the document itself is not looked into
	} {
		var got []string
		err := parse(t, c.path).Each(New([]byte(c.doc)), func(numbers []int, _ *Node) error {
			got = append(got, fmt.Sprint(numbers))
			return nil
		})
		if err != nil || strings.Join(got, " ") != c.want {
			t.Errorf("%s in %s: %v, error %v, want %s", c.path, c.doc, got, err, c.want)
		}
	}
}

func TestNumbersAreFilledInFromLeftToRight(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		path    string
		numbers []int
		want    string
	}{
		{"$.data[*].ts", []int{1}, `2`},
		{"$.data[*].v.b[*]", []int{0, 2}, `3`},
		{"$.data[*].v.b[*]", []int{0}, `[1,2,3]`},
		{"$.data.*.ts", []int{1}, `[1,2,3]`}, // only [*] takes numbers
		{"$.device", []int{1}, `"d1"`},
		{"$.data[*].ts", nil, `[1,2,3]`},
	} {
		if got, err := parse(t, c.path).Fill(c.numbers).Value(New([]byte(doc))); err != nil || string(got) != c.want {
			t.Errorf("%s with %v: %s, error %v, want %s", c.path, c.numbers, got, err, c.want)
		}
	}
}

func TestPathsThatAreNoneAreRefused(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"", "$[", "$[(@.length-1)]", "$..", "$.a^", "$.a~", "$..a..b..c", "$[?(", "$.a[x", strings.Repeat("a", 2000), "$[?(@.a =~ /(/)]"} {
		if p, err := Parse(path); err == nil {
			t.Errorf("%q was accepted as %v", path, p.steps)
		}
	}
}

func TestAPathThatMatchesTooMuchIsStopped(t *testing.T) {
	t.Parallel()
	nested := strings.Repeat("[", 100) + strings.Repeat("1,", 20_000) + "1" + strings.Repeat("]", 100)
	if _, err := parse(t, "$..[*]..[*]").Value(New([]byte(nested))); err != ErrTooMany {
		t.Errorf("error %v", err)
	}
}

func FuzzPath(f *testing.F) {
	for _, p := range []string{"$.data[*].ts", "$..ts", "$[?(@.ts > 1)].v", "$['a b'][0,1][1:2]", "$.text.in[*].x", "$.é-x"} {
		f.Add(p, doc)
	}
	f.Fuzz(func(t *testing.T, path, doc string) {
		if !json.Valid([]byte(doc)) || len(doc) > 1<<12 {
			return
		}
		p, err := Parse(path)
		if err != nil {
			return
		}
		got, err := p.Value(New([]byte(doc)))
		if err == nil && got != nil && !json.Valid(got) {
			t.Fatalf("%s in %s: %s", path, doc, got)
		}
	})
}
