package setting

import (
	"strings"
	"testing"
	"time"
)

type example struct {
	Age  Number `json:"minAge"`
	Keep Flag   `json:"preserveFiles"`
	Name string `json:"name"`
}

func TestNumbersAndFlagsAreReadAlsoFromText(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]example{
		`{"minAge":1000,"preserveFiles":true,"name":"x"}`:  {1000, true, "x"},
		`{"minAge":"1000","preserveFiles":"TRUE"}`:         {1000, true, ""},
		`{"minAge":" 1.5e3 ","preserveFiles":1}`:           {1500, true, ""},
		`{"minAge":"","preserveFiles":""}`:                 {0, false, ""},
		`{"minAge":null,"preserveFiles":null,"name":null}`: {0, false, ""},
		`{}`:                        {},
		``:                          {},
		`null`:                      {},
		`{"unknown":{"a":[1,2]}}`:   {},
		`{"preserveFiles":"false"}`: {},
	} {
		var got example
		if err := Decode([]byte(raw), &got); err != nil || got != want {
			t.Errorf("%s: got %+v, %v; want %+v", raw, got, err, want)
		}
	}
}

func TestAWrongTypeIsAnErrorWithoutTheValue(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{
		`{"minAge":"secret"}`, `{"minAge":"1e999"}`, `{"minAge":"NaN"}`, `{"minAge":{}}`, `{"preserveFiles":"secret"}`,
		`{"preserveFiles":2}`, `{"name":7}`, `{"name":{"secret":1}}`, `[]`, `{`,
	} {
		err := Decode([]byte(raw), &example{})
		named := err != nil && (len(raw) < 3 || strings.Contains(err.Error(), `"minAge"`) || strings.Contains(err.Error(), `"preserveFiles"`) ||
			strings.Contains(err.Error(), `"name"`))
		if !named || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got %v", raw, err)
		}
	}
}

func TestHugeNumbersAreCut(t *testing.T) {
	t.Parallel()
	if d := Number(1e300).Duration(time.Second); d <= 0 {
		t.Errorf("got %v", d)
	}
	if n := Number(1e300).Int(); n != 1<<53 {
		t.Errorf("got %d", n)
	}
	if d := Number(1.5).Duration(time.Second); d != 1500*time.Millisecond {
		t.Errorf("got %v", d)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"minAge":"1000","preserveFiles":"TRUE"}`))
	f.Add([]byte(`{"minAge":[1]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var e example
		if Decode(raw, &e) == nil && e.Age != e.Age {
			t.Errorf("%q: not a number", raw)
		}
	})
}
