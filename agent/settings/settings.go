// Package settings owns the objects that the engine is configured with: its own settings, scan modes, IP filters,
// certificates and users, and the rules for changing them. It promises that a change is either refused with a text
// that names the field, or durable and announced to whoever listens; that what oibus.toml pins cannot be changed
// from elsewhere; and that no secret leaves it unsealed but to the part that needs it. It guards against the same
// rule being written twice, once for the page and once for the cloud.
package settings

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"oibus/agent/config"
	"oibus/agent/entity"
	"oibus/agent/secret"
	"oibus/agent/store"
)

// Change says what was changed.
type Change string

// What can change.
const (
	EngineName   Change = "engine-name"
	WebServer    Change = "web-server"
	Proxy        Change = "proxy"
	Logger       Change = "logger"
	ScanModes    Change = "scan-modes"
	IPFilters    Change = "ip-filters"
	Certificates Change = "certificates"
	Users        Change = "users"
)

// Options are what a Service is built from.
type Options struct {
	Store     *store.Store
	Keys      *secret.Keyring
	Config    *config.Config
	Provision config.Provision
	DataDir   string
	Hostname  string
	Version   string // announced
	Launcher  string // version of the launcher
	Now       func() time.Time
}

// Hooks apply a change before it is stored, so that one that cannot be applied (a port in use) is refused. After a
// change that could not be stored they are called again with what was before.
type Hooks struct {
	WebPort func(port int) error
	Proxy   func(p entity.ProxySettings) error
}

// Service is safe for concurrent use.
type Service struct {
	o    Options
	pins map[string]any

	changing sync.Mutex // held through a whole change, hooks included
	mu       sync.Mutex // guards the fields below
	engine   entity.Engine
	lists
	hooks     Hooks
	listeners []func([]Change)
}

// Open loads the objects, making those of a first start where there are none.
func Open(o Options) (*Service, error) {
	s := &Service{o: o}
	var err error
	if s.pins, err = o.Config.PinnedValues(""); err != nil {
		return nil, err
	}
	if err := s.sealPins(); err != nil {
		return nil, err
	}
	if err := s.openEngine(); err != nil {
		return nil, err
	}
	if s.lists, err = openLists(o.Store); err != nil {
		return nil, err
	}
	return s, errors.Join(s.seedScanModes(), s.seedTransformers(), s.seedUsers())
}

// sealPins turns the secrets that oibus.toml gives into the form in which settings hold them.
func (s *Service) sealPins() error {
	for path, protect := range map[string]func(string) (string, error){
		"proxyServer.password":         secret.HashPassword,
		"proxyServer.forward.password": s.o.Keys.Seal,
		"logger.loki.password":         s.o.Keys.Seal,
	} {
		plain, ok := s.pins[path].(string)
		if !ok || plain == "" {
			continue
		}
		protected, err := protect(plain)
		if err != nil {
			return err
		}
		s.pins[path] = protected
	}
	return nil
}

func (s *Service) openEngine() error {
	engine, found, err := store.Load(s.o.Store, "engine", entity.Engine{})
	if err != nil {
		return err
	}
	if !found {
		engine = entity.Engine{Audit: entity.NewAudit(entity.NewID(entity.LongID), entity.System, s.o.Now()), Version: s.o.Version, LauncherVersion: s.o.Launcher, Settings: entity.DefaultEngineSettings()}
		if s.o.Provision.EngineName != "" {
			engine.Settings.General.Name = s.o.Provision.EngineName
		}
		if s.o.Provision.Port != 0 {
			engine.Settings.WebServer.Port = s.o.Provision.Port
		}
		if err := store.Save(s.o.Store, "engine", engine); err != nil {
			return err
		}
	}
	s.engine = engine
	return nil
}

// OnChange has f called after each change, once it is durable, with all that it changed. f must not block.
func (s *Service) OnChange(f func(changes []Change)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listeners = append(s.listeners, f)
}

// SetHooks sets what applies changes before they are stored.
func (s *Service) SetHooks(h Hooks) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hooks = h
}

func (s *Service) announce(changes ...Change) {
	s.mu.Lock()
	listeners := s.listeners
	s.mu.Unlock()
	for _, f := range listeners {
		f(changes)
	}
}

// Engine returns the engine with its settings as they are in force: those pinned by oibus.toml over those stored.
func (s *Service) Engine() entity.Engine {
	s.mu.Lock()
	engine := s.engine
	s.mu.Unlock()
	settings, err := overlay(engine.Settings, s.pins)
	if err != nil { // the keys of oibus.toml have the types of the settings: a test pins each of them
		panic(err)
	}
	engine.Settings = settings
	return engine
}

// SetVersions stores the versions that run now, when they differ from those stored.
func (s *Service) SetVersions(agent, launcher string) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	s.mu.Lock()
	engine := s.engine
	s.mu.Unlock()
	if engine.Version == agent && engine.LauncherVersion == launcher {
		return nil
	}
	engine.Version, engine.LauncherVersion = agent, launcher
	return s.saveEngine(engine)
}

func (s *Service) saveEngine(engine entity.Engine) error {
	if err := store.Save(s.o.Store, "engine", engine); err != nil {
		return err
	}
	s.mu.Lock()
	s.engine = engine
	s.mu.Unlock()
	return nil
}

// Pins lists what oibus.toml decides.
func (s *Service) Pins() []config.Pin { return s.o.Config.Pins() }

// Pinned says in which file the setting at path ("webServer.port") is decided, when it is.
func (s *Service) Pinned(path string) (file string, ok bool) {
	pin, ok := s.o.Config.Pinned(path)
	return pin.File, ok
}

// LokiPassword opens the password for Loki.
func (s *Service) LokiPassword() (string, error) {
	return s.o.Keys.Open(s.Engine().Settings.Logger.Loki.Password)
}

// ForwardPassword opens the password for the upstream proxy of the forward proxy.
func (s *Service) ForwardPassword() (string, error) {
	if p := s.Engine().Settings.ProxyServer.Forward.Password; p != nil {
		return s.o.Keys.Open(*p)
	}
	return "", nil
}

// overlay returns v with the values at some paths ("proxyServer.forward.url") replaced.
func overlay[T any](v T, values map[string]any) (T, error) {
	if len(values) == 0 {
		return v, nil
	}
	tree, err := toTree(v)
	if err != nil {
		return v, err
	}
	for path, value := range values {
		setPath(tree, path, value)
	}
	data, err := json.Marshal(tree)
	if err != nil {
		return v, fmt.Errorf("cannot apply pinned settings: %w", err)
	}
	var out T
	if err := json.Unmarshal(data, &out); err != nil {
		return v, fmt.Errorf("cannot apply pinned settings: %w", err)
	}
	return out, nil
}
