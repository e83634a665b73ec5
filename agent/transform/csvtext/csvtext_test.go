package csvtext

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"
)

func read(r io.Reader, d Dialect) ([][]string, []int, error) {
	var rows [][]string
	var lines []int
	for c := NewReader(r, d); ; {
		row, err := c.Next()
		if err == io.EOF {
			return rows, lines, nil
		}
		if err != nil {
			return rows, lines, err
		}
		var texts []string
		for _, f := range row {
			texts = append(texts, string(f))
		}
		rows, lines = append(rows, texts), append(lines, c.Line())
	}
}

func TestRowsAreRead(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		what, text string
		dialect    Dialect
		want       string // fields with | between them, rows with newlines
	}{
		{"nothing", "", Dialect{}, ""},
		{"a mark only", "\ufeff", Dialect{}, ""},
		{"one field", "a", Dialect{}, "a"},
		{"rows", "a,b\nc,d\n", Dialect{}, "a|b\nc|d"},
		{"no end of the last row", "a,b\nc,d", Dialect{}, "a|b\nc|d"},
		{"CRLF", "a,b\r\nc,d\r\n", Dialect{}, "a|b\nc|d"},
		{"CR", "a,b\rc,d\r", Dialect{}, "a|b\nc|d"},
		{"a CR inside a row of LF", "a,b\nc\rd,e\n", Dialect{}, "a|b\nc\rd|e"},
		{"empty lines", "\n\na\n\r\n\nb\n\n", Dialect{}, "a\nb"},
		{"empty fields", "a,,b\n,\n", Dialect{}, "a||b\n|"},
		{"an empty quoted line", "a\n\"\"\nb", Dialect{}, "a\nb"},
		{"quotes", `"a","b ""c""",""` + "\n", Dialect{}, `a|b "c"|`},
		{"ends of rows in quotes", "\"a\nb\",c\r\n\"d\r\ne\",f\r\n", Dialect{}, "a\nb|c\nd\r\ne|f"},
		{"spaces behind a closing quote", `"a"  ,b` + "\n" + `"c" `, Dialect{}, "a|b\nc"},
		{"spaces before a quote", ` "a",b`, Dialect{}, ` "a"|b`},
		{"quotes inside a field", `a"b,c""d` + "\n", Dialect{}, `a"b|c""d`},
		{"text behind a closing quote", `"a"b",c`, Dialect{}, `a"b|c`},
		{"a quoted field at the end", `a,"b"`, Dialect{}, "a|b"},
		{"a quote in CR rows", "\"a\",b\r\"c\nd\",e\r", Dialect{}, "a|b\nc\nd|e"},
		{"a long delimiter", "a\u00a0\"b\u00a0c\"\u00a0d\n\u00e0\u00a0x", Dialect{Delimiter: "\u00a0"}, "a|b\u00a0c|d\n\u00e0|x"},
		{"another quote", "'it''s',b", Dialect{Quote: '\''}, "it's|b"},
		{"another escape", `"a\"b",c` + "\n" + `"d\e"`, Dialect{Escape: '\\'}, `a"b|c` + "\n" + `d\e`},
		{"not UTF-8", "a\xff,b", Dialect{}, "a\xff|b"},
		{"UTF-16", "\xff\xfea\x00,\x00=\xd8\x00\xde\n\x00b\x00", Dialect{}, "a|😀\nb"},
		{"UTF-16, the other way", "\xfe\xff\x00a\x00,\xd8=\xde\x00", Dialect{}, "a|😀"},
		{"UTF-16 cut off", "\xff\xfea\x00=\xd8b\x00=\xd8x", Dialect{}, "a\ufffdb\ufffd\ufffd"},
	} {
		for name, r := range map[string]io.Reader{"whole": strings.NewReader(c.text), "byte by byte": iotest.OneByteReader(strings.NewReader(c.text)), "data with its end": iotest.DataErrReader(strings.NewReader(c.text))} {
			rows, _, err := read(r, c.dialect)
			var texts []string
			for _, row := range rows {
				texts = append(texts, strings.Join(row, "|"))
			}
			if got := strings.Join(texts, "\n"); err != nil || got != c.want {
				t.Errorf("%s, %s: %q, error %v, want %q", c.what, name, got, err, c.want)
			}
		}
	}
}

func TestLinesAreCounted(t *testing.T) {
	t.Parallel()
	_, lines, err := read(strings.NewReader("a\n\n\"b\nc\",d\ne\r\n\"f\r\ng\"\nh"), Dialect{})
	if want := []int{1, 3, 5, 6, 8}; err != nil || !slices.Equal(lines, want) {
		t.Errorf("%v, error %v, want %v", lines, err, want)
	}
	_, _, err = read(strings.NewReader("a\n\"b\n\nc"), Dialect{})
	var e *Error
	if !errors.As(err, &e) || e.Line != 2 || err.Error() != "line 2: a quote is not closed" {
		t.Errorf("error %v", err)
	}
}

func TestRowsLongerThanTheBufferAreRead(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 3*firstBuffer)
	want := [][]string{{"a", long}, {long + "\"\n", "b"}, {"c"}}
	rows, _, err := read(iotest.HalfReader(strings.NewReader("a,"+long+"\n\""+long+"\"\"\n\",b\nc")), Dialect{})
	if err != nil || !slices.EqualFunc(rows, want, slices.Equal) {
		t.Errorf("%d rows, error %v", len(rows), err)
	}
}

func TestARowWithoutEndIsRefused(t *testing.T) {
	t.Parallel()
	for what, text := range map[string]string{"a row": strings.Repeat("x", 1<<20), "a quoted field": `"` + strings.Repeat("x\n", 1<<19)} {
		c := NewReader(strings.NewReader("a\n"+text), Dialect{})
		c.limit = 1 << 18
		if _, err := c.Next(); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Next(); err == nil || !strings.Contains(err.Error(), "line 2: a row is longer than 262144 bytes") {
			t.Errorf("%s: error %v", what, err)
		}
	}
	for what, text := range map[string]string{"columns": strings.Repeat(",", MaxColumns+1), "quoted columns": `""` + strings.Repeat(",", MaxColumns+1)} {
		if _, _, err := read(strings.NewReader(text), Dialect{}); err == nil || !strings.Contains(err.Error(), "more than 65536 columns") {
			t.Errorf("%s: error %v", what, err)
		}
	}
}

func TestAnErrorOfTheSourceIsHandedOn(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	for n := range 5 {
		r := io.MultiReader(strings.NewReader("a,b\n"[:n]), iotest.ErrReader(boom))
		if _, _, err := read(r, Dialect{}); !errors.Is(err, boom) {
			t.Errorf("behind %d bytes: error %v", n, err)
		}
		r = io.MultiReader(strings.NewReader("\xff\xfea\x00\n\x00"[:n]), iotest.ErrReader(boom))
		if _, _, err := read(r, Dialect{}); !errors.Is(err, boom) {
			t.Errorf("behind %d bytes of UTF-16: error %v", n, err)
		}
	}
}

func write(t *testing.T, s Style, rows [][]string) string {
	t.Helper()
	var out bytes.Buffer
	w := NewWriter(&out, s)
	for _, row := range rows {
		for _, f := range row {
			if f == "<null>" {
				w.Null()
			} else {
				w.Text([]byte(f))
			}
		}
		if err := w.End(); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestRowsAreWritten(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		what  string
		style Style
		rows  [][]string
		want  string
	}{
		{"nothing", Style{}, nil, ""},
		{"what is absent", Style{}, [][]string{{"a", "", "<null>"}, {`b"c`}}, "\"a\",\"\",\r\n\"b\"\"c\""},
		{"quotes where they are needed", Style{Minimal: true, Newline: "\n"}, [][]string{{"a", "b,c", `d"e`, "f\ng", "h\ri", " j", "k ", "l m", "\ufeffn", "'o'", "", "<null>"}},
			"a,\"b,c\",\"d\"\"e\",\"f\ng\",\"h\ri\",\" j\",\"k \",l m,\"\ufeffn\",'o',,"},
		{"single quotes", Style{Quote: '\'', Escape: '\\'}, [][]string{{"it's", `"x"`}}, `'it\'s','"x"'`},
		{"a backslash", Style{Escape: '\\'}, [][]string{{`a"b\c`}}, `"a\"b\c"`},
		{"another delimiter", Style{Minimal: true, Delimiter: "\u00a0"}, [][]string{{"a\u00a0b", "c,d", "\u00c2"}}, "\"a\u00a0b\"\u00a0c,d\u00a0\u00c2"},
		{"not UTF-8", Style{Minimal: true}, [][]string{{"a\xffb"}}, "a\ufffdb"},
		{"a mark", Style{Minimal: true, Encoding: UTF8BOM}, [][]string{{"é"}, {"b"}}, "\xef\xbb\xbfé\r\nb"},
		{"Latin-1", Style{Minimal: true, Encoding: Latin1}, [][]string{{"é\u00a0ÿ", "€", "😀", "\xff"}}, "\xe9\xa0\xff,?,?,?"},
		{"UTF-16", Style{Minimal: true, Encoding: UTF16LE}, [][]string{{"é€😀"}}, "\xff\xfe\xe9\x00\xac\x20\x3d\xd8\x00\xde"},
	} {
		if got := write(t, c.style, c.rows); got != c.want {
			t.Errorf("%s: %q, want %q", c.what, got, c.want)
		}
	}
}

func TestAMarkStandsOnceBeforeManyRows(t *testing.T) {
	t.Parallel()
	rows := slices.Repeat([][]string{{strings.Repeat("é", 1000)}}, 200)
	got := write(t, Style{Minimal: true, Newline: "\n", Encoding: UTF16LE}, rows)
	if n := strings.Count(got, "\xff\xfe"); n != 1 || len(got) != 2+200*2000+199*2 {
		t.Errorf("%d marks, %d bytes", n, len(got))
	}
}

func TestAnErrorOfTheTargetIsKept(t *testing.T) {
	t.Parallel()
	r, target := io.Pipe()
	r.Close()
	w := NewWriter(target, Style{})
	w.Text(bytes.Repeat([]byte("x"), flushAt))
	first := w.End()
	if !errors.Is(first, io.ErrClosedPipe) || w.End() != first || w.Close() != first {
		t.Errorf("error %v", first)
	}
}

func TestNamesOfSettings(t *testing.T) {
	t.Parallel()
	if d, ok := Delimiter("TAB"); d != "\t" || !ok {
		t.Errorf("TAB is %q", d)
	}
	for _, name := range []string{"DOT", "SEMI_COLON", "COLON", "COMMA", "NON_BREAKING_SPACE", "SLASH", "TAB", "PIPE"} {
		if d, ok := Delimiter(name); !ok || utf8.RuneCountInString(d) != 1 {
			t.Errorf("%s is %q", name, d)
		}
	}
	if _, ok := Delimiter("tab"); ok {
		t.Error("a small name was accepted")
	}
}

// FuzzRoundTrip writes rows in all styles that can be read back, and reads them.
func FuzzRoundTrip(f *testing.F) {
	f.Add("a,b", "c\"d", " e\r\n", uint8(0))
	f.Add("", "é", "\u00a0|;", uint8(255))
	f.Fuzz(func(t *testing.T, a, b, c string, choice uint8) {
		for _, s := range []*string{&a, &b, &c} {
			*s = strings.ToValidUTF8(*s, "?")
		}
		s := Style{
			Delimiter: []string{",", ";", "\t", "\u00a0", ".", "|", "/", ":"}[choice&7],
			Newline:   []string{"\n", "\r\n", "\r", "\n"}[choice>>3&3],
			Minimal:   choice&32 != 0,
			Quote:     []byte{'"', '\''}[choice>>6&1],
			Encoding:  []Encoding{UTF8, UTF16LE}[choice>>7],
		}
		quote := s.Quote
		if s.Minimal {
			quote = '"'
		}
		s.Escape = quote
		rows := [][]string{{"first", a, b}, {c, "x"}, {b, c, a, "last"}}
		text := write(t, s, rows)
		got, _, err := read(strings.NewReader(text), Dialect{Delimiter: s.Delimiter, Quote: quote})
		if err != nil || !slices.EqualFunc(got, rows, slices.Equal) {
			t.Fatalf("%+v: %q came back as %q from %q, error %v", s, rows, got, text, err)
		}
	})
}

// FuzzReader reads anything: however it is cut into pieces, the rows are the same.
func FuzzReader(f *testing.F) {
	f.Add([]byte("a;b\n\"c;\"\"d\";e\r\n"), true)
	f.Add([]byte("\xff\xfea\x00"), false)
	f.Add([]byte("a\rb\"\r\"c\nd\""), false)
	f.Fuzz(func(t *testing.T, text []byte, semicolon bool) {
		d := Dialect{}
		if semicolon {
			d = Dialect{Delimiter: ";", Escape: '\\'}
		}
		whole, lines, err := read(bytes.NewReader(text), d)
		pieces, lines2, err2 := read(iotest.OneByteReader(bytes.NewReader(text)), d)
		if !slices.EqualFunc(whole, pieces, slices.Equal) || !slices.Equal(lines, lines2) || (err == nil) != (err2 == nil) {
			t.Fatalf("%q, error %v, in pieces %q, error %v", whole, err, pieces, err2)
		}
	})
}
