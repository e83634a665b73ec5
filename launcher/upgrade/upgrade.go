// Package upgrade takes a site from one version of OIBus to another and back. It promises that at any moment, also
// after a kill or a power cut, launcher.json names exactly one version that is complete and verified; that the data
// folder is as it was before or as the new version left it, never a mixture; that a version which does not pass its
// trial is undone without a person; and that the one who asked learns what became of it. It guards against broken,
// hostile and wrong packages, full disks, and versions that hang, flap or crash.
//
//	idle ─► staged ─► checked ─► backed-up ─► stopped ─► switched ─► on-trial ─► committed ─► cleaned ─► idle
//	           └─────────┴──────────┴────────────┴───────────┴──any failure─┐        ┌───────────┘
//	                                                                  rolling-back ─► rolled-back
//
// A phase is written to launcher.json before anything is done in it, and what is done in it can be done again after a
// crash: see the table in steps.go. Up to backed-up the agent may run.
package upgrade

import (
	"time"

	"oibus/launcher/handover"
)

// Phase is how far an upgrade has come.
type Phase string

// The phases, named after what has been reached.
const (
	Idle        Phase = "idle"         // no upgrade is under way
	Staged      Phase = "staged"       // there is an order: next, the release is verified, unpacked and asked for its version
	Checked     Phase = "checked"      // it is good: next, the bulk of the data is saved
	BackedUp    Phase = "backed-up"    // next, the agent is stopped
	Stopped     Phase = "stopped"      // no agent runs: next, what changed since is saved
	Switched    Phase = "switched"     // the new version is the one to run: next, its trial begins
	OnTrial     Phase = "on-trial"     // it has been started at least once
	Committed   Phase = "committed"    // it stays
	RollingBack Phase = "rolling-back" // it does not: next, what was done is undone
	RolledBack  Phase = "rolled-back"  // the version before is the one to run
	Cleaned     Phase = "cleaned"      // nothing is left but to forget the attempt
)

// Source is who wants an upgrade.
type Source string

// The sources.
const (
	FromRequest  Source = "request"  // the agent, by request.json
	FromPackage  Source = "package"  // a person, by a package in the folder update
	FromRollback Source = "rollback" // a person, by rollback.json
	FromFactory  Source = "factory"  // the operating system, by a newer factory release
)

// Release is an installed version; without a folder it is the factory release.
type Release = handover.Release

// State is what launcher.json keeps of versions and upgrades.
type State struct {
	Running  Release          `json:"running"`
	Previous *Release         `json:"previous"` // kept to go back to
	Factory  string           `json:"factory"`  // version of the factory release when the launcher last started
	Launcher Release          `json:"launcher"` // of which the launcher runs; without a folder it is the factory release
	Attempt  *Attempt         `json:"attempt"`
	Last     *handover.Result `json:"last"` // what became of the attempt before
	LastKey  string           `json:"lastKey"`
	Untold   bool             `json:"untold,omitempty"` // the agent could not be told of Last yet
	Bad      []handover.Bad   `json:"bad"`
}

// Attempt is an upgrade under way.
type Attempt struct {
	Phase     Phase     `json:"phase"`
	ID        string    `json:"id"` // of the backup
	Order     Order     `json:"order"`
	Source    Source    `json:"source"` // that of the order, and so on, for those who read launcher.json
	CommandID string    `json:"commandId"`
	Asked     string    `json:"asked"`
	Target    Release   `json:"target"` // known from Checked on
	From      Release   `json:"from"`
	Launcher  Release   `json:"launcher"` // that from which the launcher ran before
	Warnings  []string  `json:"warnings,omitempty"`
	Starts    int       `json:"starts"` // of the new version
	StartedAt time.Time `json:"startedAt"`
	Level     int       `json:"level,omitempty"` // schema level of the data when the agent had stopped, 0 when it is not known

	// From RollingBack or Committed on.
	Reached   Phase            `json:"reached,omitempty"` // in which it failed
	Outcome   handover.Outcome `json:"outcome,omitempty"`
	Reason    string           `json:"reason,omitempty"`
	Tries     int              `json:"tries,omitempty"` // to undo it
	Published bool             `json:"published,omitempty"`
}

// Order says what is wanted.
type Order struct {
	Source         Source   `json:"source"`
	Key            string   `json:"key"` // tells it from other orders
	CommandID      string   `json:"commandId,omitempty"`
	Version        string   `json:"version,omitempty"` // "" is any
	Package        string   `json:"package,omitempty"` // in the folder update
	Target         *Release `json:"target,omitempty"`  // instead of a package: one that is installed
	UpdateLauncher bool     `json:"updateLauncher,omitempty"`
	Pattern        string   `json:"pattern,omitempty"` // of the data to save
	SHA256         string   `json:"sha256,omitempty"`
}

// Phase is that of the attempt, if any.
func (s State) Phase() Phase {
	if s.Attempt == nil {
		return Idle
	}
	return s.Attempt.Phase
}

// clone returns a copy that can be changed without changing s.
func (s State) clone() State {
	if s.Attempt != nil {
		a := *s.Attempt
		s.Attempt = &a
	}
	if s.Previous != nil {
		p := *s.Previous
		s.Previous = &p
	}
	s.Bad = append([]handover.Bad(nil), s.Bad...)
	return s
}
