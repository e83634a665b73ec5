package proxy

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// tunnel serves CONNECT.
func (ru *rules) tunnel(w http.ResponseWriter, r *http.Request) {
	host, port, err := net.SplitHostPort(r.URL.Host)
	if n, perr := strconv.Atoi(port); err != nil || perr != nil || host == "" || n < 1 || n > 65535 {
		http.Error(w, "CONNECT needs a host and a port", http.StatusBadRequest)
		return
	}
	if ru.server.ownByName(host, port) {
		fail(w, errOwn)
		return
	}
	target, err := ru.reach(r.Context(), net.JoinHostPort(host, port))
	if err != nil {
		fail(w, err)
		return
	}
	defer target.Close()
	client, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		fail(w, err)
		return
	}
	defer client.Close()
	// What the client sent right behind its request belongs to the target.
	early, _ := buffered.Reader.Peek(buffered.Reader.Buffered())
	p := &pipe{client: client, target: target, quiet: ru.server.limits.quiet}
	p.touch()
	if _, err := io.WriteString(client, "HTTP/1.1 200 Connection Established\r\n\r\n"); err != nil {
		return
	}
	if _, err := target.Write(early); err != nil {
		return
	}
	p.run(r.Context(), ru.server)
}

// reach connects to addr, directly or through the upstream proxy.
func (ru *rules) reach(ctx context.Context, addr string) (net.Conn, error) {
	if ru.upstream == nil {
		return ru.server.dial(ctx, addr)
	}
	conn, err := ru.dialUpstream(ctx)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	_ = conn.SetDeadline(time.Now().Add(ru.server.limits.answer))
	rest, err := connect(conn, ru.upstream.User, addr)
	if err != nil {
		conn.Close()
		return nil, err
	}
	_ = conn.SetDeadline(time.Time{})
	return &prefixed{Conn: conn, rest: rest}, nil
}

func (ru *rules) dialUpstream(ctx context.Context) (net.Conn, error) {
	port := ru.upstream.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[ru.upstream.Scheme]
	}
	conn, err := ru.server.dial(ctx, net.JoinHostPort(ru.upstream.Hostname(), port))
	if err != nil || ru.upstream.Scheme == "http" {
		return conn, err
	}
	ctx, cancel := context.WithTimeout(ctx, ru.server.limits.connect)
	defer cancel()
	config := ru.server.tlsConfig()
	config.ServerName = ru.upstream.Hostname()
	secure := tls.Client(conn, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return secure, nil
}

// connect asks the upstream proxy for a tunnel to addr. It returns what the target already said.
func connect(conn net.Conn, user *url.Userinfo, addr string) ([]byte, error) {
	req := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: addr}, Host: addr, Header: http.Header{"User-Agent": {""}}}
	if user != nil {
		password, _ := user.Password()
		req.Header.Set("Proxy-Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(user.Username()+":"+password)))
	}
	if err := req.Write(conn); err != nil {
		return nil, err
	}
	br := bufio.NewReader(io.LimitReader(conn, maxHeader))
	res, err := http.ReadResponse(br, req)
	if err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, errors.New("the upstream proxy closed the connection")
		}
		return nil, err
	}
	if res.StatusCode < 200 || res.StatusCode > 299 {
		res.Body.Close()
		return nil, &upstreamError{res.StatusCode}
	}
	return br.Peek(br.Buffered())
}

// prefixed is a connection of which some bytes were already read.
type prefixed struct {
	net.Conn
	rest []byte
}

func (c *prefixed) Read(p []byte) (int, error) {
	if len(c.rest) > 0 {
		n := copy(p, c.rest)
		c.rest = c.rest[n:]
		return n, nil
	}
	return c.Conn.Read(p)
}

func (c *prefixed) CloseWrite() error { return closeWrite(c.Conn) }

// pipe carries bytes both ways until both ends have said all, or neither says anything for too long.
type pipe struct {
	client, target net.Conn
	quiet          time.Duration
}

func (p *pipe) run(ctx context.Context, s *Server) {
	stop := context.AfterFunc(ctx, func() { p.client.Close(); p.target.Close() })
	defer stop()
	back := make(chan struct{})
	s.tasks.Go("tunnel of the forward proxy", func(context.Context) error {
		defer close(back)
		p.carry(p.client, p.target)
		return nil
	})
	p.carry(p.target, p.client)
	<-back
}

// carry copies one direction to its end. A failure ends the other direction too.
func (p *pipe) carry(to, from net.Conn) {
	buf := buffers{}.Get()
	defer buffers{}.Put(buf)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			p.touch()
			if _, werr := to.Write(buf[:n]); werr != nil {
				err = werr
			}
		}
		if err == nil {
			continue
		}
		if err != io.EOF || closeWrite(to) != nil {
			to.Close()
			from.Close()
		}
		return
	}
}

// touch gives both ends their time again.
func (p *pipe) touch() {
	at := time.Now().Add(p.quiet)
	_ = p.client.SetDeadline(at)
	_ = p.target.SetDeadline(at)
}
