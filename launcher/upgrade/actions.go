package upgrade

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"oibus/launcher/backup"
	"oibus/launcher/handover"
	"oibus/launcher/release"
	"oibus/platform"
)

// spare is what unpacking leaves free on the disk for the agent.
const spare = 64 << 20

// examine verifies what is to be run, unpacks it and asks it for its version.
func (m *Machine) examine(ctx context.Context, s *State) error {
	a := s.Attempt
	if err := m.refuseBad(*s); err != nil {
		return err
	}
	var err error
	if a.Order.Target != nil {
		a.Target = *a.Order.Target
		if err = runsAlready(s); err == nil {
			err = m.examineInstalled(ctx, &a.Target)
		}
	} else {
		err = m.examinePackage(ctx, s)
	}
	return err
}

// runsAlready is the error of a target that is what runs.
func runsAlready(s *State) error {
	if s.Attempt.Target != s.Running {
		return nil
	}
	return fmt.Errorf("version %s was asked for: %w", s.Running.Version, errRunsAlready)
}

// refuseBad refuses a version that failed before, until a person or a new command asks for it.
func (m *Machine) refuseBad(s State) error {
	a := s.Attempt
	if a.CommandID == "" {
		return nil
	}
	for _, bad := range s.Bad {
		if bad.CommandID == a.CommandID && bad.Version == strings.TrimPrefix(a.Asked, "v") {
			return fmt.Errorf("version %s has failed on %s (%s): it is refused until a new command asks for it",
				bad.Version, bad.At.Format("2006-01-02"), bad.Reason)
		}
	}
	return nil
}

func (m *Machine) examineInstalled(ctx context.Context, r *Release) error {
	path := m.cfg.FactoryAgent
	if !r.IsFactory() {
		manifest, err := release.VerifyTree(ctx, m.folder(*r))
		if err != nil {
			return err
		}
		if err := manifest.State.Check(stateLevel(m.cfg.DataDir)); err != nil {
			return fmt.Errorf("cannot go to version %s: %w", r.Version, err)
		}
		path, m.checked = m.agentIn(m.folder(*r), manifest.Platform), r.Folder
	}
	return m.probe(ctx, path, r.Version)
}

// probe makes sure that the program can be run and is the version that it should be.
func (m *Machine) probe(ctx context.Context, path, want string) error {
	got, err := m.cfg.Probe(ctx, path)
	if err != nil {
		return err
	}
	if got != want {
		return fmt.Errorf("its program says that it is version %s, version %s was expected", got, want)
	}
	return nil
}

func (m *Machine) examinePackage(ctx context.Context, s *State) (err error) {
	a := s.Attempt
	path := m.packagePath(a.Order.Package)
	if err := checkSum(path, a.Order.SHA256); err != nil {
		return err
	}
	p, err := release.Open(path, release.DefaultLimits())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	policy := m.cfg.Policy
	policy.Version, policy.StateLevel, policy.Now = a.Order.Version, stateLevel(m.cfg.DataDir), m.cfg.Now()
	report, err := p.Verify(ctx, policy)
	if err != nil {
		return err
	}
	for _, w := range report.Warnings {
		m.cfg.Log.Warn("upgrade: "+w, "package", a.Order.Package)
	}
	a.Warnings = report.Warnings
	a.Target = Release{Version: report.Manifest.Version, Digest: report.Manifest.Digest()}
	if a.Target.Version == "" {
		return m.installUnknown(ctx, s, p)
	}
	a.Target.Folder = m.folderFor(*s, a.Target)
	if err := runsAlready(s); err != nil {
		return err
	}
	return m.install(ctx, a.Target, p)
}

// install unpacks a release into its folder, unless it is there already, and probes it.
func (m *Machine) install(ctx context.Context, r Release, p *release.Package) error {
	folder := m.folder(r)
	manifest, err := release.VerifyTree(ctx, folder)
	if err != nil || manifest.Digest() != r.Digest {
		if err := m.unpack(ctx, folder, p); err != nil {
			return err
		}
		if manifest, err = release.VerifyTree(ctx, folder); err != nil {
			return err
		}
	}
	m.checked = r.Folder
	m.cfg.Hook("unpacked")
	return m.probe(ctx, m.agentIn(folder, manifest.Platform), r.Version)
}

// unpack replaces folder with the content of the package, if there is room.
func (m *Machine) unpack(ctx context.Context, folder string, p *release.Package) error {
	if err := os.MkdirAll(filepath.Dir(folder), 0o755); err != nil {
		return fmt.Errorf("cannot create the folder of versions: %w", err)
	}
	err := errors.Join(release.CleanUnfinished(filepath.Dir(folder)), os.RemoveAll(folder))
	if err != nil {
		return fmt.Errorf("cannot make room for a release: %w", err)
	}
	need := uint64(p.Size()) + spare
	free, _, err := platform.DiskFree(filepath.Dir(folder))
	if err == nil && free < need {
		const mb = 1 << 20
		err = fmt.Errorf("there is not enough room to unpack the release: it needs %d MB, %d MB are free, %d MB are missing",
			need/mb, free/mb, (need-free)/mb+1)
	}
	if err != nil {
		return err
	}
	return p.Unpack(ctx, folder)
}

// installUnknown installs a release that only its program knows the version of.
func (m *Machine) installUnknown(ctx context.Context, s *State, p *release.Package) error {
	a, incoming := s.Attempt, m.folder(Release{Folder: incomingFolder})
	if err := m.unpack(ctx, incoming, p); err != nil {
		return err
	}
	manifest, err := release.VerifyTree(ctx, incoming)
	if err != nil {
		return err
	}
	version, err := m.cfg.Probe(ctx, m.agentIn(incoming, manifest.Platform))
	if err != nil {
		return err
	}
	if asked := strings.TrimPrefix(a.Order.Version, "v"); asked != "" && asked != version {
		return fmt.Errorf("its program says that it is version %s, but version %s was asked for", version, asked)
	}
	a.Target = Release{Version: version}
	if a.Target.Folder, err = m.freeFolder(*s, version); err != nil {
		return err
	}
	if err := os.RemoveAll(m.folder(a.Target)); err != nil {
		return fmt.Errorf("cannot make room for a release: %w", err)
	}
	if err := release.Adopt(ctx, incoming, m.folder(a.Target), version); err != nil {
		return err
	}
	manifest, err = release.VerifyTree(ctx, m.folder(a.Target))
	a.Target.Digest, m.checked = manifest.Digest(), a.Target.Folder
	return err
}

// checkSum compares the package with the SHA-256 that the request gives, if it does.
func checkSum(path, want string) error {
	if want == "" {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("cannot open package: %w", err)
	}
	h := sha256.New()
	_, err = io.Copy(h, f)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("cannot read package: %w", err)
	}
	if got := hex.EncodeToString(h.Sum(nil)); !strings.EqualFold(got, want) {
		return fmt.Errorf("the package was changed: its SHA-256 is %s, the request says %s", got, want)
	}
	return nil
}

// save saves the bulk of the data.
func (m *Machine) save(ctx context.Context, s *State) error {
	err := m.backupOf(s.Attempt).Prepare(ctx)
	m.cfg.Hook("saved")
	return err
}

// switchOver saves the rest and makes the new version the one to run.
func (m *Machine) switchOver(ctx context.Context, s *State) error {
	if err := m.backupOf(s.Attempt).Complete(ctx); err != nil {
		return err
	}
	m.cfg.Hook("completed")
	a := s.Attempt
	a.From, s.Running = s.Running, a.Target
	a.Launcher, a.Level = s.Launcher, stateLevel(m.cfg.DataDir)
	switch {
	case a.Order.UpdateLauncher:
		s.Launcher = a.Target
	case a.Order.Target != nil:
		s.Launcher = m.Factory() // who goes back trusts that one
	}
	return nil
}

// undo puts everything back to how it was, then says so.
func (m *Machine) undo(ctx context.Context, s *State) error {
	a := s.Attempt
	if a.Reached == OnTrial {
		if err := m.backupOf(a).Restore(ctx, m.contentRule(*a)); err != nil {
			return err
		}
		m.cfg.Hook("restored")
	}
	m.setBack(s)
	return nil
}

// setBack makes the version before the one to run.
func (m *Machine) setBack(s *State) {
	if a := s.Attempt; !a.Reached.before(Switched) {
		s.Running, s.Launcher = a.From, a.Launcher
	}
	m.publish(s)
}

// contentRule says what becomes of content when the data are put back: the version before can go on with it unless the
// new one has raised the schema level, which is that of the formats of content, too.
func (m *Machine) contentRule(a Attempt) backup.Content {
	level := stateLevel(m.cfg.DataDir)
	if manifest, err := checkSizes(m.folder(a.Target)); err == nil && !a.Target.IsFactory() {
		level = max(level, manifest.State.Written)
	}
	if a.Level > 0 && level > a.Level {
		return backup.RestoreContent
	}
	return backup.KeepContent
}

// tidy removes what is not needed any more, and never what runs or may be gone back to. What cannot be removed now is
// the next time.
func (m *Machine) tidy(_ context.Context, s *State) error {
	m.publish(s)
	a := s.Attempt
	err := m.backupOf(a).Discard()
	m.cfg.Hook("discarded")
	return errors.Join(err, m.tidyPackage(*a), m.prune(*s), m.pruneBackups(""))
}

// pruneBackups removes all backups but the one to keep.
func (m *Machine) pruneBackups(keep string) error {
	entries, err := os.ReadDir(filepath.Join(m.cfg.DataDir, backup.Folder))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		if e.Name() != keep {
			err = errors.Join(err, backup.New(m.cfg.DataDir, e.Name(), backup.Scope{}).Discard())
		}
	}
	return err
}

// tidyPackage removes a package that was installed or that the agent has staged. One that a person dropped and that
// was not installed stays, with the reason beside it.
func (m *Machine) tidyPackage(a Attempt) error {
	o := a.Order
	if o.Package == "" {
		return nil
	}
	path := m.packagePath(o.Package)
	if o.Source == FromPackage && a.Outcome != handover.Committed {
		return reject(path, a.Reason)
	}
	for _, name := range []string{path, path + rejectedSuffix} {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("cannot remove an installed package: %w", err)
		}
	}
	return nil
}

// publish writes the result of a command for the agent, once, and keeps that of every attempt in launcher.json.
func (m *Machine) publish(s *State) {
	a := s.Attempt
	r := handover.Result{
		CommandID: a.CommandID, Source: string(a.Source), Version: a.name(), Outcome: a.Outcome, Reason: a.Reason,
		Running: s.Running.Version, Previous: a.From.Version, UpdateLauncher: a.Order.UpdateLauncher,
		LauncherUpdated: a.Outcome == handover.Committed && a.Order.UpdateLauncher && s.Launcher == s.Running,
		Warnings:        a.Warnings, StartedAt: a.StartedAt, EndedAt: m.cfg.Now().UTC(),
	}
	if a.Outcome == handover.Committed {
		r.Version = s.Running.Version
	}
	s.Last = &r
	if a.Published || a.Source != FromRequest {
		return
	}
	if err := handover.WriteResult(m.cfg.DataDir, r); err != nil {
		m.cfg.Log.Warn("cannot tell the agent the result of the upgrade yet", "error", err)
		return
	}
	a.Published = true
	m.cfg.Hook("published")
}

// Tell tells the agent the result of the last attempt, when that could not be done while it was under way.
func (m *Machine) Tell() error {
	if !m.State().Untold {
		return nil
	}
	m.work.Lock()
	defer m.work.Unlock()
	s := m.State()
	if !s.Untold || s.Attempt != nil || s.Last == nil {
		return nil
	}
	if err := handover.WriteResult(m.cfg.DataDir, *s.Last); err != nil {
		return fmt.Errorf("cannot tell the agent the result of an upgrade: %w", err)
	}
	s.Untold = false
	return m.commit(s)
}
