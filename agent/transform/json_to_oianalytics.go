package transform

import (
	"context"
	"errors"
	"fmt"

	"oibus/agent/content"
	"oibus/agent/transform/datetime"
)

// jsonToOIAnalytics makes a time value of each row that is found in JSON (data-plane.md, 7.6). Other than in the
// reference a row without an id is an error, as is a timestamp that does not parse, and one of 0 is 1970; rows without
// a timestamp are of now, as there.
type jsonToOIAnalytics struct{}

func (jsonToOIAnalytics) Plan(_ context.Context, in Input) (Plan, error) {
	o := readOptions(in.Options)
	rows := jsonRows{rows: o.jsonPath("rowIteratorPath")}
	for _, name := range []string{"pointId", "value", "timestamp"} {
		rows.fields = append(rows.fields, o.jsonPath(name))
	}
	input, err := datetime.NewInput(o.instantSpec("datetimeSettings", "input"), in.Now)
	if err != nil {
		o.fail("datetimeSettings", "%v", err)
	}
	precision := named(o.group("datetimeSettings"), "outputPrecision", "", datetime.PrecisionOf)
	if *o.err != nil {
		return Plan{}, *o.err
	}
	return arrayPlan(in, content.OIAnalytics, func(ctx context.Context, out *content.ArrayWriter) error {
		var id []byte
		return rows.each(ctx, in, func(_ int, values [][]byte) error {
			if isNull(values[0]) || values[0][0] == '{' || values[0][0] == '[' {
				return errors.New("pointId: there is no id")
			}
			id = appendCell(id[:0], values[0])
			ms := in.Now.UnixMilli()
			if !isNull(values[2]) {
				var err error
				if ms, err = instantOfJSON(input, values[2]); err != nil {
					return fmt.Errorf("timestamp: %w", err)
				}
			}
			return out.Append(func(dst []byte) []byte {
				dst = appendText(append(dst, `{"pointId":`...), id)
				dst = append(dst, `,"timestamp":"`...)
				dst = append(datetime.AppendInstant(dst, precision.Truncate(ms)), `","data":{`...)
				if values[1] != nil {
					dst = appendJSON(append(dst, `"value":`...), values[1])
				}
				return append(dst, '}', '}')
			})
		})
	}), nil
}
