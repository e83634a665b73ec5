package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"oibus/agent/content"
	"oibus/agent/script"
	"oibus/agent/transform"
	"oibus/testing/bench/measure"
	"oibus/testing/harness"
)

// customBudget is how many simple objects a custom transformer handles in a second, on one core.
const customBudget = 20_000

// sample is an input of a transformer, made of n objects.
type sample struct {
	function, options string
	kind              content.Kind
	input             func(n int) string
}

// samples are one for each standard transformer that does something.
func samples() []sample {
	mapped := func(key, more string) string {
		var list []string
		for i := range points {
			list = append(list, fmt.Sprintf(`{"pointId":"point-%05d","reference":"point-%05d","%s":"%d"%s}`, i, i, key, i, more))
		}
		return `{"mapping":[` + strings.Join(list, ",") + `]}`
	}
	const out = `"encoding":"UTF_8","header":true,"delimiter":"SEMI_COLON","newline":"LF","quoteChar":"NONE","escapeChar":"DOUBLE_QUOTE"`
	return []sample{
		{"csv-to-time-values", `{"delimiter":"SEMI_COLON","hasHeader":true,"pointIdColumn":"id","timestampColumn":"timestamp","valueColumn":"value","timestampSettings":{"type":"iso-string"}}`, content.Any, tableOf},
		{"csv-to-mqtt", `{"delimiter":"SEMI_COLON","hasHeader":true,"topicColumn":"id","payloadType":"string","valueColumn":"value"}`, content.Any, tableOf},
		{"json-to-csv", `{"filename":"x.csv",` + out + `,"nullValue":"","rowIteratorPath":"$[*]","fields":[{"columnName":"Id","jsonPath":"$[*].pointId","dataType":"string"},
			{"columnName":"V","jsonPath":"$[*].data.value","dataType":"number"}]}`, content.Any, timeValues},
		{"json-to-oianalytics", `{"rowIteratorPath":"$[*]","pointId":"$[*].pointId","value":"$[*].data.value","timestamp":"$[*].timestamp","datetimeSettings":{"inputType":"iso-string","outputPrecision":"ms"}}`, content.Any, timeValues},
		{"time-values-to-csv", `{"filename":"x.csv",` + out + `,"pointIdColumnTitle":"Reference","valueColumnTitle":"Value","timestampColumnTitle":"Timestamp","timestampType":"iso-string"}`, content.TimeValues, timeValues},
		{"time-values-to-json", `{}`, content.TimeValues, timeValues},
		{"time-values-to-oianalytics", `{"precision":"ms"}`, content.TimeValues, timeValues},
		{"time-values-to-mqtt", mapped("topic", ""), content.TimeValues, timeValues},
		{"time-values-to-modbus", mapped("address", `,"modbusType":"register"`), content.TimeValues, timeValues},
		{"time-values-to-opcua", mapped("nodeId", ""), content.TimeValues, timeValues},
		{"setpoint-to-mqtt", mapped("topic", ""), content.Setpoints, setpoints},
		{"setpoint-to-modbus", mapped("address", `,"modbusType":"register"`), content.Setpoints, setpoints},
		{"setpoint-to-opcua", mapped("nodeId", ""), content.Setpoints, setpoints},
	}
}

// points is how many different names the objects have.
const points = 1000

func tableOf(n int) string {
	var b strings.Builder
	b.WriteString("id;timestamp;value\n")
	for i := range n {
		fmt.Fprintf(&b, "point-%05d;%s;%d.%d\n", i%points, instantOf(i), i%1000, i%9+1)
	}
	return b.String()
}

func timeValues(n int) string {
	return array(n, func(i int) string {
		return fmt.Sprintf(`{"pointId":"point-%05d","timestamp":"%s","data":{"value":%d.%d}}`, i%points, instantOf(i), i%1000, i%9+1)
	})
}

func setpoints(n int) string {
	return array(n, func(i int) string { return fmt.Sprintf(`{"reference":"point-%05d","value":%d}`, i%points, i%1000) })
}

func array(n int, one func(i int) string) string {
	var b strings.Builder
	for i := range n {
		b.WriteByte("[,"[min(i, 1)])
		b.WriteString(one(i))
	}
	return b.String() + "]"
}

func instantOf(i int) string {
	return time.Date(2024, 1, 15, 0, 0, 0, i%1000*int(time.Millisecond), time.UTC).Add(time.Duration(i) * time.Second).Format("2006-01-02T15:04:05.000Z")
}

// toCSV does in a custom transformer what time-values-to-csv does.
const toCSV = `function transform(text) {
  const rows = ["Reference;Timestamp;Value"];
  for (const v of JSON.parse(text)) rows.push(v.pointId + ";" + v.timestamp + ";" + v.data.value);
  return { data: rows.join("\n"), filename: "x.csv" };
}`

// doubling is a simple change of each object.
const doubling = `function transform(text) {
  return { data: JSON.parse(text).map((v) => ({ ...v, data: { value: v.data.value * 2 } })) };
}`

func transformers(s *stage, n size) []measure.Row {
	var rows []measure.Row
	for _, c := range samples() {
		rows = append(rows, standard(s, c, n.values/2))
	}
	pool := script.NewPool(script.Options{Command: []string{harness.Program(s, "oibus"), "script-worker"}, Log: slog.New(slog.DiscardHandler)})
	s.Cleanup(func() { s.must(pool.Close()) })
	big, small := timeValues(n.values/10), timeValues(1)
	s.must(custom(s, pool, doubling, small)) // its process is there
	rows = append(rows,
		customRow(s, pool, "custom JavaScript: each object changed", doubling, big, n.values/10, 1).NotBelow(customBudget),
		customRow(s, pool, "custom JavaScript: as time-values-to-csv", toCSV, big, n.values/10, 1).NotBelow(customBudget))
	return append(rows, customRow(s, pool, "custom JavaScript: contents of one object", doubling, small, 1, n.contents/4))
}

const transformerGroup = "Transformers, one core"

func row(name string, objects, bytes int, took time.Duration, detail string) measure.Row {
	return measure.Row{Group: transformerGroup, Name: name, Value: float64(objects) / took.Seconds(), Unit: "objects/s",
		Detail: fmt.Sprintf("%.0f MB/s; %s", float64(bytes)/megabyte/took.Seconds(), detail)}
}

func standard(s *stage, c sample, n int) measure.Row {
	t, ok := transform.Standard(c.function)
	if !ok {
		s.Fatalf("there is no transformer %s", c.function)
	}
	text := c.input(n)
	in := transform.Input{Content: content.FromBytes(c.kind, "in", 0, []byte(text)), Name: "in", Options: json.RawMessage(c.options), Now: time.Now(),
		NewID: func(n int) string { return strings.Repeat("x", n) }}
	start := time.Now()
	plan, err := t.Plan(s.context, in)
	s.must(err)
	out := &counted{w: io.Discard}
	_, err = plan.Run(s.context, out)
	s.must(err)
	took := time.Since(start)
	if out.n < n {
		s.Fatalf("%s made %d bytes of %d objects", c.function, out.n, n)
	}
	return row(c.function, n, len(text), took, fmt.Sprintf("%d objects", n))
}

type counted struct {
	w io.Writer
	n int
}

func (c *counted) Write(b []byte) (int, error) {
	c.n += len(b)
	return c.w.Write(b)
}

func custom(s *stage, pool *script.Pool, code, text string) error {
	out, err := pool.Transform(s.context, script.Job{Code: code, Language: "javascript", Timeout: time.Minute, Content: []byte(text), FileName: "in",
		Source: json.RawMessage(`{"source":"test"}`), Options: json.RawMessage(`{}`)})
	if err == nil && len(out.Data) == 0 {
		err = fmt.Errorf("the custom transformer made nothing of %d bytes", len(text))
	}
	return err
}

func customRow(s *stage, pool *script.Pool, name, code, text string, objects, times int) measure.Row {
	start := time.Now()
	for range times {
		s.must(custom(s, pool, code, text))
	}
	return row(name, objects*times, len(text)*times, time.Since(start), fmt.Sprintf("%d contents of %d objects, with the way to the process and back", times, objects))
}
