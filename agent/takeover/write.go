package takeover

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"oibus/agent/cache"
	"oibus/agent/command"
	"oibus/agent/connectors"
	"oibus/agent/entity"
	"oibus/agent/history"
	"oibus/agent/interval"
	"oibus/agent/manifest"
	"oibus/agent/registration"
	"oibus/agent/secret"
	"oibus/agent/settings"
	"oibus/agent/south"
	"oibus/agent/store"
	"oibus/agent/transformers"
	"oibus/platform"
)

// write makes the state of a data folder of a site. keys are those that sealed its secrets.
func (s *Site) write(st *store.Store, keys *secret.Keyring) error {
	scanModes := func() []entity.ScanMode { return s.ScanModes }
	c, err := connectors.Open(connectors.Options{Store: st, Keys: keys, Dialect: manifest.N, ScanModes: scanModes, Now: time.Now, Transformer: func(string) bool { return true }})
	if err != nil {
		return err
	}
	err = errors.Join(c.Adopt(s.Souths, s.Norths), c.Close())
	return errors.Join(err,
		settings.Adopt(st, settings.Objects{Engine: s.Engine, ScanModes: s.ScanModes, IPFilters: s.IPFilters, Certificates: s.Certificates, Users: s.Users, Transformers: s.Standard}),
		transformers.Adopt(st, s.Custom), history.Adopt(st, s.Histories), command.Adopt(st, s.Commands),
		registration.Document(st).Save(registration.Record{Registration: s.Registration}), s.writeTracked(st))
}

// writeTracked makes what was read known to souths and history queries.
func (s *Site) writeTracked(st *store.Store) error {
	live, err := south.OpenTracking(st)
	if err != nil {
		return err
	}
	past, err := history.OpenTracking(st)
	if err != nil {
		return errors.Join(err, live.Close())
	}
	for owner, list := range s.trackedByOwner() {
		in := live
		if s.isHistory(owner) {
			in = past
		}
		if err = writeBook(in.Book(owner), list, scanners[s.typeOf(owner)]); err != nil {
			break
		}
	}
	return errors.Join(err, live.Close(), past.Close())
}

func (s *Site) trackedByOwner() map[string][]*Tracked {
	owners := map[string][]*Tracked{}
	for i := range s.Tracked {
		owners[s.Tracked[i].Owner] = append(owners[s.Tracked[i].Owner], &s.Tracked[i])
	}
	return owners
}

// mostRows is how many positions are saved at once.
const mostRows = 2000

// writeBook saves what was read of one south or history query.
func writeBook(book *south.Book, list []*Tracked, remembersFiles bool) error {
	for rows := range slices.Chunk(list, mostRows) {
		save := map[string]south.Row{}
		for _, t := range rows {
			if files := sentFiles(t.Value); remembersFiles && t.Item != "" && len(files) > 0 {
				if err := book.Memory(t.Item).Set(files); err != nil {
					return err
				}
			}
			row := south.Row{Position: interval.Position{Tracked: t.Instant}, QueryTime: t.QueryTime, Value: t.Value}
			if t.Item != "" {
				save[south.ItemUnit(t.Item)] = row
			}
			if unit := south.GroupUnit(t.Group); t.Group != "" && !furtherRead(book, save, unit, t.Instant) {
				save[unit] = row
			}
		}
		if err := book.Save(save); err != nil {
			return err
		}
	}
	return nil
}

// furtherRead says whether a unit is known to be read further than an instant. Before 3.9 the row that a group shared was
// that of one of its items, maybe another one from time to time: the one that got furthest counts.
func furtherRead(book *south.Book, save map[string]south.Row, unit string, at time.Time) bool {
	row, ok := save[unit]
	if !ok {
		row, _ = book.Row(unit)
	}
	return row.Tracked.After(at)
}

// moveCaches brings the contents of all caches over. All are listed first, so that no disk is filled for nothing.
func (s *Source) moveCaches(ctx context.Context, site *Site, dir string) (all Moved, err error) {
	caches := site.caches()
	lists := make(map[string][]waiting, len(caches))
	var size int64
	for name := range caches {
		if lists[name], err = s.findContents(name, site); err != nil {
			return all, err
		}
		size += sum(lists[name]).Bytes
	}
	if err := roomFor(dir, size); err != nil {
		return all, err
	}
	for name, id := range caches {
		moved, err := moveContents(ctx, dir, id, lists[name])
		if err != nil {
			return all, err
		}
		all.Contents, all.Bytes = all.Contents+moved.Contents, all.Bytes+moved.Bytes
		delete(lists, name)
	}
	return all, nil
}

// countCaches says what moveCaches would bring.
func (s *Source) countCaches(site *Site) (all Moved, err error) {
	for name := range site.caches() {
		list, err := s.findContents(name, site)
		if err != nil {
			return all, err
		}
		found := sum(list)
		all.Contents, all.Bytes = all.Contents+found.Contents, all.Bytes+found.Bytes
	}
	return all, nil
}

func sum(list []waiting) (m Moved) {
	m.Contents = len(list)
	for i := range list {
		m.Bytes += list[i].size
	}
	return m
}

// roomFor refuses contents that do not fit on the disk of a folder, which need not be there yet.
func roomFor(dir string, size int64) error {
	dir = platform.Existing(dir)
	free, _, err := platform.DiskFree(dir)
	if err != nil {
		return fmt.Errorf("cannot ask how much room there is: %w", err)
	}
	if need := uint64(size) + cache.DefaultReserve; need > free {
		return fmt.Errorf("the contents of the caches have %d MB, and %d MB must stay free: %d MB are missing on the disk of %s", size>>20, cache.DefaultReserve>>20, (need-free)>>20+1, dir)
	}
	return nil
}

// caches are those of the reference, by name, with the names that they have here.
func (s *Site) caches() map[string]string {
	names := map[string]string{}
	for i := range s.Norths {
		names["north-"+s.Norths[i].ID] = "north-" + s.Norths[i].ID
	}
	for i := range s.Histories {
		names["history-"+s.Histories[i].ID+"/north"] = history.CacheID(s.Histories[i].ID)
	}
	return names
}
