package takeover

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"oibus/agent/cache"
	"oibus/agent/content"
)

// place writes a file of a data folder.
func place(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, filepath.FromSlash(name))
	must(t, os.MkdirAll(filepath.Dir(path), 0o700))
	must(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestAnImportIsTakenBackAsIfItHadNotBeen(t *testing.T) {
	t.Parallel()
	from, to := fixture(t), t.TempDir()
	place(t, to, "state/engine.json", "{}")
	place(t, to, "state/souths/a.json", "{}")
	place(t, to, "secrets/data.key", "mine")
	before := sums(t, to)
	if _, err := Run(t.Context(), Options{From: from, To: to, Replace: true, Key: "k"}); err != nil {
		t.Fatal(err)
	}
	if u, err := Undo(to, "other", false); err != nil || u.Undone {
		t.Errorf("another import is taken back: %+v, %v", u, err)
	}
	collect(t, to, "north-7lSRYD") // by the agent that ran
	u, err := Undo(to, "k", true)
	if err != nil || !u.Undone || u.Kept == "" {
		t.Fatalf("%+v, %v", u, err)
	}
	if names := contentsOf(t, u.Kept, "north-7lSRYD").Cache; len(names) != 7 || names[6].Metadata.ContentFile != "since.csv" {
		t.Errorf("what was collected since is lost: %+v", names)
	}
	must(t, os.RemoveAll(u.Kept))
	must(t, os.Remove(filepath.Join(to, "oibus.lock")))
	same(t, "the target", before, sums(t, to))
	if u, err := Undo(to, "k", true); err != nil || u.Undone {
		t.Errorf("it is taken back twice: %+v, %v", u, err)
	}
}

// collect puts a content into a cache, as an agent does.
func collect(t *testing.T, dir, name string) {
	t.Helper()
	c, err := cache.Open(dir, name, cache.Options{})
	must(t, err)
	_, err = c.PutBytes(t.Context(), cache.Meta{Kind: content.Any, FileName: "since.csv"}, []byte("since"))
	must(t, errors.Join(err, c.Close()))
}

func contentsOf(t *testing.T, dir, name string) cache.Found {
	t.Helper()
	c, err := cache.Open(dir, name, cache.Options{})
	must(t, err)
	found, err := c.Search(cache.Query{})
	must(t, errors.Join(err, c.Close()))
	return found
}

func TestWhatTheOtherHasAsWellIsNotKept(t *testing.T) {
	t.Parallel()
	from, to := fixture(t), t.TempDir()
	before := sums(t, to)
	if _, err := Run(t.Context(), Options{From: from, To: to, Key: "k"}); err != nil {
		t.Fatal(err)
	}
	c, err := cache.Open(to, "north-7lSRYD", cache.Options{}) // the agent ran, and has sent some
	must(t, err)
	_, err = c.Clear(cache.InCache)
	must(t, errors.Join(err, c.Close()))
	if u, err := Undo(to, "k", true); err != nil || !u.Undone || u.Kept != "" {
		t.Errorf("%+v, %v", u, err)
	}
	must(t, os.Remove(filepath.Join(to, "oibus.lock")))
	same(t, "the target", before, sums(t, to))
}

func TestWhatWasNotSentIsCounted(t *testing.T) {
	t.Parallel()
	from, to := fixture(t), t.TempDir()
	waits(t, from, "error/"+query, "refused", "refused.csv", "text", 4)
	waits(t, from, "archive/"+query, "sent", "sent.csv", "text", 4)
	if _, err := Run(t.Context(), Options{From: from, To: to}); err != nil {
		t.Fatal(err)
	}
	collect(t, to, site)
	if l, err := CountLeft(to); err != nil || l != (Left{18, 1}) {
		t.Errorf("%+v, %v", l, err)
	}
}

func TestTakingBackGoesOnAtEachStep(t *testing.T) {
	t.Parallel()
	for _, keep := range []bool{false, true} {
		for steps := range 2*len(parts) + 1 {
			dir := t.TempDir()
			r := receipt{Had: []string{"state", "cache"}}
			for _, part := range parts {
				place(t, dir, part+"/file", "new")
			}
			for _, part := range r.Had {
				place(t, dir, asideFolder+"/"+part+"/file", "old")
			}
			place(t, dir, asideFolder+"/secrets/file", "of an import long ago")
			place(t, dir, receiptName, `{"key":"k","had":["state","cache"]}`)
			for i, part := range parts { // what a process did before it was killed
				if steps > 2*i {
					must(t, os.RemoveAll(filepath.Join(dir, part)))
				}
				if steps > 2*i+1 && exists(filepath.Join(dir, asideFolder, part)) && part != "secrets" {
					must(t, os.Rename(filepath.Join(dir, asideFolder, part), filepath.Join(dir, part)))
				}
			}
			if u, err := Undo(dir, "k", keep); err != nil || !u.Undone {
				t.Fatalf("after %d steps: %+v, %v", steps, u, err)
			}
			for _, part := range parts {
				raw, err := os.ReadFile(filepath.Join(dir, part, "file"))
				if part == "state" || part == "cache" {
					if string(raw) != "old" {
						t.Errorf("after %d steps %s is %q, %v", steps, part, raw, err)
					}
				} else if !errors.Is(err, os.ErrNotExist) {
					t.Errorf("after %d steps there is %s: %q, %v", steps, part, raw, err)
				}
			}
		}
	}
}

func TestAFolderInWhichNothingWasConfiguredIsTaken(t *testing.T) {
	t.Parallel()
	from, to := fixture(t), t.TempDir()
	place(t, to, "state/engine.json", "{}")
	place(t, to, "state/registration.json", `{"schema":1,"data":{"status":"NOT_REGISTERED"}}`)
	must(t, os.MkdirAll(filepath.Join(to, "state", "history", "items"), 0o700))
	if _, err := Run(t.Context(), Options{From: from, To: to}); err != nil {
		t.Fatal(err)
	}
	if raw, err := os.ReadFile(filepath.Join(asides(t, to, 1)[0], "state", "engine.json")); err != nil || string(raw) != "{}" {
		t.Errorf("what a first start had made is not kept: %q, %v", raw, err)
	}
}

func TestTheCertificateTowardsServersComesOver(t *testing.T) {
	t.Parallel()
	from, to := fixture(t), t.TempDir()
	if _, err := Run(t.Context(), Options{From: from, To: to}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"private.pem": "RSA PRIVATE KEY", "cert.pem": "CERTIFICATE", "public.pem": "PUBLIC KEY"} {
		raw, err := os.ReadFile(filepath.Join(to, identityFolder, name))
		if err != nil || !strings.Contains(string(raw), want) {
			t.Errorf("%s: %v", name, err)
		}
		if old, err := os.ReadFile(filepath.Join(from, identityFolder, name)); err == nil && string(old) != string(raw) {
			t.Errorf("%s is another one", name)
		}
	}
	place(t, from, identityFolder+"/private.pem", "nonsense")
	r, err := Run(t.Context(), Options{From: from, To: t.TempDir()})
	if err != nil || len(r.Changes) != 1 || !strings.Contains(r.Changes[0].What, "made anew") {
		t.Errorf("%+v, %v", r.Changes, err)
	}
}
