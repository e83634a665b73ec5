package content

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
)

// Value is one time value as it stands in its array: each field is the JSON of the member, nil when it is missing.
// It is valid until the next call of Next.
type Value struct {
	Raw                      []byte // the whole element
	PointID, Timestamp, Data []byte
}

// Point is the text of the point's id. One that is not a text, as a script may make it, is taken as it stands.
func (v *Value) Point() []byte { return textOr(v.PointID) }

// Instant is the text of the timestamp, empty when it is missing or null.
func (v *Value) Instant() []byte {
	if bytes.Equal(v.Timestamp, null) {
		return nil
	}
	return textOr(v.Timestamp)
}

var null = []byte("null")

func textOr(token []byte) []byte {
	if t, ok := Text(token); ok {
		return t
	}
	return token
}

// Value is the member "value" of the data, as it stands, nil when it is missing.
func (v *Value) Value() []byte { return Member(v.Data, "value") }

// TimeValue is a copy of v.
func (v *Value) TimeValue() TimeValue {
	return TimeValue{PointID: string(v.Point()), Timestamp: string(v.Instant()), Data: bytes.Clone(v.Data)}
}

// Decoder reads an array of time values one by one. It is not safe for concurrent use.
type Decoder struct{ a *Array }

// NewDecoder reads time values from r.
func NewDecoder(r io.Reader) *Decoder { return &Decoder{NewArray(r)} }

// Next fills v with the next time value; io.EOF is behind the last one. An element that is no object is an error,
// members of other names are let through in Raw.
func (d *Decoder) Next(v *Value) error {
	var start, end int
	err := d.a.parse(func(b []byte, i int) (int, error) {
		*v = Value{}
		if b[i] != '{' {
			return i, bad(i, "no time value")
		}
		var err error
		start = i
		end, err = members(b, i, 1, v.take)
		return end, err
	})
	if err != nil {
		*v = Value{}
		return err
	}
	v.Raw = d.a.buf[start:end]
	return nil
}

func (v *Value) take(name, value []byte) {
	switch {
	case isName(name, "pointId"):
		v.PointID = value
	case isName(name, "timestamp"):
		v.Timestamp = value
	case isName(name, "data"):
		v.Data = value
	}
}

// ReadTimeValues reads at most limit time values into memory.
func ReadTimeValues(r io.Reader, limit int) ([]TimeValue, error) {
	var values []TimeValue
	d := NewDecoder(r)
	for v := (Value{}); ; {
		if err := d.Next(&v); err == io.EOF {
			return values, nil
		} else if err != nil {
			return nil, err
		}
		if len(values) == limit {
			return nil, fmt.Errorf("more than %d time values", limit)
		}
		values = append(values, v.TimeValue())
	}
}

// ReadSetpoints reads at most limit setpoints into memory.
func ReadSetpoints(r io.Reader, limit int) ([]Setpoint, error) {
	var setpoints []Setpoint
	for a := NewArray(r); ; {
		raw, err := a.Next()
		if err == io.EOF {
			return setpoints, nil
		}
		if err != nil {
			return nil, err
		}
		if len(setpoints) == limit {
			return nil, fmt.Errorf("more than %d setpoints", limit)
		}
		var s Setpoint
		if err := json.Unmarshal(raw, &s); err != nil {
			return nil, fmt.Errorf("cannot read setpoint %d: %w", len(setpoints)+1, err)
		}
		setpoints = append(setpoints, s)
	}
}
