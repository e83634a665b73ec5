package shape

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"testing"
)

var sample = Object(
	Key("name", Text),
	Key("port", Number),
	Key("mode", OneOf("fast", "slow")),
	Key("on", Bool),
	Optional("note", OrNull(Text)),
	Optional("inner", Open(Key("level", Text))),
)

func TestABodyThatFitsIsPassedOn(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"name":"a","port":80,"mode":"fast","on":true}`:                               `{"mode":"fast","name":"a","on":true,"port":80}`,
		`{"name":"a","port":"80","mode":"slow","on":"false","note":null}`:              `{"mode":"slow","name":"a","note":null,"on":false,"port":80}`,
		`{"name":"a","port":1e3,"mode":"slow","on":false,"inner":{"level":"x","y":1}}`: `{"inner":{"level":"x","y":1},"mode":"slow","name":"a","on":false,"port":1e3}`,
	} {
		got, faults, err := Check(sample, []byte(body))
		if err != nil || len(faults) > 0 || string(got) != want {
			t.Errorf("%s: got %s, %v, %v", body, got, faults, err)
		}
	}
}

func TestEachWrongFieldIsNamedWithItsPathAndTheReferencesText(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]map[string]string{
		`{"name":1,"port":"x","mode":"no","on":2,"more":0}`: {
			"name": "invalid string value", "port": "invalid float number",
			"mode": "should be one of the following; ['fast','slow']", "on": "invalid boolean value",
			"more": `"more" is an excess property and therefore is not allowed`},
		`{"name":"a","port":1,"mode":"fast","on":true,"inner":{}}`:    {"inner.level": "'level' is required"},
		`{"name":"a","port":1,"mode":"fast","on":true,"inner":[]}`:    {"inner": "invalid object"},
		`{"name":null,"port":null,"mode":null,"on":null,"note":true}`: {"name": "invalid string value", "port": "invalid float number", "mode": "should be one of the following; ['fast','slow']", "on": "invalid boolean value", "note": "invalid string value"},
		`[]`: {Whole: "invalid object"},
		``:   {"name": "'name' is required", "port": "'port' is required", "mode": "'mode' is required", "on": "'on' is required"},
	} {
		_, faults, err := Check(sample, []byte(body))
		got := map[string]string{}
		for path, f := range faults {
			got[path] = f.Message
		}
		if err != nil || !maps.Equal(got, want) {
			t.Errorf("%s: got %v, %v, want %v", body, got, err, want)
		}
		if !slices.IsSorted(faults.Fields()) || len(faults.Fields()) != len(want) {
			t.Errorf("%s: fields %v", body, faults.Fields())
		}
	}
}

func TestWhatIsNotAnObjectOrArrayIsNoJSONBody(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`null`, `"text"`, `12`, `{`, `{}{}`, `{"a":1}x`, `{a:1}`, "\x00"} {
		if _, _, err := Check(sample, []byte(body)); !errors.Is(err, ErrJSON) {
			t.Errorf("%q: got %v", body, err)
		}
	}
}

func TestTextsThatOnlyLookLikeNumbersAreRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", " 1", "0x10", "Inf", "NaN", "1_000", "1e999", "--1", "."} {
		faults := Faults{}
		if Number("n", text, faults); len(faults) != 1 {
			t.Errorf("%q was taken for a number", text)
		}
	}
}

func FuzzCheckAnswersWithJSONOrWithAFault(f *testing.F) {
	f.Add([]byte(`{"name":"a","port":"80","mode":"fast","on":"true","inner":{"level":""}}`))
	f.Add([]byte(`[[[[{}]]]]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		got, faults, err := Check(sample, body)
		if err != nil || len(faults) > 0 {
			return
		}
		if !json.Valid(got) {
			t.Fatalf("%q became %q", body, got)
		}
		again, faults, err := Check(sample, got)
		if err != nil || len(faults) > 0 || string(again) != string(got) {
			t.Fatalf("%q is accepted, its own rewriting %q is not: %v %v", body, got, faults, err)
		}
	})
}
