package settings

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"oibus/agent/entity"
	"oibus/agent/schema"
	"oibus/agent/secret"
)

// errSamePort is the reference's text, word for word.
var errSamePort = entity.Invalid("Web server port and proxy port can not be the same")

// Forms of the engine settings (protocol/control-plane.md, sections 10.1 to 10.4). Levels are checked here, where
// the reference takes any text and then logs nothing.
var (
	textOrEmpty = schema.String().Empty()
	levels      = schema.Enum("silent", "error", "warn", "info", "debug", "trace")

	generalForm = schema.Object(schema.Required("name", schema.String()))

	webServerForm = schema.Object(
		schema.Required("port", schema.Port()),
		schema.Required("authTokenDuration", schema.Enum("1h", "6h", "1d", "3d", "7d", "14d", "30d")),
	)

	proxyForm = schema.Object(
		schema.Required("enabled", schema.Boolean()),
		schema.Optional("port", schema.Port().Nullable()),
		schema.Optional("username", textOrEmpty),
		schema.Optional("password", textOrEmpty),
		schema.Optional("forward", schema.Object(
			schema.Required("enabled", schema.Boolean()),
			schema.Optional("url", schema.URI().Empty()),
			schema.Optional("username", textOrEmpty),
			schema.Optional("password", textOrEmpty),
		)),
	)

	consoleForm  = schema.Object(schema.Required("level", levels))
	fileForm     = schema.Object(schema.Required("level", levels), schema.Optional("maxFileSize", schema.Integer().Min(1)), schema.Optional("numberOfFiles", schema.Integer().Min(1)))
	databaseForm = schema.Object(schema.Required("level", levels), schema.Optional("maxNumberOfLogs", schema.Integer().Min(100000)))
	lokiForm     = schema.Object(
		schema.Required("level", levels),
		schema.Optional("interval", schema.Integer().Min(10)),
		schema.Optional("address", textOrEmpty),
		schema.Optional("username", textOrEmpty),
		schema.Optional("password", textOrEmpty),
	)
	oiaForm    = schema.Object(schema.Required("level", levels), schema.Optional("interval", schema.Integer().Min(10)))
	syslogForm = schema.Object(
		schema.Required("level", levels),
		schema.Optional("host", textOrEmpty),
		schema.Optional("port", schema.Integer().Min(1).Max(65535)),
		schema.Optional("protocol", schema.Enum("udp4", "tcp")),
	)

	loggerForm = schema.Object(
		schema.Required("console", consoleForm), schema.Required("file", fileForm), schema.Required("database", databaseForm),
		schema.Required("loki", lokiForm), schema.Required("oia", oiaForm), schema.Required("syslog", syslogForm),
	)

	engineForm = schema.Object(
		schema.Required("general", generalForm), schema.Required("webServer", webServerForm),
		schema.Required("proxyServer", proxyForm), schema.Required("logger", loggerForm),
	)

	// flatForm is the one body of dialect R (section 12).
	flatForm = schema.Object(
		schema.Required("name", schema.String()),
		schema.Required("port", schema.Port()),
		schema.Required("proxyEnabled", schema.Boolean()),
		schema.Optional("proxyPort", schema.Port().Nullable()),
		schema.Required("logParameters", schema.Object(
			schema.Required("console", consoleForm), schema.Required("file", fileForm), schema.Required("database", databaseForm),
			schema.Required("loki", lokiForm), schema.Required("oia", oiaForm),
		)),
	)
)

// UpdateGeneral changes the name of the engine.
func (s *Service) UpdateGeneral(author string, body json.RawMessage) error {
	return s.updateEngine(author, []Change{EngineName}, func(e *entity.EngineSettings) error {
		return schema.Decode(generalForm, body, &e.General)
	})
}

// UpdateWebServer changes the port of the page and the life of its sessions.
func (s *Service) UpdateWebServer(author string, body json.RawMessage) error {
	return s.updateEngine(author, []Change{WebServer}, func(e *entity.EngineSettings) error {
		if err := schema.Decode(webServerForm, body, &e.WebServer); err != nil {
			return err
		}
		if e.ProxyServer.Port != nil && e.WebServer.Port == *e.ProxyServer.Port {
			return errSamePort
		}
		return nil
	})
}

// UpdateProxy changes the forward proxy. Passwords are plain; one that is missing, null or empty keeps the stored
// one. A missing forward clears its fields.
func (s *Service) UpdateProxy(author string, body json.RawMessage) error {
	return s.updateEngine(author, []Change{Proxy}, func(e *entity.EngineSettings) error {
		var p entity.ProxySettings
		if err := schema.Decode(proxyForm, body, &p); err != nil {
			return err
		}
		return s.setProxy(e, p)
	})
}

func (s *Service) setProxy(e *entity.EngineSettings, p entity.ProxySettings) error {
	if p.Enabled && p.Port != nil && *p.Port == e.WebServer.Port {
		return errSamePort
	}
	old := e.ProxyServer
	var err, forwardErr error
	p.Password, err = protect(p.Password, old.Password, secret.HashPassword)
	p.Forward.Password, forwardErr = protect(p.Forward.Password, old.Forward.Password, s.o.Keys.Seal)
	e.ProxyServer = p
	return errors.Join(err, forwardErr)
}

// protect returns plain as it is stored, or what was stored when plain is not filled.
func protect(plain, stored *string, how func(string) (string, error)) (*string, error) {
	if plain == nil || *plain == "" {
		return stored, nil
	}
	text, err := how(*plain)
	return &text, err
}

// UpdateLogger changes where the logs go. The Loki password is plain; an empty one keeps the stored one.
func (s *Service) UpdateLogger(author string, body json.RawMessage) error {
	return s.updateEngine(author, []Change{Logger}, func(e *entity.EngineSettings) error {
		return s.decodeLogger(loggerForm, body, &e.Logger, &e.Logger)
	})
}

// decodeLogger decodes body into v, of which logger is a part, and keeps or seals the Loki password.
func (s *Service) decodeLogger(form schema.Schema, body json.RawMessage, v any, logger *entity.LoggerSettings) error {
	stored := logger.Loki.Password
	logger.Loki.Password = ""
	if err := schema.Decode(form, body, v); err != nil {
		return err
	}
	password, err := protect(&logger.Loki.Password, &stored, s.o.Keys.Seal)
	if err != nil {
		return err
	}
	logger.Loki.Password = *password
	return nil
}

// UpdateEngine changes all blocks at once.
func (s *Service) UpdateEngine(author string, body json.RawMessage) error {
	return s.updateEngine(author, []Change{EngineName, WebServer, Proxy, Logger}, func(e *entity.EngineSettings) error {
		fresh := entity.EngineSettings{WebServer: e.WebServer, Logger: e.Logger}
		if err := s.decodeLogger(engineForm, body, &fresh, &fresh.Logger); err != nil {
			return err
		}
		e.General, e.WebServer, e.Logger = fresh.General, fresh.WebServer, fresh.Logger
		return s.setProxy(e, fresh.ProxyServer)
	})
}

// flatSettings is the body of dialect R.
type flatSettings struct {
	Name          string                `json:"name"`
	Port          int                   `json:"port"`
	ProxyEnabled  bool                  `json:"proxyEnabled"`
	ProxyPort     *int                  `json:"proxyPort"`
	LogParameters entity.LoggerSettings `json:"logParameters"`
}

// UpdateEngineFlat changes all settings that dialect R knows. In that dialect the ports may never be equal.
func (s *Service) UpdateEngineFlat(author string, body json.RawMessage) error {
	return s.updateEngine(author, []Change{EngineName, WebServer, Proxy, Logger}, func(e *entity.EngineSettings) error {
		flat := flatSettings{LogParameters: e.Logger}
		if err := s.decodeLogger(flatForm, body, &flat, &flat.LogParameters); err != nil {
			return err
		}
		if flat.ProxyPort != nil && *flat.ProxyPort == flat.Port {
			return errSamePort
		}
		e.General.Name, e.WebServer.Port = flat.Name, flat.Port
		e.ProxyServer.Enabled, e.ProxyServer.Port = flat.ProxyEnabled, flat.ProxyPort
		e.Logger = flat.LogParameters
		return nil
	})
}

// updateEngine runs one change of the engine settings: form, pins, hooks, storage, announcement.
func (s *Service) updateEngine(author string, changes []Change, change func(*entity.EngineSettings) error) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	before := s.Engine()
	after := before
	if err := change(&after.Settings); err != nil {
		return err
	}
	if err := s.checkPins(before.Settings, after.Settings); err != nil {
		return err
	}
	if err := s.apply(before.Settings, after.Settings); err != nil {
		return err
	}
	stored, err := s.unpinned(after)
	if err == nil {
		stored.Audit = before.Touched(author, s.o.Now())
		err = s.saveEngine(stored)
	}
	if err != nil {
		return errors.Join(err, s.apply(after.Settings, before.Settings))
	}
	s.announce(changes...)
	return nil
}

// unpinned is e with what was stored in place of what oibus.toml decides: when a key is taken out of the file again, the
// setting is what it was before.
func (s *Service) unpinned(e entity.Engine) (entity.Engine, error) {
	s.mu.Lock()
	stored := s.engine.Settings
	s.mu.Unlock()
	tree, err := toTree(stored)
	if err != nil {
		return e, err
	}
	values := map[string]any{}
	for path := range s.pins {
		values[path] = getPath(tree, path)
	}
	e.Settings, err = overlay(e.Settings, values)
	return e, err
}

// checkPins refuses a change of what oibus.toml decides.
func (s *Service) checkPins(before, after entity.EngineSettings) error {
	old, err := toTree(before)
	if err != nil {
		return err
	}
	changed, err := toTree(after)
	if err != nil {
		return err
	}
	for _, pin := range s.o.Config.Pins() {
		if _, engine := s.pins[pin.Path]; engine && !reflect.DeepEqual(getPath(old, pin.Path), getPath(changed, pin.Path)) {
			return s.o.Config.PinError(pin.Path)
		}
	}
	return nil
}

// apply makes the part of a change that can fail take effect.
func (s *Service) apply(before, after entity.EngineSettings) error {
	s.mu.Lock()
	hooks := s.hooks
	s.mu.Unlock()
	if hooks.WebPort != nil && before.WebServer.Port != after.WebServer.Port {
		if err := hooks.WebPort(after.WebServer.Port); err != nil {
			return fmt.Errorf("cannot use port %d for the web server: %w", after.WebServer.Port, err)
		}
	}
	if hooks.Proxy == nil || reflect.DeepEqual(before.ProxyServer, after.ProxyServer) {
		return nil
	}
	if err := hooks.Proxy(after.ProxyServer); err != nil {
		return errors.Join(fmt.Errorf("cannot apply the proxy settings: %w", err), s.undoWebPort(hooks, before, after))
	}
	return nil
}

func (s *Service) undoWebPort(hooks Hooks, before, after entity.EngineSettings) error {
	if hooks.WebPort == nil || before.WebServer.Port == after.WebServer.Port {
		return nil
	}
	return hooks.WebPort(before.WebServer.Port)
}
