package registration

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"oibus/agent/cloud"
	"oibus/agent/entity"
)

// fakeCloud answers as told. Without an answer it accepts every registration and keeps every check PENDING.
type fakeCloud struct {
	mu        sync.Mutex
	register  func(ctx context.Context, conn cloud.Connection, r cloud.RegisterRequest) (cloud.RegisterAnswer, error)
	check     func(ctx context.Context, conn cloud.Connection, url string) (cloud.CheckAnswer, error)
	status    func(conn cloud.Connection, accept401 bool) error
	requests  []cloud.RegisterRequest
	hosts     []string
	checks    []time.Time
	lifetimes time.Duration
}

func (f *fakeCloud) Register(ctx context.Context, conn cloud.Connection, r cloud.RegisterRequest) (cloud.RegisterAnswer, error) {
	f.mu.Lock()
	f.requests, f.hosts = append(f.requests, r), append(f.hosts, conn.Host)
	register := f.register
	f.mu.Unlock()
	if register != nil {
		return register(ctx, conn, r)
	}
	life := f.lifetimes
	if life == 0 {
		life = time.Hour
	}
	return cloud.RegisterAnswer{RedirectURL: "/check?id=1", ExpirationDate: entity.Milli(time.Now().Add(life))}, nil
}

func (f *fakeCloud) Check(ctx context.Context, conn cloud.Connection, url string) (cloud.CheckAnswer, error) {
	f.mu.Lock()
	f.checks = append(f.checks, time.Now())
	check := f.check
	f.mu.Unlock()
	if check != nil {
		return check(ctx, conn, url)
	}
	return cloud.CheckAnswer{Status: "PENDING"}, nil
}

func (f *fakeCloud) Status(_ context.Context, conn cloud.Connection, accept401 bool) error {
	if f.status != nil {
		return f.status(conn, accept401)
	}
	return nil
}

func (f *fakeCloud) answerChecks(a cloud.CheckAnswer, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.check = func(context.Context, cloud.Connection, string) (cloud.CheckAnswer, error) { return a, err }
}

func (f *fakeCloud) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *fakeCloud) approve(token string) {
	f.answerChecks(cloud.CheckAnswer{Status: "COMPLETED", AccessToken: token}, nil)
}

func (f *fakeCloud) count() (registrations, checks int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.requests), len(f.checks)
}

// fakeSealer seals so that a test can see it.
type fakeSealer struct{}

func (fakeSealer) Seal(plain string) (string, error) {
	if plain == "" {
		return "", nil
	}
	return "sealed:" + plain, nil
}

func (fakeSealer) Open(sealed string) (string, error) {
	plain, ok := strings.CutPrefix(sealed, "sealed:")
	if sealed != "" && !ok {
		return "", errors.New("not sealed here")
	}
	return plain, nil
}

// memory keeps the record as JSON, as a disk would, and can be full.
type memory struct {
	mu   sync.Mutex
	data []byte
	full bool
}

func (m *memory) Load() (r Record, found bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.data == nil {
		return r, false, nil
	}
	return r, true, json.Unmarshal(m.data, &r)
}

func (m *memory) Save(r Record) (err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.full {
		return errors.New("no space left on device")
	}
	m.data, err = json.Marshal(r)
	return err
}

func (m *memory) setFull(full bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.full = full
}

// rig is a service with everything around it faked, in a synctest bubble.
type rig struct {
	t     *testing.T
	cloud *fakeCloud
	disk  *memory
	logs  *lines
	o     Options
	*Service
	events []Kind
	keys   int
	mu     sync.Mutex
}

// lines collects log messages.
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

// inBubble runs f on a started service. change adjusts the options before.
func inBubble(t *testing.T, change func(*rig), f func(*rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{t: t, cloud: &fakeCloud{}, disk: &memory{}, logs: &lines{}}
		r.o = Options{
			Keeper: r.disk, Sealer: fakeSealer{}, Cloud: r.cloud, Log: slog.New(r.logs),
			Engine:    func() (string, string) { return "engine0123456789", "Line 4" },
			Announced: "3.9.0",
			NewKeys: func(context.Context) (string, string, error) {
				time.Sleep(2 * time.Second)
				r.mu.Lock()
				defer r.mu.Unlock()
				r.keys++
				return fmt.Sprintf("public%d", r.keys), fmt.Sprintf("private%d", r.keys), nil
			},
			Decrypt: func(private, ciphertext string) (string, error) {
				plain, ok := strings.CutPrefix(ciphertext, strings.Replace(private, "private", "public", 1)+":")
				if !ok || private == "" {
					return "", errors.New("decoding error with " + private)
				}
				return plain, nil
			},
		}
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
	s, err := Open(r.o)
	if err != nil {
		r.t.Fatal(err)
	}
	s.OnChange(func(k Kind) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.events = append(r.events, k)
	})
	s.Start(r.t.Context())
	r.Service = s
}

func (r *rig) stop() {
	r.t.Helper()
	if err := r.Stop(time.Minute); err != nil {
		r.t.Error(err)
	}
}

func (r *rig) restart() { r.stop(); r.start() }

func (r *rig) happened() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []string
	for _, k := range r.events {
		all = append(all, string(k))
	}
	r.events = nil
	return strings.Join(all, " ")
}

// body is a settings body with some keys replaced; a nil value removes the key.
func body(change map[string]any) json.RawMessage {
	tree := map[string]any{
		"host": "https://acme.oianalytics.com", "acceptUnauthorized": false, "useProxy": false, "proxyUrl": nil,
		"proxyUsername": nil, "proxyPassword": nil, "useApiGateway": false, "apiGatewayHeaderKey": nil,
		"apiGatewayHeaderValue": nil, "apiGatewayBaseEndpoint": nil, "commandRefreshInterval": 60,
		"commandRetryInterval": 5, "messageRetryInterval": 5, "commandPermissions": entity.AllPermissions(),
	}
	for k, v := range change {
		if v == remove {
			delete(tree, k)
		} else {
			tree[k] = v
		}
	}
	data, err := json.Marshal(tree)
	if err != nil {
		panic(err)
	}
	return data
}

// remove stands for a key that is left out.
var remove any = struct{}{}

func (r *rig) mustRegister(change map[string]any) {
	r.t.Helper()
	if err := r.Register(r.t.Context(), "u7Qw2E", body(change)); err != nil {
		r.t.Fatal(err)
	}
}

// registered brings the service to REGISTERED with token.
func (r *rig) registered(token string) {
	r.t.Helper()
	r.mustRegister(nil)
	r.cloud.approve(token)
	r.after(11 * time.Second)
	if got := r.View(asIs).Status; got != entity.Registered {
		r.t.Fatalf("status %s", got)
	}
	r.cloud.answerChecks(cloud.CheckAnswer{Status: "PENDING"}, nil)
	r.happened()
}

// after lets the fake clock run.
func (r *rig) after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func asIs(id string) any { return id }

func (r *rig) token() string {
	conn, err := r.Connection()
	if err != nil {
		return err.Error()
	}
	return conn.Token
}
