// Package files tests the connectors of file servers against OpenSSH and vsftpd. It guards against what no fake does: the
// real servers' listings, times, limits and ways to die.
package files

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"oibus/agent/connector"
	"oibus/agent/content"
	"oibus/agent/north"
	northsftp "oibus/agent/north/sftp"
	"oibus/agent/south"
	"oibus/agent/south/ftp"
	southsftp "oibus/agent/south/sftp"
	"oibus/testing/harness"
	"oibus/testing/peers/files/servers"
)

const limit = time.Minute

type memory map[string]json.RawMessage

func (m memory) Get(key string) (json.RawMessage, bool)  { v, ok := m[key]; return v, ok }
func (m memory) All() iter.Seq2[string, json.RawMessage] { return maps.All(maps.Clone(m)) }
func (m memory) Set(changes map[string]json.RawMessage) error {
	for k, v := range changes {
		if m[k] = v; v == nil {
			delete(m, k)
		}
	}
	return nil
}

func object(t testing.TB, of map[string]any) json.RawMessage {
	t.Helper()
	raw, err := json.Marshal(of)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// reader is a South on a server, and what it emitted.
type reader struct {
	t      testing.TB
	server *servers.Server
	south  south.Connector
	temp   string
	item   map[string]any
	memory memory

	mu   sync.Mutex
	lost int

	sums  map[string][32]byte
	order []string
	peak  uint64 // of the heap
}

func newReader(t testing.TB, s *servers.Server, kind south.Type, change map[string]any) *reader {
	t.Helper()
	r := &reader{t: t, server: s, temp: t.TempDir(), memory: memory{}, sums: map[string][32]byte{}}
	r.item = map[string]any{"remoteFolder": s.Remote, "regex": ".*", "minAge": 200, "preserveFiles": true, "ignoreModifiedDate": false, "maxFiles": 0, "maxSize": 0, "recursive": true}
	all := maps.Clone(s.Settings)
	maps.Copy(all, change)
	var err error
	r.south, err = kind.New(south.Env{Lost: func(error, time.Duration) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.lost++
	}, Env: connector.Env{ID: "s", Name: "South", Settings: object(t, all), TempDir: r.temp, Memory: memory{}, Log: slog.New(slog.DiscardHandler),
		Host: connector.Host{Now: time.Now}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.south.Disconnect(context.Background()) })
	return r
}

func (r *reader) isLost() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lost > 0
}

func (r *reader) connect() *reader {
	r.t.Helper()
	if err := r.south.Disconnect(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	if err := r.south.Connect(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	return r
}

func (r *reader) emit(_ context.Context, c content.Content, _ []south.Item) error {
	f, err := c.Open()
	if err != nil {
		return err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return err
	}
	r.sums[c.FileName] = [32]byte(sum.Sum(nil))
	if r.order = append(r.order, c.FileName); len(r.order)%1000 == 0 {
		r.measure()
	}
	return nil
}

func (r *reader) measure() {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	r.peak = max(r.peak, m.HeapAlloc)
}

func (r *reader) scan() ([]string, error) {
	r.t.Helper()
	r.order = nil
	_, err := r.south.(south.Direct).Read(r.t.Context(), south.DirectQuery{Emit: r.emit, Memory: r.memory,
		Items: []south.Item{{ID: "i", Name: "item", Settings: object(r.t, r.item)}}})
	r.measure()
	return r.order, err
}

func (r *reader) want(names ...string) {
	r.t.Helper()
	if got, err := r.scan(); err != nil || !slices.Equal(got, names) {
		r.t.Fatalf("sent %q, %v; want %q", got, err, names)
	}
}

func noise(size int) []byte {
	raw := make([]byte, size)
	source := rand.NewChaCha8([32]byte{7})
	_, _ = source.Read(raw) // which never fails
	return raw
}

// attempts is how often a server is killed at most until that happens in the middle of a transfer.
const attempts = 10

// kinds are the Souths with their servers.
var kinds = []struct {
	kind  south.Type
	start func(testing.TB) *servers.Server
}{
	{southsftp.Type, func(t testing.TB) *servers.Server { return servers.StartSSH(t) }},
	{ftp.Type, func(t testing.TB) *servers.Server { return servers.StartFTP(t, "anon_max_rate=40000000") }},
}

func eachKind(t *testing.T, test func(t *testing.T, r *reader)) {
	t.Helper()
	for _, k := range kinds {
		t.Run(k.kind.ID, func(t *testing.T) {
			t.Parallel()
			test(t, newReader(t, k.start(t), k.kind, nil).connect())
		})
	}
}

func TestFilesAreSentOnceAndAgainWhenTheyChange(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, r *reader) {
		names := []string{"a.csv", "brackets [1].csv", "caf\u00e9.csv", "empty", "sub/deep/c.csv", "two  spaces .csv"}
		for i, name := range names {
			r.server.Put(name, noise(i*1000*(i%4)), time.Duration(i+48)*time.Hour)
		}
		flat := make([]string, len(names))
		for i, name := range names {
			flat[i] = strings.ReplaceAll(name, "/", "_")
		}
		r.want(flat...)
		r.want()
		r.server.Put("sub/deep/c.csv", noise(5000), 47*time.Hour)
		r.want("sub_deep_c.csv")
		r.want()
		if r.sums["sub_deep_c.csv"] != sha256.Sum256(noise(5000)) {
			t.Error("another file was sent")
		}
	})
}

func TestYoungFilesAreLeftAloneAndOldOnesRemoved(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, r *reader) {
		r.item["preserveFiles"], r.item["minAge"] = false, 3_600_000
		young := r.server.Put("young", noise(100), time.Minute)
		old := r.server.Put("old", noise(100), 2*time.Hour)
		r.want("old")
		if _, err := os.Stat(young); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(old); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("it is still there: %v", err)
		}
		if len(r.memory) != 0 {
			t.Errorf("remembered %v", r.memory)
		}
	})
}

func TestAServerKilledWhileItSendsAFile(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, r *reader) {
		big := noise(48 << 20)
		r.item["preserveFiles"] = false
		path := r.server.Put("big", big, 48*time.Hour)
		r.server.Put("small", noise(10), 48*time.Hour)
		cut := make(chan int64, 1)
		for attempt := range attempts {
			kill := r.server.Killer()
			go func() {
				var have int64
				for have < 1<<20 && t.Context().Err() == nil {
					have = r.received()
				}
				kill()
				cut <- have
			}()
			got, err := r.scan()
			have := <-cut
			if err != nil && len(got) == 0 {
				t.Logf("killed after %d of %d bytes, %d were received", have, len(big), r.received())
				break
			}
			if attempt == attempts-1 {
				t.Fatalf("sent %q, %v", got, err)
			}
			r.server.Peer.Restart() // it was all over before
			r.server.Put("big", big, 48*time.Hour)
			r.server.Put("small", noise(10), 48*time.Hour)
			r.connect()
		}
		harness.Until(t, limit, "the loss is told", r.isLost)
		if err := r.south.Connect(t.Context()); err == nil {
			t.Fatal("connected to a server that is not there")
		}
		r.server.Peer.Restart()
		received := r.received()
		r.connect().want("big", "small")
		if r.sums["big"] != sha256.Sum256(big) || received == 0 {
			t.Errorf("after %d bytes another file was sent", received)
		}
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("it is still there: %v", err)
		}
	})
}

// received is how much of a file has arrived.
func (r *reader) received() (total int64) {
	entries, err := os.ReadDir(r.temp)
	if err != nil {
		return 0
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			total += info.Size()
		}
	}
	return total
}

func TestAFileThatIsWrittenToIsNotSentByHalves(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, r *reader) {
		r.item["minAge"] = 2000 // and as long somebody looks whether it grows
		path := r.server.Put("growing", noise(1000), 48*time.Hour)
		done, stop := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			at := time.Now().Add(-48 * time.Hour) // its clock is wrong
			f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
			if err != nil {
				return
			}
			defer f.Close()
			for {
				_, _ = f.Write(noise(100))
				_ = os.Chtimes(path, at, at)
				select {
				case <-stop:
					return
				case <-time.After(5 * time.Millisecond):
				}
			}
		}()
		got, err := r.scan()
		close(stop)
		<-done
		if len(got) != 0 || err == nil {
			t.Errorf("sent %q, %v", got, err)
		}
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		r.want("growing")
		if r.sums["growing"] != sha256.Sum256(whole) {
			t.Error("it was sent by halves")
		}
	})
}

func TestTheTestsTellOfTheServer(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, r *reader) {
		report, err := r.south.Test(t.Context())
		if err != nil || len(report.Items) != 2 || report.Items[0] != (connector.Fact{Key: "Host", Value: fmt.Sprintf("127.0.0.1:%d", r.server.Settings["port"])}) {
			t.Errorf("got %v, %v", report, err)
		}
		r.server.Put("a.csv", nil, 48*time.Hour)
		result, err := r.south.TestItem(t.Context(), south.TestRequest{Item: south.Item{Name: "i", Settings: object(t, r.item)}})
		if err != nil {
			t.Fatal(err)
		}
		f, err := result.Content.Open()
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if raw, err := io.ReadAll(f); err != nil || !strings.Contains(string(raw), `"value":"a.csv"`) {
			t.Errorf("got %s, %v", raw, err)
		}
	})
}

func TestOnlyTheRightSecretsLetIn(t *testing.T) {
	t.Parallel()
	ssh, plain := servers.StartSSH(t), servers.StartFTP(t)
	protected := filepath.Join(ssh.Base, "protected")
	for _, c := range []struct {
		server *servers.Server
		kind   south.Type
		change map[string]any
		in     bool
	}{
		{ssh, southsftp.Type, map[string]any{"privateKey": protected, "passphrase": servers.Passphrase}, true},
		{ssh, southsftp.Type, map[string]any{"privateKey": protected, "passphrase": "wr0ng"}, false},
		{ssh, southsftp.Type, map[string]any{"privateKey": filepath.Join(ssh.Base, "host")}, false},
		{ssh, southsftp.Type, map[string]any{"authentication": "password", "password": "wr0ng"}, false},
		{plain, ftp.Type, map[string]any{"password": "wr0ng"}, false},
		{plain, ftp.Type, map[string]any{"authentication": "none"}, false},
	} {
		_, err := newReader(t, c.server, c.kind, c.change).south.Test(t.Context())
		if (err == nil) != c.in || err != nil && strings.Contains(err.Error(), "wr0ng") {
			t.Errorf("%v: got %v", c.change, err)
		}
	}
}

// manyFiles checks that a folder of many files costs little: each is sent once, and a scan without news is quick.
func manyFiles(t *testing.T, r *reader, files int) (grown uint64) {
	at := time.Now().Add(-48 * time.Hour)
	for i := range files {
		path := filepath.Join(r.server.Dir, fmt.Sprintf("file-%06d.csv", i))
		if err := errors.Join(os.WriteFile(path, []byte("line\n"), 0o644), os.Chtimes(path, at, at)); err != nil {
			t.Fatal(err)
		}
	}
	runtime.GC()
	r.measure()
	before, start := r.peak, time.Now()
	got, err := r.scan()
	if err != nil || len(got) != files || len(r.memory) != files || !slices.IsSorted(got) {
		t.Fatalf("sent %d, remembered %d, %v", len(got), len(r.memory), err)
	}
	first := time.Since(start)
	start = time.Now()
	r.want()
	t.Logf("%d files: all sent in %v (%.0f/s), nothing new in %v, the heap grew by %d MB at most", files, first.Round(time.Millisecond),
		float64(files)/first.Seconds(), time.Since(start).Round(time.Millisecond), (r.peak-before)>>20)
	return r.peak - before
}

func TestAFolderOfManyFiles(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, r *reader) { manyFiles(t, r, 500) })
}

func TestSweepAFolderOfVeryManyFiles(t *testing.T) {
	sweepOnly(t)
	for _, k := range kinds { // alone, one after the other: the memory is that of the process
		t.Run(k.kind.ID, func(t *testing.T) {
			const files = 100_000
			if grown := manyFiles(t, newReader(t, k.start(t), k.kind, nil).connect(), files); grown > files*4096 {
				t.Errorf("the heap grew by %d MB", grown>>20)
			}
		})
	}
}

func sweepOnly(t *testing.T) {
	t.Helper()
	if os.Getenv("OIBUS_SWEEP") == "" {
		t.Skip("OIBUS_SWEEP is not set")
	}
}

// newWriter is a North on a server.
func newWriter(t testing.TB, s *servers.Server, remembered connector.Memory, change map[string]any) north.Connector {
	t.Helper()
	all := maps.Clone(s.Settings)
	delete(all, "compression")
	delete(all, "retryInterval")
	maps.Copy(all, map[string]any{"remoteFolder": s.Remote, "prefix": "", "suffix": ""})
	maps.Copy(all, change)
	n, err := northsftp.Type.New(north.Env{Lost: func(error, time.Duration) {}, Env: connector.Env{ID: "n", Name: "North", Settings: object(t, all), TempDir: t.TempDir(),
		Memory: remembered, Log: slog.New(slog.DiscardHandler), Host: connector.Host{Now: time.Now}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Disconnect(context.Background()) })
	return n
}

func delivery(name string, raw []byte) north.Delivery {
	return north.Delivery{Kind: content.Any, Name: name, Size: int64(len(raw)), Created: time.Unix(1, 0),
		Open: func() io.ReadCloser { return io.NopCloser(strings.NewReader(string(raw))) }}
}

func names(t testing.TB, s *servers.Server) (list []string) {
	t.Helper()
	entries, err := os.ReadDir(s.Dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

func holds(t testing.TB, s *servers.Server, name string, raw []byte) {
	t.Helper()
	got, err := os.ReadFile(filepath.Join(s.Dir, name))
	if err != nil || sha256.Sum256(got) != sha256.Sum256(raw) {
		t.Errorf("%s has %d bytes, %v", name, len(got), err)
	}
}

func TestAContentReplacesAFile(t *testing.T) {
	t.Parallel()
	s := servers.StartSSH(t)
	n := newWriter(t, s, memory{}, nil)
	for _, raw := range [][]byte{noise(100_000), noise(10), {}} {
		if err := n.Send(t.Context(), delivery("x.csv", raw)); err != nil {
			t.Fatal(err)
		}
		holds(t, s, "x.csv", raw)
		if got := names(t, s); len(got) != 1 {
			t.Errorf("there is %q", got)
		}
	}
	report, err := n.Test(t.Context())
	if err != nil || len(report.Items) != 2 || report.Items[1].Value != s.Remote {
		t.Errorf("got %v, %v", report, err)
	}
}

func TestAServerKilledWhileItTakesAFile(t *testing.T) {
	t.Parallel()
	s := servers.StartSSH(t)
	n, big := newWriter(t, s, memory{}, nil), noise(48<<20)
	if err := n.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	for attempt := range attempts {
		killed, kill := make(chan struct{}), s.Killer()
		go func() {
			defer close(killed)
			for taken(s) < 1<<20 && t.Context().Err() == nil {
			}
			kill()
		}()
		err := n.Send(t.Context(), delivery("big", big))
		<-killed
		if _, again := north.IsAgain(err); again {
			t.Logf("killed after %d of %d bytes", taken(s), len(big))
			break
		}
		if err != nil || attempt == attempts-1 {
			t.Fatalf("got %v", err)
		}
		s.Peer.Restart() // it was all over before
		if err := errors.Join(os.Remove(filepath.Join(s.Dir, "big")), n.Connect(t.Context())); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(filepath.Join(s.Dir, "big")); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("a half file appeared: %v", err)
	}
	if _, again := north.IsAgain(n.Send(t.Context(), delivery("big", big))); !again {
		t.Error("a server that is not there is an error of the content")
	}
	s.Peer.Restart()
	if err := n.Send(t.Context(), delivery("big", big)); err != nil {
		t.Fatal(err)
	}
	holds(t, s, "big", big)
	if got := names(t, s); len(got) != 1 {
		t.Errorf("there is %q", got)
	}
}

// taken is how much lies in the folder.
func taken(s *servers.Server) (total int64) {
	entries, err := os.ReadDir(s.Dir)
	if err != nil {
		return 0
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			total += info.Size()
		}
	}
	return total
}

func TestAnAgentKilledWhileItWritesLeavesNothingForLong(t *testing.T) {
	t.Parallel()
	s, remembered := servers.StartSSH(t), memory{}
	n := newWriter(t, s, remembered, nil)
	d := delivery("x", nil)
	ctx, cancel := context.WithCancel(t.Context())
	d.Open = func() io.ReadCloser {
		return io.NopCloser(io.MultiReader(strings.NewReader(strings.Repeat("x", 1<<20)), ending(cancel)))
	}
	if err := n.Send(ctx, d); err == nil {
		t.Fatal("no error")
	}
	if got := names(t, s); len(got) != 1 || got[0] == "x" {
		t.Fatalf("there is %q", got)
	}
	if err := newWriter(t, s, remembered, nil).Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	harness.Until(t, limit, "the half file is gone", func() bool { return len(names(t, s)) == 0 })
}

// ending ends something when it is read, and has no end itself.
type ending func()

func (e ending) Read(b []byte) (int, error) { e(); return len(b), nil }
