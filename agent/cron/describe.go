package cron

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Describe says in English what expression means, in the words of the reference: "Every 5 minutes, every hour,
// every day".
func Describe(expression string) (string, error) {
	fields, _, err := parse(expression)
	if err != nil {
		return "", err
	}
	return describe(fields), nil
}

func describe(fields []string) string {
	f := wording(fields)
	text := f.timeOfDay() + f.dayOfMonth() + f.dayOfWeek() + f.months()
	return strings.ToUpper(text[:1]) + text[1:]
}

// worded are the six fields as the descriptions want them; a second of "" is the full minute.
type worded []string

func (f worded) timeOfDay() string {
	second, minute, hour := f[secondField], f[minuteField], f[hourField]
	switch {
	case !special(second) && !special(minute) && !special(hour):
		return "At " + clockText(hour, minute, second)
	case second == "" && strings.Contains(minute, "-") && !strings.ContainsAny(minute, ",/") && !special(hour):
		low, high, _ := strings.Cut(minute, "-")
		return "Every minute between " + clockText(hour, low, "") + " and " + clockText(hour, high, "")
	case second == "" && strings.Contains(hour, ",") && !strings.ContainsAny(hour, "-/") && !special(minute):
		return "At " + f.hourList()
	}
	minutes, hours := f.minutes(), f.hours()
	if minutes == hours {
		return joined(f.seconds(), minutes)
	}
	return joined(f.seconds(), minutes, hours)
}

func joined(texts ...string) string {
	var kept []string
	for _, text := range texts {
		if text != "" {
			kept = append(kept, text)
		}
	}
	return strings.Join(kept, ", ")
}

func (f worded) hourList() string {
	hours := strings.Split(f[hourField], ",")
	for i, hour := range hours {
		hours[i] = clockText(hour, f[minuteField], "")
	}
	last := len(hours) - 1
	return strings.Join(hours[:last], ", ") + " and " + hours[last]
}

func (f worded) seconds() string {
	return phrases{all: "every second", step: "every %s seconds", span: "seconds %s through %s past the minute",
		list: func(string) string { return "at %s seconds past the minute" }}.say(f[secondField])
}

func (f worded) minutes() string {
	return phrases{all: "every minute", step: "every %s minutes", span: "minutes %s through %s past the hour",
		list: func(minute string) string {
			switch {
			case minute != "0":
				return "at %s minutes past the hour"
			case f[secondField] == "" && !strings.Contains(f[hourField], "/"):
				return "every hour"
			}
			return "on the hour"
		}}.say(f[minuteField])
}

// hours ends a range at the last minute of its last hour, unless only full hours are meant.
func (f worded) hours() string {
	text := phrases{all: "every hour", step: "every %s hours", span: "between %s and %s",
		one:  func(hour string) string { return clockText(hour, "0", "") },
		list: func(string) string { return "at %s" }}.say(f[hourField])
	if !strings.Contains(f[hourField], "-") || f[minuteField] == "0" || strings.Count(text, ":00") < 2 {
		return text
	}
	last := strings.LastIndex(text, ":00")
	return text[:last] + ":59" + text[last+3:]
}

func (f worded) dayOfMonth() string {
	if f[dayField] == "*" && f[weekdayField] != "*" {
		return ""
	}
	return phrases{all: ", every day", step: ", every %s days in a month", span: ", between day %s and %s of the month",
		list: func(string) string { return ", on day %s of the month" }}.say(f[dayField])
}

func (f worded) dayOfWeek() string {
	if f[weekdayField] == "*" {
		return ""
	}
	span, list := ", %s through %s", ", only on %s"
	if f[dayField] != "*" {
		span, list = ", and %s through %s", ", and on %s"
	}
	return phrases{step: ", every %s days of the week", once: true, span: span,
		one:  func(day string) string { return time.Weekday(number(day) % 7).String() },
		list: func(string) string { return list }}.say(f[weekdayField])
}

func (f worded) months() string {
	return phrases{step: ", every %s months", once: true, span: ", %s through %s",
		one:  func(month string) string { return time.Month(number(month)).String() },
		list: func(string) string { return ", only in %s" }}.say(f[monthField])
}

func special(field string) bool { return strings.ContainsAny(field, "/-,*") }

func number(text string) int { n, _ := strconv.Atoi(text); return n }

func clockText(hour, minute, second string) string {
	text := fmt.Sprintf("%02d:%02d", number(hour), number(minute))
	if second != "" {
		text += fmt.Sprintf(":%02d", number(second))
	}
	return text
}
