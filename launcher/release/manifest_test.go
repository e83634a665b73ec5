package release

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// rewrite changes the text of the manifest in a package, and writes the rest as it was.
func rewrite(t testing.TB, data []byte, change func(m map[string]any)) []byte {
	t.Helper()
	list := records(t, data)
	r := find(list, ManifestName)
	var m map[string]any
	if err := json.Unmarshal([]byte(r.content), &m); err != nil {
		t.Fatal(err)
	}
	change(m)
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	r.content = string(text)
	return archive(list)
}

func firstFile(m map[string]any) map[string]any { return m["files"].([]any)[0].(map[string]any) }

func TestAManifestThatIsWrongIsRefused(t *testing.T) {
	t.Parallel()
	good := build(t, base(), contents(), nil)
	for name, c := range map[string]struct {
		change func(m map[string]any)
		want   string
	}{
		"newer format":         {func(m map[string]any) { m["format"], m["files"] = 2, "other" }, "a newer OIBus must do this"},
		"no format":            {func(m map[string]any) { delete(m, "format") }, "has format 0 of product"},
		"another product":      {func(m map[string]any) { m["product"] = "other" }, `of product "other"`},
		"no version":           {func(m map[string]any) { delete(m, "version") }, `entry "manifest.json" has no version`},
		"path as version":      {func(m map[string]any) { m["version"] = "../3" }, `"../3" is not a version`},
		"version with v":       {func(m map[string]any) { m["version"] = "v3.9.0" }, `has version "v3.9.0" instead of "3.9.0"`},
		"unknown platform":     {func(m map[string]any) { m["platform"] = "beos" }, `is for "beos" "x64", which is not known`},
		"another platform":     {func(m map[string]any) { m["platform"] = MacOS }, "it is for macos x64, this machine is linux x64"},
		"another architecture": {func(m map[string]any) { m["architecture"] = ARM64 }, "it is for linux arm64, this machine is linux x64"},
		"Windows without exe":  {func(m map[string]any) { m["platform"] = Windows }, `entry "oibus-launcher.exe" is missing`},
		"impossible levels":    {func(m map[string]any) { m["state"] = map[string]any{"minReadable": 3, "written": 2} }, "impossible state levels, 3 to 2"},
		"no files":             {func(m map[string]any) { m["files"] = nil }, `entry "oibus-launcher" is missing`},
		"missing file":         {func(m map[string]any) { m["files"] = append(m["files"].([]any), listed("x")) }, `entry "x" is in the manifest, but missing`},
		"extra file":           {func(m map[string]any) { m["files"] = m["files"].([]any)[1:] }, `entry "LICENSE" is not in the manifest`},
		"file twice":           {func(m map[string]any) { m["files"] = append(m["files"].([]any), firstFile(m)) }, `entry "LICENSE" is there twice`},
		"path out":             {func(m map[string]any) { firstFile(m)["path"] = "../x" }, `entry "../x" has a path that leaves its folder`},
		"lists itself":         {func(m map[string]any) { firstFile(m)["path"] = ManifestName }, `entry "manifest.json" is there twice`},
		"another size":         {func(m map[string]any) { firstFile(m)["size"] = 5 }, `entry "LICENSE" has 6 bytes, the manifest says 5`},
		"negative size":        {func(m map[string]any) { firstFile(m)["size"] = -1 }, `entry "LICENSE" has -1 bytes in the manifest`},
		"another checksum":     {func(m map[string]any) { firstFile(m)["sha256"] = strings.Repeat("0", 64) }, `entry "LICENSE" was changed: its SHA-256 is`},
		"no checksum":          {func(m map[string]any) { firstFile(m)["sha256"] = "" }, `which is no SHA-256`},
		"not executable":       {func(m map[string]any) { m["files"].([]any)[1].(map[string]any)["executable"] = false }, `entry "binaries/oibus" is not executable`},
		"another type":         {func(m map[string]any) { m["version"] = 3 }, `entry "manifest.json" cannot be read`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, err := verify(t, rewrite(t, good, c.change), machine())
			wantRefused(t, err, c.want)
		})
	}
	for _, text := range []string{"", "null", "[]", "{}", "{} {}", `{"format":1`, "\x00"} {
		list := records(t, good)
		find(list, ManifestName).content = text
		_, _, err := verify(t, archive(list), machine())
		wantRefused(t, err, `entry "manifest.json"`)
	}
}

func listed(path string) map[string]any {
	return map[string]any{"path": path, "size": 0, "sha256": strings.Repeat("0", 64), "executable": false}
}

func TestOnlyTheReleaseAskedForIsAccepted(t *testing.T) {
	t.Parallel()
	data := build(t, base(), contents(), nil)
	p := machine()
	for _, version := range []string{"", "3.9.0", "v3.9.0"} {
		p.Version = version
		accept(t, data, p)
	}
	p.Version = "v3.9.1"
	_, _, err := verify(t, data, p)
	wantRefused(t, err, "it holds version 3.9.0, but version 3.9.1 was asked for")
}

func TestAReleaseThatCannotReadTheDataFolderIsRefused(t *testing.T) {
	t.Parallel()
	data := build(t, base(), contents(), nil)
	p := machine()
	for _, level := range []int{0, 1, 2} {
		p.StateLevel = level
		accept(t, data, p)
	}
	p.StateLevel = 3
	_, _, err := verify(t, data, p)
	wantRefused(t, err, "it reads data folders of schema level 1 to 2, the one here has level 3")
	if err := (StateLevels{}).Check(7); err != nil {
		t.Errorf("levels that are not known: %v", err)
	}
}

func TestTheManifestOfALaterVersionKeepsWhatIsNotKnown(t *testing.T) {
	t.Parallel()
	text := []byte(`{"format":1,"product":"oibus","platform":"linux","architecture":"x64","later":{"b":1e3,"a":"<&>"},"files":[
		{"path":"oibus-launcher","size":0,"sha256":"` + strings.Repeat("0", 64) + `","executable":true,"later":1},
		{"path":"binaries/oibus","size":0,"sha256":"` + strings.Repeat("0", 64) + `","executable":true}]}`)
	m, err := parseManifest(text, DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	again, err := m.encode()
	if err != nil || !bytes.Contains(m.form, []byte(`"later":{"a":"<&>","b":1e3}`)) {
		t.Fatalf("%v: %s", err, m.form)
	}
	if n, err := parseManifest(again, DefaultLimits()); err != nil || n.Digest() != m.Digest() {
		t.Errorf("%v: the manifest changes when it is written:\n%s\n%s", err, m.form, n.form)
	}
}

func FuzzManifest(f *testing.F) {
	for _, key := range []bool{false, true} {
		var k *PrivateKey
		if key {
			made := certifiedKey(f, 7)
			k = &made
		}
		f.Add([]byte(find(records(f, build(f, base(), contents(), k)), ManifestName).content))
	}
	f.Add([]byte(`{"signature":{"certificate":{"key":"release:","signature":"AA=="}},"Signature":{}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := parseManifest(text, DefaultLimits())
		if err != nil {
			wantRefused(t, err, "")
			return
		}
		again, err := m.encode()
		if err != nil {
			t.Fatal(err)
		}
		n, err := parseManifest(again, DefaultLimits())
		if err != nil || n.Digest() != m.Digest() || (n.Signature == nil) != (m.Signature == nil) {
			t.Fatalf("%v: %s becomes %s", err, text, again)
		}
		if m.Signature != nil {
			if _, _, err := m.Prove(machine(rootKey(t).Public(), releaseKey(t).Public())); err == nil {
				t.Fatal("a foreign signature is accepted")
			}
		}
	})
}
