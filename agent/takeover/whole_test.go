package takeover

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"oibus/agent/cache"
	"oibus/agent/connectors"
	"oibus/agent/entity"
	"oibus/agent/history"
	"oibus/agent/manifest"
	"oibus/agent/secret"
	"oibus/agent/south"
	"oibus/agent/store"
)

// waits puts a content into a cache of the reference, which has it as that long.
func waits(t *testing.T, dir, folder, id, file, text string, long int) {
	t.Helper()
	head, err := json.Marshal(map[string]any{"contentFile": file, "contentSize": long, "createdAt": "2026-11-22T20:40:00.000Z", "numberOfElement": 0, "contentType": "any"})
	must(t, err)
	place(t, dir, folder+"/metadata/"+id, string(head))
	place(t, dir, folder+"/content/"+id, text)
}

// read is the text of the content of that file name, "" when it is not there.
func read(t *testing.T, dir, name string, folder cache.Folder, file string) string {
	t.Helper()
	c, err := cache.Open(dir, name, cache.Options{})
	must(t, err)
	defer func() { must(t, c.Close()) }()
	id := ""
	must(t, c.Walk(cache.Query{}, func(in cache.Folder, f cache.File) bool {
		if in == folder && f.Metadata.ContentFile == file {
			id = f.Filename
		}
		return true
	}))
	if id == "" {
		return ""
	}
	_, r, err := c.Read(folder, id)
	must(t, err)
	text, err := io.ReadAll(r)
	must(t, errors.Join(err, r.Close()))
	return string(text)
}

func opened(t *testing.T, dir string) (*store.Store, *secret.Keyring) {
	t.Helper()
	keys, err := secret.Open(dir)
	must(t, err)
	st, err := store.Open(dir)
	must(t, err)
	return st, keys
}

const site, query = "north-7lSRYD", "history-aIlDLk/north"

func TestContentsOfEachFolderComeOverAndThoseOfHistoryQueries(t *testing.T) {
	t.Parallel()
	from, to := fixture(t), t.TempDir()
	for n, folder := range cache.Folders {
		for _, name := range []string{site, query} {
			waits(t, from, string(folder)+"/"+name, "content"+string(rune('A'+n)), "own.csv", string(folder)+" of "+name, len(string(folder)+" of "+name))
		}
	}
	dry, err := Run(t.Context(), Options{From: from, To: to, DryRun: true})
	must(t, err)
	r, err := Run(t.Context(), Options{From: from, To: to})
	must(t, err)
	if r.Cache != dry.Cache || r.Cache.Contents != 17+6 || len(r.Changes) != 0 {
		t.Errorf("%+v, %+v", r, dry)
	}
	for _, folder := range cache.Folders {
		for _, name := range []string{site, query} {
			if got := read(t, to, name, folder, "own.csv"); got != string(folder)+" of "+name {
				t.Errorf("in %s of %s there is %q", folder, name, got)
			}
		}
	}
}

func TestAContentThatIsCutOffComesAmongThoseInErrorAndIsSaid(t *testing.T) {
	t.Parallel()
	from, to := fixture(t), t.TempDir()
	waits(t, from, "cache/"+site, "cut", "cut.csv", "half", 48)
	waits(t, from, "cache/"+site, "empty", "empty.csv", "", 48)
	before := sums(t, from)
	for _, dry := range []bool{true, false} {
		r, err := Run(t.Context(), Options{From: from, To: to, DryRun: dry})
		must(t, err)
		text := ""
		for _, c := range r.Changes {
			text += c.What + ": " + c.Reason + "\n"
		}
		for _, want := range []string{"the content cache/north-7lSRYD/cut comes among those in error: it is damaged, it has 4 bytes and had 48", "empty comes among those in error: it is damaged, it has 0 bytes and had 48"} {
			if !strings.Contains(text, want) {
				t.Errorf("dry %v: %q is not in %s", dry, want, text)
			}
		}
	}
	if got := read(t, to, site, cache.InError, "cut.csv"); got != "half" || read(t, to, site, cache.InCache, "cut.csv") != "" {
		t.Errorf("in error there is %q", got)
	}
	found := contentsOf(t, to, site)
	if len(found.Cache) != 6 || len(found.Error) != 2 {
		t.Errorf("%+v", found)
	}
	same(t, "the source", before, sums(t, from))
}

func TestHowFarWasReadComesOver(t *testing.T) {
	t.Parallel()
	from, to := fixture(t), t.TempDir()
	const insert = `INSERT INTO south_item_cache (south_id, item_id, group_id, query_time, value, tracked_instant) VALUES `
	must(t, change(from, trackFile, insert+`('8L2rpv', 'GSRuwb', NULL, '2026-11-22T20:00:00.000Z', '[{"a":1}]', '2026-11-22T19:00:00.123Z')`,
		insert+`('8L2rpv', NULL, 'molMmH', NULL, NULL, '2026-11-21T00:00:00.000Z')`,
		insert+`('8L2rpv', 'lead01', 'shared', '2026-11-22T21:00:00.000Z', NULL, '2026-11-22T18:00:00.000Z')`,
		insert+`('8L2rpv', 'lead00', 'shared', '2026-11-20T21:00:00.000Z', NULL, '2026-11-20T18:00:00.000Z')`,
		insert+`('aIlDLk', 'gpji27', NULL, NULL, NULL, '2024-01-01T07:00:00.000Z')`))
	must(t, change(from, configFile, `UPDATE history_queries SET status = 'RUNNING'`))
	if _, err := Run(t.Context(), Options{From: from, To: to}); err != nil {
		t.Fatal(err)
	}
	st, _ := opened(t, to)
	live, err := south.OpenTracking(st)
	must(t, err)
	defer live.Close()
	past, err := history.OpenTracking(st)
	must(t, err)
	defer past.Close()
	for _, c := range []struct {
		of                *south.Tracking
		owner, unit, want string
	}{
		{live, "8L2rpv", south.ItemUnit("GSRuwb"), "2026-11-22T19:00:00.123Z"}, {live, "8L2rpv", south.GroupUnit("molMmH"), "2026-11-21T00:00:00Z"},
		{past, "aIlDLk", south.ItemUnit("gpji27"), "2024-01-01T07:00:00Z"},
		{live, "8L2rpv", south.GroupUnit("shared"), "2026-11-22T18:00:00Z"}, {live, "8L2rpv", south.ItemUnit("lead00"), "2026-11-20T18:00:00Z"},
	} {
		row, ok := c.of.Book(c.owner).Row(c.unit)
		if !ok || row.Tracked.UTC().Format(time.RFC3339Nano) != c.want {
			t.Errorf("%s %s: %+v", c.owner, c.unit, row)
		}
	}
	if row, _ := live.Book("8L2rpv").Row(south.ItemUnit("GSRuwb")); row.QueryTime != "2026-11-22T20:00:00.000Z" || string(row.Value) != `[{"a":1}]` {
		t.Errorf("%+v", row)
	}
	sent := 0
	for range live.Book("8PdOSI").Memory("iQi6Ea").All() {
		sent++
	}
	if sent != 5 {
		t.Errorf("%d files are remembered", sent)
	}
	var q struct{ Status string }
	names, err := filepath.Glob(filepath.Join(to, "state", "history", "*.json"))
	must(t, err)
	for _, name := range names {
		raw, err := os.ReadFile(name)
		must(t, err)
		_ = json.Unmarshal(raw, &struct{ Data any }{&q})
	}
	if q.Status != entity.HistoryRunning {
		t.Errorf("the query is %q, of %v", q.Status, names)
	}
}

func TestWhatThisAgentCannotRunIsKeptDisabledAndSaid(t *testing.T) {
	t.Parallel()
	from, to := fixture(t), t.TempDir()
	must(t, change(from, configFile, `UPDATE south_connectors SET type = 'from-tomorrow', enabled = 1 WHERE id = '8L2rpv'`,
		`UPDATE north_connectors SET type = 'from-tomorrow' WHERE id = 'FS8uhu'`, `UPDATE history_queries SET status = 'RUNNING'`))
	runs := Runs{
		South: func(kind string, settings json.RawMessage) error {
			if kind != "rest" && !json.Valid(settings) {
				t.Errorf("the settings are %s", settings)
			}
			if kind == "folder-scanner" {
				return errors.New("it needs what is not here")
			}
			return nil
		},
		North: func(kind string, _ json.RawMessage) error {
			if kind == "file-writer" {
				return Lacks(kind)
			}
			return nil
		},
	}
	r, err := Run(t.Context(), Options{From: from, To: to, Runs: runs})
	must(t, err)
	text := ""
	for _, c := range r.Changes {
		text += c.What + ": " + c.Reason + "\n"
	}
	for _, want := range []string{
		`the south "SQL" is kept, but disabled: this OIBus has no connector of type "from-tomorrow"`, `the south "Folder" is kept, but disabled: it needs what is not here`,
		`the north "Push" is kept, but disabled: this OIBus has no connector of type "from-tomorrow"`, `the north "Files" is kept, but disabled: this OIBus has no connector of type "file-writer"`,
		`the history query "Backfill" is kept, but paused: this OIBus has no connector of type "file-writer"`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	st, keys := opened(t, to)
	c, err := connectors.Open(connectors.Options{Store: st, Keys: keys, Dialect: manifest.N, Transformer: func(string) bool { return true }})
	must(t, err)
	defer c.Close()
	enabled := map[string]bool{}
	for _, s := range c.Souths() {
		enabled["south "+s.Name] = s.Enabled
	}
	for _, n := range c.Norths() {
		enabled["north "+n.Name] = n.Enabled
	}
	if len(enabled) != 7 || enabled["south SQL"] || enabled["south Folder"] || enabled["north Push"] || enabled["north Files"] || !enabled["north Cloud"] {
		t.Errorf("%v", enabled)
	}
}

func TestOneFolderIsNeverImportedIntoItselfNorIntoAPartOfItself(t *testing.T) {
	t.Parallel()
	from := fixture(t)
	before := sums(t, from)
	link := filepath.Join(t.TempDir(), "link")
	targets := []string{from, filepath.Join(from, "new"), filepath.Dir(from), from + string(filepath.Separator) + "."}
	if os.Symlink(from, link) == nil {
		targets = append(targets, link, filepath.Join(link, "not", "yet"))
	}
	for _, to := range targets {
		for _, dry := range []bool{false, true} {
			_, err := Run(context.Background(), Options{From: from, To: to, DryRun: dry, Replace: true})
			if !errors.Is(err, ErrUsage) || !strings.Contains(err.Error(), from) || !strings.Contains(err.Error(), "must not be the same folder nor lie in each other") {
				t.Errorf("into %s: %v", to, err)
			}
		}
	}
	if err := Main(t.Context(), []string{"--from", from}, Runs{}, io.Discard); !errors.Is(err, ErrUsage) || !strings.Contains(err.Error(), "--config is missing") {
		t.Errorf("without a target: %v", err)
	}
	same(t, "the source", before, sums(t, from))
}
