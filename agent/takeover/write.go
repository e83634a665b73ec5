package takeover

import (
	"context"
	"errors"
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
	for _, t := range s.Tracked {
		in := live
		if s.isHistory(t.Owner) {
			in = past
		}
		if err = t.write(in.Book(t.Owner), scanners[s.typeOf(t.Owner)]); err != nil {
			break
		}
	}
	return errors.Join(err, live.Close(), past.Close())
}

func (t *Tracked) write(book *south.Book, remembersFiles bool) error {
	if files := sentFiles(t.Value); remembersFiles && t.Item != "" && len(files) > 0 {
		if err := book.Memory(t.Item).Set(files); err != nil {
			return err
		}
	}
	unit := south.GroupUnit(t.Group)
	if t.Item != "" {
		unit = south.ItemUnit(t.Item)
	}
	return book.Save(map[string]south.Row{unit: {Position: interval.Position{Tracked: t.Instant}, QueryTime: t.QueryTime, Value: t.Value}})
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
