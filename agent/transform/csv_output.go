package transform

import (
	"strings"

	"oibus/agent/transform/csvtext"
	"oibus/agent/transform/datetime"
)

// csvOutput says which file the output is and how its rows are written. What is absent means what it means to the
// reference: no header, comma, CRLF, every field in ", UTF-8. A file must have a name.
type csvOutput struct {
	name   string
	header bool
	style  csvtext.Style
}

func (o *options) csvOutput(in Input) csvOutput {
	quote := named(o, "quoteChar", "DOUBLE_QUOTE", csvtext.Quote)
	return csvOutput{
		name:   fileName(o.text("filename"), in),
		header: o.flag("header"),
		style: csvtext.Style{
			Delimiter: named(o, "delimiter", "COMMA", csvtext.Delimiter),
			Newline:   named(o, "newline", "CRLF", csvtext.Newline),
			Quote:     quote,
			Minimal:   quote == 0,
			Escape:    named(o, "escapeChar", "DOUBLE_QUOTE", csvtext.Escape),
			Encoding:  named(o, "encoding", "UTF_8", csvtext.EncodingOf),
		},
	}
}

// fileName replaces the first of each variable in pattern, then what a file name should not have.
func fileName(pattern string, in Input) string {
	stamp := func(ms int64) string {
		f, err := datetime.NewFormatter("yyyy_MM_dd_HH_mm_ss_SSS", "UTC", "")
		if err != nil {
			return ""
		}
		return string(f.Append(nil, ms))
	}
	of := func(instant string) string {
		local, err := datetime.LoadZone("")
		if ms, ok := datetime.ParseISO([]byte(instant), local); ok && err == nil {
			return stamp(ms)
		}
		return ""
	}
	for _, v := range []struct{ name, value string }{
		{"@CurrentDate", stamp(in.Now.UnixMilli())}, {"@QueryStartTime", of(in.Source.QueryStart)}, {"@QueryEndTime", of(in.Source.QueryEnd)},
	} {
		pattern = strings.Replace(pattern, v.name, v.value, 1)
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r == '"' || r == '\'':
			return -1
		case r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.':
			return r
		}
		return '-'
	}, pattern)
}
