package measure

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Fact is something that the figures depend on.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Report is the whole result.
type Report struct {
	Version string `json:"version"` // of the product
	At      string `json:"at"`
	Machine []Fact `json:"machine"`
	Rows    []Row  `json:"rows"`
}

// Failed lists the rows whose budget is not kept.
func (r Report) Failed() []Row {
	var failed []Row
	for _, row := range r.Rows {
		if row.Verdict() == Fail {
			failed = append(failed, row)
		}
	}
	return failed
}

// WriteText writes the report for people.
func (r Report) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "OIBus %s, %s\n\n", r.Version, r.At)
	facts := [][]string{{"This machine", ""}}
	for _, f := range r.Machine {
		facts = append(facts, []string{f.Name, f.Value})
	}
	align(&b, facts, nil)
	lines := [][]string{{"What", "Figure", "Budget", "", "How"}}
	group := ""
	for _, row := range r.Rows {
		if row.Group != group {
			group = row.Group
			lines = append(lines, nil, []string{group})
		}
		detail := row.Detail
		if row.Missing != "" {
			detail = row.Missing
		}
		lines = append(lines, []string{"  " + row.Name, row.value(), row.budget(), row.Verdict(), detail})
	}
	b.WriteString("\n")
	align(&b, lines, []bool{false, true, true, false, false})
	_, err := io.WriteString(w, b.String())
	return err
}

// align writes rows of cells as columns. right says which columns hold numbers.
func align(b *strings.Builder, rows [][]string, right []bool) {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if len(row) == 1 {
				break // a heading may be as long as it likes
			}
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range rows {
		line := ""
		for i, cell := range row {
			fill := strings.Repeat(" ", max(0, widths[i]-utf8.RuneCountInString(cell)))
			if i < len(right) && right[i] {
				line += fill + cell + "  "
			} else {
				line += cell + fill + "  "
			}
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
}
