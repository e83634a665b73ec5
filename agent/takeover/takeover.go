package takeover

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"oibus/agent/secret"
	"oibus/agent/store"
	"oibus/platform"
)

// Options of an import.
type Options struct {
	From    string // data folder of the reference
	To      string // data folder of this agent, which must not run
	DryRun  bool   // only say what would come over
	Replace bool   // what To has is put aside
}

// Names in the data folder.
const (
	stagingFolder = "import"        // where everything is made
	readyMark     = "ready"         // in it: everything is there
	asideFolder   = "before-import" // what was there before
)

// parts are what an import makes and puts in the place of what was there.
var parts = []string{"state", "secrets", "cache"}

// ErrNotEmpty says that the data folder has a configuration: ask to replace it, or choose another folder.
var ErrNotEmpty = errors.New("it has a configuration already")

// Run brings a site over. Nothing of it is there, or everything: it is made beside what is there, and put in place in
// steps that Finish goes on with after a crash.
func Run(ctx context.Context, o Options) (r Report, err error) {
	if err := os.MkdirAll(o.To, 0o700); err != nil {
		return r, fmt.Errorf("cannot make the data folder: %w", err)
	}
	unlock, err := platform.LockDir(o.To)
	if err != nil {
		return r, fmt.Errorf("cannot use the data folder %q: %w", o.To, err)
	}
	defer func() { err = errors.Join(err, unlock()) }()
	if err := Finish(o.To); err != nil {
		return r, err
	}
	if !o.Replace && !o.DryRun {
		if err := empty(o.To); err != nil {
			return r, err
		}
	}
	staging := filepath.Join(o.To, stagingFolder)
	defer func() {
		if _, ready := os.Stat(filepath.Join(staging, readyMark)); ready != nil {
			err = errors.Join(err, os.RemoveAll(staging))
		}
	}()
	if r, err = produce(ctx, o, staging); err != nil || o.DryRun {
		return r, err
	}
	if err := platform.WriteFile(filepath.Join(staging, readyMark), nil, 0o600); err != nil {
		return r, err
	}
	return r, Finish(o.To)
}

// empty says whether the data folder has no configuration yet.
func empty(dir string) error {
	for _, part := range parts {
		entries, err := os.ReadDir(filepath.Join(dir, part))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("cannot look into the data folder: %w", err)
		}
		if len(entries) > 0 {
			return fmt.Errorf("cannot import into %q: %w", dir, ErrNotEmpty)
		}
	}
	return nil
}

// produce makes everything in the folder staging.
func produce(ctx context.Context, o Options, staging string) (r Report, err error) {
	r = Report{From: o.From, To: o.To, DryRun: o.DryRun}
	temp := filepath.Join(staging, "source")
	if err := os.MkdirAll(temp, 0o700); err != nil {
		return r, fmt.Errorf("cannot make a folder for the import: %w", err)
	}
	source, err := OpenSource(ctx, o.From, temp)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	keys, err := secret.Open(staging)
	if err != nil {
		return r, err
	}
	site, err := source.Read(ctx, keys.Seal)
	if err != nil {
		return r, err
	}
	r.Version, r.Lines = source.Version, site.lines()
	if o.DryRun {
		r.Cache, err = source.countCaches(site)
		r.Changes = site.Changes
		return r, err
	}
	st, err := store.Open(staging)
	if err != nil {
		return r, err
	}
	if err := site.write(st, keys); err != nil {
		return r, err
	}
	r.Cache, err = source.moveCaches(ctx, site, staging)
	r.Changes = site.Changes
	return r, err
}

// countCaches says what moveCaches would bring.
func (s *Source) countCaches(site *Site) (all Moved, err error) {
	for name := range site.caches() {
		list, err := s.findContents(name, site)
		if err != nil {
			return all, err
		}
		for _, w := range list {
			info, err := os.Stat(w.path)
			if err != nil {
				return all, fmt.Errorf("cannot read the cache of the other OIBus: %w", err)
			}
			all.Contents, all.Bytes = all.Contents+1, all.Bytes+info.Size()
		}
	}
	return all, nil
}

// Finish ends an import into dir that was interrupted: when everything was made it is put in place, otherwise what was
// made is removed. The agent calls it before it reads anything.
func Finish(dir string) error {
	staging := filepath.Join(dir, stagingFolder)
	_, err := os.Stat(filepath.Join(staging, readyMark))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return os.RemoveAll(staging)
	case err != nil:
		return fmt.Errorf("cannot look for an interrupted import: %w", err)
	}
	aside := filepath.Join(dir, asideFolder)
	for _, part := range parts {
		if err := replace(filepath.Join(dir, part), filepath.Join(staging, part), filepath.Join(aside, part)); err != nil {
			return fmt.Errorf("cannot put in place what was imported: %w", err)
		}
	}
	if err := platform.SyncDir(dir); err != nil {
		return err
	}
	return os.RemoveAll(staging)
}

// replace puts aside what is at place, and made in its place. When made is gone, that has been done.
func replace(place, made, aside string) error {
	if _, err := os.Stat(made); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if _, err := os.Stat(place); err == nil {
		if err := errors.Join(os.RemoveAll(aside), os.MkdirAll(filepath.Dir(aside), 0o700)); err != nil {
			return err
		}
		if err := os.Rename(place, aside); err != nil {
			return err
		}
	}
	return os.Rename(made, place)
}
