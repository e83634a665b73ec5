// Package handover is what agent, launcher and a person at the machine leave for each other in the folder update of
// the data folder: the agent asks for an upgrade that it has downloaded, a person or the installer asks to go back to
// the version before, and the launcher answers what became of it. It promises that each file is there whole or not at
// all, also after a power cut, and that one which is not understood is reported and never acted upon.
//
// An upgrade goes like this. The agent puts the package into the folder, under a name that begins with StagedPrefix,
// writes the request with WriteRequest and either ends with handshake.ExitUpgrade or, for the shortest interruption,
// goes on working: the launcher then prepares everything and asks it to stop at the very end, or answers that the
// package is refused. The version that runs next, old or new, reads the answer with ReadResult. A new version on trial
// runs before there is an answer: it looks for it until it is there.
package handover

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"oibus/platform"
)

// Folder is where packages and these files lie in the data folder.
const Folder = "update"

// StagedPrefix begins the names of packages that the agent puts into Folder. Without it, a package that is not requested
// yet, or not any more after a crash, would be taken for one that a person wants to be installed.
const StagedPrefix = "staged-"

// The names of the files in Folder.
const (
	requestName  = "request.json"
	resultName   = "result.json"
	rollbackName = "rollback.json"
)

const (
	// level is that of the files written here. One of a higher level was written by a newer version and is refused.
	level = 1
	// maxFile bounds a file: a bigger one was not written by OIBus.
	maxFile = 1 << 20

	filePerm   = 0o600
	folderPerm = 0o755
)

// ErrNewer says that a file was written by a newer version of OIBus.
var ErrNewer = errors.New("it was written by a newer version of OIBus")

// ErrNotUnderstood says that a file was read and makes no sense. Any other error is one of reading it: it may go by.
var ErrNotUnderstood = errors.New("it is not understood")

// Request asks the launcher for an upgrade to a package in Folder.
type Request struct {
	Level          int       `json:"level"`
	CommandID      string    `json:"commandId"`               // "" when a person asked
	Version        string    `json:"version"`                 // the one asked for, with or without a leading v; "" is any
	Package        string    `json:"package"`                 // name of the file in Folder
	UpdateLauncher bool      `json:"updateLauncher"`          //
	BackupFolders  string    `json:"backupFolders,omitempty"` // pattern of the reference; "" is the whole data folder
	SHA256         string    `json:"sha256,omitempty"`        // of the package, in hexadecimal; "" is not checked
	At             time.Time `json:"at"`
}

// Rollback asks the launcher to go back to the version that ran before.
type Rollback struct {
	Level   int       `json:"level"`
	Version string    `json:"version,omitempty"` // the one to go back to; "" is the one that ran before
	Reason  string    `json:"reason,omitempty"`  // for the log
	At      time.Time `json:"at"`
}

// Outcome is what became of an upgrade.
type Outcome string

// The outcomes. After all but Committed the version that ran before runs.
const (
	Committed  Outcome = "committed"   // the new version passed its trial and runs
	RolledBack Outcome = "rolled-back" // the new version, or its launcher, failed, and the old one is back, with its data
	Refused    Outcome = "refused"     // nothing was changed
)

// Result answers a request.
type Result struct {
	Level           int       `json:"level"`
	CommandID       string    `json:"commandId"`
	Source          string    `json:"source"`  // request, package, rollback or factory
	Version         string    `json:"version"` // that was to be run
	Outcome         Outcome   `json:"outcome"`
	Reason          string    `json:"reason"`         // why it was not committed, for a person
	Running         string    `json:"running"`        // version that runs now
	Previous        string    `json:"previous"`       // version that ran before the request
	UpdateLauncher  bool      `json:"updateLauncher"` // a new launcher was asked for, too
	LauncherUpdated bool      `json:"launcherUpdated"`
	Warnings        []string  `json:"warnings,omitempty"`
	StartedAt       time.Time `json:"startedAt"`
	EndedAt         time.Time `json:"endedAt"`
}

// Dir is the folder for packages and requests of a data folder.
func Dir(dataDir string) string { return filepath.Join(dataDir, Folder) }

// WriteRequest leaves the request for the launcher. The package must be in the folder, whole and flushed, before.
func WriteRequest(dataDir string, r Request) error {
	if r.Package == "" || r.Package != filepath.Base(r.Package) || strings.ContainsAny(r.Package, `/\`) {
		return fmt.Errorf("cannot ask for an upgrade: %q is not the name of a file in the folder %s", r.Package, Folder)
	}
	r.Level = level
	return write(dataDir, requestName, r)
}

// ReadRequest returns the request, false when there is none.
func ReadRequest(dataDir string) (Request, bool, error) {
	r, there, err := read[Request](dataDir, requestName)
	if there && err == nil && (r.Package == "" || r.Package != filepath.Base(r.Package) || strings.ContainsAny(r.Package, `/\`)) {
		err = fmt.Errorf("cannot use %s: %w: %q is not the name of a file beside it", requestName, ErrNotUnderstood, r.Package)
	}
	return r, there, err
}

// RemoveRequest removes the request once it is answered.
func RemoveRequest(dataDir string) error { return remove(dataDir, requestName) }

// WriteRollback asks to go back.
func WriteRollback(dataDir string, r Rollback) error {
	r.Level = level
	return write(dataDir, rollbackName, r)
}

// ReadRollback returns the wish to go back, false when there is none.
func ReadRollback(dataDir string) (Rollback, bool, error) {
	return read[Rollback](dataDir, rollbackName)
}

// RemoveRollback removes the wish to go back.
func RemoveRollback(dataDir string) error { return remove(dataDir, rollbackName) }

// WriteResult leaves the answer for the agent that runs next.
func WriteResult(dataDir string, r Result) error {
	r.Level = level
	return write(dataDir, resultName, r)
}

// ReadResult returns the answer, false when there is none yet. It stays until RemoveResult, or the next answer.
func ReadResult(dataDir string) (Result, bool, error) { return read[Result](dataDir, resultName) }

// RemoveResult removes the answer once the command is settled for good.
func RemoveResult(dataDir string) error { return remove(dataDir, resultName) }

func write(dataDir, name string, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("cannot encode %s: %w", name, err)
	}
	if err := os.MkdirAll(Dir(dataDir), folderPerm); err != nil {
		return fmt.Errorf("cannot create the folder %s: %w", Folder, err)
	}
	return platform.WriteFile(filepath.Join(Dir(dataDir), name), append(text, '\n'), filePerm)
}

func remove(dataDir, name string) error {
	if err := os.Remove(filepath.Join(Dir(dataDir), name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot remove %s: %w", name, err)
	}
	return nil
}

func read[T any](dataDir, name string) (v T, there bool, err error) {
	text, err := platform.ReadShared(filepath.Join(Dir(dataDir), name), maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return v, false, nil
	}
	if err != nil {
		return v, true, fmt.Errorf("cannot read %s: %w", name, err)
	}
	if v, err = decode[T](text); err != nil {
		return v, true, fmt.Errorf("cannot use %s: %w: %w", name, ErrNotUnderstood, err)
	}
	return v, true, nil
}

func decode[T any](text []byte) (v T, err error) {
	var head struct {
		Level int `json:"level"`
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return v, err
	}
	switch {
	case head.Level > level:
		return v, ErrNewer
	case head.Level < 1:
		return v, errors.New("it has no level")
	}
	err = json.Unmarshal(text, &v)
	return v, err
}
