package datetime

import (
	"fmt"
	"strings"
)

// field is what an element of a format stands for.
type field uint8

const (
	literal field = iota
	year
	shortYear
	weekYear
	shortWeekYear
	quarter
	month
	week
	day
	ordinal
	weekday
	hour
	hour12
	minute
	second
	millis
	fraction // of a second
	monthName
	weekdayName
	half
	offset
	zoneName
	unix
	unixMs
)

// element is one token of a format, or text between tokens.
type element struct {
	field    field
	pad      int // digits that are written at least
	min, max int // digits that are read
	text     string
	name     nameForm
}

type nameForm uint8

const (
	long nameForm = iota
	short
	longAlone
	shortAlone
)

// tokens are the tokens of formats (appendix C).
var tokens = map[string]element{
	"y": {field: year, pad: 1, min: 1, max: 6}, "yy": {field: shortYear, pad: 2, min: 2, max: 4},
	"yyyy": {field: year, pad: 4, min: 4, max: 4}, "yyyyy": {field: year, pad: 5, min: 4, max: 6}, "yyyyyy": {field: year, pad: 6, min: 6, max: 6},
	"kk": {field: shortWeekYear, pad: 2, min: 2, max: 4}, "kkkk": {field: weekYear, pad: 4, min: 4, max: 4},
	"q": {field: quarter, pad: 1, min: 1, max: 1}, "qq": {field: quarter, pad: 2, min: 2, max: 2},
	"L": {field: month, pad: 1, min: 1, max: 2}, "LL": {field: month, pad: 2, min: 2, max: 2},
	"M": {field: month, pad: 1, min: 1, max: 2}, "MM": {field: month, pad: 2, min: 2, max: 2},
	"LLL": {field: monthName, name: shortAlone}, "LLLL": {field: monthName, name: longAlone},
	"MMM": {field: monthName, name: short}, "MMMM": {field: monthName, name: long},
	"W": {field: week, pad: 1, min: 1, max: 2}, "WW": {field: week, pad: 2, min: 2, max: 2},
	"d": {field: day, pad: 1, min: 1, max: 2}, "dd": {field: day, pad: 2, min: 2, max: 2},
	"o": {field: ordinal, pad: 1, min: 1, max: 3}, "ooo": {field: ordinal, pad: 3, min: 3, max: 3},
	"c": {field: weekday, pad: 1, min: 1, max: 1}, "E": {field: weekday, pad: 1, min: 1, max: 1},
	"ccc": {field: weekdayName, name: shortAlone}, "cccc": {field: weekdayName, name: long},
	"EEE": {field: weekdayName, name: short}, "EEEE": {field: weekdayName, name: long},
	"H": {field: hour, pad: 1, min: 1, max: 2}, "HH": {field: hour, pad: 2, min: 2, max: 2},
	"h": {field: hour12, pad: 1, min: 1, max: 2}, "hh": {field: hour12, pad: 2, min: 2, max: 2},
	"m": {field: minute, pad: 1, min: 1, max: 2}, "mm": {field: minute, pad: 2, min: 2, max: 2},
	"s": {field: second, pad: 1, min: 1, max: 2}, "ss": {field: second, pad: 2, min: 2, max: 2},
	"S": {field: millis, pad: 1, min: 1, max: 3}, "SSS": {field: millis, pad: 3, min: 3, max: 3},
	"u": {field: fraction, pad: 3, min: 1, max: 9}, "uu": {field: fraction, pad: 2, min: 1, max: 2}, "uuu": {field: fraction, pad: 1, min: 1, max: 1},
	"a": {field: half},
	"Z": {field: offset, pad: 1}, "ZZ": {field: offset, pad: 2}, "ZZZ": {field: offset, pad: 3},
	"z": {field: zoneName},
	"X": {field: unix, pad: 1, min: 1, max: 13}, "x": {field: unixMs, pad: 1, min: 1, max: 16},
}

// maxFormat is the longest format that is accepted, in bytes.
const maxFormat = 256

// compile cuts a format into elements: runs of one letter are tokens, text in single quotes and everything that is no
// letter stands for itself, ” is one quote. Letters that are no token are refused: they would stand in every text.
func compile(format string) ([]element, error) {
	if format == "" || len(format) > maxFormat {
		return nil, fmt.Errorf("a format of 1 to %d characters is needed", maxFormat)
	}
	var elements []element
	add := func(e element) {
		if last := len(elements) - 1; e.field == literal && last >= 0 && elements[last].field == literal {
			elements[last].text += e.text
			return
		}
		elements = append(elements, e)
	}
	for i := 0; i < len(format); {
		c := format[i]
		switch {
		case c == '\'':
			text, rest, closed := strings.Cut(format[i+1:], "'")
			if !closed {
				return nil, fmt.Errorf("format %q: a quote is not closed", format)
			}
			if text == "" {
				text = "'"
			}
			add(element{text: text})
			i = len(format) - len(rest)
		case c|0x20 >= 'a' && c|0x20 <= 'z':
			n := 1
			for i+n < len(format) && format[i+n] == c {
				n++
			}
			e, ok := tokens[format[i:i+n]]
			if !ok {
				return nil, fmt.Errorf("format %q: %q is no token; text must stand in single quotes", format, format[i:i+n])
			}
			add(e)
			i += n
		default:
			add(element{text: format[i : i+1]})
			i++
		}
	}
	return elements, nil
}

// named says whether names of a language occur in elements.
func named(elements []element) bool {
	for _, e := range elements {
		if e.field == monthName || e.field == weekdayName || e.field == half {
			return true
		}
	}
	return false
}

// localeFor loads the names that elements need, which may be none.
func localeFor(elements []element, tag string) (*locale, error) {
	if !named(elements) {
		return nil, nil
	}
	return loadLocale(tag)
}
