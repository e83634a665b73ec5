package history

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"oibus/agent/connector"
	"oibus/agent/connectors"
	"oibus/agent/content"
	"oibus/agent/entity"
	"oibus/agent/manifest"
	"oibus/agent/north"
	"oibus/agent/secret"
	"oibus/agent/south"
	"oibus/agent/store"
	"oibus/agent/transform"
)

// quick is the pace of tests.
var quick = pace{
	firstPause: 5 * time.Millisecond, lastPause: 10 * time.Millisecond, untouchedPasses: 3, stuckPasses: 5, look: 5 * time.Millisecond,
	firstHold: time.Millisecond, lastHold: 5 * time.Millisecond,
}

// patience is how long a test waits for what has to come.
const patience = 30 * time.Second

// source is a South that notes what it is asked.
type source struct {
	mu    sync.Mutex
	asked []string
	read  func(ctx context.Context, q south.WindowQuery) error // nil: nothing happens before the content is handed on
	after func(ctx context.Context, q south.WindowQuery) error // once the content was handed on
	batch bool
	lost  func(error, time.Duration)
}

type past struct{ *source }

func (s *source) kind(id string) south.Type {
	return south.Type{ID: id, Batch: s.batch, New: func(e south.Env) (south.Connector, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.lost = e.Lost
		return past{s}, nil
	}}
}

func (past) Connect(context.Context) error                        { return nil }
func (past) Disconnect(context.Context) error                     { return nil }
func (past) Test(context.Context) (r connector.Report, err error) { return r, nil }
func (past) TestItem(context.Context, south.TestRequest) (r south.TestResult, err error) {
	return r, nil
}

// named is how tests call an interval of some items.
func named(q south.WindowQuery) string {
	var names []string
	for _, i := range q.Items {
		names = append(names, i.Name)
	}
	return fmt.Sprintf("%s %s-%s", strings.Join(names, "+"), q.Window.Start.UTC().Format("02T15:04"), q.Window.End.UTC().Format("02T15:04"))
}

func (p past) ReadWindow(ctx context.Context, q south.WindowQuery) (south.WindowResult, error) {
	p.mu.Lock()
	p.asked = append(p.asked, named(q))
	read, after := p.read, p.after
	p.mu.Unlock()
	if read != nil {
		if err := read(ctx, q); err != nil {
			return south.WindowResult{}, err
		}
	}
	if err := q.Emit(ctx, content.FromBytes(content.Any, "w.txt", 0, []byte(named(q))), q.Items); err != nil {
		return south.WindowResult{}, err
	}
	if after != nil {
		if err := after(ctx, q); err != nil {
			return south.WindowResult{}, err
		}
	}
	return south.WindowResult{Tracked: q.Window.End}, nil
}

func (s *source) took() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	taken := s.asked
	s.asked = nil
	return taken
}

func (s *source) set(f func(*source)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s)
}

// target is a North that keeps what it is sent.
type target struct {
	mu   sync.Mutex
	sent []string
	fail error
}

func (g *target) kind(id string) north.Type {
	return north.Type{ID: id, Accepts: []content.Kind{content.Any}, New: func(north.Env) (north.Connector, error) { return sink{g}, nil }}
}

type sink struct{ *target }

func (sink) Connect(context.Context) error                        { return nil }
func (sink) Disconnect(context.Context) error                     { return nil }
func (sink) Test(context.Context) (r connector.Report, err error) { return r, nil }
func (g sink) Send(_ context.Context, d north.Delivery) error {
	r := d.Open()
	defer r.Close()
	data, err := io.ReadAll(r)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.fail != nil {
		return g.fail
	}
	if err == nil {
		g.sent = append(g.sent, string(data))
	}
	return err
}

func (g *target) got() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]string(nil), g.sent...)
}

func (g *target) failWith(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.fail = err
}

// rig is a Service with a fake source and a fake target, in a folder.
type rig struct {
	t      *testing.T
	dir    string
	source *source
	target *target
	*Service
	connectors *connectors.Service
	log        *logText

	mu      sync.Mutex
	changes int
}

type logText struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logText) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

const keepAll = "keep11"

// known is the only transformer of tests.
func known(id string) bool { return id == keepAll }

// open opens the state in dir, without starting anything. The South is of the type rest, the North a console.
func open(t *testing.T, dir string, src *source, dst *target) *rig {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	st, err := store.Open(dir)
	must(err)
	keys, err := secret.Open(dir)
	must(err)
	modes := func() []entity.ScanMode {
		return []entity.ScanMode{{Audit: entity.Audit{ID: "minute"}, Name: "Every minute", Cron: "0 * * * * *"}}
	}
	c, err := connectors.Open(connectors.Options{Store: st, Keys: keys, Dialect: manifest.N, ScanModes: modes, Now: time.Now, Transformer: known})
	must(err)
	r := &rig{t: t, dir: dir, source: src, target: dst, connectors: c, log: &logText{}}
	r.Service, err = Open(Options{
		Connectors: c, Souths: []south.Type{src.kind("rest")}, Norths: []north.Type{dst.kind("console")}, Dialect: manifest.N, Open: keys.Open,
		Transformer: func(id string) (transform.Transformer, string, bool) { return nil, transform.Keep, known(id) },
		Store:       st, DataDir: dir, Log: slog.New(slog.NewTextHandler(r.log, nil)), Reserve: 1,
	})
	must(err)
	r.pace = quick
	r.OnChange(func(string) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.changes++
	})
	return r
}

// newRig starts a Service in an empty folder, which the end of the test stops.
func newRig(t *testing.T) *rig {
	t.Helper()
	r := open(t, t.TempDir(), &source{}, &target{})
	r.start()
	return r
}

func (r *rig) start() {
	r.Start(context.Background())
	r.t.Cleanup(r.stop)
}

func (r *rig) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r.mu.Lock()
	s := r.Service
	r.Service = nil
	r.mu.Unlock()
	if s == nil {
		return
	}
	if err := s.Stop(ctx); err != nil {
		r.t.Error(err)
	}
	if err := r.connectors.Close(); err != nil {
		r.t.Error(err)
	}
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

type tree = map[string]any

func item(name string, more ...any) tree {
	i := tree{"id": nil, "name": name, "enabled": true, "settings": tree{
		"method": "GET", "endpoint": "/data", "returnType": "body", "queryParams": []any{}, "headers": []any{}, "trackingInstant": tree{"trackInstant": false}}}
	for k := 0; k < len(more); k += 2 {
		i[more[k].(string)] = more[k+1]
	}
	return i
}

// query is the command of one that reads a day in intervals of hours, and sends each content at once.
func query(name string, hours float64, items ...tree) tree {
	return tree{
		"name": name, "description": "d",
		"queryTimeRange": tree{"startTime": "2024-01-01T00:00:00.000Z", "endTime": "2024-01-02T00:00:00.000Z", "maxReadInterval": hours * 3600, "readDelay": 0},
		"southType":      "rest", "southSettings": tree{
			"host": "http://localhost", "acceptUnauthorized": false, "timeout": 30,
			"authentication": tree{"type": "basic", "username": "u", "password": "very secret"}, "proxy": tree{"useProxy": false},
			"test": tree{"method": "GET", "endpoint": "/", "successCode": 200}},
		"northType": "console", "northSettings": tree{"verbose": false},
		"caching": tree{
			"trigger":    tree{"scanModeId": "minute", "scanModeName": nil, "numberOfElements": 0, "numberOfFiles": 1},
			"throttling": tree{"runMinDelay": 0, "maxSize": 0, "maxNumberOfElements": 0},
			"error":      tree{"retryInterval": 1, "retryCount": 1, "retentionDuration": 0}, "archive": tree{"enabled": false, "retentionDuration": 0}},
		"items": items, "northTransformers": []any{},
	}
}

func raw(v any) json.RawMessage {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return data
}

func (r *rig) create(command tree) entity.HistoryQuery {
	r.t.Helper()
	q, err := r.Create(r.t.Context(), "me", raw(command), connectors.HistorySecrets{})
	r.must(err)
	return q
}

func (r *rig) query(id string) entity.HistoryQuery {
	r.t.Helper()
	q, err := r.Query(id)
	r.must(err)
	return q
}

// until waits for a condition.
func (r *rig) until(what string, f func() bool) {
	r.t.Helper()
	for deadline := time.Now().Add(patience); !f(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			r.t.Fatalf("%s did not come: %+v\n%s", what, r.Queries(), r.log.text())
		}
	}
}

func (r *rig) awaits(id, status string) entity.HistoryQuery {
	r.t.Helper()
	r.until(status, func() bool { return r.query(id).Status == status })
	return r.query(id)
}

func (r *rig) refused(err error, text string) {
	r.t.Helper()
	if err == nil || err.Error() != text {
		r.t.Errorf("got %v, want %s", err, text)
	}
}

// hang makes a step of reading that blocks until it is let go, and says when somebody is in it.
func hang() (step func(context.Context, south.WindowQuery) error, in chan string, release func()) {
	in, free := make(chan string, 100), make(chan struct{})
	return func(ctx context.Context, q south.WindowQuery) error {
		in <- named(q)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-free:
			return nil
		}
	}, in, sync.OnceFunc(func() { close(free) })
}
