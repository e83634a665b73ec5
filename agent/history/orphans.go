package history

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// removeOrphans deletes what queries have left that were deleted, when the agent ended in the middle of it. When there is
// any doubt, because a file of a query was damaged or is still there, nothing is deleted.
func (s *Service) removeOrphans(context.Context) error {
	ids := s.tracking.Souths()
	entries, err := os.ReadDir(filepath.Join(s.o.DataDir, "cache"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.o.Log.Error("cannot look for what history queries have left", "error", err)
	}
	for _, e := range entries {
		if id, ok := strings.CutPrefix(e.Name(), folderName("")); ok && e.IsDir() && id != "" {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		if s.known(id) || s.doubt(id) {
			continue
		}
		s.o.Log.Info("What a history query that was deleted has left is removed", "history query", id)
		if err := s.clear(id); err != nil {
			s.o.Log.Error("what a history query that was deleted has left cannot be removed", "history query", id, "error", err)
		}
	}
	return nil
}

// doubt says whether a query that is unknown may have been lost by mistake: a file of its own is left in some form, some
// file of its kind was found damaged, or the folder cannot be looked at.
func (s *Service) doubt(id string) bool {
	for _, i := range s.o.Store.Incidents() {
		if strings.HasPrefix(filepath.ToSlash(i.File), queryFolder+"/") {
			return true
		}
	}
	entries, err := os.ReadDir(filepath.Join(s.o.Store.Dir(), queryFolder))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return true
	}
	return slices.ContainsFunc(entries, func(e os.DirEntry) bool { return strings.HasPrefix(e.Name(), id+".") })
}
