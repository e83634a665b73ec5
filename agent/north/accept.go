package north

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"

	"oibus/agent/cache"
	"oibus/agent/content"
	"oibus/agent/entity"
	"oibus/agent/transform"
)

// Levels of logs: what an expert wants stands below debug.
const (
	levelDebug = slog.LevelDebug
	levelTrace = slog.LevelDebug - 4
)

// Option changes what Accept does.
type Option uint8

// ReportFailure makes Accept return a *TransformError, and take nothing, when a content cannot be transformed. Without it
// the content is kept in the folder error as it came, which counts as taken.
const ReportFailure Option = 1

// TransformError says that a content cannot be transformed, whatever the disk does.
type TransformError struct{ Err error }

func (e *TransformError) Error() string { return e.Err.Error() }
func (e *TransformError) Unwrap() error { return e.Err }

// treatment is what a link does to contents.
type treatment int

const (
	unwanted treatment = iota
	ignored
	kept
	transformed
)

// Accept takes a content of a source: it chooses its transformer links, transforms it, and stores the outcome. When it
// returns nil that is durable, or a link says to ignore it. Otherwise nothing of it is there, unless it is larger than
// commitBytes, and the error is ErrNotWanted, a *cache.FullError, a *TransformError, ErrStopped, or trouble of the disk.
func (r *Runner) Accept(ctx context.Context, c content.Content, src content.Source, options ...Option) error {
	if r.gate == nil || !r.gate.enter() {
		return ErrStopped
	}
	defer r.gate.leave()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(r.group.Context(), cancel)()
	in := &intake{r: r, config: r.config.Load(), content: c, source: src, strict: slices.Contains(options, ReportFailure)}
	err := in.takeInTurn(ctx)
	if err == nil {
		r.logSummary(ctx)
		return nil
	}
	if in.store != nil {
		in.store.Discard()
	}
	if errors.Is(err, cache.ErrClosed) || r.group.Context().Err() != nil {
		return ErrStopped
	}
	r.logRefusal(err)
	return err
}

// intake is the course of one Accept.
type intake struct {
	r       *Runner
	config  *config
	content content.Content
	source  content.Source
	strict  bool
	store   *cache.Intake
	wanted  bool // something was stored, or is ignored on purpose
}

// meta describes a content that is stored. A setpoint changes a machine: doing that twice may harm.
func (in *intake) meta(kind content.Kind, name string, folder cache.Folder) cache.Meta {
	return cache.Meta{Kind: kind, FileName: name, Folder: folder, Once: in.source.Origin == content.FromCloud}
}

func (in *intake) takeInTurn(ctx context.Context) error {
	done, err := in.r.large.take(ctx, in.content.Size)
	defer done()
	if err != nil {
		return err
	}
	return in.take(ctx)
}

func (in *intake) take(ctx context.Context) error {
	w := in.config.table.choose(in.content.Kind, &in.source)
	if w.names != nil {
		stranger, found, err := in.stranger(ctx, w.names)
		if err != nil && !malformed(err) { // else it is found out again, where it matters
			return err
		}
		if found {
			in.warnOfStranger(stranger)
			w.names = nil
		}
	}
	parts := in.parts(w)
	if !in.wanted && len(parts) == 0 {
		in.r.log.Log(ctx, levelTrace, fmt.Sprintf("Data type \"%s\" not supported by the connector. Data will be ignored.", in.content.Kind))
		return ErrNotWanted
	}
	if len(parts) == 0 {
		return nil
	}
	var err error
	if in.store, err = in.r.cache.Begin(); err != nil {
		return err
	}
	if w.names == nil && parts[0].asItComes() {
		err = parts[0].whole(ctx)
	} else {
		err = in.distribute(ctx, w, parts)
	}
	if malformed(err) {
		err = in.setAside(ctx, err)
	}
	if err != nil {
		return err
	}
	return in.store.Commit(ctx)
}

// warnOfStranger says that a content is not split because of a point, once a minute.
func (in *intake) warnOfStranger(point string) {
	if w := &in.r.warn; w.due(&w.stranger, in.r.o.Now(), warnPeriod) {
		in.r.log.Warn(fmt.Sprintf("Cannot route point \"%s\" to a transformer: it does not match any source item. "+
			"Routing the whole batch to a single transformer", point))
	}
}

// malformed says whether a content is not the JSON array that it should be.
func malformed(err error) bool {
	var syntax *content.SyntaxError
	return errors.As(err, &syntax) || errors.Is(err, io.ErrUnexpectedEOF)
}

// setAside keeps a malformed content in the folder error, or tells why it cannot be taken.
func (in *intake) setAside(ctx context.Context, err error) error {
	in.store.Discard()
	p := &part{in: in, how: transformed, broken: &TransformError{err}}
	return p.transform(ctx, in.content)
}

// parts are those of the content that are stored, by their links.
func (in *intake) parts(w way) (parts []*part) {
	links := []int{w.link}
	if w.names != nil {
		links = links[:0]
		for _, link := range w.names {
			if !slices.Contains(links, link) {
				links = append(links, link)
			}
		}
		slices.Sort(links)
	}
	for _, link := range links {
		p := &part{in: in, link: link, max: in.config.maxElements()}
		p.how, p.transformer, p.broken = in.treat(link)
		switch p.how {
		case unwanted:
		case ignored:
			in.wanted = true
		default:
			in.wanted = true
			parts = append(parts, p)
		}
	}
	return parts
}

// treat is what a link does. Its error counts like a failure of the transformer.
func (in *intake) treat(link int) (treatment, transform.Transformer, error) {
	if link == none {
		if slices.Contains(in.r.o.Type.Accepts, in.content.Kind) {
			return kept, nil, nil
		}
		return unwanted, nil, nil
	}
	id := in.config.table.links[link].TransformerID
	var t transform.Transformer
	name, ok := "", false
	if in.r.o.Transformer != nil {
		t, name, ok = in.r.o.Transformer(id)
	}
	switch {
	case !ok:
		return transformed, nil, &TransformError{entity.NotFound("Could not find OIBus transformer \"%s\"", id)}
	case name == transform.Keep:
		return kept, nil, nil
	case name == transform.Ignore:
		return ignored, nil, nil
	case t == nil:
		return transformed, nil, &TransformError{fmt.Errorf("transformer \"%s\" cannot be run", name)}
	}
	return transformed, t, nil
}
