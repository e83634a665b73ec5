package transform

import (
	"context"
	"errors"
	"fmt"
	"io"

	"oibus/agent/content"
)

// timeValuesToJSON is the array as a file (data-plane.md, 7.3). Its elements are not counted: it is a file, and the
// north sends it as one.
type timeValuesToJSON struct{}

func (timeValuesToJSON) Plan(_ context.Context, in Input) (Plan, error) {
	run := runArray(func(ctx context.Context, out *content.ArrayWriter) (err error) {
		r, err := in.Content.Open()
		if err != nil {
			return fmt.Errorf("cannot open input: %w", err)
		}
		defer func() { err = errors.Join(err, r.Close()) }()
		var element []byte
		add := func(dst []byte) []byte { return appendJSON(dst, element) }
		a := content.NewArray(r)
		for n := 1; ; n++ {
			if n%checkEvery == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
			if element, err = a.Next(); err == io.EOF {
				return nil
			} else if err != nil {
				return fmt.Errorf("cannot read time value %d: %w", n, err)
			}
			if err := out.Append(add); err != nil {
				return err
			}
		}
	})
	return Plan{Kind: content.Any, FileName: arrayName(in), Run: func(ctx context.Context, w io.Writer) (int, error) {
		_, err := run(ctx, w)
		return 0, err
	}}, nil
}
