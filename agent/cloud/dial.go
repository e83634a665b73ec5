package cloud

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"oibus/agent/wording"
	"oibus/platform/task"
)

const (
	maxAddresses = 8                      // of one name
	stagger      = 250 * time.Millisecond // before the next address is tried beside one that does not answer
)

var errConnectTimeout = errors.New("connect timeout")

// dialer connects to whichever address of a name answers first, and says about each of the others why it did not.
type dialer struct {
	timeout time.Duration
	lookup  func(ctx context.Context, host string) ([]netip.Addr, error)
}

// connectError is a connection that could not be made, in the reference's words.
type connectError struct {
	text    string
	timeout bool
	cause   error
}

func (e *connectError) Error() string { return e.text }
func (e *connectError) Unwrap() error { return e.cause }

func lookupHost(ctx context.Context, host string) ([]netip.Addr, error) {
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}

// dial makes a TCP connection to addr, a host and a port.
func (d *dialer) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, d.timeout, errConnectTimeout)
	defer cancel()
	return d.connect(ctx, network, addr)
}

// dialTLS makes a TLS connection to addr; TCP and TLS share the time.
func (d *dialer) dialTLS(ctx context.Context, network, addr string, config *tls.Config) (net.Conn, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, d.timeout, errConnectTimeout)
	defer cancel()
	raw, err := d.connect(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	config = config.Clone()
	config.ServerName, _, _ = net.SplitHostPort(addr)
	conn := tls.Client(raw, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		raw.Close()
		if context.Cause(ctx) == errConnectTimeout {
			return nil, connectTimeout(addr, []string{raw.RemoteAddr().String()}, d.timeout)
		}
		return nil, err
	}
	return conn, nil
}

func (d *dialer) connect(ctx context.Context, network, addr string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, localError("Invalid URL", err)
	}
	ips, err := d.resolve(ctx, host)
	if err != nil {
		if context.Cause(ctx) == errConnectTimeout {
			return nil, connectTimeout(addr, nil, d.timeout)
		}
		return nil, &connectError{text: wording.Lookup(host, err), cause: err}
	}
	targets := make([]string, 0, len(ips))
	for _, ip := range ips[:min(len(ips), maxAddresses)] {
		targets = append(targets, net.JoinHostPort(ip.Unmap().String(), port))
	}
	return d.race(ctx, network, addr, targets)
}

func (d *dialer) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{ip}, nil
	}
	ips, err := d.lookup(ctx, host)
	if err == nil && len(ips) == 0 {
		err = &net.DNSError{Err: "no address", Name: host, IsNotFound: true}
	}
	return ips, err
}

// race tries the targets one after the other, without waiting long for one that is silent. The first connection
// wins; the others are closed.
func (d *dialer) race(ctx context.Context, network, addr string, targets []string) (net.Conn, error) {
	type outcome struct {
		conn   net.Conn
		target int
		err    error
	}
	results, over := make(chan outcome), make(chan struct{})
	attempts := task.New(ctx, nil)
	defer attempts.Stop()
	defer close(over)
	try := func(i int) {
		attempts.Go("connect to "+targets[i], func(ctx context.Context) error {
			conn, err := (&net.Dialer{}).DialContext(ctx, network, targets[i])
			select {
			case results <- outcome{conn, i, err}:
			case <-over:
				if conn != nil {
					conn.Close()
				}
			}
			return nil
		})
	}
	failures := make([]error, len(targets))
	started, failed := 0, 0
	next := time.NewTimer(0)
	defer next.Stop()
	for failed < len(targets) {
		select {
		case r := <-results:
			if r.err == nil {
				return r.conn, nil
			}
			failures[r.target] = r.err
			failed++
			next.Reset(0)
		case <-next.C:
			if started < len(targets) {
				try(started)
				started++
				next.Reset(stagger)
			}
		case <-ctx.Done():
			if context.Cause(ctx) == errConnectTimeout {
				return nil, connectTimeout(addr, targets[:started], d.timeout)
			}
			return nil, ctx.Err()
		}
	}
	return nil, d.unreachable(ctx, addr, targets, failures)
}

// unreachable joins what each attempt ended with.
func (d *dialer) unreachable(ctx context.Context, addr string, targets []string, failures []error) error {
	if context.Cause(ctx) == errConnectTimeout {
		return connectTimeout(addr, targets, d.timeout)
	}
	texts := make([]string, len(failures))
	for i, err := range failures {
		texts[i] = "connect " + wording.System(err) + " " + unbracketed(targets[i])
	}
	return &connectError{text: strings.Join(texts, "; "), cause: errors.Join(failures...)}
}

// connectTimeout has the reference's text (protocol/control-plane.md, section 1.7).
func connectTimeout(addr string, attempted []string, limit time.Duration) *connectError {
	which := "attempted address: " + addr
	if len(attempted) > 0 {
		which = "attempted addresses: " + strings.Join(attempted, ", ")
	}
	text := fmt.Sprintf("Connect Timeout Error (%s, timeout: %dms)", which, limit.Milliseconds())
	return &connectError{text: text, timeout: true, cause: context.DeadlineExceeded}
}

// unbracketed writes an IPv6 address and port as the reference does: ::1:443.
func unbracketed(target string) string {
	return strings.NewReplacer("[", "", "]", "").Replace(target)
}
