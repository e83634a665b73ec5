package upgrade

import (
	"context"
	"fmt"
	"path/filepath"

	"oibus/launcher/release"
	"oibus/platform"
)

// LauncherProgram returns the launcher of an installed version, after making sure that the version is whole.
func LauncherProgram(ctx context.Context, dataDir string, r Release) (string, error) {
	folder := filepath.Join(dataDir, versionsFolder, r.Folder)
	if _, err := release.VerifyTree(ctx, folder); err != nil {
		return "", err
	}
	return filepath.Join(folder, filepath.FromSlash(release.LauncherPath(platform.Platform()))), nil
}

// LauncherFailed records that the launcher of an installed version failed, so that the factory release's takes its
// place. An upgrade that was to bring it is undone.
func (m *Machine) LauncherFailed(why string) error {
	m.work.Lock()
	defer m.work.Unlock()
	s := m.State()
	failed := s.Launcher
	if failed.IsFactory() {
		return nil
	}
	why = fmt.Sprintf("the launcher of version %s has failed: %s", failed.Version, why)
	s.Launcher = m.Factory()
	if a := s.Attempt; a != nil && (a.Phase == Switched || a.Phase == OnTrial) && a.Target == failed {
		return m.fail(s, why)
	}
	m.cfg.Log.Error("the launcher of the factory release takes back control", "reason", why)
	return m.commit(s)
}
