package sql_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"
	_ "time/tzdata" // a machine may lack the zones of the tests

	"oibus/agent/connector"
	"oibus/agent/content"
	"oibus/agent/entity"
	"oibus/agent/south"
	"oibus/agent/store"
)

// readerVariable makes the test program a reader: an agent's South with its real runner and its real memory of what it
// has read, whose north is a file.
const readerVariable = "OIBUS_SQL_READER"

func TestMain(m *testing.M) {
	if path := os.Getenv(readerVariable); path != "" {
		if err := beReader(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// order is what a reader is to do: to read items until they are read up to the last of Nows, one hour at a time.
type order struct {
	Kind     string
	Settings map[string]any
	Items    map[string]json.RawMessage
	Dir      string
	Nows     []time.Time // of its clock, which goes on when everything is read up to it
	MaxRead  float64     // s
	Zone     string      // of the agent
}

// took is one content that arrived at the north.
type took struct {
	Item       string
	Start, End time.Time
	Rows       []string
}

func (o *order) north() string { return filepath.Join(o.Dir, "north") }

func beReader(path string) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var o order
	if err := json.Unmarshal(raw, &o); err != nil {
		return err
	}
	s, err := store.Open(o.Dir)
	if err != nil {
		return err
	}
	tracking, err := south.OpenTracking(s)
	if err != nil {
		return err
	}
	north, err := os.OpenFile(o.north(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return o.read(s, tracking, north)
}

func (o *order) read(s *store.Store, tracking *south.Tracking, north *os.File) error {
	var now atomic.Pointer[time.Time]
	now.Store(&o.Nows[0])
	settings, err := json.Marshal(o.Settings)
	if err != nil {
		return err
	}
	e := entity.South{Connector: entity.Connector{Audit: entity.Audit{ID: "south"}, Name: "S", Type: o.Kind, Enabled: true}}
	for name, raw := range o.Items {
		i := entity.SouthItem{Audit: entity.Audit{ID: name}, Name: name, Enabled: true, Settings: raw, ScanModeID: "m"}
		i.MaxReadInterval = &o.MaxRead
		e.Items = append(e.Items, i)
	}
	done := make(chan string, 1000)
	r, err := south.Start(south.Options{South: e, Settings: settings, Type: types[o.Kind], TempDir: filepath.Join(o.Dir, "tmp"), Tracking: tracking, Store: s,
		Host: connector.Host{Now: func() time.Time { return *now.Load() }},
		Log:  slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
		ScanMode: func(id string) (entity.ScanMode, bool) {
			return entity.ScanMode{Audit: entity.Audit{ID: id}, Name: "m"}, true
		},
		Emit: func(_ context.Context, c content.Content, from content.Source) error { return deliver(north, c, from) },
	})
	if err != nil {
		return err
	}
	defer r.Stop(context.Background())
	for _, at := range o.Nows {
		now.Store(&at)
		for start := time.Now(); !o.reached(tracking, at); r.Tick("m") {
			if time.Since(start) > 5*time.Minute {
				return errors.New("reading takes too long")
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	close(done)
	return nil
}

// reached says whether all items were read up to at.
func (o *order) reached(tracking *south.Tracking, at time.Time) bool {
	book := tracking.Book("south")
	for name := range o.Items {
		row, ok := book.Row("item/" + name)
		if !ok || row.Tracked.Before(at) {
			return false
		}
	}
	return true
}

// deliver writes a content, durably.
func deliver(north *os.File, c content.Content, from content.Source) error {
	rows, err := lines(c)
	if err != nil {
		return err
	}
	t := took{Item: from.Items[0].Name, Rows: rows}
	if t.Start, err = time.Parse(time.RFC3339, from.QueryStart); err != nil {
		return err
	}
	if t.End, err = time.Parse(time.RFC3339, from.QueryEnd); err != nil {
		return err
	}
	raw, err := json.Marshal(t)
	if err != nil {
		return err
	}
	if _, err := north.Write(append(raw, '\n')); err != nil {
		return err
	}
	return north.Sync()
}

// start starts a reader.
func (o *order) start(t testing.TB) *exec.Cmd {
	t.Helper()
	raw, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(o.Dir, "order")
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), readerVariable+"="+path)
	if o.Zone != "" {
		cmd.Env = append(cmd.Env, "TZ="+o.Zone)
	}
	cmd.Stderr, cmd.Stdout = &bytes.Buffer{}, &bytes.Buffer{}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

// finish waits until a reader has read everything.
func finish(t testing.TB, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s%s", err, cmd.Stderr, cmd.Stdout)
	}
}

// arrived is what is at the north. What was being written when the reader was killed does not count.
func (o *order) arrived(t testing.TB) (all []took) {
	t.Helper()
	raw, err := os.ReadFile(o.north())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(bytes.NewReader(raw))
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return all
		}
		var one took
		if err := json.Unmarshal(line, &one); err != nil {
			t.Fatal(err)
		}
		all = append(all, one)
	}
}
