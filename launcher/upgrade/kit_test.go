package upgrade

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"oibus/launcher/handover"
	"oibus/launcher/release"
	"oibus/platform"
)

const factoryVersion = "3.9.0"

// place is a data folder with a launcher.json, kept in memory, and agents that exist only as what they do to the data.
type place struct {
	t       *testing.T
	dir     string
	journal []byte // what launcher.json holds
	full    bool   // launcher.json cannot be written
	hook    func(point string)
	tweak   func(*Config)
	levels  release.StateLevels // of the packages
	m       *Machine
	log     bytes.Buffer
}

func newPlace(t *testing.T) *place {
	t.Helper()
	p := &place{t: t, dir: t.TempDir(), hook: func(string) {}}
	for path, text := range map[string]string{
		"state/engine.json": "engine of the old version", "state/souths/a.json": "south", "state/tracked.log": "1\n2\n",
		"secrets/data.key": "key", "cache/north/1.json": "one", "cache/north/2.json": "two", "cache/gone/1.json": "of a connector that the new version deletes", "logs/journal.log": "log",
		"certs/own.pem": "certificate", "oibus.lock": "", "launcher.json": "{}",
	} {
		p.write(path, text)
	}
	p.open()
	return p
}

func (p *place) write(path, text string) {
	p.t.Helper()
	full := filepath.Join(p.dir, filepath.FromSlash(path))
	err := os.MkdirAll(filepath.Dir(full), 0o755)
	if err == nil {
		err = platform.WriteFile(full, []byte(text), 0o600) // by renaming, as the agent does
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

// open is a start of the launcher.
func (p *place) open() {
	p.t.Helper()
	var s State
	if p.journal != nil {
		if err := json.Unmarshal(p.journal, &s); err != nil {
			p.t.Fatal(err)
		}
	}
	cfg := Config{
		DataDir: p.dir, FactoryVersion: factoryVersion, FactoryAgent: "/factory/oibus", Probe: answer, Now: time.Now,
		Log: slog.New(slog.NewTextHandler(&p.log, nil)), Hook: func(point string) { p.hook(point) },
		Save: func(s State) error {
			if p.full {
				return errors.New("no space left on device")
			}
			text, err := json.Marshal(s)
			p.journal = text
			return err
		},
	}
	if p.tweak != nil {
		p.tweak(&cfg)
	}
	p.m = New(cfg, s)
}

// answer is the probe of agents whose program is a text.
func answer(_ context.Context, path string) (string, error) {
	if path == "/factory/oibus" {
		return factoryVersion, nil
	}
	text, err := os.ReadFile(path)
	version, _, _ := strings.Cut(string(text), "\n")
	if version == "broken" {
		err = errors.New("its program does not run")
	}
	return version, err
}

// pack puts a package with an agent that says it is of the version says into the folder update.
func (p *place) pack(name, version, says string) {
	p.t.Helper()
	var b bytes.Buffer
	m := release.Manifest{Version: version, Platform: platform.Platform(), Architecture: platform.Architecture(), Created: time.Now(), State: p.levels}
	source := func(path, content string) release.Source {
		return release.Source{Path: path, Executable: true, Open: func() (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader(content)), nil
		}}
	}
	_, err := release.Write(p.t.Context(), &b, m, []release.Source{
		source(release.AgentPath(m.Platform), says+"\nagent"), source(release.LauncherPath(m.Platform), "launcher"),
	}, nil)
	if err == nil {
		err = os.MkdirAll(handover.Dir(p.dir), 0o755)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(handover.Dir(p.dir), name), b.Bytes(), 0o600)
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

func request(version string) Order {
	return Order{Source: FromRequest, Key: "request c1 " + version, CommandID: "c1", Version: "v" + version, Package: "staged-" + version + ".zip"}
}

// snapshot is the content of the data folder that belongs to a version: path, mode and text.
func (p *place) snapshot() map[string]string {
	p.t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(p.dir, func(full string, d fs.DirEntry, err error) error {
		if err != nil || full == p.dir {
			return err
		}
		rel, err := filepath.Rel(p.dir, full)
		if err != nil {
			return err
		}
		path := filepath.ToSlash(rel)
		switch top, _, _ := strings.Cut(path, "/"); top {
		case "update", "versions", "backup", "logs":
			return nil
		}
		if d.IsDir() {
			all[path] = "folder"
			return nil
		}
		text, err := os.ReadFile(full)
		all[path] = string(text)
		return err
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return all
}

// newVersionRuns does to the data what a new version may do.
func (p *place) newVersionRuns() {
	p.write("state/engine.json", "engine of the new version")
	p.write("state/norths/new.json", "new")
	f, err := os.OpenFile(filepath.Join(p.dir, "state", "tracked.log"), os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteString("3\n")
		err = errors.Join(err, f.Close())
	}
	err = errors.Join(err, os.RemoveAll(filepath.Join(p.dir, "state", "souths")), os.RemoveAll(filepath.Join(p.dir, "cache", "north", "1.json")), os.RemoveAll(filepath.Join(p.dir, "cache", "gone")))
	if err != nil {
		p.t.Fatal(err)
	}
	p.write("cache/north/3.json", "three")
}

// live plays the supervisor until the machine is idle: each trial passes or not.
func (p *place) live(pass bool) {
	p.t.Helper()
	for range 50 {
		need, err := p.m.Advance(p.t.Context(), true)
		if err != nil {
			continue
		}
		if need != Trial {
			if _, err := p.m.Advance(p.t.Context(), false); err == nil && p.m.State().Attempt == nil {
				return
			}
			continue
		}
		if _, _, err = p.m.Program(p.t.Context()); err != nil {
			err = p.m.Fail(err.Error())
		} else if ok, failed := p.m.StartTrial(); failed == nil && ok {
			p.newVersionRuns()
			p.hook("on trial")
			if pass {
				err = p.m.Pass()
			} else {
				err = p.m.Fail("it failed")
			}
		}
		if err != nil {
			p.t.Logf("the trial: %v", err)
		}
	}
	p.t.Fatalf("the machine does not get idle, it is %s:\n%s", p.m.State().Phase(), p.log.String())
}

func (p *place) expect(before map[string]string, version string, o handover.Outcome) {
	p.t.Helper()
	s := p.m.State()
	if s.Running.Version != version || s.Attempt != nil {
		p.t.Errorf("version %+v runs, %s, want %s idle\n%s", s.Running, s.Phase(), version, p.log.String())
	}
	if s.Last == nil || s.Last.Outcome != o {
		p.t.Fatalf("the outcome is %+v, want %s", s.Last, o)
	}
	after := p.snapshot()
	if o == handover.Committed {
		if after["state/engine.json"] != "engine of the new version" {
			p.t.Errorf("the data should be as the new version left it: %v", after)
		}
		return
	}
	want := maps.Clone(before)
	if after["cache/north/3.json"] == "three" { // collected on trial, when another content was sent
		want["cache/north/3.json"] = "three"
		delete(want, "cache/north/1.json")
	}
	if !maps.Equal(after, want) {
		p.t.Errorf("the data should be as before:\n got %v\nwant %v", sorted(after), sorted(want))
	}
}

func sorted(m map[string]string) []string {
	var list []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		list = append(list, fmt.Sprintf("%s=%q", k, m[k]))
	}
	return list
}

func (p *place) result() (handover.Result, bool) {
	p.t.Helper()
	r, there, err := handover.ReadResult(p.dir)
	if err != nil {
		p.t.Fatal(err)
	}
	return r, there
}

func (p *place) versions() []string {
	p.t.Helper()
	entries, err := os.ReadDir(filepath.Join(p.dir, versionsFolder))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		p.t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// bare makes a package without a manifest, as the cloud may serve one.
func (p *place) bare(name, says string) {
	p.t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	var failed error
	for path, text := range map[string]string{
		release.AgentPath(platform.Platform()): says + "\nagent", release.LauncherPath(platform.Platform()): "launcher",
	} {
		w, err := z.Create(path)
		if err == nil {
			_, err = io.WriteString(w, text)
		}
		failed = errors.Join(failed, err)
	}
	if err := errors.Join(failed, z.Close()); err != nil {
		p.t.Fatal(err)
	}
	p.write("update/"+name, b.String())
}
