package rest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

func follow(t *testing.T, expression, text string) (out string, found []string, err error) {
	t.Helper()
	p, ok := parsePath(expression)
	if !ok {
		t.Fatalf("%s cannot be followed", expression)
	}
	if p == nil {
		p = path{}
	}
	var buf bytes.Buffer
	w := bufio.NewWriter(&buf)
	err = compact(w, bufio.NewReaderSize(strings.NewReader(text), 16), p, func(token []byte) error {
		found = append(found, string(token))
		return nil
	})
	_ = w.Flush()
	return buf.String(), found, err
}

func TestPathsAreFollowedWhileTheAnswerIsRead(t *testing.T) {
	t.Parallel()
	const text = `{"a":[{"t":1,"v":2},{"t":5,"v":3}],"b":{"t":"x"},"t":9}`
	for expression, want := range map[string][]string{
		"$..t": {"1", "5", `"x"`, "9"}, "$.a[*].t": {"1", "5"}, "a[0].t": {"1"}, "$['b'][\"t\"]": {`"x"`}, "$.a[0,1].t": {"1", "5"},
		"$.a[0:1].t": {"1"}, "$.a[1:].t": {"5"}, "$.a[::2].t": {"1"}, "$.a.*.t": {"1", "5"}, "$.a[*]..t": {"1", "5"}, "..v": {"2", "3"},
		"$.a[*]['t','v']": {"1", "2", "5", "3"}, "$.nope": nil, "$": {"{"}, "$.a": {"["}, "t": {"9"}, " $.t ": {"9"},
	} {
		if _, found, err := follow(t, expression, text); err != nil || !slices.Equal(found, want) {
			t.Errorf("%s: got %q, %v; want %q", expression, found, err, want)
		}
	}
	for _, other := range []string{"$.a[?(@.v>2)].t", "$.a[-1:].t", "$.a[(@.length-1)].t", "", "$.b~", "$.b^", "$.a[0", "$.a['x\\'y']", "$x", "$.", "$[]", "$.a[::0]"} {
		if _, ok := parsePath(other); ok {
			t.Errorf("%s: taken", other)
		}
	}
}

func TestFollowingFindsWhatASearchOfTheWholeFinds(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		var buf bytes.Buffer
		randomJSON(random, &buf, 4)
		expression := randomPath(random)
		_, found, err := follow(t, expression, buf.String())
		if err != nil {
			t.Fatalf("%s: %v", buf.String(), err)
		}
		var data any
		if err := json.Unmarshal(buf.Bytes(), &data); err != nil {
			t.Fatal(err)
		}
		got := slices.DeleteFunc(found, func(s string) bool { return s == "{" || s == "[" })
		var want []string
		p, _ := parsePath(expression)
		for _, m := range selected(p, data) {
			if raw, _ := json.Marshal(m); raw[0] != '{' && raw[0] != '[' {
				want = append(want, string(raw))
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		got, want = slices.Compact(got), slices.Compact(want) // a value that several ways lead to is found once
		if !slices.Equal(got, want) {
			t.Fatalf("%s on %s: got %q, want %q", expression, buf.String(), got, want)
		}
	}
}

// selected searches the whole of data, step by step.
func selected(p path, data any) []any {
	if len(p) == 0 {
		return []any{data}
	}
	var all []any
	each := func(s segment, child any, hit bool) {
		if hit {
			all = append(all, selected(p[1:], child)...)
		}
		if s.deep {
			all = append(all, selected(p, child)...)
		}
	}
	s := p[0]
	switch d := data.(type) {
	case map[string]any:
		for name, child := range d {
			each(s, child, s.any || slices.Contains(s.names, name))
		}
	case []any:
		for i, child := range d {
			each(s, child, s.any || slices.ContainsFunc(s.ranges, func(r indexRange) bool { return r.has(i) }))
		}
	}
	return all
}

func randomJSON(r *rand.Rand, w *bytes.Buffer, depth int) {
	kind := r.IntN(6)
	if depth == 0 {
		kind %= 3
	}
	switch kind {
	case 0:
		fmt.Fprint(w, r.IntN(100))
	case 1:
		fmt.Fprintf(w, `"s%d"`, r.IntN(100))
	case 2:
		w.WriteString("true")
	case 3:
		w.WriteByte('[')
		for i := range r.IntN(4) {
			if i > 0 {
				w.WriteByte(',')
			}
			randomJSON(r, w, depth-1)
		}
		w.WriteByte(']')
	default:
		w.WriteByte('{')
		for i := range r.IntN(4) {
			if i > 0 {
				w.WriteByte(',')
			}
			fmt.Fprintf(w, `"%c":`, 'a'+i)
			randomJSON(r, w, depth-1)
		}
		w.WriteByte('}')
	}
}

func randomPath(r *rand.Rand) string {
	p := "$"
	for range 1 + r.IntN(3) {
		p += []string{".a", ".b", "..a", "[*]", "[0]", "[0,1]", "['a','b']", "[1:]", ".*", "..b"}[r.IntN(10)]
	}
	return p
}

func TestTheCopyIsTheSameWithoutWhiteSpace(t *testing.T) {
	t.Parallel()
	const big = `12345678901234567890.10`
	for in, want := range map[string]string{
		" { \"a\" : [ 1 , -2.5e+3 ,\n true,null ] , \"b\\u00e9 \\\"\" : \" x \" } \r\n": `{"a":[1,-2.5e+3,true,null],"b\u00e9 \""` + `:" x "}`,
		"\xef\xbb\xbf[]": "[]", "{}": "{}", " 7 ": "7", `"é"`: `"é"`, big: big, "[[],{}]": "[[],{}]",
	} {
		if got, _, err := follow(t, "$..x", in); err != nil || got != want {
			t.Errorf("%q: got %q, %v", in, got, err)
		}
	}
}

func TestWhatIsNoJSONIsASyntaxError(t *testing.T) {
	t.Parallel()
	for _, in := range []string{"", " ", "{", "[1,]", "{\"a\" 1}", "{a:1}", "[1 2]", "\"\n\"", `"\x"`, `"\u12g4"`, "01", "+1", "nul", "1 2", "[1]]", "<html>", "NaN", "'a'",
		strings.Repeat("[", maxDepth+1), strings.Repeat("1", maxToken+2), "{\"a\":1,}"} {
		_, _, err := follow(t, "$..x", in)
		var syntax *syntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("%.20q: got %v", in, err)
		}
	}
	broken := errors.New("broken")
	err := compact(io.Discard, bufio.NewReader(io.MultiReader(strings.NewReader("[1"), iotest.ErrReader(broken))), nil, nil)
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

func FuzzCompact(f *testing.F) {
	f.Add([]byte(`{"a":[1,"x\u0041",true,null,{"t":2}]}`), "$..t")
	f.Add([]byte("\xef\xbb\xbf [1e5 , -0.0]"), "$[*]")
	f.Add([]byte(`{"a":"`+"\xff"+`"}`), "$['a']")
	f.Fuzz(func(t *testing.T, raw []byte, expression string) {
		p, ok := parsePath(expression)
		if !ok {
			p = nil
		}
		var out bytes.Buffer
		err := compact(&out, bufio.NewReaderSize(bytes.NewReader(raw), 16), p, func([]byte) error { return nil })
		valid := json.Valid(bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf")))
		if err == nil != valid {
			if err == nil || !strings.Contains(err.Error(), "too long") && !strings.Contains(err.Error(), "levels") {
				t.Fatalf("%q: valid %t, got %v", raw, valid, err)
			}
		}
		if err != nil {
			return
		}
		var want bytes.Buffer
		if err := json.Compact(&want, bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf"))); err != nil || !bytes.Equal(out.Bytes(), want.Bytes()) {
			t.Errorf("%q: got %q, want %q", raw, out.Bytes(), want.Bytes())
		}
	})
}
