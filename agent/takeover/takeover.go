package takeover

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"oibus/agent/secret"
	"oibus/agent/store"
	"oibus/launcher/handover"
	"oibus/platform"
)

// Options of an import.
type Options struct {
	From    string // data folder of the reference
	To      string // data folder of this agent, which must not run
	DryRun  bool   // only say what would come over; To is not touched, and may be missing
	Replace bool   // what To has is put aside
	Key     string // names this import for Undo; may be ""
	Runs    Runs   // what this agent can run
}

// Names in the data folder.
const (
	stagingFolder = handover.ImportFolder
	readyMark     = handover.ImportReady
	asideFolder   = handover.ImportAside
	receiptName   = handover.ImportNote // and what can be taken back
)

// parts are what an import makes and puts in the place of what was there. The last is there only when the source has it.
var parts = handover.ImportParts

// ErrNotEmpty says that the data folder has a configuration: ask to replace it, or choose another folder.
var ErrNotEmpty = errors.New("it has a configuration already")

// receipt says what an import has brought, so that it can be taken back.
type receipt struct {
	Key     string    `json:"key,omitempty"`
	From    string    `json:"from"`
	Version string    `json:"version"`
	At      time.Time `json:"at"`
	Had     []string  `json:"had"`             // the parts that were there before
	Aside   string    `json:"aside,omitempty"` // the folder in which they are
}

// Run brings a site over. Nothing of it is there, or everything: it is made beside what is there, and put in place in
// steps that Finish goes on with after a crash.
func Run(ctx context.Context, o Options) (r Report, err error) {
	if platform.FoldersOverlap(o.From, o.To) {
		return r, fmt.Errorf("%w: the other OIBus has its data in %q, and this one would have its own in %q: they must not be the same folder nor lie in each other", ErrUsage, o.From, o.To)
	}
	if o.DryRun {
		return foresee(ctx, o)
	}
	unlock, err := prepare(o.To)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	if !o.Replace {
		if err := vacant(o.To); err != nil {
			return r, err
		}
	}
	staging := filepath.Join(o.To, stagingFolder)
	defer func() {
		if _, ready := os.Stat(filepath.Join(staging, readyMark)); ready != nil {
			err = errors.Join(err, os.RemoveAll(staging))
		}
	}()
	if r, err = produce(ctx, o, staging); err != nil {
		return r, err
	}
	left, err := writeReceipt(o, r.Version, staging)
	if err != nil {
		return r, err
	}
	if len(left.Had) > 0 {
		r.Aside = filepath.Join(o.To, left.Aside)
	}
	if err := platform.WriteFile(filepath.Join(staging, readyMark), nil, 0o600); err != nil {
		return r, err
	}
	return r, Finish(o.To)
}

// prepare locks a data folder, and ends an import that was interrupted.
func prepare(dir string) (unlock func() error, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot make the data folder: %w", err)
	}
	if unlock, err = platform.LockDir(dir); err != nil {
		return nil, fmt.Errorf("cannot use the data folder %q: %w", dir, err)
	}
	if err := Finish(dir); err != nil {
		return nil, errors.Join(err, unlock())
	}
	return unlock, nil
}

// foresee says what an import would bring. What it needs of disk is in a folder for temporary files.
func foresee(ctx context.Context, o Options) (r Report, err error) {
	temp, err := os.MkdirTemp("", "oibus-import-")
	if err != nil {
		return r, fmt.Errorf("cannot make a folder for the import: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
	if r, err = produce(ctx, o, temp); err != nil {
		return r, err
	}
	if err := roomFor(o.To, r.Cache.Bytes); err != nil {
		r.Changes = append(r.Changes, Change{"nothing comes over", err.Error()})
	}
	err = vacant(o.To)
	if r.Occupied = errors.Is(err, ErrNotEmpty); r.Occupied {
		err = nil
	}
	return r, err
}

// vacant says whether nothing was configured yet in the data folder: there is no connector in it, no history query, and
// no registration. What the first start of an agent makes does not count.
func vacant(dir string) error {
	state := filepath.Join(dir, "state")
	for _, folder := range []string{"souths", "norths", "history"} {
		entries, err := os.ReadDir(filepath.Join(state, folder))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("cannot look into the data folder: %w", err)
		}
		if slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return !e.IsDir() }) {
			return fmt.Errorf("cannot import into %q: %w", dir, ErrNotEmpty)
		}
	}
	raw, err := os.ReadFile(filepath.Join(state, "registration.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var document struct{ Data struct{ Status string } }
	if err == nil {
		err = json.Unmarshal(raw, &document)
	}
	if err != nil || document.Data.Status != "NOT_REGISTERED" {
		return errors.Join(fmt.Errorf("cannot import into %q: %w", dir, ErrNotEmpty), err)
	}
	return nil
}

// produce makes everything in the folder staging; for a dry run only what is needed to know what there is.
func produce(ctx context.Context, o Options, staging string) (r Report, err error) {
	r = Report{From: o.From, To: o.To, DryRun: o.DryRun, Changes: []Change{}}
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
	site, err := source.Read(ctx, keys.Seal, o.Runs)
	if err != nil {
		return r, err
	}
	identity := source.readIdentity(site)
	r.Version, r.Lines = source.Version, site.lines()
	r.Registered, r.Host, r.Port = site.Registration.Status == "REGISTERED", site.Registration.Host, site.Engine.Settings.WebServer.Port
	r.Paths = site.paths(o.From)
	if o.DryRun {
		r.Cache, err = source.countCaches(site)
		r.Changes = append(r.Changes, site.Changes...)
		return r, err
	}
	st, err := store.Open(staging)
	if err != nil {
		return r, err
	}
	if err := errors.Join(site.write(st, keys), identity.write(staging)); err != nil {
		return r, err
	}
	site.Souths, site.Tracked = nil, nil // they may be large, and are written
	r.Cache, err = source.moveCaches(ctx, site, staging)
	r.Changes = append(r.Changes, site.Changes...)
	return r, err
}
