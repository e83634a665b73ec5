// Package ftp is the South that sends the files of an FTP server (protocol/data-plane.md, section 5.2). What is sent and
// when is decided by package scan. This one promises that a file is sent as a whole or not at all, that a transfer which
// was cut goes on where it was cut, that data are fetched only from the server that was asked, and that no error shows the
// password. It guards against files that grow while they are fetched, and against servers that hang, trickle or tell lies.
package ftp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"

	"oibus/agent/connector"
	"oibus/agent/connector/folder"
	"oibus/agent/connector/setting"
	"oibus/agent/south"
	"oibus/agent/south/folderscanner/scan"
	"oibus/platform/task"
)

// Type is the row of the catalogue.
var Type = south.Type{
	ID:  "ftp",
	New: func(env south.Env) (south.Connector, error) { return build(env) },
}

type settings struct {
	Host           string         `json:"host"`
	Port           setting.Number `json:"port"`
	Authentication string         `json:"authentication"`
	Username       string         `json:"username"`
	Password       string         `json:"password"`
	Compression    setting.Flag   `json:"compression"`
	RetryInterval  setting.Number `json:"retryInterval"` // ms

	patience time.Duration // how long the server may stand still, 0 for folder.Patience
}

func (s *settings) check() error {
	switch {
	case strings.TrimSpace(s.Host) == "":
		return errors.New("the host is not specified")
	case s.Port < 1 || s.Port > 65535:
		return fmt.Errorf("the port %v is not between 1 and 65535", float64(s.Port))
	case s.Authentication != "none" && s.Authentication != "password":
		return fmt.Errorf("the authentication %q is neither none nor password", s.Authentication)
	}
	return nil
}

// address is host:port, as people know it.
func (s *settings) address() string {
	return strings.TrimSpace(s.Host) + ":" + strconv.FormatInt(s.Port.Int(), 10)
}

// endpoint is address as the network wants it.
func (s *settings) endpoint() string {
	return net.JoinHostPort(strings.Trim(strings.TrimSpace(s.Host), "[]"), strconv.FormatInt(s.Port.Int(), 10))
}

// account is who logs in. Nobody in particular is called anonymous, as the reference does.
func (s *settings) account() (user, password string) {
	if s.Authentication == "none" {
		return "anonymous", "guest"
	}
	return s.Username, s.Password
}

func (s *settings) clean(err error) error {
	_, password := s.account()
	return folder.Clean(err, password)
}

const (
	retryInterval = 10 * time.Second // stands in for the setting that older versions do not have
	aliveEvery    = 30 * time.Second // a connection that is not used is kept open
)

// South is a configured South.
type South struct {
	settings  settings
	temp      string
	log       *slog.Logger
	now       func() time.Time
	lost      func(error, time.Duration)
	downloads *scan.Downloads

	mu      sync.Mutex // of the use of session, which is kept alive
	session *session   // nil when it is not connected
	keeper  *task.Group
}

var errNotConnected = errors.New("FTP client is not connected")

func build(env south.Env) (*South, error) {
	s := &South{temp: env.TempDir, log: env.Log, now: env.Host.Now, lost: env.Lost, downloads: &scan.Downloads{Temp: env.TempDir}}
	if err := setting.Decode(env.Settings, &s.settings); err != nil {
		return nil, err
	}
	return s, s.settings.check()
}

func (s *South) retry() time.Duration {
	if s.settings.RetryInterval <= 0 {
		return retryInterval
	}
	return s.settings.RetryInterval.Duration(time.Millisecond)
}

// Connect opens the connection.
func (s *South) Connect(ctx context.Context) error {
	session, err := s.dial(ctx)
	if err != nil {
		s.lost(err, s.retry())
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.session, s.keeper = session, task.New(context.Background(), nil)
	s.keeper.Go("keeper of an FTP connection", s.keepAlive)
	return nil
}

func (s *South) dial(ctx context.Context) (*session, error) {
	session, err := dial(ctx, &s.settings)
	if err != nil {
		//lint:ignore ST1005 the reference's text
		return nil, fmt.Errorf("Access error on \"%s\": %w", s.settings.address(), err)
	}
	return session, nil
}

// keepAlive asks the server from time to time whether it is there.
func (s *South) keepAlive(ctx context.Context) error {
	for task.Sleep(ctx, aliveEvery) == nil {
		if !s.mu.TryLock() {
			continue // it is in use
		}
		err := s.session.noop(ctx)
		s.mu.Unlock()
		if err != nil && ctx.Err() == nil {
			s.gone(err)
			return nil
		}
	}
	return nil
}

// gone says that the connection is lost.
func (s *South) gone(err error) {
	s.lost(fmt.Errorf("the FTP connection was lost: %w", err), s.retry())
}

// Disconnect ends the connection.
func (s *South) Disconnect(ctx context.Context) error {
	if s.keeper == nil {
		return nil
	}
	s.keeper.Stop()
	err := s.keeper.Wait(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.session.close()
	s.session, s.keeper = nil, nil
	return err
}

// Test connects.
func (s *South) Test(ctx context.Context) (connector.Report, error) {
	var report connector.Report
	session, err := s.dial(ctx)
	if err != nil {
		return report, err
	}
	session.close()
	user, _ := s.settings.account()
	report.Add("Host", s.settings.address())
	report.Add("Username", user)
	return report, nil
}

// TestItem lists what an item would find, as values.
func (s *South) TestItem(ctx context.Context, t south.TestRequest) (result south.TestResult, err error) {
	item, err := scan.Decode(t.Item)
	if err != nil {
		return result, err
	}
	start := s.now()
	session, err := s.dial(ctx)
	if err != nil {
		return result, err
	}
	defer session.close()
	connected := s.now()
	result.Content, err = s.scanner(session, item).Try(ctx, t.Item)
	result.Connection, result.Query = connected.Sub(start), s.now().Sub(connected)
	return result, err
}

// Read sends what is new in the folder of an item.
func (s *South) Read(ctx context.Context, q south.DirectQuery) (last json.RawMessage, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, i := range q.Items {
		item, err := scan.Decode(i)
		if err != nil {
			return nil, err
		}
		if s.session == nil {
			return nil, errNotConnected
		}
		last, err = s.scanner(s.session, item).Read(ctx, q, i)
		var lost *scan.LostError
		if errors.As(err, &lost) && ctx.Err() == nil {
			s.gone(err)
		}
		if err != nil {
			return last, err
		}
	}
	return last, nil
}

func (s *South) scanner(session *session, item *scan.Item) *scan.Scanner {
	return &scan.Scanner{Folder: &source{session: session, dir: session.absolute(item.RemoteFolder), downloads: s.downloads}, Item: item, Log: s.log,
		Now: s.now, Temp: s.temp, Compress: bool(s.settings.Compression), Rest: true, Match: path.Base, Called: flat}
}

// flat is how the content of a file is called: the reference knows no sub-folders of another machine.
func flat(name string) string { return strings.ReplaceAll(name, "/", "_") }
