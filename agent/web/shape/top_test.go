package shape

import (
	"errors"
	"maps"
	"testing"
)

var topParts = append(append(append(Must(KindText, "name"), Must(KindArray, "items")...), Must(KindObject, "settings")...), May(KindNumber, "delay")...)

func TestTheTopOfABodyIsCheckedAndTheBodyKept(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]map[string]string{
		` {"settings":{"z":1,"a":[2]}, "name":"x","items":[{"a":1}]} `: {},
		`{"name":"x","items":[],"settings":{},"delay":null}`:           {},
		`{"name":"x","items":[],"settings":{},"delay":"7"}`:            {},
		`{"name":1,"items":{},"settings":[],"delay":true}`:             {"name": "invalid string value", "items": "invalid array", "settings": "invalid object", "delay": "invalid float number"},
		`{"name":null,"items":[],"settings":{}}`:                       {"name": "invalid string value"},
		``:                                                             {"name": "'name' is required", "items": "'items' is required", "settings": "'settings' is required"},
		`{"name":"x","items":[],"settings":{},"more":1}`:               {"more": `"more" is an excess property and therefore is not allowed`},
		`[]`: {Whole: "invalid object"},
	} {
		_, faults, err := Top([]byte(body), topParts)
		got := map[string]string{}
		for path, f := range faults {
			got[path] = f.Message
		}
		if err != nil || !maps.Equal(got, want) {
			t.Errorf("%s: got %v, %v, want %v", body, got, err, want)
		}
	}
	for _, body := range []string{`"x"`, `{`, `[`, `{"a":1}x`, `null`} {
		if _, _, err := Top([]byte(body), topParts); !errors.Is(err, ErrJSON) {
			t.Errorf("%s: got %v", body, err)
		}
	}
	if kept, _, _ := Top([]byte(` {"settings":{"z":1,"a":2},"name":"x","items":[]} `), topParts); string(kept) != `{"settings":{"z":1,"a":2},"name":"x","items":[]}` {
		t.Errorf("the body became %s", kept)
	}
}

func FuzzTop(f *testing.F) {
	f.Add([]byte(`{"name":"x","items":[],"settings":{},"delay":7}`))
	f.Add([]byte(`[{]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if _, _, err := Top(body, topParts); err != nil && !errors.Is(err, ErrJSON) {
			t.Errorf("%q: %v", body, err)
		}
	})
}
