package datetime

// ParseISO reads ISO 8601 as the reference does: dates by month, week or day of the year, with or without separators,
// followed or not by T, a time, an offset and a zone in brackets. A text without any of the latter is a time in zone.
// The fraction of a second is cut to milliseconds.
func ParseISO(text []byte, zone *Zone) (ms int64, ok bool) {
	if ms, ok := parseInstant(text); ok {
		return ms, true
	}
	c := cursor{b: text}
	days, ok := c.date()
	if !ok {
		return 0, false
	}
	wall := days * msPerDay
	if c.i == len(text) {
		return zone.Instant(wall), true
	}
	if !c.skip('T') && !c.skip('t') {
		return 0, false
	}
	clock, ok := c.clock()
	if !ok {
		return 0, false
	}
	return c.behindClock(wall+clock, zone)
}

// behindClock reads an offset and a zone in brackets, to the end of the text.
func (c *cursor) behindClock(wall int64, zone *Zone) (int64, bool) {
	offset, zoned, ok := c.offset()
	if !ok {
		return 0, false
	}
	if named, ok := c.zone(); !ok {
		return 0, false
	} else if named != nil {
		zone = named
	}
	if c.i != len(c.b) {
		return 0, false
	}
	if zoned {
		return wall - offset, true
	}
	return zone.Instant(wall), true
}

// IsInstant says whether text is spelled exactly like the instants of the agent: "2024-01-15T10:00:00.000Z".
func IsInstant(text []byte) bool {
	_, ok := parseInstant(text)
	return ok
}

func parseInstant(b []byte) (ms int64, ok bool) {
	if len(b) != 24 || b[4] != '-' || b[7] != '-' || b[10] != 'T' || b[13] != ':' || b[16] != ':' || b[19] != '.' || b[23] != 'Z' {
		return 0, false
	}
	y1, y2, month, day := two(b, 0), two(b, 2), two(b, 5), two(b, 8)
	hour, minute, second := two(b, 11), two(b, 14), two(b, 17)
	m1, m2 := two(b, 20), uint(b[22]-'0')
	if y1 > 99 || y2 > 99 || month-1 > 11 || day-1 > 30 || hour > 23 || minute > 59 || second > 59 || m1 > 99 || m2 > 9 {
		return 0, false
	}
	year := int64(y1*100 + y2)
	if day > 28 && int(day) > monthLength(year, int(month)) {
		return 0, false
	}
	clock := int64(hour*msPerHour + minute*msPerMin + second*1000 + m1*10 + m2)
	return daysOf(year, int(month), int(day))*msPerDay + clock, true
}

// two is the number of two digits at b[i], more than 99 when they are none.
func two(b []byte, i int) uint {
	h, l := uint(b[i]-'0'), uint(b[i+1]-'0')
	if h > 9 || l > 9 {
		return 1000
	}
	return h*10 + l
}

// cursor reads a text from left to right.
type cursor struct {
	b []byte
	i int
}

func (c *cursor) skip(want byte) bool {
	if c.i < len(c.b) && c.b[c.i] == want {
		c.i++
		return true
	}
	return false
}

// digits reads exactly n digits.
func (c *cursor) digits(n int) (int, bool) {
	if c.count(n) < n {
		return 0, false
	}
	v := 0
	for range n {
		v = v*10 + int(c.b[c.i]-'0')
		c.i++
	}
	return v, true
}

// count is how many digits come next, at most limit.
func (c *cursor) count(limit int) int {
	n := 0
	for n < limit && c.i+n < len(c.b) && c.b[c.i+n] >= '0' && c.b[c.i+n] <= '9' {
		n++
	}
	return n
}

// date reads a date and returns its days since 1970.
func (c *cursor) date() (int64, bool) {
	year, ok := c.year()
	if !ok {
		return 0, false
	}
	dash := c.skip('-')
	if c.skip('W') {
		return c.week(year)
	}
	switch n := c.count(5); {
	case n == 0:
		return daysOf(year, 1, 1), !dash
	case n == 3:
		day, _ := c.digits(3)
		return daysOf(year, 1, 1) + int64(day) - 1, day >= 1 && day <= yearLength(year)
	case n == 1 || n == 5:
		return 0, false
	}
	month, _ := c.digits(2)
	day := 1
	if c.count(1) > 0 || c.skip('-') {
		if day, ok = c.digits(2); !ok {
			return 0, false
		}
	}
	if month < 1 || month > 12 || day < 1 || day > monthLength(year, month) {
		return 0, false
	}
	return daysOf(year, month, day), true
}

func (c *cursor) year() (int64, bool) {
	sign, width := int64(1), 4
	if c.skip('+') {
		width = 6
	} else if c.skip('-') {
		sign, width = -1, 6
	}
	year, ok := c.digits(width)
	return sign * int64(year), ok
}

func (c *cursor) week(year int64) (int64, bool) {
	week, ok := c.digits(2)
	if !ok || week < 1 || week > weeksIn(year) {
		return 0, false
	}
	day := 1
	if c.count(1) > 0 || c.skip('-') {
		if day, ok = c.digits(1); !ok || day < 1 || day > 7 {
			return 0, false
		}
	}
	return weekStart(year, week) + int64(day) - 1, true
}

// clock reads a time of the day: hh, hh:mm, hh:mm:ss or hh:mm:ss.fraction, colons or not.
func (c *cursor) clock() (int64, bool) {
	hour, ok := c.digits(2)
	if !ok {
		return 0, false
	}
	var minute, second, millis int
	if c.skip(':') || c.count(1) > 0 {
		if minute, ok = c.digits(2); !ok {
			return 0, false
		}
		if c.skip(':') || c.count(1) > 0 {
			if second, ok = c.digits(2); !ok {
				return 0, false
			}
			if c.skip('.') || c.skip(',') {
				if millis, ok = c.fraction(30); !ok {
					return 0, false
				}
			}
		}
	}
	return clockMs(hour, minute, second, millis)
}

// clockMs are the milliseconds of a time of the day. 24:00 is the end of the day.
func clockMs(hour, minute, second, millis int) (int64, bool) {
	if hour > 24 || minute > 59 || second > 59 || hour == 24 && minute+second+millis > 0 {
		return 0, false
	}
	return int64(hour)*msPerHour + int64(minute)*msPerMin + int64(second)*1000 + int64(millis), true
}

// fraction reads up to limit digits of a fraction of a second, and returns its milliseconds.
func (c *cursor) fraction(limit int) (int, bool) {
	n := c.count(limit)
	millis, scale := 0, 100
	for i := range min(n, 3) {
		millis += int(c.b[c.i+i]-'0') * scale
		scale /= 10
	}
	c.i += n
	return millis, n > 0
}

// offset reads Z, ±hh, ±hhmm, ±hh:mm or nothing.
func (c *cursor) offset() (ms int64, there, ok bool) {
	if c.skip('Z') || c.skip('z') {
		return 0, true, true
	}
	sign := int64(1)
	if c.skip('-') {
		sign = -1
	} else if !c.skip('+') {
		return 0, false, true
	}
	hours, ok := c.digits(2)
	if !ok {
		return 0, false, false
	}
	minutes := 0
	if c.skip(':') || c.count(1) > 0 {
		if minutes, ok = c.digits(2); !ok {
			return 0, false, false
		}
	}
	return sign * (int64(hours)*msPerHour + int64(minutes)*msPerMin), true, true
}

// zone reads the name of a zone in brackets, or nothing.
func (c *cursor) zone() (*Zone, bool) {
	if !c.skip('[') {
		return nil, true
	}
	from := c.i
	for c.i < len(c.b) && c.b[c.i] != ']' {
		c.i++
	}
	name := string(c.b[from:c.i])
	if !c.skip(']') || name == "" {
		return nil, false
	}
	z, err := LoadZone(name)
	return z, err == nil
}
