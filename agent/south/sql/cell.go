package sql

import (
	"encoding/json"
	"math"
	"strconv"

	"oibus/agent/content"
	"oibus/agent/transform/datetime"
)

// As says what a Cell holds.
type As uint8

// What a cell may hold.
const (
	Null    As = iota
	Text       // Text, in UTF-8 or any bytes
	Digits     // Text, which spells a number
	Integer    // Int
	Float      // Float
	Boolean    // Int, 0 or 1
	Time       // Int, milliseconds since 1970
	NoTime     // Text, of a date column that holds no date, such as infinity
)

// Cell is one value of a row. Its Text holds until the next row is read.
type Cell struct {
	As    As
	Text  []byte
	Int   int64
	Float float64
	Fine  int // of a Time: nanoseconds beyond the milliseconds, which no file shows
}

// appendTo writes the value as it stands in a file when its column is not declared as a date.
func (c *Cell) appendTo(dst []byte) []byte {
	switch c.As {
	case Integer:
		return strconv.AppendInt(dst, c.Int, 10)
	case Float:
		return appendFloat(dst, c.Float)
	case Boolean:
		return strconv.AppendBool(dst, c.Int != 0)
	case Time:
		return datetime.AppendInstant(dst, c.Int)
	}
	return append(dst, c.Text...)
}

// appendMark writes what tells the value from others.
func (c *Cell) appendMark(dst []byte) []byte {
	dst = c.appendTo(append(dst, byte(c.As)))
	if c.As == Time {
		dst = strconv.AppendInt(append(dst, '+'), int64(c.Fine), 10)
	}
	return append(dst, 0)
}

// appendFloat writes a number as JavaScript does.
func appendFloat(dst []byte, v float64) []byte {
	switch {
	case math.IsNaN(v):
		return append(dst, "NaN"...)
	case math.IsInf(v, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(v, -1):
		return append(dst, "-Infinity"...)
	case v == math.Trunc(v) && math.Abs(v) < 1<<53: // much faster, and the same
		return strconv.AppendInt(dst, int64(v), 10)
	}
	if size := math.Abs(v); size >= 1e-6 && size < 1e21 {
		return strconv.AppendFloat(dst, v, 'f', -1, 64)
	}
	dst = strconv.AppendFloat(dst, v, 'e', -1, 64)
	if n := len(dst); dst[n-2] == '0' && dst[n-3] == '-' { // e-07
		dst = append(dst[:n-2], dst[n-1])
	}
	return dst
}

// SetText sets the cell to a text.
func (c *Cell) SetText(text []byte) { c.As, c.Text = Text, text }

// SetFloat32 sets the cell to a number of single precision, without the digits that it only seems to have in double
// precision.
func (c *Cell) SetFloat32(v float32) {
	c.As, c.Float = Float, float64(v)
	if short, err := strconv.ParseFloat(strconv.FormatFloat(float64(v), 'g', -1, 32), 64); err == nil {
		c.Float = short
	}
}

// maxExact is how many digits a number may have to be the same in floating point.
const maxExact = 15

// SetDecimal sets the cell to an exact number that is spelled in text, as the number that JavaScript would make of it
// when that has all its digits.
func (c *Cell) SetDecimal(text []byte) {
	c.As, c.Text = Digits, text
	digits := 0
	for _, b := range text {
		if b >= '0' && b <= '9' {
			digits++
		}
	}
	if digits > maxExact {
		return
	}
	if v, err := strconv.ParseFloat(string(text), 64); err == nil {
		c.As, c.Float = Float, v
	}
}

// SetStamp sets the cell to the date that a server spelled, on a clock of zone, or of UTC when that is nil.
func (c *Cell) SetStamp(text []byte, zone *datetime.Zone) {
	ms, fine, zoned, ok := parseStamp(text)
	switch {
	case !ok:
		c.As, c.Text = NoTime, text
		return
	case !zoned && zone != nil:
		ms = zone.Instant(ms)
	}
	c.As, c.Int, c.Fine = Time, ms, fine
}

// maxShown is how much of a text is shown in the last value, in bytes.
const maxShown = 1024

// appendJSON writes the value as it is shown in the last value.
func (c *Cell) appendJSON(dst []byte) []byte {
	switch c.As {
	case Null:
		return append(dst, "null"...)
	case Integer, Boolean:
		return c.appendTo(dst)
	case Float:
		return content.AppendNumber(dst, c.Float)
	case Time:
		return append(datetime.AppendInstant(append(dst, '"'), c.Int), '"')
	}
	text := c.Text
	if c.As == Digits && len(text) <= maxShown && json.Valid(text) {
		return append(dst, text...)
	}
	if len(text) > maxShown {
		text = append(text[:maxShown:maxShown], "…"...)
	}
	return content.AppendString(dst, string(text))
}
