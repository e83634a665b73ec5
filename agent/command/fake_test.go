package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"oibus/agent/cloud"
	"oibus/agent/entity"
)

var errDead = errors.New("the process was killed")

// stepper is asked at every step that leaves the process, so that a test can kill it there.
type stepper struct {
	mu     sync.Mutex
	killAt int // number of the step after which nothing happens any more, 0: never
	count  int
	dead   bool
	trace  []string
}

func (p *stepper) step(name string) (dead bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dead {
		return true
	}
	p.count++
	p.trace = append(p.trace, name)
	p.dead = p.count == p.killAt
	return p.dead
}

func (p *stepper) isDead() bool { p.mu.Lock(); defer p.mu.Unlock(); return p.dead }

func (p *stepper) lastStep() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.trace[len(p.trace)-1]
}

// report is a command as the cloud receives it.
type report map[string]any

func (r report) id() string     { return fmt.Sprint(r["id"]) }
func (r report) status() string { return fmt.Sprint(r["status"]) }
func (r report) result() string {
	if r["result"] == nil {
		return "<null>"
	}
	return fmt.Sprint(r["result"])
}

// fakeCloud hands out each command until it hears of it, and remembers what it hears.
type fakeCloud struct {
	mu        sync.Mutex
	queue     []json.RawMessage
	cancelled []string
	asked     [][]string   // ids of E5
	batches   [][]report   // of E6 that were accepted
	tried     int          // E6
	polls     []time.Time  // E4
	order     []string     // of all calls
	pending   func() error // refuses E4
	status    func(reports []report) error
	delay     time.Duration // of E6
}

func (f *fakeCloud) Pending(ctx context.Context, _ cloud.Connection) ([]json.RawMessage, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.polls = append(f.polls, time.Now())
	f.order = append(f.order, "E4")
	if f.pending != nil {
		if err := f.pending(); err != nil {
			return nil, err
		}
	}
	return slices.Clone(f.queue), nil
}

func (f *fakeCloud) Cancelled(_ context.Context, _ cloud.Connection, ids []string) ([]string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.order = append(f.order, "E5")
	f.asked = append(f.asked, ids)
	return f.cancelled, nil
}

func (f *fakeCloud) UpdateStatus(ctx context.Context, _ cloud.Connection, body []byte) error {
	f.mu.Lock()
	delay := f.delay
	f.mu.Unlock()
	if delay > 0 {
		select {
		case <-time.After(delay):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	var reports []report
	if err := json.Unmarshal(body, &reports); err != nil {
		panic(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tried++
	f.order = append(f.order, "E6")
	if f.status != nil {
		if err := f.status(reports); err != nil {
			return err
		}
	}
	f.batches = append(f.batches, reports)
	for _, r := range reports {
		f.queue = slices.DeleteFunc(f.queue, func(raw json.RawMessage) bool {
			var c struct {
				ID string `json:"id"`
			}
			return json.Unmarshal(raw, &c) == nil && c.ID == r.id()
		})
	}
	return nil
}

// set changes how the cloud behaves.
func (f *fakeCloud) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// requests is the order of the calls.
func (f *fakeCloud) requests() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.order)
}

// reports is how many E6 arrived, and polls how many E4.
func (f *fakeCloud) reports() int { f.mu.Lock(); defer f.mu.Unlock(); return f.tried }
func (f *fakeCloud) polled() []time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.polls)
}

// received is what arrived, by request.
func (f *fakeCloud) received() [][]report {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.batches)
}

// askedFirst are the ids of the first E5.
func (f *fakeCloud) askedFirst() []string { f.mu.Lock(); defer f.mu.Unlock(); return f.asked[0] }

// add queues commands.
func (f *fakeCloud) add(commands ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range commands {
		f.queue = append(f.queue, json.RawMessage(c))
	}
}

// history is "id STATUS result" of everything reported, in order.
func (f *fakeCloud) history() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []string
	for _, batch := range f.batches {
		for _, r := range batch {
			all = append(all, r.id()+" "+r.status()+" "+r.result())
		}
	}
	return all
}

// last is the last report of each command.
func (f *fakeCloud) last() map[string]report {
	f.mu.Lock()
	defer f.mu.Unlock()
	last := map[string]report{}
	for _, batch := range f.batches {
		for _, r := range batch {
			last[r.id()] = r
		}
	}
	return last
}

// mortal is the cloud as a process that can be killed sees it.
type mortal struct {
	*fakeCloud
	p *stepper
}

func (m mortal) Pending(ctx context.Context, c cloud.Connection) ([]json.RawMessage, error) {
	if m.p.step("E4 asked") {
		return nil, errDead
	}
	elements, err := m.fakeCloud.Pending(ctx, c)
	if m.p.step("E4 answered") {
		return nil, errDead
	}
	return elements, err
}

func (m mortal) Cancelled(ctx context.Context, c cloud.Connection, ids []string) ([]string, error) {
	if m.p.step("E5 asked") {
		return nil, errDead
	}
	return m.fakeCloud.Cancelled(ctx, c, ids)
}

func (m mortal) UpdateStatus(ctx context.Context, c cloud.Connection, body []byte) error {
	if m.p.step("E6 asked") {
		return errDead
	}
	err := m.fakeCloud.UpdateStatus(ctx, c, body)
	if m.p.step("E6 answered") {
		return errDead
	}
	return err
}

// mortalJournal is a journal that dies with its process, and can be full.
type mortalJournal struct {
	Journal
	p       *stepper
	mu      sync.Mutex
	full    bool
	flushes int
}

func (j *mortalJournal) Append(records ...any) error {
	j.mu.Lock()
	full := j.full
	j.mu.Unlock()
	if full {
		return errors.New("no space left on device")
	}
	if j.p.step("append asked") {
		return errDead
	}
	err := j.Journal.Append(records...)
	j.mu.Lock()
	j.flushes++
	j.mu.Unlock()
	if j.p.step("append done") {
		return errDead
	}
	return err
}

func (j *mortalJournal) count() int { j.mu.Lock(); defer j.mu.Unlock(); return j.flushes }

func (j *mortalJournal) setFull(full bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.full = full
}

func (j *mortalJournal) Rewrite(records []any) error {
	if j.p.step("rewrite asked") {
		return errDead
	}
	return j.Journal.Rewrite(records)
}

// memoryLog is a journal whose disk is memory.
type memoryLog struct{ disk *[][]byte }

func (l memoryLog) Append(records ...any) error {
	for _, r := range records {
		data, err := json.Marshal(r)
		if err != nil {
			return err
		}
		*l.disk = append(*l.disk, data)
	}
	return nil
}

func (l memoryLog) Rewrite(records []any) error { *l.disk = nil; return l.Append(records...) }
func (l memoryLog) Close() error                { return nil }
func (l memoryLog) Size() (n int64) {
	for _, r := range *l.disk {
		n += int64(len(r))
	}
	return n
}

func memoryJournal(disk *[][]byte) OpenJournal {
	return func(replay func([]byte) error) (Journal, error) {
		for _, r := range *disk {
			if err := replay(r); err != nil {
				return nil, err
			}
		}
		return memoryLog{disk}, nil
	}
}

// fakeRegistration is registered unless told otherwise.
type fakeRegistration struct {
	mu      sync.Mutex
	off     bool
	denied  map[string]bool
	refresh time.Duration
}

func (f *fakeRegistration) Registered() bool { f.mu.Lock(); defer f.mu.Unlock(); return !f.off }
func (f *fakeRegistration) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}
func (f *fakeRegistration) Connection() (cloud.Connection, error) {
	if !f.Registered() {
		return cloud.Connection{}, errors.New("OIBus not registered in OIAnalytics")
	}
	return cloud.Connection{Host: "https://acme"}, nil
}
func (f *fakeRegistration) Allowed(p string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return !f.denied[p] && !f.denied["*"]
}
func (f *fakeRegistration) Intervals() (time.Duration, time.Duration, time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.refresh > 0 {
		return f.refresh, 5 * time.Second, 5 * time.Second
	}
	return time.Minute, 5 * time.Second, 5 * time.Second
}

// effects are what commands act on: each call is counted and can be made to fail.
type effects struct {
	mu       sync.Mutex
	calls    []string // "method body"
	fail     func(method, body string) error
	restarts int
	answer   string // of what returns something
	p        *stepper
}

func (e *effects) do(method, body string) error {
	e.mu.Lock()
	p := e.p
	e.mu.Unlock()
	if p.step("effect begins") {
		return errDead
	}
	e.mu.Lock()
	e.calls = append(e.calls, method+" "+body)
	fail := e.fail
	e.mu.Unlock()
	if p.step("effect ends") {
		return errDead
	}
	if fail != nil {
		return fail(method, body)
	}
	return nil
}

func (e *effects) set(change func()) { e.mu.Lock(); defer e.mu.Unlock(); change() }
func (e *effects) restarted() int    { e.mu.Lock(); defer e.mu.Unlock(); return e.restarts }
func (e *effects) list() []string    { e.mu.Lock(); defer e.mu.Unlock(); return slices.Clone(e.calls) }

func (e *effects) UpdateGeneral(_ string, b json.RawMessage) error    { return e.do("general", string(b)) }
func (e *effects) UpdateWebServer(_ string, b json.RawMessage) error  { return e.do("web", string(b)) }
func (e *effects) UpdateProxy(_ string, b json.RawMessage) error      { return e.do("proxy", string(b)) }
func (e *effects) UpdateLogger(_ string, b json.RawMessage) error     { return e.do("logger", string(b)) }
func (e *effects) UpdateEngineFlat(_ string, b json.RawMessage) error { return e.do("flat", string(b)) }
func (e *effects) CreateScanMode(_ string, b json.RawMessage) (entity.ScanMode, error) {
	return entity.ScanMode{}, e.do("create", string(b))
}
func (e *effects) UpdateScanMode(_, id string, b json.RawMessage) error {
	return e.do("update", id+string(b))
}
func (e *effects) DeleteScanMode(_, id string) error { return e.do("delete", id) }
func (e *effects) CreateIPFilter(_ string, b json.RawMessage) (entity.IPFilter, error) {
	return entity.IPFilter{}, e.do("create", string(b))
}
func (e *effects) UpdateIPFilter(_, id string, b json.RawMessage) error {
	return e.do("update", id+string(b))
}
func (e *effects) DeleteIPFilter(_, id string) error { return e.do("delete", id) }
func (e *effects) CreateCertificate(_ string, b json.RawMessage) (entity.Certificate, error) {
	return entity.Certificate{}, e.do("create", string(b))
}
func (e *effects) UpdateCertificate(_, id string, b json.RawMessage) error {
	return e.do("update", id+string(b))
}
func (e *effects) DeleteCertificate(_, id string) error    { return e.do("delete", id) }
func (e *effects) UpdateFromCloud(b json.RawMessage) error { return e.do("registration", string(b)) }
func (e *effects) RegenerateKeys(context.Context) error    { return e.do("keys", "") }
func (e *effects) Decrypt(ciphertext string) (string, error) {
	plain, ok := strings.CutPrefix(ciphertext, "RSA:")
	if !ok {
		return "", errors.New("oaep decoding error")
	}
	return plain, nil
}

// reversible seals so that nothing can be read and everything can be opened.
type reversible struct{}

func (reversible) Seal(s string) (string, error) {
	b := []byte(s)
	slices.Reverse(b)
	return string(b), nil
}
func (reversible) Open(s string) (string, error) { return reversible{}.Seal(s) }

// rig is a service with everything around it faked, in a synctest bubble.
type rig struct {
	*Service
	t       *testing.T
	cloud   *fakeCloud
	reg     *fakeRegistration
	effects *effects
	disk    *[][]byte
	journal *mortalJournal
	p       *stepper
	logs    *lines
	o       Options
}

type lines struct {
	mu   sync.Mutex
	text []string
}

func (l *lines) Enabled(context.Context, slog.Level) bool { return true }
func (l *lines) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l *lines) WithGroup(string) slog.Handler            { return l }
func (l *lines) Handle(_ context.Context, r slog.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, r.Level.String()+" "+r.Message)
	return nil
}

func (l *lines) contains(part string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(strings.Join(l.text, "\n"), part)
}

// prepared is a rig that was not started.
func prepared(t *testing.T) *rig {
	r := &rig{t: t, cloud: &fakeCloud{}, reg: &fakeRegistration{denied: map[string]bool{}}, disk: new([][]byte), logs: &lines{}}
	r.p = &stepper{}
	r.effects = &effects{p: r.p}
	r.o = Options{
		Sealer: reversible{}, Registration: r.reg, Log: slog.New(r.logs), Announced: "3.8.8",
		Journal: memoryJournal(r.disk),
	}
	return r
}

// inBubble runs f on a started service. change adjusts it before.
func inBubble(t *testing.T, change, f func(*rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := prepared(t)
		if change != nil {
			change(r)
		}
		r.start()
		f(r)
		r.stop()
	})
}

func (r *rig) start() {
	r.t.Helper()
	o := r.o
	o.Cloud = mortal{r.cloud, r.p}
	o.Deps = Deps{
		Engine: r.effects, ScanModes: r.effects, IPFilters: r.effects, Certificates: r.effects, Identity: r.effects,
		Souths: r.effects, Norths: r.effects, Connectors: r.effects, Transformers: r.effects, Histories: histories{r.effects},
		Restart:            func() { r.effects.mu.Lock(); r.effects.restarts++; r.effects.mu.Unlock() },
		IgnoreRemoteUpdate: r.o.Deps.IgnoreRemoteUpdate, Upgrades: r.o.Deps.Upgrades,
	}
	o.Journal = func(replay func([]byte) error) (Journal, error) {
		j, err := r.o.Journal(replay)
		r.journal = &mortalJournal{Journal: j, p: r.p}
		return r.journal, err
	}
	s, err := Open(o)
	if err != nil {
		r.t.Fatal(err)
	}
	r.Service = s
	s.Start(r.t.Context())
	synctest.Wait()
}

func (r *rig) stop() {
	r.t.Helper()
	if err := r.Stop(time.Minute); err != nil && !r.p.isDead() {
		r.t.Error(err)
	}
}

// kill ends the process as a power cut does: nothing it still does leaves it.
func (r *rig) kill() {
	r.p.mu.Lock()
	r.p.dead = true
	r.p.mu.Unlock()
	_ = r.Stop(time.Second) // what it says is that it is dead
}

// revive starts a new process on the same disk.
func (r *rig) revive() {
	r.t.Helper()
	r.p = &stepper{}
	r.effects.set(func() { r.effects.p = r.p })
	r.start()
}

func (r *rig) after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// general is a command that renames the engine.
func general(id string) string {
	return fmt.Sprintf(`{"id":%q,"type":"update-engine-general","targetVersion":"3.8.8","commandContent":{"name":%q}}`, id, id)
}

func (r *rig) expect(want ...string) {
	r.t.Helper()
	got := r.cloud.history()
	if !slices.Equal(got, want) {
		r.t.Errorf("the cloud heard\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
