package logging

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// searchHub holds, over several files, entries of known scopes, a second apart: entry i has text "mI" and the level
// and scope of i modulo their number.
func searchHub(t *testing.T, entries int) *Hub {
	t.Helper()
	h := openHub(t, t.TempDir(), Options{})
	apply(t, h, settings())
	h.journal.maxSize.Store(4 << 10)
	h.journal.maxFiles.Store(1000)
	levels := []slog.Level{LevelTrace, slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError}
	scopes := []Scope{
		{ID: Engine},
		{Type: South, ID: "s1", Name: "PLC Éric", ItemID: "i1", ItemName: "Temp 1"},
		{Type: North, ID: "n1", Name: "Cloud \"1\""},
		{Type: HistoryQuery, ID: "h1", Name: "Replay", GroupID: "g1", GroupName: "Fast"},
	}
	for i := range entries {
		h.Logger(scopes[i%len(scopes)]).Log(t.Context(), levels[i%len(levels)], fmt.Sprintf("m%d \"Ärger\"", i))
		time.Sleep(time.Second)
		if i%10 == 0 {
			flush(t, h)
		}
	}
	return h
}

func TestSearchFindsWhatIsAskedForNewestFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		const n = 400
		h := searchHub(t, n)
		if rotated, _ := listRotated(h.journal.dir); len(rotated) < 5 {
			t.Fatalf("only %d rotated files", len(rotated))
		}
		for _, c := range []struct {
			name  string
			q     Query
			total int
		}{
			{"all", Query{}, n},
			{"levels", Query{Levels: []slog.Level{slog.LevelError, slog.LevelDebug}}, n / 5 * 2},
			{"silent", Query{Levels: []slog.Level{LevelSilent}}, 0},
			{"minimum level", Query{MinLevel: slog.LevelWarn, HasMin: true}, n / 5 * 2},
			{"from", Query{From: start.Add(300*time.Second - time.Millisecond)}, 100},
			{"to", Query{To: start.Add(99*time.Second + time.Millisecond)}, 100},
			{"range in another zone", Query{From: start.Add(100 * time.Second).In(time.FixedZone("x", 7200)), To: start.Add(199 * time.Second)}, 100},
			{"type in REST form", Query{ScopeTypes: []string{"history-query", "south"}}, n / 2},
			{"type in wire form", Query{ScopeTypes: []string{"INTERNAL"}}, n / 4},
			{"scope", Query{ScopeIDs: []string{"s1", "nobody"}}, n / 4},
			{"item", Query{ItemIDs: []string{"i1"}}, n / 4},
			{"group", Query{GroupIDs: []string{"g1"}}, n / 4},
			{"text", Query{Text: "M399"}, 1},
			{"text with quotes", Query{Text: `m7 "`}, 1},
			{"text in any case beyond ASCII", Query{Text: "äRGER"}, n},
			{"all of it", Query{Levels: []slog.Level{slog.LevelDebug}, ScopeIDs: []string{"s1"}, Text: "m1"}, 0},
			{"nothing", Query{Text: "no such text"}, 0},
		} {
			all := collectPages(t, h, c.q)
			if c.name == "all of it" {
				c.total = len(slices.DeleteFunc(collectPages(t, h, Query{}), func(e Entry) bool {
					return e.Level != slog.LevelDebug || e.Scope.ID != "s1" || !strings.Contains(e.Message, "m1")
				}))
			}
			if len(all) != c.total {
				t.Errorf("%s: %d entries, want %d", c.name, len(all), c.total)
			}
			if !slices.IsSortedFunc(all, func(a, b Entry) int { return int(b.Seq) - int(a.Seq) }) {
				t.Errorf("%s: not the newest first", c.name)
			}
		}
	})
}

func collectPages(t *testing.T, h *Hub, q Query) (all []Entry) {
	t.Helper()
	for q.PageSize = 30; ; q.Page++ {
		p, err := h.Search(q)
		if err != nil {
			t.Fatal(err)
		}
		if all = append(all, p.Entries...); len(p.Entries) < 30 {
			if len(all) != p.Total {
				t.Errorf("the pages hold %d entries of %d", len(all), p.Total)
			}
			return all
		}
	}
}

func TestTheDatabaseSettingsBoundWhatIsShown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := searchHub(t, 100)
		s := settings()
		s.Database.Level, s.Database.MaxNumberOfLogs = "warn", 100000
		apply(t, h, s)
		if p, _ := h.Search(Query{}); p.Total != 40 {
			t.Errorf("%d entries at warn or above", p.Total)
		}
		s.Database.MaxNumberOfLogs = 15
		apply(t, h, s)
		if p, _ := h.Search(Query{}); p.Total != 15 || !strings.HasPrefix(p.Entries[0].Message, "m99") {
			t.Errorf("%d of the newest 15 entries, %+v", p.Total, p.Entries[0])
		}
		s.Database.Level = "silent"
		apply(t, h, s)
		if p, _ := h.Search(Query{}); p.Total != 0 {
			t.Errorf("%d entries although nothing is to be shown", p.Total)
		}
	})
}

func TestAPageIsPageLogDTO(t *testing.T) {
	t.Parallel()
	h := openHub(t, t.TempDir(), Options{})
	apply(t, h, settings())
	p, err := h.Search(Query{Page: 3})
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(p)
	if want := `{"content":[],"totalElements":0,"size":50,"number":3,"totalPages":0}`; err != nil || string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
	write(t, h, "m", 1, 101)
	if p, _ = h.Search(Query{PageSize: 10_000}); p.Size != maxPageSize || len(p.Entries) != 101 {
		t.Errorf("size %d, %d entries", p.Size, len(p.Entries))
	}
	p, _ = h.Search(Query{Page: 2})
	if got, _ := json.Marshal(p); !strings.HasSuffix(string(got), `"totalElements":101,"size":50,"number":2,"totalPages":3}`) || len(p.Entries) != 1 {
		t.Errorf("got %s", got)
	}
}

func TestScopesItemsAndGroupsAreSuggested(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := searchHub(t, 100)
		scopes := func(name string) string {
			found, err := h.SuggestScopes(name)
			if err != nil {
				t.Fatal(err)
			}
			text, _ := json.Marshal(found)
			return string(text)
		}
		for name, want := range map[string]string{
			"éRIC": `[{"scopeId":"s1","scopeName":"PLC Éric"}]`,
			`"1"`:  `[{"scopeId":"n1","scopeName":"Cloud \"1\""}]`,
			"nope": `[]`,
			"":     `[{"scopeId":"h1","scopeName":"Replay"},{"scopeId":"n1","scopeName":"Cloud \"1\""},{"scopeId":"s1","scopeName":"PLC Éric"}]`,
		} {
			if got := scopes(name); got != want {
				t.Errorf("%q suggests %s, want %s", name, got, want)
			}
		}
		if items, _ := h.SuggestItems("temp", "s1"); fmt.Sprint(items) != "[{i1 Temp 1 s1 PLC Éric}]" {
			t.Errorf("items %v", items)
		}
		if items, _ := h.SuggestItems("temp", "n1"); len(items) != 0 {
			t.Errorf("items of another scope: %v", items)
		}
		if groups, _ := h.SuggestGroups("", ""); fmt.Sprint(groups) != "[{g1 Fast h1 Replay}]" {
			t.Errorf("groups %v", groups)
		}
		for i := range 15 {
			h.Logger(Scope{Type: South, ID: fmt.Sprint("x", i), Name: "Many"}).Info("m")
		}
		if many, _ := h.SuggestScopes("many"); len(many) != maxSuggestions {
			t.Errorf("%d suggestions", len(many))
		}
		if s, ok, err := h.ScopeByID("n1"); !ok || err != nil || s.Name != `Cloud "1"` {
			t.Errorf("scope %v %v %v", s, ok, err)
		}
		if _, ok, _ := h.ScopeByID("nobody"); ok {
			t.Error("a scope without entries is found")
		}
		if i, ok, _ := h.ItemByID("i1"); !ok || i.ScopeName != "PLC Éric" {
			t.Errorf("item %v", i)
		}
		if g, ok, _ := h.GroupByID("g1"); !ok || g.Name != "Fast" {
			t.Errorf("group %v", g)
		}
	})
}

func TestASearchNeedsLittleMemory(t *testing.T) {
	h := openHub(t, t.TempDir(), Options{})
	apply(t, h, settings())
	write(t, h, strings.Repeat("x", 200), 1, 40_000) // 12 MB
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	p, err := h.Search(Query{Text: "39999"})
	runtime.ReadMemStats(&after)
	if err != nil || p.Total != 1 {
		t.Fatalf("%d entries, %v", p.Total, err)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 2<<20 {
		t.Errorf("the search took %d bytes", used)
	}
}
