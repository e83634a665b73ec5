package content

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

func elements(r io.Reader) (found []string, err error) {
	for a := NewArray(r); ; {
		raw, err := a.Next()
		if err == io.EOF {
			return found, nil
		}
		if err != nil {
			return found, err
		}
		found = append(found, string(raw))
	}
}

func TestAnArrayIsReadElementByElementAsItStands(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		`[]`:                          nil,
		" [ ] \n":                     nil,
		`[1,-0.5e+3 ,"a,]\"" ]`:       {"1", "-0.5e+3", `"a,]\""`},
		`[{"a":[1,{"b":null}]}, [ ]]`: {`{"a":[1,{"b":null}]}`, `[ ]`},
		"[true,\tfalse,null]\r\n":     {"true", "false", "null"},
		`["é\u00e9\/"]`:               {`"é\u00e9\/"`},
	} {
		for name, r := range map[string]io.Reader{"whole": strings.NewReader(text), "by bytes": iotest.OneByteReader(strings.NewReader(text))} {
			got, err := elements(r)
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("%s, %s: got %q, %v", text, name, got, err)
			}
		}
	}
}

func TestBrokenArraysAreRefused(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("[", 200) + strings.Repeat("]", 200)
	for _, text := range []string{``, ` `, `{}`, `1`, `[`, `[1`, `[1,`, `[1,]`, `[,1]`, `[1 2]`, `[1]x`, `[1][`, `[01]`, `[1.]`, `[.5]`, `[1e]`, `[-]`, `[+1]`,
		`[tru]`, `[nul`, `["a]`, "[\"\n\"]", `["\x"]`, `["\u12g4"]`, `[{"a"}]`, `[{"a":}]`, `[{a:1}]`, `[{"a":1,}]`, `[NaN]`, deep} {
		if got, err := elements(strings.NewReader(text)); err == nil {
			t.Errorf("%.40s was accepted as %q", text, got)
		}
	}
	_, err := elements(strings.NewReader(`[1, 2, x]`))
	var syntax *SyntaxError
	if !errors.As(err, &syntax) || syntax.Offset != 7 {
		t.Errorf("got %v, want the position 7", err)
	}
}

func TestAnElementThatIsTooLongIsRefusedInBoundedMemory(t *testing.T) {
	t.Parallel()
	a := NewArray(io.MultiReader(strings.NewReader(`["`), endless('x')))
	a.limit = 1 << 20
	if _, err := a.Next(); err == nil || !strings.Contains(err.Error(), "longer than 1048576 bytes") {
		t.Errorf("got %v", err)
	}
	if cap(a.buf) > 1<<20 {
		t.Errorf("the buffer grew to %d bytes", cap(a.buf))
	}
}

type endless byte

func (e endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(e)
	}
	return len(p), nil
}

func TestReadingResumesBehindAnElement(t *testing.T) {
	t.Parallel()
	text := ` [ {"a":1} ,2, "three",[4] ] `
	for cut := 0; cut <= 4; cut++ {
		a := NewArray(strings.NewReader(text))
		for range cut {
			if _, err := a.Next(); err != nil {
				t.Fatal(err)
			}
		}
		offset := a.Offset()
		if cut == 0 {
			offset = int64(strings.Index(text, "{"))
		}
		rest := ResumeArray(strings.NewReader(text[offset:]), offset)
		rest.state = map[bool]arrayState{true: atFirst, false: afterValue}[cut == 0]
		var n int
		for {
			if _, err := rest.Next(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatalf("after %d: %v", cut, err)
			}
			n++
		}
		if n != 4-cut {
			t.Errorf("after %d elements %d are left", cut, n)
		}
	}
}

func TestTimeValuesAreDecodedWhateverTheOrderOfTheirMembers(t *testing.T) {
	t.Parallel()
	text := `[{"pointId":"a","timestamp":"2024-01-15T10:00:00.000Z","data":{"value":"23.5","quality":"Good"}},
		{"data":{"value":1.5},"timestamp":null,"point\u0049d":"b\"\u00e9","extra":[{}]},
		{"pointId":12,"pointId":"last","data":null}]`
	d := NewDecoder(iotest.HalfReader(strings.NewReader(text)))
	var v Value
	var got []string
	for d.Next(&v) == nil {
		got = append(got, fmt.Sprintf("%s|%s|%s|%s", v.Point(), v.Instant(), v.Data, v.Value()))
	}
	want := []string{`a|2024-01-15T10:00:00.000Z|{"value":"23.5","quality":"Good"}|"23.5"`, `b"é||{"value":1.5}|1.5`, `last||null|`}
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
	values, err := ReadTimeValues(strings.NewReader(text), 3)
	if err != nil || len(values) != 3 || values[1].PointID != "b\"é" {
		t.Errorf("got %v, %v", values, err)
	}
	if _, err := ReadTimeValues(strings.NewReader(text), 2); err == nil {
		t.Error("the limit was not applied")
	}
	if err := NewDecoder(strings.NewReader(`[1]`)).Next(&v); err == nil {
		t.Error("a number is no time value")
	}
}

func TestWhatIsWrittenIsWhatTheReferenceWrites(t *testing.T) {
	t.Parallel()
	var buf bytes.Buffer
	w := NewArrayWriter(&buf)
	w.TimeValue(&TimeValue{"a\"\\\n\x01é\u2028<&>\xff", "2024-01-15T10:00:00.000Z", TextData("1\t2")})
	w.TimeValue(&TimeValue{PointID: "b", Data: NumberData(23.5)})
	w.TimeValue(&TimeValue{PointID: "c"})
	w.Raw([]byte(`{"x":1}`))
	if w.Elements() != 4 || w.Close() != nil || w.Close() != nil || w.Size() != int64(buf.Len()) {
		t.Fatal("wrong count or size")
	}
	want := `[{"pointId":"a\"\\\n\u0001é` + "\u2028" + `<&>` + "\ufffd" + `","timestamp":"2024-01-15T10:00:00.000Z","data":{"value":"1\t2"}},` +
		`{"pointId":"b","timestamp":"","data":{"value":23.5}},{"pointId":"c","timestamp":"","data":null},{"x":1}]`
	if buf.String() != want {
		t.Errorf("got  %s\nwant %s", buf.String(), want)
	}
	if err := w.Raw(nil); err == nil {
		t.Error("an element was added to a closed array")
	}
}

func TestAFailedWriteIsKept(t *testing.T) {
	t.Parallel()
	w := NewArrayWriter(iotest.TruncateWriter(failing{}, 0))
	for range 10 {
		w.Raw(bytes.Repeat([]byte("1"), flushAt))
	}
	if err := w.Close(); !errors.Is(err, io.ErrClosedPipe) {
		t.Logf("got %v", err)
	}
	w = NewArrayWriter(failing{})
	w.Raw(bytes.Repeat([]byte("1"), flushAt))
	if err := w.Close(); !errors.Is(err, errFailing) {
		t.Errorf("got %v", err)
	}
}

var errFailing = errors.New("failing")

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errFailing }

func TestNumbersArePrintedAsTheReferenceDoes(t *testing.T) {
	t.Parallel()
	inf := math.Inf(1)
	for want, f := range map[string]float64{"0": 0, "23.5": 23.5, "1e+21": 1e21, "100000000000000000000": 1e20, "1e-7": 1e-7, "0.000001": 1e-6, "null": inf} {
		if got := string(AppendNumber(nil, f)); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestSlicesKeepOrderAndLimits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text            string
		elements, bytes int
		want            []string
	}{
		{`[]`, 2, 0, []string{`[]`}},
		{`[1,2]`, 2, 0, []string{`[1,2]`}},
		{`[1, 2,3]`, 2, 0, []string{`[1,2]`, `[3]`}},
		{`[1,2,3]`, 0, 0, []string{`[1,2,3]`}},
		{`["aaaa","bbbb","c"]`, 0, 10, []string{`["aaaa"]`, `["bbbb","c"]`}},
	} {
		var got []string
		for s, err := range Slices(strings.NewReader(c.text), c.elements, c.bytes) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, string(s.Data))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s by %d: got %q", c.text, c.elements, got)
		}
	}
	var failed bool
	for _, err := range Slices(strings.NewReader(`[1,2,`), 1, 0) {
		failed = failed || err != nil
	}
	if !failed {
		t.Error("an array that is cut off was sliced without an error")
	}
}

func TestAContentCanBeReadByEachNorth(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.csv")
	if err := os.WriteFile(path, []byte("a;b"), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := FromFile(path, "sub/x.csv")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		content Content
		want    string
	}{
		{file, "a;b"},
		{FromText("hello"), "hello"},
		{FromTimeValues([]TimeValue{{"a", "t", TextData("1")}}), `[{"pointId":"a","timestamp":"t","data":{"value":"1"}}]`},
		{FromSetpoints([]Setpoint{{"a", json.RawMessage("true")}}), `[{"reference":"a","value":true}]`},
	} {
		for range 2 {
			r, err := c.content.Open()
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(r)
			if err = errors.Join(err, r.Close()); err != nil || string(got) != c.want || c.content.Size != int64(len(got)) {
				t.Errorf("got %q, %v", got, err)
			}
		}
	}
	if _, err := FromFile(t.TempDir(), "x"); err == nil {
		t.Error("a folder is no content")
	}
}

func TestSourcesAreDescribedAsScriptsKnowThem(t *testing.T) {
	t.Parallel()
	south := Source{Origin: FromSouth, SouthID: "a1B2c3", QueryTime: "T", Items: []Item{{ID: "i", Entity: json.RawMessage(`{"id":"i"}`)}}}
	for want, s := range map[string]Source{
		`{"source":"south","southId":"a1B2c3","queryTime":"T","queryStartTime":null,"queryEndTime":null,"items":[{"id":"i"}]}`: south,
		`{"source":"oianalytics-setpoints"}`:             {Origin: FromCloud},
		`{"source":"oibus-api","dataSourceId":"my-app"}`: {Origin: FromAPI, DataSourceID: "my-app"},
		`{"source":"test"}`:                              {Origin: FromTest},
	} {
		if got, err := json.Marshal(s); err != nil || string(got) != want {
			t.Errorf("got %s, %v", got, err)
		}
	}
	if _, err := json.Marshal(Source{}); err == nil {
		t.Error("a source without origin was described")
	}
}

func TestKindsKeepTheirPlace(t *testing.T) {
	t.Parallel()
	want := []Kind{"any", "any-content", "time-values", "setpoint", "oianalytics", "mqtt", "opcua", "modbus"}
	if !slices.Equal(Kinds, want) {
		t.Errorf("files on disk name kinds by their position: got %v", Kinds)
	}
	if Kind("x").Valid() || Any.Array() || AnyContent.Array() || !MQTT.Array() {
		t.Error("wrong properties")
	}
}

func TestSetpointsAreRead(t *testing.T) {
	t.Parallel()
	got, err := ReadSetpoints(strings.NewReader(`[{"reference":"pump1","value":"12"},{"reference":"p2","value":true}]`), 10)
	if err != nil || len(got) != 2 || string(got[1].Value) != "true" {
		t.Errorf("got %v, %v", got, err)
	}
	for _, text := range []string{`[{"reference":1}]`, `[1]`, `{}`} {
		if _, err := ReadSetpoints(strings.NewReader(text), 10); err == nil {
			t.Errorf("%s was accepted", text)
		}
	}
}
