package datetime

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"
)

// Type is how a point in time is spelled, or which type a database has for it (appendix A).
type Type string

// The types.
const (
	ISOString      Type = "iso-string"
	UnixEpoch      Type = "unix-epoch"
	UnixEpochMs    Type = "unix-epoch-ms"
	String         Type = "string" // by format, zone and locale
	Date           Type = "date"
	SmallDateTime  Type = "small-date-time"
	DateTime       Type = "date-time"
	DateTime2      Type = "date-time-2"
	DateTimeOffset Type = "date-time-offset"
	Timestamp      Type = "timestamp"
	TimestampTZ    Type = "timestamptz"
)

// Spec is a spelling, as settings describe it. Timezone and Format count where the type needs them; no time zone is
// that of the agent.
type Spec struct {
	Type     Type
	Timezone string
	Format   string
	Locale   string
}

// Error is a value that is no point in time, in the reference's words.
type Error struct {
	Value  string
	Type   Type
	Reason string
}

// shown is how much of a value stands in an error, in bytes.
const shown = 100

func (e *Error) Error() string {
	if e.Type == "" {
		return fmt.Sprintf("%s: %s", e.Reason, quote(e.Value))
	}
	return fmt.Sprintf("Failed to convert %s to Instant for type %q: %s: %s", quote(e.Value), e.Type, e.Reason, quote(e.Value))
}

func quote(value string) string {
	if len(value) > shown {
		value = value[:shown] + "…"
	}
	return `"` + value + `"`
}

// Input turns values into instants. It is not safe for concurrent use.
type Input struct {
	spec   Spec
	parser *Parser
	zone   *Zone
}

// NewInput reads values of spec. No type means ISO text.
func NewInput(spec Spec, now time.Time) (*Input, error) {
	in := &Input{spec: spec}
	var err error
	switch spec.Type {
	case "", ISOString:
		in.zone, err = LoadZone("")
	case UnixEpoch, UnixEpochMs, DateTimeOffset, Timestamp, TimestampTZ:
	case Date, SmallDateTime, DateTime, DateTime2:
		in.zone, err = LoadZone(spec.Timezone)
	case String:
		in.parser, err = NewParser(spec.Format, spec.Timezone, spec.Locale, now.UnixMilli())
	default:
		err = fmt.Errorf("unsupported date type %q", spec.Type)
	}
	if err != nil {
		return nil, err
	}
	return in, nil
}

func (in *Input) fail(value, reason string) error {
	return &Error{Value: value, Type: in.spec.Type, Reason: reason}
}

// Text is the instant that a text stands for.
func (in *Input) Text(text []byte) (int64, error) {
	switch in.spec.Type {
	case "":
		if ms, ok := ParseISO(text, in.zone); ok {
			return ms, nil
		}
		return 0, in.fail(string(text), "The value must be a valid ISO string if no type is provided")
	case ISOString:
		if ms, ok := ParseISO(text, in.zone); ok {
			return ms, nil
		}
		return 0, in.fail(string(text), "The value is no ISO 8601 date")
	case String:
		if ms, ok := in.parser.Parse(text); ok {
			return ms, nil
		}
		return 0, in.fail(string(text), fmt.Sprintf("The value is no date in the format %q", in.spec.Format))
	case UnixEpoch, UnixEpochMs:
		return in.epoch(text)
	}
	return 0, in.fail(string(text), fmt.Sprintf("The value must be a Date object for type %q", in.spec.Type))
}

// epoch reads a number that is spelled as a text: its whole part counts, as in the reference, but there must be nothing
// else in the text, so that "2024-01-15" is not the year 1970.
func (in *Input) epoch(text []byte) (int64, error) {
	v, err := strconv.ParseFloat(string(bytes.TrimSpace(text)), 64)
	if err != nil || math.IsInf(v, 0) || math.IsNaN(v) {
		return 0, in.fail(string(text), fmt.Sprintf("The value must be a number or numeric string for type %q", in.spec.Type))
	}
	return in.Number(math.Trunc(v))
}

// Number is the instant that a number stands for.
func (in *Input) Number(v float64) (int64, error) {
	shown := func() string { return strconv.FormatFloat(v, 'f', -1, 64) }
	ms := v
	switch in.spec.Type {
	case UnixEpoch:
		ms *= 1000
	case UnixEpochMs:
	case ISOString:
		return 0, in.fail(shown(), `The value must be a string for type "iso-string"`)
	case "", String:
		return in.Text([]byte(shown()))
	default:
		return 0, in.fail(shown(), fmt.Sprintf("The value must be a Date object for type %q", in.spec.Type))
	}
	if !(math.Abs(ms) <= maxInstant) {
		return 0, in.fail(shown(), "The value is out of range")
	}
	return int64(math.Floor(ms + halfUlp)), nil
}

// halfUlp is what a product of seconds in floating point may be short of the whole millisecond that is meant.
const halfUlp = 0.0005

// Driver is the instant of what a driver of a database returned. Types without a zone show the clocks of the zone of
// the settings.
func (in *Input) Driver(t time.Time) (int64, error) {
	switch in.spec.Type {
	case Date, SmallDateTime, DateTime, DateTime2:
		return in.zone.Instant(t.UnixMilli()), nil
	case DateTimeOffset, Timestamp, TimestampTZ:
		return t.UnixMilli(), nil
	}
	return 0, in.fail(t.UTC().Format(time.RFC3339Nano), fmt.Sprintf("The value must be a string for type %q", in.spec.Type))
}

// Output writes instants as a type wants them. It is not safe for concurrent use.
type Output struct {
	spec      Spec
	formatter *Formatter
}

// formats are those of the types that a database has.
var formats = map[Type]string{
	Date: "yyyy-MM-dd", SmallDateTime: "yyyy-MM-dd HH:mm:ss",
	DateTime: "yyyy-MM-dd HH:mm:ss.SSS", DateTime2: "yyyy-MM-dd HH:mm:ss.SSS", Timestamp: "yyyy-MM-dd HH:mm:ss.SSS",
}

// NewOutput writes instants as spec says.
func NewOutput(spec Spec) (*Output, error) {
	o := &Output{spec: spec}
	format := formats[spec.Type]
	if spec.Type == String {
		if format = spec.Format; format == "" {
			return nil, errors.New("a format is needed")
		}
	}
	if format == "" {
		return o, nil
	}
	var err error
	o.formatter, err = NewFormatter(format, spec.Timezone, spec.Locale)
	if err != nil {
		return nil, err
	}
	return o, nil
}

// Number says whether what is written is a number.
func (o *Output) Number() bool { return o.spec.Type == UnixEpoch || o.spec.Type == UnixEpochMs }

// Unchanged says whether what is written is the Instant itself.
func (o *Output) Unchanged() bool { return o.formatter == nil && !o.Number() }

// Append appends ms as the type wants it.
func (o *Output) Append(dst []byte, ms int64) []byte {
	switch {
	case o.formatter != nil:
		return o.formatter.Append(dst, ms)
	case o.spec.Type == UnixEpoch:
		return strconv.AppendInt(dst, floorDiv(ms, 1000), 10)
	case o.spec.Type == UnixEpochMs:
		return strconv.AppendInt(dst, ms, 10)
	}
	return AppendInstant(dst, ms)
}
