package north

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"oibus/agent/cache"
	"oibus/agent/content"
	"oibus/platform/task"
)

// stranger looks for a point that no item of the source is called after.
func (in *intake) stranger(ctx context.Context, names map[string]int) (point string, found bool, err error) {
	err = in.each(ctx, func(v *content.Value) error {
		id := v.Point()
		if _, ok := names[string(id)]; !ok {
			point, found = string(id), true
			return io.EOF
		}
		return nil
	})
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return point, found, err
}

// each calls f with the time values of the content.
func (in *intake) each(ctx context.Context, f func(*content.Value) error) error {
	r, err := in.content.Open()
	if err != nil {
		return fmt.Errorf("cannot read content: %w", err)
	}
	d := content.NewDecoder(task.Reader(ctx, r))
	var v content.Value
	for err == nil {
		if err = d.Next(&v); err == nil {
			err = f(&v)
		}
	}
	if err == io.EOF {
		err = nil
	}
	return errors.Join(err, r.Close())
}

// distribute passes the elements of the content on to its parts, in slices.
func (in *intake) distribute(ctx context.Context, w way, parts []*part) error {
	defer func() {
		for _, p := range parts {
			p.spool.discard()
		}
	}()
	if err := in.pass(ctx, w, parts); err != nil {
		return err
	}
	empty := true
	for _, p := range parts {
		empty = empty && !p.begun
		if err := p.endSlice(ctx); err != nil {
			return err
		}
	}
	if empty && w.names == nil { // an empty array is a content too
		return parts[0].whole(ctx)
	}
	return nil
}

func (in *intake) pass(ctx context.Context, w way, parts []*part) error {
	if w.names == nil {
		return in.passAll(ctx, parts[0])
	}
	byLink := map[int]*part{}
	for _, p := range parts {
		byLink[p.link] = p
	}
	return in.each(ctx, func(v *content.Value) error {
		if p := byLink[w.names[string(v.Point())]]; p != nil {
			return p.add(ctx, v.Raw)
		}
		return nil // ignored or unwanted
	})
}

// passAll passes on elements of any kind.
func (in *intake) passAll(ctx context.Context, p *part) error {
	r, err := in.content.Open()
	if err != nil {
		return fmt.Errorf("cannot read content: %w", err)
	}
	a := content.NewArray(task.Reader(ctx, r))
	for err == nil {
		var raw []byte
		if raw, err = a.Next(); err == nil {
			err = p.add(ctx, raw)
		}
	}
	if err == io.EOF {
		err = nil
	}
	return errors.Join(err, r.Close())
}

// add appends an element to the slice of p.
func (p *part) add(ctx context.Context, raw []byte) error {
	if p.array == nil {
		if err := p.beginSlice(); err != nil {
			return err
		}
	}
	if err := p.array.Raw(raw); err != nil {
		return err
	}
	if p.max > 0 && p.array.Elements() >= p.max {
		return p.endSlice(ctx)
	}
	return nil
}

func (p *part) beginSlice() error {
	p.begun = true
	var to io.Writer
	if p.how == transformed {
		p.spool = &spool{dir: filepath.Join(p.in.r.temp, partsDir)}
		to = p.spool
	} else {
		d, err := p.in.store.New(p.in.meta(p.in.content.Kind, p.in.content.FileName, cache.InCache))
		if err != nil {
			return err
		}
		p.draft = d
		to = d
	}
	p.array = content.NewArrayWriter(to)
	return nil
}

// endSlice stores the slice of p, if there is one.
func (p *part) endSlice(ctx context.Context) error {
	if p.array == nil {
		return nil
	}
	n, err := p.array.Elements(), p.array.Close()
	p.array = nil
	if err != nil {
		return err
	}
	if p.how == transformed {
		err = p.transformSlice(ctx, n)
	} else {
		err = p.draft.End(n)
		p.draft = nil
	}
	if err == nil {
		err = p.in.commitIfMuch(ctx)
	}
	return err
}

func (p *part) transformSlice(ctx context.Context, n int) error {
	c, err := p.spool.content(p.in.content.Kind, n)
	if err == nil {
		err = p.transform(ctx, c)
	}
	p.spool.discard()
	return err
}

// commitIfMuch makes what was gathered durable when it is much. Where a failure is to leave nothing it is kept in files
// instead.
func (in *intake) commitIfMuch(ctx context.Context) error {
	switch {
	case in.store.Held() < commitBytes:
		return nil
	case in.strict:
		return in.store.Spill()
	}
	return in.store.Commit(ctx)
}
