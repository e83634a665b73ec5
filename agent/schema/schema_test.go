package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"oibus/agent/entity"
)

func TestEveryViolationReadsAsInTheReference(t *testing.T) {
	t.Parallel()
	row := Object(Required("key", String()), Optional("main", Boolean()))
	form := Object(
		Required("name", String()),
		Optional("note", String().Empty()),
		Optional("enabled", Boolean()),
		Optional("port", Port().Nullable()),
		Optional("count", Integer().Min(10).Max(20)),
		Optional("url", URI()),
		Optional("mode", Enum("a", "b")),
		Optional("login", String().MinLength(4)),
		Optional("host", String().Pattern(regexp.MustCompile(`^(http://|https://).*`), `^(http:\/\/|https:\/\/).*`)),
		Optional("auth", Object(Required("username", String()), Optional("deep", Map()))),
		Optional("rows", Array(row).Check(Unique("key")).Check(SingleTrue("main"))),
		Required("options", Map()).If("enabled", Optional("", Map().Nullable()), true),
	)
	for _, c := range []struct{ in, want string }{
		{`{}`, `"name" is required`},
		{`{"name":""}`, `"name" is not allowed to be empty`},
		{`{"name":null}`, `"name" must be a string`},
		{`{"name":1}`, `"name" must be a string`},
		{`{"name":"n","note":null}`, ``},
		{`{"name":"n","note":""}`, ``},
		{`{"name":"n","note":[]}`, `"note" must be a string`},
		{`{"name":"n","enabled":"TRUE","options":{}}`, ``},
		{`{"name":"n","enabled":1}`, `"options" is required`},
		{`{"name":"n","enabled":"false","options":null}`, ``},
		{`{"name":"n","enabled":0}`, ``},
		{`{"name":"n","enabled":2}`, `"enabled" must be a boolean`},
		{`{"name":"n","enabled":"1"}`, `"enabled" must be a boolean`},
		{`{"name":"n","enabled":null}`, `"enabled" must be a boolean`},
		{`{"name":"n","port":"2223"}`, ``},
		{`{"name":"n","port":null}`, ``},
		{`{"name":"n","port":""}`, `"port" must be a number`},
		{`{"name":"n","port":70000}`, `"port" must be a valid port`},
		{`{"name":"n","port":-1}`, `"port" must be a valid port`},
		{`{"name":"n","port":1.5}`, `"port" must be a valid port`},
		{`{"name":"n","count":0.5}`, `"count" must be an integer. "count" must be greater than or equal to 10`},
		{`{"name":"n","count":"21"}`, `"count" must be less than or equal to 20`},
		{`{"name":"n","count":1e400}`, `"count" cannot be infinity`},
		{`{"name":"n","count":9007199254740993}`, `"count" must be a safe number`},
		{`{"name":"n","count":"15.000000000000000001"}`, `"count" must be a safe number`},
		{`{"name":"n","count":" 015.0 "}`, ``},
		{`{"name":"n","count":"1.5e1"}`, ``},
		{`{"name":"n","count":"0x10"}`, `"count" must be a number`},
		{`{"name":"n","count":true}`, `"count" must be a number`},
		{`{"name":"n","url":"not a uri"}`, `"url" must be a valid uri`},
		{`{"name":"n","url":"http://proxy:3128/x?y=1#z"}`, ``},
		{`{"name":"n","url":"proxy"}`, `"url" must be a valid uri`},
		{`{"name":"n","url":"http://[::1]:80"}`, ``},
		{`{"name":"n","mode":"c"}`, `"mode" must be one of [a, b]`},
		{`{"name":"n","mode":3}`, `"mode" must be one of [a, b]. "mode" must be a string`},
		{`{"name":"n","mode":""}`, `"mode" must be one of [a, b]. "mode" is not allowed to be empty`},
		{`{"name":"n","login":"abc"}`, `"login" length must be at least 4 characters long`},
		{`{"name":"n","host":"x"}`, `"host" with value "x" fails to match the required pattern: /^(http:\/\/|https:\/\/).*/`},
		{`{"name":"n","auth":"x"}`, `"auth" must be of type object`},
		{`{"name":"n","auth":{"x":1}}`, `"auth.username" is required. "auth.x" is not allowed`},
		{`{"name":"n","auth":{"username":"u","deep":{"x":[{"y":1}]}}}`, ``},
		{`{"name":"n","rows":{}}`, `"rows" must be an array`},
		{`{"name":"n","rows":[{"key":"a"},null,{}]}`, `"rows[1]" must be of type object. "rows[2].key" is required. "rows[2]" contains a duplicate value`},
		{`{"name":"n","rows":[{"key":"a","main":"true"},{"key":"a","main":1},{"key":"a"}]}`,
			`"rows[1]" contains a duplicate value. Only one item in the array can have "main" set to true`},
		{`{"zz":1,"name":"n","aa":2,"10":1,"9":1,"zz":3}`,
			`"9" is not allowed. "10" is not allowed. "zz" is not allowed. "aa" is not allowed`},
		{`[]`, `"value" must be of type object`},
		{`null`, `"value" must be of type object`},
		{``, `"value" is required`},
		{`{"name":"n"} x`, `cannot read JSON: invalid character 'x' after top-level value`},
		{`{"name":`, `cannot read JSON: unexpected end of JSON input`},
		{strings.Repeat("[", 5000) + strings.Repeat("]", 5000), `cannot read JSON: nested more than 100 deep`},
	} {
		got := ""
		if err := Check(form, json.RawMessage(c.in)); err != nil {
			got = err.Error()
			if e := new(entity.InvalidError); !errors.As(err, &e) {
				t.Errorf("%s: %T is not an InvalidError", c.in, err)
			}
		}
		if got != c.want {
			t.Errorf("%.100s:\n got %s\nwant %s", c.in, got, c.want)
		}
	}
}

func TestAMissingSiblingCountsAsTheFormSays(t *testing.T) {
	t.Parallel()
	strict := Object(Optional("on", Boolean()), Required("x", String()).If("on", Optional("", String().Blankable()), true))
	loose := Object(Optional("on", Boolean()), Required("x", String()).IfOrMissing("on", Optional("", String().Blankable()), true))
	if err := Check(strict, json.RawMessage(`{}`)); err != nil {
		t.Errorf("If: %v", err)
	}
	if err := Check(loose, json.RawMessage(`{}`)); err == nil || err.Error() != `"x" is required` {
		t.Errorf("IfOrMissing: %v", err)
	}
	if err := Check(loose, json.RawMessage(`{"on":false,"x":""}`)); err != nil {
		t.Errorf("IfOrMissing with false: %v", err)
	}
}

func TestDecodedValuesHaveTheirRightTypesWhateverTheSpelling(t *testing.T) {
	t.Parallel()
	var v struct {
		Port    *int
		Count   int
		On, Off bool
		Name    string
		Rows    []struct{ N float64 }
		Kept    string
		Extra   any
	}
	v.Kept = "as it was"
	form := Object(Optional("port", Port().Nullable()), Optional("count", Integer()), Optional("on", Boolean()), Optional("off", Boolean()),
		Optional("name", String()), Optional("rows", Array(Object(Required("n", Number())))), Optional("kept", String()), Optional("extra", Any()))
	raw := `{"port":"2223","count":3.0e1,"on":"True","off":0,"name":"5","rows":[{"n":"1.5"}],"extra":{"a":[1]}}`
	if err := Decode(form, json.RawMessage(raw), &v); err != nil {
		t.Fatal(err)
	}
	if got := strings.TrimSpace(fmt.Sprintln(*v.Port, v.Count, v.On, v.Off, v.Name, v.Rows, v.Kept, v.Extra)); got != "2223 30 true false 5 [{1.5}] as it was map[a:[1]]" {
		t.Errorf("decoded %s", got)
	}
}

func TestPlainMapsAreCheckedLikeDocuments(t *testing.T) {
	t.Parallel()
	form := Object(Required("n", Number().Min(2)), Required("o", Object(Required("s", String()))))
	got := form.Validate(map[string]any{"n": 1, "o": map[string]any{}, "b": 1, "a": 1})
	want := `["n" must be greater than or equal to 2 "o.s" is required "a" is not allowed "b" is not allowed]`
	if fmt.Sprint(got) != want {
		t.Errorf("got %v", got)
	}
}

func TestADocumentIsWrittenAsItWasRead(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		` { "b" : 1.50 , "a":[ ],"c":{"x":null,"y":[true,false,"<&>\u00e9\n"]},"b":1e3 } `: `{"b":1e3,"a":[],"c":{"x":null,"y":[true,false,"<&>é\n"]}}`,
		`"\ud800"`:      "\"\ufffd\"",
		"\"a\xffb\"":    "\"a\ufffdb\"",
		`{"a\"b":"\\"}`: `{"a\"b":"\\"}`,
		`-0.0`:          `-0.0`,
	} {
		v, err := Parse(json.RawMessage(in))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Write(v); err != nil || string(got) != want {
			t.Errorf("%s became %s, want %s (%v)", in, got, want, err)
		}
	}
}

func TestAnOrderedObjectFindsItsKeysHoweverManyThereAre(t *testing.T) {
	t.Parallel()
	o := NewOrdered()
	for round := range 2 {
		for i := range 100 {
			o.Set(fmt.Sprint("k", i), i+round)
		}
	}
	for i := 0; i < 100; i += 2 {
		o.Delete(fmt.Sprint("k", i))
	}
	o.Delete("none")
	keys := o.Keys()
	if len(keys) != 50 || keys[0] != "k1" || keys[49] != "k99" {
		t.Fatalf("%v", keys)
	}
	for _, key := range keys {
		if v, ok := o.Get(key); !ok || key != fmt.Sprint("k", v.(int)-1) {
			t.Errorf("%s is %v", key, v)
		}
	}
}

func TestAHostileDocumentGivesABoundedText(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteByte('{')
	for i := range 5000 {
		fmt.Fprintf(&b, `"k%d":1,`, i)
	}
	err := Check(Object(), json.RawMessage(strings.TrimSuffix(b.String(), ",")+"}"))
	if err == nil || !strings.HasSuffix(err.Error(), `. 4000 more violations`) {
		t.Errorf("got %.80v", err)
	}
}

func TestRefiningASchemaLeavesTheOriginalAlone(t *testing.T) {
	t.Parallel()
	base := Integer()
	low, high := base.Min(1), base.Min(100)
	if len(low.Validate(5)) != 0 || len(high.Validate(5)) != 1 || len(base.Validate(-5)) != 0 {
		t.Error("refined copies share rules")
	}
}

func FuzzCheckNeverPanicsAndDecodesWhatItAccepts(f *testing.F) {
	for _, seed := range []string{`{}`, `{"name":"n","port":"1"}`, `{"rows":[{"key":"a","main":1}]}`, `[[[[`, `{"a":`, `"x"`, `{"port":1e999}`, `{"\u0000":"\ud800"}`} {
		f.Add([]byte(seed))
	}
	form := Object(Required("name", String()), Optional("port", Port().Nullable()), Optional("on", Boolean()), Optional("url", URI()),
		Required("more", Map()).IfOrMissing("on", Optional("", Map().Blankable()), true),
		Optional("rows", Array(Object(Required("key", Number()))).Check(Unique("key")).Check(SingleTrue("main"))))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var into struct {
			Name string
			Port *int
			On   bool
			More map[string]any
			Rows []struct{ Key float64 }
		}
		if tree, err := Parse(raw); err == nil {
			again, err := Write(tree)
			if err != nil || !sameJSON(raw, again) {
				t.Fatalf("%q was written as %q: %v", raw, again, err)
			}
		}
		if Check(form, raw) == nil {
			if err := Decode(form, raw, &into); err != nil {
				t.Fatalf("accepted but not decoded: %q: %v", raw, err)
			}
		}
	})
}

func sameJSON(a, b []byte) bool {
	var x, y any
	errX, errY := unmarshalExact(a, &x), unmarshalExact(b, &y)
	return errX == nil && errY == nil && reflect.DeepEqual(x, y)
}

func unmarshalExact(raw []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	return d.Decode(into)
}
