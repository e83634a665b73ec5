package contract

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Series are the values of an exposition, by name and labels as they are written: oibus_south_values_total{id="a",…}.
type Series map[string]float64

var (
	sampleLine = regexp.MustCompile(`^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\]|\\\\|\\"|\\n)*",?)*)\})? (\S+)$`)
	labelPair  = regexp.MustCompile(`([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\\\|\\"|\\n)*)"`)
)

// Exposition reads the answer of /metrics more strictly than Prometheus does: each figure has a help and a type before its
// samples and stands in one place, no series comes twice, no label is empty-named or unreadable, counters end with _total
// and do not go below 0.
func Exposition(text string) (Series, error) {
	series, kinds, helped := Series{}, map[string]string{}, map[string]bool{}
	current := ""
	if !utf8.ValidString(text) || text != "" && !strings.HasSuffix(text, "\n") {
		return nil, fmt.Errorf("no UTF-8, or no end of line at the end")
	}
	for n, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		fail := func(why string) error { return fmt.Errorf("line %d: %s: %q", n+1, why, line) }
		if strings.ContainsFunc(line, unicode.IsControl) {
			return nil, fail("control characters")
		}
		switch words := strings.SplitN(line, " ", 4); {
		case line == "" && text == "":
		case len(words) == 4 && words[0] == "#" && words[1] == "HELP":
			if helped[words[2]] {
				return nil, fail("a figure in two places")
			}
			helped[words[2]], current = true, words[2]
		case len(words) == 4 && words[0] == "#" && words[1] == "TYPE":
			if words[2] != current || kinds[current] != "" {
				return nil, fail("a type that follows no help")
			}
			kinds[current] = words[3]
			if counter := words[3] == "counter"; counter != strings.HasSuffix(current, "_total") || !counter && words[3] != "gauge" {
				return nil, fail("a name that does not fit its type")
			}
		default:
			m := sampleLine.FindStringSubmatch(line)
			if m == nil {
				return nil, fail("no sample")
			}
			value, err := strconv.ParseFloat(m[4], 64)
			if err != nil || m[1] != current || kinds[current] == "" || kinds[current] == "counter" && !(value >= 0) {
				return nil, fail("a sample in a wrong place, or with a wrong value")
			}
			seen := map[string]bool{}
			for _, pair := range labelPair.FindAllStringSubmatch(m[3], -1) {
				if seen[pair[1]] {
					return nil, fail("a label twice")
				}
				seen[pair[1]] = true
			}
			if _, twice := series[m[1]+m[2]]; twice {
				return nil, fail("a series twice")
			}
			series[m[1]+m[2]] = value
		}
	}
	return series, nil
}

// Of is the value of the figure that has all these labels, each written as name="value".
func (s Series) Of(figure string, labels ...string) (value float64, ok bool) {
	for key, v := range s {
		name, rest, _ := strings.Cut(key, "{")
		all := name == figure
		for _, l := range labels {
			all = all && strings.Contains("{"+rest, l)
		}
		if all {
			return v, true
		}
	}
	return 0, false
}
