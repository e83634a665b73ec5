package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"oibus/agent/cron"
	"oibus/agent/web/shape"
)

// restartDelay lets the answer reach the one who asked for the restart, as in the reference.
const restartDelay = 100 * time.Millisecond

// lifetime is that of a session or token: authTokenDuration, 7 days unless it is one of the known texts.
func (s *Server) lifetime() time.Duration {
	const day = 24 * time.Hour
	switch s.o.Settings.Engine().Settings.WebServer.AuthTokenDuration {
	case "1h":
		return time.Hour
	case "6h":
		return 6 * time.Hour
	case "1d":
		return day
	case "3d":
		return 3 * day
	case "14d":
		return 14 * day
	case "30d":
		return 30 * day
	}
	return 7 * day
}

func (s *Server) status(w http.ResponseWriter, _ *http.Request) error { return noContent(w) }

func (s *Server) engine(w http.ResponseWriter, _ *http.Request) error {
	if s.o.Released {
		return ok(w, s.flatEngineDTO(s.o.Settings.Engine()))
	}
	return ok(w, s.engineDTO(s.o.Settings.Engine()))
}

func (s *Server) updateEngine(w http.ResponseWriter, r *http.Request) error {
	if s.o.Released {
		return s.updatePort(w, r, flatEngineForm, s.o.Settings.UpdateEngineFlat)
	}
	return s.updatePort(w, r, engineForm, s.o.Settings.UpdateEngine)
}

func (s *Server) updateWebServer(w http.ResponseWriter, r *http.Request) error {
	return s.updatePort(w, r, webServerForm, s.o.Settings.UpdateWebServer)
}

type update func(author string, body json.RawMessage) error

// updatePort makes a change that may concern the port of the page, and says whether it did.
func (s *Server) updatePort(w http.ResponseWriter, r *http.Request, form shape.Shape, change update) error {
	content, err := body(r, form)
	if err != nil {
		return err
	}
	before := s.o.Settings.Engine().Settings.WebServer.Port
	if err := change(author(r), content); err != nil {
		return err
	}
	var result struct {
		NeedsRedirect bool `json:"needsRedirect"`
		NewPort       *int `json:"newPort"`
	}
	if after := s.o.Settings.Engine().Settings.WebServer.Port; after != before {
		result.NeedsRedirect, result.NewPort = true, &after
	}
	return ok(w, result)
}

// updateBlock changes one block of the settings; the answer is a 200 without a body, as documented.
func (s *Server) updateBlock(form shape.Shape, change update) handle {
	return func(w http.ResponseWriter, r *http.Request) error {
		content, err := body(r, form)
		if err != nil {
			return err
		}
		if err := change(author(r), content); err != nil {
			return err
		}
		w.WriteHeader(http.StatusOK)
		return nil
	}
}

func (s *Server) resetMetrics(w http.ResponseWriter, _ *http.Request) error {
	if s.o.Metrics != nil {
		s.o.Metrics.Reset()
	}
	return noContent(w)
}

func (s *Server) restart(w http.ResponseWriter, r *http.Request) error {
	s.log.Info("restart asked for on the admin page or the REST API", "user", author(r))
	s.later("restart", restartDelay, s.o.Restart)
	return noContent(w)
}

// later runs f after d, unless the server is closed before.
func (s *Server) later(name string, d time.Duration, f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tasks == nil {
		return
	}
	s.tasks.Go(name, func(ctx context.Context) error {
		select {
		case <-ctx.Done():
		case <-time.After(d):
			f()
		}
		return nil
	})
}

// info is GET /api/engine/info; dialect R lacks the last two keys.
func (s *Server) info(w http.ResponseWriter, _ *http.Request) error {
	info := s.o.Info()
	if !s.o.Released {
		return ok(w, info)
	}
	return ok(w, struct {
		Info
		IgnoreIPFilters    any `json:"ignoreIpFilters,omitempty"`
		IgnoreRemoteUpdate any `json:"ignoreRemoteUpdate,omitempty"`
	}{Info: info})
}

func (s *Server) verifyCron(w http.ResponseWriter, r *http.Request) error {
	content, err := body(r, verifyForm)
	if err != nil {
		return err
	}
	var asked struct{ Cron string }
	if err := json.Unmarshal(content, &asked); err != nil {
		return err
	}
	return ok(w, cron.Verify(asked.Cron, s.o.Now()))
}

// healthz tells operators and container platforms whether the agent works. The reason is for those who may read the log.
func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if s.o.Health != nil {
		if err := s.o.Health(); err != nil {
			s.log.Warn("the agent does not work as it should", "error", err)
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprintln(w, "not healthy: see the log of OIBus")
			return nil
		}
	}
	fmt.Fprintln(w, "ok")
	return nil
}

func (s *Server) prometheus(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	if s.o.Prometheus == nil {
		return nil
	}
	return s.o.Prometheus(w)
}
