package transform

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"oibus/agent/content"
)

const readings = `[{"pointId":"a,b","timestamp":"2024-01-15T10:30:45.678Z","data":{"value":"23.5","quality":"Good"}},
 {"pointId":"c","timestamp":"2024-07-15T22:05:00.000Z","data":{"value":1.50}}]`

func TestTimeValuesToCSV(t *testing.T) {
	t.Parallel()
	options := func(change string) string { return with(t, csvOutOptions, change) }
	const plain = "Reference,Timestamp,Value\n\"a,b\",2024-01-15T10:30:45.678Z,23.5\nc,2024-07-15T22:05:00.000Z,1.5"
	bare := `{"filename":"x.csv","pointIdColumnTitle":"Reference","valueColumnTitle":"Value","timestampColumnTitle":"Timestamp"}`
	check(t, "time-values-to-csv", content.TimeValues, []row{
		{"defaults of the form", csvOutOptions, readings, plain},
		{"nothing but what must be there", bare, readings,
			"\"a,b\",\"2024-01-15T10:30:45.678Z\",\"23.5\"\r\n\"c\",\"2024-07-15T22:05:00.000Z\",\"1.5\""},
		{"no header", options(`{"header":false}`), readings, strings.SplitN(plain, "\n", 2)[1]},
		{"no values", csvOutOptions, "[]", ""},
		{"CRLF", options(`{"newline":"CRLF"}`), readings, strings.ReplaceAll(plain, "\n", "\r\n")},
		{"CR", options(`{"newline":"CR"}`), readings, strings.ReplaceAll(plain, "\n", "\r")},
		{"TAB is a tab", options(`{"delimiter":"TAB"}`), readings, "Reference\tTimestamp\tValue\na,b\t2024-01-15T10:30:45.678Z\t23.5\nc\t2024-07-15T22:05:00.000Z\t1.5"},
		{"single quotes", options(`{"quoteChar":"SINGLE_QUOTE","header":false}`), readings, "'a,b','2024-01-15T10:30:45.678Z','23.5'\n'c','2024-07-15T22:05:00.000Z','1.5'"},
		{"null in quotes", options(`{"quoteChar":"DOUBLE_QUOTE","header":false}`), `[{"pointId":"a","timestamp":"x","data":{"value":null}},{"pointId":"a","timestamp":"x","data":{}}]`, "\"a\",\"x\",\n\"a\",\"x\","},
		{"equal titles are one column", options(`{"valueColumnTitle":"Reference"}`), readings, "Reference,Timestamp\n23.5,2024-01-15T10:30:45.678Z\n1.5,2024-07-15T22:05:00.000Z"},
		{"titles are quoted too", options(`{"valueColumnTitle":"V,1"}`), `[{"pointId":"a","timestamp":"x","data":{"value":true}}]`, "Reference,Timestamp,\"V,1\"\na,x,true"},
		{"seconds", options(`{"header":false,"timestampType":"unix-epoch"}`), readings, "\"a,b\",1705314645,23.5\nc,1721081100,1.5"},
		{"milliseconds", options(`{"header":false,"timestampType":"unix-epoch-ms"}`), readings, "\"a,b\",1705314645678,23.5\nc,1721081100000,1.5"},
		{"a format in a zone", options(`{"header":false,"timestampType":"string","timestampFormat":"dd/MM/yyyy HH:mm:ss.SSS ZZ","timezone":"Europe/Paris"}`), readings,
			"\"a,b\",15/01/2024 11:30:45.678 +01:00,23.5\nc,16/07/2024 00:05:00.000 +02:00,1.5"},
		{"a timestamp that must be converted and is none", options(`{"timestampType":"unix-epoch"}`), `[{"pointId":"a","timestamp":"soon","data":{"value":1}}]`, `!time value 1: the timestamp "soon" of point "a" is no ISO 8601 date`},
		{"a timestamp that must not be converted", options(`{"header":false}`), `[{"pointId":"a","timestamp":"soon","data":{"value":1}}]`, "a,soon,1"},
		{"no timestamp", options(`{"header":false,"timestampType":"unix-epoch"}`), `[{"pointId":"a","data":{"value":1}}]`, "a,,1"},
		{"odd values", options(`{"header":false,"delimiter":"SEMI_COLON"}`), `[{"pointId":"a","timestamp":"x","data":{"value":[1,[2,"b"],null,{}]}},{"pointId":7,"timestamp":"x","data":{"value":{"a":1}}}]`, "a;x;1,2,b,,[object Object]\n7;x;[object Object]"},
		{"UTF-8 with mark", options(`{"header":false,"encoding":"UTF_8_BOM"}`), `[{"pointId":"é","timestamp":"x","data":{"value":1}}]`, "\xef\xbb\xbfé,x,1"},
		{"Latin-1", options(`{"header":false,"encoding":"LATIN_1"}`), `[{"pointId":"é€","timestamp":"x","data":{"value":1}}]`, "\xe9?,x,1"},
		{"UTF-16", options(`{"header":false,"encoding":"UTF_16_LE"}`), `[{"pointId":"é","timestamp":"x","data":{"value":1}}]`, "\xff\xfe\xe9\x00,\x00x\x00,\x001\x00"},
		{"no file name", options(`{"filename":null}`), readings, `!option "filename": is missing`},
		{"no title", options(`{"valueColumnTitle":null}`), readings, `!option "valueColumnTitle": is missing`},
		{"a wrong encoding", options(`{"encoding":"UTF_7"}`), readings, `!option "encoding": "UTF_7" is not known`},
		{"a wrong type", options(`{"timestampType":"date"}`), readings, `!option "timestampType": "date" is none of`},
		{"a wrong format", options(`{"timestampType":"string","timestampFormat":"YYYY"}`), readings, `!option "timestampFormat": format "YYYY"`},
		{"an expression", options(`{"pointIdProcess":"value.x"}`), readings, `!option "pointIdProcess": expressions cannot be evaluated`},
		{"no array", csvOutOptions, `{}`, "!cannot read time value 1: cannot read array: no JSON array at byte 0"},
		{"a broken array", csvOutOptions, readings[:60], "!cannot read time value 1"},
	})
}

func TestFileNames(t *testing.T) {
	t.Parallel()
	for pattern, want := range map[string]string{
		"@CurrentDate.csv":                  "2024_05_06_07_08_09_010.csv",
		"@CurrentDate-@CurrentDate.csv":     "2024_05_06_07_08_09_010--CurrentDate.csv",
		"@QueryStartTime_@QueryEndTime.csv": "2024_01_15_10_00_00_000_.csv",
		`a"b'c/d\e:f é.csv`:                 "abc-d-e-f--.csv",
		"../../etc/passwd":                  "..-..-etc-passwd",
	} {
		in := input(content.TimeValues, "[]", with(t, csvOutOptions, `{"filename":`+quoted(pattern)+`}`))
		in.Source.QueryStart = "2024-01-15T10:00:00.000Z"
		plan, _, n, err := run(t, "time-values-to-csv", in)
		if err != nil || plan.FileName != want || plan.Kind != content.Any || n != 0 {
			t.Errorf("%s: %q (%s, %d), error %v, want %q", pattern, plan.FileName, plan.Kind, n, err, want)
		}
	}
}

func quoted(s string) string { return string(content.AppendString(nil, s)) }

// fakeExpressions appends the expression to each value.
type fakeExpressions struct{ calls int }

func (f *fakeExpressions) Evaluate(_ context.Context, expression string, values []any) ([]*string, error) {
	f.calls++
	if expression == "throw" {
		return nil, errors.New("boom")
	}
	texts := make([]*string, len(values))
	for i, v := range values {
		if text := fmt.Sprintf("%v (%T) %s", v, v, expression); v != "null" {
			texts[i] = &text
		}
	}
	return texts, nil
}

func TestExpressionsAreEvaluatedElsewhereInBatches(t *testing.T) {
	t.Parallel()
	var data strings.Builder
	const rows = 2*batchRows + 1
	for i := range rows {
		fmt.Fprintf(&data, `,{"pointId":"p%d","timestamp":"x","data":{"value":1}}`, i)
	}
	f := &fakeExpressions{}
	_, got, _, err := runWith(t, Catalogue{f}, "time-values-to-csv", input(content.TimeValues, "["+data.String()[1:]+"]", with(t, csvOutOptions, `{"header":false,"pointIdProcess":"e"}`)))
	lines := strings.Split(got, "\n")
	if err != nil || len(lines) != rows || lines[rows-1] != "p2000 (string) e,x,1" || f.calls != 3 {
		t.Errorf("%d lines, last %q, %d calls, error %v", len(lines), lines[len(lines)-1], f.calls, err)
	}
	_, _, _, err = runWith(t, Catalogue{f}, "time-values-to-csv", input(content.TimeValues, readings, with(t, csvOutOptions, `{"pointIdProcess":"throw"}`)))
	if err == nil || err.Error() != `Field process evaluation failed for expression "throw": boom` {
		t.Errorf("error %v", err)
	}
}

func TestTimeValuesToJSON(t *testing.T) {
	t.Parallel()
	check(t, "time-values-to-json", content.TimeValues, []row{
		{"white space", "{}", readings, `[{"pointId":"a,b","timestamp":"2024-01-15T10:30:45.678Z","data":{"value":"23.5","quality":"Good"}},{"pointId":"c","timestamp":"2024-07-15T22:05:00.000Z","data":{"value":1.5}}]`},
		{"nothing", "", " [ ] ", "[]"},
		{"spelling", "", `[ "\u00e9\n\"" , 1.0 , 1e3, -0, 12345678901234567890, 1E400, true , null, {"a" : [ ]} ]`, `["é\n\"",1,1000,0,12345678901234567890,1E400,true,null,{"a":[]}]`},
		{"a broken array", "", `[{"a":1},`, "!cannot read time value 2"},
		{"no array", "", `x`, "!no JSON array"},
	})
	plan, _, n, _ := run(t, "time-values-to-json", input(content.TimeValues, readings, ""))
	if plan.Kind != content.Any || plan.FileName != "xxxxxxxxxx.json" || n != 0 {
		t.Errorf("%s %q, %d elements", plan.Kind, plan.FileName, n)
	}
}

func TestTimeValuesToOIAnalytics(t *testing.T) {
	t.Parallel()
	out := func(first, second string) string {
		return fmt.Sprintf(`[{"pointId":"a,b","timestamp":%q,"data":{"value":"23.5"}},{"pointId":"c","timestamp":%q,"data":{"value":1.5}}]`, first, second)
	}
	check(t, "time-values-to-oianalytics", content.TimeValues, []row{
		{"ms", `{"precision":"ms"}`, readings, out("2024-01-15T10:30:45.678Z", "2024-07-15T22:05:00.000Z")},
		{"absent", `{}`, readings, out("2024-01-15T10:30:45.678Z", "2024-07-15T22:05:00.000Z")},
		{"s", `{"precision":"s"}`, readings, out("2024-01-15T10:30:45.000Z", "2024-07-15T22:05:00.000Z")},
		{"min", `{"precision":"min"}`, readings, out("2024-01-15T10:30:00.000Z", "2024-07-15T22:05:00.000Z")},
		{"hr", `{"precision":"hr"}`, readings, out("2024-01-15T10:00:00.000Z", "2024-07-15T22:00:00.000Z")},
		{"hours of UTC, whatever the offset", `{"precision":"hr"}`, `[{"pointId":"a","timestamp":"2024-01-15T10:15:00+05:30","data":{"value":1}}]`, `[{"pointId":"a","timestamp":"2024-01-15T04:00:00.000Z","data":{"value":1}}]`},
		{"before 1970", `{"precision":"s"}`, `[{"pointId":"a","timestamp":"1969-12-31T23:59:59.500Z","data":{"value":1}}]`, `[{"pointId":"a","timestamp":"1969-12-31T23:59:59.000Z","data":{"value":1}}]`},
		{"ms leaves any text", `{"precision":"ms"}`, `[{"pointId":"a","timestamp":"soon","data":{"value":1}}]`, `[{"pointId":"a","timestamp":"soon","data":{"value":1}}]`},
		{"a timestamp that cannot be cut", `{"precision":"s"}`, `[{"pointId":"a","timestamp":"soon","data":{"value":1}}]`, `!time value 1: the timestamp "soon" of point "a" is no ISO 8601 date`},
		{"missing members", `{"precision":"s"}`, `[{"data":{"quality":"Bad"}},{}]`, `[{"data":{}},{"data":{}}]`},
		{"no values", `{}`, `[]`, `[]`},
		{"a wrong precision", `{"precision":"day"}`, readings, `!option "precision": "day" is not known`},
	})
	plan, _, n, _ := run(t, "time-values-to-oianalytics", input(content.TimeValues, readings, ""))
	if plan.Kind != content.OIAnalytics || plan.FileName != "xxxxxxxxxx.json" || n != 2 {
		t.Errorf("%s %q, %d elements", plan.Kind, plan.FileName, n)
	}
}

func TestTimeValuesToTargets(t *testing.T) {
	t.Parallel()
	const values = `[{"pointId":"a","timestamp":"T","data":{"value":"23.5", "quality":"Good \"q\""}},{"pointId":"b","timestamp":"T","data":{"value":2}},{"pointId":"no","timestamp":"T","data":{"value":3}}]`
	check(t, "time-values-to-mqtt", content.TimeValues, []row{
		{"the first entry of a point counts, what is not mapped is dropped", `{"mapping":[{"pointId":"a","topic":"t/a"},{"pointId":"a","topic":"t/x"},{"pointId":"b","topic":"t/b"}]}`, values,
			`[{"topic":"t/a","payload":"{\"value\":\"23.5\",\"quality\":\"Good \\\"q\\\"\",\"timestamp\":\"T\"}"},{"topic":"t/b","payload":"{\"value\":2,\"timestamp\":\"T\"}"}]`},
		{"a timestamp among the data", `{"mapping":[{"pointId":"a","topic":"t"}]}`, `[{"pointId":"a","timestamp":"T","data":{"timestamp":"x","value":1}}]`, `[{"topic":"t","payload":"{\"timestamp\":\"T\",\"value\":1}"}]`},
		{"no data", `{"mapping":[{"pointId":"a","topic":"t"}]}`, `[{"pointId":"a"},{"pointId":"a","data":{}}]`, `[{"topic":"t","payload":"{}"},{"topic":"t","payload":"{}"}]`},
		{"an empty mapping", `{"mapping":[]}`, values, `[]`},
		{"no mapping", `{}`, values, `!option "mapping": is missing`},
		{"a mapping of something else", `{"mapping":[1]}`, values, `!option "mapping": is no list of objects`},
		{"no topic", `{"mapping":[{"pointId":"a"}]}`, values, `!option "mapping[0].topic": is missing`},
	})
	check(t, "time-values-to-opcua", content.TimeValues, []row{
		{"values as they are", `{"mapping":[{"pointId":"a","nodeId":"ns=1;s=A"},{"pointId":"b","nodeId":"ns=1;s=B"}]}`, values, `[{"nodeId":"ns=1;s=A","value":"23.5"},{"nodeId":"ns=1;s=B","value":2}]`},
		{"no value", `{"mapping":[{"pointId":"a","nodeId":"n"}]}`, `[{"pointId":"a","data":{}}]`, `[{"nodeId":"n"}]`},
	})
	check(t, "time-values-to-modbus", content.TimeValues, []row{
		{"registers", `{"mapping":[{"pointId":"a","address":"0x20","modbusType":"register"},{"pointId":"b","address":"1","modbusType":"coil"}]}`, values,
			`[{"address":"0x20","value":23,"modbusType":"register"},{"address":"1","value":true,"modbusType":"coil"}]`},
		{"a wrong type", `{"mapping":[{"pointId":"a","address":"1","modbusType":"bit"}]}`, values, `!option "mapping[0].modbusType": "bit" is none of coil, register`},
	})
}

func TestWhatCoilsAndRegistersAreSetTo(t *testing.T) {
	t.Parallel()
	for value, want := range map[string][2]string{ // coil, register
		`true`: {"true", "1"}, `false`: {"false", "0"}, `1`: {"true", "1"}, `0`: {"false", "0"}, `-0`: {"false", "0"}, `0.5`: {"true", "0"}, `12.9`: {"true", "12"}, `-12.9`: {"true", "-12"},
		`1e3`: {"true", "1000"}, `1e300`: {"true", "1e+300"}, `"true"`: {"true", "!"}, `"false"`: {"false", "!"}, `"FALSE"`: {"false", "!"}, `"0"`: {"false", "0"}, `"1"`: {"true", "1"},
		`"0.0"`: {"false", "0"}, `"off"`: {"false", "!"}, `" No "`: {"false", "!"}, `"on"`: {"true", "!"}, `"12.9"`: {"true", "12"}, `"12 bar"`: {"true", "12"}, `"-7x"`: {"true", "-7"}, `"+5"`: {"true", "5"},
		`"1e3"`: {"true", "1000"}, `""`: {"false", "!"}, `"bar"`: {"true", "!"}, `"0x1f"`: {"true", "!"}, `"Infinity"`: {"true", "!"}, `null`: {"!", "!"}, `{}`: {"true", "!"}, `[1]`: {"true", "!"},
	} {
		for i, kind := range []string{"coil", "register"} {
			wanted := fmt.Sprintf(`[{"address":"1","value":%s,"modbusType":"%s"}]`, want[i], kind)
			for _, name := range []string{"time-values-to-modbus", "setpoint-to-modbus"} {
				_, got, _, err := run(t, name, input(content.TimeValues, `[{"pointId":"p","reference":"p","value":`+value+`,"data":{"value":`+value+`}}]`,
					`{"mapping":[{"pointId":"p","reference":"p","address":"1","modbusType":"`+kind+`"}]}`))
				if want[i] == "!" {
					if err == nil || !strings.Contains(err.Error(), `"p": `) {
						t.Errorf("%s, %s of %s: %s, error %v", name, kind, value, got, err)
					}
				} else if err != nil || got != wanted {
					t.Errorf("%s, %s of %s: %s, error %v", name, kind, value, got, err)
				}
			}
		}
	}
}

func TestSetpointsToTargets(t *testing.T) {
	t.Parallel()
	const setpoints = `[{"reference":"valve","value":"true"},{"reference":"speed","value":"1450"}]`
	check(t, "setpoint-to-modbus", content.Setpoints, []row{
		{"the example of the facts", `{"mapping":[{"reference":"valve","address":"0x0010","modbusType":"coil"},{"reference":"speed","address":"0x0020","modbusType":"register"}]}`, setpoints,
			`[{"address":"0x0010","value":true,"modbusType":"coil"},{"address":"0x0020","value":1450,"modbusType":"register"}]`},
		{"a value that is none", `{"mapping":[{"reference":"valve","address":"1","modbusType":"register"}]}`, setpoints, `!setpoint 1: "valve": the value "true" for register "1" is no number`},
	})
	check(t, "setpoint-to-mqtt", content.Setpoints, []row{
		{"the example of the facts", `{"mapping":[{"reference":"valve","topic":"ctl/valve"}]}`, setpoints, `[{"topic":"ctl/valve","payload":"true"}]`},
		{"the last entry counts", `{"mapping":[{"reference":"valve","topic":"x"},{"reference":"valve","topic":"y"}]}`, setpoints, `[{"topic":"y","payload":"true"}]`},
		{"all types", `{"mapping":[{"reference":"r","topic":"t"}]}`, `[{"reference":"r","value":12.50},{"reference":"r","value":false},{"reference":"r","value":"a\"b"}]`,
			`[{"topic":"t","payload":"12.5"},{"topic":"t","payload":"false"},{"topic":"t","payload":"a\"b"}]`},
		{"no reference", `{"mapping":[]}`, `[{"value":1}]`, `!setpoint 1 has no reference: {"value":1}`},
		{"no array", `{"mapping":[]}`, `{}`, `!cannot read setpoint 1`},
	})
	check(t, "setpoint-to-opcua", content.Setpoints, []row{
		{"the example of the facts", `{"mapping":[{"reference":"speed","nodeId":"ns=1;s=Speed"}]}`, setpoints, `[{"nodeId":"ns=1;s=Speed","value":"1450"}]`},
	})
}

func TestStandardKnowsWhatTheFactsName(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"csv-to-mqtt", "csv-to-time-values", "json-to-csv", "json-to-oianalytics", "time-values-to-csv", "time-values-to-json", "time-values-to-modbus",
		"time-values-to-mqtt", "time-values-to-opcua", "time-values-to-oianalytics", "setpoint-to-modbus", "setpoint-to-mqtt", "setpoint-to-opcua"} {
		if _, ok := Standard(name); !ok {
			t.Errorf("%s is missing", name)
		}
	}
	for _, name := range []string{Keep, Ignore, "", "custom"} {
		if _, ok := Standard(name); ok {
			t.Errorf("%q is there", name)
		}
	}
	if n := len(Names()); n != 13 {
		t.Errorf("%d transformers", n)
	}
}
