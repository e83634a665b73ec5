package platform

import (
	"os"
	"path/filepath"
	"testing"
)

func TestFoldersThatLieInEachOtherAreSeenAlsoByLinksAndBeforeTheyExist(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, filepath.FromSlash(name)) }
	if err := os.MkdirAll(at("site/cache"), 0o700); err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		a, b string
		want bool
	}{
		{"site", "site", true}, {"site", "site/", true}, {"site", "site/cache", true}, {"site", "site/new/data", true}, {"new", "new/data", true},
		{"site", "site2", false}, {"site", "..site", false}, {"site", "site/../other", false}, {"new", "newer", false},
	}
	linked := os.Symlink(at("site"), at("link")) == nil && os.Symlink(at("gone"), at("dangling")) == nil && os.Symlink("loop", at("loop")) == nil
	if _, err := os.Readlink(at("link")); linked && err == nil { // Wine 8 says that it made links, and makes none
		cases = append(cases, []struct {
			a, b string
			want bool
		}{
			{"link", "site", true}, {"site", "link/new/data", true}, {"link/new", "site", true}, {"link/../other", "site", false},
			{"dangling", "gone/data", true}, {"gone", "dangling/data", true}, {"dangling", "site", false}, {"loop", "site", true},
		}...)
	}
	for _, c := range cases {
		if FoldersOverlap(dir+"/"+c.a, dir+"/"+c.b) != c.want || FoldersOverlap(dir+"/"+c.b, dir+"/"+c.a) != c.want {
			t.Errorf("%s and %s: want %v", c.a, c.b, c.want)
		}
	}
}
