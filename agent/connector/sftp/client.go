package sftp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"oibus/agent/connector/folder"
	"oibus/platform/task"
)

const (
	closeLimit     = 5 * time.Second
	aliveEvery     = 30 * time.Second // a connection that is not used is kept open for firewalls and servers
	mostListed     = 256 << 20        // bytes of one listing: about a million files
	extensionSync  = "fsync@openssh.com"
	extensionMoves = "posix-rename@openssh.com"
)

// Client is a connection to a server. Get, Lstat, Stat and Remove may be used by several goroutines at once.
type Client struct {
	settings Settings
	conn     net.Conn
	ssh      *ssh.Client
	sftp     *sftp.Client
	group    *task.Group
	gone     chan struct{} // closed when the connection is
	given    atomic.Bool   // up by us: it ends, though gone may not be closed yet

	mu      sync.Mutex
	paces   map[*folder.Pace]bool // of the exchanges going on
	weight  atomic.Int64          // of a byte from the server, in bytes moved
	listing atomic.Int64          // bytes that a listing may still have
}

// Dial connects. Its error is fit to be shown.
func Dial(ctx context.Context, s Settings, trust Trust) (*Client, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	methods, err := s.methods()
	if err != nil {
		return nil, s.clean(err)
	}
	// for TCP, the handshake, the authentication, and the beginning of SFTP together
	limit := cmp.Or(s.Patience, folder.Patience)
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("the server did not let in within %v", limit))
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.endpoint())
	if err != nil {
		return nil, s.clean(err)
	}
	c := &Client{settings: s, conn: conn, gone: make(chan struct{}), paces: map[*folder.Pace]bool{}}
	c.weight.Store(1)
	if err := c.open(ctx, methods, trust); err != nil {
		_ = conn.Close() // nothing was done on it
		return nil, s.clean(err)
	}
	return c, nil
}

func (c *Client) open(ctx context.Context, methods []ssh.AuthMethod, trust Trust) error {
	release := context.AfterFunc(ctx, func() { _ = c.conn.Close() }) // everything on it then fails
	defer release()
	err := c.handshake(methods, trust)
	if err == nil {
		err = c.subsystem()
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func (c *Client) handshake(methods []ssh.AuthMethod, trust Trust) error {
	address := c.settings.Address()
	check, refused := trust.check(address), error(nil)
	conn, channels, requests, err := ssh.NewClientConn(c.conn, address, &ssh.ClientConfig{
		User: c.settings.Username, Auth: methods, ClientVersion: "SSH-2.0-OIBus", HostKeyAlgorithms: trust.algorithms(address),
		HostKeyCallback: func(name string, remote net.Addr, key ssh.PublicKey) error {
			refused = check(name, remote, key)
			return refused
		},
	})
	if refused != nil {
		return refused
	}
	if err != nil {
		return err
	}
	c.ssh = ssh.NewClient(conn, channels, requests)
	return nil
}

// subsystem begins SFTP.
func (c *Client) subsystem() error {
	session, err := c.ssh.NewSession()
	if err != nil {
		return err
	}
	in, err := session.StdinPipe()
	if err != nil {
		return err
	}
	out, err := session.StdoutPipe()
	if err != nil {
		return err
	}
	session.Stderr = io.Discard
	if err := session.RequestSubsystem("sftp"); err != nil {
		return fmt.Errorf("the server offers no SFTP: %w", err)
	}
	if c.sftp, err = sftp.NewClientPipe(meter{out, c}, in, sftp.UseFstat(true)); err != nil {
		return err
	}
	c.group = task.New(context.Background(), nil)
	c.group.Go("connection to "+c.settings.Address(), func(context.Context) error {
		defer close(c.gone)
		_ = c.ssh.Wait() // why it ended is told by what is done on it
		return nil
	})
	c.group.Go("keeper of the connection to "+c.settings.Address(), c.keepAlive)
	return nil
}

// meter counts what comes from the server.
type meter struct {
	io.Reader
	c *Client
}

func (m meter) Read(b []byte) (int, error) {
	n, err := m.Reader.Read(b)
	m.c.moved(n * int(m.c.weight.Load()))
	if m.c.listing.Load() > 0 && m.c.listing.Add(-int64(n)) <= 0 {
		return n, errTooLong
	}
	return n, err
}

// moved counts for all exchanges: they share the connection.
func (c *Client) moved(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for p := range c.paces {
		p.Moved(n)
	}
}

var errTooLong = fmt.Errorf("the list of files is longer than %d MB", mostListed>>20)

// keepAlive asks the server from time to time whether it is there.
func (c *Client) keepAlive(ctx context.Context) error {
	for task.Sleep(ctx, aliveEvery) == nil {
		// Some servers do one thing at a time.
		pace := folder.Watch(ctx, flushPatience*cmp.Or(c.settings.Patience, folder.Patience), c.cut)
		_, _, err := c.ssh.SendRequest("keepalive@openssh.com", true, nil)
		if pace.Done(err) != nil {
			c.cut()
			return nil
		}
	}
	return nil
}

func (c *Client) cut() {
	c.given.Store(true)
	_ = c.conn.Close() // what is waited for then fails
}

// Gone is closed when the connection has ended.
func (c *Client) Gone() <-chan struct{} { return c.gone }

// Alive says whether the connection is there, as far as is known.
func (c *Client) Alive() bool {
	select {
	case <-c.gone:
		return false
	default:
		return !c.given.Load()
	}
}

// Close ends the connection.
func (c *Client) Close() error {
	c.cut()
	return c.group.StopAndWait(closeLimit)
}

// do makes one exchange, which ends in time. An exchange that was ended ends the connection too.
func (c *Client) do(ctx context.Context, exchange func(*folder.Pace) error) error {
	return c.doWithin(ctx, cmp.Or(c.settings.Patience, folder.Patience), exchange)
}

func (c *Client) doWithin(ctx context.Context, patience time.Duration, exchange func(*folder.Pace) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	pace := folder.Watch(ctx, patience, c.cut)
	c.mu.Lock()
	c.paces[pace] = true
	c.mu.Unlock()
	err := pace.Done(exchange(pace))
	c.mu.Lock()
	delete(c.paces, pace)
	c.mu.Unlock()
	if ended(err) { // that of SFTP at least: the one around it is of no use any more
		c.cut()
	}
	return c.settings.clean(err)
}

// ended says whether err is the end of a connection.
func ended(err error) bool {
	for _, end := range []error{sftp.ErrSSHFxConnectionLost, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed} {
		if errors.Is(err, end) {
			return true
		}
	}
	return false
}

// Lost says whether err means that the connection is gone, so that nothing else can be done on it.
func (c *Client) Lost(err error) bool { return ended(err) || !c.Alive() }

// List returns what is in a folder of the server, links as links.
func (c *Client) List(ctx context.Context, dir string) (found []os.FileInfo, err error) {
	c.listing.Store(mostListed)
	defer c.listing.Store(0)
	err = c.do(ctx, func(*folder.Pace) (err error) {
		found, err = c.sftp.ReadDirContext(ctx, dir)
		return err
	})
	if err != nil && c.listing.Load() < 0 {
		err = errTooLong
	}
	return found, err
}

// Lstat describes a file, or a link itself.
func (c *Client) Lstat(ctx context.Context, path string) (info os.FileInfo, err error) {
	err = c.do(ctx, func(*folder.Pace) (err error) {
		info, err = c.sftp.Lstat(path)
		return err
	})
	return info, err
}

// Stat describes what a path leads to.
func (c *Client) Stat(ctx context.Context, path string) (info os.FileInfo, err error) {
	err = c.do(ctx, func(*folder.Pace) (err error) {
		info, err = c.sftp.Stat(path)
		return err
	})
	return info, err
}

// Remove deletes a file. It is no error when it is gone.
func (c *Client) Remove(ctx context.Context, path string) error {
	return c.do(ctx, func(*folder.Pace) error {
		if err := c.sftp.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	})
}
