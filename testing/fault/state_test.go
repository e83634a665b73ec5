package fault

import (
	"bytes"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"oibus/testing/fault/site"
)

// startsWithin is the promise: seconds, whatever the state looks like. It is generous because machines are shared.
const startsWithin = 20 * time.Second

// damage is what happens to a file.
type damage struct {
	name string
	do   func(rng *rand.Rand, path string, content []byte) error
}

func write(f func(rng *rand.Rand, content []byte) []byte) func(*rand.Rand, string, []byte) error {
	return func(rng *rand.Rand, path string, content []byte) error {
		return os.WriteFile(path, f(rng, content), 0o600)
	}
}

var damages = []damage{
	{"emptied", write(func(*rand.Rand, []byte) []byte { return nil })},
	{"zero-filled", write(func(_ *rand.Rand, c []byte) []byte { return make([]byte, len(c)) })},
	{"truncated", write(func(rng *rand.Rand, c []byte) []byte { return c[:1+rng.IntN(len(c)-1)] })},
	{"half zeros", write(func(rng *rand.Rand, c []byte) []byte {
		half := slices.Clone(c)
		clear(half[1+rng.IntN(len(c)-1):])
		return half
	})},
	{"garbage", write(garbage)},
	{"hollow", write(func(*rand.Rand, []byte) []byte { return []byte(`{"schema":1,"data":null}`) })},
	{"a folder", func(_ *rand.Rand, path string, _ []byte) error {
		if err := os.Remove(path); err != nil {
			return err
		}
		return os.MkdirAll(filepath.Join(path, "not empty"), 0o700)
	}},
	{"deleted", func(_ *rand.Rand, path string, _ []byte) error { return os.Remove(path) }},
}

func garbage(rng *rand.Rand, content []byte) []byte {
	b := make([]byte, len(content))
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

// quiet tells whether nobody needs to be told of a damage: what is not read is not missed, a log may be taken away by
// its owner, and one slot of a cursor is enough.
func quiet(file, damage string) bool {
	switch {
	case strings.HasSuffix(file, ".previous"):
		return true
	case damage == "deleted" || damage == "emptied":
		return strings.HasPrefix(file, "logs/") || file == "state/sessions.json" || file == "secrets/data.key.copy"
	}
	return strings.HasPrefix(file, "logs/cursor-") && (damage == "truncated" || damage == "half zeros")
}

// saysTheSame tells whether a damage took no more than the end of the last line.
func saysTheSame(path string, before []byte) bool {
	after, err := os.ReadFile(path)
	return err == nil && len(after) > 0 && bytes.Equal(bytes.TrimSpace(after), bytes.TrimSpace(before))
}

// rot is one file of a site, and what happens to it.
type rot struct {
	file string
	damage
}

func (r rot) String() string { return r.file + " " + r.name }

// stateFiles lists the files that an agent reads at its start.
func stateFiles(t *testing.T, dir string) []string {
	t.Helper()
	var files []string
	for _, folder := range []string{"state", "secrets", "logs", "certs"} {
		err := filepath.WalkDir(filepath.Join(dir, folder), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || d.Name() == "reserve" { // the reserve only takes room
				return err
			}
			rel, err := filepath.Rel(dir, path)
			files = append(files, filepath.ToSlash(rel))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return files
}

func TestAnAgentStartsWhateverBecameOfAStateFile(t *testing.T) {
	t.Parallel()
	rng := dice(t)
	healthy, before := healthySite(t)
	for _, file := range stateFiles(t, healthy.Dir) {
		r := rot{file, damages[rng.IntN(len(damages))]}
		seed := rng.Uint64()
		t.Run(r.String(), func(t *testing.T) {
			t.Parallel()
			r.bear(t, rand.New(rand.NewPCG(seed, 0)), before)
		})
	}
}

func TestSweepAnAgentStartsWhateverBecameOfAnyStateFile(t *testing.T) {
	sweep(t)
	t.Parallel()
	rng := dice(t)
	healthy, before := healthySite(t)
	for _, file := range stateFiles(t, healthy.Dir) {
		for _, d := range damages {
			r, seed := rot{file, d}, rng.Uint64()
			t.Run(r.String(), func(t *testing.T) {
				t.Parallel()
				r.bear(t, rand.New(rand.NewPCG(seed, 0)), before)
			})
		}
	}
}

// bear lets a site with one damaged file start, tell, work, and start again.
func (r rot) bear(t *testing.T, rng *rand.Rand, before holding) {
	r.bearAs(t, rng, before, func(*site.Site) {})
}

// bearAs does so after a change to the site.
func (r rot) bearAs(t *testing.T, rng *rand.Rand, before holding, prepare func(*site.Site)) {
	s := site.New(t, site.Options{})
	prepare(s)
	path := filepath.Join(s.Dir, filepath.FromSlash(r.file))
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.do(rng, path, content); err != nil {
		t.Fatal(err)
	}
	same := saysTheSame(path, content)
	began := time.Now()
	s.Start()
	if took := time.Since(began); took > startsWithin {
		t.Errorf("it took %v to start", took)
	}
	kind, _, _ := strings.Cut(filepath.Base(r.file), ".")
	before.compare(t, holds(t, s), kind)
	if !quiet(r.file, r.name) && !same {
		// the keys are told of as one
		tells(t, s, strings.TrimSuffix(filepath.Base(r.file), ".copy"))
	}
	polls(t, s)
	works(t, s)
	keepsSecrets(t, s)
	if code := s.Stop(); code != 0 {
		t.Errorf("it ended with %d\n%s", code, s.Output())
	}
	s.Start()
	ctx := t.Context()
	state, err := overview(ctx, s.Client)
	if err != nil {
		t.Fatal(err)
	}
	if len(state.Incidents) > 0 {
		t.Errorf("the next start still finds %+v", state.Incidents)
	}
	if h := holds(t, s); !slices.Contains(h["scan-modes"], "after the damage") || h["engine"][1] != "renamed" {
		t.Errorf("what was changed after the damage is lost: %v", h)
	}
	s.Kill()
}
