package handover

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"oibus/platform"
)

// journalName is what the launcher keeps about itself in the data folder.
const journalName = "launcher.json"

// Status is what launcher.json says of versions and upgrades, for the page and the installer.
type Status struct {
	Phase    string    `json:"phase"` // idle, or where the upgrade is
	Launcher string    `json:"launcherVersion"`
	Upgrades Versions  `json:"upgrades"`
	Agent    *struct { // that runs
		Version   string    `json:"version"`
		PID       int       `json:"pid"`
		StartedAt time.Time `json:"startedAt"`
	} `json:"agent"`
}

// Versions is what runs, what ran before, and what is being tried.
type Versions struct {
	Running  Release  `json:"running"`
	Previous *Release `json:"previous"` // what a rollback goes back to; nil when there is none
	Factory  string   `json:"factory"`  // version of the factory release, which is always there
	Launcher Release  `json:"launcher"` // of which the launcher runs
	Attempt  *struct {
		Source    string    `json:"source"`
		CommandID string    `json:"commandId"`
		Asked     string    `json:"asked"`
		Target    Release   `json:"target"`
		From      Release   `json:"from"`
		Reason    string    `json:"reason"`
		StartedAt time.Time `json:"startedAt"`
	} `json:"attempt"`
	Last *Result `json:"last"`
	Bad  []Bad   `json:"bad"`
}

// Release is an installed version. Without a folder it is the factory release, which the operating system's package
// installed.
type Release struct {
	Version string `json:"version"`
	Folder  string `json:"folder"` // in the folder versions of the data folder
	Digest  string `json:"digest"` // of its manifest
}

// IsFactory says whether r is the factory release.
func (r Release) IsFactory() bool { return r.Folder == "" }

// Bad is a version that failed its trial.
type Bad struct {
	Version   string    `json:"version"`
	Digest    string    `json:"digest"`
	CommandID string    `json:"commandId"`
	Reason    string    `json:"reason"`
	At        time.Time `json:"at"`
}

// ReadStatus reads what the launcher is doing. The zero Status is that of an agent without a launcher.
func ReadStatus(dataDir string) (Status, error) {
	var s Status
	text, err := platform.ReadShared(filepath.Join(dataDir, journalName), maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err != nil {
		return Status{}, fmt.Errorf("cannot read what the launcher does: %w", err)
	}
	return s, nil
}
