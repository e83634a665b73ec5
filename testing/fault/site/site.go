// Package site makes agents that a simulator knows: registered over the REST API with an activation code, with
// something in every state file. It promises that a test gets one in a moment, since the seconds that keys and an
// approval take are spent once for all tests of a package; each test works on a copy. It guards against fault tests
// that are too slow to be run.
package site

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"oibus/testing/cloudsim"
	"oibus/testing/harness"
)

// What every site is made with.
const (
	Name     = "Line 4"
	Login    = "admin"
	Password = "first-Secret-41" // of the page
)

// Site is an agent, a simulator that knows it, and its id there.
type Site struct {
	*harness.Agent
	Sim *cloudsim.Sim
	ID  string

	t testing.TB
}

// Options say how the agent and the simulator are started.
type Options struct {
	harness.Options
	Sim cloudsim.Options
}

// New makes a site whose simulator runs and whose agent does not. The test is skipped when the programs are not built.
func New(t testing.TB, o Options) *Site {
	t.Helper()
	harness.Program(t, "oibus")
	m := madeOnce(t)
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	if err := copyTree(filepath.Join(m.dir, "data"), o.Dir); err != nil {
		t.Fatal(err)
	}
	s := &Site{t: t, ID: m.id}
	o.Sim.State = filepath.Join(t.TempDir(), "sim-state.json")
	if err := copyFile(filepath.Join(m.dir, "sim-state.json"), o.Sim.State, 0o600); err != nil {
		t.Fatal(err)
	}
	s.Sim = harness.Simulator(t, o.Sim)
	if err := movedTo(o.Dir, m.host, s.Sim.URL()); err != nil {
		t.Fatal(err)
	}
	s.Agent = harness.New(t, o.Options)
	s.Login, s.Password = Login, Password
	return s
}

// Of is the site of an agent that a test has registered itself.
func Of(t testing.TB, a *harness.Agent, sim *cloudsim.Sim, id string) *Site {
	return &Site{Agent: a, Sim: sim, ID: id, t: t}
}

// Start makes a site and starts its agent.
func Start(t testing.TB, o Options) *Site {
	t.Helper()
	s := New(t, o)
	s.Agent.Start()
	return s
}

// Queue queues commands for the agent and returns their ids.
func (s *Site) Queue(commands ...any) []string {
	s.t.Helper()
	ids, err := s.Sim.Queue(s.ID, commands...)
	if err != nil {
		s.t.Fatal(err)
	}
	return ids
}

// Ended waits until commands have ended and returns them.
func (s *Site) Ended(ctx context.Context, ids ...string) []cloudsim.Command {
	s.t.Helper()
	ended, err := s.Sim.WaitTerminal(ctx, ids...)
	if err != nil {
		s.t.Fatalf("%v\n%s", err, s.Output())
	}
	return ended
}

// Secrets are texts that must not appear in any log, answer or incident.
func (s *Site) Secrets() []string {
	known, err := s.Sim.Agent(s.ID)
	if err != nil {
		s.t.Fatal(err)
	}
	return []string{Password, OperatorPassword, earlierPassword, LokiPassword, known.Token, "PRIVATE KEY"}
}

// movedTo lets the copy of a registered agent speak with another simulator than the one it registered on. The address
// of a registration cannot be changed otherwise without registering again.
func movedTo(dir, from, to string) error {
	for _, name := range []string{"registration.json", "registration.json.previous"} {
		path := filepath.Join(dir, "state", name)
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(text), from, to)), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// copyTree copies the files of a folder, with those below it and their permissions, but for the reserve of disk space,
// which is made again where there is room.
func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() == "reserve" {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		target := filepath.Join(to, strings.TrimPrefix(path, from))
		if d.IsDir() {
			return os.MkdirAll(target, info.Mode().Perm())
		}
		return copyFile(path, target, info.Mode().Perm())
	})
}

func copyFile(from, to string, perm os.FileMode) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, text, perm)
}
