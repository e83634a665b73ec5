package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"oibus/launcher/release"
	"oibus/platform/bom"
)

// here is the platform that the test plays to be on.
func here(t *testing.T) target {
	t.Helper()
	i := slices.IndexFunc(targets, func(g target) bool { return g.system == release.Linux && g.architecture == release.X64 })
	if i < 0 {
		t.Fatal("there are no packages for linux")
	}
	return targets[i]
}

// fakeProgram is as little of a program for linux x64 as tells what it was built from: that of this test.
func fakeProgram(t *testing.T) []byte {
	t.Helper()
	info, ok := debug.ReadBuildInfo()
	if !ok {
		t.Fatal("the test does not know what it was built from")
	}
	const address, header = 0x400000, 64 + 56
	le := binary.LittleEndian
	text := strings.Repeat("x", 16) + info.String() + strings.Repeat("x", 16)
	data := append([]byte("\xff Go buildinf:\x08\x02"), make([]byte, 16)...)
	for _, part := range []string{info.GoVersion, text} {
		data = append(binary.AppendUvarint(data, uint64(len(part))), part...)
	}
	file := append([]byte("\x7fELF\x02\x01\x01"), make([]byte, header-7)...)
	le.PutUint16(file[16:], 2)  // a program
	le.PutUint16(file[18:], 62) // for x64
	le.PutUint32(file[20:], 1)
	le.PutUint64(file[32:], 64) // its segments follow, 1 of 56 bytes
	le.PutUint16(file[52:], 64)
	le.PutUint16(file[54:], 56)
	le.PutUint16(file[56:], 1)
	segment := file[64:]
	le.PutUint32(segment, 1)     // loaded
	le.PutUint32(segment[4:], 6) // to be written to
	le.PutUint64(segment[8:], header)
	le.PutUint64(segment[16:], address)
	le.PutUint64(segment[32:], uint64(len(data)))
	le.PutUint64(segment[40:], uint64(len(data)))
	return append(file, data...)
}

// site is a folder with everything that packages are made of.
func site(t *testing.T) job {
	t.Helper()
	g := here(t)
	dir := t.TempDir()
	j := newJob()
	j.root, j.from, j.out = dir, filepath.Join(dir, "cross"), filepath.Join(dir, "out")
	j.system, j.architecture = g.system, g.architecture
	j.version, j.minState, j.state, j.createdText = "3.9.0", 1, 2, "2026-03-01T12:00:00Z"
	j.probe = func(context.Context, string) (string, error) { return "3.9.0", nil }
	j.environment = func(string) string { return "" }
	for _, name := range []string{"LICENSE", "oibus.toml.example"} {
		put(t, filepath.Join(dir, name), []byte(name))
	}
	for _, p := range j.programs(g) {
		if err := os.MkdirAll(filepath.Dir(p.file), 0o755); err != nil {
			t.Fatal(err)
		}
		put(t, p.file, fakeProgram(t))
	}
	return j
}

func put(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestThePackagesAreNamedSignedAndAlwaysTheSame(t *testing.T) {
	t.Parallel()
	j, g := site(t), here(t)
	key, err := release.NewPrivateKey(release.Release)
	if err != nil {
		t.Fatal(err)
	}
	j.key = filepath.Join(j.root, "release.key")
	if err := key.WriteFile(j.key); err != nil {
		t.Fatal(err)
	}
	first, err := j.packages(t.Context())
	if err != nil || len(first) != 1 || first[0].name != release.FileName("3.9.0", g.system, g.architecture) {
		t.Fatalf("%+v, %v", first, err)
	}
	again, err := j.packages(t.Context())
	if err != nil || first[0] != again[0] {
		t.Errorf("%+v, then %+v, %v", first, again, err)
	}
	sums, err := os.ReadFile(filepath.Join(j.out, sumsName))
	if want := first[0].sha256 + "  " + first[0].name + "\n"; err != nil || string(sums) != want {
		t.Errorf("sums %q, %v", sums, err)
	}
	p, err := release.Open(filepath.Join(j.out, first[0].name), release.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	r, err := p.Verify(t.Context(), release.Policy{Trusted: []release.PublicKey{key.Public()}})
	if err := errors.Join(err, p.Close()); err != nil || r.Signer.KeyID != key.Public().ID() || r.Manifest.State.Written != 2 {
		t.Errorf("%+v, %v", r.Signer, err)
	}
	if files, err := os.ReadDir(j.out); err != nil || len(files) != 3 { // with the bill of materials
		t.Errorf("%d files, %v", len(files), err)
	}
}

func TestTheBillOfMaterialsNamesWhatIsLinked(t *testing.T) {
	t.Parallel()
	j, g := site(t), here(t)
	created, err := j.creation("")
	if err != nil {
		t.Fatal(err)
	}
	text, err := billOfMaterials(j.version, created, j.programs(g))
	if err != nil {
		t.Fatal(err)
	}
	var b bom.Bill
	if err := json.Unmarshal(text, &b); err != nil {
		t.Fatal(err)
	}
	if b.Format != "CycloneDX" || !strings.HasPrefix(b.Serial, "urn:uuid:") || b.Metadata.Timestamp != j.createdText {
		t.Errorf("%+v", b)
	}
	refs := map[string]bool{b.Metadata.Component.Ref: true}
	for _, c := range b.Components {
		if refs[c.Ref] {
			t.Errorf("%s is there twice", c.Ref)
		}
		refs[c.Ref] = true
	}
	if !slices.ContainsFunc(b.Components, func(c bom.Component) bool { return strings.HasPrefix(c.PURL, "pkg:golang/std@1.") }) {
		t.Error("the standard library is missing")
	}
	for _, d := range b.Dependencies {
		for _, ref := range append(d.DependsOn, d.Ref) {
			if !refs[ref] {
				t.Errorf("%s is needed but not there", ref)
			}
		}
	}
}

func TestWhatWouldMakeABadPackageFails(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(t *testing.T, j *job)
		want   string
	}{
		"another version inside": {func(_ *testing.T, j *job) {
			j.probe = func(context.Context, string) (string, error) { return "3.8.0", nil }
		}, `says that its version is "3.8.0", not "3.9.0"`},
		"no answer": {func(_ *testing.T, j *job) {
			j.probe = func(context.Context, string) (string, error) { return "", io.ErrUnexpectedEOF }
		}, "unexpected EOF"},
		"no programs": {func(_ *testing.T, j *job) { j.from = j.out }, "build them first"},
		"no installer": {func(t *testing.T, j *job) {
			if err := os.Remove(j.programs(here(t))[2].file); err != nil {
				t.Fatal(err)
			}
		}, "cannot read what"},
		"no license":   {func(_ *testing.T, j *job) { j.root = j.from }, "LICENSE"},
		"no key":       {func(_ *testing.T, j *job) { j.key = "missing" }, "cannot sign"},
		"bad version":  {func(_ *testing.T, j *job) { j.version, j.system = "3.9", "" }, `"3.9" is not a version`},
		"bad time":     {func(_ *testing.T, j *job) { j.createdText = "yesterday" }, "yesterday"},
		"wrong folder": {func(t *testing.T, j *job) { misplace(t, j) }, "is a program for"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := site(t)
			c.change(t, &j)
			if _, err := j.packages(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v", err)
			}
			left, err := filepath.Glob(filepath.Join(j.out, "*"))
			if err != nil || len(left) != 0 {
				t.Errorf("left %v, %v", left, err)
			}
		})
	}
}

// misplace puts the programs of this architecture into the folder of another.
func misplace(t *testing.T, j *job) {
	g := here(t)
	i := slices.IndexFunc(targets, func(o target) bool { return o.system == g.system && o.architecture != g.architecture })
	if err := os.Rename(filepath.Join(j.from, g.folder), filepath.Join(j.from, targets[i].folder)); err != nil {
		t.Fatal(err)
	}
}

func TestTheTimeOfCreationIsThatOfTheEnvironment(t *testing.T) {
	t.Parallel()
	j := job{environment: func(string) string { return "1772366400" }}
	if got, err := j.creation("missing"); err != nil || got.Unix() != 1772366400 {
		t.Errorf("%s, %v", got, err)
	}
	j.environment = func(string) string { return "soon" }
	if _, err := j.creation("missing"); err == nil {
		t.Error("a time that is none is taken")
	}
}

func TestAWrongCommandLineIsRefused(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{}, {"--version", "1.0.0"}, {"--version", "1.0.0", "--state-written", "1", "x"}, {"--nonsense"},
		{"--version", "1.0.0", "--state-written", "1", "--state-min", "2"}} {
		var out, errs bytes.Buffer
		if code := run(t.Context(), args, &out, &errs); code != 2 || errs.Len() == 0 {
			t.Errorf("%v: exit code %d, %q", args, code, errs.String())
		}
	}
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"--version", "1.0.0", "--state-written", "1", "--from", t.TempDir(), "--out", t.TempDir()}, &out, &errs); code != 1 {
		t.Errorf("exit code %d, %q", code, errs.String())
	}
}
