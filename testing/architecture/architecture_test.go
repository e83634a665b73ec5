// Package architecture holds the rules of the layout as a test: who may import whom, what each package says of
// itself, and how large the launcher may be. It guards against the slow growth of a ball of mud.
package architecture

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// launcherLimit is the budget of the launcher binary, in bytes.
const launcherLimit = 8_000_000

// layers says, for each part of the agent, how high it stands. A part imports only lower ones; parts of one layer
// import each other only where allowed below.
var layers = map[string]int{
	"agent/entity": 1, "agent/schema": 1, "agent/store": 1, "agent/manifest": 1, "agent/secret": 1, "agent/cron": 1,
	"agent/config": 1, "agent/cloud": 1, "agent/ipfilter": 1, "agent/content": 1, "agent/cache": 1, "agent/interval": 1,
	"agent/connector": 1, "agent/wording": 1, "agent/transform": 1, "agent/script": 1,
	"agent/settings": 2, "agent/logging": 2, "agent/metrics": 2, "agent/connectors": 2, "agent/south": 2, "agent/north": 2, "agent/transformers": 2,
	"agent/engine": 3, "agent/history": 3, "agent/upgrade": 3,
	"agent/registration": 3, "agent/command": 3, "agent/message": 3, "agent/proxy": 3, "agent/web": 3,
	"agent/takeover": 4, "agent": 5, "agent/cmd": 6,
}

// sameLayer lists the imports within the lowest layer, where order has meaning too.
var sameLayer = map[string][]string{
	"agent/schema":    {"agent/entity"},
	"agent/config":    {"agent/entity", "agent/schema", "agent/cron"},
	"agent/manifest":  {"agent/entity", "agent/schema"},
	"agent/cache":     {"agent/entity", "agent/content", "agent/store"},
	"agent/content":   {"agent/entity"},
	"agent/connector": {"agent/entity", "agent/cloud", "agent/wording", "agent/content", "agent/transform"},
	"agent/transform": {"agent/entity", "agent/content"},
	"agent/cloud":     {"agent/entity", "agent/wording"},
	"agent/cron":      {"agent/entity"},
}

// heavy are libraries that must not be linked into the launcher.
var heavy = []string{"net/http", "database/sql", "github.com/dop251/goja"}

type pkg struct {
	ImportPath, Name, Doc string
	Imports, Deps         []string
	GoFiles               []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Name,Doc,Imports,Deps,GoFiles", "./...")
	cmd.Dir = root(t)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []pkg
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// part is the path of one of our packages, or "".
func part(importPath string) string {
	p, ours := strings.CutPrefix(importPath, "oibus/")
	if !ours {
		return ""
	}
	return p
}

// home is the part that a package belongs to: agent/web/page belongs to agent/web.
func home(p string) string {
	elements := strings.Split(p, "/")
	if elements[0] == "agent" && len(elements) > 1 {
		return strings.Join(elements[:2], "/")
	}
	return elements[0]
}

func TestImportsPointDownwards(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		from := part(p.ImportPath)
		for _, imported := range p.Imports {
			to := part(imported)
			if to != "" && !allowed(from, to) {
				t.Errorf("%s must not import %s", from, to)
			}
		}
	}
}

func allowed(from, to string) bool {
	fromHome, toHome := home(from), home(to)
	if strings.HasPrefix(from, "testing") || fromHome == toHome && fromHome != "platform" {
		return true
	}
	switch fromHome {
	case "platform":
		return false
	case "launcher", "installer":
		return toHome == "platform" || fromHome == "installer" && toHome == "launcher"
	}
	if toHome == "platform" || to == "launcher/options" || to == "launcher/handshake" || to == "launcher/release" || to == "launcher/handover" || to == "launcher/diagnostics" {
		return true
	}
	below, known := layers[toHome]
	own, ownKnown := layers[fromHome]
	if !known || !ownKnown {
		return false
	}
	if own == below {
		for _, p := range sameLayer[fromHome] {
			if p == toHome {
				return true
			}
		}
	}
	return below < own
}

func TestEachPackageSaysWhatItPromises(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		if len(p.GoFiles) > 0 && len(strings.Fields(p.Doc)) < 8 {
			t.Errorf("%s has no package comment that says what it promises", p.ImportPath)
		}
	}
}

func TestBuildTagsAndOperatingSystemsStayInPlatform(t *testing.T) {
	t.Parallel()
	err := filepath.WalkDir(root(t), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		rel, err := filepath.Rel(root(t), path)
		if err != nil {
			return err
		}
		if dir := filepath.ToSlash(rel); strings.HasPrefix(dir, "platform/") || strings.HasPrefix(dir, "testing/") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		tagged := strings.Contains("\n"+string(text), "\n//go:build ") && !sizes[filepath.ToSlash(rel)]
		if strings.Contains(string(text), "runtime.GOOS") || tagged {
			t.Errorf("%s depends on the operating system: that belongs in platform", rel)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// sizes are the files with a build tag that is about what releases hold, not about the operating system.
var sizes = map[string]bool{"agent/catalogue_oracle.go": true, "agent/catalogue_small.go": true}

func TestTheLauncherStaysSmall(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		if part(p.ImportPath) != "launcher/cmd/oibus-launcher" {
			continue
		}
		for _, dep := range p.Deps {
			for _, h := range heavy {
				if dep == h {
					t.Errorf("%s is linked into the launcher", h)
				}
			}
		}
	}
	for _, system := range []string{"linux", "windows"} {
		out := filepath.Join(t.TempDir(), "oibus-launcher")
		cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", out, "./launcher/cmd/oibus-launcher")
		cmd.Dir = root(t)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+system, "GOARCH=amd64")
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		info, err := os.Stat(out)
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() > launcherLimit {
			t.Errorf("the launcher for %s has %d bytes, the budget is %d", system, info.Size(), launcherLimit)
		}
	}
}
