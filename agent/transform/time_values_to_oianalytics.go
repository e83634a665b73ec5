package transform

import (
	"context"
	"fmt"

	"oibus/agent/content"
	"oibus/agent/transform/datetime"
)

// timeValuesToOIAnalytics keeps what OIAnalytics reads and cuts timestamps (data-plane.md, 7.1). They are cut in UTC
// wherever the agent runs, and one that is no ISO text is an error where it must be cut.
type timeValuesToOIAnalytics struct{}

func (timeValuesToOIAnalytics) Plan(_ context.Context, in Input) (Plan, error) {
	o := readOptions(in.Options)
	precision := named(o, "precision", "", datetime.PrecisionOf)
	if *o.err != nil {
		return Plan{}, *o.err
	}
	local, err := datetime.LoadZone("")
	if err != nil {
		return Plan{}, err
	}
	return arrayPlan(in, content.OIAnalytics, func(ctx context.Context, out *content.ArrayWriter) error {
		var v *content.Value
		var instant []byte
		element := func(dst []byte) []byte { return appendOIAnalytics(dst, v, instant) }
		return eachTimeValue(ctx, in, func(_ int, value *content.Value) error {
			v = value
			instant = instant[:0]
			if precision != datetime.Millisecond && v.Timestamp != nil {
				ms, ok := datetime.ParseISO(v.Instant(), local)
				if !ok {
					return fmt.Errorf("the timestamp %s of point %q is no ISO 8601 date", cut(v.Timestamp), v.Point())
				}
				instant = datetime.AppendInstant(instant, precision.Truncate(ms))
			}
			return out.Append(element)
		})
	}), nil
}

// appendOIAnalytics appends v with the timestamp instant, its own when that is empty. What is missing stays so.
func appendOIAnalytics(dst []byte, v *content.Value, instant []byte) []byte {
	dst = append(dst, '{')
	if v.PointID != nil {
		dst = append(appendJSON(append(dst, `"pointId":`...), v.PointID), ',')
	}
	if len(instant) > 0 {
		dst = append(append(append(dst, `"timestamp":"`...), instant...), '"', ',')
	} else if v.Timestamp != nil {
		dst = append(appendJSON(append(dst, `"timestamp":`...), v.Timestamp), ',')
	}
	dst = append(dst, `"data":{`...)
	if value := v.Value(); value != nil {
		dst = appendJSON(append(dst, `"value":`...), value)
	}
	return append(dst, '}', '}')
}
