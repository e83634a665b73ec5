package content

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"testing"
	"testing/iotest"
)

var seeds = []string{`[]`, `[{"pointId":"a","timestamp":"t","data":{"value":1}}]`, ` [1, -2.5e3,"\u00e9\n" ,[],{"a":{}} ] `, `[1,]`, `[`, `{}`, "[\"\x00\"]", `[01]`, `["\ud800"]`}

// FuzzArrayAcceptsJSONArraysOnly compares with the standard library, and reading at once with reading by bytes.
func FuzzArrayAcceptsJSONArraysOnly(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := elements(bytes.NewReader(data))
		slow, slowErr := elements(iotest.OneByteReader(bytes.NewReader(data)))
		if (err == nil) != (slowErr == nil) || len(got) != len(slow) {
			t.Fatalf("depends on how it is read: %v %v", err, slowErr)
		}
		var want []json.RawMessage
		wantErr := json.Unmarshal(data, &want)
		if want == nil && wantErr == nil {
			wantErr = errors.New("null")
		}
		if err != nil && wantErr == nil && !bytes.Contains([]byte(err.Error()), []byte("too deep")) {
			t.Fatalf("refused: %v", err)
		}
		if err == nil && wantErr != nil {
			t.Fatalf("accepted, but: %v", wantErr)
		}
		for i := range got {
			if err == nil && got[i] != string(want[i]) {
				t.Fatalf("element %d is %q, not %q", i, got[i], want[i])
			}
		}
	})
}

// FuzzTimeValuesAreReadAsTheStandardLibraryDoes compares each field with encoding/json.
func FuzzTimeValuesAreReadAsTheStandardLibraryDoes(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Add([]byte(`[{"data":{"a":1,"value":2},"pointId":"a","pointId":"b","x":[null]}]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		d := NewDecoder(bytes.NewReader(data))
		for v := (Value{}); ; {
			if err := d.Next(&v); err != nil {
				if err == io.EOF && !json.Valid(data) {
					t.Fatal("accepted what is not JSON")
				}
				return
			}
			var want map[string]json.RawMessage
			if err := json.Unmarshal(v.Raw, &want); err != nil {
				t.Fatalf("%q: %v", v.Raw, err)
			}
			if string(v.PointID) != string(want["pointId"]) || string(v.Data) != string(want["data"]) || string(v.Timestamp) != string(want["timestamp"]) {
				t.Fatalf("got %q, want %q", v, want)
			}
			var inner map[string]json.RawMessage
			if json.Unmarshal(v.Data, &inner) == nil && string(inner["value"]) != string(v.Value()) {
				t.Fatalf("value is %q, not %q", v.Value(), inner["value"])
			}
			v.TimeValue()
		}
	})
}

// FuzzTextsSurvive writes a text and reads it back.
func FuzzTextsSurvive(f *testing.F) {
	f.Add("a\"\\\x00\u2028é\xff")
	f.Fuzz(func(t *testing.T, s string) {
		written := AppendString(nil, s)
		var want string
		if err := json.Unmarshal(written, &want); err != nil {
			t.Fatalf("%q: %v", written, err)
		}
		if got, ok := Text(written); !ok || string(got) != want || want != string(bytes.ToValidUTF8([]byte(s), []byte("\ufffd"))) && len(want) < len(s) {
			t.Fatalf("%q became %q, then %q", s, written, got)
		}
	})
}
