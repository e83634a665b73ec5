package installer

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"oibus/launcher/release"
)

// do runs a command line and returns what it printed.
func do(t *testing.T, wantCode int, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	if code := Main(t.Context(), args, &out, &errs); code != wantCode {
		t.Fatalf("%q ends with %d, want %d\n%s%s", args, code, wantCode, out.String(), errs.String())
	}
	return out.String(), errs.String()
}

func wantText(t *testing.T, got string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(got, part) {
			t.Errorf("got:\n%s\nwant %q in it", got, part)
		}
	}
}

// newPackage writes a package and returns its path.
func newPackage(t *testing.T, system string) string {
	t.Helper()
	source := func(path string) release.Source {
		return release.Source{Path: path, Executable: true, Open: func() (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader("program " + path)), nil
		}}
	}
	m := release.Manifest{Version: "3.9.0", Platform: system, Architecture: release.ARM64, Created: time.Now(), State: release.StateLevels{MinReadable: 1, Written: 1}}
	path := filepath.Join(t.TempDir(), release.FileName("3.9.0", system, release.ARM64))
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = release.Write(t.Context(), f, m, []release.Source{source(release.LauncherPath(system)), source(release.AgentPath(system))}, nil)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

// answerOf decodes the JSON that a command line prints.
func answerOf[T any](t *testing.T, wantCode int, args ...string) (v T) {
	t.Helper()
	out, errs := do(t, wantCode, append(args, "--json")...)
	if err := json.Unmarshal([]byte(out), &v); err != nil || errs != "" {
		t.Fatalf("%q prints %q and %q: %v", args, out, errs, err)
	}
	return v
}

func TestEachVerbIsExplained(t *testing.T) {
	t.Parallel()
	overview, _ := do(t, ExitDone, "--help")
	for _, v := range verbs {
		wantText(t, overview, v.name, v.summary)
		for _, args := range [][]string{append(strings.Fields(v.name), "--help"), append([]string{"help"}, strings.Fields(v.name)...)} {
			help, _ := do(t, ExitDone, args...)
			wantText(t, help, "Usage: oibus-installer "+v.name, "oibus-installer "+v.name+" ", "--json")
			if strings.Count(help, "oibus-installer "+v.name) < 2 {
				t.Errorf("the help of %s has no example:\n%s", v.name, help)
			}
		}
	}
	group, _ := do(t, ExitDone, "release", "--help")
	wantText(t, group, "release sign")
}

func TestAWrongCommandLineSaysWhatIsRight(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ args, want string }{
		{"", "Usage: oibus-installer VERB"},
		{"release", "release keygen, release certify"},
		{"release explode", `there is no "release explode", there is: release keygen`},
		{"explode", `there is no "explode"`},
		{"release sign --nonsense x", "there is no option --nonsense; oibus-installer release sign --help explains"},
		{"release sign --key", "a value is needed after --key;"},
		{"release verify --revoked x y", `invalid value "x" for --revoked: `},
		{"install --port abc", `the port is "abc", it must be from 1 to 65535`},
		{"install --port 0", `the port is "0", it must be from 1 to 65535`},
		{"install --port 65536", `the port is "65536", it must be from 1 to 65535`},
		{"release sign", "the package is needed"},
		{"release sign x", "the option --key is needed"},
		{"release verify a b", "got 2 arguments"},
		{"release verify --trust me x", "is not a public key"},
		{"release verify --unproven maybe x", `"maybe" is neither "accept" nor "refuse"`},
		{"release keygen", "the option --out is needed"},
		{"release keygen --role admin --out x", `not "admin"`},
		{"release keygen --role root --root x --out x", "the role is root"},
		{"release keygen x", `"x" means nothing here`},
		{"release certify release:x", "the option --root is needed\nthe option --out is needed"},
		{"release certify --root r --out o me", "is not a public key"},
	} {
		_, errs := do(t, ExitBadCommand, strings.Fields(c.args)...)
		wantText(t, errs, c.want)
	}
}

func TestAReleaseIsSignedAndVerified(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	root := answerOf[keyAnswer](t, ExitDone, "release", "keygen", "--role", "root", "--out", at("root.key"))
	key := answerOf[keyAnswer](t, ExitDone, "release", "keygen", "--root", at("root.key"), "--out", at("release.key"), "--serial", "7")
	pkg := newPackage(t, release.Windows)

	out, _ := do(t, ExitDone, "release", "verify", pkg)
	wantText(t, out, "proven by      nobody", "Warning: nothing proves who made it: it is not signed")
	_, errs := do(t, ExitRefused, "release", "verify", pkg, "--trust", root.Public.String())
	wantText(t, errs, "it is not signed, and the policy of this machine refuses that")

	out, _ = do(t, ExitDone, "release", "sign", pkg, "--key", at("release.key"))
	wantText(t, out, "In order: "+pkg, "for            windows arm64")
	r := answerOf[reportAnswer](t, ExitDone, "release", "verify", "--trust", root.Public.String(), pkg)
	if r.Signer.KeyID != key.ID || r.Signer.RootID != root.ID || r.Signer.Serial != 7 || r.Manifest.Version != "3.9.0" {
		t.Errorf("%+v", r.Signer)
	}
	f := answerOf[failure](t, ExitRefused, "release", "verify", pkg, "--trust", root.Public.String(), "--revoked", "7")
	if f.ExitCode != ExitRefused || !strings.Contains(f.Error, "with serial 7 is revoked") {
		t.Errorf("%+v", f)
	}
	_, errs = do(t, ExitRefused, "release", "verify", pkg, "--version", "4.0.0")
	wantText(t, errs, "it holds version 3.9.0, but version 4.0.0 was asked for")
	_, errs = do(t, ExitRefused, "release", "verify", pkg, "--platform", "linux")
	wantText(t, errs, "it is for windows arm64, this machine is linux arm64")
	if left, err := os.ReadDir(filepath.Dir(pkg)); err != nil || len(left) != 1 {
		t.Errorf("%d files are left, %v", len(left), err)
	}
}

func TestAReleaseKeyIsCertifiedElsewhere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	out, _ := do(t, ExitDone, "release", "keygen", "--role", "root", "--out", at("root.key"))
	wantText(t, out, "trusted_keys = [\"root:")
	key := answerOf[keyAnswer](t, ExitDone, "release", "keygen", "--out", at("release.key"))
	out, _ = do(t, ExitDone, "release", "certify", "--root", at("root.key"), "--out", at("cert"), "--days", "30", key.Public.String())
	wantText(t, out, "Certified release key "+key.ID)
	pkg, signed := newPackage(t, release.Linux), at("signed.zip")
	do(t, ExitDone, "release", "sign", "--key", at("release.key"), "--certificate", at("cert"), "--out", signed, pkg)

	root, err := release.ReadPrivateKey(at("root.key"))
	if err != nil {
		t.Fatal(err)
	}
	settings := at("oibus.toml")
	if err := os.WriteFile(settings, []byte("[launcher]\ntrusted_keys = [\""+root.Public().String()+"\"]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, _ = do(t, ExitDone, "release", "verify", "--settings", settings, signed)
	wantText(t, out, "certified by root key "+root.Public().ID())
	_, errs := do(t, ExitRefused, "release", "verify", "--settings", settings, pkg)
	wantText(t, errs, "it is not signed")
	do(t, ExitFailed, "release", "verify", "--settings", at("missing.toml"), signed)
	out, _ = do(t, ExitDone, "release", "inspect", signed)
	wantText(t, out, "claims to be of release key "+key.ID, "x ", "binaries/oibus")
}

func TestKeysAreNotReplacedNorUsedWhenExpired(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	do(t, ExitDone, "release", "keygen", "--role", "root", "--out", at("root.key"))
	do(t, ExitFailed, "release", "keygen", "--role", "root", "--out", at("root.key"))
	_, errs := do(t, ExitFailed, "release", "keygen", "--root", at("root.key"), "--out", at("release.key"), "--days", "0")
	wantText(t, errs, "would end before it begins")

	key, err := release.NewPrivateKey(release.Release)
	if err != nil {
		t.Fatal(err)
	}
	root, err := release.ReadPrivateKey(at("root.key"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := root.Certify(key.Public(), 1, time.Now().AddDate(-2, 0, 0), time.Now().AddDate(-1, 0, 0))
	if err != nil {
		t.Fatal(err)
	}
	key.Certificate = &c
	if err := key.WriteFile(at("old.key")); err != nil {
		t.Fatal(err)
	}
	pkg := newPackage(t, release.Linux)
	before, err := os.ReadFile(pkg)
	if err != nil {
		t.Fatal(err)
	}
	_, errs = do(t, ExitFailed, "release", "sign", "--key", at("old.key"), pkg)
	wantText(t, errs, "is expired since")
	_, errs = do(t, ExitFailed, "release", "sign", "--key", at("root.key"), pkg)
	wantText(t, errs, "only a release key can sign a package")
	_, errs = do(t, ExitFailed, "release", "certify", "--root", at("old.key"), "--out", at("c"), key.Public().String())
	wantText(t, errs, "only a root key can certify")
	if after, err := os.ReadFile(pkg); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the package is changed, %v", err)
	}
	if left, err := os.ReadDir(filepath.Dir(pkg)); err != nil || len(left) != 1 {
		t.Errorf("%d files are left, %v", len(left), err)
	}
}

func TestAnUnpackedReleaseIsVerifiedToo(t *testing.T) {
	t.Parallel()
	p, err := release.Open(newPackage(t, release.Linux), release.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "3.9.0")
	if _, err = p.Verify(t.Context(), release.Policy{Platform: release.Linux, Architecture: release.ARM64}); err == nil {
		err = p.Unpack(t.Context(), dir)
	}
	if err := errors.Join(err, p.Close()); err != nil {
		t.Fatal(err)
	}
	out, _ := do(t, ExitDone, "release", "verify", dir)
	wantText(t, out, "version        3.9.0")
	if err := os.WriteFile(filepath.Join(dir, "binaries", "oibus"), []byte("evil"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, errs := do(t, ExitRefused, "release", "inspect", dir)
	wantText(t, errs, `entry "binaries/oibus" has 4 bytes`)
	_, errs = do(t, ExitFailed, "release", "verify", filepath.Join(dir, "missing"))
	wantText(t, errs, "cannot open the release")
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("this is a text, and longer than the end of a zip archive"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, errs = do(t, ExitRefused, "release", "verify", text)
	wantText(t, errs, "invalid signature: 0x73696874: not a zip archive")
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestAnAnswerThatCannotBePrintedIsAFailure(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"--version"}, {"--version", "--json"}, {"--help"}, {"release", "sign", "--help"}} {
		var errs bytes.Buffer
		if code := Main(t.Context(), args, fullDisk{}, &errs); code != ExitFailed {
			t.Errorf("%q ends with %d: %s", args, code, errs.String())
		}
	}
}
