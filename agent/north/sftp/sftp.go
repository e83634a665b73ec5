// Package sftp is the North that writes contents as files of an SFTP server (protocol/data-plane.md, section 6.7). It
// promises that a file appears under its name only when all of it is there, as lasting as the server can make it, that an
// upload which was cut goes on where it was cut, and that the server is the one that was reached the first time. It guards
// against readers that take half files, names that lead out of the folder, and servers that hang.
package sftp

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path"
	"strings"

	"oibus/agent/connector"
	"oibus/agent/connector/folder"
	"oibus/agent/connector/setting"
	"oibus/agent/connector/sftp"
	"oibus/agent/content"
	"oibus/agent/north"
)

// Type is the row of the catalogue.
var Type = north.Type{
	ID:      "sftp",
	Accepts: []content.Kind{content.Any},
	New:     func(env north.Env) (north.Connector, error) { return build(env) },
}

type settings struct {
	sftp.Settings
	RemoteFolder string `json:"remoteFolder"`
	Prefix       string `json:"prefix"`
	Suffix       string `json:"suffix"`
}

// North is a configured North.
type North struct {
	settings  settings
	id        string
	trust     sftp.Trust
	names     folder.Namer
	log       *slog.Logger
	temporary string // where a file is until it is whole

	client *sftp.Client // nil when it is not connected
	begun  upload       // that was cut
}

func build(env north.Env) (*North, error) {
	n := &North{id: folder.Plain(env.ID), log: env.Log, trust: sftp.TrustOf(env.Env)}
	if err := setting.Decode(env.Settings, &n.settings); err != nil {
		return nil, err
	}
	if err := n.settings.Check(); err != nil {
		return nil, err
	}
	if strings.TrimSpace(n.settings.RemoteFolder) == "" {
		return nil, errors.New("the remote folder is not specified")
	}
	n.names = folder.Namer{Connector: env.Name, Prefix: n.settings.Prefix, Suffix: n.settings.Suffix, Now: env.Host.Now}
	return n, nil
}

// Connect opens the connection and removes what a crash left half written.
func (n *North) Connect(ctx context.Context) error {
	if err := n.dial(ctx); err != nil {
		return err
	}
	name, old, err := n.temporaryName()
	if err != nil {
		return errors.Join(err, n.Disconnect(ctx))
	}
	n.temporary = path.Join(n.settings.RemoteFolder, name)
	if old && n.begun.written == 0 {
		if err := n.client.Remove(ctx, n.temporary); err != nil {
			n.log.Warn(fmt.Sprintf("Cannot remove %q, which was half written: %s", n.temporary, err)) // it is overwritten by the next one
		}
	}
	return nil
}

func (n *North) dial(ctx context.Context) error {
	if n.client != nil {
		_ = n.client.Close() // it is of no use any more
		n.client = nil
	}
	client, err := sftp.Dial(ctx, n.settings.Settings, n.trust)
	if err != nil {
		return n.access(err)
	}
	n.client = client
	return nil
}

func (n *North) access(err error) error {
	//lint:ignore ST1005 the reference's text
	return fmt.Errorf("Access error on \"%s\" on \"%s\": %w", n.settings.RemoteFolder, n.settings.Address(), err)
}

// Disconnect ends the connection, and removes what is half written.
func (n *North) Disconnect(ctx context.Context) error {
	if n.client == nil {
		return nil
	}
	if n.begun.written > 0 && n.client.Alive() && ctx.Err() == nil {
		if n.client.Remove(ctx, n.temporary) == nil { // otherwise the next start does it
			n.begun = upload{}
		}
	}
	err := n.client.Close()
	n.client = nil
	return err
}

// Test looks at the folder.
func (n *North) Test(ctx context.Context) (report connector.Report, err error) {
	client, err := sftp.Dial(ctx, n.settings.Settings, n.trust)
	if err != nil {
		return report, n.access(err)
	}
	defer func() { err = errors.Join(err, client.Close()) }()
	info, err := client.Stat(ctx, n.settings.RemoteFolder)
	switch {
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission):
		//lint:ignore ST1005 the reference's text
		return report, fmt.Errorf("Remote target \"%s\" does not exist or the user does not have the right permissions", n.settings.RemoteFolder)
	case err != nil:
		return report, n.access(err)
	case !info.IsDir():
		//lint:ignore ST1005 the reference's text
		return report, fmt.Errorf("Remote target \"%s\" is not a folder", n.settings.RemoteFolder)
	}
	report.Add("Host", n.settings.Address())
	report.Add("Remote Folder", n.settings.RemoteFolder)
	return report, nil
}

// again marks an error of the connection, which says nothing about the content.
func (n *North) again(ctx context.Context, err error) error {
	if ctx.Err() == nil && (n.client == nil || n.client.Lost(err)) {
		return north.Again(err)
	}
	return err
}
