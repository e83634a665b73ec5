package upgrade

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"oibus/agent/entity"
	"oibus/launcher/handover"
)

// Status is what the page shows of versions. Times are instants of the wire, "" when there is none.
type Status struct {
	Managed  bool      `json:"managed"` // a launcher runs this agent, so that there can be upgrades
	Version  string    `json:"version"` // that runs
	Launcher string    `json:"launcherVersion"`
	Phase    string    `json:"phase"`    // of the upgrade under way, "idle" without one, "" without a launcher
	Target   string    `json:"target"`   // version of the upgrade under way
	Source   string    `json:"source"`   // of it: request, package, rollback or factory
	Previous string    `json:"previous"` // version that a rollback goes back to, "" when there is none
	Packages []Package `json:"packages"` // that were put into the folder update
	Folder   string    `json:"folder"`   // update
	Bad      []Bad     `json:"bad"`      // versions that failed
	Last     *Outcome  `json:"last"`     // of the upgrade before
	Progress *Progress `json:"progress"` // of the command that runs
	Problem  string    `json:"problem"`  // why the launcher's part is not known
}

// Package is a release that was put into the folder update.
type Package struct {
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`
	At     string `json:"at"`
	Reason string `json:"reason"` // why it was rejected; "" while it waits
}

// Bad is a version that failed its trial.
type Bad struct {
	Version string `json:"version"`
	Reason  string `json:"reason"`
	At      string `json:"at"`
}

// Outcome is what became of an upgrade.
type Outcome struct {
	Version  string           `json:"version"`
	Source   string           `json:"source"`
	Outcome  handover.Outcome `json:"outcome"`
	Reason   string           `json:"reason"`
	Previous string           `json:"previous"`
	Warnings []string         `json:"warnings"`
	At       string           `json:"at"`
}

// Status shows versions and what is done with them.
func (s *Service) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.o.Now()
	if age := now.Sub(s.shownAt); s.shownAt.IsZero() || age < 0 || age >= statusAge {
		s.shown, s.shownAt = s.look(), now
	}
	shown := s.shown
	if s.progress.CommandID != "" {
		p := s.progress
		shown.Progress = &p
	}
	return shown
}

// look reads the status from disk.
func (s *Service) look() Status {
	st := Status{
		Managed: s.o.Managed, Version: s.o.Version, Launcher: s.o.Launcher, Folder: handover.Dir(s.o.DataDir),
		Packages: s.packages(), Bad: []Bad{},
	}
	if !s.o.Managed {
		return st
	}
	status, err := handover.ReadStatus(s.o.DataDir)
	if err != nil {
		st.Problem = err.Error()
		return st
	}
	v := status.Upgrades
	st.Phase = status.Phase
	if target, ok := rollbackTarget(v); ok {
		st.Previous = target
	}
	if a := v.Attempt; a != nil {
		st.Source, st.Target = a.Source, a.Target.Version
		if st.Target == "" {
			st.Target = strings.TrimPrefix(a.Asked, "v")
		}
	}
	for _, b := range slices.Backward(v.Bad) {
		st.Bad = append(st.Bad, Bad{Version: b.Version, Reason: b.Reason, At: instant(b.At)})
	}
	if l := v.Last; l != nil {
		st.Last = &Outcome{
			Version: l.Version, Source: l.Source, Outcome: l.Outcome, Reason: l.Reason, Previous: l.Previous,
			Warnings: l.Warnings, At: instant(l.EndedAt),
		}
	}
	return st
}

func instant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return entity.Milli(t)
}

// rollbackTarget is the version that the launcher would go back to.
func rollbackTarget(v handover.Versions) (string, bool) {
	if p := v.Previous; p != nil && !p.IsFactory() && *p != v.Running && p.Version != "" {
		return p.Version, true
	}
	if !v.Running.IsFactory() && v.Factory != "" {
		return v.Factory, true
	}
	return "", false
}

const (
	packageSuffix  = ".zip"
	rejectedSuffix = ".rejected.txt"
	maxReason      = 4 << 10
	maxPackages    = 50 // shown
)

func (s *Service) packages() []Package {
	list := []Package{}
	dir := handover.Dir(s.o.DataDir)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return list // there is none yet
	}
	for _, e := range entries {
		name := e.Name()
		if !strings.HasSuffix(strings.ToLower(name), packageSuffix) || strings.HasPrefix(name, handover.StagedPrefix) || !e.Type().IsRegular() || len(list) >= maxPackages {
			continue
		}
		if info, err := e.Info(); err == nil {
			list = append(list, Package{Name: name, Bytes: info.Size(), At: instant(info.ModTime()), Reason: rejection(filepath.Join(dir, name+rejectedSuffix))})
		}
	}
	return list
}

// rejection is the reason that the launcher has left beside a package: the text between its first and its last
// paragraph.
func rejection(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	text, err := io.ReadAll(io.LimitReader(f, maxReason))
	if f.Close() != nil || err != nil {
		return ""
	}
	_, rest, _ := strings.Cut(string(text), "\n")
	reason, _, _ := strings.Cut(rest, "\n\n")
	return strings.ToValidUTF8(strings.TrimSpace(reason), "\uFFFD")
}
