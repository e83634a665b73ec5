package oianalytics

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"oibus/agent/content"
	"oibus/agent/transform/datetime"
)

// reading is one value of a series.
type reading struct {
	point string
	at    int64  // in milliseconds since 1970
	value []byte // JSON
	unit  string // "" for none
}

// timeValue is a copy of r.
func (r *reading) timeValue() *content.TimeValue {
	data := append([]byte(`{"value":`), r.value...)
	if r.unit != "" {
		data = content.AppendString(append(data, `,"unit":`...), r.unit)
	}
	return &content.TimeValue{PointID: r.point, Timestamp: string(datetime.AppendInstant(nil, r.at)), Data: append(data, '}')}
}

// keep makes r a copy of other.
func (r *reading) keep(other *reading) {
	value := append(r.value[:0], other.value...)
	*r = *other
	r.value = value
}

// parse gives each value of an answer to take. A series has pairs of timestamps and values, and need not have a unit.
func parse(body io.Reader, take func(*reading) error) error {
	zone, err := datetime.LoadZone("")
	if err != nil {
		return err
	}
	series := content.NewArray(body)
	for n := 1; ; n++ {
		element, err := series.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("the answer is no list of time series: %w", err)
		}
		if err := parseSeries(element, zone, take); err != nil {
			return fmt.Errorf("time series %d of the answer: %w", n, err)
		}
	}
}

func parseSeries(element []byte, zone *datetime.Zone, take func(*reading) error) error {
	reference, ok := content.Text(content.Member(content.Member(element, "data"), "reference"))
	if !ok || len(reference) == 0 {
		return errors.New("it has no data.reference")
	}
	unit, _ := content.Text(content.Member(content.Member(element, "unit"), "label"))
	r := &reading{point: string(reference), unit: string(unit)}
	timestamps, err := arrayOf(element, "timestamps")
	if err != nil {
		return err
	}
	values, err := arrayOf(element, "values")
	if err != nil {
		return err
	}
	for {
		timestamp, timeErr := timestamps.Next()
		value, valueErr := values.Next()
		switch {
		case timeErr == io.EOF && valueErr == io.EOF:
			return nil
		case timeErr == io.EOF || valueErr == io.EOF:
			return errors.New("it has not as many timestamps as values")
		case timeErr != nil || valueErr != nil:
			return errors.Join(timeErr, valueErr)
		}
		text, _ := content.Text(timestamp)
		if r.at, ok = datetime.ParseISO(text, zone); !ok {
			return fmt.Errorf("%.100s is no ISO 8601 date", timestamp)
		}
		r.value = value
		if err := take(r); err != nil {
			return err
		}
	}
}

func arrayOf(element []byte, name string) (*content.Array, error) {
	raw := content.Member(element, name)
	if len(raw) == 0 || raw[0] != '[' {
		return nil, fmt.Errorf("it has no list of %s", name)
	}
	return content.NewArray(bytes.NewReader(raw)), nil
}
