package upgrade

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"oibus/launcher/handover"
	"oibus/launcher/release"
	"oibus/platform"
)

const (
	// settleFor is how long a dropped package must not have changed before it is looked at: it is being copied.
	settleFor = 3 * time.Second
	// truncatedFor is how long one whose end is missing may stay so: a copy over a slow line makes pauses.
	truncatedFor = 2 * time.Minute

	packageSuffix  = ".zip"
	rejectedSuffix = ".rejected.txt"
	asideMark      = ".not-understood-"
)

// Watcher finds the orders in the folder update. It looks again each time it is asked: nothing depends on events of
// the file system, which can be lost.
type Watcher struct {
	DataDir string
	Log     *slog.Logger
	Now     func() time.Time

	seen map[string]sighting
}

// sighting is a package as it was first seen like this.
type sighting struct {
	print string
	since time.Time
}

// Next returns the next order, if there is one. Orders that were carried out already, of which the files are still
// there, are removed.
func (w *Watcher) Next(s State, factory Release) (Order, bool) {
	if o, found := w.request(s); found {
		return o, true
	}
	if o, found := w.rollback(s, factory); found {
		return o, true
	}
	return w.dropped(s)
}

// Requested says whether the agent has asked for something that is not answered yet.
func (w *Watcher) Requested(s State) bool {
	r, there, err := handover.ReadRequest(w.DataDir)
	return there && err == nil && !s.did(requestKey(r))
}

// did says whether the order is known.
func (s State) did(key string) bool {
	return s.LastKey == key || s.Attempt != nil && s.Attempt.Order.Key == key
}

func requestKey(r handover.Request) string {
	return fmt.Sprintf("request %s %s %s", r.CommandID, r.Package, r.At.UTC().Format(time.RFC3339Nano))
}

func (w *Watcher) request(s State) (Order, bool) {
	r, there, err := handover.ReadRequest(w.DataDir)
	if err != nil {
		w.notUsable("request.json", err)
	}
	if !there || err != nil {
		return Order{}, false
	}
	o := Order{
		Source: FromRequest, Key: requestKey(r), CommandID: r.CommandID, Version: r.Version, Package: r.Package,
		UpdateLauncher: r.UpdateLauncher, Pattern: r.BackupFolders, SHA256: r.SHA256,
	}
	if s.did(o.Key) {
		w.note(handover.RemoveRequest(w.DataDir))
		return Order{}, false
	}
	return o, true
}

// rollback is the wish to go back: to the version named, or to the one before, or to the factory release.
func (w *Watcher) rollback(s State, factory Release) (Order, bool) {
	r, there, err := handover.ReadRollback(w.DataDir)
	if err != nil {
		w.notUsable("rollback.json", err)
	}
	if !there || err != nil {
		return Order{}, false
	}
	o := Order{Source: FromRollback, Key: "rollback " + r.At.UTC().Format(time.RFC3339Nano), Version: r.Version}
	target, ok := rollbackTarget(s, factory, strings.TrimPrefix(r.Version, "v"))
	if !ok || s.did(o.Key) {
		if !ok {
			w.Log.Error("cannot go back: there is no such version here", "version", r.Version, "running", s.Running.Version)
		}
		w.note(handover.RemoveRollback(w.DataDir))
		return Order{}, false
	}
	o.Target, o.Version = &target, target.Version
	return o, true
}

// rollbackTarget is the release to go back to.
func rollbackTarget(s State, factory Release, version string) (Release, bool) {
	var choices []Release
	if s.Previous != nil {
		previous := *s.Previous
		if previous.IsFactory() {
			previous = factory // another one may have been installed since
		}
		choices = append(choices, previous)
	}
	for _, r := range append(choices, factory) {
		if r != s.Running && (version == "" || version == r.Version) {
			return r, true
		}
	}
	return Release{}, false
}

// dropped is a package that a person has put there, complete and not refused before.
func (w *Watcher) dropped(s State) (Order, bool) {
	entries, err := os.ReadDir(handover.Dir(w.DataDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		w.note(err)
	}
	seen := map[string]sighting{}
	var found Order
	for _, e := range entries {
		name := e.Name()
		if !strings.HasSuffix(strings.ToLower(name), packageSuffix) || strings.HasPrefix(name, handover.StagedPrefix) ||
			strings.HasPrefix(name, ".") || !e.Type().IsRegular() {
			continue
		}
		info, err := e.Info()
		if err != nil {
			continue // it is gone
		}
		now := sighting{print: fingerprint(info), since: w.Now()}
		if before, known := w.seen[name]; known && before.print == now.print {
			now.since = before.since
		}
		seen[name] = now
		key := "package " + name + " " + now.print
		if found.Key == "" && !s.did(key) && w.complete(name, now) {
			found = Order{Source: FromPackage, Key: key, Package: name}
		}
	}
	w.seen = seen
	return found, found.Key != ""
}

// complete says whether a package is all there and was not rejected as it is.
func (w *Watcher) complete(name string, s sighting) bool {
	path := filepath.Join(handover.Dir(w.DataDir), name)
	if w.Now().Sub(s.since) < settleFor || rejectedAs(path) == s.print {
		return false
	}
	p, err := release.Open(path, release.DefaultLimits())
	if err == nil {
		w.note(p.Close())
	}
	return !errors.Is(err, release.ErrTruncated) || w.Now().Sub(s.since) >= truncatedFor
}

// fingerprint tells a file from the same one changed.
func fingerprint(info fs.FileInfo) string {
	return fmt.Sprintf("%d bytes of %s", info.Size(), info.ModTime().UTC().Format(time.RFC3339Nano))
}

// reject says beside a package why it was not installed, and which package that was.
func reject(path, reason string) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot say why a package was rejected: %w", err)
	}
	text := fmt.Sprintf("%s was not installed:\n%s\n\nIt is not tried again unless it changes or this file is removed.\nIt has %s\n",
		filepath.Base(path), reason, fingerprint(info))
	return platform.WriteFile(path+rejectedSuffix, []byte(text), 0o644)
}

// rejectedAs is the fingerprint of the package that was rejected, "" when none was.
func rejectedAs(path string) string {
	text, err := os.ReadFile(path + rejectedSuffix)
	if err != nil {
		return ""
	}
	const mark = "\nIt has "
	at := strings.LastIndex(string(text), mark)
	if at < 0 {
		return ""
	}
	return strings.TrimSpace(string(text[at+len(mark):]))
}

// notUsable puts aside a file that makes no sense. One that could not be read is read again later.
func (w *Watcher) notUsable(name string, err error) {
	if errors.Is(err, handover.ErrNotUnderstood) {
		w.putAside(name, err)
		return
	}
	w.note(err)
}

// putAside keeps a file that is not understood for a person, so that it is not read again and again.
func (w *Watcher) putAside(name string, reason error) {
	path := filepath.Join(handover.Dir(w.DataDir), name)
	aside := path + asideMark + w.Now().UTC().Format("20060102T150405.000Z")
	w.Log.Error("a file in the folder update is not understood", "error", reason, "now", aside)
	w.note(os.Rename(path, aside))
}

func (w *Watcher) note(err error) {
	if err != nil {
		w.Log.Warn("cannot use the folder update as it should be", "error", err)
	}
}
