// Package cron reads the cron expressions of scan modes, tells when they are due next, and says in words what they
// mean. It promises the reference's syntax and error texts (protocol/control-plane.md, section 10.7), ticks that
// neither vanish nor double when clocks change, and an answer in bounded time for any input: it guards against an
// expression that is accepted and never fires, and against one that makes the scheduler spin.
//
// The parser and the search are our own: of the Go libraries at hand, none has this syntax with these texts, and
// the well-kept ones run a fixed time twice in the repeated hour of autumn.
package cron

import (
	"fmt"
	"strings"

	"oibus/agent/entity"
)

// Schedule is a parsed expression: the seconds, minutes, … at which it is due, one bit each.
type Schedule struct {
	second, minute, hour, day, month, weekday uint64
	anyDay, anyWeekday                        bool // the field is "*"
}

// macros are the presets that the reference accepts.
var macros = map[string]string{
	"@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
	"@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
}

// Parse reads an expression of 6 fields (second minute hour day-of-month month day-of-week), of 5 fields (second 0)
// or a macro such as @daily. Errors are *entity.InvalidError with the reference's texts, each beginning with
// "Cron Expression: ". Unlike the reference, names in capitals that contain L, W or H (WED, THU, JUL) are accepted.
func Parse(expression string) (Schedule, error) {
	_, s, err := parse(expression)
	return s, err
}

func parse(expression string) ([]string, Schedule, error) {
	fields, err := split(expression)
	if err == nil {
		err = checkCharacters(fields)
	}
	if err == nil {
		err = checkFirstNumbers(fields)
	}
	if err != nil {
		return nil, Schedule{}, err
	}
	s, err := build(fields)
	if err == nil {
		err = s.checkDayExists()
	}
	return fields, s, err
}

func invalid(format string, args ...any) error {
	return entity.Invalid("Cron Expression: "+format, args...)
}

// split returns the six fields with names turned into numbers.
func split(expression string) ([]string, error) {
	fields := strings.Fields(expression)
	if len(fields) > len(units) {
		return nil, invalid("Too many fields. Only seconds, minutes, hours, day of month, month and day of week are supported.")
	}
	if len(fields) == len(units)-1 {
		fields = append([]string{"0"}, fields...)
	}
	if len(fields) == len(units) {
		fields[monthField] = withNumbers(fields[monthField], monthNames, 1)
		fields[weekdayField] = withNumbers(fields[weekdayField], weekdayNames, 0)
	}
	if found := nonStandard(strings.Join(fields, " ")); len(found) > 0 {
		return nil, invalid("Non-standard characters: %s", strings.Join(found, ", "))
	}
	switch {
	case expression == "":
		return nil, invalid("Cron expression is empty")
	case strings.HasPrefix(expression, "@"):
		meaning, ok := macros[strings.TrimSpace(expression)]
		if !ok {
			return nil, invalid("Unknown special expression.")
		}
		return split(meaning)
	case len(fields) < len(units):
		return nil, invalid("Expression has only %s. At least 5 parts are required.", parts(max(len(fields), 1)))
	}
	return fields, nil
}

func parts(n int) string {
	if n == 1 {
		return "1 part"
	}
	return fmt.Sprintf("%d parts", n)
}

func nonStandard(expression string) []string {
	var found []string
	for _, c := range []string{"L", "W", "#", "?", "H"} {
		if strings.Contains(expression, c) {
			found = append(found, c)
		}
	}
	return found
}
