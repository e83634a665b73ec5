package datetime

// Formatter writes instants in a format, zone and language. It is not safe for concurrent use.
type Formatter struct {
	elements []element
	zone     *Zone
	locale   *locale
}

// NewFormatter writes in format, for clocks of the zone named timezone ("" is that of the agent), with the names of
// the language of locale.
func NewFormatter(format, timezone, locale string) (*Formatter, error) {
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
	return &Formatter{elements: elements, zone: zone, locale: names}, nil
}

// Append appends the text of ms.
func (f *Formatter) Append(dst []byte, ms int64) []byte {
	ahead := f.zone.Offset(ms)
	c := clockOf(ms + ahead)
	for i := range f.elements {
		e := &f.elements[i]
		switch e.field {
		case literal:
			dst = append(dst, e.text...)
		case monthName, weekdayName, half:
			dst = append(dst, f.locale.nameOf(e, &c)...)
		case offset:
			dst = appendOffset(dst, ahead/msPerMin, e.pad)
		case zoneName:
			dst = append(dst, f.zone.loc.String()...)
		case unix:
			dst = appendSigned(dst, floorDiv(ms, 1000), 1)
		case unixMs:
			dst = appendSigned(dst, ms, 1)
		default:
			dst = appendSigned(dst, c.number(e), e.pad)
		}
	}
	return dst
}

// number is what a numeric element shows.
func (c *clock) number(e *element) int64 {
	switch e.field {
	case year:
		return c.year
	case shortYear:
		return c.year % 100
	case weekYear:
		y, _ := weekOf(c.days)
		return y
	case shortWeekYear:
		y, _ := weekOf(c.days)
		return y % 100
	case quarter:
		return int64((c.month + 2) / 3)
	case month:
		return int64(c.month)
	case week:
		_, w := weekOf(c.days)
		return int64(w)
	case day:
		return int64(c.day)
	case ordinal:
		return c.days - daysOf(c.year, 1, 1) + 1
	case weekday:
		return int64(weekdayOf(c.days))
	case hour:
		return int64(c.hour)
	case hour12:
		return int64((c.hour+11)%12 + 1)
	case minute:
		return int64(c.minute)
	case second:
		return int64(c.second)
	case fraction:
		return int64(c.millis) / [4]int64{1, 100, 10, 1}[e.pad]
	}
	return int64(c.millis)
}

func (l *locale) nameOf(e *element, c *clock) string {
	switch e.field {
	case half:
		return l.half[c.hour/12]
	case weekdayName:
		return [4][]string{long: l.dayLong, short: l.dayShort, shortAlone: l.dayShortAlone}[e.name][weekdayOf(c.days)-1]
	}
	return [4][]string{long: l.monthLong, short: l.monthShort, longAlone: l.monthLongAlone, shortAlone: l.monthShortAlone}[e.name][c.month-1]
}

// appendOffset appends an offset in minutes: +5 and +5:30, +05:30 or +0530.
func appendOffset(dst []byte, minutes int64, form int) []byte {
	sign := byte('+')
	if minutes < 0 {
		sign, minutes = '-', -minutes
	}
	dst = append(dst, sign)
	h, m := int(minutes/60), int(minutes%60)
	switch {
	case form == 1:
		dst = appendPadded(dst, int64(h), 1)
		if m > 0 {
			dst = appendPadded(append(dst, ':'), int64(m), 1)
		}
		return dst
	case form == 2:
		return append2(append(append2(dst, h), ':'), m)
	}
	return append2(append2(dst, h), m)
}

func appendSigned(dst []byte, n int64, width int) []byte {
	if n < 0 {
		return appendPadded(append(dst, '-'), -n, width)
	}
	return appendPadded(dst, n, width)
}
