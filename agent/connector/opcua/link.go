package opcua

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gopcua/opcua/id"
	"github.com/gopcua/opcua/ua"

	"oibus/platform/task"
)

// Times of a link.
const (
	settled     = 5 * time.Second // how long a connection has lasted that is opened again although nobody uses it
	leastAlive  = time.Second     // between two requests that keep a session alive
	aliveEach   = 3               // such requests in the time that a session lasts without any
	stopTimeout = 3 * time.Second
)

// ErrNoSession is the error of requests while nothing is connected.
var ErrNoSession = errors.New("there is no session with the OPC UA server")

// Link keeps a session of a connector that is connected. One that has ended because nobody used it is opened again
// when it is needed, as is a connection that the server ended; what fails twice is told to lost. It is safe for
// concurrent use.
type Link struct {
	client *Client
	lost   func(reason error, after time.Duration)

	opening sync.Mutex // held while a session replaces one
	mu      sync.Mutex
	session *Session
	since   time.Time
	pinned  bool // what belongs to the session must not go with it: it is not replaced
	group   *task.Group
}

// NewLink makes a link that is not connected. lost is Lost of the connector's Env.
func NewLink(client *Client, lost func(error, time.Duration)) *Link {
	return &Link{client: client, lost: lost}
}

// Connect opens a session, or goes on with one that was opened before.
func (l *Link) Connect(ctx context.Context, s *Session) error {
	if s == nil {
		var err error
		if s, err = l.client.Connect(ctx); err != nil {
			err = fmt.Errorf("Error while connecting to the OPCUA server: %w", err)
			l.Lose(err)
			return err
		}
	}
	l.mu.Lock()
	l.session, l.since, l.pinned = s, time.Now(), false
	l.group = task.New(context.Background(), func(name string, err error) {
		l.client.log.Error("a task of the OPC UA connection ended", "task", name, "error", err)
	})
	group := l.group
	l.mu.Unlock()
	group.Go("opcua watch", l.watch)
	if l.client.settings.KeepSessionAlive {
		group.Go("opcua keep alive", l.keepAlive)
	}
	return nil
}

// Go runs a task until Disconnect.
func (l *Link) Go(name string, f func(ctx context.Context) error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.group != nil {
		l.group.Go(name, f)
	}
}

// Pin says that something belongs to the session, until Disconnect, that must not go with it, such as a subscription.
func (l *Link) Pin() {
	l.opening.Lock()
	defer l.opening.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pinned = true
}

// Session is the open session, nil when there is none.
func (l *Link) Session() *Session {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.session
}

// Disconnect ends the tasks, and returns the session, which is nobody's now.
func (l *Link) Disconnect(ctx context.Context) *Session {
	l.mu.Lock()
	s, group := l.session, l.group
	l.session, l.group = nil, nil
	l.mu.Unlock()
	if group == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	group.Stop()
	if err := group.Wait(ctx); err != nil && ctx.Err() != nil {
		l.client.log.Warn("a task of the OPC UA connection takes long to end", "error", err)
	}
	return s
}

// Do makes a request. When the session has ended since the last one, another is opened, and the request, which the
// server has not taken then, is made again.
func (l *Link) Do(ctx context.Context, request ua.Request) (ua.Response, error) {
	s := l.Session()
	if s == nil {
		return nil, ErrNoSession
	}
	if s.Err() == nil {
		got, err := s.Do(ctx, request)
		if err == nil || !isEnded(err) {
			return got, err
		}
	}
	s, err := l.replace(ctx, s, 0)
	if err != nil {
		return nil, err
	}
	return s.Do(ctx, request)
}

// replace opens a session in the place of old, which has lasted at least so long, unless somebody else has.
func (l *Link) replace(ctx context.Context, old *Session, lasted time.Duration) (*Session, error) {
	l.opening.Lock()
	defer l.opening.Unlock()
	l.mu.Lock()
	now, pinned, since := l.session, l.pinned, l.since
	l.mu.Unlock()
	switch {
	case now == nil:
		return nil, ErrNoSession
	case now != old:
		return now, nil
	case pinned || time.Since(since) < lasted:
		return nil, endOf(old)
	}
	s, err := l.client.Open(ctx)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	gone := l.session != old
	if !gone {
		l.session, l.since = s, time.Now()
	}
	l.mu.Unlock()
	old.Close(ctx)
	if gone {
		s.Close(ctx)
		return nil, ErrNoSession
	}
	l.client.log.Debug("the OPC UA session had ended and was opened again")
	return s, nil
}

// endOf is why a session cannot be used.
func endOf(s *Session) error {
	if err := s.Err(); err != nil {
		return err
	}
	return errors.New("the session has ended")
}

// watch tells when the connection ends.
func (l *Link) watch(ctx context.Context) error {
	for {
		s := l.Session()
		if s == nil {
			return nil
		}
		select {
		case <-s.Done():
		case <-ctx.Done():
			return nil
		}
		if _, err := l.replace(ctx, s, settled); err != nil && ctx.Err() == nil {
			l.Lose(endOf(s))
			return nil
		}
	}
}

// keepAlive reads the state of the server from time to time.
func (l *Link) keepAlive(ctx context.Context) error {
	for {
		wait := leastAlive
		if s := l.Session(); s != nil {
			wait = max(wait, s.Timeout/aliveEach)
		}
		if task.Sleep(ctx, wait) != nil {
			return nil
		}
		if err := l.Touch(ctx); err != nil && ctx.Err() == nil && !IsDeviceError(err) {
			l.Lose(err)
		}
	}
}

// Touch reads the state of the server, so that the session is known to be open behind it.
func (l *Link) Touch(ctx context.Context) error {
	_, err := l.Do(ctx, &ua.ReadRequest{NodesToRead: []*ua.ReadValueID{valueOf(ua.NewNumericNodeID(0, id.Server_ServerStatus_State))}})
	return err
}

// Lose says that the connection is gone.
func (l *Link) Lose(reason error) { l.lost(reason, l.client.Retry()) }

// Limit is how many nodes the server takes at once.
func (l *Link) Limit(ctx context.Context, o Operation) (int, error) {
	s := l.Session()
	if s == nil {
		return 0, ErrNoSession
	}
	most, err := s.limits.read(ctx, l)
	return most[o], err
}

// Reduce notes that the server takes less than it says.
func (l *Link) Reduce(o Operation, most int) {
	if s := l.Session(); s != nil {
		s.limits.reduce(o, most)
	}
}
