package measure

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
)

// The verdicts on a row.
const (
	Pass    = "pass"
	Fail    = "FAIL"
	Skipped = "skipped" // it could not be measured here
	Shown   = ""        // it has no budget
)

// Row is one figure.
type Row struct {
	Group   string   `json:"group"`
	Name    string   `json:"name"`
	Value   float64  `json:"value"`
	Unit    string   `json:"unit"`
	Budget  *float64 `json:"budget,omitempty"`  // nil when there is none
	AtLeast bool     `json:"atLeast,omitempty"` // the budget is a lower bound
	Detail  string   `json:"detail,omitempty"`  // how it was taken, and figures beside it
	Missing string   `json:"missing,omitempty"` // why there is no value
}

// AtMost gives the row an upper bound.
func (r Row) AtMost(budget float64) Row {
	r.Budget = &budget
	return r
}

// NotBelow gives the row a lower bound.
func (r Row) NotBelow(budget float64) Row {
	r.Budget, r.AtLeast = &budget, true
	return r
}

// Absent makes the row say why it could not be measured.
func (r Row) Absent(why string) Row {
	r.Missing = why
	return r
}

// Verdict says whether the budget is kept.
func (r Row) Verdict() string {
	switch {
	case r.Missing != "":
		return Skipped
	case r.Budget == nil:
		return Shown
	case math.IsNaN(r.Value), r.AtLeast && r.Value < *r.Budget, !r.AtLeast && r.Value > *r.Budget:
		return Fail
	}
	return Pass
}

// MarshalJSON adds the verdict.
func (r Row) MarshalJSON() ([]byte, error) {
	type plain Row
	return json.Marshal(struct {
		plain
		Verdict string `json:"verdict,omitempty"`
	}{plain(r), r.Verdict()})
}

func (r Row) value() string {
	if r.Missing != "" {
		return "-"
	}
	return strings.TrimSpace(Number(r.Value) + " " + r.Unit)
}

func (r Row) budget() string {
	switch {
	case r.Budget == nil:
		return ""
	case r.AtLeast:
		return "≥ " + Number(*r.Budget)
	}
	return "≤ " + Number(*r.Budget)
}

// Number writes v with three significant digits at least, and groups of thousands.
func Number(v float64) string {
	digits := 0
	switch size := math.Abs(v); {
	case v == math.Trunc(v), size >= 100:
	case size >= 10:
		digits = 1
	default:
		digits = 2
	}
	text := strconv.FormatFloat(v, 'f', digits, 64)
	end := len(text)
	if digits > 0 {
		end -= digits + 1
	}
	for at := end - 3; at > 0 && text[at-1] != '-'; at -= 3 {
		text = text[:at] + " " + text[at:]
	}
	return text
}
