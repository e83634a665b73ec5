package north

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"sync"

	"oibus/agent/cache"
	"oibus/agent/content"
	"oibus/agent/entity"
	"oibus/agent/transform"
	"oibus/platform/task"
)

// commitBytes is how much of one content is gathered in memory before it is made durable. Of a content whose outcome is
// larger a part may be there after a failure, which is there twice when the source offers it again.
const commitBytes = 8 << 20

// part is what of a content takes one link.
type part struct {
	in          *intake
	link        int
	how         treatment
	transformer transform.Transformer
	broken      error // why the link cannot be followed
	max         int   // elements in one content, 0 for no limit

	draft *cache.Draft // kept: the slice that is being written
	spool *spool       // transformed: the input that is being gathered
	array *content.ArrayWriter
	begun bool // there was an element
}

// asItComes says whether the whole content is stored or transformed in one piece.
func (p *part) asItComes() bool {
	c := &p.in.content
	switch c.Kind {
	case content.TimeValues:
		return p.max == 0 || c.Elements <= p.max
	case content.Setpoints:
		return p.max == 0 || c.Elements <= p.max || p.how == transformed
	}
	return true
}

// whole stores the content in one piece.
func (p *part) whole(ctx context.Context) error {
	if p.how == transformed {
		return p.transform(ctx, p.in.content)
	}
	return p.keep(ctx, p.in.content, cache.InCache)
}

// keep stores c as it is.
func (p *part) keep(ctx context.Context, c content.Content, folder cache.Folder) error {
	r, err := c.Open()
	if err != nil {
		return fmt.Errorf("cannot read content: %w", err)
	}
	d, err := p.in.store.New(p.in.meta(c.Kind, c.FileName, folder))
	if err == nil {
		_, err = copyTo(ctx, d, r)
	}
	if err == nil {
		err = d.End(c.Elements)
	}
	return errors.Join(err, r.Close())
}

var copyBuffers = sync.Pool{New: func() any { b := make([]byte, 64<<10); return &b }}

func copyTo(ctx context.Context, w io.Writer, r io.Reader) (int64, error) {
	buf := copyBuffers.Get().(*[]byte)
	defer copyBuffers.Put(buf)
	return io.CopyBuffer(struct{ io.Writer }{w}, task.Reader(ctx, r), *buf)
}

// transform stores what the transformer makes of c. When it fails c itself is kept in the folder error, or the failure
// is told.
func (p *part) transform(ctx context.Context, c content.Content) error {
	err := p.broken
	if err == nil {
		err = p.run(ctx, c)
	}
	var failure *TransformError
	if !errors.As(err, &failure) || p.in.strict {
		return err // nil, too
	}
	p.in.r.logFailure(failure)
	return p.keep(ctx, c, cache.InError)
}

// run has the transformer write to the cache. What is not the fault of the cache or of a stop is a
// *TransformError.
func (p *part) run(ctx context.Context, c content.Content) error {
	var d *cache.Draft
	var storeErr error
	err := task.Protect("transform for north "+p.in.r.id, func() error {
		plan, err := p.transformer.Plan(ctx, transform.Input{Content: c, Name: p.inputName(c), Source: p.in.source,
			Options: p.in.config.table.links[p.link].Options, Now: p.in.r.o.Now(), NewID: entity.NewID})
		if err != nil {
			return err
		}
		if d, storeErr = p.in.store.New(p.in.meta(plan.Kind, plan.FileName, cache.InCache)); storeErr != nil {
			return storeErr
		}
		w := &outlet{draft: d}
		n, err := plan.Run(ctx, w)
		storeErr = w.err
		if err == nil && storeErr == nil {
			storeErr = d.End(n)
		}
		return err
	})
	if err == nil && storeErr == nil {
		return nil
	}
	if d != nil {
		d.Discard()
	}
	switch {
	case storeErr != nil:
		return storeErr
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return &TransformError{err}
}

// outlet passes what a transformer writes to the cache, and keeps the error of the cache.
type outlet struct {
	draft *cache.Draft
	err   error
}

func (o *outlet) Write(b []byte) (int, error) {
	if o.err != nil {
		return 0, o.err
	}
	n, err := o.draft.Write(b)
	o.err = err
	return n, err
}

// inputName is the file name that a transformer is told: of a file <base>-<10 random characters><ext>.
func (p *part) inputName(c content.Content) string {
	if c.Kind != content.Any {
		return ""
	}
	name := path.Base(strings.ReplaceAll(c.FileName, `\`, "/"))
	if c.FileName == "" {
		name = ""
	}
	base, ext := splitExt(name)
	return base + "-" + entity.NewID(10) + ext
}

// splitExt cuts off the extension: from the last dot on, unless that is the first character.
func splitExt(name string) (base, ext string) {
	if i := strings.LastIndexByte(name, '.'); i > 0 {
		return name[:i], name[i:]
	}
	return name, ""
}
