package history

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"oibus/agent/connector"
	"oibus/agent/entity"
	"oibus/agent/manifest"
	"oibus/agent/north"
	"oibus/agent/store"
)

// clear deletes everything of a query but its documents.
func (s *Service) clear(id string) error {
	err := errors.Join(
		s.tracking.Forget(id), north.RemoveCache(s.o.Store, s.o.DataDir, cacheID(id)), store.Remove(s.o.Store, metricsName(id)),
		store.Remove(s.o.Store, connector.MemoryName(id)),
		os.RemoveAll(filepath.Join(s.o.DataDir, "tmp", folderName(id))))
	for _, folder := range []string{"cache", filepath.Join("state", "metrics")} { // empty by now
		if rest := os.Remove(filepath.Join(s.o.DataDir, folder, folderName(id))); !errors.Is(rest, os.ErrNotExist) {
			err = errors.Join(err, rest)
		}
	}
	return err
}

// folderName is the name of the folders of a query.
func folderName(id string) string { return "history-" + id }

func cacheID(id string) string { return folderName(id) + "/north" }

func metricsName(id string) string { return "metrics/" + folderName(id) + "/south" }

func (s *Service) tempDir(id string) string {
	return filepath.Join(s.o.DataDir, "tmp", folderName(id), "south")
}

// northOptions is what the North of a query is started with. When the query runs, problem says why it cannot.
func (s *Service) northOptions(q entity.HistoryQuery) (o north.Options, problem error) {
	o = north.Options{
		North: q.North, CacheID: cacheID(q.ID), DataDir: s.o.DataDir, Host: s.o.Host, Transformer: s.o.Transformer, Store: s.o.Store, Reserve: s.o.Reserve,
		Log: s.log(&q), Now: s.now, OnIncident: func(i store.Incident) { s.o.Store.Report(i.File, i.Reason, i.Action) },
	}
	at := slices.IndexFunc(s.o.Norths, func(t north.Type) bool { return t.ID == q.North.Type })
	if at < 0 {
		o.North.Enabled = false
		return o, &finalError{entity.Invalid("North connector of type \"%s\" not installed", q.North.Type)}
	}
	o.Type = s.o.Norths[at]
	form, ok := manifest.FindNorth(s.o.Dialect, q.North.Type)
	err := fmt.Errorf("its type %q is not known", q.North.Type)
	if ok {
		o.Settings, err = form.Settings.Open(q.North.Settings, s.o.Open)
	}
	if err != nil {
		o.North.Enabled = false
		return o, &finalError{fmt.Errorf("the settings of the North cannot be used: %w", err)}
	}
	return o, nil
}

// startNorth starts the North of a query.
func (s *Service) startNorth(o north.Options) (northRunner, error) {
	r, err := north.Start(o)
	if err != nil {
		return nil, err
	}
	return r, nil
}
