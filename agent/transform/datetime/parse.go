package datetime

import (
	"strings"
	"unicode/utf8"
)

// maxSteps bounds the ways in which a text is tried to match a format.
const maxSteps = 10_000

// oldestShortYear: 61 to 99 are years of the last century.
const oldestShortYear = 60

// Parser reads times in a format, zone and language. It is not safe for concurrent use.
type Parser struct {
	elements []element
	has      uint32 // the fields that the format has, by bit
	zone     *Zone
	locale   *locale
	now      int64

	text  []byte
	steps int
	f     found
}

// found is what a text holds.
type found struct {
	values [unixMs + 1]int64
	offset int64
	zone   *Zone
}

// NewParser reads what NewFormatter writes with the same arguments. The parts of a date that are larger than those of
// the format are those of now.
func NewParser(format, timezone, locale string, now int64) (*Parser, error) {
	elements, err := compile(format)
	if err != nil {
		return nil, err
	}
	names, err := localeFor(elements, locale)
	if err != nil {
		return nil, err
	}
	zone, err := LoadZone(timezone)
	if err != nil {
		return nil, err
	}
	p := &Parser{elements: elements, zone: zone, locale: names, now: now}
	for _, e := range elements {
		p.has |= 1 << e.field
	}
	return p, nil
}

// Parse returns the instant that text stands for, and whether it matches the format as a whole and is a time.
func (p *Parser) Parse(text []byte) (ms int64, ok bool) {
	p.text, p.steps = text, 0
	p.f.zone = p.zone
	return p.instant(p.match(0, 0))
}

// match reads the elements from e on at position i. Letters match in either case.
func (p *Parser) match(e, i int) bool {
	for ; e < len(p.elements); e++ {
		if p.steps++; p.steps > maxSteps {
			return false
		}
		el := &p.elements[e]
		switch el.field {
		case literal:
			if i = p.literal(el.text, i); i < 0 {
				return false
			}
			continue
		case monthName, weekdayName, half:
			return p.matchName(e, i)
		case offset:
			if i = p.matchOffset(el.pad, i); i < 0 {
				return false
			}
			continue
		case zoneName:
			return p.matchZone(e, i)
		}
		start := i
		if (el.field == unix || el.field == unixMs) && i < len(p.text) && p.text[i] == '-' {
			i++
		}
		c := cursor{p.text, i}
		n := c.count(el.max)
		if n < el.min {
			return false
		}
		if n == el.min {
			p.number(el, start, i+n)
			i += n
			continue
		}
		for ; n >= el.min; n-- {
			p.number(el, start, i+n)
			if p.match(e+1, i+n) {
				return true
			}
		}
		return false
	}
	return i == len(p.text)
}

func (p *Parser) literal(want string, i int) int {
	for j := 0; j < len(want); j++ {
		w := want[j]
		if w == ' ' { // any white space but the end of a line
			n := whiteSpace(p.text[i:])
			if n == 0 {
				return -1
			}
			i += n
			continue
		}
		if i >= len(p.text) {
			return -1
		}
		c := p.text[i]
		if c != w && (c|0x20 != w|0x20 || w|0x20 < 'a' || w|0x20 > 'z') {
			return -1
		}
		i++
	}
	return i
}

// whiteSpace is how long the white space is that b begins with.
func whiteSpace(b []byte) int {
	if len(b) == 0 {
		return 0
	}
	if b[0] < utf8.RuneSelf {
		if b[0] == ' ' || b[0] == '\t' {
			return 1
		}
		return 0
	}
	if r, n := utf8.DecodeRune(b); r == '\u00a0' || r == '\u202f' {
		return n
	}
	return 0
}

// number notes the number between two positions.
func (p *Parser) number(el *element, from, to int) {
	digits, sign := p.text[from:to], int64(1)
	if digits[0] == '-' {
		digits, sign = digits[1:], -1
	}
	if el.field == fraction {
		c := cursor{b: digits}
		ms, _ := c.fraction(len(digits))
		p.f.values[millis] = int64(ms)
		return
	}
	v := int64(0)
	for _, d := range digits {
		v = v*10 + int64(d-'0')
	}
	if (el.field == shortYear || el.field == shortWeekYear) && v < 100 {
		if v > oldestShortYear {
			v += 1900
		} else {
			v += 2000
		}
	}
	p.f.values[canonical(el.field)] = sign * v
}

// canonical is the field that a value is kept under.
func canonical(f field) field {
	switch f {
	case shortYear:
		return year
	case shortWeekYear:
		return weekYear
	}
	return f
}

func (p *Parser) matchName(e, i int) bool {
	names, f := p.locale.months, month
	switch p.elements[e].field {
	case weekdayName:
		names, f = p.locale.days, weekday
	case half:
		names, f = p.locale.halves, half
	}
	for _, n := range names {
		end := foldedPrefix(p.text[i:], n.text)
		if end < 0 {
			continue
		}
		p.f.values[f] = int64(n.value)
		if f != half {
			p.f.values[f]++
		}
		if p.match(e+1, i+end) {
			return true
		}
	}
	return false
}

// foldedPrefix is how much of text equals name, which is in small letters, -1 when it does not begin with it.
func foldedPrefix(text []byte, name string) int {
	i := 0
	for _, want := range name {
		if i >= len(text) {
			return -1
		}
		r, n := utf8.DecodeRune(text[i:])
		if r != want && (plainSpace(r) != want && !strings.EqualFold(string(r), string(want))) {
			return -1
		}
		i += n
	}
	return i
}

// matchOffset reads +5, +05, +5:30, +05:30, or +0530 in form 3.
func (p *Parser) matchOffset(form, i int) int {
	if i >= len(p.text) || p.text[i] != '+' && p.text[i] != '-' {
		return -1
	}
	sign := int64(1)
	if p.text[i] == '-' {
		sign = -1
	}
	c := cursor{p.text, i + 1}
	hours, ok := c.digits(c.count(2))
	if !ok || c.i == i+1 {
		return -1
	}
	minutes := 0
	if form == 3 && c.count(2) == 2 || form < 3 && c.i+2 < len(p.text) && p.text[c.i] == ':' {
		if form < 3 {
			c.i++
		}
		if minutes, ok = c.digits(2); !ok {
			return -1
		}
	}
	p.f.offset = sign * (int64(hours)*msPerHour + int64(minutes)*msPerMin)
	return c.i
}

// matchZone reads the name of a zone.
func (p *Parser) matchZone(e, i int) bool {
	end := i
	for end < len(p.text) && end-i < 64 && zoneByte(p.text[end]) {
		end++
	}
	for ; end > i; end-- {
		zone, err := LoadZone(string(p.text[i:end]))
		if err != nil {
			p.steps += 100 // it may have asked the disk
			if p.steps > maxSteps {
				return false
			}
			continue
		}
		p.f.zone = zone
		if p.match(e+1, end) {
			return true
		}
	}
	return false
}

func zoneByte(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '_' || c == '/' || c == '+' || c == '-'
}
