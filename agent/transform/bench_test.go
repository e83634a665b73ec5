package transform

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"

	"oibus/agent/content"
)

func csvOf(rows int, stamp func(i int) string) string {
	var b strings.Builder
	b.WriteString("id;timestamp;value\n")
	for i := range rows {
		fmt.Fprintf(&b, "point-%05d;%s;%d.%d\n", i%5000, stamp(i), i%1000, i%9+1)
	}
	return b.String()
}

func clockTime(i int) string {
	return fmt.Sprintf("2024-01-15T%02d:%02d:%02d.%03dZ", i/3600000%24, i/60000%60, i/1000%60, i%1000)
}

func bench(b *testing.B, name, data, options string, rows int) {
	tr, ok := Standard(name)
	if !ok {
		b.Fatal(name)
	}
	in := input(content.Any, data, options)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		plan, err := tr.Plan(context.Background(), in)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := plan.Run(context.Background(), io.Discard); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

const million = 1_000_000

func BenchmarkCSVToTimeValuesISO(b *testing.B) {
	bench(b, "csv-to-time-values", csvOf(million, clockTime), csvOptions, million)
}

func BenchmarkCSVToTimeValuesFormat(b *testing.B) {
	bench(b, "csv-to-time-values", csvOf(million, func(i int) string { return strings.Replace(clockTime(i)[:19], "T", " ", 1) }),
		with(b, csvOptions, `{"timestampSettings":{"type":"string","format":"yyyy-MM-dd HH:mm:ss","timezone":"Europe/Paris","locale":"en-En"}}`), million)
}

func BenchmarkCSVToTimeValuesEpochMs(b *testing.B) {
	bench(b, "csv-to-time-values", csvOf(million, func(i int) string { return fmt.Sprint(1705312800000 + i) }),
		with(b, csvOptions, `{"timestampSettings":{"type":"unix-epoch-ms"}}`), million)
}

func BenchmarkCSVToTimeValuesQuoted(b *testing.B) {
	data := strings.ReplaceAll(csvOf(million, clockTime), ";", `";"`)
	data = `"` + strings.ReplaceAll(strings.TrimSpace(data), "\n", "\"\n\"") + `"`
	bench(b, "csv-to-time-values", data, csvOptions, million)
}

func timeValues(rows int) string {
	var b strings.Builder
	for i := range rows {
		fmt.Fprintf(&b, `,{"pointId":"point-%05d","timestamp":"%s","data":{"value":%d.%d,"quality":"Good"}}`, i%5000, clockTime(i), i%1000, i%9+1)
	}
	return "[" + b.String()[1:] + "]"
}

func BenchmarkTimeValuesToCSV(b *testing.B) {
	bench(b, "time-values-to-csv", timeValues(million), csvOutOptions, million)
}

func BenchmarkTimeValuesToCSVFormat(b *testing.B) {
	bench(b, "time-values-to-csv", timeValues(million), with(b, csvOutOptions, `{"timestampType":"string","timestampFormat":"yyyy-MM-dd HH:mm:ss.SSS","timezone":"Europe/Paris"}`), million)
}

func BenchmarkTimeValuesToJSON(b *testing.B) {
	bench(b, "time-values-to-json", timeValues(million), "{}", million)
}

func BenchmarkTimeValuesToOIAnalytics(b *testing.B) {
	bench(b, "time-values-to-oianalytics", timeValues(million), `{"precision":"ms"}`, million)
}

func BenchmarkTimeValuesToOIAnalyticsSeconds(b *testing.B) {
	bench(b, "time-values-to-oianalytics", timeValues(million), `{"precision":"s"}`, million)
}

func records(rows int) string {
	var b strings.Builder
	for i := range rows {
		fmt.Fprintf(&b, `,{"id":"point-%05d","t":"%s","v":%d.%d,"meta":{"unit":"bar"}}`, i%5000, clockTime(i), i%1000, i%9+1)
	}
	return "[" + b.String()[1:] + "]"
}

const jsonRowsCount = 100_000

func BenchmarkJSONToCSV(b *testing.B) {
	bench(b, "json-to-csv", records(jsonRowsCount), columns(b, "", "Id|$[*].id|string", "T|$[*].t|string", "V|$[*].v|number", "U|$[*].meta.unit|string"), jsonRowsCount)
}

func BenchmarkJSONToCSVBehindAName(b *testing.B) {
	bench(b, "json-to-csv", `{"data":`+records(jsonRowsCount)+`}`, columns(b, `{"rowIteratorPath":"$.data[*]"}`, "Id|$.data[*].id|string", "T|$.data[*].t|string", "V|$.data[*].v|number"), jsonRowsCount)
}

func BenchmarkJSONToCSVWholeDocument(b *testing.B) {
	bench(b, "json-to-csv", `{"device":"d","data":`+records(jsonRowsCount)+`}`, columns(b, `{"rowIteratorPath":"$.data[*]"}`, "D|$.device|string", "Id|$.data[*].id|string", "V|$.data[*].v|number"), jsonRowsCount)
}

func BenchmarkJSONToOIAnalytics(b *testing.B) {
	bench(b, "json-to-oianalytics", records(jsonRowsCount), oiaOptions, jsonRowsCount)
}

func BenchmarkCSVToMQTTObject(b *testing.B) {
	bench(b, "csv-to-mqtt", strings.Replace(csvOf(million, clockTime), "id;", "topic;", 1), with(b, mqttOptions,
		`{"payloadType":"object","objectFields":[{"key":"v","column":"value","dataType":"number"},{"key":"t","column":"timestamp","dataType":"string"}]}`), million)
}

func BenchmarkTimeValuesToMQTT(b *testing.B) {
	bench(b, "time-values-to-mqtt", timeValues(million), `{"mapping":[`+mappings("topic", "")+`]}`, million)
}

func BenchmarkTimeValuesToModbus(b *testing.B) {
	bench(b, "time-values-to-modbus", timeValues(million), `{"mapping":[`+mappings("address", `,"modbusType":"register"`)+`]}`, million)
}

func mappings(key, more string) string {
	var list []string
	for i := range 5000 {
		list = append(list, fmt.Sprintf(`{"pointId":"point-%05d","%s":"a/%d"%s}`, i, key, i, more))
	}
	return strings.Join(list, ",")
}

func TestMemoryDoesNotGrowWithTheInput(t *testing.T) { // not parallel: it counts allocations
	few, many := 2_000, 10_000
	for _, c := range []struct {
		name, options string
		data          func(rows int) string
	}{
		{"csv-to-time-values", csvOptions, func(n int) string { return csvOf(n, clockTime) }},
		{"csv-to-time-values", with(t, csvOptions, `{"timestampSettings":{"type":"string","format":"yyyy-MM-dd'T'HH:mm:ss.SSS'Z'","timezone":"Europe/Paris"}}`), func(n int) string { return csvOf(n, clockTime) }},
		{"csv-to-mqtt", with(t, mqttOptions, `{"topicColumn":"id"}`), func(n int) string { return csvOf(n, clockTime) }},
		{"time-values-to-csv", csvOutOptions, timeValues},
		{"time-values-to-json", "", timeValues},
		{"time-values-to-oianalytics", `{"precision":"s"}`, timeValues},
		{"time-values-to-opcua", `{"mapping":[{"pointId":"point-00001","nodeId":"n"}]}`, timeValues},
	} {
		tr, _ := Standard(c.name)
		allocations := func(rows int) float64 {
			in := input(content.Any, c.data(rows), c.options)
			return testing.AllocsPerRun(1, func() {
				plan, err := tr.Plan(context.Background(), in)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := plan.Run(context.Background(), io.Discard); err != nil {
					t.Fatal(err)
				}
			})
		}
		if a, b := allocations(few), allocations(many); b > a+100 {
			t.Errorf("%s: %.0f allocations for %d rows, %.0f for %d", c.name, a, few, b, many)
		}
	}
}
