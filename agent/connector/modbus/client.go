package modbus

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"oibus/platform"
)

const (
	// RequestTimeout is how long a device may take to answer (protocol/data-plane.md, section 5.5).
	RequestTimeout = 5 * time.Second
	// idleLimit is how long a connection may be unused before it is looked at before it is used again: many devices close
	// what is idle.
	idleLimit = 500 * time.Millisecond
)

// Options say how a device is reached.
type Options struct {
	Host           string
	Port           int
	Unit           byte
	ConnectTimeout time.Duration
	KeepAlive      time.Duration // before the first probe of an idle connection; 0 is that of the system
	RequestTimeout time.Duration // 0 is RequestTimeout
}

// Client is one connection. It is used by one goroutine at a time: devices answer one request after the other.
type Client struct {
	conn        net.Conn
	in          *bufio.Reader
	unit        byte
	timeout     time.Duration
	transaction uint16
	used        time.Time
	broken      error
	out         []byte
	buf         [headerSize + mostPDU]byte
}

// Dial connects.
func Dial(ctx context.Context, o Options) (*Client, error) {
	address := net.JoinHostPort(o.Host, fmt.Sprint(o.Port))
	dialer := net.Dialer{Timeout: o.ConnectTimeout, KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: o.KeepAlive}}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, dialError(err, o.ConnectTimeout)
	}
	return newClient(conn, o), nil
}

func newClient(conn net.Conn, o Options) *Client {
	c := &Client{conn: conn, in: bufio.NewReaderSize(conn, 2*(headerSize+mostPDU)), unit: o.Unit, timeout: o.RequestTimeout, used: time.Now()}
	if c.timeout <= 0 {
		c.timeout = RequestTimeout
	}
	return c
}

// RemoteAddress is the address of the server, "ip:port".
func (c *Client) RemoteAddress() string { return c.conn.RemoteAddr().String() }

// Close ends the connection.
func (c *Client) Close() {
	if c.broken == nil {
		c.fail(ErrOffline)
	}
}

func (c *Client) fail(err error) {
	c.broken = err
	_ = c.conn.Close() // nothing of it is needed any more
}

// Broken says whether the connection is gone.
func (c *Client) Broken() bool { return c.broken != nil }

// Alive says whether the connection can be used. When it has been idle it is looked at: the server may have closed it,
// or sent what nobody asked for.
func (c *Client) Alive() bool {
	if c.broken != nil {
		return false
	}
	if time.Since(c.used) < idleLimit {
		return true
	}
	if arrived, err := platform.Arrived(c.conn); arrived || err != nil || c.in.Buffered() > 0 {
		c.fail(ErrClosed)
		return false
	}
	return true
}

// ReadBits reads count coils or discrete inputs from address on.
func (c *Client) ReadBits(ctx context.Context, table Table, address uint16, count int) (values []bool, err error) {
	if !table.Bits() {
		return nil, fmt.Errorf("%q holds no bits", table)
	}
	if err := fits(address, count, MaxBits); err != nil {
		return nil, err
	}
	err = c.exchange(ctx, request(table.function(), address, uint16(count)), func(rest []byte) error {
		values, err = bits(rest, count)
		return err
	})
	return values, err
}

// ReadRegisters reads count registers from address on.
func (c *Client) ReadRegisters(ctx context.Context, table Table, address uint16, count int) (values []uint16, err error) {
	if table.Bits() || !table.Valid() {
		return nil, fmt.Errorf("%q holds no registers", table)
	}
	if err := fits(address, count, MaxRegisters); err != nil {
		return nil, err
	}
	err = c.exchange(ctx, request(table.function(), address, uint16(count)), func(rest []byte) error {
		values, err = registers(rest, count)
		return err
	})
	return values, err
}

// WriteCoil switches a coil on or off.
func (c *Client) WriteCoil(ctx context.Context, address uint16, on bool) error {
	value := uint16(coilOff)
	if on {
		value = coilOn
	}
	return c.exchange(ctx, request(writeCoil, address, value), func(rest []byte) error { return written(rest, address, value) })
}

// WriteRegister sets a holding register.
func (c *Client) WriteRegister(ctx context.Context, address, value uint16) error {
	return c.exchange(ctx, request(writeRegister, address, value), func(rest []byte) error { return written(rest, address, value) })
}

func fits(address uint16, count, most int) error {
	switch {
	case count < 1 || count > most:
		return fmt.Errorf("%d values cannot be read at once, which are 1 to %d", count, most)
	case int(address)+count > addresses:
		return fmt.Errorf("%w: %d values from address %d on", ErrAddress, count, address)
	}
	return nil
}

// exchange sends a request and has take read the answer. Every error but an *Exception ends the connection: a late answer
// would be taken for that to another request.
func (c *Client) exchange(ctx context.Context, pdu []byte, take func(rest []byte) error) error {
	if c.broken != nil {
		return ErrOffline
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	err := c.conn.SetDeadline(time.Now().Add(c.timeout))
	stop := context.AfterFunc(ctx, func() { _ = c.conn.SetDeadline(time.Unix(1, 0)) }) // it fails on a closed connection only
	if err == nil {
		err = c.send(pdu, take)
	}
	if !stop() {
		c.fail(ErrClosed)
		if err != nil {
			return ctx.Err()
		}
		return nil
	}
	c.used = time.Now()
	var refused *Exception
	if err == nil || errors.As(err, &refused) {
		return err
	}
	err = exchangeError(err)
	c.fail(err)
	return err
}

func (c *Client) send(pdu []byte, take func(rest []byte) error) error {
	c.transaction++
	c.out = frame{transaction: c.transaction, unit: c.unit, pdu: pdu}.append(c.out[:0])
	if _, err := c.conn.Write(c.out); err != nil {
		return err
	}
	f, err := readFrame(c.in, c.buf[:])
	switch {
	case err != nil:
		return err
	case f.transaction != c.transaction:
		return &ProtocolError{fmt.Sprintf("an answer to request %d instead of %d", f.transaction, c.transaction)}
	case f.unit != c.unit:
		return &ProtocolError{fmt.Sprintf("an answer of unit %d instead of %d", f.unit, c.unit)}
	}
	rest, err := answered(pdu[0], f.pdu)
	if err != nil {
		return err
	}
	return take(rest)
}

// exchangeError puts what ended a connection in the reference's words.
func exchangeError(err error) error {
	var wrong *ProtocolError
	switch {
	case errors.As(err, &wrong):
		return err
	case errors.Is(err, os.ErrDeadlineExceeded):
		return ErrTimeout
	}
	return ErrClosed
}
