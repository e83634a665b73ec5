package web

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strconv"
)

// door is a listener with the http.Server behind it. A change of port opens a second door before it closes the first.
type door struct {
	port       int // as asked for: 0 lets the system choose
	listener   net.Listener
	server     *http.Server
	conns      *connections
	endStreams context.CancelFunc
}

func (s *Server) open(port int) (*door, error) {
	address := net.JoinHostPort(s.o.Address, strconv.Itoa(port))
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	streams, endStreams := context.WithCancel(context.Background())
	conns := newConnections(maxConnections)
	return &door{port: port, listener: listener, conns: conns, endStreams: endStreams, server: &http.Server{
		Handler:           s,
		TLSConfig:         s.o.TLS,
		ReadHeaderTimeout: headerLimit,
		IdleTimeout:       idleLimit,
		MaxHeaderBytes:    maxHeaderBytes,
		BaseContext:       func(net.Listener) context.Context { return withStreams(context.Background(), streams) },
		ConnState:         conns.note,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}}, nil
}

// close lets the requests that came in by d end, and cuts those that take longer than ctx.
func (d *door) close(ctx context.Context) error {
	d.endStreams()
	d.listener.Close()
	d.conns.closeSilent()
	err := d.server.Shutdown(ctx)
	if err == nil || errors.Is(err, net.ErrClosed) {
		return nil
	}
	d.server.Close() // what is left of it
	return err
}
