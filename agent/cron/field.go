package cron

import (
	"math/bits"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Places of the fields in an expression.
const (
	secondField = iota
	minuteField
	hourField
	dayField
	monthField
	weekdayField
)

// unit is what one field counts. The first number of each element is checked against low and limit, ranges against
// low and top: a weekday may be written 7 for Sunday.
type unit struct {
	name            string
	low, top, limit int
}

var units = [...]unit{
	{"Seconds", 0, 59, 59}, {"Minutes", 0, 59, 59}, {"Hours", 0, 23, 23},
	{"DOM", 1, 31, 31}, {"Month", 1, 12, 12}, {"DOW", 0, 7, 6},
}

var (
	monthNames   = []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}
	weekdayNames = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}
	letters      = regexp.MustCompile(`[A-Za-z]+`)
	foreign      = regexp.MustCompile(`[^0-9,\-*/]+`)
)

// withNumbers replaces the names in a field, in any case, by their numbers.
func withNumbers(field string, names []string, first int) string {
	return letters.ReplaceAllStringFunc(field, func(word string) string {
		if i := slices.Index(names, strings.ToLower(word)); i >= 0 {
			return strconv.Itoa(first + i)
		}
		return word
	})
}

func checkCharacters(fields []string) error {
	for _, field := range fields {
		if found := foreign.FindAllString(field, -1); found != nil {
			return invalid("Expression contains invalid values: '%s'", strings.Join(found, ","))
		}
	}
	return nil
}

// checkFirstNumbers looks at the number that each element of each list begins with.
func checkFirstNumbers(fields []string) error {
	for i, u := range units {
		for element := range strings.SplitSeq(fields[i], ",") {
			n, ok := leadingInt(element)
			if i == weekdayField && n == 7 {
				n = 0
			}
			if ok && (n < u.low || n > u.limit) {
				return invalid("%s part must be >= %d and <= %d", u.name, u.low, u.limit)
			}
		}
	}
	return nil
}

var leading = regexp.MustCompile(`^-?[0-9]+`)

// leadingInt is the number that text begins with; one that does not fit reads as a very large one.
func leadingInt(text string) (int, bool) {
	digits := leading.FindString(text)
	if digits == "" {
		return 0, false
	}
	n, err := strconv.Atoi(digits)
	if err != nil {
		return 1 << 40, true
	}
	return n, true
}

// build reads the fields in the order in which the reference reports their errors.
func build(fields []string) (Schedule, error) {
	s := Schedule{anyDay: fields[dayField] == "*", anyWeekday: fields[weekdayField] == "*"}
	into := []*uint64{&s.second, &s.minute, &s.hour, &s.day, &s.month, &s.weekday}
	for _, i := range []int{secondField, minuteField, hourField, monthField, dayField, weekdayField} {
		for element := range strings.SplitSeq(fields[i], ",") {
			set, err := units[i].element(element)
			if err != nil {
				return Schedule{}, err
			}
			*into[i] |= set
		}
	}
	s.weekday = (s.weekday | s.weekday>>7) & 0x7f // 7 is Sunday too
	return s, nil
}

// element reads "*", "5", "1-5", "*/5", "3/5" or "1-30/5".
func (u unit) element(text string) (uint64, error) {
	if text == "" {
		return 0, invalid("Invalid list value format")
	}
	span, every, stepped := strings.Cut(text, "/")
	if span == "*" {
		span = strconv.Itoa(u.low) + "-" + strconv.Itoa(u.top)
	}
	if strings.Contains(every, "/") {
		return 0, invalid("Invalid repeat: %s/%s", span, every)
	}
	low, high, ranged := strings.Cut(span, "-")
	if low == "" || strings.Contains(high, "-") || strings.Contains(span, "*") {
		return 0, invalid("Invalid")
	}
	if !ranged && stepped {
		high = strconv.Itoa(u.top)
	} else if !ranged {
		high = low
	}
	step := 1
	if stepped {
		step, _ = leadingInt(every)
	}
	return u.span(low, high, step, every)
}

func (u unit) span(low, high string, step int, every string) (uint64, error) {
	from, _ := leadingInt(low)
	to, ok := leadingInt(high)
	if high == "" {
		high = "NaN"
	}
	if every == "" {
		every = "NaN"
	}
	switch {
	case !ok || from < u.low || to > u.top:
		return 0, invalid("Constraint error, got range %s-%s expected range %d-%d", low, high, u.low, u.top)
	case from > to:
		return 0, invalid("Invalid range: %d-%d, min(%d) > max(%d)", from, to, from, to)
	case step <= 0:
		return 0, invalid("Constraint error, cannot repeat at every %s time.", every)
	}
	var set uint64
	for n := from; n <= to; n += step {
		set |= 1 << n
	}
	return set, nil
}

// longest are the days of each month, in a leap year for February.
var longest = [...]int{31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}

// checkDayExists refuses a day that no chosen month has, such as 31 February. With a single month the reference
// refuses it even when a day of the week is given as well.
func (s Schedule) checkDayExists() error {
	first := bits.TrailingZeros64(s.day)
	for month, days := range longest {
		if s.month&(1<<(month+1)) != 0 && first <= days {
			return nil
		}
	}
	if bits.OnesCount64(s.month) > 1 && !s.anyWeekday {
		return nil
	}
	return invalid("Invalid explicit day of month definition")
}
