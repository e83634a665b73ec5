package cache

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"oibus/agent/content"
	"oibus/agent/entity"
)

func TestContentsLeaveInTheOrderTheyCame(t *testing.T) {
	t.Parallel()
	c := openCache(t, t.TempDir(), Options{tune: small})
	var want []string
	for i := range 100 {
		want = append(want, strings.Repeat(string(rune('a'+i%26)), i+1))
		putFile(t, c, "x.csv", want[i])
	}
	verify(t, c)
	got := drain(t, c, 0)
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	verify(t, c)
	if s := c.Stats(); s.Files != 0 || s.CacheSize != 0 || s.Totals.Sent.Contents != 100 || s.Totals.LastSent != "x.csv" {
		t.Errorf("got %+v", s)
	}
}

func TestWhatWasPutIsThereAfterReopening(t *testing.T) {
	t.Parallel()
	c := openCache(t, t.TempDir(), Options{tune: small})
	first := putFile(t, c, "sub/report.csv", "a;b")
	big := strings.Repeat("0123456789", 1000)
	second := put(t, c, Meta{Kind: content.AnyContent}, big)
	c = reopen(t, c)
	verify(t, c)
	f := search(t, c, Query{})
	if len(f.Cache) != 2 || f.Cache[0].Filename != first || f.Cache[1].Filename != second {
		t.Fatalf("got %+v", f)
	}
	m := f.Cache[0].Metadata
	if m.ContentFile != "sub/report.csv" || m.ContentSize != 3 || m.ContentType != content.Any || m.NumberOfElement != 0 || len(m.CreatedAt) != 24 {
		t.Errorf("got %+v", m)
	}
	if f.Cache[1].Metadata.ContentFile != second+".json" {
		t.Errorf("got %+v", f.Cache[1])
	}
	if got := drain(t, c, 0); !slices.Equal(got, []string{"a;b", big}) {
		t.Errorf("got %.100q", got)
	}
	c = reopen(t, c)
	if got := drain(t, c, 0); len(got) != 0 {
		t.Errorf("sent again: %.100q", got)
	}
}

func TestElementsAreJoinedUpToTheNumberAskedFor(t *testing.T) {
	t.Parallel()
	c := openCache(t, t.TempDir(), Options{tune: small})
	for i := range 10 {
		putValues(t, c, i*7, 7)
	}
	if s := c.Stats(); s.Elements != 70 || s.Files != 0 {
		t.Fatalf("got %+v", s)
	}
	for i, want := range []string{values(0, 20), values(20, 20), values(40, 20), values(60, 10)} {
		c = reopen(t, c)
		b := next(t, c, 20)
		if got := read(t, b); got != want || b.Elements != strings.Count(want, "pointId") || b.File.Metadata.NumberOfElement != b.Elements {
			t.Fatalf("batch %d has %d elements: %s", i, b.Elements, got)
		}
		if err := b.Done(false); err != nil {
			t.Fatal(err)
		}
		verify(t, c)
		if s := c.Stats(); s.Elements != int64(max(0, 70-20*(i+1))) {
			t.Errorf("%d elements are left", s.Elements)
		}
	}
	if next(t, c, 20) != nil {
		t.Error("something is left")
	}
}

func TestAPartIsFoundWithoutBeingRead(t *testing.T) {
	t.Parallel()
	for _, n := range []int{5, 500} { // in a segment, and in a file of its own
		c := openCache(t, t.TempDir(), Options{tune: small})
		putValues(t, c, 0, n)
		if err := next(t, c, 3).Done(false); err != nil {
			t.Fatal(err)
		}
		f := search(t, c, Query{}).Cache[0]
		if v := view(t, c, InCache, f.Filename); v.Content != values(3, n-3) || v.TotalSize != int64(len(v.Content)) || f.Metadata.NumberOfElement != n-3 {
			t.Errorf("got %.100s of %d", v.Content, v.TotalSize)
		}
		verify(t, c)
		if got := drain(t, c, 1000); !slices.Equal(got, []string{values(3, n-3)}) {
			t.Errorf("got %.100q", got)
		}
	}
}

func TestLargeArraysLeaveInPortions(t *testing.T) {
	t.Parallel()
	c := openCache(t, t.TempDir(), Options{tune: small})
	putValues(t, c, 0, 1000)
	putValues(t, c, 1000, 30)
	sent := drain(t, c, 300)
	want := []string{values(0, 300), values(300, 300), values(600, 300), values(900, 130)}
	if !slices.Equal(sent, want) {
		t.Errorf("got %d batches: %.200q", len(sent), sent)
	}
}

func TestOtherKindsAreNotJoinedAndDoNotBlockJoining(t *testing.T) {
	t.Parallel()
	c := openCache(t, t.TempDir(), Options{tune: small})
	putValues(t, c, 0, 1)
	putFile(t, c, "x", "file")
	putValues(t, c, 1, 1)
	put(t, c, Meta{Kind: content.MQTT, Elements: 1}, `{"topic":"no array"}`)
	put(t, c, Meta{Kind: content.MQTT}, `[]`)
	put(t, c, Meta{Kind: content.MQTT, Elements: 1}, ` [ 1 ] `)
	put(t, c, Meta{Kind: content.MQTT, Elements: 1}, `[2]`)
	put(t, c, Meta{Kind: content.Any, Elements: 7}, `[3]`)
	got := drain(t, c, 0)
	want := []string{values(0, 2), "file", `{"topic":"no array"}`, `[]`, `[1,2]`, `[3]`}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestABatchThatFailedIsNextAgainAsItWas(t *testing.T) {
	t.Parallel()
	c := openCache(t, t.TempDir(), Options{tune: small})
	putValues(t, c, 0, 2)
	b := next(t, c, 10)
	if next(t, c, 10) != nil {
		t.Error("two batches at a time")
	}
	putValues(t, c, 2, 2)
	if n, err := b.Fail(); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	if _, err := b.Fail(); err == nil {
		t.Error("a batch ended twice")
	}
	b = next(t, c, 10)
	if got := read(t, b); got != values(0, 2) || b.Attempts != 1 {
		t.Errorf("got %s after %d", got, b.Attempts)
	}
	b.Release()
	b = next(t, c, 10)
	b.Fail()
	c = reopen(t, c)
	b = next(t, c, 10)
	if got := read(t, b); got != values(0, 4) || b.Attempts != 2 {
		t.Errorf("got %s after %d", got, b.Attempts)
	}
}

func TestWhatCannotBeSentGoesToErrorElementByElement(t *testing.T) {
	t.Parallel()
	for _, archive := range []bool{false, true} {
		c := openCache(t, t.TempDir(), Options{tune: small})
		putValues(t, c, 0, 5)
		putValues(t, c, 5, 5)
		b := next(t, c, 7)
		if err := b.Errored(); err != nil {
			t.Fatal(err)
		}
		verify(t, c)
		b = next(t, c, 7)
		if got := read(t, b); got != values(7, 3) {
			t.Fatalf("got %s", got)
		}
		if err := b.Done(archive); err != nil {
			t.Fatal(err)
		}
		c = reopen(t, c)
		verify(t, c)
		f := search(t, c, Query{})
		var inError string
		for _, e := range f.Error {
			inError += view(t, c, InError, e.Filename).Content
		}
		if len(f.Cache) != 0 || inError != values(0, 5)+values(5, 2) && inError != values(5, 2)+values(0, 5) {
			t.Errorf("error has %s", inError)
		}
		if !archive {
			continue
		}
		if len(f.Archive) != 1 || view(t, c, InArchive, f.Archive[0].Filename).Content != values(7, 3) {
			t.Errorf("archive has %+v", f.Archive)
		}
		if s := c.Stats(); s.Errored != 2 || s.Archived != 1 || s.ErrorSize != int64(len(inError)) {
			t.Errorf("got %+v", s)
		}
	}
}

func TestUpdateRemovesAndMoves(t *testing.T) {
	t.Parallel()
	c := openCache(t, t.TempDir(), Options{tune: small})
	a, b, d, e := putFile(t, c, "a", "a"), putFile(t, c, "b", "b"), putFile(t, c, "d", "d"), putFile(t, c, "e", "e")
	problems, err := c.Update(Update{Cache: FolderUpdate{Remove: []string{a, "../../../etc/passwd", "nope", e[:11] + "!"}, Move: []Move{{b, InError}, {d, InArchive}, {e, "nowhere"}, {a, InError}}}})
	if err != nil || len(problems) != 5 {
		t.Fatalf("got %q, %v", problems, err)
	}
	if want := "Error while reading file \"" + filepath.Join(c.root, "cache", "north-abc123", "content", "nope") +
		"\": ENOENT: no such file or directory, open '" + filepath.Join(c.root, "cache", "north-abc123", "metadata", "nope") + "'"; problems[1].Error() != want {
		t.Errorf("got %s\nwant %s", problems[1], want)
	}
	c = reopen(t, c)
	f := search(t, c, Query{})
	if !slices.Equal(names(f.Cache), []string{"e"}) || !slices.Equal(names(f.Error), []string{"b"}) || !slices.Equal(names(f.Archive), []string{"d"}) {
		t.Fatalf("got %+v", f)
	}
	if _, err := c.Update(Update{Error: FolderUpdate{Move: []Move{{b, InCache}}}, Archive: FolderUpdate{Move: []Move{{d, InCache}, {d, InError}}}}); err != nil {
		t.Fatal(err)
	}
	g := putFile(t, c, "g", "g")
	if _, err := c.Update(Update{Cache: FolderUpdate{Move: []Move{{e, InCache}}}}); err != nil {
		t.Fatal(err)
	}
	verify(t, c)
	for range 2 {
		c = reopen(t, c)
		verify(t, c)
	}
	if f := search(t, c, Query{}); len(f.Cache) != 4 || f.Cache[3].Filename != g {
		t.Errorf("got %+v", f)
	}
	if got := drain(t, c, 0); !slices.Equal(got, []string{"b", "d", "g", "e"}) {
		t.Errorf("got %q", got)
	}
}

func TestRemovingWhatIsBeingSentDoesNoHarm(t *testing.T) {
	t.Parallel()
	c := openCache(t, t.TempDir(), Options{tune: small})
	big := strings.Repeat("x", 10000)
	id := putFile(t, c, "big", big)
	putFile(t, c, "next", "next")
	b := next(t, c, 0)
	if _, err := c.Update(Update{Cache: FolderUpdate{Remove: []string{id}}}); err != nil {
		t.Fatal(err)
	}
	c.clean(t.Context())
	if got := read(t, b); got != big {
		t.Errorf("got %.100s", got)
	}
	if _, err := b.Fail(); err != nil {
		t.Fatal(err)
	}
	if got := drain(t, c, 0); !slices.Equal(got, []string{"next"}) {
		t.Errorf("got %.100q", got)
	}
	id = putFile(t, c, "kept", "kept")
	b = next(t, c, 0)
	if _, err := c.Update(Update{Cache: FolderUpdate{Move: []Move{{id, InError}}}}); err != nil {
		t.Fatal(err)
	}
	if err := b.Done(false); err != nil {
		t.Fatal(err)
	}
	if f := search(t, c, Query{}); len(f.Error) != 1 || len(f.Cache) != 0 {
		t.Errorf("got %+v", f)
	}
}

func TestRetentionCountsFromTheMove(t *testing.T) {
	t.Parallel()
	k := newClock()
	c := openCache(t, t.TempDir(), Options{Now: k.Now, tune: small})
	for i := range 40 {
		putFile(t, c, "f", values(i, 1))
	}
	k.add(100 * time.Hour)
	for i := range 30 {
		b := next(t, c, 0)
		if i%2 == 0 {
			b.Done(true)
		} else {
			b.Errored()
		}
	}
	if n, err := c.Expire(72*time.Hour, 72*time.Hour); n != 0 || err != nil {
		t.Fatal(n, err)
	}
	k.add(73 * time.Hour)
	c = reopen(t, c)
	if n, err := c.Expire(0, 72*time.Hour); n != 15 || err != nil {
		t.Fatal(n, err)
	}
	if s := c.Stats(); s.Archived != 0 || s.Errored != 15 || s.Cached != 10 {
		t.Fatalf("got %+v", s)
	}
	if n, err := c.Expire(72*time.Hour, 0); n != 15 || err != nil {
		t.Fatal(n, err)
	}
	verify(t, c)
}

func TestSearchFiltersAndLimits(t *testing.T) {
	t.Parallel()
	k := newClock()
	c := openCache(t, t.TempDir(), Options{Now: k.Now, tune: small})
	var ids []string
	for _, name := range []string{"Report-Été.csv", "b.json", "", "REPORT2.csv"} {
		ids = append(ids, putFile(t, c, name, "x"))
		k.add(time.Second)
	}
	for _, q := range []struct {
		Query
		want []int
	}{
		{Query{}, []int{0, 1, 2, 3}},
		{Query{NameContains: "report"}, []int{0, 3}},
		{Query{NameContains: "ÉTÉ"}, []int{0}},
		{Query{NameContains: strings.ToUpper(ids[1])}, []int{1}},
		{Query{NameContains: ids[2] + ".json"}, []int{2}},
		{Query{NameContains: "report", IDOnly: true}, nil},
		{Query{NameContains: ids[3][4:], IDOnly: true}, []int{3}},
		{Query{Start: "2026-01-02T03:04:06.000Z", End: "2026-01-02T03:04:07.000Z"}, []int{1, 2}},
		{Query{Start: "2026-01-02T03:04:06.001Z"}, []int{2, 3}},
		{Query{End: "2026-01-02T03:04:06"}, []int{0}},
		{Query{Start: "2027"}, nil},
		{Query{Max: 3}, []int{0, 1, 2}},
		{Query{Max: 3, Newest: true}, []int{3, 2, 1}},
	} {
		var want []string
		for _, i := range q.want {
			want = append(want, ids[i])
		}
		var got []string
		for _, f := range search(t, c, q.Query).Cache {
			got = append(got, f.Filename)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%+v: got %q, want %q", q.Query, got, want)
		}
	}
}

func TestTheViewerShowsTheBeginning(t *testing.T) {
	t.Parallel()
	c := openCache(t, t.TempDir(), Options{})
	big := strings.Repeat("é", 600_000) // in a file of its own
	for _, x := range []struct {
		name, data string
		want       View
	}{
		{"a.csv", "x", View{"x", "a.csv", 1, false, "csv"}},
		{"a.CSV", "x\xff", View{"x\ufffd", "a.CSV", 2, false, "raw"}},
		{"d/a.xml", big, View{big[:viewLimit], "d/a.xml", 1_200_000, true, "xml"}},
		{"a.json", big[:600_000], View{big[:viewLimit], "a.json", 600_000, true, "json"}},
	} {
		if got := view(t, c, InCache, putFile(t, c, x.name, x.data)); got != x.want {
			t.Errorf("%s: got %.100v", x.name, got)
		}
	}
	for _, name := range []string{"nope.json", "../../../../etc/hostname", "", strings.Repeat("x", 1000)} {
		_, err := c.View(InCache, name)
		var missing *entity.NotFoundError
		if !errors.As(err, &missing) || !strings.HasPrefix(err.Error(), "Error while reading file \""+c.root) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestTheLimitRefusesOrMakesRoom(t *testing.T) {
	t.Parallel()
	c := openCache(t, t.TempDir(), Options{Limits: Limits{MaxSize: 1000, Reserve: 1}, tune: small})
	for range 10 {
		putFile(t, c, "x", strings.Repeat("x", 100))
	}
	var full *FullError
	if _, err := c.PutBytes(t.Context(), Meta{Kind: content.Any}, []byte("x")); !errors.As(err, &full) || !strings.Contains(err.Error(), "North cache is exceeding the maximum allowed size (0.00 MB >= 0.00 MB).") {
		t.Fatalf("got %v", err)
	}
	if _, err := c.Put(t.Context(), Meta{Kind: content.Any}, strings.NewReader(strings.Repeat("y", 10000))); !errors.As(err, &full) {
		t.Fatalf("got %v", err)
	}
	if s := c.Stats(); s.Totals.Refused.Contents != 1 || s.Cached != 10 {
		t.Errorf("got %+v", s)
	}
	b := next(t, c, 0)
	b.Done(true)
	c.SetLimits(Limits{MaxSize: 1000, Policy: OldestFirst, Reserve: 1})
	b = next(t, c, 0) // must stay
	putFile(t, c, "y", strings.Repeat("y", 150))
	if s := c.Stats(); s.Archived != 0 || s.Cached != 9 || s.Totals.Evicted.Contents != 2 || s.CacheSize > 1000 {
		t.Errorf("got %+v", s)
	}
	b.Done(false)
	verify(t, c)
	c = reopen(t, c)
	if s := c.Stats(); s.Cached != 8 {
		t.Errorf("got %+v", s)
	}
}

func TestClearEmptiesFolders(t *testing.T) {
	t.Parallel()
	c := openCache(t, t.TempDir(), Options{tune: small})
	for i := range 50 {
		putFile(t, c, "x", "x")
		if i%5 == 0 {
			b := next(t, c, 0)
			b.Errored()
		}
	}
	if n, err := c.Clear(InCache); n != 40 || err != nil {
		t.Fatal(n, err)
	}
	c = reopen(t, c)
	if s := c.Stats(); s.Cached != 0 || s.Errored != 10 {
		t.Fatalf("got %+v", s)
	}
	if n, err := c.Clear(Folders...); n != 10 || err != nil {
		t.Fatal(n, err)
	}
	c = reopen(t, c)
	c.clean(t.Context())
	if names, _ := c.disk.List(c.dir); len(names) != 1 {
		t.Errorf("left: %q", names)
	}
}

func TestImpossibleContentsAndNamesAreRefused(t *testing.T) {
	t.Parallel()
	c := openCache(t, t.TempDir(), Options{})
	for _, m := range []Meta{{}, {Kind: "x"}, {Kind: content.Any, FileName: strings.Repeat("x", 5000)}, {Kind: content.Any, Elements: -1}, {Kind: content.Any, Folder: "x"}} {
		if _, err := c.PutBytes(t.Context(), m, nil); err == nil {
			t.Errorf("%+v was accepted", m)
		}
	}
	for _, id := range []string{"..", "../x", "/x", "", ".", `a\b`, "c:x"} {
		if _, err := Open(t.TempDir(), id, Options{}); err == nil {
			t.Errorf("%q was accepted", id)
		}
		if err := Remove(t.TempDir(), id); err == nil {
			t.Errorf("%q was accepted", id)
		}
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.PutBytes(t.Context(), Meta{Kind: content.Any}, nil); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v", err)
	}
	if _, err := c.Next(1); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v", err)
	}
}

func TestIDsAreReversibleAndNothingElseIsOne(t *testing.T) {
	t.Parallel()
	key := newKey()
	seen := map[string]bool{}
	for seq := range uint64(10000) {
		id := formatID(seq, key)
		got, ok := parseID(id, key)
		if len(id) != 12 || !ok || got != seq || seen[id] {
			t.Fatalf("%d became %q became %d", seq, id, got)
		}
		seen[id] = true
	}
	for _, id := range []string{"", "zzzzzzzzzzzz", "../../../../x", strings.Repeat("0", 13), "00000000000é"} {
		if _, ok := parseID(id, key); ok && len(id) != 12 {
			t.Errorf("%q was accepted", id)
		}
	}
}

func TestManyArePutAtOnce(t *testing.T) {
	t.Parallel()
	c := openCache(t, t.TempDir(), Options{tune: small})
	items := make([]Item, 100)
	for i := range items {
		items[i] = Item{Meta{Kind: content.TimeValues, Elements: 1}, []byte(values(i, 1))}
	}
	items[50].Meta.Kind = "bad"
	items[60].Data = []byte(values(60, 200))
	items[60].Meta.Elements = 200
	ids, err := c.PutMany(t.Context(), items)
	if err == nil || ids[50] != "" || ids[49] == "" {
		t.Fatalf("got %v", err)
	}
	verify(t, c)
	c = reopen(t, c)
	if s := c.Stats(); s.Cached != 99 || s.Elements != 98+200 {
		t.Errorf("got %+v", s)
	}
}

func TestArrivalsAreAnnounced(t *testing.T) {
	t.Parallel()
	c := openCache(t, t.TempDir(), Options{})
	putFile(t, c, "x", "x")
	select {
	case <-c.Notify():
	case <-time.After(2 * time.Minute):
		t.Error("not announced")
	}
}
