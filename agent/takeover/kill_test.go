package takeover

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// killed names the folders, from and to, for the process that is to be killed.
const killed = "OIBUS_TEST_TAKEOVER_KILLED"

// TestProcessThatIsKilled is no test of its own: it imports until it is killed.
func TestProcessThatIsKilled(t *testing.T) {
	from, to, ok := strings.Cut(os.Getenv(killed), "|")
	if !ok {
		t.Skip("runs only inside of another test")
	}
	if _, err := Run(t.Context(), Options{From: from, To: to, Replace: true}); err != nil {
		t.Fatal(err)
	}
}

func TestAnImportThatIsKilledIsThereAsAWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	from := fixture(t)
	importing := func(to string) *exec.Cmd {
		cmd := exec.Command(os.Args[0], "-test.run=^TestProcessThatIsKilled$")
		cmd.Env = append(os.Environ(), killed+"="+from+"|"+to)
		return cmd
	}
	begun := time.Now()
	if out, err := importing(t.TempDir()).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	takes, whole, nothing := time.Since(begun), 0, 0
	for range rounds() {
		to := t.TempDir()
		mine := filepath.Join(to, "state", "engine.json")
		if err := os.MkdirAll(filepath.Dir(mine), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(mine, []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := importing(to)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(rand.Int64N(int64(takes) + 1)))
		_ = cmd.Process.Kill() // it may be done
		_ = cmd.Wait()         // killed
		if err := Finish(to); err != nil {
			t.Fatal(err)
		}
		raw, err := os.ReadFile(mine)
		if err != nil {
			t.Fatal(err)
		}
		if string(raw) == "mine" {
			nothing++
			for path := range sums(t, to) {
				if path != mine && filepath.Base(path) != "oibus.lock" {
					t.Errorf("%s is left of an import that was killed", path)
				}
			}
			continue
		}
		whole++
		for _, part := range parts {
			if _, err := os.Stat(filepath.Join(to, part)); err != nil {
				t.Errorf("an import that was killed is not whole: %v", err)
			}
		}
		if _, err := os.Stat(filepath.Join(to, stagingFolder)); err == nil {
			t.Error("the staging folder is left")
		}
	}
	t.Logf("%d whole, %d nothing", whole, nothing)
}

// rounds is how often an import is killed.
func rounds() int {
	if os.Getenv("OIBUS_SWEEP") != "" {
		return 100
	}
	return 8
}

func TestPuttingInPlaceGoesOnAtEachStep(t *testing.T) {
	t.Parallel()
	for steps := range 2*len(parts) + 1 {
		dir := t.TempDir()
		write := func(path, text string) {
			t.Helper()
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		for _, part := range parts {
			write(filepath.Join(dir, part, "file"), "old")
			write(filepath.Join(dir, stagingFolder, part, "file"), "new")
		}
		write(filepath.Join(dir, stagingFolder, readyMark), "")
		if err := os.Mkdir(filepath.Join(dir, asideFolder), 0o700); err != nil {
			t.Fatal(err)
		}
		for i, part := range parts { // what a process did before it was killed
			if steps > 2*i {
				must(t, os.Rename(filepath.Join(dir, part), filepath.Join(dir, asideFolder, part)))
			}
			if steps > 2*i+1 {
				must(t, os.Rename(filepath.Join(dir, stagingFolder, part), filepath.Join(dir, part)))
			}
		}
		for range 2 {
			must(t, Finish(dir))
		}
		for _, part := range parts {
			for path, want := range map[string]string{filepath.Join(dir, part, "file"): "new", filepath.Join(dir, asideFolder, part, "file"): "old"} {
				if raw, err := os.ReadFile(path); err != nil || string(raw) != want {
					t.Errorf("after %d steps %s is %q, %v", steps, path, raw, err)
				}
			}
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
