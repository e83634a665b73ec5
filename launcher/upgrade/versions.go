package upgrade

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"oibus/launcher/release"
	"oibus/platform"
)

const (
	// versionsFolder is where unpacked releases lie in the data folder.
	versionsFolder = "versions"
	// incomingFolder is there while it is not known which version a release is.
	incomingFolder = "incoming"
)

func (m *Machine) folder(r Release) string {
	return filepath.Join(m.cfg.DataDir, versionsFolder, r.Folder)
}

func (m *Machine) agentIn(folder, system string) string {
	return filepath.Join(folder, filepath.FromSlash(release.AgentPath(system)))
}

// folderFor names the folder of a release: its version, unless another release of the same version is in use there.
func (m *Machine) folderFor(s State, r Release) string {
	for _, used := range s.inUse() {
		if used.Folder == r.Version && used.Digest != r.Digest {
			return r.Version + "@" + r.Digest[:8]
		}
	}
	return r.Version
}

// freeFolder names a folder for a version that is not in use.
func (m *Machine) freeFolder(s State, version string) (string, error) {
	if _, err := release.ParseVersion(version); err != nil {
		return "", err
	}
	for _, used := range s.inUse() {
		if used.Folder == version {
			return version + "@" + strings.ToLower(s.Attempt.ID), nil
		}
	}
	return version, nil
}

// inUse are the releases that must stay.
func (s State) inUse() []Release {
	used := []Release{s.Running, s.Launcher}
	if s.Previous != nil {
		used = append(used, *s.Previous)
	}
	if a := s.Attempt; a != nil && (a.Phase.before(Committed) || a.Phase == RollingBack) {
		used = append(used, a.From, a.Launcher)
		if a.Phase != Staged {
			used = append(used, a.Target)
		}
		if a.Order.Target != nil {
			used = append(used, *a.Order.Target)
		}
	}
	return used
}

// prune removes the releases that are not in use.
func (m *Machine) prune(s State) error {
	dir := filepath.Join(m.cfg.DataDir, versionsFolder)
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	keep := map[string]bool{}
	for _, r := range s.inUse() {
		keep[r.Folder] = true
	}
	for _, e := range entries {
		if !keep[e.Name()] {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
		}
	}
	if err != nil {
		return fmt.Errorf("cannot remove old versions: %w", err)
	}
	return nil
}

// Program returns the program of the version that is to run, after making sure that it is complete: whole and by its
// checksums the first time, later by its sizes. When it is damaged, the version before takes its place, or the factory
// release, and that is recorded.
func (m *Machine) Program(ctx context.Context) (path string, running Release, err error) {
	m.work.Lock()
	defer m.work.Unlock()
	s := m.State()
	path, err = m.check(ctx, s.Running)
	if err == nil || ctx.Err() != nil {
		return path, s.Running, err
	}
	if s.Holds() {
		// A version on trial fails; a rollback has not named the old one yet.
		return "", s.Running, err
	}
	m.cfg.Log.Error("the installed version is damaged", "version", s.Running.Version, "error", err)
	return m.fallBack(ctx, s)
}

func (m *Machine) fallBack(ctx context.Context, s State) (string, Release, error) {
	choices := []Release{m.Factory()}
	if s.Previous != nil && !s.Previous.IsFactory() {
		choices = []Release{*s.Previous, m.Factory()}
	}
	var failed error
	for _, r := range choices {
		path, err := m.check(ctx, r)
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		m.cfg.Log.Warn("another version takes its place", "version", r.Version, "damaged", s.Running.Version)
		s.Running, s.Previous = r, nil
		// It runs in any case; what cannot be recorded now is found out again.
		if err := m.commit(s); err != nil {
			m.cfg.Log.Warn("cannot record which version runs", "error", err)
		}
		return path, r, nil
	}
	return "", s.Running, failed
}

// Factory is the factory release.
func (m *Machine) Factory() Release { return Release{Version: m.cfg.FactoryVersion} }

// check makes sure that a release can be run.
func (m *Machine) check(ctx context.Context, r Release) (string, error) {
	if r.IsFactory() {
		return m.cfg.FactoryAgent, nil
	}
	var manifest release.Manifest
	var err error
	if m.checked == r.Folder {
		manifest, err = checkSizes(m.folder(r))
	} else {
		manifest, err = release.VerifyTree(ctx, m.folder(r))
	}
	if err != nil {
		return "", err
	}
	m.checked = r.Folder
	return m.agentIn(m.folder(r), manifest.Platform), nil
}

// Installed returns the program of the version that launcher.json says is the one to run, without a launcher: to ask
// it a question.
func Installed(dataDir string, r Release, factory string) string {
	if r.IsFactory() {
		return factory
	}
	folder := filepath.Join(dataDir, versionsFolder, r.Folder)
	if _, err := checkSizes(folder); err != nil {
		return factory
	}
	return filepath.Join(folder, filepath.FromSlash(release.AgentPath(platform.Platform())))
}

// checkSizes is the cheap form of release.VerifyTree: each file of the manifest is there with its size.
func checkSizes(folder string) (release.Manifest, error) {
	var manifest release.Manifest
	text, err := os.ReadFile(filepath.Join(folder, release.ManifestName))
	if err == nil {
		err = json.Unmarshal(text, &manifest)
	}
	if err == nil && len(manifest.Files) == 0 {
		err = errors.New("its manifest lists no files")
	}
	for i := 0; err == nil && i < len(manifest.Files); i++ {
		f := manifest.Files[i]
		var info fs.FileInfo
		info, err = os.Lstat(filepath.Join(folder, filepath.FromSlash(f.Path)))
		if err == nil && (!info.Mode().IsRegular() || info.Size() != f.Size) {
			err = fmt.Errorf("%q has %d bytes, the manifest says %d", f.Path, info.Size(), f.Size)
		}
	}
	if err != nil {
		return release.Manifest{}, fmt.Errorf("release in %q: %w", folder, err)
	}
	return manifest, nil
}

// maxStateFile bounds the documents that are asked for their level.
const maxStateFile = 16 << 20

// stateLevel is the highest schema level of the documents in the data folder, 0 when it is not known.
func stateLevel(dataDir string) int {
	files, err := filepath.Glob(filepath.Join(dataDir, "state", "*.json"))
	if err != nil {
		return 0
	}
	level := 0
	for _, path := range files {
		if info, err := os.Stat(path); err != nil || info.Size() > maxStateFile {
			continue
		}
		text, err := os.ReadFile(path)
		var head struct {
			Schema int `json:"schema"`
		}
		if err == nil && json.Unmarshal(text, &head) == nil {
			level = max(level, head.Schema)
		}
	}
	return level
}
