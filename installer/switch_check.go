package installer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"oibus/platform"
)

// apart refuses an instance that would have its files among those of the other OIBus, or the other way around: what
// belongs to which of them could not be told any more.
func apart(from string, i instance) error {
	if platform.FoldersOverlap(from, i.Data) {
		return badUsage("the other OIBus has its data in %s, and this one would have its own in %s: they must not be the same folder nor lie in each other; choose another one with --config", from, i.Data)
	}
	if platform.LiesIn(i.Programs, from) || platform.LiesIn(i.Settings, from) {
		return badUsage("%s is the data folder of the other OIBus: the programs (%s) and the settings (%s) of this one must not lie in it", from, i.Programs, i.Settings)
	}
	return nil
}

// vacantFor refuses what something else has that is to become ours: a service of that name, a folder with other files, and
// the programs of the other OIBus, which are needed for going back.
func (s *switcher) vacantFor(ctx context.Context, old oldService, i instance, known bool) error {
	before, err := s.m.Definition(ctx, old.Name)
	if err != nil {
		return err
	}
	here, err := s.m.Here()
	if err != nil {
		return err
	}
	if before.Program != "" && platform.SameFolder(filepath.Dir(before.Program), i.Programs) && !samePath(here, i.Programs) {
		return badUsage("the programs of the other OIBus are in %s: choose another folder for those of this one with --programs", i.Programs)
	}
	if known {
		return nil
	}
	if !samePath(old.Name, i.Service) {
		p, err := placeOf(ctx, s.m, i)
		if err != nil {
			return err
		}
		if p.foreign || p.other != "" {
			return fmt.Errorf("the service %q is that of another program, %s: give this OIBus another name with --instance", i.Service, p.program)
		}
	}
	_, err = freshData(s.m, i.Data)
	return err
}

// emptyOrAbsent says whether nothing is in a folder, and whether there is one.
func emptyOrAbsent(dir string) (nothing, there bool, err error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return true, false, nil
	}
	return len(entries) == 0, true, err
}

// portReady says whether another instance, or another program, has the port that ours takes over from the other OIBus,
// which may have it still.
func (s *switcher) portReady(r *switchRecord) error {
	w, err := readWeb(s.m, r.Ours)
	if err != nil {
		return err
	}
	before, where := w.port, "it stands in "+r.Ours.Settings
	if !w.pinned {
		w.port, where = s.site.Port, "the other OIBus has it in its settings"
	}
	if s.port != 0 {
		w.port, where = s.port, "given with --port"
	}
	if err := s.registry.conflict(r.Ours, w.port); err != nil {
		return err
	}
	if r.Old.Running && w.port == s.site.Port || r.WasOn && w.port == before {
		return nil
	}
	if err := listenable(w); err != nil {
		return fmt.Errorf("cannot use port %d (%s): %w; choose another one with --port", w.port, where, err)
	}
	return nil
}

// roomFor says whether the site and the programs fit. Nothing of the other OIBus is removed, so all of it is needed once
// more.
func (s *switcher) roomFor(i instance, from string) error {
	site := uint64(s.site.Cache.Bytes) + spareSpace
	for _, name := range []string{"oibus.db", "crypto.db", "cache/cache.db", "cache/cache.db-wal"} {
		if info, err := os.Stat(filepath.Join(from, filepath.FromSlash(name))); err == nil {
			site += 2 * uint64(info.Size())
		}
	}
	here, err := s.m.Here()
	if err != nil {
		return err
	}
	free, err := s.m.FreeSpace(platform.Existing(i.Data))
	if err == nil && free < site {
		err = fmt.Errorf("%s has room for %d MB, the site needs %d MB", i.Data, free>>20, site>>20)
	}
	programs := sizeOfPrograms(here)
	if err != nil || samePath(here, i.Programs) || programs == 0 {
		return err
	}
	also, err := s.m.FreeSpace(platform.Existing(i.Programs))
	need := programs
	if also == free { // most likely one disk
		need += site
	}
	if err == nil && also < need {
		err = fmt.Errorf("%s has room for %d MB, %d MB are needed with the programs", i.Programs, also>>20, need>>20)
	}
	return err
}

// sizeOfPrograms is what copyTree copies.
func sizeOfPrograms(from string) (size uint64) {
	for _, name := range programFiles {
		path, err := platform.ExecutableNear(from, name)
		if err != nil {
			path = filepath.Join(from, filepath.FromSlash(name))
		}
		if info, err := os.Stat(path); err == nil {
			size += uint64(info.Size())
		}
	}
	return size
}

// errInterrupted is why something ended that a person has ended.
var errInterrupted = errors.New("interrupted")

// because is the reason of a failure: what is cut short by a person fails in many words.
func because(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return errInterrupted
	}
	return err
}
