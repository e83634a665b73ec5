package sheet

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

// read splits a text into its header and its rows. Lines without any text are skipped.
func read(text, delimiter string) (header []string, rows [][]string) {
	r := NewReader(text, delimiter)
	for {
		row, ok := r.Next()
		if !ok {
			return r.Header, rows
		}
		rows = append(rows, slices.Clone(row))
	}
}

func TestTablesAreReadWhateverProgramWroteThem(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, text, delimiter string
		header                []string
		rows                  [][]string
	}{
		{"plain", "a,b\n1,2\n3,4", ",", []string{"a", "b"}, [][]string{{"1", "2"}, {"3", "4"}}},
		{"Windows line ends and a byte order mark", "\ufeffa;b\r\n1;2\r\n", ";", []string{"a", "b"}, [][]string{{"1", "2"}}},
		{"old Macintosh line ends", "a,b\r1,2\r", ",", []string{"a", "b"}, [][]string{{"1", "2"}}},
		{"empty lines", "\n\na,b\n\n1,2\n\n\n", ",", []string{"a", "b"}, [][]string{{"1", "2"}}},
		{"empty cells", "a,b,c\n,,\n", ",", []string{"a", "b", "c"}, [][]string{{"", "", ""}}},
		{"quotes", "a,b\n\"x, \"\"y\"\"\nz\",2\n", ",", []string{"a", "b"}, [][]string{{"x, \"y\"\nz", "2"}}},
		{"quoted nothing", "a\n\"\",\n", ",", []string{"a"}, [][]string{{"", ""}}},
		{"text after a quote", "a,b\n\"x\"y,2\n", ",", []string{"a", "b"}, [][]string{{"xy", "2"}}},
		{"a quote nobody closed", "a,b\n\"x,2\n3,4", ",", []string{"a", "b"}, [][]string{{"x,2\n3,4"}}},
		{"a quote within a cell", "a,b\n5\" pipe,2\n", ",", []string{"a", "b"}, [][]string{{"5\" pipe", "2"}}},
		{"a long delimiter", "a::b\n1::2:3\n", "::", []string{"a", "b"}, [][]string{{"1", "2:3"}}},
		{"header only", "a,b\n", ",", []string{"a", "b"}, nil},
		{"nothing", "", ",", nil, nil},
	} {
		header, rows := read(test.text, test.delimiter)
		if !slices.Equal(header, test.header) || !reflect.DeepEqual(rows, test.rows) {
			t.Errorf("%s: %q %q", test.name, header, rows)
		}
	}
}

func TestEachRowKnowsTheLineThatItBeganIn(t *testing.T) {
	t.Parallel()
	r := NewReader("\ufeffa,b\r\n\r\n1,\"x\r\ny\nz\"\r2,\"\"\"\n\"\n\n3,4", ",")
	var lines []int
	for _, ok := r.Next(); ok; _, ok = r.Next() {
		lines = append(lines, r.Line())
	}
	if want := []int{3, 6, 9}; !slices.Equal(lines, want) || r.Rest() != "" {
		t.Errorf("lines %v, want %v; %q is left", lines, want, r.Rest())
	}
	if r := NewReader("\n\n", ","); r.Header != nil {
		t.Errorf("a header %q of nothing", r.Header)
	}
}

func TestTheDelimiterIsGuessedFromTheFirstLine(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"a,b\n1;2;3": ",", "a;b,c;d": ";", "a|b": "|", "a\tb\tc": "\t", "": ",", "a": ","} {
		if got := Guess(text); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}

func TestSomeTextsCannotDelimit(t *testing.T) {
	t.Parallel()
	for _, d := range []string{"", "\"", "\n", "\r", "\ufeff"} {
		if Usable(d) {
			t.Errorf("%q", d)
		}
	}
	for _, d := range []string{",", ";", "\t", "::", "é"} {
		if !Usable(d) {
			t.Errorf("%q", d)
		}
	}
}

func FuzzWhatIsWrittenIsReadBack(f *testing.F) {
	f.Add("a", "b,c", "\"", ",")
	f.Add(" a ", "", "x\r\ny", "::")
	f.Fuzz(func(t *testing.T, a, b, c, delimiter string) {
		if !Usable(delimiter) {
			t.Skip()
		}
		rows := [][]string{{"h1", "h2", "h3"}, {a, b, c}}
		header, got := read(Write(rows, delimiter), delimiter)
		if strings.Contains("h1h2h3", delimiter) { // the header is quoted then
			delimiter = ","
		}
		if !slices.Equal(header, rows[0]) || len(got) != 1 || !slices.Equal(got[0], rows[1]) {
			t.Errorf("delimiter %q: %q came back as %q %q", delimiter, rows[1], header, got)
		}
	})
}

func FuzzReadTakesAnything(f *testing.F) {
	f.Add("a,b\n\"1\"\"", ",")
	f.Add("\ufeff\"a\r", "\"\"")
	f.Fuzz(func(t *testing.T, text, delimiter string) {
		if !Usable(delimiter) {
			t.Skip()
		}
		header, rows := read(text, delimiter)
		if header == nil && len(rows) > 0 {
			t.Error("rows without a header")
		}
	})
}
