package south

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"oibus/agent/interval"
	"oibus/agent/store"
)

// tracked is a Tracking on a folder, that can be opened again.
func openTracking(t testing.TB, dir string) (*Tracking, *store.Store) {
	t.Helper()
	s, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	tracking, err := OpenTracking(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tracking.Close() })
	return tracking, s
}

// reopen opens what a kill would leave: without Close.
func reopen(t testing.TB, dir string) (*Tracking, *store.Store) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "state", "tracking.log"))
	if err != nil {
		t.Fatal(err)
	}
	return openBytes(t, data)
}

func openBytes(t testing.TB, data []byte) (*Tracking, *store.Store) {
	t.Helper()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "state"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "state", "tracking.log"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	return openTracking(t, dir)
}

var at = time.Date(2026, 1, 2, 3, 4, 5, 678900000, time.UTC)

func TestWhatWasSavedIsThereAfterAKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	tracking, _ := openTracking(t, dir)
	book := tracking.Book("S")
	row := Row{interval.Position{Tracked: at, Seen: at.Add(time.Hour)}, at.Add(2 * time.Hour), "q", json.RawMessage(`{"v":1}`)}
	if err := book.Save(map[string]Row{"item/a": row, "item/b": row}); err != nil {
		t.Fatal(err)
	}
	memory := book.Memory("a")
	if err := memory.Set(map[string]json.RawMessage{"x": json.RawMessage("1"), "y": json.RawMessage(`"2"`)}); err != nil {
		t.Fatal(err)
	}
	if err := memory.Set(map[string]json.RawMessage{"x": nil}); err != nil {
		t.Fatal(err)
	}
	if err := book.drop("item/b"); err != nil {
		t.Fatal(err)
	}
	again, _ := reopen(t, dir)
	got, ok := again.Book("S").Row("item/a")
	if !ok || !got.Tracked.Equal(row.Tracked) || !got.Seen.Equal(row.Seen) || !got.Until.Equal(row.Until) || got.QueryTime != "q" || string(got.Value) != `{"v":1}` {
		t.Fatalf("got %+v", got)
	}
	if _, ok := again.Book("S").Row("item/b"); ok {
		t.Fatal("a row that was dropped is there")
	}
	all := maps.Collect(again.Book("S").Memory("a").All())
	if len(all) != 1 || string(all["y"]) != `"2"` {
		t.Fatalf("memory: %s", all)
	}
	if !again.Book("S").anyLate() || again.Book("T").anyLate() {
		t.Fatal("that an item has to catch up was forgotten")
	}
}

func TestNotesAreSeenAtOnceAndWrittenLater(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	tracking, _ := openTracking(t, dir)
	book := tracking.Book("S")
	if err := book.Save(map[string]Row{"item/a": {Position: interval.Position{Tracked: at}}}); err != nil {
		t.Fatal(err)
	}
	size := tracking.log.Size()
	for i := range 1000 {
		book.Note("item/a", "q", json.RawMessage(fmt.Sprint(i)))
	}
	book.Note("item/a", "r", nil) // read again, nothing new
	row, _ := book.Row("item/a")
	if string(row.Value) != "999" || row.QueryTime != "r" || !row.Tracked.Equal(at) || tracking.log.Size() != size {
		t.Fatalf("row %+v, %d bytes written", row, tracking.log.Size()-size)
	}
	if err := tracking.Close(); err != nil {
		t.Fatal(err)
	}
	again, _ := openTracking(t, dir)
	if row, _ := again.Book("S").Row("item/a"); string(row.Value) != "999" || !row.Tracked.Equal(at) {
		t.Fatalf("after a restart %+v", row)
	}
}

func TestADamagedLogGivesWhatIsLeftOfItAndIsReported(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	tracking, _ := openTracking(t, dir)
	for i := range 5 {
		if err := tracking.Book("S").Save(map[string]Row{fmt.Sprint("item/", i): {QueryTime: "q"}}); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(filepath.Join(dir, "state", "tracking.log"))
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(data, []byte("item/2"))
	for name, c := range map[string]struct {
		data []byte
		left int
	}{
		"a bit":    {append(append(bytes.Clone(data[:at]), 'X'), data[at+1:]...), 4},
		"its end":  {data[:len(data)-3], 4},
		"zeroes":   {make([]byte, 100), 0},
		"emptied":  {nil, 0},
		"no log":   {[]byte("<html>\n"), 0},
		"all of 3": {append(bytes.Clone(data[:at-20]), data[at+8:]...), 4},
	} {
		again, s := openBytes(t, c.data)
		if n := len(again.Book("S").units()); n != c.left {
			t.Errorf("%s: %d rows left, want %d", name, n, c.left)
		}
		if len(s.Incidents()) == 0 {
			t.Errorf("%s: not reported", name)
		}
		if err := again.Book("S").Save(map[string]Row{"item/new": {}}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheLogDoesNotGrowWithoutEnd(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	tracking, _ := openTracking(t, dir)
	value := json.RawMessage(`"` + string(bytes.Repeat([]byte("x"), 10_000)) + `"`)
	var group sync.WaitGroup
	for worker := range 4 {
		group.Go(func() {
			book := tracking.Book(fmt.Sprint("S", worker))
			for i := range 150 {
				if err := book.Save(map[string]Row{"item/a": {QueryTime: fmt.Sprint(i), Value: value}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if size := tracking.log.Size(); size > 2<<20 {
		t.Fatalf("%d bytes for 4 rows", size)
	}
	again, _ := reopen(t, dir)
	for worker := range 4 {
		if row, _ := again.Book(fmt.Sprint("S", worker)).Row("item/a"); row.QueryTime != "149" {
			t.Fatalf("S%d: %q", worker, row.QueryTime)
		}
	}
}

func TestASouthThatIsForgottenStaysForgotten(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	tracking, _ := openTracking(t, dir)
	for _, id := range []string{"S", "T"} {
		if err := tracking.Book(id).Save(map[string]Row{"item/a": {}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := tracking.Forget("S"); err != nil {
		t.Fatal(err)
	}
	again, _ := reopen(t, dir)
	if got := again.Souths(); len(got) != 1 || got[0] != "T" {
		t.Fatalf("left: %q", got)
	}
}

// FuzzTracking shows that no line of a log keeps the agent from starting.
func FuzzTracking(f *testing.F) {
	f.Add([]byte(`{"south":"S","unit":"item/a","row":{"tracked":"2026-01-02T03:04:05Z","value":1}}`))
	f.Add([]byte(`{"south":"S","unit":"item/a","memory":{"k":null,"l":[]}}`))
	f.Add([]byte(`{"south":"S"}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		tracking := &Tracking{souths: map[string]*southRows{}}
		var r trackingRecord
		if json.Unmarshal(line, &r) != nil || r.South == "" {
			return
		}
		tracking.apply(r)
		for _, s := range tracking.souths {
			for _, row := range s.rows {
				if _, err := json.Marshal(row.record()); err != nil {
					t.Fatalf("a row that was read cannot be written: %v", err)
				}
			}
		}
	})
}
