package sql

import (
	"context"
	"net"
	"sync"
	"time"
)

// endGrace is how long a server may take to end what it was told to end, before the connection is cut.
const endGrace = 3 * time.Second

// Lines are the network connections of one session. Whatever the driver does, they end with it, and they end soon after
// the context that they are used for.
type Lines struct {
	dialer net.Dialer
	mu     sync.Mutex
	open   []*line
}

// Dial is what drivers connect with.
func (l *Lines) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := l.dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	made := &line{Conn: c}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open = append(l.open, made)
	return made, nil
}

// DialContext is Dial, for the drivers that call it so.
func (l *Lines) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return l.Dial(ctx, network, address)
}

// During runs f, and ends what is open a while after ctx has ended.
func (l *Lines) During(ctx context.Context, grace time.Duration, f func() error) error {
	stop := l.Watch(ctx, grace)
	defer stop()
	return f()
}

// Watch ends what is open a while after ctx has ended, until stop is called.
func (l *Lines) Watch(ctx context.Context, grace time.Duration) (stop func() bool) {
	return context.AfterFunc(ctx, func() { l.end(grace) })
}

// end lets what is open fail after a while.
func (l *Lines) end(after time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.open {
		c.end(after)
	}
}

// Close runs f, which tells the server that the session ends, and cuts what is open then.
func (l *Lines) Close(f func() error) error {
	l.end(endGrace)
	err := f()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.open {
		_ = c.Conn.Close() // most are closed already
	}
	l.open = nil
	return err
}

// line is a connection whose end, once it is set, the driver cannot put off.
type line struct {
	net.Conn
	mu    sync.Mutex
	ended bool
}

func (c *line) end(after time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ended {
		c.ended = true
		_ = c.Conn.SetDeadline(time.Now().Add(after)) // fails when it is closed, which is an end too
	}
}

func (c *line) unlessEnded(set func(time.Time) error, t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended && (t.IsZero() || t.After(time.Now())) {
		return nil
	}
	return set(t)
}

func (c *line) SetDeadline(t time.Time) error      { return c.unlessEnded(c.Conn.SetDeadline, t) }
func (c *line) SetReadDeadline(t time.Time) error  { return c.unlessEnded(c.Conn.SetReadDeadline, t) }
func (c *line) SetWriteDeadline(t time.Time) error { return c.unlessEnded(c.Conn.SetWriteDeadline, t) }
