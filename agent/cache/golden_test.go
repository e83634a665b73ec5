package cache

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"oibus/agent/content"
)

// recorded is a command of the reference and what it answered.
type recorded struct {
	Commands []struct {
		CommandContent struct {
			Folder   Folder
			Filename string
		}
	}
	Outcomes []struct{ Result string }
}

func recording(t *testing.T, name string) recorded {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if filepath.Dir(dir) == dir {
			t.Fatal("no go.mod above")
		}
		dir = filepath.Dir(dir)
	}
	data, err := os.ReadFile(filepath.Join(dir, "..", "shared", "golden", name+".json"))
	if errors.Is(err, os.ErrNotExist) {
		t.Skipf("the recordings are not here: ../shared/golden/%s.json", name)
	}
	if err != nil {
		t.Fatal(err)
	}
	var r recorded
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

func compact(t *testing.T, v any) string {
	t.Helper()
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(buf.String())
}

func TestContentIsShownAsTheReferenceDoes(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"get-north-cache-file-content", "get-north-cache-file-content-1", "get-north-cache-file-content-2", "get-history-cache-file-content"} {
		r := recording(t, name)
		var want View
		if err := json.Unmarshal([]byte(r.Outcomes[0].Result), &want); err != nil {
			t.Fatal(err)
		}
		c := openCache(t, t.TempDir(), Options{})
		theirs := r.Commands[0].CommandContent.Filename
		m := Meta{Kind: content.Any, FileName: want.ContentFilename}
		if want.ContentFilename == theirs+".json" { // called after its id
			m = Meta{Kind: content.Setpoints, Elements: 2}
		}
		id := put(t, c, m, want.Content)
		if got := strings.ReplaceAll(compact(t, view(t, c, InCache, id)), id, theirs); got != r.Outcomes[0].Result {
			t.Errorf("%s: got %s\nwant %s", name, got, r.Outcomes[0].Result)
		}
	}
}

func TestAFileThatIsNotThereIsToldAsTheReferenceDoes(t *testing.T) {
	t.Parallel()
	for name, id := range map[string]string{
		"get-north-cache-file-content-unknown-file":   "north-cZj0KD",
		"get-history-cache-file-content-unknown-file": "history-o7bdMF/north",
	} {
		r := recording(t, name)
		c, err := Open("/srv/oibus/data", id, Options{disk: newMemDisk()})
		if err != nil {
			t.Fatal(err)
		}
		ask := r.Commands[0].CommandContent
		_, err = c.View(ask.Folder, ask.Filename)
		if got := strings.ReplaceAll(err.Error(), `\`, "/"); got != r.Outcomes[0].Result {
			t.Errorf("%s: got %s\nwant %s", name, got, r.Outcomes[0].Result)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestASearchListsContentAsTheReferenceDoes(t *testing.T) {
	t.Parallel()
	r := recording(t, "search-north-cache-content-after-move")
	var want Found
	if err := json.Unmarshal([]byte(r.Outcomes[0].Result), &want); err != nil {
		t.Fatal(err)
	}
	c := openCache(t, t.TempDir(), Options{})
	ids := map[string]string{}
	for _, list := range []struct {
		folder Folder
		files  []File
	}{{InCache, want.Cache}, {InError, want.Error}} {
		for _, f := range list.files {
			created, err := time.Parse(time.RFC3339, f.Metadata.CreatedAt)
			if err != nil {
				t.Fatal(err)
			}
			id := put(t, c, Meta{Kind: f.Metadata.ContentType, FileName: f.Metadata.ContentFile, Created: created, Folder: list.folder},
				strings.Repeat("x", int(f.Metadata.ContentSize)))
			ids[id] = f.Filename
		}
	}
	got := compact(t, search(t, c, Query{Max: 100}))
	for ours, theirs := range ids {
		got = strings.ReplaceAll(got, ours, theirs)
	}
	_, lists, _ := strings.Cut(r.Outcomes[0].Result, `"searchDate":"2026-11-22T19:44:21.401Z",`)
	if got != "{"+lists {
		t.Errorf("got %s\nwant {%s", got, lists)
	}
}
