package transform

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"oibus/agent/content"
)

const jsonOutOptions = `{"filename":"x.csv","encoding":"UTF_8","header":true,"delimiter":"SEMI_COLON","newline":"LF","quoteChar":"NONE","escapeChar":"DOUBLE_QUOTE","nullValue":"","rowIteratorPath":"$[*]"}`

// columns are options with fields, each given as name, path, type and more settings.
func columns(t testing.TB, change string, fields ...string) string {
	var list []string
	for _, f := range fields {
		p := strings.SplitN(f, "|", 4)
		more := ""
		if len(p) == 4 {
			more = "," + p[3]
		}
		list = append(list, fmt.Sprintf(`{"columnName":%q,"jsonPath":%q,"dataType":%q%s}`, p[0], p[1], p[2], more))
	}
	return strings.Replace(with(t, with(t, jsonOutOptions, change), `{"fields":"@"}`), `"@"`, "["+strings.Join(list, ",")+"]", 1)
}

func TestJSONToCSV(t *testing.T) {
	t.Parallel()
	const rows = `[{"id":"a","v":1.50,"o":{"x":[1,2]},"l":[1,"b;c",null]},{"id":"b","v":null}, {"id":3}]`
	check(t, "json-to-csv", content.Any, []row{
		{"rows of an array", columns(t, "", "Id|$[*].id|string", "V|$[*].v|number"), rows, "Id;V\na;1.5\nb;\n3;"},
		{"a value for what is missing", columns(t, `{"nullValue":"n/a","header":false}`, "Id|$[*].id|string", "V|$[*].v|number"), rows, "a;1.5\nb;n/a\n3;n/a"},
		{"objects and arrays", columns(t, `{"header":false}`, "O|$[*].o|object", "L|$[*].l|array", "S|$[*].o|string", "T|$[*].l|string"), rows, "\"{\"\"x\"\":[1,2]}\";\"[1,\"\"b;c\"\",null]\";[object Object];\"1,b;c,\"\n;;;\n;;;"},
		{"rows below a name, and a field of the whole document", columns(t, `{"rowIteratorPath":"$.data[*]","header":false}`, "D|$.device|string", "T|$.data[*].t|number"), `{"device":"d","data":[{"t":1},{"t":2}]}`, "d;1\nd;2"},
		{"rows below a name, read one by one", columns(t, `{"rowIteratorPath":"$.a.data[*]","header":false}`, "T|$.a.data[*].t|number"), `{"x":[{"a":1}],"a":{"y":{"data":[0]},"data":[{"t":1},{"t":2}],"z":1}}`, "1\n2"},
		{"rows in rows", columns(t, `{"rowIteratorPath":"$[*].m[*]","header":false}`, "N|$[*].n|string", "V|$[*].m[*].v|number"), `[{"n":"a","m":[{"v":1},{"v":2}]},{"n":"b","m":[{"v":3}]}]`, "a;1\na;2\nb;3"},
		{"JSON in texts", columns(t, `{"rowIteratorPath":"$[*].message.metrics[*]","header":false}`, "V|$[*].message.metrics[*].value|number", "T|$[*].timestamp|string"),
			`[{"message":"{\"metrics\":[{\"value\":1},{\"value\":2}]}","timestamp":"T"}]`, "1;T\n2;T"},
		{"surplus wildcards give arrays", columns(t, `{"header":false}`, "V|$[*].m[*].v|array", "S|$[*].m[*].v|string"), `[{"m":[{"v":1},{"v":2}]}]`, "[1,2];1,2"},
		{"a filter", columns(t, `{"rowIteratorPath":"$[?(@.ok == true)]","header":false}`, "V|$[*].v|number"), `[{"v":1},{"v":2,"ok":true},{"v":3,"ok":true}]`, "2\n3"},
		{"a path relative to the row yields nothing", columns(t, `{"header":false,"nullValue":"-"}`, "V|$.v|number"), `[{"v":1}]`, "-"},
		{"an object has rows too", columns(t, `{"header":false}`, "V|$[*].v|string"), `{"a":{"v":1},"b":{"v":2}}`, "1,2\n1,2"},
		{"no rows", columns(t, "", "V|$[*].v|number"), `[]`, ""},
		{"no array", columns(t, "", "V|$[*].v|number"), `5`, ""},
		{"a byte order mark", columns(t, `{"header":false}`, "V|$[*].v|number"), "\ufeff[{\"v\":1}]", "1"},
		{"a byte order mark, the whole document", columns(t, `{"header":false,"rowIteratorPath":"$"}`, "V|$.v|number"), "\ufeff{\"v\":1}", "1"},
		{"empty input", columns(t, "", "V|$[*].v|number"), "", "!the input is no JSON"},
		{"broken input", columns(t, "", "V|$[*].v|number"), `[{"v":1},{"v"}]`, "!colon expected at byte 13"},
		{"broken input behind a name", columns(t, `{"rowIteratorPath":"$.d[*]"}`, "V|$.d[*].v|number"), `{"d":[{"v":1}],"x":`, "!the input is no JSON: it ends too early"},
		{"broken input, the whole document", columns(t, `{"rowIteratorPath":"$.d"}`, "V|$.d.v|number"), `{"d":x}`, "!the input is no JSON: invalid character 'x'"},
		{"no fields", columns(t, ""), `[]`, `!option "fields": is empty`},
		{"no path", columns(t, "", "V||number"), `[]`, `!option "fields[0].jsonPath": is missing`},
		{"a wrong path", columns(t, "", "V|$[(@.length-1)]|number"), `[]`, `!option "fields[0].jsonPath": "$[(@.length-1)]" is no JSONPath`},
		{"a wrong type", columns(t, "", "V|$|text"), `[]`, `!option "fields[0].dataType": "text" is none of`},
		{"a wrong iterator", columns(t, `{"rowIteratorPath":"$["}`, "V|$|text"), `[]`, `!option "rowIteratorPath": "$[" is no JSONPath`},
		{"an expression", columns(t, "", `V|$|string|"fieldProcess":"value"`), `[]`, `!option "fields[0].fieldProcess": expressions cannot be evaluated`},
	})
}

func TestJSONToCSVConverts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ dataType, value, want string }{
		{"number", `1.50`, "1.5"}, {"number", `"1.50"`, "1.5"}, {"number", `" 7 "`, "7"}, {"number", `"007"`, "7"}, {"number", `"x"`, "NaN"}, {"number", `"12x"`, "NaN"}, {"number", `true`, "1"}, {"number", `{}`, "NaN"},
		{"number", `12345678901234567890`, "12345678901234567890"}, {"number", `"-00012345678901234567890"`, "-12345678901234567890"}, {"number", `"Infinity"`, "NaN"}, {"number", `1e21`, "1e+21"}, {"number", `""`, "NaN"},
		{"boolean", `true`, "true"}, {"boolean", `false`, "false"}, {"boolean", `"true"`, "true"}, {"boolean", `"True"`, "true"}, {"boolean", `"TRUE"`, "true"}, {"boolean", `"1"`, "true"}, {"boolean", `1`, "true"}, {"boolean", `"yes"`, "false"}, {"boolean", `0`, "false"},
		{"string", `"a"`, "a"}, {"string", `1.0`, "1"}, {"string", `true`, "true"}, {"string", `{}`, "[object Object]"}, {"string", `""`, ""},
		{"object", `"a"`, `"""a"""`}, {"object", `{"b" : 1, "a":[ ]}`, `"{""b"":1,""a"":[]}"`}, {"array", `[1, 2]`, "[1,2]"},
	} {
		_, got, _, err := run(t, "json-to-csv", input(content.Any, `[{"v":`+c.value+`}]`, columns(t, `{"header":false}`, "V|$[*].v|"+c.dataType)))
		if err != nil || got != c.want {
			t.Errorf("%s of %s: %q, error %v, want %q", c.dataType, c.value, got, err, c.want)
		}
	}
	for _, c := range []struct{ settings, value, want string }{
		{`{"inputType":"iso-string","outputType":"iso-string"}`, `"2024-01-15T11:00:00+01:00"`, t10},
		{`{"inputType":"iso-string","outputType":"unix-epoch"}`, `"` + t10 + `"`, "1705312800"},
		{`{"inputType":"unix-epoch","outputType":"unix-epoch-ms"}`, `1705312800`, "1705312800000"},
		{`{"inputType":"unix-epoch-ms","outputType":"string","outputFormat":"dd/MM/yyyy HH:mm","outputTimezone":"Asia/Kolkata"}`, `"1705312800000"`, "15/01/2024 15:30"},
		{`{"inputType":"unix-epoch","outputType":"iso-string"}`, `0`, "1970-01-01T00:00:00.000Z"},
		{`{"inputType":"unix-epoch","outputType":"iso-string"}`, `"1705312800.9"`, t10},
		{`{"inputType":"string","inputFormat":"d MMM yyyy","inputTimezone":"UTC","inputLocale":"de","outputType":"iso-string"}`, `"15. Jan. 2024"`, "!no date in the format"},
		{`{"inputType":"string","inputFormat":"d. MMM yyyy","inputTimezone":"UTC","inputLocale":"de","outputType":"iso-string"}`, `"15. Jan. 2024"`, "2024-01-15T00:00:00.000Z"},
		{`{"inputType":"string","inputFormat":"yyyyMMdd","inputTimezone":"UTC","outputType":"iso-string"}`, `20240115`, "2024-01-15T00:00:00.000Z"},
		{`null`, `"` + t10 + `"`, t10},
		{`{"inputType":"iso-string","outputType":"iso-string"}`, `null`, "-"},
		{`{"inputType":"iso-string","outputType":"iso-string"}`, `""`, "-"},
		{`{"inputType":"iso-string","outputType":"iso-string"}`, `"soon"`, `!row 1: column "V": Failed to convert "soon" to Instant for type "iso-string"`},
		{`{"inputType":"iso-string","outputType":"iso-string"}`, `5`, `!The value must be a string for type "iso-string": "5"`},
		{`{"inputType":"iso-string","outputType":"iso-string"}`, `{}`, `!{} is neither text nor number`},
		{`{"inputType":"iso-string","outputType":"string"}`, `""`, `!option "fields[0].datetimeSettings.outputFormat": is missing`},
	} {
		check(t, "json-to-csv", content.Any, []row{{c.settings, columns(t, `{"header":false,"nullValue":"-"}`, `V|$[*].v|datetime|"datetimeSettings":`+c.settings), `[{"v":` + c.value + `}]`, c.want}})
	}
}

func TestJSONToCSVHandsValuesToExpressions(t *testing.T) {
	t.Parallel()
	options := columns(t, `{"nullValue":"none"}`, `A|$[*].a|number|"fieldProcess":"n"`, `B|$[*].b|string|"fieldProcess":"s"`, `C|$[*].c|datetime|"fieldProcess":"d","datetimeSettings":{"outputType":"unix-epoch"}`)
	_, got, _, err := runWith(t, Catalogue{&fakeExpressions{}}, "json-to-csv", input(content.Any, `[{"a":1.5,"b":"x","c":"`+t10+`"},{"b":"null","a":"x"}]`, options))
	want := "A;B;C\n1.5 (float64) n;x (string) s;1.7053128e+09 (float64) d\nNaN (string) n;;none (string) d"
	if err != nil || got != want {
		t.Errorf("%q, error %v", got, err)
	}
}

const oiaOptions = `{"rowIteratorPath":"$[*]","pointId":"$[*].id","value":"$[*].v","timestamp":"$[*].t","datetimeSettings":{"inputType":"iso-string","outputPrecision":"ms"}}`

func TestJSONToOIAnalytics(t *testing.T) {
	t.Parallel()
	one := func(id, data, at string) string {
		return fmt.Sprintf(`[{"pointId":%q,"timestamp":%q,"data":{%s}}]`, id, at, data)
	}
	check(t, "json-to-oianalytics", content.Any, []row{
		{"a row", oiaOptions, `[{"id":"a","v":"23.50","t":"2024-01-15T11:00:00+01:00"}]`, one("a", `"value":"23.50"`, t10)},
		{"a value of any type", oiaOptions, `[{"id":"a","v":{"x": [1.0]},"t":"` + t10 + `"}]`, one("a", `"value":{"x":[1]}`, t10)},
		{"null stays", oiaOptions, `[{"id":"a","v":null,"t":"` + t10 + `"}]`, one("a", `"value":null`, t10)},
		{"no value", oiaOptions, `[{"id":"a","t":"` + t10 + `"}]`, one("a", ``, t10)},
		{"an id that is a number", oiaOptions, `[{"id":7.0,"v":1,"t":"` + t10 + `"}]`, one("7", `"value":1`, t10)},
		{"no timestamp", oiaOptions, `[{"id":"a","v":1}]`, one("a", `"value":1`, "2024-05-06T07:08:09.010Z")},
		{"no timestamp, cut", with(t, oiaOptions, `{"datetimeSettings":{"inputType":"iso-string","outputPrecision":"min"}}`), `[{"id":"a","v":1,"t":null}]`, one("a", `"value":1`, "2024-05-06T07:08:00.000Z")},
		{"cut to hours", with(t, oiaOptions, `{"datetimeSettings":{"inputType":"unix-epoch","outputPrecision":"hr"}}`), `[{"id":"a","v":1,"t":1705314645}]`, one("a", `"value":1`, t10)},
		{"1970", with(t, oiaOptions, `{"datetimeSettings":{"inputType":"unix-epoch"}}`), `[{"id":"a","v":1,"t":0}]`, one("a", `"value":1`, "1970-01-01T00:00:00.000Z")},
		{"no settings of the date", with(t, oiaOptions, `{"datetimeSettings":null}`), `[{"id":"a","v":1,"t":"` + t10 + `"}]`, one("a", `"value":1`, t10)},
		{"a timestamp that is none", oiaOptions, `[{"id":"a","v":1,"t":"` + t10 + `"},{"id":"a","v":1,"t":"soon"}]`, `!row 2: timestamp: Failed to convert "soon"`},
		{"an empty timestamp", oiaOptions, `[{"id":"a","v":1,"t":""}]`, `!row 1: timestamp: Failed to convert ""`},
		{"a timestamp of the wrong type", oiaOptions, `[{"id":"a","v":1,"t":true}]`, `!row 1: timestamp: true is neither text nor number`},
		{"no id", oiaOptions, `[{"v":1}]`, `!row 1: pointId: there is no id`},
		{"an id that is null", oiaOptions, `[{"id":null,"v":1}]`, `!row 1: pointId`},
		{"no rows", oiaOptions, `[]`, `[]`},
		{"a wrong precision", with(t, oiaOptions, `{"datetimeSettings":{"outputPrecision":"d"}}`), `[]`, `!option "datetimeSettings.outputPrecision": "d" is not known`},
		{"no path", with(t, oiaOptions, `{"value":null}`), `[]`, `!option "value": is missing`},
	})
	plan, _, n, _ := run(t, "json-to-oianalytics", input(content.AnyContent, `[{"id":"a","v":1},{"id":"b","v":1}]`, oiaOptions))
	if plan.Kind != content.OIAnalytics || plan.FileName != "xxxxxxxxxx.json" || n != 2 {
		t.Errorf("%s %q, %d elements", plan.Kind, plan.FileName, n)
	}
}

// endless is a JSON array, or an element of one, that does not end.
type endless struct {
	head, body string
	at         int
}

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.head)
	e.head = e.head[n:]
	for n < len(p) {
		k := copy(p[n:], e.body[e.at:])
		e.at = (e.at + k) % len(e.body)
		n += k
	}
	return n, nil
}

func TestAnElementWithoutEndIsRefused(t *testing.T) {
	t.Parallel()
	for what, e := range map[string]*endless{
		"array":                 {head: `{"d":[{"v":"`, body: "x"},
		"text before the array": {head: `{"x":"`, body: "x"},
	} {
		r, err := withoutMark(io.LimitReader(e, 20<<20))
		if err != nil {
			t.Fatal(err)
		}
		r.limit = 1 << 20
		if err := inside(r, []string{"d"}, func([]byte) error { return nil }); err == nil || !strings.Contains(err.Error(), "longer than") {
			t.Errorf("%s: error %v", what, err)
		}
	}
}

func TestAStopEndsATransformationOfJSON(t *testing.T) {
	t.Parallel()
	tr, _ := Standard("json-to-oianalytics")
	ctx, cancel := context.WithCancel(context.Background())
	plan, err := tr.Plan(ctx, input(content.Any, "["+strings.Repeat(`{"id":"a","v":1},`, 10*checkEvery)+`{"id":"a"}]`, oiaOptions))
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := plan.Run(ctx, io.Discard); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func FuzzJSONTransformers(f *testing.F) {
	f.Add(`[{"id":"a","v":1,"t":"2024-01-15T10:00:00Z"}]`, "$[*]", "$[*].v")
	f.Add(`{"d":[{"v":"[1,2]"}]}`, "$.d[*]", "$.d[*].v[*]")
	f.Fuzz(func(t *testing.T, data, rows, path string) {
		_, _, _, _ = run(t, "json-to-csv", input(content.Any, data, with(t, columns(t, "", "A|$|string"), `{"rowIteratorPath":`+quoted(rows)+`,"fields":[{"columnName":"A","jsonPath":`+quoted(path)+`,"dataType":"number"}]}`)))
		_, out, _, err := run(t, "time-values-to-json", input(content.TimeValues, data, ""))
		if err == nil {
			if _, again, _, err := run(t, "time-values-to-json", input(content.TimeValues, out, "")); err != nil || again != out {
				t.Fatalf("%q became %q, and that %q, error %v", data, out, again, err)
			}
		}
	})
}
