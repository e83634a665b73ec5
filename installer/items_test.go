package installer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"oibus/agent/connectors"
	"oibus/agent/entity"
	"oibus/agent/history"
	"oibus/agent/manifest"
	"oibus/agent/south"
	"oibus/agent/store"
)

// agentState opens the state of an instance as its agent does.
func agentState(t *testing.T, data string) (*store.Store, *connectors.Service) {
	t.Helper()
	st, err := store.Open(data)
	if err != nil {
		t.Fatal(err)
	}
	s, err := connectors.Open(connectors.Options{Store: st, Dialect: manifest.N, ScanModes: func() []entity.ScanMode { return nil }, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return st, s
}

func someItems(n int) (items []entity.SouthItem) {
	for i := range n {
		items = append(items, entity.SouthItem{Audit: entity.Audit{ID: fmt.Sprintf("item%d", i)}, Name: fmt.Sprintf("item %d", i), Enabled: true,
			Settings: json.RawMessage(`{"regex":".*","password":"sealed:of-this-machine"}`)})
	}
	return items
}

// configured gives an instance a South and a history query with items, as the agent writes them, and how far was read.
func configured(t *testing.T, data string) {
	t.Helper()
	st, s := agentState(t, data)
	one := entity.South{Connector: entity.Connector{Audit: entity.Audit{ID: "south1"}, Name: "files", Type: "folder-scanner", Settings: json.RawMessage(`{}`)}, Items: someItems(3)}
	query := entity.HistoryQuery{Audit: entity.Audit{ID: "query1"}, Name: "backfill", South: entity.South{Items: someItems(2)}}
	if err := s.Adopt([]entity.South{one}, nil); err != nil {
		t.Fatal(err)
	}
	if err := history.Adopt(st, []entity.HistoryQuery{query}); err != nil {
		t.Fatal(err)
	}
	if _, err := south.OpenTracking(st); err != nil {
		t.Fatal(err)
	}
}

func TestItemsMoveWithAConfiguration(t *testing.T) {
	t.Parallel()
	for _, whole := range []bool{false, true} {
		from, to := newMachine(t), newMachine(t)
		a, b := installed(t, from, "", nil), installed(t, to, "", nil)
		configured(t, a.Data)
		from.write("lib/oibus/state/souths/south1.7.log", "of a change that was interrupted")
		to.write("lib/oibus/state/tracking.log", "how far b has read")
		// A line that the agent writes at this moment is not whole.
		if f, err := os.OpenFile(filepath.Join(a.Data, "state", "souths", "south1.1.log"), os.O_APPEND|os.O_WRONLY, 0); err != nil {
			t.Fatal(err)
		} else if _, err := f.WriteString("0123abcd {\"pu"); err != nil || f.Close() != nil {
			t.Fatal(err)
		}
		file := filepath.Join(from.dir, "a.zip")
		if _, err := export(from, a.instance, file, whole); err != nil {
			t.Fatal(err)
		}
		if _, err := importInto(t.Context(), to, b.instance, file); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(b.Data, "state", "souths", "south1.7.log")); err == nil {
			t.Error("a log that no document names is taken along")
		}
		tracked, err := os.ReadFile(filepath.Join(b.Data, "state", "tracking.log"))
		if own := string(tracked) == "how far b has read"; err != nil || own == whole {
			t.Errorf("whole is %v: how far was read is %q, %v", whole, tracked, err)
		}
		st, s := agentState(t, b.Data)
		got, err := s.South("south1")
		if err != nil || !reflect.DeepEqual(got.Items, someItems(3)) {
			t.Errorf("whole is %v: the South has %+v, %v", whole, got.Items, err)
		}
		items, _, err := store.Load(st, "history/items/query1-1", []entity.SouthItem(nil))
		if err != nil || len(items) != 2 || items[1].ID != "item1" {
			t.Errorf("whole is %v: the history query has %+v, %v", whole, items, err)
		}
		if list := st.Incidents(); len(list) > 0 {
			t.Errorf("whole is %v: the agent finds %+v", whole, list)
		}
	}
}

// TestADocumentGoesWithTheItemsThatItNames changes a South twice, which removes the log that its document named, at each
// moment of a reading.
func TestADocumentGoesWithTheItemsThatItNames(t *testing.T) {
	t.Parallel()
	const name = "state/souths/a.json"
	for at := range 8 {
		reads, generation := 0, 1
		read := func(file string) ([]byte, error) {
			if reads++; reads == at {
				generation += 2
			}
			if file == name {
				return fmt.Appendf(nil, `{"data":{"generation":%d}}`, generation), nil
			}
			for _, there := range []int{generation - 1, generation} {
				if file == fmt.Sprintf("state/souths/a.%d.log", there) {
					return fmt.Append(nil, there), nil
				}
			}
			return nil, fs.ErrNotExist
		}
		o, err := readOwned(read, name)
		if got := string(o.items); err != nil || string(o.document) != `{"data":{"generation":`+got+`}}` || o.itemsName != "state/souths/a."+got+".log" {
			t.Errorf("changed at read %d: %s goes with %s, %q, %v", at, o.document, o.itemsName, o.items, err)
		}
	}
	changes := 0
	read := func(string) ([]byte, error) {
		changes++
		return fmt.Appendf(nil, `{"data":{"generation":%d}}`, changes), nil
	}
	if _, err := readOwned(read, name); err == nil || !strings.Contains(err.Error(), "stop OIBus for the moment") {
		t.Errorf("one that changes all the time: %v", err)
	}
	gone := func(file string) ([]byte, error) { return nil, fs.ErrNotExist }
	if _, err := readOwned(gone, name); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("one that is gone: %v", err)
	}
}

func TestItemsThatAreNotWholeAreRefused(t *testing.T) {
	t.Parallel()
	const south = `{"schema":1,"data":{"generation":1}}`
	line := func(record string) string {
		return fmt.Sprintf("%08x %s\n", crc32.Checksum([]byte(record), castagnoli), record)
	}
	first, put := line(`{"schema":1}`), line(`{"put":[{"id":"i"}]}`)
	for name, c := range map[string]struct{ log, want string }{
		"a byte is another":    {first + strings.Replace(put, "put", "pat", 1) + put, "line 2 is damaged"},
		"its end is torn":      {first + put[:len(put)-4], "line 2 is damaged"},
		"it is of zero bytes":  {strings.Repeat("\x00", 40), "line 1 is damaged"},
		"it is empty":          {"", "not a log"},
		"it has no first line": {put, "line 1 is none"},
		"an item has no id":    {first + line(`{"put":[{"name":"x"}]}`), "line 2 is none"},
		"it is another log":    {first + line(`["a"]`), "line 2 is none"},
	} {
		content := zipOf(t, exportName, goodHead, "state/engine.json", goodEngine, "state/souths/a.json", south, "state/souths/a.1.log", c.log)
		if _, err := readImport(bytes.NewReader(content), int64(len(content))); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "state/souths/a.1.log") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for want, content := range map[string][]byte{
		"":                              zipOf(t, exportName, goodHead, "state/engine.json", goodEngine, "state/souths/a.json", south, "state/souths/a.1.log", first+put),
		"they would be in \"state/sout": zipOf(t, exportName, goodHead, "state/engine.json", goodEngine, "state/souths/a.json", south),
		"they would be in \"state/hist": zipOf(t, exportName, goodHead, "state/engine.json", goodEngine, "state/history/a.json", south),
		"identity of another":           zipOf(t, exportName, goodHead, "state/engine.json", goodEngine, "state/tracking.log", first),
	} {
		if _, err := readImport(bytes.NewReader(content), int64(len(content))); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("want %q: %v", want, err)
		}
	}
	m := newMachine(t)
	i := installed(t, m, "", nil)
	m.write("lib/oibus/state/souths/a.json", south)
	for log, want := range map[string]string{"": "are missing", first + "rotten\n" + put: `"state/souths/a.1.log": its line 2 is damaged`} {
		if log != "" {
			m.write("lib/oibus/state/souths/a.1.log", log)
		}
		if _, err := export(m, i.instance, filepath.Join(m.dir, "a.zip"), false); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q: %v", want, err)
		}
	}
}
