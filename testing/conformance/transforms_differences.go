package conformance

// transformerDifferences are the deliberate differences of the recordings about transformers.
var transformerDifferences = []Deliberate{
	{"NR", "test-custom-transformer-dto-form", ownWordsForForm, []Difference{
		{"outcome.cmd-1013-test-custom-transformer.result", `"Cannot read properties of undefined (reading 'name')"`,
			`"\"command\" is required: it holds the transformer to test"`},
	}},
	{"NR", "test-transformer-bad-input", "the words are ours: the reference shows those of the JSON parser of its runtime", []Difference{
		{"outcome.cmd-1018-test-transformer.result", `"Unexpected token 'o', \"not json\" is not valid JSON"`,
			`"the input is no JSON array of time-values: cannot read array: no JSON array at byte 0"`},
	}},
	{"R", "test-transformer", noPoison + ". The type is executed in both dialects (Q-01)", []Difference{
		{"ended", `"0"`, `"2 as handed out"`},
		{"outcome.cmd-1014-test-transformer.result", "null", suffixed},
		{"outcome.cmd-1014-test-transformer.states", `""`, completed},
		{"outcome.cmd-after-test-transformer.result", "null", `"IP Filter created successfully"`},
		{"outcome.cmd-after-test-transformer.states", `""`, completed},
		{"retrieved", `"0"`, `"2 newest first"`},
		{"sent[0]", absent, putConfig},
	}},
	{"R", "test-transformer-south-item", "dialect R shows one content for a tested item, and has no transformer in such a test (section 12)", oneContent("cmd-1016-test-transformer", readContent,
		Difference{"transformed", clipped(`{"content":"[{\"pointId\":\"MOCK_O2\",\"timestamp\":\"2024-01-01T00:00:00.000Z\",\"data\":{\"value\":63.64}},{\"pointId\":\"MOCK_O2\",\"timestamp\":\"2024-01-01T00:10:00.000Z\",\"data\":{\"value\":87.22}}]","totalSize":0,"truncated":false,"type":"any-content"}`), absent},
		Difference{"content", absent, readPoints}, Difference{"totalSize", absent, "2"}, Difference{"truncated", absent, "false"}, Difference{"type", absent, `"time-values"`})},
}

// suffixed is the result of the custom transformer of the recordings.
var suffixed = clipped(`{"connectionDuration":"‹milliseconds›","queryDuration":"‹milliseconds›","raw":` + suffixedPoint("a") + `,"transformed":` + suffixedPoint("a_q") + `}`)

func suffixedPoint(id string) string {
	return `{"content":[{"data":{"value":1},"pointId":"` + id + `","timestamp":"‹instant›"}],"totalSize":1,"truncated":false,"type":"time-values"}`
}

// readPoints are what the recorded reading of an item found.
const readPoints = `[{"data":{"unit":"%","value":63.64},"pointId":"MOCK_O2","timestamp":"‹instant›"},{"data":{"unit":"%","value":87.22},"pointId":"MOCK_O2","timestamp":"‹instant›"}]`

var readContent = `{"content":` + readPoints + `,"totalSize":2,"truncated":false,"type":"time-values"}`

// oneContent is a test of an item that was recorded in dialect N and played in dialect R.
func oneContent(command, raw string, fields ...Difference) []Difference {
	at := "outcome." + command + ".result."
	list := []Difference{
		{at + "connectionDuration", `"‹milliseconds›"`, absent}, {at + "queryDuration", `"‹milliseconds›"`, absent},
		{at + "raw", clipped(raw), absent},
	}
	for _, f := range fields {
		list = append(list, Difference{at + f.Field, f.Recorded, clipped(f.Ours)})
	}
	return list
}
