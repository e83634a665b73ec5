package contract

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Row is what became of the operations of one tag.
type Row struct {
	Tag                string
	Operations, Passed int
	Good, Bad, Refused int // calls
	Missing            []string
}

// Table says by tag how many operations passed.
func (w *Walk) Table() []Row {
	var rows []Row
	for _, op := range w.document.Operations() {
		if len(rows) == 0 || rows[len(rows)-1].Tag != op.Tag {
			rows = append(rows, Row{Tag: op.Tag})
		}
		row, r := &rows[len(rows)-1], w.result(op.Name)
		row.Operations++
		row.Good, row.Bad, row.Refused = row.Good+r.good, row.Bad+r.bad, row.Refused+r.refused
		if missing := r.missing(op); missing != "" {
			row.Missing = append(row.Missing, op.Name+": "+missing)
		} else {
			row.Passed++
		}
	}
	return rows
}

func (r *result) missing(op Operation) string {
	switch {
	case len(r.faults) > 0:
		return r.faults[0].Error()
	case r.good == 0:
		return "not tried with what is valid"
	case op.HasBody && r.bad == 0:
		return "not tried with an invalid body"
	case strings.Contains(op.Name, "{") && r.bad == 0 && !lenient[op.Name]:
		return "not tried with what does not exist"
	case !op.Public && r.refused == 0:
		return "not tried without credentials"
	}
	return ""
}

// lenient are operations that take any text in their path.
var lenient = map[string]bool{
	"GET /api/logs/scopes/{scopeId}":             true, // null
	"GET /api/transformers/template/{inputType}": true,
}

// Markdown is the table as the README has it.
func Markdown(rows []Row) string {
	var b strings.Builder
	total := Row{}
	b.WriteString("| tag | operations | passing | valid calls | invalid calls | calls without credentials |\n|---|---:|---:|---:|---:|---:|\n")
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %d | %d |\n", r.Tag, r.Operations, r.Passed, r.Good, r.Bad, r.Refused)
		total = Row{"", total.Operations + r.Operations, total.Passed + r.Passed, total.Good + r.Good, total.Bad + r.Bad, total.Refused + r.Refused, nil}
	}
	fmt.Fprintf(&b, "| **all** | **%d** | **%d** | %d | %d | %d |\n", total.Operations, total.Passed, total.Good, total.Bad, total.Refused)
	return b.String()
}

// Faults are all that is missing, of the tags named, or of all tags when none is.
func Faults(rows []Row, tags ...string) error {
	var all []error
	for _, r := range rows {
		if len(tags) > 0 && !slices.Contains(tags, r.Tag) {
			continue
		}
		for _, m := range r.Missing {
			all = append(all, errors.New(r.Tag+": "+m))
		}
	}
	return errors.Join(all...)
}
