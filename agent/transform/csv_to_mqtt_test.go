package transform

import (
	"strings"
	"testing"

	"oibus/agent/content"
)

const mqttOptions = `{"delimiter":"SEMI_COLON","hasHeader":true,"topicColumn":"topic","payloadType":"string","valueColumn":"value"}`

// message is the only element of an output.
func message(payload string) string { return `[{"topic":"t","payload":` + quoted(payload) + `}]` }

func TestCSVToMQTTConvertsFields(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ kind, field, text, json string }{
		{"string", "a", "a", `"a"`}, {"string", "007", "7", `"7"`}, {"string", "1.50", "1.5", `"1.5"`}, {"string", "TRUE", "true", `"true"`}, {"string", "a\"b", "a\"b", `"a\"b"`}, {"string", " x", " x", `" x"`},
		{"string", "2024-01-15T10:00Z", "2024-01-15T10:00Z", `"2024-01-15T10:00Z"`}, {"string", "12345678901234567890", "12345678901234567890", `"12345678901234567890"`}, {"string", "", "", `null`},
		{"number", "1.50", "1.5", `1.5`}, {"number", "x", "NaN", `null`}, {"number", "true", "1", `1`}, {"number", "FALSE", "0", `0`}, {"number", "0", "0", `0`}, {"number", "012345678901234567890", "12345678901234567890", `12345678901234567890`}, {"number", "", "", `null`},
		{"boolean", "true", "true", `true`}, {"boolean", "True", "true", `true`}, {"boolean", "TRUE", "true", `true`}, {"boolean", "1", "true", `true`}, {"boolean", "0", "false", `false`}, {"boolean", "yes", "false", `false`}, {"boolean", "2", "false", `false`}, {"boolean", "", "", `null`},
	} {
		data := "topic;value\nt;" + c.field + "\n"
		want := message(c.text)
		if c.text == "" {
			want = "[]"
		}
		check(t, "csv-to-mqtt", content.Any, []row{
			{c.kind + " as text", with(t, mqttOptions, `{"payloadType":"`+c.kind+`"}`), data, want},
			{c.kind + " in an object", with(t, mqttOptions, `{"payloadType":"object","objectFields":[{"key":"k","column":"value","dataType":"`+c.kind+`"}]}`), data, message(`{"k":` + c.json + `}`)},
		})
	}
}

func TestCSVToMQTTConvertsDates(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ settings, field, text, json string }{
		{`{"inputType":"iso-string","outputType":"iso-string"}`, "2024-01-15T11:00:00+01:00", t10, quoted(t10)},
		{`{"inputType":"iso-string","outputType":"unix-epoch"}`, t10, "1705312800", "1705312800"},
		{`{"inputType":"unix-epoch-ms","outputType":"string","outputFormat":"dd/MM/yyyy HH:mm","outputTimezone":"Europe/Paris"}`, "1705312800000", "15/01/2024 11:00", `"15/01/2024 11:00"`},
		{`{"inputType":"string","inputFormat":"yyyyMMddHHmm","inputTimezone":"Europe/Paris","outputType":"iso-string"}`, "202401151100", t10, quoted(t10)},
		{`{"inputType":"unix-epoch","outputType":"iso-string"}`, "0", "1970-01-01T00:00:00.000Z", `"1970-01-01T00:00:00.000Z"`},
		{`{"inputType":"iso-string","outputType":"iso-string"}`, "soon", `!line 2, column "value": Failed to convert "soon" to Instant for type "iso-string"`, ""},
		{`{"inputType":"string","outputType":"iso-string"}`, "", `!datetimeSettings.inputFormat": is missing`, ""},
	} {
		data, text, object := "topic;value\nt;"+c.field, c.text, c.text
		if !strings.HasPrefix(c.text, "!") {
			text, object = message(c.text), message(`{"k":`+c.json+`}`)
		}
		check(t, "csv-to-mqtt", content.Any, []row{
			{"the column", strings.Replace(with(t, mqttOptions, `{"payloadType":"datetime","datetimeSettings":"@"}`), `"@"`, c.settings, 1), data, text},
			{"the column that the form has by default", strings.Replace(with(t, mqttOptions, `{"payloadType":"datetime","valueColumn":null,"datetimeSettings":"@"}`), `"@"`, c.settings, 1), data, text},
			{"in an object", strings.Replace(with(t, mqttOptions, `{"payloadType":"object","objectFields":[{"key":"k","column":"value","dataType":"datetime","datetimeSettings":"@"}]}`), `"@"`, c.settings, 1), data, object},
		})
	}
}

func TestCSVToMQTT(t *testing.T) {
	t.Parallel()
	object := func(fields string) string {
		return with(t, mqttOptions, `{"payloadType":"object","objectFields":`+fields+`}`)
	}
	check(t, "csv-to-mqtt", content.Any, []row{
		{"rows without topic or value", mqttOptions, "topic;value\n;1\nt;\nt\nt;1", message("1")},
		{"a topic that looks like a number", mqttOptions, "topic;value\n007;1\n0;2", `[{"topic":"7","payload":"1"},{"topic":"0","payload":"2"}]`},
		{"objects", object(`[{"key":"a","column":"value","dataType":"number"},{"key":"b","column":"other","dataType":"string"},{"key":"c","column":"none","dataType":"boolean"}]`), "topic;value;other\nt;1;x", message(`{"a":1,"b":"x","c":null}`)},
		{"the last of equal keys, in the place of the first", object(`[{"key":"a","column":"value","dataType":"number"},{"key":"b","column":"value","dataType":"number"},{"key":"a","column":"other","dataType":"string"}]`), "topic;value;other\nt;1;x", message(`{"a":"x","b":1}`)},
		{"no fields", object(`[]`), "topic;value\nt;1", "[]"},
		{"no header", with(t, mqttOptions, `{"hasHeader":false,"topicColumn":"1","valueColumn":"0"}`), "1;t", message("1")},
		{"a missing topic column", mqttOptions, "subject;value\nt;1", `!no column "topic" in the header: "subject", "value"`},
		{"a missing value column", mqttOptions, "topic;v\nt;1", `!no column "value" in the header`},
		{"no value column", with(t, mqttOptions, `{"valueColumn":null}`), "topic;v\nt;1", `!option "valueColumn": is missing`},
		{"a wrong payload type", with(t, mqttOptions, `{"payloadType":"xml"}`), "", `!option "payloadType": "xml" is none of`},
		{"no payload type", with(t, mqttOptions, `{"payloadType":null}`), "", `!option "payloadType": is missing`},
		{"no list of fields", with(t, mqttOptions, `{"payloadType":"object"}`), "", `!option "objectFields": is missing`},
		{"a field without key", object(`[{"column":"value","dataType":"number"}]`), "", `!option "objectFields[0].key": is missing`},
	})
	plan, _, n, _ := run(t, "csv-to-mqtt", input(content.Any, "topic;value\nt;1\nt;2", mqttOptions))
	if plan.Kind != content.MQTT || plan.FileName != "xxxxxxxxxx.json" || n != 2 {
		t.Errorf("%s %q, %d elements", plan.Kind, plan.FileName, n)
	}
}
