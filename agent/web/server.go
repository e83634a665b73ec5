// Package web is the REST API of OIBus, as protocol/openapi.json and protocol/rest-notes.md describe it, and the
// server under the admin page. It promises the reference's paths, bodies and status codes to scripts, that nobody
// without a valid proof reads or changes anything, that one bad request harms no other, and that a change of port
// never leaves the machine without a page. It guards against DNS rebinding, cross-site requests, password guessing,
// sessions that outlive their password, and slow or huge requests.
package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"oibus/agent/connectors"
	"oibus/agent/entity"
	"oibus/agent/logging"
	"oibus/agent/web/access"
	"oibus/agent/web/auth"
	"oibus/platform/task"
)

// Times of a connection. A request may take as long as its slowest handler, which waits for OIAnalytics, whose
// requests end after 30 s each.
const (
	headerLimit  = 10 * time.Second
	requestLimit = 150 * time.Second // from the end of the headers to the end of the body, and to the end of the answer
	idleLimit    = 2 * time.Minute
	retireLimit  = requestLimit + 10*time.Second // what the listener of an old port gives its last requests

	lastWords = 5 * time.Second // for the tasks of the server, once it serves no more

	maxHeaderBytes = 64 << 10
)

// Server is the web server. Make it with New, add pages with Mount, then Start it.
type Server struct {
	o        Options
	log      *slog.Logger
	gate     *auth.Gate
	hosts    *hostList
	rate     *rateLimiter
	streams  *streams
	states   sharedStates
	flow     flowBook
	uploads  uploads
	tidy     *tidier
	patience time.Duration // for a request and its answer
	views    connectors.Views
	notFound http.HandlerFunc
	mux      *http.ServeMux
	crossing *http.CrossOriginProtection
	refused  logging.Throttle // requests for foreign host names
	crossed  logging.Throttle // requests by pages of other sites

	mu    sync.Mutex
	tasks *task.Group
	door  *door
}

// New makes a server that does not listen yet.
func New(o Options) (*Server, error) {
	err := o.check()
	if err != nil {
		return nil, err
	}
	o = o.withDefaults()
	s := &Server{
		o:        o,
		log:      o.Log,
		hosts:    newHostList(o.Address, o.AllowedHosts),
		rate:     newRateLimiter(o.Now),
		streams:  newStreams(),
		tidy:     newTidier(),
		patience: requestLimit,
		mux:      http.NewServeMux(),
		crossing: http.NewCrossOriginProtection(),
	}
	s.gate = auth.New(auth.Options{Users: o.Settings, Lifetime: s.lifetime, Signer: o.Signer, Sessions: o.Sessions,
		Cookie: o.Cookie, Log: o.Log, Now: o.Now})
	if o.Connectors != nil {
		s.views = connectors.Views{Service: o.Connectors, FriendlyName: o.FriendlyName, Transformer: s.transformer}
		if s.uploads, err = openUploads(o.Uploads); err != nil {
			return nil, err
		}
	}
	s.mountTable()
	return s, nil
}

// Mount adds routes. Call it before Start.
func (s *Server) Mount(routes ...access.Route) {
	for _, r := range routes {
		s.streams.route(r.Level, r.Method+" "+r.Path)
		s.mux.HandleFunc(r.Method+" "+r.Path, s.guard(r.Level, r.Handler))
	}
}

// NotFoundPage sets what browsers are shown for a path that does not exist. Call it before Start.
func (s *Server) NotFoundPage(h http.HandlerFunc) { s.notFound = h }

// SignIn checks login and password and answers with a session cookie. Its errors are those of package access, or
// what kept the password from being checked.
func (s *Server) SignIn(w http.ResponseWriter, r *http.Request, login, password string) error {
	return s.gate.SignIn(w, r, login, password)
}

// SignOut ends the session of r.
func (s *Server) SignOut(w http.ResponseWriter, r *http.Request) { s.gate.SignOut(w, r) }

// ConfirmPassword checks that password is that of the caller of r.
func (s *Server) ConfirmPassword(r *http.Request, password string) error {
	return s.gate.ConfirmPassword(r, password)
}

// Start listens, and serves in tasks that end with Close. When it returns nil, a request sent now is answered. When the
// port cannot be had, the server can still be moved to another one with Rebind, or started again.
func (s *Server) Start(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tasks == nil {
		s.tasks = task.New(ctx, func(name string, err error) { s.log.Error("web server: "+name+" ended", "error", err) })
		s.tasks.Go("watch streams", s.streams.watch)
		if s.o.Engine != nil {
			s.tasks.Go("note the flow", s.noteFlow)
		}
	}
	d, err := s.open(s.o.Port)
	if err != nil {
		return fmt.Errorf("cannot serve the admin page: %w", err)
	}
	s.door = d
	s.serve(d)
	s.log.Info("the admin page is served", "url", s.url(d))
	return nil
}

func (s *Server) serve(d *door) {
	s.tasks.Go("serve "+d.listener.Addr().String(), func(context.Context) error {
		var err error
		if s.o.TLS != nil {
			err = d.server.ServeTLS(d.listener, "", "")
		} else {
			err = d.server.Serve(d.listener)
		}
		if errors.Is(err, http.ErrServerClosed) || errors.Is(err, net.ErrClosed) {
			return nil
		}
		return fmt.Errorf("cannot serve on %s: %w", d.listener.Addr(), err)
	})
}

// Rebind moves the page to port: it listens there first, then stops listening on the old port, whose last requests
// are still answered. A port that cannot be had is an *entity.InvalidError and leaves everything as it is. It suits
// settings.Hooks.WebPort.
func (s *Server) Rebind(port int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.door
	switch {
	case s.tasks == nil:
		return errors.New("the web server is not running")
	case old != nil && old.port == port:
		return nil
	}
	d, err := s.open(port)
	if err != nil {
		return entity.Invalid("%v", err)
	}
	s.door = d
	s.serve(d)
	s.log.Info("the admin page has moved", "url", s.url(d))
	if old == nil {
		return nil
	}
	old.listener.Close() // at once: the port may be wanted back
	s.tasks.Go("close old port", func(ctx context.Context) error { return s.retire(ctx, old) })
	return nil
}

func (s *Server) retire(ctx context.Context, old *door) error {
	ctx, cancel := context.WithTimeout(ctx, retireLimit)
	defer cancel()
	if err := old.close(ctx); err != nil {
		s.log.Warn("requests on the old port of the admin page were cut", "error", err)
	}
	return nil
}

// Addr is where the server listens now, nil when it does not.
func (s *Server) Addr() net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.door == nil {
		return nil
	}
	return s.door.listener.Addr()
}

// URL is where a person at this machine finds the page, "" when it is not served.
func (s *Server) URL() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.door == nil {
		return ""
	}
	return s.url(s.door)
}

func (s *Server) url(d *door) string {
	scheme := "http"
	if s.o.TLS != nil {
		scheme = "https"
	}
	host, port, _ := net.SplitHostPort(d.listener.Addr().String())
	if ip := net.ParseIP(host); ip != nil && (ip.IsUnspecified() || ip.IsLoopback()) {
		host = "localhost"
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}

// Close stops listening, lets requests end until ctx does, and waits for every task of the server.
func (s *Server) Close(ctx context.Context) error {
	s.mu.Lock()
	d, tasks := s.door, s.tasks
	s.door, s.tasks = nil, nil
	s.mu.Unlock()
	var err error
	if d != nil {
		err = d.close(ctx)
	}
	if tasks != nil {
		err = errors.Join(err, tasks.StopAndWait(lastWords))
	}
	return err
}
