package ftp

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"net/textproto"
	"path"
	"slices"
	"sync"
	"time"

	"github.com/jlaffaye/ftp"

	"oibus/agent/connector/folder"
	"oibus/platform/task"
)

const (
	mostAnswer = 1 << 20   // bytes of the answer to one command
	mostListed = 256 << 20 // bytes of one listing: about two million files
	// listPatience is how many times longer than for another answer is waited for a listing: some servers look at each file
	// before they begin.
	listPatience = 4

	notNow      = 421 // the server ends the connection
	nothingHere = 450 // how some servers say that a folder is empty
)

// session is a control connection, with the data connections that it opens. One goroutine uses it at a time.
type session struct {
	settings *settings
	conn     *ftp.ServerConn
	home     string
	times    bool // MDTM is known
	broken   bool // an exchange was not brought to its end: nothing else can be done on it

	mu      sync.Mutex
	pace    *folder.Pace // of the exchange going on
	connect func(network, address string) (net.Conn, error)
	lines   map[*line]bool // that are open
	limit   int64          // bytes that the next data connection may bring, 0 for any number
}

// line is one TCP connection of a session.
type line struct {
	net.Conn
	s    *session
	left int64 // bytes that may still come, since something was sent last
	most int64 // 0 for any number
}

var errTooLong = errors.New("the server says more than anybody wants to know")

func (l *line) Read(b []byte) (int, error) {
	n, err := l.Conn.Read(b)
	l.s.moved(n)
	if l.most > 0 {
		if l.left -= int64(n); l.left < 0 {
			return 0, errTooLong
		}
	}
	return n, err
}

func (l *line) Write(b []byte) (int, error) {
	l.left = l.most
	return l.Conn.Write(b)
}

// SetDeadline does nothing: the session decides what takes too long.
func (l *line) SetDeadline(time.Time) error { return nil }

func (l *line) Close() error {
	l.s.mu.Lock()
	delete(l.s.lines, l)
	l.s.mu.Unlock()
	return l.Conn.Close()
}

func (s *session) moved(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pace.Moved(n)
}

// open makes a connection to the server, first the control connection.
func (s *session) open(network, address string) (net.Conn, error) {
	s.mu.Lock()
	connect, control := s.connect, len(s.lines) == 0
	s.mu.Unlock()
	conn, err := connect(network, address)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l := &line{Conn: conn, s: s, most: s.limit}
	if control {
		l.most = mostAnswer
	}
	l.left = l.most
	s.lines[l] = true
	return l, nil
}

// cut makes everything fail that waits for the server.
func (s *session) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for l := range s.lines {
		_ = l.Conn.Close() // it is of no use any more
	}
}

// do makes one exchange, which ends in time. One that was cut, or that the library does not survive, is the last.
func (s *session) do(ctx context.Context, exchange func() error) error {
	return s.doWithin(ctx, cmp.Or(s.settings.patience, folder.Patience), exchange)
}

func (s *session) doWithin(ctx context.Context, patience time.Duration, exchange func() error) error {
	if s.broken {
		return errors.New("the connection is closed")
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	pace := folder.Watch(ctx, patience, s.cut)
	s.mu.Lock()
	s.pace, s.connect = pace, func(network, address string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, cmp.Or(s.settings.patience, folder.Patience))
		defer cancel()
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
	s.mu.Unlock()
	err := pace.Done(task.Protect("exchange with an FTP server", exchange))
	s.mu.Lock()
	s.pace = nil
	s.mu.Unlock()
	if final(err) {
		s.broken = true
		s.cut()
	}
	return s.settings.clean(err)
}

// final says whether err is more than a server's refusal.
func final(err error) bool {
	if err == nil || errors.Is(err, ftp.ErrInvalidCommand) {
		return false
	}
	if several, ok := err.(interface{ Unwrap() []error }); ok { // an error of reading, and what the server says to it
		return slices.ContainsFunc(several.Unwrap(), final)
	}
	var refused *textproto.Error
	return !errors.As(err, &refused) || refused.Code == notNow
}

// dial connects and logs in. Its error is fit to be shown.
func dial(ctx context.Context, settings *settings) (*session, error) {
	s := &session{settings: settings, lines: map[*line]bool{}}
	user, password := settings.account()
	err := s.do(ctx, func() (err error) {
		if s.conn, err = ftp.Dial(settings.endpoint(), ftp.DialWithDialFunc(s.open)); err != nil {
			return err
		}
		return s.conn.Login(user, password)
	})
	if err == nil {
		err = s.locate(ctx)
	}
	if err != nil {
		s.cut()
		return nil, err
	}
	s.times = s.conn.IsGetTimeSupported()
	return s, nil
}

// locate asks where relative paths begin.
func (s *session) locate(ctx context.Context) error {
	s.home = "/"
	err := s.do(ctx, func() error {
		home, err := s.conn.CurrentDir()
		if err == nil && path.IsAbs(home) {
			s.home = home
		}
		var refused *textproto.Error
		if errors.As(err, &refused) {
			return nil
		}
		return err
	})
	return err
}

func (s *session) absolute(dir string) string {
	if path.IsAbs(dir) {
		return path.Clean(dir)
	}
	return path.Join(s.home, dir)
}

// close says goodbye, and does not wait for an answer.
func (s *session) close() {
	if !s.broken {
		s.mu.Lock()
		for l := range s.lines {
			_ = l.SetWriteDeadline(time.Now().Add(time.Second))
		}
		s.mu.Unlock()
		_ = s.conn.Quit() // the connection is closed either way
	}
	s.broken = true
	s.cut()
}

func (s *session) noop(ctx context.Context) error { return s.do(ctx, s.conn.NoOp) }

// list reads a folder. Changing to it first works with every name, where an argument of LIST is a pattern for some servers.
func (s *session) list(ctx context.Context, dir string) (entries []*ftp.Entry, err error) {
	s.bound(mostListed)
	defer s.bound(0)
	err = s.doWithin(ctx, listPatience*cmp.Or(s.settings.patience, folder.Patience), func() error {
		if err := s.conn.ChangeDir(dir); err != nil {
			return err
		}
		entries, err = s.conn.List("")
		var refused *textproto.Error
		if errors.As(err, &refused) && refused.Code == nothingHere {
			return nil
		}
		return err
	})
	return entries, err
}

func (s *session) bound(limit int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limit = limit
}

// get writes a file to w, from offset on. An error of w, or one that the server tells, leaves the connection as it is.
func (s *session) get(ctx context.Context, path string, offset int64, w io.Writer) error {
	target := &target{Writer: w}
	err := s.do(ctx, func() (err error) {
		r, err := s.conn.RetrFrom(path, uint64(offset))
		if err != nil {
			return err
		}
		_, err = io.Copy(target, r)
		if target.err != nil {
			err = nil
		}
		told := r.Close()
		if target.err != nil && !final(told) {
			return nil // it was not to be sent further
		}
		return errors.Join(err, told)
	})
	if target.err != nil {
		return target.err
	}
	return err
}

// target keeps the error of a writer.
type target struct {
	io.Writer
	err error
}

func (t *target) Write(b []byte) (n int, err error) {
	n, t.err = t.Writer.Write(b)
	return n, t.err
}

func (s *session) remove(ctx context.Context, path string) error {
	return s.do(ctx, func() error { return s.conn.Delete(path) })
}

// stat asks for the size and the time of one file, as far as the server can tell: unknownSize and the zero time are what
// it cannot.
func (s *session) stat(ctx context.Context, path string) (size int64, modified time.Time, err error) {
	size = unknownSize
	if s.conn.IsTimePreciseInList() {
		var e *ftp.Entry
		err = s.do(ctx, func() (err error) {
			e, err = s.conn.GetEntry(path)
			return err
		})
		switch {
		case err != nil:
			return size, modified, err
		case e.Type != ftp.EntryTypeFile:
			return size, modified, errors.New("it is no file any more")
		}
		return int64(e.Size), e.Time, nil
	}
	err = s.do(ctx, func() error {
		n, err := s.conn.FileSize(path)
		if err == nil && n >= 0 {
			size = n
		}
		return passUnknown(err)
	})
	if err == nil && s.times {
		modified, err = s.modified(ctx, path)
	}
	return size, modified, err
}

// passUnknown takes a command that the server does not know for no answer.
func passUnknown(err error) error {
	var refused *textproto.Error
	if errors.As(err, &refused) && (refused.Code == ftp.StatusBadCommand || refused.Code == ftp.StatusNotImplemented) {
		return nil
	}
	return err
}

func (s *session) modified(ctx context.Context, path string) (at time.Time, err error) {
	err = s.do(ctx, func() (err error) {
		at, err = s.conn.GetTime(path)
		return err
	})
	return at, err
}
