package release

import (
	"path/filepath"
	"testing"
)

func TestVersionsAreOrderedAsSemanticVersioningSays(t *testing.T) {
	t.Parallel()
	ordered := []string{
		"0.0.0", "0.0.1", "0.1.0", "1.0.0-0", "1.0.0-1", "1.0.0-10", "1.0.0-99999999999999999999", "1.0.0--", "1.0.0-alpha", "1.0.0-alpha.1",
		"v1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.0.1", "v1.2.0", "1.10.0", "2.0.0", "18446744073709551615.0.0",
	}
	for i, a := range ordered {
		for j, b := range ordered {
			got, err := CompareVersions(a, b)
			if want := i - j; err != nil || (got < 0) != (want < 0) || (got > 0) != (want > 0) {
				t.Errorf("%s and %s: %d, %v", a, b, got, err)
			}
		}
	}
	if got, err := CompareVersions("v3.9.0+linux", "3.9.0+windows"); got != 0 || err != nil {
		t.Errorf("builds count: %d, %v", got, err)
	}
}

func TestWhatIsNoVersionIsRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "v", "1", "1.2", "1.2.3.4", "1.2.x", "1.2.-3", "01.2.3", "1.2.3-", "1.2.3-01", "1.2.3-a..b", "1.2.3-ü", "1.2.3+", "1.2.3+a b", "vv1.2.3",
		"1.2.3-../..", "1.2.3-a/b", " 1.2.3", "1.2.3\n", "18446744073709551616.0.0", "1.2.3-" + string(make([]byte, 100)), "latest",
	} {
		if _, err := ParseVersion(text); err == nil {
			t.Errorf("%q is taken for a version", text)
		}
		if _, err := CompareVersions("1.0.0", text); err == nil {
			t.Errorf("%q is compared", text)
		}
		if _, err := CompareVersions(text, "1.0.0"); err == nil {
			t.Errorf("%q is compared", text)
		}
	}
}

func TestFilesAreNamedAsTheCloudNamesThem(t *testing.T) {
	t.Parallel()
	for want, got := range map[string]string{
		"oibus-win_x64-v3.9.0.zip":           FileName("3.9.0", Windows, X64),
		"oibus-linux_arm64-v4.0.0-rc.1.zip":  FileName("4.0.0-rc.1", Linux, ARM64),
		"oibus-macos_arm64-v3.9.0.zip":       FileName("3.9.0", MacOS, ARM64),
		"oibus-launcher.exe binaries/oibus":  LauncherPath(Windows) + " " + AgentPath(Linux),
		"oibus-launcher binaries/oibus.exe":  LauncherPath(Linux) + " " + AgentPath(Windows),
		"oibus-launcher binaries/oibus (mac": LauncherPath(MacOS) + " " + AgentPath(MacOS) + " (mac",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func FuzzVersion(f *testing.F) {
	for _, text := range []string{"v3.9.0", "1.0.0-alpha.1+x", "0.0.0--.-", "1.2.3-99999999999999999999"} {
		f.Add(text, "1.0.0")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		v, err := ParseVersion(a)
		if err != nil {
			return
		}
		if again, err := ParseVersion(v.String()); err != nil || again.Compare(v) != 0 {
			t.Errorf("%q becomes %q, %v", a, v, err)
		}
		if err := checkName("versions/"+v.String(), 200); err != nil || filepath.Base(v.String()) != v.String() {
			t.Errorf("%q is not the name of a folder: %v", a, err)
		}
		if w, err := ParseVersion(b); err == nil && v.Compare(w) != -w.Compare(v) {
			t.Errorf("%q and %q have no order", a, b)
		}
	})
}
