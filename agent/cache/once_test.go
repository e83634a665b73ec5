package cache

import (
	"os"
	"path/filepath"
	"testing"

	"oibus/agent/content"
)

// crashed opens a copy of the cache as a kill leaves it now.
func crashed(t *testing.T, c *Cache) *Cache {
	t.Helper()
	root := t.TempDir()
	if err := os.CopyFS(filepath.Join(root, "cache"), os.DirFS(filepath.Join(c.root, "cache"))); err != nil {
		t.Fatal(err)
	}
	return openCache(t, root, Options{})
}

func TestWhatIsSentOnceIsNotSentAgainAfterAnAttemptOfWhichNobodyKnowsTheEnd(t *testing.T) {
	t.Parallel()
	c := openCache(t, t.TempDir(), Options{})
	once := Meta{Kind: content.Setpoints, Elements: 1, Once: true}
	put(t, c, once, `[1]`)
	put(t, c, once, `[2]`)
	interrupted := func(c *Cache, want bool) {
		t.Helper()
		b := next(t, c, 0)
		if !b.Once || b.Interrupted != want || read(t, b) != `[1]` {
			t.Errorf("once %v, interrupted %v, holds %s", b.Once, b.Interrupted, read(t, b))
		}
		b.Release()
	}
	b := next(t, c, 0)
	if read(t, b) != `[1]` {
		t.Fatalf("contents that are sent once were joined: %s", read(t, b))
	}
	b.Release()
	interrupted(crashed(t, c), false)

	b = next(t, c, 0)
	if err := b.Begin(); err != nil {
		t.Fatal(err)
	}
	interrupted(crashed(t, c), true)
	if _, err := b.Fail(); err != nil {
		t.Fatal(err)
	}
	interrupted(crashed(t, c), false)
	if b = next(t, c, 0); b.Interrupted || b.Attempts != 1 {
		t.Errorf("after a failure: interrupted %v, %d attempts", b.Interrupted, b.Attempts)
	}
	if err := b.Begin(); err != nil {
		t.Fatal(err)
	}
	b.Release() // given up
	interrupted(c, true)

	after := crashed(t, c)
	b = next(t, after, 0)
	if err := b.Errored(); err != nil {
		t.Fatal(err)
	}
	if problems, err := after.Update(Update{Error: FolderUpdate{Move: []Move{{Filename: b.File.Filename, To: InCache}}}}); err != nil || len(problems) > 0 {
		t.Fatal(problems, err)
	}
	if sent := drain(t, after, 0); len(sent) != 2 || sent[0] != `[2]` || sent[1] != `[1]` {
		t.Errorf("what a person moved back is not sent: %q", sent)
	}
}
