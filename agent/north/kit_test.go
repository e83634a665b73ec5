package north

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"oibus/agent/cache"
	"oibus/agent/content"
	"oibus/agent/entity"
	"oibus/agent/transform"
)

// delivered is what a target got.
type delivered struct {
	kind     content.Kind
	name     string
	elements int
	data     string
}

// target is a connector whose far side is a slice.
type target struct {
	mu        sync.Mutex
	sent      []delivered
	tries     int
	tryTimes  []time.Time
	answer    func(try int, d delivered) error // asked before a content counts as sent
	connect   func(n int) error
	hold      chan struct{} // when not nil, Send waits for it or for the end of its context
	deaf      bool          // hold is waited for even when the context has ended
	noRead    bool
	connects  int
	leaves    int
	env       Env
	sendStart chan struct{}
}

func newTarget() *target { return &target{sendStart: make(chan struct{}, 1000)} }

func (g *target) kind(accepts ...content.Kind) Type {
	return Type{ID: "fake", Accepts: accepts, New: func(e Env) (Connector, error) {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.env = e
		return fake{g, nil}, nil
	}}
}

type fake struct {
	*target
	Connector
}

func (f fake) Connect(context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.connects++
	if f.target.connect != nil {
		return f.target.connect(f.connects)
	}
	return nil
}

func (f fake) Disconnect(context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.leaves++
	return nil
}

func (f fake) Send(ctx context.Context, d Delivery) error {
	got := delivered{kind: d.Kind, name: d.Name, elements: d.Elements}
	if !f.noRead {
		r := d.Open()
		data, err := io.ReadAll(r)
		if err = errors.Join(err, r.Close()); err != nil {
			return err
		}
		got.data = string(data)
	}
	f.mu.Lock()
	f.tries++
	try, hold, deaf := f.tries, f.hold, f.deaf
	f.tryTimes = append(f.tryTimes, time.Now())
	f.mu.Unlock()
	select {
	case f.sendStart <- struct{}{}:
	default:
	}
	if hold != nil {
		done := ctx.Done()
		if deaf {
			done = nil
		}
		select {
		case <-hold:
		case <-done:
			return ctx.Err()
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.answer != nil {
		if err := f.answer(try, got); err != nil {
			return err
		}
	}
	f.sent = append(f.sent, got)
	return nil
}

func (g *target) list() []delivered {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]delivered(nil), g.sent...)
}

func (g *target) names() (all []string) {
	for _, d := range g.list() {
		all = append(all, d.name)
	}
	return all
}

func (g *target) set(change func(*target)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	change(g)
}

// logs collects what is logged.
type logs struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logs) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *logs) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (l *logs) count(what string) int { return strings.Count(l.text(), what) }

func (l *logs) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: levelTrace,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}}))
}

// north is one that sends at once, and tries again after some milliseconds.
func north() entity.North {
	n := entity.North{Connector: entity.Connector{Name: "To cloud", Type: "fake", Enabled: true}}
	n.ID = "n1N2n3"
	n.Caching.Trigger = entity.CachingTrigger{ScanModeID: "minute", NumberOfElements: 1, NumberOfFiles: 1}
	n.Caching.Throttling.MaxNumberOfElements = 10000
	n.Caching.Error = entity.CachingError{RetryInterval: 20, RetryCount: 3}
	return n
}

// onTick is one that sends at ticks only.
func onTick() entity.North {
	n := north()
	n.Caching.Trigger.NumberOfElements, n.Caching.Trigger.NumberOfFiles = 0, 0
	return n
}

var allKinds = []content.Kind{content.Any, content.TimeValues, content.Setpoints, content.OIAnalytics}

// run starts a Runner in dir and stops it at the end of the test.
func run(t testing.TB, dir string, n entity.North, g *target, change ...func(*Options)) (*Runner, *logs) {
	t.Helper()
	l := &logs{}
	o := Options{North: n, Type: g.kind(allKinds...), DataDir: dir, Reserve: 1, Log: l.logger(), Transformer: transformers}
	for _, f := range change {
		f(&o)
	}
	r, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, r) })
	return r, l
}

func stop(t testing.TB, r *Runner) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if err := r.Stop(ctx); err != nil {
		t.Error(err)
	}
}

// until waits for a condition.
func until(t testing.TB, what string, f func() bool) {
	t.Helper()
	for limit := time.Now().Add(2 * time.Minute); !f(); time.Sleep(time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("never %s", what)
		}
	}
}

func accept(t testing.TB, r *Runner, c content.Content, src content.Source, o ...Option) {
	t.Helper()
	if err := r.Accept(t.Context(), c, src, o...); err != nil {
		t.Fatal(err)
	}
}

func fileNamed(name, data string) content.Content {
	return content.FromBytes(content.Any, name, 0, []byte(data))
}

// points is one time value of each point, or several.
func points(names ...string) content.Content {
	var values []content.TimeValue
	for i, n := range names {
		values = append(values, content.TimeValue{PointID: n, Timestamp: "2026-01-02T03:04:05.000Z", Data: content.NumberData(float64(i))})
	}
	return content.FromTimeValues(values)
}

// numbered is n time values.
func numbered(n int) content.Content {
	values := make([]content.TimeValue, n)
	for i := range values {
		values[i] = content.TimeValue{PointID: "p", Timestamp: "2026-01-02T03:04:05.000Z", Data: content.NumberData(float64(i))}
	}
	return content.FromTimeValues(values)
}

// fromSouth is a source of the South s1 with items that are called after their ids.
func fromSouth(ids ...string) content.Source {
	s := content.Source{Origin: content.FromSouth, SouthID: "s1"}
	for _, id := range ids {
		s.Items = append(s.Items, content.Item{ID: id, Name: id})
	}
	return s
}

func link(id, transformer string, source entity.LinkSource) entity.TransformerLink {
	return entity.TransformerLink{ID: id, TransformerID: transformer, Options: json.RawMessage("{}"), Source: source}
}

func ofSouth(items ...string) entity.LinkSource {
	return entity.LinkSource{Type: entity.SourceSouth, SouthID: "s1", ItemIDs: items}
}

// found is what is in a folder of the cache of r.
func found(t testing.TB, r *Runner, folder cache.Folder) []cache.File {
	t.Helper()
	f, err := r.Cache().Search(cache.Query{})
	if err != nil {
		t.Fatal(err)
	}
	return map[cache.Folder][]cache.File{cache.InCache: f.Cache, cache.InError: f.Error, cache.InArchive: f.Archive}[folder]
}

func dataOf(t testing.TB, r *Runner, folder cache.Folder, id string) string {
	t.Helper()
	_, rc, err := r.Cache().Read(folder, id)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(rc)
	if err = errors.Join(err, rc.Close()); err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// function is a transformer made of a function.
type function func(ctx context.Context, in transform.Input, input []byte, w io.Writer) (int, error)

func (f function) Plan(_ context.Context, in transform.Input) (transform.Plan, error) {
	return transform.Plan{Kind: content.Any, FileName: "out.txt", Run: func(ctx context.Context, w io.Writer) (int, error) {
		r, err := in.Content.Open()
		if err != nil {
			return 0, err
		}
		data, err := io.ReadAll(r)
		if err = errors.Join(err, r.Close()); err != nil {
			return 0, err
		}
		return f(ctx, in, data, w)
	}}, nil
}

// slow is closed when the transformer of that name runs.
var slow = make(chan struct{})

// transformers are those of the tests, by name.
func transformers(id string) (transform.Transformer, string, bool) {
	var f function
	switch id {
	case "iso", "ignore":
		return nil, id, true
	case "shout": // what came, after the name that was told
		f = func(_ context.Context, in transform.Input, data []byte, w io.Writer) (int, error) {
			_, err := fmt.Fprintf(w, "%s|%s", in.Name, bytes.ToUpper(data))
			return 0, err
		}
	case "count": // how many elements came
		f = func(_ context.Context, in transform.Input, data []byte, w io.Writer) (int, error) {
			var all []json.RawMessage
			if err := json.Unmarshal(data, &all); err != nil {
				return 0, err
			}
			_, err := fmt.Fprintf(w, "%d", len(all))
			return 0, err
		}
	case "large": // 3 MB in pieces
		f = func(_ context.Context, _ transform.Input, _ []byte, w io.Writer) (int, error) {
			for range 300 {
				if _, err := w.Write(bytes.Repeat([]byte{'x'}, 10000)); err != nil {
					return 0, err
				}
			}
			return 0, nil
		}
	case "broken": // fails in the middle
		f = func(_ context.Context, _ transform.Input, _ []byte, w io.Writer) (int, error) {
			if _, err := w.Write(bytes.Repeat([]byte{'x'}, 2<<20)); err != nil {
				return 0, err
			}
			return 0, errors.New("line 7 is no number")
		}
	case "length": // how many bytes came
		f = func(_ context.Context, _ transform.Input, data []byte, w io.Writer) (int, error) {
			_, err := fmt.Fprintf(w, "%d", len(data))
			return 0, err
		}
	case "slow": // ends when it is told to
		f = func(ctx context.Context, in transform.Input, _ []byte, w io.Writer) (int, error) {
			if _, err := w.Write(make([]byte, 2<<20)); err != nil {
				return 0, err
			}
			close(slow)
			<-ctx.Done()
			return 0, ctx.Err()
		}
	case "panics":
		f = func(context.Context, transform.Input, []byte, io.Writer) (int, error) { panic("oh") }
	default:
		return nil, "", false
	}
	return f, id, true
}
