package datetime

// years are the fields beside which nothing is taken from now.
const years = 1<<year | 1<<shortYear | 1<<weekYear | 1<<shortWeekYear

func (p *Parser) hasField(f field) bool { return p.has&(1<<f) != 0 }

// instant puts together what was found.
func (p *Parser) instant(matched bool) (int64, bool) {
	if !matched {
		return 0, false
	}
	v := &p.f.values
	switch {
	case p.hasField(unixMs):
		return v[unixMs], v[unixMs] <= maxInstant && v[unixMs] >= -maxInstant
	case p.hasField(unix):
		return v[unix] * 1000, v[unix] <= maxInstant/1000 && v[unix] >= -maxInstant/1000
	}
	var now clock
	if p.has&years == 0 {
		now = clockOf(p.now + p.f.zone.Offset(p.now))
	}
	days, ok := p.days(&now)
	if !ok {
		return 0, false
	}
	clock, ok := p.clock(&now)
	if !ok {
		return 0, false
	}
	wall := days*msPerDay + clock
	if p.hasField(offset) {
		return wall - p.f.offset, true
	}
	return p.f.zone.Instant(wall), true
}

// days is the date. What is larger than the largest part in the format is taken from now, what is smaller is 1.
func (p *Parser) days(now *clock) (int64, bool) {
	v := &p.f.values
	hasYear, hasWeekYear := p.hasField(year) || p.hasField(shortYear), p.hasField(weekYear) || p.hasField(shortWeekYear)
	hasMonth := p.hasField(month) || p.hasField(monthName) || p.hasField(quarter)
	hasWeekday := p.hasField(weekday) || p.hasField(weekdayName)
	dated := hasYear || hasMonth || p.hasField(day) || p.hasField(ordinal)
	if hasWeekYear || p.hasField(week) || hasWeekday && !dated {
		return p.weekDays(now, hasWeekYear, hasWeekday)
	}
	y := now.year
	if hasYear {
		y = v[year]
	}
	var days int64
	if p.hasField(ordinal) {
		if v[ordinal] < 1 || v[ordinal] > int64(yearLength(y)) {
			return 0, false
		}
		days = daysOf(y, 1, 1) + v[ordinal] - 1
	} else {
		m, d := now.month, now.day
		if hasYear {
			m = 1
		}
		if hasYear || hasMonth {
			d = 1
		}
		if hasMonth {
			if m = int(v[month]); p.hasField(quarter) && !p.hasField(month) && !p.hasField(monthName) {
				if v[quarter] < 1 || v[quarter] > 4 {
					return 0, false
				}
				m = int(v[quarter]-1)*3 + 1
			}
		}
		if p.hasField(day) {
			d = int(v[day])
		}
		if m < 1 || m > 12 || d < 1 || d > monthLength(y, m) {
			return 0, false
		}
		days = daysOf(y, m, d)
	}
	return days, !hasWeekday || int64(weekdayOf(days)) == v[weekday]
}

func (p *Parser) weekDays(now *clock, hasYear, hasWeekday bool) (int64, bool) {
	v := &p.f.values
	y, w := weekOf(now.days)
	if hasYear {
		y, w = v[weekYear], 1
	}
	if p.hasField(week) {
		w = int(v[week])
	}
	d := 1
	if hasWeekday {
		d = int(v[weekday])
	}
	if w < 1 || w > weeksIn(y) || d < 1 || d > 7 {
		return 0, false
	}
	return weekStart(y, w) + int64(d) - 1, true
}

// clock is the time of the day. As in dates, what is larger than the largest part in the format is that of now.
func (p *Parser) clock(now *clock) (int64, bool) {
	larger := p.has&dateFields != 0
	part := func(there bool, value int64, ofNow int) int {
		switch {
		case there:
			larger = true
			return int(value)
		case larger:
			return 0
		}
		return ofNow
	}
	v := &p.f.values
	h, ok := p.hour()
	if !ok {
		return 0, false
	}
	hours := part(p.hasField(hour) || p.hasField(hour12), h, now.hour)
	minutes := part(p.hasField(minute), v[minute], now.minute)
	seconds := part(p.hasField(second), v[second], now.second)
	return clockMs(hours, minutes, seconds, part(p.hasField(millis) || p.hasField(fraction), v[millis], now.millis))
}

// dateFields are the fields that are larger than an hour.
const dateFields = 1<<year | 1<<shortYear | 1<<weekYear | 1<<shortWeekYear | 1<<quarter | 1<<month | 1<<week | 1<<day |
	1<<ordinal | 1<<weekday | 1<<monthName | 1<<weekdayName

// hour is the hour of the day. Halves of the day count beside hours of 12 only.
func (p *Parser) hour() (int64, bool) {
	v := &p.f.values
	if p.hasField(hour) || !p.hasField(hour12) {
		return v[hour], true
	}
	h := v[hour12]
	if p.hasField(half) && h <= 12 {
		h = h%12 + 12*v[half]
	}
	return h, v[hour12] <= 12
}
