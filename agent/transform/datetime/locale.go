package datetime

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// locale holds the names of one language.
type locale struct {
	monthLong, monthShort           []string // beside a day
	monthLongAlone, monthShortAlone []string
	dayLong, dayShort               []string // from Monday on
	dayShortAlone                   []string
	half                            []string // AM, PM

	months, days, halves []name // all spellings that are read
}

// name is one spelling and what it stands for.
type name struct {
	text  string
	value int
}

var locales sync.Map // language → *locale

// loadLocale is the locale of a tag such as "en-En": only its language counts. "" is English.
func loadLocale(tag string) (*locale, error) {
	language, _, _ := strings.Cut(strings.ToLower(strings.ReplaceAll(tag, "_", "-")), "-")
	switch language {
	case "":
		language = "en"
	case "no", "nn":
		language = "nb"
	}
	if l, ok := locales.Load(language); ok {
		return l.(*locale), nil
	}
	data, ok := localeData[language]
	if !ok {
		return nil, fmt.Errorf("the names of locale %q are not known: use a format of numbers only, or one of %s", tag, strings.Join(languages(), ", "))
	}
	l := newLocale(data)
	locales.Store(language, l)
	return l, nil
}

func languages() []string {
	var all []string
	for language := range localeData {
		all = append(all, language)
	}
	slices.Sort(all)
	return all
}

func newLocale(data [8]string) *locale {
	var lists [8][]string
	for i, names := range data {
		lists[i] = strings.Split(names, "|")
	}
	for alone, beside := range map[int]int{2: 0, 3: 1, 6: 5} {
		if data[alone] == "" {
			lists[alone] = lists[beside]
		}
	}
	l := &locale{
		monthLong: lists[0], monthShort: lists[1], monthLongAlone: lists[2], monthShortAlone: lists[3],
		dayLong: lists[4], dayShort: lists[5], dayShortAlone: lists[6], half: lists[7],
	}
	l.months = spellings(l.monthLong, l.monthShort, l.monthLongAlone, l.monthShortAlone)
	l.days = spellings(l.dayLong, l.dayShort, l.dayShortAlone)
	l.halves = spellings(l.half, []string{"AM", "PM"})
	return l
}

// spellings lists what is read for names, the longest first: also without the dots of abbreviations.
func spellings(lists ...[]string) []name {
	var all []name
	for _, list := range lists {
		for i, text := range list {
			text = strings.ToLower(strings.Map(plainSpace, text))
			all = append(all, name{text, i}, name{strings.ReplaceAll(text, ".", ""), i})
		}
	}
	slices.SortStableFunc(all, func(a, b name) int { return len(b.text) - len(a.text) })
	return slices.Compact(all)
}

func plainSpace(r rune) rune {
	if r == '\u00a0' || r == '\u202f' {
		return ' '
	}
	return r
}
