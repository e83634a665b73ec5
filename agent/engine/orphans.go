package engine

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"oibus/agent/entity"
	"oibus/agent/north"
	"oibus/agent/south"
)

// removeOrphans deletes what Norths and Souths have left that were deleted, when the agent ended in the middle of it.
// When there is any doubt, because a file of a connector was damaged or is still there, nothing is deleted.
func (s *Service) removeOrphans(context.Context) error {
	for _, id := range s.folders("cache", "north-") {
		if _, err := s.o.Connectors.North(id); !unknown(err) || s.doubt("norths", id) {
			continue
		}
		s.o.Log.Info("The cache of a North that was deleted is removed", "north", id)
		if err := north.Remove(s.o.Store, s.o.DataDir, id); err != nil {
			s.o.Log.Error("the cache of a North that was deleted cannot be removed", "north", id, "error", err)
		}
	}
	for _, id := range s.tracking.Souths() {
		if _, err := s.o.Connectors.South(id); !unknown(err) || s.doubt("souths", id) {
			continue
		}
		if err := south.Remove(s.o.Store, s.tracking, id); err != nil {
			s.o.Log.Error("what was tracked of a South that was deleted cannot be removed", "south", id, "error", err)
		}
	}
	return nil
}

func unknown(err error) bool {
	var missing *entity.NotFoundError
	return errors.As(err, &missing)
}

// folders are the ids of the folders below a folder of the data whose names begin with prefix.
func (s *Service) folders(below, prefix string) []string {
	entries, err := os.ReadDir(filepath.Join(s.o.DataDir, below))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.o.Log.Error("cannot look for what was left", "error", err)
	}
	var ids []string
	for _, e := range entries {
		if id, ok := strings.CutPrefix(e.Name(), prefix); ok && e.IsDir() && id != "" {
			ids = append(ids, id)
		}
	}
	return ids
}

// doubt says whether a connector that is unknown may have been lost by mistake: a file of its own is left in some form,
// some file of its kind was found damaged, or the folder cannot be looked at.
func (s *Service) doubt(folder, id string) bool {
	for _, i := range s.o.Store.Incidents() {
		if file := filepath.ToSlash(i.File); strings.HasPrefix(file, folder+"/") && !strings.HasSuffix(file, ".log") {
			return true
		}
	}
	entries, err := os.ReadDir(filepath.Join(s.o.Store.Dir(), folder))
	if err != nil {
		return true
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), id+".") {
			return true
		}
	}
	return false
}
