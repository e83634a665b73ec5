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

const csvOptions = `{"delimiter":"SEMI_COLON","hasHeader":true,"pointIdColumn":"id","timestampColumn":"timestamp","valueColumn":"value",
	"timestampSettings":{"type":"iso-string","timezone":"UTC","format":"yyyy-MM-dd HH:mm:ss","locale":"en-En"}}`

const t10 = "2024-01-15T10:00:00.000Z"

// value is the only element of an output.
func value(id, json, timestamp string) string {
	return fmt.Sprintf(`[{"pointId":%q,"data":{"value":%s},"timestamp":%q}]`, id, json, timestamp)
}

func TestCSVToTimeValuesTakesValuesForWhatTheyLookLike(t *testing.T) {
	t.Parallel()
	for field, want := range map[string]string{
		"1": "1", "-1": "-1", "23.5": "23.5", "007": "7", "1.50": "1.5", "1.0": "1", ".5": "0.5", "5.": "5", "-.5": "-0.5", "0": "0", "-0": "0", "0.0": "0",
		"1e3": "1000", "1E-7": "1e-7", "0.0000001": "1e-7", "0.000001": "0.000001", "1.5e+2": "150", " 12 ": "12", "\t12": "12",
		"9007199254740991": "9007199254740991", "9007199254740992": `"9007199254740992"`, "-9007199254740992": `"-9007199254740992"`,
		"123456789012345678901234567890": `"123456789012345678901234567890"`, "0.1234567890123456789": "0.12345678901234568", "1e400": `"1e400"`,
		"true": "true", "TRUE": "true", "false": "false", "FALSE": "false", "True": `"True"`, "tRUE": `"tRUE"`,
		"1,5": `"1,5"`, "+1": `"+1"`, "1e": `"1e"`, "--1": `"--1"`, "1.2.3": `"1.2.3"`, "-": `"-"`, ".": `"."`, "0x10": `"0x10"`, "NaN": `"NaN"`, "Infinity": `"Infinity"`,
		" x ": `" x "`, " ": `" "`, "é": `"é"`, "a\\b": `"a\\b"`, "\xff": `"` + "\ufffd" + `"`, "a\tb": `"a\tb"`,
		"2024-01-15T10:00:00.000Z": `"2024-01-15T10:00:00.000Z"`, "2024-01-15T10:00Z": `"2024-01-15T10:00:00.000Z"`, "2024-01-15T10:00:00+01:00": `"2024-01-15T09:00:00.000Z"`,
		"2024-01-15T10:00:00.123456-05:30": `"2024-01-15T15:30:00.123Z"`, "2024-01-15T10:00:00": `"2024-01-15T10:00:00"`, "2024-01-15": `"2024-01-15"`,
		"2024-13-15T10:00:00Z": `"2024-13-15T10:00:00Z"`, "2024-01-15t10:00:00Z": `"2024-01-15t10:00:00Z"`, "2024-01-15T10:00:00+01": `"2024-01-15T10:00:00+01"`,
		"2024-01-15T10:00:00.Z": `"2024-01-15T10:00:00.Z"`, "2024-01-15T10:00:00.000Zabcdefgh": `"2024-01-15T10:00:00.000Zabcdefgh"`,
	} {
		_, got, n, err := run(t, "csv-to-time-values", input(content.Any, "id;timestamp;value\np;"+t10+";"+field+"\n", csvOptions))
		if err != nil || got != value("p", want, t10) || n != 1 {
			t.Errorf("%q: %s, %d elements, error %v, want %s", field, got, n, err, want)
		}
	}
}

func TestCSVToTimeValuesReadsTimestamps(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ settings, field, want string }{
		{`{"type":"iso-string"}`, t10, t10},
		{`{"type":"iso-string"}`, " " + t10 + " ", t10},
		{`{"type":"iso-string"}`, "2024-01-15T11:00:00+01:00", t10},
		{`{"type":"iso-string"}`, "20240115T100000Z", t10},
		{`{"type":"iso-string"}`, "yesterday", `!Failed to convert "yesterday" to Instant for type "iso-string": The value is no ISO 8601 date: "yesterday"`},
		{`{"type":"iso-string"}`, "20240115100000", `!line 2, column "timestamp": Failed to convert "20240115100000"`},
		{`{"type":"iso-string"}`, "0", `!Failed to convert "0"`},
		{`{"type":"iso-string"}`, "2024-01-15 10:00:00", `!is no ISO 8601 date`},
		{`{"type":"unix-epoch"}`, "1705312800", t10},
		{`{"type":"unix-epoch"}`, "1705312800.25", "2024-01-15T10:00:00.250Z"},
		{`{"type":"unix-epoch"}`, "1705312800.001", "2024-01-15T10:00:00.001Z"},
		{`{"type":"unix-epoch"}`, "0", "1970-01-01T00:00:00.000Z"},
		{`{"type":"unix-epoch"}`, "-1", "1969-12-31T23:59:59.000Z"},
		{`{"type":"unix-epoch"}`, " 1.7053128e9", t10},
		{`{"type":"unix-epoch"}`, "2024-01-15", `!The value must be a number or numeric string for type "unix-epoch": "2024-01-15"`},
		{`{"type":"unix-epoch"}`, t10, `!must be a number`},
		{`{"type":"unix-epoch"}`, "99999999999999", `!out of range`},
		{`{"type":"unix-epoch-ms"}`, "1705312800000", t10},
		{`{"type":"unix-epoch-ms"}`, "0", "1970-01-01T00:00:00.000Z"},
		{`{"type":"unix-epoch-ms"}`, "x", `!must be a number or numeric string for type "unix-epoch-ms": "x"`},
		{`{"type":"string","format":"yyyy-MM-dd HH:mm:ss","timezone":"Europe/Paris"}`, "2024-01-15 11:00:00", t10},
		{`{"type":"string","format":"yyyy-MM-dd HH:mm:ss","timezone":"Europe/Paris"}`, "2024-07-15 12:00:00", "2024-07-15T10:00:00.000Z"},
		{`{"type":"string","format":"yyyyMMddHHmmss","timezone":"UTC"}`, "20240115100000", t10},
		{`{"type":"string","format":"d MMMM yyyy HH:mm","timezone":"UTC","locale":"fr-FR"}`, "15 janvier 2024 10:00", t10},
		{`{"type":"string","format":"d MMMM yyyy HH:mm","timezone":"UTC","locale":"en-En"}`, "15 January 2024 10:00", t10},
		{`{"type":"string","format":"yyyy-MM-dd","timezone":"UTC"}`, "15/01/2024", `!The value is no date in the format "yyyy-MM-dd": "15/01/2024"`},
		{`{"type":"string","format":"yyyy-MM-dd","timezone":"UTC"}`, "0", `!no date in the format`},
		{`{"type":"string","format":"YYYY-MM-DD","timezone":"UTC"}`, "", `!option "timestampSettings": format "YYYY-MM-DD": "YYYY" is no token`},
		{`{"type":"string","timezone":"UTC"}`, "", `!option "timestampSettings.format": is missing`},
		{`{"type":"string","format":"yyyy","timezone":"Mars"}`, "", `!unknown time zone "Mars"`},
		{`{"type":"string","format":"MMM","timezone":"UTC","locale":"tlh"}`, "", `!the names of locale "tlh" are not known`},
		{`{"type":"date"}`, "", `!option "timestampSettings.type": "date" is none of`},
		{`{}`, t10, t10},
		{`{}`, "x", `!The value must be a valid ISO string if no type is provided: "x"`},
	} {
		options := strings.Replace(with(t, csvOptions, `{"timestampSettings":null}`), `"timestampSettings":null`, `"timestampSettings":`+c.settings, 1)
		_, got, _, err := run(t, "csv-to-time-values", input(content.Any, "id;timestamp;value\np;"+c.field+";1", options))
		if wanted, failing := strings.CutPrefix(c.want, "!"); failing {
			if err == nil || !strings.Contains(err.Error(), wanted) {
				t.Errorf("%s, %q: %s, error %v, want %s", c.settings, c.field, got, err, wanted)
			}
		} else if err != nil || got != value("p", "1", c.want) {
			t.Errorf("%s, %q: %s, error %v, want %s", c.settings, c.field, got, err, c.want)
		}
	}
}

func TestCSVToTimeValuesReadsFiles(t *testing.T) {
	t.Parallel()
	line := func(id, v string) string { return id + ";" + t10 + ";" + v }
	noHeader := with(t, csvOptions, `{"hasHeader":false,"pointIdColumn":"0","timestampColumn":"1","valueColumn":"2"}`)
	one := value("a", "1", t10)
	check(t, "csv-to-time-values", content.Any, []row{
		{"an empty file", csvOptions, "", "[]"},
		{"a header only", csvOptions, "id;timestamp;value\n", "[]"},
		{"a byte order mark", csvOptions, "\ufeffid;timestamp;value\n" + line("a", "1"), one},
		{"UTF-16", csvOptions, "\xff\xfei\x00d\x00;\x00t\x00i\x00m\x00e\x00s\x00t\x00a\x00m\x00p\x00;\x00v\x00a\x00l\x00u\x00e\x00\n\x00", "[]"},
		{"CRLF", csvOptions, "id;timestamp;value\r\n" + line("a", "1") + "\r\n", one},
		{"CR", csvOptions, "id;timestamp;value\r" + line("a", "1") + "\r", one},
		{"empty lines", csvOptions, "\n\nid;timestamp;value\n\n\n" + line("a", "1") + "\n\n", one},
		{"columns in another order and more of them", csvOptions, "x;value;timestamp;y;id\n0;1;" + t10 + ";0;a\n", one},
		{"the first of equal columns", csvOptions, "id;timestamp;value;value\n" + line("a", "1") + ";2\n", one},
		{"rows that lack something", csvOptions, "id;timestamp;value\n;" + t10 + ";1\na;;1\na;" + t10 + ";\na;" + t10 + "\na\n" + line("a", "1"), one},
		{"ids that the reference takes for none", csvOptions, "id;timestamp;value\n" + line("0", "1") + "\n" + line("false", "1") + "\n" + line("0.0", "1") + "\n" + line("a", "1"), one},
		{"an id that is a number", csvOptions, "id;timestamp;value\n" + line("007", "1"), value("7", "1", t10)},
		{"an id that is a date", csvOptions, "id;timestamp;value\n" + line("2024-01-15T10:00Z", "1"), value("2024-01-15T10:00Z", "1", t10)},
		{"an id that is true", csvOptions, "id;timestamp;value\n" + line("TRUE", "1"), value("true", "1", t10)},
		{"values 0 and false", csvOptions, "id;timestamp;value\n" + line("a", "0") + "\n" + line("a", "false"),
			`[{"pointId":"a","data":{"value":0},"timestamp":"` + t10 + `"},{"pointId":"a","data":{"value":false},"timestamp":"` + t10 + `"}]`},
		{"quotes", csvOptions, "id;timestamp;value\n\"a;\"\"b\"\"\";\"" + t10 + "\";\"x\ny\"\n", value(`a;"b"`, `"x\ny"`, t10)},
		{"a quote inside a field", csvOptions, "id;timestamp;value\n" + line("a", `5" pipe`), value("a", `"5\" pipe"`, t10)},
		{"a quote that is not closed", csvOptions, "id;timestamp;value\n" + line("a", "1") + "\n" + line(`"a`, "1"), "!line 3: a quote is not closed"},
		{"no header", noHeader, line("a", "1"), one},
		{"no header, names", with(t, csvOptions, `{"hasHeader":false}`), line("a", "1"), `!option "pointIdColumn": "id" is no number of a column`},
		{"a missing column", csvOptions, "id;time;value\n" + line("a", "1"), `!no column "timestamp" in the header: "id", "time", "value"`},
		{"another delimiter", csvOptions, "id,timestamp,value\na," + t10 + ",1", `!no column "id" in the header: "id,timestamp,value"`},
		{"the line of a mistake", csvOptions, "id;timestamp;value\n\"a\nb\";" + t10 + ";1\n\na;soon;1", `!line 5, column "timestamp": Failed to convert "soon"`},
	})
}

func TestCSVDelimitersAreRead(t *testing.T) {
	t.Parallel()
	for name, d := range map[string]string{"SEMI_COLON": ";", "COMMA": ",", "NON_BREAKING_SPACE": "\u00a0", "SLASH": "/", "TAB": "\t", "PIPE": "|", "COLON": ":", "DOT": "."} {
		data := strings.Join([]string{"id", "timestamp", "value"}, d) + "\n" + strings.Join([]string{"a", "1705312800", "1"}, d)
		_, got, _, err := run(t, "csv-to-time-values", input(content.Any, data, with(t, csvOptions, `{"delimiter":"`+name+`","timestampSettings":{"type":"unix-epoch"}}`)))
		if err != nil || got != value("a", "1", t10) {
			t.Errorf("%s: %s, error %v", name, got, err)
		}
	}
}

func TestOptionsAreReadStrictly(t *testing.T) {
	t.Parallel()
	for change, want := range map[string]string{
		`{"delimiter":"TILDE"}`:            `option "delimiter": "TILDE" is not known`,
		`{"delimiter":null}`:               `option "delimiter": is missing`,
		`{"delimiter":5}`:                  `option "delimiter": 5 is no text`,
		`{"hasHeader":"yes"}`:              `option "hasHeader": "yes" is neither true nor false`,
		`{"pointIdColumn":null}`:           `option "pointIdColumn": is missing`,
		`{"pointIdColumn":""}`:             `option "pointIdColumn": is missing`,
		`{"timestampSettings":[]}`:         `option "timestampSettings": [] is no object`,
		`{"timestampSettings":{"type":7}}`: `option "timestampSettings.type": 7 is no text`,
	} {
		tr, _ := Standard("csv-to-time-values")
		_, err := tr.Plan(context.Background(), input(content.Any, "", with(t, csvOptions, change)))
		if err == nil || err.Error() != want {
			t.Errorf("%s: error %v, want %s", change, err, want)
		}
	}
	tr, _ := Standard("csv-to-time-values")
	if _, err := tr.Plan(context.Background(), input(content.Any, "", `[]`)); err == nil {
		t.Error("a list was taken for options")
	}
	if _, err := tr.Plan(context.Background(), input(content.Any, "", with(t, csvOptions, `{"left behind":1}`))); err != nil {
		t.Errorf("an option that nobody asks for: %v", err)
	}
}

func TestThePlanNamesTheOutput(t *testing.T) {
	t.Parallel()
	plan, _, n, err := run(t, "csv-to-time-values", input(content.Any, "id;timestamp;value\na;"+t10+";1\nb;"+t10+";2", csvOptions))
	if err != nil || plan.Kind != content.TimeValues || plan.FileName != "xxxxxxxxxx.json" || n != 2 {
		t.Errorf("%s %q, %d elements, error %v", plan.Kind, plan.FileName, n, err)
	}
}

func TestAStopEndsATransformation(t *testing.T) {
	t.Parallel()
	tr, _ := Standard("csv-to-time-values")
	ctx, cancel := context.WithCancel(context.Background())
	plan, err := tr.Plan(ctx, input(content.Any, csvOf(10*checkEvery, clockTime), csvOptions))
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := plan.Run(ctx, io.Discard); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}
