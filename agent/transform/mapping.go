package transform

import (
	"context"
	"errors"
	"fmt"
	"io"

	"oibus/agent/content"
)

// target is where a mapped value goes: the members of the output beside it.
type target struct {
	address string // topic, node or register
	coil    bool
}

// mapping reads the option mapping, whose entries are found by the text key. Of entries with the same key the first
// counts, or the last.
func (o *options) mapping(key string, last bool, read func(*options) target) map[string]target {
	targets := map[string]target{}
	for _, row := range o.rows("mapping") {
		k := row.text(key)
		if _, there := targets[k]; !there || last {
			targets[k] = read(row)
		}
	}
	return targets
}

func mqttTarget(o *options) target { return target{address: o.text("topic")} }

func opcuaTarget(o *options) target { return target{address: o.text("nodeId")} }

func modbusTarget(o *options) target {
	return target{address: o.text("address"), coil: o.choice("modbusType", "", "coil", "register") == "coil"}
}

// write appends the output for one value: v, the element of time values, is nil for setpoints. scratch is at its
// disposal.
type write func(dst []byte, to target, value []byte, v *content.Value, scratch *[]byte) ([]byte, error)

// mapped makes transformers of time values and setpoints whose elements are written to targets (data-plane.md, 7.3 and
// 7.4). What is not mapped is not for this north, and dropped.
type mapped struct {
	kind      content.Kind
	setpoints bool
	read      func(*options) target
	write     write
}

func (m mapped) Plan(_ context.Context, in Input) (Plan, error) {
	o := readOptions(in.Options)
	key := "pointId"
	if m.setpoints {
		key = "reference"
	}
	targets := o.mapping(key, m.setpoints, m.read)
	if *o.err != nil {
		return Plan{}, *o.err
	}
	return arrayPlan(in, m.kind, func(ctx context.Context, out *content.ArrayWriter) error {
		var buf, scratch []byte
		add := func(key, value []byte, v *content.Value) error {
			to, ok := targets[string(key)]
			if !ok {
				return nil
			}
			var err error
			if buf, err = m.write(buf[:0], to, value, v, &scratch); err != nil {
				return fmt.Errorf("%q: %w", key, err)
			}
			return out.Raw(buf)
		}
		if m.setpoints {
			return eachSetpoint(ctx, in, func(reference, value []byte) error { return add(reference, value, nil) })
		}
		return eachTimeValue(ctx, in, func(_ int, v *content.Value) error { return add(v.Point(), v.Value(), v) })
	}), nil
}

// eachSetpoint reads the setpoints of the input one by one.
func eachSetpoint(ctx context.Context, in Input, each func(reference, value []byte) error) (err error) {
	r, err := in.Content.Open()
	if err != nil {
		return fmt.Errorf("cannot open input: %w", err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	a := content.NewArray(r)
	for n := 1; ; n++ {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		raw, err := a.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("cannot read setpoint %d: %w", n, err)
		}
		reference, ok := content.Text(content.Member(raw, "reference"))
		if !ok {
			return fmt.Errorf("setpoint %d has no reference: %s", n, cut(raw))
		}
		if err := each(reference, content.Member(raw, "value")); err != nil {
			return fmt.Errorf("setpoint %d: %w", n, err)
		}
	}
}
