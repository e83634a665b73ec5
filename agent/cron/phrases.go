package cron

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// phrases are the words for the shapes that a field can have.
type phrases struct {
	all, step, span string
	once            bool // a step of one goes without saying
	one             func(item string) string
	list            func(item string) string // the format of a single item or of a list
}

func (p phrases) say(field string) string {
	switch {
	case field == "":
		return ""
	case field == "*":
		return p.all
	case strings.Contains(field, ","):
		return p.sayList(field)
	case strings.Contains(field, "/"):
		return p.sayStep(field)
	case strings.Contains(field, "-"):
		return p.saySpan(p.span, field)
	}
	return fill(p.list(field), p.item(field))
}

func (p phrases) item(text string) string {
	if p.one == nil {
		return text
	}
	return p.one(text)
}

func (p phrases) saySpan(format, field string) string {
	low, high, _ := strings.Cut(field, "-")
	return fmt.Sprintf(format, p.item(low), p.item(high))
}

func (p phrases) sayStep(field string) string {
	base, step, _ := strings.Cut(field, "/")
	text := fmt.Sprintf(p.step, step)
	if p.once && step == "1" {
		text = ""
	}
	switch {
	case strings.Contains(base, "-"):
		span := p.saySpan(p.span, base)
		if !strings.HasPrefix(span, ", ") {
			text += ", "
		}
		return text + span
	case base != "*":
		return text + ", starting " + strings.Replace(fill(p.list(base), p.item(base)), ", ", "", 1)
	}
	return text
}

func (p phrases) sayList(field string) string {
	stepped := strings.Contains(field, "/")
	elements := strings.Split(field, ",")
	said := make([]string, len(elements))
	for i, element := range elements {
		switch {
		case strings.Contains(element, "-") && !strings.Contains(element, "/"):
			said[i] = p.saySpan("%s through %s", element)
		case strings.Contains(element, "/") || stepped:
			said[i] = p.say(element)
			if i > 0 {
				said[i] = strings.TrimPrefix(said[i], ", ")
			}
		default:
			said[i] = p.item(element)
		}
	}
	if stepped {
		return enumerated(said)
	}
	return fill(p.list(field), enumerated(said))
}

// enumerated is "a", "a and b" or "a, b, and c".
func enumerated(texts []string) string {
	last := len(texts) - 1
	switch {
	case last == 0:
		return texts[0]
	case last == 1:
		return texts[0] + " and " + texts[1]
	}
	return strings.Join(texts[:last], ", ") + ", and " + texts[last]
}

func fill(format, text string) string { return strings.Replace(format, "%s", text, 1) }

var digits = regexp.MustCompile(`[0-9]+`)

// wording brings the fields into the forms that the descriptions know: sorted lists, no leading zeros, "*" instead
// of a step of one or of a start at the lowest value, and an hour beside repeated minutes as a range.
func wording(fields []string) worded {
	f := slices.Clone(fields)
	for i := range f {
		f[i] = digits.ReplaceAllStringFunc(f[i], func(n string) string { return strconv.Itoa(number(n)) })
		f[i] = sortedList(f[i])
		if lowest := strconv.Itoa(units[i].low) + "/"; i != weekdayField && strings.HasPrefix(f[i], lowest) && !strings.Contains(f[i], ",") {
			f[i] = "*/" + strings.TrimPrefix(f[i], lowest)
		}
		if f[i] == "*/1" {
			f[i] = "*"
		}
	}
	if f[secondField] == "0" {
		f[secondField] = ""
	}
	if !special(f[hourField]) && (strings.ContainsAny(f[minuteField], "*/") || strings.ContainsAny(f[secondField], "*/")) {
		f[hourField] += "-" + f[hourField]
	}
	f[monthField] = closed(f[monthField], "12")
	f[weekdayField] = closed(f[weekdayField], "6")
	return f
}

// sortedList sorts a list of plain numbers; one with ranges or steps stays as it is.
func sortedList(field string) string {
	elements := strings.Split(field, ",")
	for _, element := range elements {
		if _, err := strconv.Atoi(element); err != nil {
			return field
		}
	}
	slices.SortFunc(elements, func(a, b string) int { return number(a) - number(b) })
	return strings.Join(elements, ",")
}

// closed writes "3/2" as "3-12/2".
func closed(field, top string) string {
	base, step, stepped := strings.Cut(field, "/")
	if !stepped || base == "*" || strings.ContainsAny(field, "-,") {
		return field
	}
	return base + "-" + top + "/" + step
}
