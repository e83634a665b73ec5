package north

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"oibus/agent/content"
)

// killed names the data folder for the process that is to be killed.
const killed = "OIBUS_TEST_NORTH_KILLED"

// book is a target that writes the points it gets to a file, a line for each delivery, before it says that it has them.
type book struct {
	Connector
	path string
}

func (b book) Connect(context.Context) error    { return nil }
func (b book) Disconnect(context.Context) error { return nil }

func (b book) Send(_ context.Context, d Delivery) error {
	r := d.Open()
	data, err := io.ReadAll(r)
	if err = errors.Join(err, r.Close()); err != nil {
		return err
	}
	var values []content.TimeValue
	if err := json.Unmarshal(data, &values); err != nil {
		return err
	}
	var line bytes.Buffer
	for _, v := range values {
		line.WriteString(v.PointID + " ")
	}
	line.WriteByte('\n')
	f, err := os.OpenFile(b.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(line.Bytes())
	if rand.IntN(20) == 0 { // it has it, but the answer is lost
		return errors.Join(err, f.Close(), Again(errDown))
	}
	return errors.Join(err, f.Close())
}

func bookKind(dir string) Type {
	return Type{ID: "fake", Accepts: allKinds, New: func(Env) (Connector, error) { return book{path: filepath.Join(dir, "book")}, nil }}
}

// TestProcessThatIsKilled is no test of its own: it takes content and sends it until it is killed.
func TestProcessThatIsKilled(t *testing.T) {
	dir := os.Getenv(killed)
	if dir == "" {
		t.Skip("runs only inside of another test")
	}
	n := north()
	n.Caching.Error.RetryInterval = 1
	r, err := Start(Options{North: n, Type: bookKind(dir), DataDir: dir, Reserve: 1})
	if err != nil {
		t.Fatal(err)
	}
	run := time.Now().UnixNano()
	lines := make(chan string)
	for w := range 4 {
		go func() {
			for i := 0; ; i++ {
				name := fmt.Sprintf("%x-%d-%d", run, w, i)
				if err := r.Accept(context.Background(), points(name+"-a", name+"-b"), fromSouth("i1")); err != nil {
					t.Error(err)
				}
				lines <- name
			}
		}()
	}
	for line := range lines {
		fmt.Println("taken", line)
	}
}

func TestNothingThatWasTakenIsLostThroughKills(t *testing.T) {
	t.Parallel()
	rounds := 8
	if testing.Short() {
		rounds = 3
	}
	dir := t.TempDir()
	var taken []string
	for range rounds {
		taken = append(taken, killedRun(t, dir)...)
	}
	n := north()
	n.Caching.Error.RetryInterval = 1
	r, _ := run(t, dir, n, newTarget(), func(o *Options) { o.Type = bookKind(dir) })
	until(t, "sent", func() bool { return r.Cache().Stats().Cached == 0 })
	data, err := os.ReadFile(filepath.Join(dir, "book"))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, point := range strings.Fields(string(data)) {
		seen[point]++
	}
	twice := 0
	for _, count := range seen {
		if count > 1 {
			twice++
		}
	}
	for _, name := range taken {
		if seen[name+"-a"] == 0 || seen[name+"-b"] == 0 {
			t.Fatalf("%s was taken and is lost", name)
		}
	}
	t.Logf("%d contents taken over %d kills, none lost; %d of %d values delivered twice", len(taken), rounds, twice, len(seen))
	if len(taken) == 0 {
		t.Fatal("nothing was taken")
	}
}

// killedRun runs a process for some time and returns what it said that it took.
func killedRun(t *testing.T, dir string) (taken []string) {
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestProcessThatIsKilled$")
	cmd.Env = append(os.Environ(), killed+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	want := 50 + rand.IntN(300)
	scanner := bufio.NewScanner(out)
	for scanner.Scan() {
		name, ok := strings.CutPrefix(scanner.Text(), "taken ")
		if !ok {
			t.Logf("the process said %q", scanner.Text())
			continue
		}
		if taken = append(taken, name); len(taken) == want {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := cmd.Wait(); err == nil {
		t.Fatal("the process ended by itself")
	}
	return taken
}
