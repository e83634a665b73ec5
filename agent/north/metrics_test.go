package north

import (
	"encoding/json"
	"strings"
	"testing"

	"oibus/agent/store"
)

func TestMetricsLookAsInTheReference(t *testing.T) {
	t.Parallel()
	r, _ := run(t, t.TempDir(), onTick(), newTarget())
	until(t, "connected", func() bool { return r.State().Connected })
	accept(t, r, fileNamed("a", "12345"), fromSouth("i1"))
	got, err := json.Marshal(r.Metrics())
	if err != nil {
		t.Fatal(err)
	}
	m := r.Metrics()
	want := `{"metricsStart":"` + m.MetricsStart + `","contentSentSize":0,"contentCachedSize":5,"contentErroredSize":0,"contentArchivedSize":0,` +
		`"lastContentSent":null,"lastConnection":"` + *m.LastConnection + `","lastRunStart":null,"lastRunDuration":null,` +
		`"currentCacheSize":5,"currentErrorSize":0,"currentArchiveSize":0}`
	if string(got) != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

func TestMetricsCountWhatBecomesOfContent(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	n := north()
	n.Caching.Error.RetryCount = 1
	n.Caching.Archive.Enabled = true
	g := newTarget()
	g.answer = func(_ int, d delivered) error {
		if strings.HasPrefix(d.name, "bad") {
			return errWrong
		}
		return nil
	}
	keep := func(o *Options) { o.Store = s }
	r, _ := run(t, dir, n, g, keep)
	accept(t, r, fileNamed("bad", "1234567"), fromSouth("i1"))
	accept(t, r, fileNamed("good", "12345"), fromSouth("i1"))
	until(t, "archived", func() bool { return r.Cache().Stats().Archived == 1 })
	until(t, "noted", func() bool { return r.Metrics().LastRunStart != nil })
	m := r.Metrics()
	if m.ContentCachedSize != 12 || m.ContentErroredSize != 7 || m.ContentSentSize != 5 || m.ContentArchivedSize != 5 || *m.LastContentSent != "good" ||
		m.CurrentErrorSize != 7 || m.CurrentArchiveSize != 5 || m.CurrentCacheSize != 0 || m.LastRunDuration == nil {
		t.Fatalf("%+v", m)
	}
	stop(t, r)
	r, _ = run(t, dir, n, g, keep)
	if again := r.Metrics(); again.ContentCachedSize != 12 || again.ContentErroredSize != 7 || again.ContentSentSize != 5 ||
		again.MetricsStart != m.MetricsStart || *again.LastContentSent != "good" || again.CurrentArchiveSize != 5 {
		t.Fatalf("after a restart %+v", again)
	}
	r.ResetMetrics()
	if reset := r.Metrics(); reset.ContentCachedSize != 0 || reset.LastContentSent != nil || reset.CurrentArchiveSize != 5 {
		t.Fatalf("after a reset %+v", reset)
	}
	accept(t, r, fileNamed("good2", "123"), fromSouth("i1"))
	until(t, "sent", func() bool { return r.Metrics().ContentSentSize == 3 })
	stop(t, r)
	if err := Remove(s, dir, "n1N2n3"); err != nil {
		t.Fatal(err)
	}
	r, _ = run(t, dir, n, g, keep)
	if m := r.Metrics(); m.ContentCachedSize != 0 {
		t.Fatalf("of a new one %+v", m)
	}
}
