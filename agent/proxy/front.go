package proxy

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

const (
	breakOff  = time.Second // for what was broken off to be gone
	maxHeader = 64 << 10
	spare     = 128 // connections beside those in an exchange: idle ones, and ones that have not said what they want
)

// front is one bound port and the HTTP server behind it.
type front struct {
	server   *Server
	listener net.Listener
	http     *http.Server
	wanted   int // as set
	port     int // as bound
	cancel   context.CancelFunc
}

func (s *Server) listen(port int) (*front, error) {
	l, err := (&net.ListenConfig{}).Listen(s.tasks.Context(), "tcp", net.JoinHostPort(s.opts.Address, strconv.Itoa(port)))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	f := &front{server: s, listener: bound(l, s.limits.exchanges+spare), wanted: port, port: l.Addr().(*net.TCPAddr).Port, cancel: cancel}
	f.http = &http.Server{
		Handler:                      f,
		ReadHeaderTimeout:            s.limits.header,
		IdleTimeout:                  s.limits.keepAlive,
		MaxHeaderBytes:               maxHeader,
		BaseContext:                  func(net.Listener) context.Context { return ctx },
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(s.opts.Log.Handler(), slog.LevelDebug),
	}
	return f, nil
}

func (f *front) serve() {
	f.server.tasks.Go("forward proxy on port "+strconv.Itoa(f.port), func(context.Context) error {
		err := f.http.Serve(f.listener)
		if errors.Is(err, http.ErrServerClosed) || errors.Is(err, net.ErrClosed) {
			return nil
		}
		return err
	})
}

// stop frees the port and ends the tunnels at once, and the rest when it has had its time.
func (f *front) stop() {
	f.listener.Close()
	s := f.server
	s.tasks.Go("end of the forward proxy on port "+strconv.Itoa(f.port), func(ctx context.Context) error {
		mine := func(x *exchange) bool { return x.front == f }
		s.exchanges.end(func(x *exchange) bool { return mine(x) && x.long })
		patience, cancel := context.WithTimeout(ctx, s.limits.drain)
		defer cancel()
		if err := f.http.Shutdown(patience); err != nil {
			f.http.Close()
		}
		f.cancel() // ends what is left, and what may still begin
		moment, cancel := context.WithTimeout(context.WithoutCancel(ctx), breakOff)
		defer cancel()
		s.exchanges.wait(moment, mine)
		return nil
	})
}

// boundedListener accepts no more connections at once than it has slots; others wait in the queue of the system.
type boundedListener struct {
	net.Listener
	slots  chan struct{}
	closed chan struct{}
	once   sync.Once
}

func bound(l net.Listener, n int) *boundedListener {
	return &boundedListener{Listener: l, slots: make(chan struct{}, n), closed: make(chan struct{})}
}

func (l *boundedListener) Accept() (net.Conn, error) {
	select {
	case l.slots <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.slots
		return nil, err
	}
	return &boundedConn{Conn: c, release: sync.OnceFunc(func() { <-l.slots })}, nil
}

func (l *boundedListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// boundedConn frees its slot when it closes. After a read that took too long it gives nothing any more: the HTTP
// server would otherwise take the rest of a body that came late for the next request.
type boundedConn struct {
	net.Conn
	release  func()
	aborting atomic.Bool // the server itself ends a read by a deadline long past
	late     atomic.Bool
}

func (c *boundedConn) Read(p []byte) (int, error) {
	if c.late.Load() {
		return 0, os.ErrDeadlineExceeded
	}
	n, err := c.Conn.Read(p)
	if errors.Is(err, os.ErrDeadlineExceeded) && !c.aborting.Load() {
		c.late.Store(true)
	}
	return n, err
}

func (c *boundedConn) SetReadDeadline(t time.Time) error {
	c.aborting.Store(!t.IsZero() && t.Before(time.Unix(3600, 0)))
	return c.Conn.SetReadDeadline(t)
}

func (c *boundedConn) Close() error {
	defer c.release()
	return c.Conn.Close()
}

func (c *boundedConn) CloseWrite() error { return closeWrite(c.Conn) }
