package cloudsim

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
)

// Start listens on addr ("127.0.0.1:0" picks a free port) and returns the URL that an agent and a browser use.
func (s *Sim) Start(addr string) (url string, err error) {
	s.serving.Lock()
	defer s.serving.Unlock()
	if s.serving.server != nil {
		return "", fmt.Errorf("the simulator already listens on %s", s.serving.url)
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return "", fmt.Errorf("cannot listen on %q: %w", addr, err)
	}
	scheme := "http"
	if s.o.TLS {
		certificate, pem, err := makeCertificate(listener.Addr(), s.o.HostNames, s.o.Now())
		if err != nil {
			return "", errors.Join(err, listener.Close())
		}
		scheme, s.serving.pem = "https", pem
		listener = tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12})
	}
	s.serving.url = scheme + "://" + reachable(listener.Addr())
	s.serve(listener)
	return s.serving.url, nil
}

func (s *Sim) serve(listener net.Listener) {
	server := &http.Server{Handler: s.handler, ReadHeaderTimeout: headerLimit, ReadTimeout: readLimit, IdleTimeout: idleLimit,
		BaseContext: func(net.Listener) context.Context { return s.tasks.Context() }}
	s.serving.server = server
	s.tasks.Go("http server", func(context.Context) error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("cannot serve: %w", err)
		}
		return nil
	})
}

// reachable is the address to connect to: a listener on all addresses is reached by the loopback one.
func reachable(addr net.Addr) string {
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return addr.String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

// URL is where the simulator listens, "" before Start.
func (s *Sim) URL() string {
	s.serving.Lock()
	defer s.serving.Unlock()
	return s.serving.url
}

// CertificatePEM is the certificate to trust when Options.TLS is set, after Start.
func (s *Sim) CertificatePEM() []byte {
	s.serving.Lock()
	defer s.serving.Unlock()
	return s.serving.pem
}

// stopServing ends the long polls at once and gives the other answers under way a moment.
func (s *Sim) stopServing() error {
	s.tasks.Stop()
	s.serving.Lock()
	defer s.serving.Unlock()
	if s.serving.server == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopLimit)
	defer cancel()
	if err := s.serving.server.Shutdown(ctx); err != nil {
		return s.serving.server.Close() // an agent that does not read its answer must not hold up the stop
	}
	return nil
}
