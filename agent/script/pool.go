package script

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"oibus/platform/task"
)

// Options of a Pool.
type Options struct {
	// Command is the program that runs Serve, with its arguments.
	Command []string
	// Workers is how many run at once. The default is 2: hostile scripts then leave processors to the rest.
	Workers int
	Log     *slog.Logger
}

// Pool runs scripts in worker processes, which it starts when they are needed. It is safe for concurrent use.
type Pool struct {
	o     Options
	tasks *task.Group
	slots chan struct{} // one for each worker that may run
	cell  chan struct{} // held while a distrusted script runs: never all workers are theirs

	mu     sync.Mutex
	idle   []*worker
	closed bool
	warned bool // that workers are less confined than they could be
	// distrusted are the scripts, by their hash, that used up their time, their memory or their worker when they last ran.
	distrusted map[string]bool
}

// ErrClosed says that the pool was closed.
var ErrClosed = errors.New("scripts do not run any more")

// NewPool returns a pool without any worker yet.
func NewPool(o Options) *Pool {
	if o.Workers <= 0 {
		o.Workers = 2
	}
	p := &Pool{o: o, slots: make(chan struct{}, o.Workers), cell: make(chan struct{}, 1), distrusted: map[string]bool{}}
	p.tasks = task.New(context.Background(), func(name string, err error) { o.Log.Error("task ended", "task", name, "error", err) })
	p.tasks.Go("idle script workers", p.endIdle)
	return p
}

// Job is one execution of a custom transformer.
type Job struct {
	Code, Language string
	Timeout        time.Duration
	Content        []byte
	Source         json.RawMessage
	FileName       string
	Options        json.RawMessage
	// Console receives what the script prints: a level (trace, debug, info, warn, error) and a text.
	Console func(level, text string)
}

// Output is what a transformer returned.
type Output struct {
	Data     []byte
	FileName string
	Elements int
}

// Transform runs a custom transformer. An error of the script is an *Error.
func (p *Pool) Transform(ctx context.Context, j Job) (Output, error) {
	if len(j.Content) > inputLimit {
		return Output{}, failure(MemoryLimit, fmt.Sprintf("the content has %d bytes, a custom transformer takes at most %d in memory", len(j.Content), inputLimit))
	}
	r := request{Code: j.Code, Hash: hash(j.Language, j.Code), Language: j.Language, Timeout: j.Timeout.Milliseconds(),
		Source: j.Source, FileName: j.FileName, Options: j.Options}
	a, body, err := p.run(ctx, r, j.Content, j.Timeout, j.Console)
	return Output{Data: body, FileName: a.FileName, Elements: a.Elements}, err
}

// Evaluate computes the expression of a field process for each value: a text, a number or null. It returns the texts of
// the results, nil for null and undefined. It fails as a whole, with the message of the interpreter.
func (p *Pool) Evaluate(ctx context.Context, expression string, values []any) ([]*string, error) {
	body, err := json.Marshal(values)
	if err != nil {
		return nil, fmt.Errorf("cannot encode values: %w", err)
	}
	if len(body) > inputLimit {
		return nil, fmt.Errorf("the values of one field process have %d bytes, at most %d can be processed at once", len(body), inputLimit)
	}
	r := request{Code: expression, Hash: hash("expression", expression), Expression: true, Timeout: ExpressionTimeout.Milliseconds()}
	_, body, err = p.run(ctx, r, body, ExpressionTimeout, nil)
	var failed *Error
	if errors.As(err, &failed) {
		return nil, errors.New(failed.Message)
	}
	if err != nil {
		return nil, err
	}
	var out []*string
	if err := json.Unmarshal(body, &out); err != nil {
		return nil, fmt.Errorf("cannot decode values: %w", err)
	}
	if len(out) != len(values) {
		return nil, fmt.Errorf("a field process made %d values of %d", len(out), len(values))
	}
	return out, nil
}

func hash(kind, code string) string {
	sum := sha256.Sum256([]byte(kind + "\x00" + code))
	return hex.EncodeToString(sum[:16])
}

// run gives a request to a worker. A worker that did not answer in order is not used again.
func (p *Pool) run(ctx context.Context, r request, body []byte, limit time.Duration, console func(level, text string)) (answer, []byte, error) {
	turns := []chan struct{}{p.slots}
	if p.distrusts(r.Hash) {
		turns = []chan struct{}{p.cell, p.slots}
	}
	for _, turn := range turns {
		select {
		case turn <- struct{}{}:
			defer func() { <-turn }()
		case <-ctx.Done():
			return answer{}, nil, ctx.Err()
		}
	}
	w, err := p.take(ctx)
	if err != nil {
		return answer{}, nil, err
	}
	a, out, reusable, err := w.execute(ctx, r, body, limit, console)
	if reusable {
		p.give(w)
	} else {
		w.kill()
	}
	p.judge(ctx, r.Hash, err, reusable)
	return a, out, err
}

// maxDistrusted bounds how many scripts are remembered: more are not trusted less.
const maxDistrusted = 1000

func (p *Pool) distrusts(script string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.distrusted[script]
}

// judge remembers a script that used up what it was given, until it does well.
func (p *Pool) judge(ctx context.Context, script string, err error, reusable bool) {
	var failed *Error
	exhausted := errors.As(err, &failed) && (failed.Category == Timeout || failed.Category == MemoryLimit)
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case ctx.Err() != nil: // it was not the script that ended it
	case (exhausted || !reusable) && len(p.distrusted) < maxDistrusted:
		p.distrusted[script] = true
	case err == nil:
		delete(p.distrusted, script)
	}
}

func (p *Pool) take(ctx context.Context) (*worker, error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, ErrClosed
	}
	for len(p.idle) > 0 {
		w := p.idle[len(p.idle)-1]
		p.idle = p.idle[:len(p.idle)-1]
		if w.alive() {
			p.mu.Unlock()
			return w, nil
		}
		w.kill()
	}
	p.mu.Unlock()
	w, confined, err := startWorker(ctx, p.tasks, p.o.Command)
	if err != nil {
		return nil, err
	}
	p.warn(confined)
	return w, nil
}

// warn says once why workers can do more than they should.
func (p *Pool) warn(why string) {
	p.mu.Lock()
	first := why != "" && !p.warned
	p.warned = p.warned || first
	p.mu.Unlock()
	if first {
		p.o.Log.Warn("Custom transformers run without the protection of the operating system: " + why)
	}
}

func (p *Pool) give(w *worker) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		w.kill()
		return
	}
	w.idleSince = time.Now()
	p.idle = append(p.idle, w)
}

// endIdle ends workers that nobody needed for a while.
func (p *Pool) endIdle(ctx context.Context) error {
	t := time.NewTicker(idleLimit / 3)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
			p.endOlder(idleLimit)
		}
	}
}

func (p *Pool) endOlder(limit time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	kept := p.idle[:0]
	for _, w := range p.idle {
		if time.Since(w.idleSince) < limit {
			kept = append(kept, w)
		} else {
			w.kill()
		}
	}
	clear(p.idle[len(kept):])
	p.idle = kept
}

// Close ends all workers, also those that run.
func (p *Pool) Close() error {
	p.mu.Lock()
	p.closed = true
	for _, w := range p.idle {
		w.kill()
	}
	p.idle = nil
	p.mu.Unlock()
	return p.tasks.StopAndWait(startTimeout)
}
