package winagent

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"
)

func saved(t *testing.T, body string) *Answer {
	t.Helper()
	a, err := save(strings.NewReader(body), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return a
}

func readAll(t *testing.T, r io.Reader) string {
	t.Helper()
	if r == nil {
		return "<nothing>"
	}
	raw, err := io.ReadAll(iotest.OneByteReader(r))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestTheMembersOfAnAnswerAreFound(t *testing.T) {
	t.Parallel()
	const body = "\ufeff { \"recordCount\" : 3 ,\n\"content\":\"a,b\\r\\n\\\"1\\\",\\u00e9\\ud83d\\ude00\\ud800x\", \"list\": [ {\"x\":\"]}\\\"\"} ], \"o\":{}, \"n\":null,\"t\":true,\"e\":\"\" , \"last\":-1.5e3 } \r\n"
	a := saved(t, body)
	if got := readAll(t, a.Text("content")); got != "a,b\r\n\"1\",é😀\ufffdx" {
		t.Errorf("got %q", got)
	}
	for name, want := range map[string]string{"list": `[ {"x":"]}\""} ]`, "o": "{}", "n": "<nothing>", "none": "<nothing>", "t": "true", "e": `""`, "last": "-1.5e3"} {
		if got := readAll(t, a.Raw(name)); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	count, last, null := 0, 0.0, "kept"
	if err := errors.Join(a.Decode("recordCount", &count), a.Decode("last", &last), a.Decode("n", &null), a.Decode("none", &null)); err != nil || count != 3 || last != -1500 || null != "kept" {
		t.Errorf("got %d, %v, %s, %v", count, last, null, err)
	}
	if err := a.Decode("list", &count); err == nil {
		t.Error("a list was taken for a number")
	}
	if raw, err := a.Beginning(6); err != nil || string(raw) != body[:6] || a.Size != int64(len(body)) {
		t.Errorf("got %q, %v", raw, err)
	}
	if raw, err := a.Beginning(1 << 20); err != nil || string(raw) != body {
		t.Errorf("got %q, %v", raw, err)
	}
	path := a.file.Name()
	a.Close()
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Error("the answer is still there")
	}
}

func TestHalfAnAnswerIsNone(t *testing.T) {
	t.Parallel()
	const body = `{"recordCount":3,"content":"a\"b","list":[{"x":1}],"n":null}`
	dir := t.TempDir()
	for i := range len(body) {
		if a, err := save(strings.NewReader(body[:i]), dir); err == nil {
			a.Close()
			t.Errorf("%s was taken", body[:i])
		}
	}
	for _, bad := range []string{"[]", "1", body + "x", body + body, `{"a" 1}`, `{"a":1 "b":2}`, `{a:1}`, `{"a":nul}`, `{"a":}`, `{"\x":1}`, `{"` + strings.Repeat("a", 2000) + `":1}`, `{"a":1,}`, `{,}`} {
		if a, err := save(strings.NewReader(bad), dir); err == nil {
			a.Close()
			t.Errorf("%s was taken", bad)
		}
	}
	boom := errors.New("boom")
	if _, err := save(io.MultiReader(strings.NewReader(body[:9]), iotest.ErrReader(boom)), dir); !errors.Is(err, boom) {
		t.Errorf("got %v", err)
	}
	var local *LocalError
	if _, err := save(strings.NewReader(body), dir+"/none"); !errors.As(err, &local) {
		t.Errorf("got %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left %v, %v", left, err)
	}
}

func TestAnythingButATextIsNoText(t *testing.T) {
	t.Parallel()
	a := saved(t, `{"number":1,"control":"a`+"\n"+`b","escape":"\q","short":"\u12","hex":"\u+123"}`)
	for _, name := range []string{"number", "control", "escape", "short", "hex"} {
		if _, err := io.ReadAll(a.Text(name)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// FuzzAnswer finds in any bytes what encoding/json finds.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte(`{"recordCount":3,"content":"a\r\nb\u00e9\ud83d\ude00\ud83d","x":[{"y":null}]}`))
	f.Add([]byte("\ufeff{}"))
	f.Add([]byte(`{"content":"\ud800\ud801\udc00"}`))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, body []byte) {
		var want map[string]json.RawMessage
		isObject := json.Unmarshal(bytes.TrimPrefix(body, []byte("\ufeff")), &want) == nil && want != nil
		a, err := save(bytes.NewReader(body), dir)
		if err != nil {
			if isObject && !strings.Contains(err.Error(), "without end") && !strings.Contains(err.Error(), "no value") {
				t.Fatalf("%q: %v", body, err)
			}
			return
		}
		defer a.Close()
		if !isObject {
			for name := range a.members { // quotes and brackets match: reading must end all the same
				_, _ = io.Copy(io.Discard, section(a, name))
				_, _ = io.Copy(io.Discard, newText(section(a, name)))
			}
			return
		}
		for name, value := range want {
			var text string
			if json.Unmarshal(value, &text) != nil || string(value) == "null" || !utf8.Valid(value) {
				continue
			}
			got, err := io.ReadAll(newText(bytes.NewReader(value)))
			if err != nil || string(got) != text {
				t.Errorf("%q: %s is %q, %v, want %q", body, name, got, err, text)
			}
		}
	})
}

func section(a *Answer, name string) io.Reader {
	e := a.members[name]
	return io.NewSectionReader(a.file, e.from, e.to-e.from)
}
