// Package sftp is the South that sends the files of an SFTP server (protocol/data-plane.md, section 5.3). What is sent and
// when is decided by package scan. This one promises that a file is sent as a whole or not at all, that a transfer which
// was cut goes on where it was cut, and that the server is the one that was reached the first time. It guards against
// files that grow while they are fetched, and against servers that hang or tell lies.
package sftp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path"
	"strings"
	"time"

	"oibus/agent/connector"
	"oibus/agent/connector/setting"
	"oibus/agent/connector/sftp"
	"oibus/agent/south"
	"oibus/agent/south/folderscanner/scan"
	"oibus/platform/task"
)

// Type is the row of the catalogue.
var Type = south.Type{
	ID:  "sftp",
	New: func(env south.Env) (south.Connector, error) { return build(env) },
}

type settings struct {
	sftp.Settings
	Compression   setting.Flag   `json:"compression"`
	RetryInterval setting.Number `json:"retryInterval"` // ms
}

// retryInterval stands in for the setting that older versions do not have.
const retryInterval = 10 * time.Second

// South is a configured South.
type South struct {
	settings  settings
	trust     sftp.Trust
	temp      string
	log       *slog.Logger
	now       func() time.Time
	lost      func(error, time.Duration)
	downloads *scan.Downloads

	client *sftp.Client // nil when it is not connected
	watch  *task.Group  // of client
}

var errNotConnected = errors.New("SFTP client is not connected")

func build(env south.Env) (*South, error) {
	s := &South{temp: env.TempDir, log: env.Log, now: env.Host.Now, lost: env.Lost, downloads: &scan.Downloads{Temp: env.TempDir},
		trust: sftp.TrustOf(env.Env)}
	if err := setting.Decode(env.Settings, &s.settings); err != nil {
		return nil, err
	}
	return s, s.settings.Check()
}

func (s *South) retry() time.Duration {
	if s.settings.RetryInterval <= 0 {
		return retryInterval
	}
	return s.settings.RetryInterval.Duration(time.Millisecond)
}

// Connect opens the connection, and watches it.
func (s *South) Connect(ctx context.Context) error {
	client, err := s.dial(ctx)
	if err != nil {
		s.lost(err, s.retry())
		return err
	}
	s.client, s.watch = client, task.New(context.Background(), nil)
	s.watch.Go("watcher of an SFTP connection", func(ctx context.Context) error {
		select {
		case <-client.Gone():
			s.lost(fmt.Errorf("SFTP client closed unexpectedly. Reconnecting in %d ms", s.retry().Milliseconds()), s.retry())
		case <-ctx.Done():
		}
		return nil
	})
	return nil
}

func (s *South) dial(ctx context.Context) (*sftp.Client, error) {
	client, err := sftp.Dial(ctx, s.settings.Settings, s.trust)
	if err != nil {
		//lint:ignore ST1005 the reference's text
		return nil, fmt.Errorf("Access error on \"%s\": %w", s.settings.Address(), err)
	}
	return client, nil
}

// Disconnect ends the connection.
func (s *South) Disconnect(ctx context.Context) error {
	if s.client == nil {
		return nil
	}
	s.watch.Stop()
	err := errors.Join(s.watch.Wait(ctx), s.client.Close())
	s.client = nil
	return err
}

// Test connects.
func (s *South) Test(ctx context.Context) (connector.Report, error) {
	var report connector.Report
	client, err := s.dial(ctx)
	if err != nil {
		return report, err
	}
	report.Add("Host", s.settings.Address())
	report.Add("Username", s.settings.Username)
	return report, client.Close()
}

// TestItem lists what an item would find, as values.
func (s *South) TestItem(ctx context.Context, t south.TestRequest) (result south.TestResult, err error) {
	item, err := scan.Decode(t.Item)
	if err != nil {
		return result, err
	}
	start := s.now()
	client, err := s.dial(ctx)
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, client.Close()) }()
	connected := s.now()
	result.Content, err = s.scanner(client, item).Try(ctx, t.Item)
	result.Connection, result.Query = connected.Sub(start), s.now().Sub(connected)
	return result, err
}

// Read sends what is new in the folder of an item.
func (s *South) Read(ctx context.Context, q south.DirectQuery) (last json.RawMessage, err error) {
	for _, i := range q.Items {
		item, err := scan.Decode(i)
		if err != nil {
			return nil, err
		}
		if s.client == nil || !s.client.Alive() {
			return nil, errNotConnected
		}
		if last, err = s.scanner(s.client, item).Read(ctx, q, i); err != nil {
			return last, err
		}
	}
	return last, nil
}

func (s *South) scanner(client *sftp.Client, item *scan.Item) *scan.Scanner {
	return &scan.Scanner{Folder: &source{client: client, dir: item.RemoteFolder, downloads: s.downloads}, Item: item, Log: s.log, Now: s.now,
		Temp: s.temp, Compress: bool(s.settings.Compression), Rest: true, Match: path.Base, Called: flat}
}

// flat is how the content of a file is called: the reference knows no sub-folders of another machine.
func flat(name string) string { return strings.ReplaceAll(name, "/", "_") }
