package upgrade

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"oibus/agent/entity"
	"oibus/launcher/handover"
	"oibus/launcher/release"
	"oibus/platform"
	"oibus/platform/task"
)

const (
	// uploadPrefix begins the name of a package that is being uploaded: the launcher leaves it alone.
	uploadPrefix = "upload-"
	maxName      = 120
)

// Receive takes a package that a person uploads under name: it is verified, and put into the folder update as if the
// person had copied it there. size is its length in bytes, -1 when it is not known. Errors that the person can do
// something about are *entity.InvalidError.
func (s *Service) Receive(ctx context.Context, name string, size int64, body io.Reader) error {
	if err := s.mayReceive(name, size); err != nil {
		return err
	}
	if !s.beginUpload() {
		return entity.Invalid("another package is being uploaded: wait until that is done")
	}
	defer s.endUpload()
	dir := handover.Dir(s.o.DataDir)
	if err := os.MkdirAll(dir, folderPerm); err != nil {
		return fmt.Errorf("cannot create the folder %s: %w", handover.Folder, err)
	}
	if err := s.compare(ctx, &ShortageError{Download: uint64(max(size, 0)), Unpack: unpacked * uint64(max(size, 0))}); err != nil {
		return asInvalid(err)
	}
	part := filepath.Join(dir, uploadPrefix+"package.part")
	err := s.receiveInto(ctx, part, size, body)
	if err == nil {
		_, err = s.verify(ctx, part, "")
	}
	if err == nil {
		err = errors.Join(os.Rename(part, filepath.Join(dir, name)), removeIfThere(filepath.Join(dir, name+rejectedSuffix)), platform.SyncDir(dir))
	}
	if err != nil {
		return errors.Join(asInvalid(err), removeIfThere(part))
	}
	s.o.Log.Info("A package was uploaded, the launcher is going to install it", "package", name)
	return nil
}

func (s *Service) mayReceive(name string, size int64) error {
	limit := release.DefaultLimits().PackageSize
	switch {
	case !s.o.Managed:
		return entity.Invalid("OIBus is not run by its launcher, which alone installs another version")
	case !strings.HasSuffix(strings.ToLower(name), packageSuffix) || !plain(name):
		return entity.Invalid("%q is not the name of a package such as %s", shorten(name), release.FileName("3.9.0", platform.Platform(), platform.Architecture()))
	case size > limit:
		return entity.Invalid("the package has %d bytes, the limit is %d", size, limit)
	}
	return s.idle()
}

// idle refuses what would get in the way of an upgrade under way.
func (s *Service) idle() error {
	status, err := handover.ReadStatus(s.o.DataDir)
	if err != nil {
		return err
	}
	if a := status.Upgrades.Attempt; a != nil {
		return entity.Invalid("an upgrade is under way (%s): wait until it has ended", status.Phase)
	}
	return nil
}

// plain says whether a name is harmless on every system, and none that has a meaning in the folder.
func plain(name string) bool {
	if len(name) > maxName || strings.HasPrefix(name, handover.StagedPrefix) || strings.HasPrefix(name, uploadPrefix) || name[0] == '.' || name[0] == '-' {
		return false
	}
	return strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-+") == "" && filepath.IsLocal(name)
}

func shorten(name string) string {
	if len(name) > maxName {
		return strings.ToValidUTF8(name[:maxName], "") + "…"
	}
	return name
}

func (s *Service) receiveInto(ctx context.Context, part string, size int64, body io.Reader) (err error) {
	f, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, filePerm)
	if err != nil {
		return fmt.Errorf("cannot write the package: %w", err)
	}
	n, err := io.CopyBuffer(struct{ io.Writer }{&bounded{f, s, release.DefaultLimits().PackageSize}}, task.Reader(ctx, body), make([]byte, pieceSize))
	if err == nil && size >= 0 && n != size {
		err = entity.Invalid("%d bytes of the package came, %d were announced", n, size)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("cannot take the package: %w", err)
	}
	return nil
}

// bounded writes as long as there is room for the agent, and no more than a package may have.
type bounded struct {
	f    io.Writer
	s    *Service
	left int64
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.left -= int64(len(p)); b.left < 0 {
		return 0, entity.Invalid("the package has more than %d bytes, the limit", release.DefaultLimits().PackageSize)
	}
	if b.left%syncBytes < int64(len(p)) {
		if free, err := b.s.o.disk.Free(b.s.o.DataDir); err == nil && free < spare {
			return 0, &ShortageError{Folder: b.s.o.DataDir, Free: free}
		}
	}
	return b.f.Write(p)
}

// asInvalid tells what the person can do something about.
func asInvalid(err error) error {
	var refused *release.RefusedError
	var short *ShortageError
	var invalid *entity.InvalidError
	switch {
	case errors.As(err, &invalid):
		return invalid
	case errors.As(err, &refused):
		return entity.Invalid("the package is refused: %v", refused)
	case errors.As(err, &short):
		return entity.Invalid("%v", short)
	}
	return err
}

func (s *Service) beginUpload() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	free := !s.uploads
	s.uploads = true
	return free
}

func (s *Service) endUpload() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.uploads = false
	s.shownAt = s.shownAt.Add(-statusAge)
}

func (s *Service) uploading() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.uploads
}

// RollBack asks the launcher to go back to the version before, for the person with this login.
func (s *Service) RollBack(login string) error {
	if !s.o.Managed {
		return entity.Invalid("OIBus is not run by its launcher, which alone can go back to another version")
	}
	if err := s.idle(); err != nil {
		return err
	}
	status, err := handover.ReadStatus(s.o.DataDir)
	if err != nil {
		return err
	}
	target, ok := rollbackTarget(status.Upgrades)
	if !ok {
		return entity.Invalid("there is no version to go back to")
	}
	s.o.Log.Warn(fmt.Sprintf("%s goes back from version %s to version %s", login, s.o.Version, target))
	return handover.WriteRollback(s.o.DataDir, handover.Rollback{Version: target, Reason: "asked for by " + login + " on the page", At: s.o.Now().UTC()})
}
