package proxy

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// errOwn keeps clients from the agent's own ports on this machine. The admin page never holds up the machine itself,
// and through the proxy everybody would be the machine itself.
var errOwn = errors.New("the pages of OIBus itself cannot be reached through its proxy")

// dial connects to addr. The check comes after the name was resolved, at the very address connected to, so that no
// name leads around it.
func (s *Server) dial(ctx context.Context, addr string) (net.Conn, error) {
	d := net.Dialer{Timeout: s.limits.connect, ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if err != nil || s.own(to) {
			return errOwn
		}
		return nil
	}}
	return d.DialContext(ctx, "tcp", addr)
}

// own tells whether to is one of the agent's ports on this machine.
func (s *Server) own(to netip.AddrPort) bool {
	return s.ownPort(int(to.Port())) && isLocal(to.Addr().Unmap().WithZone(""))
}

func (s *Server) ownPort(port int) bool {
	return port == s.Port() || slices.Contains(s.opts.Protected(), port)
}

// ownByName recognises a target that a proxy behind this one, on the same machine, would resolve to this machine.
func (s *Server) ownByName(host, port string) bool {
	n, err := strconv.Atoi(port)
	if err != nil || !s.ownPort(n) {
		return false
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return isLocal(ip.Unmap().WithZone(""))
	}
	name := strings.ToLower(strings.TrimSuffix(host, "."))
	return name == "localhost" || strings.HasSuffix(name, ".localhost")
}

// isLocal tells whether ip is this machine. Where its addresses cannot be had, every one may be.
func isLocal(ip netip.Addr) bool {
	if ip.IsLoopback() || ip.IsUnspecified() {
		return true
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return true
	}
	return slices.ContainsFunc(addrs, func(a net.Addr) bool {
		p, err := netip.ParsePrefix(a.String())
		return err == nil && p.Addr().Unmap().WithZone("") == ip
	})
}

// quietConn breaks off when no byte went either way for limit: a body may take as long as it flows.
type quietConn struct {
	net.Conn
	limit time.Duration
}

func (c *quietConn) Read(p []byte) (int, error) {
	c.extend()
	return c.Conn.Read(p)
}

func (c *quietConn) Write(p []byte) (int, error) {
	c.extend()
	return c.Conn.Write(p)
}

// CloseWrite is for the connections that changed protocol.
func (c *quietConn) CloseWrite() error { return closeWrite(c.Conn) }

func (c *quietConn) extend() { _ = c.Conn.SetDeadline(time.Now().Add(c.limit)) }

func closeWrite(c net.Conn) error {
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return c.Close()
}

// buffers are shared by all copies.
type buffers struct{}

var pool = sync.Pool{New: func() any { b := make([]byte, 32<<10); return &b }}

func (buffers) Get() []byte  { return *pool.Get().(*[]byte) }
func (buffers) Put(b []byte) { pool.Put(&b) }
