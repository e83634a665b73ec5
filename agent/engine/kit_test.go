package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"oibus/agent/cache"
	"oibus/agent/connector"
	"oibus/agent/connectors"
	"oibus/agent/content"
	"oibus/agent/entity"
	"oibus/agent/manifest"
	"oibus/agent/north"
	"oibus/agent/south"
	"oibus/agent/store"
	"oibus/agent/transform"
)

type tree = map[string]any

// vault seals in a way that shows in tests.
type vault struct{}

func (vault) Seal(plain string) (string, error) { return "sealed(" + plain + ")", nil }

func (vault) Open(sealed string) (string, error) {
	text, ok := strings.CutPrefix(sealed, "sealed(")
	if !ok {
		return "", fmt.Errorf("the stored secret cannot be read")
	}
	return strings.TrimSuffix(text, ")"), nil
}

// plant is a Service with fake connectors.
type plant struct {
	*Service
	t     *testing.T
	dir   string
	store *store.Store
	conn  *connectors.Service
	log   *logBuffer

	mu     sync.Mutex
	modes  []entity.ScanMode
	events []string
	faults map[string]func(ctx context.Context) error // by what is done: "read S", "send N", "new N", …
	sent   map[string][]string                        // what Norths have sent, by name
	takes  map[string]func(ctx context.Context) error // asked before a North takes a content
}

type logBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Buffer.Write(p)
}

func (l *logBuffer) count(texts ...string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for line := range strings.Lines(l.String()) {
		if !slices.ContainsFunc(texts, func(t string) bool { return !strings.Contains(line, t) }) {
			n++
		}
	}
	return n
}

// bubble runs a test with a clock of its own.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, f)
}

func newPlant(t *testing.T) *plant {
	t.Helper()
	p := &plant{t: t, dir: t.TempDir(), log: &logBuffer{}, faults: map[string]func(context.Context) error{}, sent: map[string][]string{},
		takes: map[string]func(context.Context) error{},
		modes: []entity.ScanMode{
			{Audit: entity.Audit{ID: "second"}, Name: "Every second", Cron: "* * * * * *"},
			{Audit: entity.Audit{ID: "hour"}, Name: "Every hour", Cron: "0 0 * * * *"},
			{Audit: entity.Audit{ID: "subscription"}, Name: "Subscription"},
		}}
	p.open()
	return p
}

// open loads what is stored.
func (p *plant) open() {
	p.t.Helper()
	var err error
	if p.store, err = store.Open(p.dir); err != nil {
		p.t.Fatal(err)
	}
	p.conn, err = connectors.Open(connectors.Options{
		Store: p.store, Keys: vault{}, Dialect: manifest.N, ScanModes: p.scanModes, Now: time.Now,
		Transformer: func(id string) bool { return true },
	})
	if err != nil {
		p.t.Fatal(err)
	}
	p.Service, err = New(p.options())
	if err != nil {
		p.t.Fatal(err)
	}
	start := p.startNorth
	p.startNorth = func(o north.Options) (northRunner, error) {
		if err := p.fault(context.Background(), "open "+o.North.Name); err != nil {
			return nil, err
		}
		r, err := start(o)
		return &guarded{northRunner: r, p: p, name: o.North.Name}, err
	}
	p.conn.OnChange(p.Changed)
	s, conn := p.Service, p.conn
	p.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		_ = s.Stop(ctx)
		_ = conn.Close()
	})
}

func (p *plant) options() Options {
	log := slog.New(slog.NewTextHandler(p.log, nil))
	return Options{
		Connectors: p.conn, Dialect: manifest.N, ScanModes: p.scanModes, Open: vault{}.Open, Store: p.store, DataDir: p.dir, Log: log,
		Souths:      []south.Type{{ID: "folder-scanner", New: p.newSouth}},
		Norths:      []north.Type{{ID: "file-writer", Accepts: []content.Kind{content.Any}, New: p.newNorth}, {ID: "console", Accepts: []content.Kind{content.Any, content.TimeValues, content.Setpoints}, New: p.newNorth}},
		Transformer: transformers,
	}
}

// transformers are known by names that are their ids.
func transformers(id string) (transform.Transformer, string, bool) {
	switch id {
	case "nope":
		return nil, "", false
	case transform.Keep, transform.Ignore:
		return nil, id, true
	}
	t, ok := transform.Standard(id)
	return t, id, ok
}

// start starts the Service and waits until all is in place.
func (p *plant) start() {
	p.Start(context.Background())
	synctest.Wait()
}

// restart is a new process on the same folder.
func (p *plant) restart() {
	p.t.Helper()
	p.halt()
	p.open()
	p.start()
}

func (p *plant) halt() {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := p.Stop(ctx); err != nil {
		p.t.Fatal(err)
	}
	if err := p.conn.Close(); err != nil {
		p.t.Fatal(err)
	}
}

func (p *plant) scanModes() []entity.ScanMode {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.modes)
}

func (p *plant) event(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.events = append(p.events, fmt.Sprintf(format, args...))
}

// took returns what has happened since it was last asked.
func (p *plant) took() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	events := p.events
	p.events = nil
	return events
}

func (p *plant) expect(want ...string) {
	p.t.Helper()
	got := p.took()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		p.t.Fatalf("got %q, want %q", got, want)
	}
}

func (p *plant) fault(ctx context.Context, what string) error {
	p.mu.Lock()
	f := p.faults[what]
	p.mu.Unlock()
	if f == nil {
		return nil
	}
	return f(ctx)
}

// break makes something fail, nil mends it.
func (p *plant) breaks(what string, f func(ctx context.Context) error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults[what] = f
}

func always(err error) func(context.Context) error { return func(context.Context) error { return err } }

// guarded is a North whose taking can be made to fail.
type guarded struct {
	northRunner
	p    *plant
	name string
}

func (g *guarded) Accept(ctx context.Context, c content.Content, src content.Source, options ...north.Option) error {
	if err := g.p.fault(ctx, "take "+g.name); err != nil {
		return err
	}
	return g.northRunner.Accept(ctx, c, src, options...)
}

func (g *guarded) Cache() *cache.Cache { return g.northRunner.Cache() }

// fakeSouth reads one file at each tick.
type fakeSouth struct {
	p   *plant
	env south.Env
}

func (p *plant) newSouth(env south.Env) (south.Connector, error) {
	if err := p.fault(context.Background(), "new "+env.Name); err != nil {
		return nil, err
	}
	return &fakeSouth{p, env}, nil
}

func (f *fakeSouth) Connect(ctx context.Context) error {
	f.p.event("connect %s", f.env.Name)
	return f.p.fault(ctx, "connect "+f.env.Name)
}

func (f *fakeSouth) Disconnect(ctx context.Context) error {
	f.p.event("disconnect %s", f.env.Name)
	return f.p.fault(ctx, "disconnect "+f.env.Name)
}

func (f *fakeSouth) Test(context.Context) (connector.Report, error) {
	var r connector.Report
	r.Add("Name", f.env.Name)
	r.Add("Settings", string(f.env.Settings))
	return r, f.p.fault(context.Background(), "test")
}

func (f *fakeSouth) TestItem(_ context.Context, q south.TestRequest) (south.TestResult, error) {
	values := []content.TimeValue{{PointID: q.Item.Name, Timestamp: "2026-01-01T00:00:00.000Z", Data: content.TextData("<1>")}}
	if q.Window != nil {
		values[0].Timestamp = entity.Milli(q.Window.Start)
	}
	return south.TestResult{Content: content.FromTimeValues(values), Connection: 2 * time.Millisecond, Query: 3 * time.Millisecond}, f.p.fault(context.Background(), "test")
}

func (f *fakeSouth) Read(ctx context.Context, q south.DirectQuery) (json.RawMessage, error) {
	if err := f.p.fault(ctx, "read "+f.env.Name); err != nil {
		return nil, err
	}
	name := f.env.Name + "/" + q.Items[0].Name
	err := q.Emit(ctx, content.FromBytes(content.Any, name, 0, []byte(name)), q.Items)
	if err == nil {
		f.p.event("took %s", name)
	}
	return json.RawMessage(`"` + name + `"`), err
}

// fakeNorth keeps what it sends.
type fakeNorth struct {
	p   *plant
	env north.Env
}

func (p *plant) newNorth(env north.Env) (north.Connector, error) { return &fakeNorth{p, env}, nil }

func (f *fakeNorth) Connect(context.Context) error {
	f.p.event("connect %s", f.env.Name)
	return nil
}

func (f *fakeNorth) Disconnect(context.Context) error {
	f.p.event("disconnect %s", f.env.Name)
	return nil
}

func (f *fakeNorth) Test(context.Context) (connector.Report, error) {
	var r connector.Report
	r.Add("Name", f.env.Name)
	return r, f.p.fault(context.Background(), "test")
}

func (f *fakeNorth) Send(ctx context.Context, d north.Delivery) error {
	if err := f.p.fault(ctx, "send "+f.env.Name); err != nil {
		return err
	}
	r := d.Open()
	defer r.Close()
	if _, err := io.Copy(io.Discard, r); err != nil {
		return err
	}
	f.p.mu.Lock()
	defer f.p.mu.Unlock()
	f.p.sent[f.env.Name] = append(f.p.sent[f.env.Name], d.Name)
	return nil
}

func (p *plant) delivered(name string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.sent[name])
}

func text(t testing.TB, v any) json.RawMessage {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func southBody(name, mode string, items ...string) tree {
	list := []any{}
	for _, i := range items {
		list = append(list, tree{"id": nil, "name": i, "enabled": true, "scanModeId": mode, "settings": tree{
			"regex": ".*", "minAge": 100, "preserveFiles": true, "ignoreModifiedDate": false, "maxFiles": 0, "maxSize": 0, "recursive": false,
		}})
	}
	return tree{"name": name, "type": "folder-scanner", "description": "", "enabled": true, "items": list, "groups": []any{},
		"settings": tree{"inputFolder": "./in", "compression": false, "password": "secret"}}
}

func northBody(name string) tree {
	return tree{"name": name, "type": "console", "description": "", "enabled": true, "settings": tree{"verbose": false}, "transformers": []any{}, "caching": tree{
		"trigger":    tree{"scanModeId": "second", "scanModeName": nil, "numberOfElements": 1, "numberOfFiles": 1},
		"throttling": tree{"runMinDelay": 200, "maxSize": 0, "maxNumberOfElements": 10000},
		"error":      tree{"retryInterval": 5000, "retryCount": 1, "retentionDuration": 24},
		"archive":    tree{"enabled": false, "retentionDuration": 72},
	}}
}

// with is a copy of a tree with some keys set.
func with(o tree, pairs ...any) tree {
	copied := tree{}
	for k, v := range o {
		copied[k] = v
	}
	for i := 0; i < len(pairs); i += 2 {
		copied[pairs[i].(string)] = pairs[i+1]
	}
	return copied
}

func (p *plant) south(body tree) string {
	p.t.Helper()
	e, err := p.conn.CreateSouth("me", text(p.t, body), connectors.Secrets{})
	if err != nil {
		p.t.Fatal(err)
	}
	synctest.Wait()
	return e.ID
}

func (p *plant) north(body tree) string {
	p.t.Helper()
	e, err := p.conn.CreateNorth("me", text(p.t, body), connectors.Secrets{})
	if err != nil {
		p.t.Fatal(err)
	}
	synctest.Wait()
	return e.ID
}

// must fails the test on an error, else waits until all is in place.
func (p *plant) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
	synctest.Wait()
}

// pass lets time pass.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}
