// Package filewriter is the North that writes contents as files (protocol/data-plane.md, section 6.6). It promises that
// a file appears under its name only when all of it is there and lasts through a power cut, that a name which comes with
// a content leads nowhere but into the folder, and that two contents get two names where the names hold the date. It
// guards against readers that take half files.
package filewriter

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"oibus/agent/connector"
	"oibus/agent/connector/folder"
	"oibus/agent/connector/setting"
	"oibus/agent/content"
	"oibus/agent/north"
	"oibus/platform"
	"oibus/platform/task"
)

// Type is the row of the catalogue.
var Type = north.Type{
	ID:      "file-writer",
	Accepts: []content.Kind{content.Any, content.TimeValues, content.Setpoints},
	New:     func(env north.Env) (north.Connector, error) { return build(env) },
}

// testFile is made and removed by the test of a connection.
const testFile = ".oibus-write-test"

type settings struct {
	OutputFolder string `json:"outputFolder"`
	Prefix       string `json:"prefix"`
	Suffix       string `json:"suffix"`
	folder.Share
}

// Writer is a configured North.
type Writer struct {
	settings settings
	id       string
	folder   string // absolute
	names    folder.Namer
	log      *slog.Logger
	test     bool
}

func build(env north.Env) (*Writer, error) {
	w := &Writer{id: folder.Plain(env.ID), log: env.Log, test: env.Test}
	if err := setting.Decode(env.Settings, &w.settings); err != nil {
		return nil, err
	}
	if strings.TrimSpace(w.settings.OutputFolder) == "" {
		return nil, errors.New("the output folder is not specified")
	}
	absolute, err := filepath.Abs(w.settings.OutputFolder)
	if err != nil {
		return nil, fmt.Errorf("cannot find the output folder: %w", err)
	}
	w.folder = absolute
	w.names = folder.Namer{Connector: env.Name, Prefix: w.settings.Prefix, Suffix: w.settings.Suffix, Now: env.Host.Now}
	return w, nil
}

// Connect removes what a crash left half written.
func (w *Writer) Connect(context.Context) error {
	if err := w.settings.Open(w.folder); err != nil {
		return nil // told when something is written there
	}
	dir, err := os.Open(w.folder)
	if err != nil {
		return nil // the same
	}
	defer dir.Close()
	before, after, _ := strings.Cut(w.temporary("*"), "*")
	for {
		names, err := dir.Readdirnames(1000)
		for _, name := range names {
			if strings.HasPrefix(name, before) && strings.HasSuffix(name, after) {
				if err := os.Remove(filepath.Join(w.folder, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
					return fmt.Errorf("cannot remove a file that was half written: %w", err)
				}
			}
		}
		if err != nil {
			return nil // the end, or a folder that cannot be listed, where nothing can be tidied
		}
	}
}

// Disconnect closes the share.
func (w *Writer) Disconnect(context.Context) error { return w.settings.Close() }

// leave closes the share that was opened for one test only.
func (w *Writer) leave() {
	if !w.test {
		return
	}
	if err := w.settings.Close(); err != nil {
		w.log.Warn(err.Error())
	}
}

// Test writes a file and removes it.
func (w *Writer) Test(context.Context) (connector.Report, error) {
	var report connector.Report
	defer w.leave()
	if err := w.settings.Open(w.folder); err != nil {
		return report, err
	}
	path := filepath.Join(w.folder, testFile)
	err := folder.Fail(os.WriteFile(path, nil, 0o644), "open", path)
	if err == nil {
		err = folder.Fail(os.Remove(path), "unlink", path)
	}
	if err != nil {
		//lint:ignore ST1005 the reference's text
		return report, fmt.Errorf("Write access error on \"%s\": %w", w.folder, err)
	}
	entries, err := os.ReadDir(w.folder)
	if err != nil {
		return report, fmt.Errorf("%s access error on \"%s\": %w", "Read", w.folder, folder.Fail(err, "scandir", w.folder))
	}
	report.Add("Output Folder", w.folder)
	report.Add("Files", strconv.Itoa(len(entries)))
	return report, nil
}

// Send writes a content.
func (w *Writer) Send(ctx context.Context, d north.Delivery) error {
	if err := w.settings.Open(w.folder); err != nil {
		return err
	}
	target, err := folder.Inside(w.folder, w.names.Name(d.Name))
	if err != nil {
		return err
	}
	source := d.Open()
	defer source.Close()
	return w.write(ctx, target, source)
}

// write makes target hold what source has, at once and for good.
func (w *Writer) write(ctx context.Context, target string, source io.Reader) (err error) {
	dir := filepath.Dir(target)
	path := filepath.Join(dir, w.temporary(rand.Text()))
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return folder.Fail(err, "open", target)
	}
	defer func() {
		if err != nil {
			file.Close()
			os.Remove(path)
		}
	}()
	if _, err := io.Copy(file, task.Reader(ctx, source)); err != nil {
		return folder.Fail(err, "write", target)
	}
	if err := file.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return folder.Fail(err, "fsync", target)
	}
	if err := file.Close(); err != nil {
		return folder.Fail(err, "close", target)
	}
	if err := os.Rename(path, target); err != nil {
		return folder.Fail(err, "rename", target)
	}
	if err := platform.SyncDir(dir); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return folder.Fail(err, "fsync", dir)
	}
	return nil
}

// temporary is a name for a file that is not whole yet, recognisable as this connector's.
func (w *Writer) temporary(random string) string { return ".oibus-" + w.id + "-" + random + ".tmp" }
