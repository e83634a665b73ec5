package takeover

import (
	"context"
	"errors"
	"slices"
	"time"

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
			unit := south.GroupUnit(t.Group)
			if t.Item != "" {
				unit = south.ItemUnit(t.Item)
			}
			save[unit] = south.Row{Position: interval.Position{Tracked: t.Instant}, QueryTime: t.QueryTime, Value: t.Value}
		}
		if err := book.Save(save); err != nil {
			return err
		}
	}
	return nil
}

// moveCaches brings the contents of all caches over.
func (s *Source) moveCaches(ctx context.Context, site *Site, dir string) (all Moved, err error) {
	for name, id := range site.caches() {
		list, err := s.findContents(name, site)
		if err != nil {
			return all, err
		}
		moved, err := moveContents(ctx, dir, id, list)
		if err != nil {
			return all, err
		}
		all.Contents, all.Bytes = all.Contents+moved.Contents, all.Bytes+moved.Bytes
	}
	return all, nil
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
