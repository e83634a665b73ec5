package web

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync"
)

// door is a listener with the http.Server behind it. A change of port opens a second door before it closes the first.
type door struct {
	port       int // as asked for: 0 lets the system choose
	listener   net.Listener
	server     *http.Server
	silent     *silentConns
	endStreams context.CancelFunc
}

// silentConns are the connections that have not sent anything yet, as browsers open them in advance. http.Server would
// wait for them for seconds before it ends.
type silentConns struct {
	mu   sync.Mutex
	open map[net.Conn]struct{}
}

func (c *silentConns) note(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if state == http.StateNew {
		c.open[conn] = struct{}{}
	} else {
		delete(c.open, conn)
	}
}

func (c *silentConns) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn := range c.open {
		conn.Close()
	}
}

func (s *Server) open(port int) (*door, error) {
	address := net.JoinHostPort(s.o.Address, strconv.Itoa(port))
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	streams, endStreams := context.WithCancel(context.Background())
	silent := &silentConns{open: map[net.Conn]struct{}{}}
	return &door{port: port, listener: listener, silent: silent, endStreams: endStreams, server: &http.Server{
		Handler:           s,
		TLSConfig:         s.o.TLS,
		ReadHeaderTimeout: headerLimit,
		IdleTimeout:       idleLimit,
		MaxHeaderBytes:    maxHeaderBytes,
		BaseContext:       func(net.Listener) context.Context { return withStreams(context.Background(), streams) },
		ConnState:         silent.note,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}}, nil
}

// close lets the requests that came in by d end, and cuts those that take longer than ctx.
func (d *door) close(ctx context.Context) error {
	d.endStreams()
	d.listener.Close()
	d.silent.close()
	err := d.server.Shutdown(ctx)
	if err == nil || errors.Is(err, net.ErrClosed) {
		return nil
	}
	d.server.Close() // what is left of it
	return err
}
