package transform

import (
	"context"
	"fmt"
	"io"

	"oibus/agent/content"
	"oibus/agent/transform/datetime"
)

// timeValuesToCSV writes one row for each time value: point id, timestamp, value (data-plane.md, 7.2). A timestamp that
// must be converted and is no ISO text is an error.
type timeValuesToCSV struct{ expressions Expressions }

func (t timeValuesToCSV) Plan(_ context.Context, in Input) (Plan, error) {
	o := readOptions(in.Options)
	r := timeValuesToCSVRun{in: in, file: o.csvOutput(in)}
	r.titles = [3]string{o.text("pointIdColumnTitle"), o.text("timestampColumnTitle"), o.text("valueColumnTitle")}
	spec := datetime.Spec{Type: datetime.Type(o.textOr("timestampType", ""))}
	if spec.Type != "" {
		o.choice("timestampType", "", instantTypes...)
	}
	if spec.Type == datetime.String {
		spec.Format, spec.Timezone = o.text("timestampFormat"), o.textOr("timezone", "")
	}
	r.process = o.process("pointIdProcess", t.expressions)
	if *o.err != nil {
		return Plan{}, *o.err
	}
	var err error
	if r.instant, err = datetime.NewOutput(spec); err != nil {
		return Plan{}, optionError("timestampFormat", err)
	}
	if r.zone, err = datetime.LoadZone(""); err != nil {
		return Plan{}, err
	}
	return Plan{Kind: content.Any, FileName: r.file.name, Run: r.run}, nil
}

type timeValuesToCSVRun struct {
	in      Input
	file    csvOutput
	titles  [3]string
	instant *datetime.Output
	zone    *datetime.Zone
	process *process

	scratch []byte
}

func (r *timeValuesToCSVRun) run(ctx context.Context, w io.Writer) (int, error) {
	s := newSheet(w, r.file, r.titles[:], []*process{r.process, nil, nil})
	err := eachTimeValue(ctx, r.in, func(_ int, v *content.Value) error {
		s.json(0, v.PointID)
		if err := r.timestamp(s, v); err != nil {
			return err
		}
		s.json(2, v.Value())
		return s.end(ctx)
	})
	if err != nil {
		return 0, err
	}
	return 0, s.close(ctx)
}

func (r *timeValuesToCSVRun) timestamp(s *sheet, v *content.Value) error {
	stamp := v.Instant()
	if len(stamp) == 0 || r.instant.Unchanged() {
		s.text(1, stamp)
		return nil
	}
	ms, ok := datetime.ParseISO(stamp, r.zone)
	if !ok {
		return fmt.Errorf("the timestamp %s of point %q is no ISO 8601 date", cut(v.Timestamp), v.Point())
	}
	r.scratch = r.instant.Append(r.scratch[:0], ms)
	s.text(1, r.scratch)
	return nil
}
