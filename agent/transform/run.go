package transform

import (
	"context"
	"errors"
	"fmt"
	"io"

	"oibus/agent/content"
)

// checkEvery is after how many rows it is looked whether the work is still wanted.
const checkEvery = 1024

func runArray(fill func(ctx context.Context, out *content.ArrayWriter) error) func(context.Context, io.Writer) (int, error) {
	return func(ctx context.Context, w io.Writer) (int, error) {
		out := content.NewArrayWriter(w)
		if err := fill(ctx, out); err != nil {
			return 0, err
		}
		return out.Elements(), out.Close()
	}
}

// eachTimeValue reads the time values of the input one by one, numbered from 1.
func eachTimeValue(ctx context.Context, in Input, each func(n int, v *content.Value) error) (err error) {
	r, err := in.Content.Open()
	if err != nil {
		return fmt.Errorf("cannot open input: %w", err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	d := content.NewDecoder(r)
	var v content.Value
	for n := 1; ; n++ {
		if n%checkEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if err := d.Next(&v); err == io.EOF {
			return nil
		} else if err != nil {
			return fmt.Errorf("cannot read time value %d: %w", n, err)
		}
		if err := each(n, &v); err != nil {
			return fmt.Errorf("time value %d: %w", n, err)
		}
	}
}
