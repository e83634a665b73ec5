package installer

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"oibus/launcher/diagnostics"
	"oibus/launcher/handover"
	"oibus/platform"
)

// fakeMachine is a computer in a temporary folder. A service that is started serves what an agent would.
type fakeMachine struct {
	t        *testing.T
	dir      string
	here     string
	rights   error
	services map[string]*fakeService
	calls    []string
	runs     func(args []string) (string, error)
	imports  func(args []string) (string, error)
	shares   bool // two services can have one name, one after the other
	free     uint64
	killAt   int // the call at which this process is killed, before or after it; 0 never
	after    bool
	polled   bool   // OIAnalytics answers
	unit     string // what systemctl shows of what the service sees
	lock     string // folder of that of the installer
}

type fakeService struct {
	spec     platform.ServiceSpec
	server   *httptest.Server
	disabled bool
	manual   bool
	other    string       // data folder of another OIBus, of which this is the service
	on       bool         // that one
	kept     *fakeService // what this one replaced
}

func newMachine(t *testing.T) *fakeMachine {
	t.Helper()
	m := &fakeMachine{t: t, dir: t.TempDir(), services: map[string]*fakeService{}, free: 1 << 40, polled: true, lock: t.TempDir()}
	m.here = filepath.Join(m.dir, "archive")
	for _, name := range []string{"oibus-launcher", "binaries/oibus", "oibus-installer"} {
		m.write(filepath.Join("archive", name), "program "+name)
		m.write(filepath.Join("archive", name+".exe"), "program "+name)
	}
	t.Cleanup(func() {
		for _, s := range m.services {
			s.stop()
		}
	})
	return m
}

func (m *fakeMachine) write(name, text string) string {
	m.t.Helper()
	path := filepath.Join(m.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		m.t.Fatal(err)
	}
	return path
}

func (m *fakeMachine) Folders() platform.Folders {
	at := func(name string) string { return filepath.Join(m.dir, name) }
	return platform.Folders{Programs: at("opt"), Data: at("lib/oibus"), Instances: at("lib/instances") + string(filepath.Separator),
		Settings: at("etc"), Links: at("usr/local/bin"), Registry: at("etc"), Lock: filepath.Join(m.lock, "not", "yet", "installer.lock"), Service: "oibus", Unfit: platform.SystemFolders().Unfit}
}

func (m *fakeMachine) Administrator() error     { return m.rights }
func (m *fakeMachine) HasServiceManager() error { return nil }

func (m *fakeMachine) note(format string, args ...any) {
	m.calls = append(m.calls, fmt.Sprintf(format, args...))
}

func (m *fakeMachine) Query(_ context.Context, service string) (platform.ServiceStatus, error) {
	s, there := m.services[service]
	switch {
	case !there:
		return platform.ServiceStatus{State: platform.ServiceAbsent}, nil
	case s.server == nil && !s.on:
		return platform.ServiceStatus{State: platform.ServiceStopped, AtBoot: s.atBoot()}, nil
	}
	return platform.ServiceStatus{State: platform.ServiceRunning, AtBoot: s.atBoot(), PID: 7}, nil
}

func (m *fakeMachine) Install(_ context.Context, s platform.ServiceSpec) error {
	m.kill(false)
	defer m.kill(true)
	m.note("install %s", s.Name)
	if old, there := m.services[s.Name]; there && old.other == "" {
		old.spec, old.disabled, old.manual = s, false, false
		return nil
	} else if there { // a unit that takes the place of another one
		old.on = false
		m.services[s.Name] = &fakeService{spec: s, kept: old.kept}
		return nil
	}
	m.services[s.Name] = &fakeService{spec: s}
	return nil
}

func (m *fakeMachine) Enable(_ context.Context, service string) error {
	m.kill(false)
	defer m.kill(true)
	m.note("enable %s", service)
	m.services[service].disabled, m.services[service].manual = false, false
	return nil
}

func (m *fakeMachine) Remove(_ context.Context, service string) error {
	m.kill(false)
	defer m.kill(true)
	m.note("remove %s", service)
	if s, there := m.services[service]; there {
		s.stop()
		delete(m.services, service)
	}
	return nil
}

func (s *fakeService) atBoot() bool { return !s.disabled && !s.manual }

func (s *fakeService) stop() {
	s.on = false
	if s.server != nil {
		s.server.Close()
		s.server = nil
	}
}

func (m *fakeMachine) Start(_ context.Context, service string) error {
	m.kill(false)
	defer m.kill(true)
	m.note("start %s", service)
	s, there := m.services[service]
	if !there {
		return platform.ErrNoService
	}
	if s.disabled && !m.shares { // Windows
		return errors.New("error 1058: the service is disabled")
	}
	if s.other != "" {
		s.on = true
		return nil
	}
	if s.server != nil {
		return nil
	}
	return m.serve(s)
}

func (m *fakeMachine) Stop(_ context.Context, service string) error {
	m.kill(false)
	defer m.kill(true)
	m.note("stop %s", service)
	m.services[service].stop()
	return nil
}

func (m *fakeMachine) Restart(_ context.Context, service string) error {
	m.note("restart %s", service)
	m.services[service].stop()
	return m.serve(m.services[service])
}

func (m *fakeMachine) Definition(ctx context.Context, service string) (platform.ServiceDefinition, error) {
	list, err := m.Definitions(ctx)
	for _, d := range list {
		if d.Name == service {
			return d, err
		}
	}
	return platform.ServiceDefinition{}, err
}

func (m *fakeMachine) EnsureUser(context.Context, string) error { return nil }
func (m *fakeMachine) GiveFolder(dir, service string) error {
	m.note("give %s to %s", filepath.Base(dir), service)
	return os.MkdirAll(dir, 0o700)
}
func (m *fakeMachine) ProtectFolder(dir string) error { return os.MkdirAll(dir, 0o755) }
func (m *fakeMachine) WriteSettings(path string, text []byte) error {
	m.kill(false)
	defer m.kill(true)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o644)
}
func (m *fakeMachine) AsOwner(_ string, do func() error) error { return do() }
func (m *fakeMachine) Run(_ context.Context, _, program string, args ...string) (string, error) {
	m.note("run %s %s", strings.TrimSuffix(filepath.Base(program), ".exe"), args[0])
	if m.runs == nil {
		return "", nil
	}
	return m.runs(args)
}
func (m *fakeMachine) Here() (string, error) { return m.here, nil }
func (m *fakeMachine) View(context.Context, string) (platform.ServiceView, error) {
	return platform.ParseView(m.unit), nil
}
func (m *fakeMachine) Now() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// serve is an agent in small: it makes its state at the first start, keeps a user and a registration.
func (m *fakeMachine) serve(s *fakeService) error {
	data, settings := s.spec.Args[1], s.spec.Args[3]
	w, err := readWeb(m, instance{Data: data, Settings: settings})
	if err != nil {
		return err
	}
	if err := m.firstStart(data); err != nil {
		return err
	}
	agent := &fakeAgent{data: data}
	server := &httptest.Server{Config: &http.Server{Handler: agent.routes()}}
	if w.own {
		if server.TLS, err = m.certificate(w.certificate); err != nil {
			return err
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(w.port))
	if err != nil {
		return err
	}
	if m.polled {
		err = handover.WriteContact(data, handover.Contact{At: m.Now()})
	} else {
		err = handover.WriteContact(data, handover.Contact{Error: "ECONNREFUSED"})
	}
	if err != nil {
		return err
	}
	s.server, server.Listener = server, l
	if w.own {
		server.StartTLS()
	} else {
		server.Start()
	}
	return nil
}

func (m *fakeMachine) firstStart(data string) error {
	state := filepath.Join(data, "state", "engine.json")
	if _, err := os.Stat(state); err == nil {
		return nil
	}
	secrets := filepath.Join(data, "secrets")
	err := errors.Join(os.MkdirAll(filepath.Dir(state), 0o700), os.MkdirAll(secrets, 0o700))
	if err == nil {
		err = os.WriteFile(state, []byte(`{"schema":1,"data":{"id":"own","settings":{"general":{"name":"x"}}}}`), 0o600)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(secrets, firstPasswordName), []byte("admin first\n"), 0o600)
	}
	return err
}

// fakeAgent answers the calls that the installer makes.
type fakeAgent struct {
	data string
	mu   sync.Mutex
	form map[string]any
	code string
	done bool
}

func (a *fakeAgent) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/status", func(w http.ResponseWriter, _ *http.Request) {})
	mux.HandleFunc("GET /api/users/current-user", a.known(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"id":"u1"}`) }))
	mux.HandleFunc("PUT /api/users/u1/password", a.known(func(w http.ResponseWriter, r *http.Request) {
		var body struct{ NewPassword string }
		_ = json.NewDecoder(r.Body).Decode(&body)
		_ = os.WriteFile(filepath.Join(a.data, "chosen"), []byte(body.NewPassword), 0o600)
		_ = os.Remove(filepath.Join(a.data, "secrets", firstPasswordName))
		w.WriteHeader(http.StatusNoContent)
	}))
	mux.HandleFunc("GET /api/page/diagnostics", a.known(func(w http.ResponseWriter, _ *http.Request) {
		_ = diagnostics.Write(w, time.Unix(0, 0), []diagnostics.Part{
			diagnostics.Bytes("process/goroutines.txt", []byte("goroutine 1\n")), diagnostics.Bytes("settings/north.json", []byte(`"password": "of the north"`)),
			diagnostics.Bytes("logs/journal.jsonl", []byte("the same again\n")),
		})
	}))
	mux.HandleFunc("GET /api/oianalytics/registration", a.known(func(w http.ResponseWriter, _ *http.Request) {
		a.mu.Lock()
		defer a.mu.Unlock()
		r := map[string]any{"status": "NOT_REGISTERED", "host": "", "commandPermissions": map[string]bool{"setpoint": false}, "commandRefreshInterval": 60}
		if a.form != nil {
			r["status"], r["host"], r["activationCode"], r["activationExpirationDate"] = "PENDING", a.form["host"], a.code, "2026-03-01T13:00:00Z"
		}
		if a.done {
			r["status"] = "REGISTERED"
		}
		_ = json.NewEncoder(w).Encode(r)
	}))
	mux.HandleFunc("POST /api/oianalytics/register", a.known(func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		defer a.mu.Unlock()
		_ = json.NewDecoder(r.Body).Decode(&a.form)
		if strings.Contains(fmt.Sprint(a.form["host"]), "refusing") {
			w.WriteHeader(http.StatusInternalServerError)
			fmt.Fprint(w, `{"error":"no such site"}`)
			return
		}
		a.code = "ABC123"
		a.done = strings.Contains(fmt.Sprint(a.form["host"]), "prompt")
		_ = os.WriteFile(filepath.Join(a.data, "form.json"), []byte(fmt.Sprint(a.form)), 0o600)
		w.WriteHeader(http.StatusNoContent)
	}))
	return mux
}

// known lets the first user in, or the one with the chosen password.
func (a *fakeAgent) known(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		login, password, _ := r.BasicAuth()
		text, _ := os.ReadFile(filepath.Join(a.data, "secrets", firstPasswordName))
		chosen, _ := os.ReadFile(filepath.Join(a.data, "chosen"))
		if strings.TrimSpace(string(text)) != login+" "+password && (len(chosen) == 0 || string(chosen) != password) {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		next(w, r)
	}
}

// lastPort is the last one that freePort has given. They lie below those that the system gives to whoever asks for any,
// so that nobody else gets one of them before it is used.
var lastPort atomic.Int32

// freePort is a port that nothing uses.
func freePort(t *testing.T) int {
	t.Helper()
	for range 5000 {
		port := 20000 + (os.Getpid()*7+int(lastPort.Add(1)))%12000
		l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port))
		if err == nil {
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			return port
		}
	}
	t.Fatal("no port is free")
	return 0
}

func (m *fakeMachine) wantCalls(want ...string) {
	m.t.Helper()
	if got := strings.Join(m.calls, "\n"); got != strings.Join(want, "\n") {
		m.t.Errorf("it did:\n%s\nwant:\n%s", got, strings.Join(want, "\n"))
	}
	m.calls = nil
}

// startFails is a machine on which a service does not start at first.
type startFails struct {
	*fakeMachine
	times int
}

func (m *startFails) Start(ctx context.Context, service string) error {
	if m.times > 0 {
		m.times--
		return errors.New("it ended at once")
	}
	return m.fakeMachine.Start(ctx, service)
}

// certificate makes one for the page, as an agent does.
func (m *fakeMachine) certificate(path string) (*tls.Config, error) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, err
	}
	from := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}}
	made, err := x509.CreateCertificate(rand.Reader, from, from, public, private)
	if err != nil {
		return nil, err
	}
	err = os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: made}), 0o600)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{made}, PrivateKey: private}}}, err
}

// noRights is a machine on which this process may not look into the data folder.
type noRights struct {
	*fakeMachine
	blind bool // nor ask for services
}

func (noRights) Administrator() error { return &rightsError{"this needs the rights of somebody else"} }

func (m noRights) Query(ctx context.Context, service string) (platform.ServiceStatus, error) {
	if m.blind {
		return platform.ServiceStatus{}, fmt.Errorf("cannot ask for it: %w", os.ErrPermission)
	}
	return m.fakeMachine.Query(ctx, service)
}

func (noRights) AsOwner(string, func() error) error {
	return fmt.Errorf("cannot look there: %w", os.ErrPermission)
}
