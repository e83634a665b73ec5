package south

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"oibus/agent/connector"
	"oibus/agent/content"
	"oibus/agent/entity"
	"oibus/agent/interval"
	"oibus/agent/store"
)

// fake is a South connector. Functions that are nil do nothing.
type fake struct {
	mu    sync.Mutex
	calls []string // in order
	env   Env

	connect func(ctx context.Context) error
	flush   func(ctx context.Context) error // in Disconnect
}

func (f *fake) called(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, fmt.Sprintf(format, args...))
}

// took returns the calls since it was last asked.
func (f *fake) took() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	calls := f.calls
	f.calls = nil
	return calls
}

func (f *fake) Connect(ctx context.Context) error {
	f.called("connect")
	if f.connect != nil {
		return f.connect(ctx)
	}
	return nil
}

func (f *fake) Disconnect(ctx context.Context) error {
	f.called("disconnect")
	if f.flush != nil {
		return f.flush(ctx)
	}
	return nil
}

func (f *fake) Test(context.Context) (connector.Report, error) { return connector.Report{}, nil }
func (f *fake) TestItem(context.Context, TestRequest) (TestResult, error) {
	return TestResult{}, nil
}

func names(items []Item) string {
	var all []string
	for _, i := range items {
		all = append(all, i.Name)
	}
	slices.Sort(all)
	return strings.Join(all, "+")
}

// direct is a fake with items that have a current state.
type direct struct {
	*fake
	read func(ctx context.Context, q DirectQuery) (json.RawMessage, error)
}

func (d *direct) Read(ctx context.Context, q DirectQuery) (json.RawMessage, error) {
	d.called("read %s", names(q.Items))
	if d.read == nil {
		return nil, q.Emit(ctx, content.FromText("x"), q.Items)
	}
	return d.read(ctx, q)
}

// historian is a fake that is read over windows.
type historian struct {
	*fake
	window func(ctx context.Context, q WindowQuery) (WindowResult, error)
}

func clock(t time.Time) string { return t.UTC().Format("15:04:05") }

func (h *historian) ReadWindow(ctx context.Context, q WindowQuery) (WindowResult, error) {
	h.called("%s %s-%s", names(q.Items), clock(q.Window.Start), clock(q.Window.End))
	if h.window == nil {
		return WindowResult{Tracked: q.Window.End}, q.Emit(ctx, content.FromText("x"), q.Items)
	}
	return h.window(ctx, q)
}

// subscriber is a fake that is told of changes.
type subscriber struct {
	*fake
	subscribe func(items []Item) error
}

func (s *subscriber) Subscribe(_ context.Context, items []Item) error {
	s.called("subscribe %s", names(items))
	if s.subscribe != nil {
		return s.subscribe(items)
	}
	return nil
}

func (s *subscriber) Unsubscribe(_ context.Context, items []Item) error {
	s.called("unsubscribe %s", names(items))
	return nil
}

// sent is a content that was handed on.
type sent struct {
	source content.Source
	kind   content.Kind
}

// rig is a Runner with what it needs. It is made inside of a synctest bubble.
type rig struct {
	t        *testing.T
	dir      string
	store    *store.Store
	tracking *Tracking
	runner   *Runner
	typ      Type
	conn     Connector
	fake     *fake
	log      *logBuffer

	mu   sync.Mutex
	sent []sent
	emit func(ctx context.Context, s content.Source) error // refuses content
}

// logBuffer is a log that tests read.
type logBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Buffer.Write(p)
}

// count is how many lines hold all of the texts.
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

// bubble runs a test with a clock of its own. It begins at midnight.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, f)
}

func newRig(t *testing.T, conn Connector) *rig {
	t.Helper()
	r := &rig{t: t, dir: t.TempDir(), conn: conn, log: &logBuffer{}, typ: Type{ID: "fake"}}
	switch c := conn.(type) {
	case *direct:
		r.fake = c.fake
	case *historian:
		r.fake = c.fake
	case *subscriber:
		r.fake = c.fake
	case *directHistorian:
		r.fake = c.fake
	case *fake:
		r.fake = c
	}
	r.typ.New = func(env Env) (Connector, error) { r.fake.env = env; return r.conn, nil }
	r.open()
	return r
}

func (r *rig) open() {
	r.t.Helper()
	var err error
	if r.store, err = store.Open(r.dir); err != nil {
		r.t.Fatal(err)
	}
	if r.tracking, err = OpenTracking(r.store); err != nil {
		r.t.Fatal(err)
	}
	tracking := r.tracking
	r.t.Cleanup(func() { _ = tracking.Close() })
}

func (r *rig) options(e entity.South) Options {
	return Options{
		South: e, Type: r.typ, TempDir: filepath.Join(r.dir, "tmp"), Tracking: r.tracking, Store: r.store,
		Host: connector.Host{Now: time.Now},
		ScanMode: func(id string) (entity.ScanMode, bool) {
			return entity.ScanMode{Audit: entity.Audit{ID: id}, Name: "mode " + id, Cron: "* * * * * *"}, true
		},
		Emit: func(ctx context.Context, c content.Content, s content.Source) error {
			r.mu.Lock()
			refuse := r.emit
			r.mu.Unlock()
			if refuse != nil {
				if err := refuse(ctx, s); err != nil {
					return err
				}
			}
			r.mu.Lock()
			defer r.mu.Unlock()
			r.sent = append(r.sent, sent{s, c.Kind})
			return nil
		},
		Log: slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.Level(levelTrace)})),
	}
}

// start starts the Runner and waits until it is connected.
func (r *rig) start(e entity.South) {
	r.t.Helper()
	var err error
	if r.runner, err = Start(r.options(e)); err != nil {
		r.t.Fatal(err)
	}
	runner := r.runner
	r.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		_ = runner.Stop(ctx)
	})
	synctest.Wait()
}

func (r *rig) stop() {
	r.t.Helper()
	if err := r.runner.Stop(context.Background()); err != nil {
		r.t.Fatal(err)
	}
}

// tick lets a scan mode be due, and waits until what that begins waits for something or is over.
func (r *rig) tick() {
	r.t.Helper()
	r.runner.Tick("m")
	synctest.Wait()
}

func (r *rig) update(e entity.South) {
	r.t.Helper()
	if err := r.runner.Update(e); err != nil {
		r.t.Fatal(err)
	}
	synctest.Wait()
}

func (r *rig) refuse(f func(ctx context.Context, s content.Source) error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.emit = f
}

func (r *rig) deliveries() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.sent)
}

func (r *rig) expect(want ...string) {
	r.t.Helper()
	if got := r.fake.took(); !slices.Equal(got, want) {
		r.t.Fatalf("calls: got %q, want %q", got, want)
	}
}

// tracked is where the unit with that key was read to, "" when nowhere.
func (r *rig) tracked(key string) string {
	row, ok := r.tracking.Book("S").Row(key)
	if !ok || row.Tracked.IsZero() {
		return ""
	}
	return clock(row.Tracked)
}

// copyFile copies a file between two folders.
func copyFile(t *testing.T, from, to, name string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(from, name))
	if err == nil {
		err = os.MkdirAll(filepath.Dir(filepath.Join(to, name)), 0o700)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(to, name), data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// change makes an item or a South other than it would be.
type change func(*entity.SouthItem)

func item(id string, changes ...change) entity.SouthItem {
	i := entity.SouthItem{Audit: entity.Audit{ID: id}, Name: id, Enabled: true, ScanModeID: "m", Settings: json.RawMessage(`{"a":1}`)}
	for _, c := range changes {
		c(&i)
	}
	return i
}

func in(group string) change {
	return func(i *entity.SouthItem) { i.GroupID, i.SyncWithGroup, i.ScanModeID = group, true, "" }
}

func subscribed(i *entity.SouthItem) { i.ScanModeID = entity.SubscriptionScanMode }

func settings(text string) change {
	return func(i *entity.SouthItem) { i.Settings = json.RawMessage(text) }
}

func every(seconds float64) change {
	return func(i *entity.SouthItem) { i.MaxReadInterval = &seconds }
}

func newest(i *entity.SouthItem) { n := entity.Newest; i.RecoveryStrategy = &n }

func pausing(ms float64) change { return func(i *entity.SouthItem) { i.ReadDelay = &ms } }

func south(items ...entity.SouthItem) entity.South {
	e := entity.South{Connector: entity.Connector{Audit: entity.Audit{ID: "S"}, Name: "Source", Type: "fake", Enabled: true}, Items: items}
	seen := map[string]bool{}
	for _, i := range items {
		if i.GroupID != "" && !seen[i.GroupID] {
			seen[i.GroupID] = true
			e.Groups = append(e.Groups, entity.SouthGroup{Audit: entity.Audit{ID: i.GroupID}, Name: i.GroupID, ScanModeID: "m"})
		}
	}
	return e
}

// position is a Position that has tracked an instant.
func position(instant string) interval.Position {
	at, err := time.Parse(time.RFC3339, instant)
	if err != nil {
		panic(err)
	}
	return interval.Position{Tracked: at}
}
