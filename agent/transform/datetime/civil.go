package datetime

// Times are milliseconds since 1970, days and clocks are counted in the proleptic Gregorian calendar, as everywhere in
// the agent's texts.
const (
	msPerDay  = 24 * 60 * 60 * 1000
	msPerHour = 60 * 60 * 1000
	msPerMin  = 60 * 1000

	// maxInstant is the last instant that the reference knows, the first is as far before 1970.
	maxInstant = 8_640_000_000_000_000
)

// daysOf is the number of days from 1970-01-01 to a date; day may be beyond the end of the month.
func daysOf(year int64, month, day int) int64 {
	if month <= 2 {
		year--
	}
	era := floorDiv(year, 400)
	yearOfEra := year - era*400
	dayOfYear := int64((153*((month+9)%12)+2)/5 + day - 1)
	return era*146097 + yearOfEra*365 + yearOfEra/4 - yearOfEra/100 + dayOfYear - 719468
}

// dateOf is the date that is days after 1970-01-01.
func dateOf(days int64) (year int64, month, day int) {
	days += 719468
	era := floorDiv(days, 146097)
	dayOfEra := days - era*146097
	yearOfEra := (dayOfEra - dayOfEra/1460 + dayOfEra/36524 - dayOfEra/146096) / 365
	dayOfYear := dayOfEra - (365*yearOfEra + yearOfEra/4 - yearOfEra/100)
	shifted := (5*dayOfYear + 2) / 153
	day = int(dayOfYear-(153*shifted+2)/5) + 1
	month = int(shifted) + 3
	if month > 12 {
		month -= 12
	}
	year = yearOfEra + era*400
	if month <= 2 {
		year++
	}
	return year, month, day
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func leap(year int64) bool { return year%4 == 0 && (year%100 != 0 || year%400 == 0) }

var monthLengths = [13]int{0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}

func monthLength(year int64, month int) int {
	if month == 2 && leap(year) {
		return 29
	}
	return monthLengths[month]
}

func yearLength(year int64) int {
	if leap(year) {
		return 366
	}
	return 365
}

// weekdayOf is 1 on Mondays and 7 on Sundays.
func weekdayOf(days int64) int { return int((days%7+10)%7) + 1 }

// weekOf is the ISO week of a day.
func weekOf(days int64) (year int64, week int) {
	thursday := days - int64(weekdayOf(days)) + 4
	year, _, _ = dateOf(thursday)
	return year, int(thursday-daysOf(year, 1, 1))/7 + 1
}

// weekStart is the first day of an ISO week.
func weekStart(year int64, week int) int64 {
	fourth := daysOf(year, 1, 4) // always in week 1
	return fourth - int64(weekdayOf(fourth)) + 1 + int64(week-1)*7
}

func weeksIn(year int64) int {
	_, week := weekOf(daysOf(year, 12, 28)) // always in the last week
	return week
}

// clock is what a clock on the wall shows at ms, in the zone whose offset has been added.
type clock struct {
	days                         int64
	year                         int64
	month, day                   int
	hour, minute, second, millis int
}

func clockOf(ms int64) clock {
	c := clock{days: floorDiv(ms, msPerDay)}
	c.year, c.month, c.day = dateOf(c.days)
	rest := int(ms - c.days*msPerDay)
	c.hour, rest = rest/msPerHour, rest%msPerHour
	c.minute, rest = rest/msPerMin, rest%msPerMin
	c.second, c.millis = rest/1000, rest%1000
	return c
}

// AppendInstant appends the Instant of ms: "2024-01-15T10:00:00.000Z".
func AppendInstant(dst []byte, ms int64) []byte {
	c := clockOf(ms)
	switch {
	case c.year < 0:
		dst = appendPadded(append(dst, '-'), -c.year, 6)
	case c.year > 9999:
		dst = appendPadded(append(dst, '+'), c.year, 6)
	default:
		dst = appendPadded(dst, c.year, 4)
	}
	dst = append2(append(dst, '-'), c.month)
	dst = append2(append(dst, '-'), c.day)
	dst = append2(append(dst, 'T'), c.hour)
	dst = append2(append(dst, ':'), c.minute)
	dst = append2(append(dst, ':'), c.second)
	return append(appendPadded(append(dst, '.'), int64(c.millis), 3), 'Z')
}

func append2(dst []byte, n int) []byte { return append(dst, byte('0'+n/10), byte('0'+n%10)) }

// appendPadded appends n, which is not negative, with at least width digits.
func appendPadded(dst []byte, n int64, width int) []byte {
	var digits [20]byte
	i := len(digits)
	for n > 0 || i > len(digits)-width {
		i--
		digits[i] = byte('0' + n%10)
		n /= 10
	}
	if i == len(digits) {
		return append(dst, '0')
	}
	return append(dst, digits[i:]...)
}

// Precision is what an instant is cut to.
type Precision int64

// The precisions, in milliseconds.
const (
	Millisecond Precision = 1
	Second      Precision = 1000
	Minute      Precision = msPerMin
	Hour        Precision = msPerHour
)

// PrecisionOf is the precision that an option names; "" is a millisecond.
func PrecisionOf(name string) (Precision, bool) {
	p, ok := map[string]Precision{"": Millisecond, "ms": Millisecond, "s": Second, "min": Minute, "hr": Hour}[name]
	return p, ok
}

// Truncate cuts ms to the beginning of its second, minute or hour in UTC, so that the result does not depend on
// where the agent runs.
func (p Precision) Truncate(ms int64) int64 { return floorDiv(ms, int64(p)) * int64(p) }
