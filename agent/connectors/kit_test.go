package connectors

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"oibus/agent/entity"
	"oibus/agent/manifest"
	"oibus/agent/store"
)

// keys seals in a way that shows in tests.
type keys struct{}

func (keys) Seal(plain string) (string, error) { return "sealed(" + plain + ")", nil }

// bench is a Service with what it needs.
type bench struct {
	*Service
	t       testing.TB
	dir     string
	dialect manifest.Dialect
	strict  bool
	modes   []entity.ScanMode
	links   map[string]bool // transformers
	now     time.Time
	changes []Change
}

func newBench(t testing.TB, d manifest.Dialect) *bench {
	t.Helper()
	b := &bench{t: t, dir: t.TempDir(), dialect: d, links: map[string]bool{"T1": true}, now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	for _, name := range []string{"Every second", "Every hour"} {
		b.modes = append(b.modes, entity.ScanMode{Audit: entity.Audit{ID: strings.ToLower(name[6:8])}, Name: name, Cron: "* * * * * *"})
	}
	b.modes = append(b.modes, entity.ScanMode{Audit: entity.Audit{ID: entity.SubscriptionScanMode}, Name: "Subscription"})
	b.open()
	return b
}

// open starts the Service, anew when it was open.
func (b *bench) open() {
	b.t.Helper()
	if b.Service != nil {
		if err := b.Close(); err != nil {
			b.t.Fatal(err)
		}
	}
	st, err := store.Open(b.dir)
	if err != nil {
		b.t.Fatal(err)
	}
	b.Service, err = Open(Options{
		Store: st, Keys: keys{}, Dialect: b.dialect, Strict: b.strict, ScanModes: func() []entity.ScanMode { return b.modes },
		Transformer: func(id string) bool { return b.links[id] }, Now: func() time.Time { b.now = b.now.Add(time.Second); return b.now },
	})
	if err != nil {
		b.t.Fatal(err)
	}
	s := b.Service
	b.t.Cleanup(func() { _ = s.Close() })
	b.OnChange(func(c Change) { b.changes = append(b.changes, c) })
	if bad := st.Incidents(); len(bad) > 0 {
		b.t.Fatalf("damaged state: %v", bad)
	}
}

// took returns the changes announced since it was last asked.
func (b *bench) took() []What {
	var all []What
	for _, c := range b.changes {
		all = append(all, c.What)
	}
	b.changes = nil
	return all
}

type tree = map[string]any

func body(t testing.TB, v any) json.RawMessage {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// with is a copy of a tree with some keys set; nil removes one.
func with(o tree, pairs ...any) tree {
	copied := tree{}
	for k, v := range o {
		copied[k] = v
	}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == nil {
			delete(copied, pairs[i].(string))
			continue
		}
		copied[pairs[i].(string)] = pairs[i+1]
	}
	return copied
}

func folderItem(name string, more ...any) tree {
	return with(tree{"id": nil, "name": name, "enabled": true, "scanModeId": "ho", "settings": tree{
		"regex": ".*", "minAge": 100, "preserveFiles": true, "ignoreModifiedDate": false, "maxFiles": 0, "maxSize": 0, "recursive": false,
	}}, more...)
}

func folder(name string, items ...any) tree {
	if items == nil {
		items = []any{}
	}
	return tree{"name": name, "type": "folder-scanner", "description": "d", "enabled": true, "items": items, "groups": []any{},
		"settings": tree{"inputFolder": "./in", "compression": false}}
}

func modbus(name string, groups []any, items ...any) tree {
	if items == nil {
		items = []any{}
	}
	return tree{"name": name, "type": "modbus", "description": "d", "enabled": true, "items": items, "groups": groups, "settings": tree{
		"host": "h", "port": 502, "connectTimeout": 10000, "networkTimeout": 15000, "retryInterval": 10000, "slaveId": 1, "addressOffset": "modbus",
		"endianness": "big-endian", "swapBytesInWords": false, "swapWordsInDWords": false, "batchQuery": false,
	}}
}

func register(name string, more ...any) tree {
	return with(tree{"id": nil, "name": name, "enabled": true, "settings": tree{"address": "0x1", "modbusType": "coil"}}, more...)
}

func groupOf(id any, name string, history tree) tree {
	return tree{"id": id, "standardSettings": tree{"name": name, "scanModeId": "se"}, "historySettings": history}
}

func console(name string, links ...any) tree {
	if links == nil {
		links = []any{}
	}
	return tree{"name": name, "type": "console", "description": "", "enabled": true, "settings": tree{"verbose": false}, "transformers": links, "caching": tree{
		"trigger":    tree{"scanModeId": "ho", "scanModeName": nil, "numberOfElements": 1000, "numberOfFiles": 1},
		"throttling": tree{"runMinDelay": 200, "maxSize": 0, "maxNumberOfElements": 10000},
		"error":      tree{"retryInterval": 5000, "retryCount": 1, "retentionDuration": 24},
		"archive":    tree{"enabled": false, "retentionDuration": 72},
	}}
}

func southLink(id string, source tree) tree {
	return tree{"id": id, "transformerId": "T1", "options": tree{}, "source": with(source, "type", "south")}
}

func (b *bench) makeSouth(o tree) entity.South {
	b.t.Helper()
	south, err := b.CreateSouth("u", body(b.t, o), Secrets{})
	if err != nil {
		b.t.Fatal(err)
	}
	return south
}

func (b *bench) makeNorth(o tree) entity.North {
	b.t.Helper()
	north, err := b.CreateNorth("u", body(b.t, o), Secrets{})
	if err != nil {
		b.t.Fatal(err)
	}
	return north
}

func (b *bench) south(id string) entity.South {
	b.t.Helper()
	south, err := b.South(id)
	if err != nil {
		b.t.Fatal(err)
	}
	return south
}

func (b *bench) north(id string) entity.North {
	b.t.Helper()
	north, err := b.North(id)
	if err != nil {
		b.t.Fatal(err)
	}
	return north
}

func (b *bench) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// refused checks the text of an error, and that it is one that a person can mend.
func (b *bench) refused(err error, text string) {
	b.t.Helper()
	var invalid *entity.InvalidError
	var missing *entity.NotFoundError
	if err == nil || err.Error() != text || !errors.As(err, &invalid) && !errors.As(err, &missing) {
		b.t.Errorf("error %v, want %s", err, text)
	}
}

// unchanged runs f, and checks that nothing that can be seen or is stored changed.
func (b *bench) unchanged(f func()) {
	b.t.Helper()
	before := b.picture()
	f()
	if after := b.picture(); !bytes.Equal(before, after) {
		i := 0
		for i < min(len(before), len(after)) && before[i] == after[i] {
			i++
		}
		from := max(0, i-200)
		b.t.Errorf("changed from\n… %.600s\nto\n… %.600s", before[from:], after[from:])
	}
}

// picture is all that the Service knows.
func (b *bench) picture() []byte {
	b.t.Helper()
	type southItems struct {
		entity.South
		Items []entity.SouthItem `json:"items"`
	}
	var all []southItems
	for _, s := range b.Souths() {
		all = append(all, southItems{s, append([]entity.SouthItem{}, s.Items...)})
	}
	return body(b.t, []any{all, b.Norths()})
}

// sameAfterRestart checks that what is on disk is what is in memory.
func (b *bench) sameAfterRestart() {
	b.t.Helper()
	b.unchanged(b.open)
	if r := b.Repairs(); len(r) > 0 {
		b.t.Errorf("repaired: %v", r)
	}
}

func itemNamed(t testing.TB, south entity.South, name string) entity.SouthItem {
	t.Helper()
	i := slices.IndexFunc(south.Items, func(i entity.SouthItem) bool { return i.Name == name })
	if i < 0 {
		t.Fatalf("no item %q among %d", name, len(south.Items))
	}
	return south.Items[i]
}

// shared finds a folder of facts beside the repository, or skips the test.
func shared(t testing.TB, name string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above the test")
		}
		dir = filepath.Dir(dir)
	}
	path := filepath.Join(dir, "..", "shared", name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("the facts are not here: ../shared/%s", name)
	}
	return path
}

func readJSON(t testing.TB, path string, v any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(data, v)
	}
	if err != nil {
		t.Fatal(fmt.Errorf("cannot read %s: %w", path, err))
	}
}

func unmarshal(raw []byte, v any) error { return json.Unmarshal(raw, v) }
