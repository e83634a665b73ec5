package web

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"oibus/agent/config"
	"oibus/agent/connectors"
	"oibus/agent/entity"
	"oibus/agent/logging"
	"oibus/agent/secret"
	"oibus/agent/settings"
	"oibus/agent/store"
	"oibus/agent/web/access"
)

const (
	adminLogin    = "admin"
	adminPassword = "S3cret-pass"
)

var testKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// adminHash is computed once: each hash costs what an attacker should pay.
var adminHash = sync.OnceValue(func() string {
	hash, err := secret.HashPassword(adminPassword)
	if err != nil {
		panic(err)
	}
	return hash
})

// site is a running server with what is behind it.
type site struct {
	t            *testing.T
	server       *Server
	settings     *settings.Service
	registration *fakeRegistration
	commands     *fakeCommands
	metrics      *fakeMetrics
	connectors   *connectors.Service
	engine       *fakeEngine
	uploads      string
	logs         *logging.Hub
	restarts     atomic.Int32
	clock        *clock
	admin        entity.User
}

// clock stands still until a test moves it.
type clock struct {
	start time.Time
	ahead atomic.Int64
}

func (c *clock) now() time.Time          { return c.start.Add(time.Duration(c.ahead.Load())) }
func (c *clock) advance(d time.Duration) { c.ahead.Add(int64(d)) }

func openSettings(t *testing.T, dir string) *settings.Service {
	t.Helper()
	st, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, found, _ := store.Load(st, "users", []entity.User(nil)); !found {
		admin := entity.User{Audit: entity.NewAudit("yFHk16", entity.System, time.Now()), Login: adminLogin, PasswordHash: adminHash(), Language: "en", Timezone: "Europe/Paris"}
		if err := store.Save(st, "users", []entity.User{admin}); err != nil {
			t.Fatal(err)
		}
	}
	keys, err := secret.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	c, err := config.Parse("oibus.toml", nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := settings.Open(settings.Options{Store: st, Keys: keys, Config: c, DataDir: dir, Hostname: "box", Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// plain are the options of a server with nothing but settings behind it.
func plain(s Settings) Options {
	return Options{
		Address: "127.0.0.1", Settings: s, Registration: newFakeRegistration(), Registered: newFakeRegistration().view, Commands: &fakeCommands{},
		FriendlyName: func(id string) string { return id },
		Logs:         (*logging.Hub)(nil),
		Info:         func() Info { return Info{} },
		Restart:      func() {},
		Signer:       func(context.Context) (crypto.Signer, error) { return testKey(), nil },
	}
}

func makeServer(t testing.TB, o Options) *Server {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// newSite starts a server on a free port of this machine; change may alter its options.
func newSite(t *testing.T, change func(*Options)) *site {
	t.Helper()
	s := &site{t: t, settings: openSettings(t, t.TempDir()), registration: newFakeRegistration(), commands: &fakeCommands{}, metrics: &fakeMetrics{}, clock: &clock{start: time.Now()}}
	var err error
	if s.logs, err = logging.Open(t.TempDir(), logging.Options{Console: io.Discard}); err != nil {
		t.Fatal(err)
	}
	s.connectors, s.uploads = openConnectors(t, s.settings), filepath.Join(t.TempDir(), "uploads")
	s.engine = &fakeEngine{known: s.connectors}
	o := Options{
		Connectors: s.connectors, Engine: s.engine, Transformers: openTransformers(t, s.settings), Uploads: s.uploads,
		Address: "127.0.0.1", Settings: s.settings, Registration: s.registration, Registered: s.registration.view, Commands: s.commands, Metrics: s.metrics, Logs: s.logs,
		FriendlyName: func(id string) string { return s.settings.UserInfo(id).FriendlyName },
		Info:         func() Info { return Info{Version: "3.9.0", OIBusName: "OIBus", Platform: "linux"} },
		Prometheus:   func(w io.Writer) error { _, err := io.WriteString(w, "oibus_up 1\n"); return err },
		Restart:      func() { s.restarts.Add(1) },
		Signer:       func(context.Context) (crypto.Signer, error) { return testKey(), nil },
		Now:          s.clock.now,
	}
	if change != nil {
		change(&o)
	}
	s.server = makeServer(t, o)
	s.settings.SetHooks(settings.Hooks{WebPort: s.server.Rebind})
	s.server.Mount(
		access.Route{Method: "GET", Path: "/login", Level: access.Public, Handler: func(w http.ResponseWriter, r *http.Request) {
			id, _ := access.From(r.Context())
			io.WriteString(w, "sign in "+id.Login)
		}},
		access.Route{Method: "POST", Path: "/login", Level: access.Public, Handler: func(w http.ResponseWriter, r *http.Request) {
			if err := s.server.SignIn(w, r, r.FormValue("login"), r.FormValue("password")); err != nil {
				http.Error(w, err.Error(), http.StatusForbidden)
			}
		}},
		access.Route{Method: "POST", Path: "/logout", Level: access.Public, Handler: s.server.SignOut},
		access.Route{Method: "GET", Path: "/{$}", Level: access.Page, Handler: func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "home") }},
		access.Route{Method: "GET", Path: "/panic", Level: access.Public, Handler: func(http.ResponseWriter, *http.Request) { panic("boom") }},
	)
	s.server.streams.pace = 20 * time.Millisecond
	if err := s.server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		defer cancel()
		if err := s.server.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
		if err := s.logs.Close(ctx); err != nil {
			t.Errorf("close logs: %v", err)
		}
	})
	s.admin = s.settings.Users()[0]
	return s
}

func (s *site) url(path string) string { return "http://" + s.server.Addr().String() + path }

// reply is an answer read to its end.
type reply struct {
	status int
	header http.Header
	body   string
}

// call is one request of a test. Its zero Client keeps no connection and no cookies.
type call struct {
	method, path, body string
	header             map[string]string
	host               string
	login, password    string // Basic, unless login is empty
	client             *http.Client
}

func (s *site) do(c call) reply {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), c.method, s.url(c.path), strings.NewReader(c.body))
	if err != nil {
		s.t.Fatal(err)
	}
	if c.body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for name, value := range c.header {
		req.Header.Set(name, value)
	}
	if c.host != "" {
		req.Host = c.host
	}
	if c.login != "" {
		req.SetBasicAuth(c.login, c.password)
	}
	client := c.client
	if client == nil {
		client = newClient(nil)
		defer client.CloseIdleConnections()
	}
	resp, err := client.Do(req)
	if err != nil {
		s.t.Fatalf("%s %s: %v", c.method, c.path, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatalf("%s %s: %v", c.method, c.path, err)
	}
	return reply{resp.StatusCode, resp.Header, string(body)}
}

// newClient follows no redirects.
func newClient(jar http.CookieJar) *http.Client {
	return &http.Client{Transport: &http.Transport{}, Jar: jar, Timeout: 2 * time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// as sends a request with the credentials of the first user.
func (s *site) as(method, path, body string) reply {
	s.t.Helper()
	return s.do(call{method: method, path: path, body: body, login: adminLogin, password: adminPassword})
}

// browser is a client with a signed-in session.
func (s *site) browser() *http.Client {
	s.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	client := newClient(jar)
	s.t.Cleanup(client.CloseIdleConnections)
	r := s.do(call{method: "POST", path: "/login", client: client, body: "login=" + adminLogin + "&password=" + adminPassword,
		header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}})
	if r.status != http.StatusOK {
		s.t.Fatalf("sign in: %d %s", r.status, r.body)
	}
	return client
}

// token is a Bearer token of the first user.
func (s *site) token() string {
	s.t.Helper()
	r := s.as("POST", "/api/users/authentication", "")
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(r.body), &answer); err != nil || answer.AccessToken == "" {
		s.t.Fatalf("authentication: %d %s", r.status, r.body)
	}
	return answer.AccessToken
}

// want compares status and body; a body that is JSON is compared as such.
func (r reply) want(t *testing.T, what string, status int, body string) {
	t.Helper()
	if r.status != status || !sameJSON(r.body, body) {
		t.Errorf("%s: got %d %s, want %d %s", what, r.status, r.body, status, body)
	}
}

func sameJSON(a, b string) bool {
	var x, y any
	if json.Unmarshal([]byte(a), &x) != nil || json.Unmarshal([]byte(b), &y) != nil {
		return a == b
	}
	p, _ := json.Marshal(x)
	q, _ := json.Marshal(y)
	return bytes.Equal(p, q)
}

// until waits for something that another goroutine brings about.
func until(t *testing.T, what string, met func() bool) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); !met(); {
		if time.Now().After(end) {
			t.Fatalf("waited in vain until %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// shared finds a file of the protocol documents, or skips the test.
func shared(t *testing.T, name string) []byte {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for !isFile(filepath.Join(dir, "go.mod")) {
		if dir == filepath.Dir(dir) {
			t.Fatal("the module has no root")
		}
		dir = filepath.Dir(dir)
	}
	data, err := os.ReadFile(filepath.Join(dir, "..", "shared", filepath.FromSlash(name)))
	if err != nil {
		t.Skipf("the protocol documents are not here: %v", err)
	}
	return data
}

func isFile(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

type fakeRegistration struct {
	mu     sync.Mutex
	record entity.Registration
	calls  []string
	fail   error
}

func newFakeRegistration() *fakeRegistration {
	return &fakeRegistration{record: entity.Registration{Audit: entity.NewAudit("Hz9Mv6krCOQRQwMx", entity.System, time.Now()), Status: entity.NotRegistered,
		CommandRefreshInterval: 60, CommandRetryInterval: 5, MessageRetryInterval: 5, CommandPermissions: entity.AllPermissions()}}
}

func (f *fakeRegistration) note(what string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, what)
	return f.fail
}

func (f *fakeRegistration) failWith(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail = err
}

// view shows what the real one does, as far as the schema asks for it.
func (f *fakeRegistration) view(author func(string) any) any {
	f.mu.Lock()
	defer f.mu.Unlock()
	shown := map[string]any{}
	data, _ := json.Marshal(f.record)
	json.Unmarshal(data, &shown)
	for _, secret := range []string{"proxyPassword", "apiGatewayHeaderValue", "token", "publicCipherKey", "privateCipherKey", "previousPrivateCipherKey"} {
		delete(shown, secret)
	}
	shown["createdBy"], shown["updatedBy"] = author(f.record.CreatedBy), author(f.record.UpdatedBy)
	return shown
}

func (f *fakeRegistration) Register(_ context.Context, author string, _ json.RawMessage) error {
	return f.note("register by " + author)
}

func (f *fakeRegistration) Edit(author string, _ json.RawMessage) error {
	return f.note("edit by " + author)
}

func (f *fakeRegistration) TestConnection(context.Context, json.RawMessage) error {
	return f.note("test")
}

func (f *fakeRegistration) Unregister() error {
	return f.note("unregister")
}

type fakeCommands struct {
	mu      sync.Mutex
	asked   CommandQuery
	content []json.RawMessage
}

func (f *fakeCommands) Search(q CommandQuery) any {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = q
	return pageOf(f.content, q.Page, func(c json.RawMessage) any { return c })
}

func (f *fakeCommands) Delete(id string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	before := len(f.content)
	f.content = slices.DeleteFunc(f.content, func(c json.RawMessage) bool { return strings.Contains(string(c), `"id":"`+id+`"`) })
	if len(f.content) == before {
		return entity.NotFound("OIAnalytics command %q not found", id)
	}
	return nil
}

type fakeMetrics struct{ resets atomic.Int32 }

func (f *fakeMetrics) Engine() any { return map[string]any{"processUptime": 1.5} }
func (f *fakeMetrics) Reset()      { f.resets.Add(1) }
