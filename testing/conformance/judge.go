package conformance

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
)

// Verdict is what the comparison of one scenario found.
type Verdict struct {
	Unexpected []Difference // not in the table of deliberate differences
	Vanished   []Difference // in the table, but not found
	Deliberate []Deliberate // in the table, and found
}

// Passed tells whether everything is as it is meant to be.
func (v Verdict) Passed() bool { return len(v.Unexpected)+len(v.Vanished) == 0 }

// String lists what is wrong.
func (v Verdict) String() string {
	var b strings.Builder
	for _, d := range v.Unexpected {
		fmt.Fprintf(&b, "  %s\n", d)
	}
	for _, d := range v.Vanished {
		fmt.Fprintf(&b, "  the table of differences has this, but it did not happen: %s\n", d)
	}
	return b.String()
}

// Judge compares what was found in a scenario with the table.
func Judge(table []Deliberate, agent Dialect, scenario string, found []Difference) Verdict {
	v := Verdict{Unexpected: slices.Clone(found)}
	for _, row := range table {
		if row.Scenario != scenario || !strings.Contains(row.Dialects, string(agent)) {
			continue
		}
		v.Deliberate = append(v.Deliberate, row)
		for _, f := range row.Fields {
			if at := slices.Index(v.Unexpected, f); at >= 0 {
				v.Unexpected = slices.Delete(v.Unexpected, at, at+1)
			} else {
				v.Vanished = append(v.Vanished, f)
			}
		}
	}
	return v
}

// Table renders the deliberate differences for a person: scenario and reason, and below each field recorded → ours.
func Table(rows []Deliberate) string {
	var b strings.Builder
	for _, r := range rows {
		fmt.Fprintf(&b, "%-2s  %s: %s\n", r.Dialects, r.Scenario, r.Reason)
		for _, f := range r.Fields {
			fmt.Fprintf(&b, "      %s: %s → %s\n", f.Field, short(f.Recorded), short(f.Ours))
		}
	}
	return b.String()
}

// Overview renders what is played and what waits for a person.
func Overview(rows []Scenario) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "folder\tfamily\tscenario\twhat becomes of it")
	for _, r := range rows {
		what := "played"
		if r.Later != "" {
			what = "later: " + r.Later
		}
		fmt.Fprintln(w, strings.Join([]string{r.Folder.Folder(), r.Family, r.Name, what}, "\t"))
	}
	w.Flush()
	return b.String()
}

func short(s string) string {
	const limit = 70
	if r := []rune(s); len(r) > limit {
		return string(r[:limit]) + "…"
	}
	return s
}
