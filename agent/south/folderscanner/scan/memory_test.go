package scan

import (
	"encoding/json"
	"testing"
	"time"
)

func TestMarksSurviveTheirKeeping(t *testing.T) {
	t.Parallel()
	at := time.UnixMicro(1705316400000250).UTC()
	for text, f := range map[string]mark{
		`1705316400000.25`:                     {at: at, size: -1},
		`{"undeleted":1705316400000.25}`:       {at: at, size: -1, undeleted: true},
		`{"listed":1705316400000.25,"size":7}`: {at: at, size: 7},
	} {
		if got := string(f.value()); got != text {
			t.Errorf("got %s, want %s", got, text)
		}
		if got, ok := parseMark(json.RawMessage(text)); !ok || !got.at.Equal(f.at) || got.size != f.size || got.undeleted != f.undeleted {
			t.Errorf("%s: got %+v, %t", text, got, ok)
		}
	}
}

func TestNamesThatAreNoTextKeepTheirKeys(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a.csv", "é", "caf\xe9.csv", "base64:x", "\x00"} {
		raw, err := json.Marshal(map[string]int{keyOf(name): 1})
		if err != nil {
			t.Fatal(err)
		}
		var kept map[string]int
		if err := json.Unmarshal(raw, &kept); err != nil {
			t.Fatal(err)
		}
		for key := range kept {
			if nameOf(key) != name {
				t.Errorf("%q became %q", name, nameOf(key))
			}
		}
	}
}

func FuzzMarks(f *testing.F) {
	f.Add([]byte("1705316400000.25"))
	f.Add([]byte("-1.5"))
	f.Add([]byte(`"x"`))
	f.Add([]byte(`{"listed":1,"size":-3}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, ok := parseMark(raw)
		if !ok || m.size < -1 {
			return
		}
		if again, ok := parseMark(m.value()); !ok || !again.at.Equal(m.at) || again.undeleted != m.undeleted {
			t.Errorf("%s: %v became %v", raw, m, again)
		}
	})
}
