package fault

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"oibus/testing/fault/site"
	"oibus/testing/harness"
)

// nobody is the user who may do nothing: permissions mean nothing to root.
const nobody = 65534

var unreadable = damage{"unreadable", func(_ *rand.Rand, path string, _ []byte) error { return os.Chmod(path, 0) }}

func TestAnAgentStartsWhateverItMayNotRead(t *testing.T) {
	rng := dice(t)
	healthy, before := healthySite(t)
	withoutPrivileges(t)
	files := stateFiles(t, healthy.Dir)
	for _, i := range rng.Perm(len(files))[:3] {
		bearUnreadable(t, files[i], rng, before)
	}
}

func TestSweepAnAgentStartsWithoutAnyFileThatItMayNotRead(t *testing.T) {
	sweep(t)
	rng := dice(t)
	healthy, before := healthySite(t)
	withoutPrivileges(t)
	for _, file := range stateFiles(t, healthy.Dir) {
		bearUnreadable(t, file, rng, before)
	}
}

func bearUnreadable(t *testing.T, file string, rng *rand.Rand, before holding) {
	r := rot{file, unreadable}
	t.Run(r.String(), func(t *testing.T) {
		r.bearAs(t, rng, before, func(s *site.Site) { giveTo(t, s.Dir, nobody) })
	})
}

// withoutPrivileges lets agents run as nobody.
func withoutPrivileges(t *testing.T) {
	t.Helper()
	program := harness.Program(t, "oibus")
	if os.Geteuid() != 0 {
		return // an ordinary user has no privileges already
	}
	setpriv, err := exec.LookPath("setpriv")
	if err != nil {
		t.Skip("there is no setpriv to become an ordinary user with")
	}
	dist := t.TempDir()
	script := fmt.Sprintf("#!/bin/sh\nexec %s --reuid=%d --regid=%d --clear-groups %s \"$@\"\n", setpriv, nobody, nobody, program)
	if err := os.WriteFile(filepath.Join(dist, "oibus"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv(harness.DistVariable, dist)
}

// giveTo makes a user the owner of a data folder.
func giveTo(t *testing.T, dir string, user int) {
	t.Helper()
	if os.Geteuid() != 0 {
		return
	}
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil { // temporary folders are for their owner only
		t.Fatal(err)
	}
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, user, user)
	})
	if err != nil {
		t.Fatal(err)
	}
}
