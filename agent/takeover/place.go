package takeover

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"oibus/launcher/handover"
	"oibus/platform"
)

// Finish ends an import into dir that was interrupted: when everything was made it is put in place, otherwise what was
// made is removed. The agent calls it before it reads anything.
func Finish(dir string) error { return handover.FinishImport(dir) }

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// aside is the folder of what an import has replaced, in the data folder.
func (r receipt) aside() string {
	if r.Aside == "" { // of an import that an earlier version has begun
		return asideFolder
	}
	return r.Aside
}

// readReceipt reads what an import left in a folder.
func readReceipt(dir string) (r receipt, err error) {
	raw, err := os.ReadFile(filepath.Join(dir, receiptName))
	if err == nil {
		err = json.Unmarshal(raw, &r)
	}
	if err == nil && r.Aside != "" && !filepath.IsLocal(r.Aside) {
		err = fmt.Errorf("%q is no folder in it", r.Aside)
	}
	return r, err
}

// stamp is an instant in the name of a folder.
const stamp = handover.ImportStamp

// writeReceipt leaves in the folder staging what Undo needs, and returns it.
func writeReceipt(o Options, version, staging string) (receipt, error) {
	r := receipt{Key: o.Key, From: o.From, Version: version, At: time.Now().UTC()}
	r.Aside = handover.NewAside(o.To, r.At)
	for _, part := range parts {
		if exists(filepath.Join(o.To, part)) && exists(filepath.Join(staging, part)) {
			r.Had = append(r.Had, part)
		}
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err == nil {
		err = platform.WriteFile(filepath.Join(staging, receiptName), append(text, '\n'), 0o600)
	}
	return r, err
}

// Undone says what became of an import that was to be taken back.
type Undone struct {
	Undone bool   `json:"undone"`         // there was one
	Kept   string `json:"kept,omitempty"` // folder of what it had brought, and was collected since
}

// Undo takes back the last import into dir, if it has that key: what was there before is there again. With keep, what it
// had brought, and what an agent has made of it since, stays in a folder of its own when there are contents in it that
// the other OIBus does not have. It can be done again after a crash in the middle.
func Undo(dir, key string, keep bool) (u Undone, err error) {
	unlock, err := prepare(dir)
	if err != nil {
		return u, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	r, err := readReceipt(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return u, nil
	}
	if err != nil {
		return u, fmt.Errorf("cannot read what was imported: %w", err)
	}
	if r.Key != key {
		return u, nil
	}
	kept := ""
	if withdrawn := filepath.Join(dir, "withdrawn-"+r.At.Format(stamp)); exists(withdrawn) || keep && r.hasMore(dir) {
		u.Kept, kept = withdrawn, withdrawn
		if err := os.MkdirAll(kept, 0o700); err != nil {
			return u, fmt.Errorf("cannot keep what was imported: %w", err)
		}
	}
	for _, part := range parts {
		if err := r.withdraw(dir, part, kept); err != nil {
			return u, fmt.Errorf("cannot take back what was imported: %w", err)
		}
	}
	_ = os.Remove(filepath.Join(dir, r.aside())) // it stays when there is anything in it
	u.Undone = true
	return u, errors.Join(platform.SyncDir(dir), os.Remove(filepath.Join(dir, receiptName)))
}

// withdraw takes back one part. When what it replaced is not aside any more, that has been done.
func (r *receipt) withdraw(dir, part, kept string) error {
	place, aside := filepath.Join(dir, part), filepath.Join(dir, r.aside(), part)
	had := slices.Contains(r.Had, part)
	if had && !exists(aside) {
		return nil
	}
	if exists(place) {
		if kept == "" {
			if err := os.RemoveAll(place); err != nil {
				return err
			}
		} else if err := os.Rename(place, filepath.Join(kept, part)); err != nil {
			return err
		}
	}
	if !had {
		return nil
	}
	return os.Rename(aside, place)
}
