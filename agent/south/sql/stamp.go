package sql

import "time"

// parseStamp reads a date as the servers spell it: 2024-01-15, 2024-01-15 10:00:00 or 2024-01-15 10:00:00.123456+02,
// the offset with minutes and seconds or without. fine is what it has beyond milliseconds, in nanoseconds; zoned says that
// there was an offset, which ms then counts.
func parseStamp(text []byte) (ms int64, fine int, zoned, ok bool) {
	p := stampParser{text: text}
	year, long := p.number(4, 6), len(text) > 0
	p.expect('-')
	month := p.number(2, 2)
	p.expect('-')
	day := p.number(2, 2)
	if p.bad || !long || month < 1 || month > 12 || day < 1 || day > 31 {
		return 0, 0, false, false
	}
	var hour, minute, second, nano, offset int
	if p.i < len(text) {
		if text[p.i] != ' ' && text[p.i] != 'T' {
			return 0, 0, false, false
		}
		p.i++
		hour = p.number(2, 2)
		p.expect(':')
		minute = p.number(2, 2)
		p.expect(':')
		second = p.number(2, 2)
		nano = p.fraction()
		offset, zoned = p.offset()
	}
	if p.bad || p.i != len(text) || hour > 24 || minute > 59 || second > 60 {
		return 0, 0, false, false
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, nano, time.UTC)
	if _, m, d := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC).Date(); int(m) != month || d != day { // 30 February
		return 0, 0, false, false
	}
	return t.UnixMilli() - int64(offset)*1000, nano % int(time.Millisecond), zoned, true
}

type stampParser struct {
	text []byte
	i    int
	bad  bool
}

func (p *stampParser) number(least, most int) int {
	n, start := 0, p.i
	for p.i < len(p.text) && p.i-start < most && p.text[p.i] >= '0' && p.text[p.i] <= '9' {
		n = n*10 + int(p.text[p.i]-'0')
		p.i++
	}
	p.bad = p.bad || p.i-start < least
	return n
}

func (p *stampParser) expect(c byte) {
	if p.i < len(p.text) && p.text[p.i] == c {
		p.i++
		return
	}
	p.bad = true
}

// fraction is that of a second in nanoseconds, 0 when there is none.
func (p *stampParser) fraction() int {
	if p.i == len(p.text) || p.text[p.i] != '.' {
		return 0
	}
	p.i++
	start, nano := p.i, 0
	for scale := int(time.Second) / 10; p.i < len(p.text) && p.text[p.i] >= '0' && p.text[p.i] <= '9'; scale /= 10 {
		nano += int(p.text[p.i]-'0') * scale
		p.i++
	}
	p.bad = p.bad || p.i == start
	return nano
}

// offset is what a clock is ahead of UTC, in seconds.
func (p *stampParser) offset() (seconds int, any bool) {
	if p.i == len(p.text) {
		return 0, false
	}
	sign := 1
	switch p.text[p.i] {
	case 'Z':
		p.i++
		return 0, true
	case '-':
		sign = -1
	case '+':
	default:
		p.bad = true
		return 0, false
	}
	p.i++
	for unit := 3600; unit > 0; unit /= 60 {
		seconds += p.number(2, 2) * unit
		if p.i == len(p.text) || p.text[p.i] != ':' || unit == 1 {
			break
		}
		p.i++
	}
	return sign * seconds, true
}
