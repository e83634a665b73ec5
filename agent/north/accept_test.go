package north

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"oibus/agent/cache"
	"oibus/agent/content"
	"oibus/agent/entity"
)

func TestContentWithoutALinkIsKeptWhenTheConnectorCanSendIt(t *testing.T) {
	t.Parallel()
	r, l := run(t, t.TempDir(), onTick(), newTarget())
	accept(t, r, fileNamed("sub/report.csv", "a;b"), fromSouth("i1"))
	files := found(t, r, cache.InCache)
	if len(files) != 1 || files[0].Metadata.ContentFile != "sub/report.csv" || dataOf(t, r, cache.InCache, files[0].Filename) != "a;b" {
		t.Fatalf("%+v", files)
	}
	if err := r.Accept(t.Context(), content.FromText("{}"), fromSouth("i1")); !errors.Is(err, ErrNotWanted) {
		t.Fatalf("got %v", err)
	}
	if len(found(t, r, cache.InCache)) != 1 || l.count(`Data type \"any-content\" not supported by the connector. Data will be ignored.`) != 1 {
		t.Fatal(l.text())
	}
}

func TestLinksKeepIgnoreAndTransform(t *testing.T) {
	t.Parallel()
	n := onTick()
	n.Transformers = []entity.TransformerLink{
		link("l1", "iso", ofSouth("keep")), link("l2", "ignore", ofSouth("drop")), link("l3", "shout", ofSouth()),
	}
	r, _ := run(t, t.TempDir(), n, newTarget())
	accept(t, r, content.FromText("kept"), fromSouth("keep"))
	accept(t, r, content.FromText("dropped"), fromSouth("drop"))
	accept(t, r, content.FromText("shouted"), fromSouth("other"))
	accept(t, r, fileNamed("sub/report.final.csv", "file"), fromSouth("other"))
	files := found(t, r, cache.InCache)
	if len(files) != 3 {
		t.Fatalf("%+v", files)
	}
	if f := files[0]; f.Metadata.ContentType != content.AnyContent || f.Metadata.ContentFile != f.Filename+".json" || dataOf(t, r, cache.InCache, f.Filename) != "kept" {
		t.Errorf("kept %+v", f)
	}
	if f := files[1]; f.Metadata.ContentType != content.Any || f.Metadata.ContentFile != "out.txt" || dataOf(t, r, cache.InCache, f.Filename) != "|SHOUTED" {
		t.Errorf("transformed %+v", f)
	}
	if got := dataOf(t, r, cache.InCache, files[2].Filename); !regexp.MustCompile(`^report\.final-[0-9A-Za-z]{10}\.csv\|FILE$`).MatchString(got) {
		t.Errorf("the transformer was told %q", got)
	}
}

func TestALargeOutcomeIsOneContent(t *testing.T) {
	t.Parallel()
	n := onTick()
	n.Transformers = []entity.TransformerLink{link("l1", "large", ofSouth())}
	r, _ := run(t, t.TempDir(), n, newTarget())
	accept(t, r, content.FromText("x"), fromSouth("i1"))
	files := found(t, r, cache.InCache)
	if len(files) != 1 || files[0].Metadata.ContentSize != 3_000_000 || strings.Trim(dataOf(t, r, cache.InCache, files[0].Filename), "x") != "" {
		t.Fatalf("%+v", files)
	}
}

func TestArraysAreCutIntoSlices(t *testing.T) {
	t.Parallel()
	n := onTick()
	n.Caching.Throttling.MaxNumberOfElements = 40
	n.Transformers = []entity.TransformerLink{link("l1", "count", ofSouth("counted"))}
	r, _ := run(t, t.TempDir(), n, newTarget())
	accept(t, r, numbered(100), fromSouth("i1"))
	accept(t, r, content.FromSetpoints(make([]content.Setpoint, 50)), content.Source{Origin: content.FromCloud})
	accept(t, r, numbered(100), fromSouth("counted"))
	accept(t, r, numbered(40), fromSouth("i1"))
	var got []string
	for _, f := range found(t, r, cache.InCache) {
		got = append(got, fmt.Sprint(f.Metadata.ContentType, f.Metadata.NumberOfElement))
		if f.Metadata.ContentType == content.Any {
			got = append(got, dataOf(t, r, cache.InCache, f.Filename))
		}
	}
	want := []string{"time-values40", "time-values40", "time-values20", "setpoint40", "setpoint10", "any0", "40", "any0", "40", "any0", "20", "time-values40"}
	if !slices.Equal(got, want) {
		t.Fatalf("got %q\nwant %q", got, want)
	}
}

func TestWithoutALimitNothingIsCut(t *testing.T) {
	t.Parallel()
	n := onTick()
	n.Caching.Throttling.MaxNumberOfElements = 0
	r, _ := run(t, t.TempDir(), n, newTarget())
	accept(t, r, numbered(30_000), fromSouth("i1"))
	if f := found(t, r, cache.InCache); len(f) != 1 || f[0].Metadata.NumberOfElement != 30_000 {
		t.Fatalf("%+v", f)
	}
}

func TestALargeSliceIsGatheredInAFileForItsTransformer(t *testing.T) {
	if testing.Short() {
		t.Skip("a lot of work, which the race detector only makes slow")
	}
	t.Parallel()
	n := onTick()
	n.Caching.Throttling.MaxNumberOfElements = 150_000
	n.Transformers = []entity.TransformerLink{link("l1", "length", ofSouth())}
	r, _ := run(t, t.TempDir(), n, newTarget())
	c := numbered(200_000)
	accept(t, r, c, fromSouth("i1"))
	var total int64
	for _, f := range found(t, r, cache.InCache) {
		var n int64
		if _, err := fmt.Sscan(dataOf(t, r, cache.InCache, f.Filename), &n); err != nil {
			t.Fatal(err)
		}
		total += n
	}
	if total != c.Size+1 { // two brackets more, a comma less
		t.Errorf("the transformer got %d bytes of %d", total, c.Size)
	}
	for _, dir := range []string{partsDir, connectorDir} {
		if left, err := os.ReadDir(filepath.Join(r.temp, dir)); err != nil || len(left) > 0 {
			t.Errorf("left %v, %v", left, err)
		}
	}
}

func TestTimeValuesAreSplitByTheirPoints(t *testing.T) {
	t.Parallel()
	n := onTick()
	n.Transformers = []entity.TransformerLink{
		link("l1", "count", ofSouth("a", "b")), link("l2", "ignore", ofSouth("c")),
	}
	r, l := run(t, t.TempDir(), n, newTarget())
	accept(t, r, points("a", "b", "c", "d", "a"), fromSouth("a", "b", "c", "d"))
	files := found(t, r, cache.InCache)
	if len(files) != 2 {
		t.Fatalf("%+v", files)
	}
	slices.SortFunc(files, func(a, b cache.File) int {
		return strings.Compare(string(a.Metadata.ContentType), string(b.Metadata.ContentType))
	})
	if got := dataOf(t, r, cache.InCache, files[0].Filename); got != "3" {
		t.Errorf("the transformer got %s elements", got)
	}
	if got := dataOf(t, r, cache.InCache, files[1].Filename); !strings.Contains(got, `"pointId":"d"`) || files[1].Metadata.NumberOfElement != 1 {
		t.Errorf("as it came: %s", got)
	}
	if l.count("Cannot route point") != 0 {
		t.Error(l.text())
	}
}

func TestAPointThatMatchesNoItemKeepsTheBatchTogether(t *testing.T) {
	t.Parallel()
	n := onTick()
	n.Transformers = []entity.TransformerLink{link("l1", "iso", ofSouth("z")), link("l2", "count", ofSouth("b")), link("l3", "iso", ofSouth("a"))}
	r, l := run(t, t.TempDir(), n, newTarget())
	accept(t, r, points("a", "b", "stranger"), fromSouth("a", "b"))
	files := found(t, r, cache.InCache)
	if len(files) != 1 || dataOf(t, r, cache.InCache, files[0].Filename) != "3" {
		t.Fatalf("%+v", files)
	}
	if l.count(`Cannot route point \"stranger\" to a transformer: it does not match any source item. Routing the whole batch to a single transformer`) != 1 {
		t.Error(l.text())
	}
}

func TestWhatCannotBeTransformedIsKeptInErrorAsItCame(t *testing.T) {
	t.Parallel()
	for _, transformer := range []string{"broken", "panics", "unknown"} {
		n := onTick()
		n.Transformers = []entity.TransformerLink{link("l1", transformer, ofSouth())}
		r, l := run(t, t.TempDir(), n, newTarget())
		accept(t, r, fileNamed("report.csv", "a;b"), fromSouth("i1"))
		errored := found(t, r, cache.InError)
		if len(found(t, r, cache.InCache)) != 0 || len(errored) != 1 || errored[0].Metadata.ContentFile != "report.csv" ||
			dataOf(t, r, cache.InError, errored[0].Filename) != "a;b" {
			t.Fatalf("%s: %+v", transformer, errored)
		}
		if l.count(`Error while caching content to North \"To cloud\" (n1N2n3): `) != 1 {
			t.Error(l.text())
		}
		var failure *TransformError
		if err := r.Accept(t.Context(), fileNamed("report.csv", "a;b"), fromSouth("i1"), ReportFailure); !errors.As(err, &failure) {
			t.Errorf("%s: told %v", transformer, err)
		}
		if len(found(t, r, cache.InError)) != 1 {
			t.Errorf("%s: kept what was refused", transformer)
		}
		if left, err := os.ReadDir(filepath.Join(r.o.DataDir, "cache", "north-n1N2n3", "incoming")); err != nil || len(left) > 0 {
			t.Errorf("%s: left %v, %v", transformer, left, err)
		}
	}
}

func TestOneSliceThatCannotBeTransformedDoesNotHoldTheOthers(t *testing.T) {
	t.Parallel()
	n := onTick()
	n.Caching.Throttling.MaxNumberOfElements = 2
	n.Transformers = []entity.TransformerLink{link("l1", "broken", ofSouth("a")), link("l2", "count", ofSouth("b"))}
	r, _ := run(t, t.TempDir(), n, newTarget())
	accept(t, r, points("a", "b", "a", "b", "a", "b"), fromSouth("a", "b"))
	if c, e := found(t, r, cache.InCache), found(t, r, cache.InError); len(c) != 2 || len(e) != 2 || e[0].Metadata.NumberOfElement != 2 || e[1].Metadata.NumberOfElement != 1 {
		t.Fatalf("%+v\n%+v", c, e)
	}
}

func TestALargeContentThatIsRefusedLeavesNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("a lot of work, which the race detector only makes slow")
	}
	t.Parallel()
	n := onTick()
	n.Caching.Throttling.MaxNumberOfElements = 2000
	n.Transformers = []entity.TransformerLink{link("l1", "unknown", ofSouth("b"))}
	r, _ := run(t, t.TempDir(), n, newTarget())
	values := make([]content.TimeValue, 100_000)
	for i := range values {
		values[i] = content.TimeValue{PointID: "a", Timestamp: "2026-01-02T03:04:05.000Z", Data: content.NumberData(float64(i))}
	}
	values[len(values)-1].PointID = "b"
	c, src := content.FromTimeValues(values), fromSouth("a", "b")
	var failure *TransformError
	if err := r.Accept(t.Context(), c, src, ReportFailure); !errors.As(err, &failure) {
		t.Fatalf("got %v", err)
	}
	if s := r.Cache().Stats(); s.Cached != 0 || s.Errored != 0 {
		t.Fatalf("left %+v", s)
	}
	accept(t, r, c, src)
	if s := r.Cache().Stats(); s.Elements != 99_999 || s.Cached != 50 || s.Errored != 1 {
		t.Fatalf("%+v", s)
	}
}

func TestAMalformedArrayIsKeptInErrorAsItCame(t *testing.T) {
	t.Parallel()
	n := onTick()
	n.Caching.Throttling.MaxNumberOfElements = 2
	r, _ := run(t, t.TempDir(), n, newTarget())
	accept(t, r, content.FromBytes(content.TimeValues, "", 3, []byte(`[{"pointId":"a"},{"pointId":"b"},{"po`)), fromSouth("a"))
	if c, e := found(t, r, cache.InCache), found(t, r, cache.InError); len(c) != 0 || len(e) != 1 {
		t.Fatalf("%+v\n%+v", c, e)
	}
}

func TestAFullCacheRefusesAndWarnsOnceAMinute(t *testing.T) {
	t.Parallel()
	n := onTick()
	n.Caching.Throttling.MaxSize = 0.001
	r, l := run(t, t.TempDir(), n, newTarget())
	accept(t, r, fileNamed("a", strings.Repeat("x", 2000)), fromSouth("i1"))
	for range 5 {
		var full *cache.FullError
		if err := r.Accept(t.Context(), fileNamed("b", "x"), fromSouth("i1")); !errors.As(err, &full) {
			t.Fatalf("got %v", err)
		}
	}
	if l.count("North cache is exceeding the maximum allowed size (0.00 MB >= 0.00 MB). Values will be discarded until cache is emptied.") != 1 {
		t.Error(l.text())
	}
	n.Caching.Throttling.MaxSize = 1
	if err := r.Update(n); err != nil {
		t.Fatal(err)
	}
	accept(t, r, fileNamed("c", "x"), fromSouth("i1"))
}

func TestAFullDiskRefuses(t *testing.T) {
	t.Parallel()
	r, l := run(t, t.TempDir(), onTick(), newTarget(), func(o *Options) { o.Reserve = 1 << 62 })
	for range 3 {
		var space *cache.SpaceError
		if err := r.Accept(t.Context(), fileNamed("b", "x"), fromSouth("i1")); !errors.As(err, &space) {
			t.Fatalf("got %v", err)
		}
	}
	if l.count("Content is refused: the disk of") != 1 {
		t.Error(l.text())
	}
}

func TestTroubleOfTheDiskIsToldAndNothingIsLeft(t *testing.T) {
	t.Parallel()
	n := onTick()
	n.Transformers = []entity.TransformerLink{link("l1", "large", ofSouth("large"))}
	r, _ := run(t, t.TempDir(), n, newTarget())
	incoming := filepath.Join(r.o.DataDir, "cache", "north-n1N2n3", "incoming")
	if err := os.RemoveAll(incoming); err != nil {
		t.Fatal(err)
	}
	var failure *TransformError
	err := r.Accept(t.Context(), content.FromText("x"), fromSouth("large"))
	if err == nil || errors.As(err, &failure) || errors.Is(err, ErrNotWanted) {
		t.Fatalf("got %v", err)
	}
	if err := os.Mkdir(incoming, 0o700); err != nil {
		t.Fatal(err)
	}
	accept(t, r, content.FromText("x"), fromSouth("large"))
	if c, e := found(t, r, cache.InCache), found(t, r, cache.InError); len(c) != 1 || len(e) != 0 {
		t.Fatalf("%+v\n%+v", c, e)
	}
}

func TestADisabledOrStoppedNorthTakesNothing(t *testing.T) {
	t.Parallel()
	n := onTick()
	n.Enabled = false
	r, _ := run(t, t.TempDir(), n, newTarget())
	if err := r.Accept(t.Context(), fileNamed("a", "x"), fromSouth("i1")); !errors.Is(err, ErrStopped) {
		t.Errorf("disabled: %v", err)
	}
	if got := r.State(); got != (State{}) {
		t.Errorf("disabled: %+v", got)
	}
	found(t, r, cache.InCache) // can be looked at
	r, _ = run(t, t.TempDir(), onTick(), newTarget())
	stop(t, r)
	if err := r.Accept(t.Context(), fileNamed("a", "x"), fromSouth("i1")); !errors.Is(err, ErrStopped) {
		t.Errorf("stopped: %v", err)
	}
}

func TestAStopEndsWhatIsBeingTaken(t *testing.T) {
	t.Parallel()
	n := onTick()
	n.Transformers = []entity.TransformerLink{link("l1", "slow", ofSouth())}
	dir := t.TempDir()
	r, _ := run(t, dir, n, newTarget())
	done := make(chan error)
	go func() { done <- r.Accept(context.Background(), fileNamed("a", "x"), fromSouth("i1")) }()
	<-slow
	stop(t, r)
	if err := <-done; !errors.Is(err, ErrStopped) {
		t.Errorf("got %v", err)
	}
	r, _ = run(t, dir, onTick(), newTarget())
	if s := r.Cache().Stats(); s.Cached != 0 || s.Errored != 0 {
		t.Errorf("left %+v", s)
	}
}

func TestASourceThatGivesUpLeavesNothing(t *testing.T) {
	t.Parallel()
	r, _ := run(t, t.TempDir(), onTick(), newTarget())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Accept(ctx, fileNamed("a", strings.Repeat("x", 3<<20)), fromSouth("i1")); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if s := r.Cache().Stats(); s.Cached != 0 || s.Errored != 0 {
		t.Errorf("left %+v", s)
	}
}

func TestACacheMayHaveAnotherName(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r, _ := run(t, dir, onTick(), newTarget(), func(o *Options) { o.CacheID = "history-h1/north" })
	accept(t, r, fileNamed("a", "x"), fromSouth("i1"))
	if _, err := os.Stat(filepath.Join(dir, "cache", "history-h1", "north")); err != nil {
		t.Error(err)
	}
}

func TestManySourcesAtOnceLoseNothing(t *testing.T) {
	t.Parallel()
	g := newTarget()
	r, _ := run(t, t.TempDir(), north(), g)
	var group sync.WaitGroup
	for w := range 16 {
		group.Add(1)
		go func() {
			defer group.Done()
			for i := range 50 {
				if err := r.Accept(t.Context(), fileNamed(fmt.Sprintf("%02d-%03d", w, i), "x"), fromSouth("i1")); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	group.Wait()
	until(t, "sent", func() bool { return len(g.list()) >= 800 })
	names := g.names()
	for w := range 16 {
		var own []string
		for _, n := range names {
			if strings.HasPrefix(n, fmt.Sprintf("%02d-", w)) {
				own = append(own, n)
			}
		}
		if len(own) != 50 || !slices.IsSorted(own) {
			t.Errorf("source %d: %d contents, in order: %v", w, len(own), slices.IsSorted(own))
		}
	}
}
