// Package proxy is the forward proxy that OIBus offers to machines which have no way out of their own
// (protocol/control-plane.md, section 10.3): HTTP in absolute form and CONNECT tunnels, directly or through another
// proxy. It promises that settings change while it runs, that a new port is bound before the old one is given up, so
// that a busy port leaves everything as it was, and that switching it off ends what runs through it. It guards against
// the open proxy: the IP filter comes first, then the password, and nobody reaches the agent's own admin page
// through it, where he would look like the machine itself, which no IP filter holds up.
package proxy

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"oibus/agent/logging"
	"oibus/platform/task"
)

// Settings are those of protocol/control-plane.md, section 10.3.
type Settings struct {
	Enabled      bool
	Port         int    // 0: any free one
	Username     string // empty: everybody whom the IP filter lets through
	PasswordHash string // without one, no password fits
	Upstream     Upstream
}

// Upstream is the proxy behind this one.
type Upstream struct {
	Enabled            bool
	URL                string // http:// or https://; without port, 80 or 443
	Username, Password string // empty user name: no authentication there; the password in clear
}

// Options are what the proxy needs of the rest of the agent.
type Options struct {
	Address        string                           // to listen on; empty: every interface, as the reference
	Allowed        func(ip netip.Addr) bool         // the IP filter, asked at each request
	VerifyPassword func(hash, password string) bool // slow, as it should be
	Protected      func() []int                     // ports of this machine that are out of reach: the admin page's
	Roots          *x509.CertPool                   // that vouch for an https upstream proxy; nil: the system's
	Log            *slog.Logger
}

// limits keep a client or target from holding what others need.
type limits struct {
	header    time.Duration // for a client to say what it wants, and to take an answer's rest back
	keepAlive time.Duration // of a client's connection between requests
	connect   time.Duration // to a target or the upstream proxy
	answer    time.Duration // until a target begins to answer
	quiet     time.Duration // without a byte in either direction, in a tunnel or a body
	drain     time.Duration // for requests under way when the proxy stops
	exchanges int           // requests and tunnels at once
}

var defaultLimits = limits{
	header: 10 * time.Second, keepAlive: time.Minute, connect: 10 * time.Second, answer: 5 * time.Minute,
	quiet: 15 * time.Minute, // above the keep-alive of the usual long-lived protocols
	drain: 5 * time.Second, exchanges: 512,
}

// Server is the forward proxy. It listens only when settings that enable it were applied.
type Server struct {
	opts      Options
	limits    limits
	tasks     *task.Group
	exchanges *exchanges
	rules     atomic.Pointer[rules] // for new requests; nil when off
	port      atomic.Int64          // listened on; 0 when off
	refused   logging.Throttle

	mu     sync.Mutex // one Apply at a time
	front  *front
	closed bool
}

// New returns a proxy that is off.
func New(opts Options) *Server {
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.Protected == nil {
		opts.Protected = func() []int { return nil }
	}
	s := &Server{opts: opts, limits: defaultLimits, exchanges: newExchanges()}
	s.tasks = task.New(context.Background(), func(name string, err error) {
		opts.Log.Error("the forward proxy failed", "task", name, "error", err)
	})
	return s
}

// Port is the one listened on, 0 when the proxy is off.
func (s *Server) Port() int { return int(s.port.Load()) }

// Apply makes settings those in force. When it fails, the previous ones stay in force. Tunnels made under other
// credentials or another upstream proxy end; requests under way come to their end.
func (s *Server) Apply(settings Settings) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errors.New("the forward proxy has ended")
	}
	if !settings.Enabled {
		s.off()
		return nil
	}
	next := s.rules.Load()
	if next == nil || !next.settings.same(settings) {
		var err error
		if next, err = s.newRules(settings); err != nil {
			return err
		}
	}
	if s.front != nil && s.front.wanted == settings.Port {
		s.use(next)
		return nil
	}
	f, err := s.listen(settings.Port)
	if err != nil {
		return fmt.Errorf("the forward proxy cannot listen on port %d: %w", settings.Port, err)
	}
	s.use(next)
	old := s.front
	s.front = f
	s.port.Store(int64(f.port))
	f.serve()
	if old != nil {
		old.stop()
	}
	s.opts.Log.Info(fmt.Sprintf("The forward proxy listens on port %d", f.port))
	return nil
}

// same tells whether everything but the port is equal.
func (a Settings) same(b Settings) bool {
	a.Port = b.Port
	return a == b
}

// use puts r in force and ends the tunnels made under others.
func (s *Server) use(r *rules) {
	old := s.rules.Swap(r)
	if old == nil || old == r {
		return
	}
	s.exchanges.end(func(x *exchange) bool { return x.long && x.rules != r })
	old.transport.CloseIdleConnections()
}

func (s *Server) off() {
	s.use(nil)
	if s.front == nil {
		return
	}
	s.front.stop()
	s.front = nil
	s.port.Store(0)
	s.opts.Log.Info("The forward proxy is off")
}

// Recheck ends what runs for clients that the IP filter no longer lets through. To be called when filters change.
func (s *Server) Recheck() {
	s.exchanges.end(func(x *exchange) bool { return !s.opts.Allowed(x.client) })
}

// Close switches the proxy off for good and waits for what ran through it, at most until ctx is done: then it
// breaks it off.
func (s *Server) Close(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	s.off()
	s.mu.Unlock()
	if err := s.tasks.Wait(ctx); err == nil || ctx.Err() == nil {
		return err
	}
	return s.tasks.StopAndWait(2 * breakOff)
}
