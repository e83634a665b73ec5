package takeover

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"oibus/agent/cache"
	"oibus/agent/connectors"
	"oibus/agent/manifest"
	"oibus/agent/registration"
	"oibus/agent/secret"
	"oibus/agent/store"
	"oibus/testing/harness"
)

// fixture is a copy of the data folder of the reference, which a test may damage.
func fixture(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(harness.Shared(t, "reference-data"), "data"))); err != nil {
		t.Fatal(err)
	}
	return dir
}

// sums are the checksums of all files of a folder.
func sums(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		sum := sha256.Sum256(raw)
		all[path] = string(sum[:])
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func same(t *testing.T, what string, before, after map[string]string) {
	t.Helper()
	if len(before) != len(after) {
		t.Errorf("%s has %d files, before %d", what, len(after), len(before))
	}
	for path, sum := range before {
		if after[path] != sum {
			t.Errorf("%s: %s has changed", what, path)
		}
	}
}

func expected(t *testing.T, into any) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(harness.Shared(t, "reference-data"), "expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatal(err)
	}
}

func TestASiteComesOverWithItsSecretsAndItsCaches(t *testing.T) {
	t.Parallel()
	from, to := fixture(t), t.TempDir()
	before := sums(t, from)
	dry, err := Run(t.Context(), Options{From: from, To: to, DryRun: true})
	if err != nil {
		t.Fatal(err)
	}
	if left := sums(t, to); len(left) > 0 {
		t.Errorf("a dry run leaves %v", left)
	}
	r, err := Run(t.Context(), Options{From: from, To: to})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "the source", before, sums(t, from))
	if r.Cache != dry.Cache || r.Cache.Contents != 17 || len(r.Changes) != 0 || len(r.Lines) != len(dry.Lines) {
		t.Errorf("dry run %+v\nrun %+v", dry, r)
	}
	if _, err := os.Stat(filepath.Join(to, stagingFolder)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the staging folder is left: %v", err)
	}

	var want struct{ Secrets map[string]string }
	expected(t, &want)
	keys, err := secret.Open(to)
	if err != nil {
		t.Fatal(err)
	}
	st, err := store.Open(to)
	if err != nil {
		t.Fatal(err)
	}
	record, ok, err := registration.Document(st).Load()
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	opened := func(sealed *string) string {
		text, err := keys.Open(*sealed)
		if err != nil {
			t.Error(err)
		}
		return text
	}
	if got := opened(record.Token); got != want.Secrets["registration.token"] {
		t.Errorf("the token is %q", got)
	}
	if got := opened(record.APIGatewayHeaderValue); got != want.Secrets["registration.apiGatewayHeaderValue"] {
		t.Errorf("the header of the gateway is %q", got)
	}
	if key := opened(record.PrivateCipherKey); !strings.Contains(key, "PRIVATE KEY") {
		t.Error("the private key is none")
	}
	c, err := connectors.Open(connectors.Options{Store: st, Keys: keys, Dialect: manifest.N, Transformer: func(string) bool { return true }})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	found := 0
	for _, south := range c.Souths() {
		form, _ := manifest.FindSouth(manifest.N, south.Type)
		settings, err := form.Settings.Open(south.Settings, keys.Open)
		if err != nil {
			t.Error(err)
		}
		if plain := want.Secrets["south "+south.Name+" settings.authentication.password"]; plain != "" {
			found++
			if !strings.Contains(string(settings), `"`+plain+`"`) || strings.Contains(string(south.Settings), plain) {
				t.Errorf("the secret of %q is not sealed, or not what it was", south.Name)
			}
		}
	}
	total := 0
	for _, north := range c.Norths() {
		form, _ := manifest.FindNorth(manifest.N, north.Type)
		settings, err := form.Settings.Open(north.Settings, keys.Open)
		if plain := want.Secrets["north "+north.Name+" settings.authentication.password"]; plain != "" || err != nil {
			found++
			if err != nil || !strings.Contains(string(settings), `"`+plain+`"`) || strings.Contains(string(north.Settings), plain) {
				t.Errorf("the secret of %q is not sealed, or not what it was: %v", north.Name, err)
			}
		}
		k, err := cache.Open(to, "north-"+north.ID, cache.Options{})
		if err != nil {
			t.Fatal(err)
		}
		all, err := k.Search(cache.Query{})
		if err != nil {
			t.Fatal(err)
		}
		total += len(all.Cache) + len(all.Error) + len(all.Archive)
		for _, f := range append(append(all.Cache, all.Error...), all.Archive...) {
			if int64(len(bytesOf(t, k, f))) != f.Metadata.ContentSize {
				t.Errorf("%+v has other bytes", f)
			}
		}
		if err := k.Close(); err != nil {
			t.Error(err)
		}
	}
	if total != 17 {
		t.Errorf("%d contents came over", total)
	}
	if found != 3 {
		t.Errorf("%d connectors with secrets", found)
	}
}

func bytesOf(t *testing.T, c *cache.Cache, f cache.File) []byte {
	t.Helper()
	for _, folder := range cache.Folders {
		_, r, err := c.Read(folder, f.Filename)
		if err != nil {
			continue
		}
		data, err := io.ReadAll(r)
		if err = errors.Join(err, r.Close()); err != nil {
			t.Fatal(err)
		}
		return data
	}
	t.Fatalf("%+v is in no folder", f)
	return nil
}

func TestWhatIsThereIsNotOverwrittenUnlessAsked(t *testing.T) {
	t.Parallel()
	from, to := fixture(t), t.TempDir()
	if err := os.MkdirAll(filepath.Join(to, "state"), 0o700); err != nil {
		t.Fatal(err)
	}
	mine, registered := filepath.Join(to, "state", "engine.json"), filepath.Join(to, "state", "registration.json")
	must(t, os.WriteFile(mine, []byte("{}"), 0o600))
	must(t, os.WriteFile(registered, []byte(`{"schema":1,"data":{"status":"PENDING"}}`), 0o600))
	if _, err := Run(t.Context(), Options{From: from, To: to}); !errors.Is(err, ErrNotEmpty) {
		t.Fatalf("got %v", err)
	}
	if r, err := Run(t.Context(), Options{From: from, To: to, DryRun: true}); err != nil || !r.Occupied {
		t.Fatalf("%+v, %v", r, err)
	}
	if raw, err := os.ReadFile(mine); err != nil || string(raw) != "{}" {
		t.Errorf("%s, %v", raw, err)
	}
	if _, err := Run(t.Context(), Options{From: from, To: to, Replace: true}); err != nil {
		t.Fatal(err)
	}
	if raw, err := os.ReadFile(filepath.Join(asides(t, to, 1)[0], "state", "engine.json")); err != nil || string(raw) != "{}" {
		t.Errorf("put aside: %s, %v", raw, err)
	}
	if raw, err := os.ReadFile(mine); err != nil || !strings.Contains(string(raw), "ksRPPSSO8mpQzYyk") {
		t.Errorf("in place: %s, %v", raw, err)
	}
	place(t, to, "cache/north-x/waiting", "not sent yet")
	for n := 2; n < 5; n++ {
		if r, err := Run(t.Context(), Options{From: from, To: to, Replace: true}); err != nil || r.Aside != asides(t, to, n)[n-1] {
			t.Fatalf("%+v, %v", r, err)
		}
	}
	if raw, err := os.ReadFile(filepath.Join(asides(t, to, 4)[0], "state", "engine.json")); err != nil || string(raw) != "{}" {
		t.Errorf("what the first import put aside: %s, %v", raw, err)
	}
	if raw, err := os.ReadFile(filepath.Join(asides(t, to, 4)[1], "cache", "north-x", "waiting")); err != nil || string(raw) != "not sent yet" {
		t.Errorf("what the second import put aside: %s, %v", raw, err)
	}
}

// asides are the folders of what was put aside, the oldest first.
func asides(t *testing.T, dir string, count int) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, asideFolder+"-*"))
	if err != nil || len(list) != count {
		t.Fatalf("%v, %v", list, err)
	}
	slices.Sort(list) // the second of one second has a number at the end
	return list
}

func TestADamagedSourceIsRefusedAndNothingIsTouched(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		damage func(dir string) error
		want   string
	}{
		"no database": {func(dir string) error { return os.Remove(filepath.Join(dir, configFile)) }, "cannot read the database"},
		"no key":      {func(dir string) error { return os.Remove(filepath.Join(dir, cryptoFile)) }, "cannot read the database"},
		"cut off":     {func(dir string) error { return os.Truncate(filepath.Join(dir, configFile), 20_000) }, "oibus.db"},
		"no database file": {func(dir string) error {
			return os.WriteFile(filepath.Join(dir, configFile), []byte(strings.Repeat("x", 9000)), 0o600)
		}, "oibus.db"},
		"an empty file":              {func(dir string) error { return os.WriteFile(filepath.Join(dir, configFile), nil, 0o600) }, "oibus.db"},
		"no key in the file of keys": {func(dir string) error { return change(dir, cryptoFile, "DELETE FROM crypto") }, "cannot read the key"},
		"the file of keys cut off":   {func(dir string) error { return os.Truncate(filepath.Join(dir, cryptoFile), 5000) }, "crypto.db"},
		"what was read cut off":      {func(dir string) error { return cutOff(filepath.Join(dir, trackFile)) }, "cache.db"},
		"only what was not yet written": {func(dir string) error {
			return errors.Join(os.Rename(filepath.Join(dir, configFile), filepath.Join(dir, configFile+"-wal")))
		}, "oibus.db"},
		"another key":      {otherKey, "cannot decrypt"},
		"a newer version":  {newer, "take a newer one"},
		"an older version": {older, "update that OIBus to 3.8 first"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			from, to := fixture(t), t.TempDir()
			if err := c.damage(from); err != nil {
				t.Fatal(err)
			}
			before := sums(t, from)
			_, err := Run(context.Background(), Options{From: from, To: to})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v", err)
			}
			for _, secret := range []string{"DTMmal8F", "mock-access-token"} {
				if err != nil && strings.Contains(err.Error(), secret) {
					t.Errorf("the error tells a secret: %v", err)
				}
			}
			same(t, "the source", before, sums(t, from))
			for path := range sums(t, to) {
				if filepath.Dir(path) != to {
					t.Errorf("%s is left in the target", path)
				}
			}
		})
	}
}
