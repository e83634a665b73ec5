package upgrade

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"oibus/agent/cloud"
	"oibus/launcher/handover"
	"oibus/launcher/release"
	"oibus/platform"
	"oibus/platform/task"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// pack makes the package of a version for this machine, padded with size bytes that cannot be compressed.
func pack(t testing.TB, version string, size int) []byte {
	t.Helper()
	system := platform.Platform()
	padding := make([]byte, size)
	source := rand.NewChaCha8([32]byte{1})
	if _, err := source.Read(padding); err != nil {
		t.Fatal(err)
	}
	var sources []release.Source
	for path, content := range map[string]string{release.LauncherPath(system): "the launcher", release.AgentPath(system): "the agent", "padding": string(padding)} {
		sources = append(sources, release.Source{Path: path, Executable: path != "padding", Open: func() (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader(content)), nil
		}})
	}
	var b bytes.Buffer
	m := release.Manifest{Version: version, Platform: system, Architecture: platform.Architecture(), State: release.StateLevels{MinReadable: 1, Written: 1}, Created: noon}
	if _, err := release.Write(t.Context(), &b, m, sources, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// server is an OIAnalytics that serves one release, as badly as a test wants.
type server struct {
	mu       sync.Mutex
	content  []byte
	etag     string
	noRanges bool
	answer   func(n int, w http.ResponseWriter, r *http.Request) bool // answers request n itself
	cut      func(n int) int                                          // bytes that request n brings before it is cut, -1: all

	requests []*http.Request
	sent     int
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.requests)
	s.requests = append(s.requests, r)
	if s.answer != nil && s.answer(n, w, r) {
		return
	}
	if s.noRanges {
		r.Header.Del("Range")
	}
	w.Header().Set("Content-Type", "application/zip")
	if s.etag != "" {
		w.Header().Set("ETag", s.etag)
	}
	left := -1
	if s.cut != nil {
		left = s.cut(n)
	}
	http.ServeContent(&cutter{w, left, &s.sent}, r, "", time.Time{}, bytes.NewReader(s.content))
}

// cutter cuts the connection after some bytes of body.
type cutter struct {
	http.ResponseWriter
	left int
	sent *int
}

func (c *cutter) Write(p []byte) (int, error) {
	if c.left >= 0 && len(p) > c.left {
		p = p[:c.left]
		n, _ := c.ResponseWriter.Write(p)
		*c.sent += n
		_ = http.NewResponseController(c.ResponseWriter).Flush()
		panic(http.ErrAbortHandler)
	}
	if c.left >= 0 {
		c.left -= len(p)
	}
	n, err := c.ResponseWriter.Write(p)
	*c.sent += n
	return n, err
}

func (s *server) brought() int { s.mu.Lock(); defer s.mu.Unlock(); return s.sent }

func (s *server) asked() int { s.mu.Lock(); defer s.mu.Unlock(); return len(s.requests) }

// rig is a service with a server, a clock and a launcher that a test moves.
type rig struct {
	*Service
	t      *testing.T
	dir    string
	server *server
	url    string
	o      Options
	clock  *clock
	disk   *testDisk
	notes  *noted
	log    *noted
}

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.now }
func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// noted keeps what was said.
type noted struct {
	mu   sync.Mutex
	text []string
}

func (n *noted) note(text string) { n.mu.Lock(); defer n.mu.Unlock(); n.text = append(n.text, text) }
func (n *noted) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return strings.Join(n.text, "\n")
}
func (n *noted) Write(p []byte) (int, error) { n.note(string(p)); return len(p), nil }

// testDisk is a disk with as much room as a test wants, which can break.
type testDisk struct {
	mu   sync.Mutex
	free uint64
	fail func(at int64) error // of a write at a byte
}

func (d *testDisk) Free(string) (uint64, error) { d.mu.Lock(); defer d.mu.Unlock(); return d.free, nil }
func (d *testDisk) Create(path string) (file, error) {
	f, err := realDisk{}.Create(path)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	return &testFile{f, d, info.Size()}, nil
}

type testFile struct {
	file
	d  *testDisk
	at int64
}

func (f *testFile) Write(p []byte) (int, error) {
	f.d.mu.Lock()
	fail := f.d.fail
	f.d.mu.Unlock()
	if fail != nil {
		if err := fail(f.at); err != nil {
			return 0, err
		}
	}
	n, err := f.file.Write(p)
	f.at += int64(n)
	return n, err
}

func newRig(t *testing.T, srv *server) *rig {
	t.Helper()
	s := httptest.NewUnstartedServer(srv)
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	s.Start()
	t.Cleanup(s.Close)
	client := cloud.New("3.9.0")
	t.Cleanup(client.CloseIdle)
	r := &rig{t: t, dir: t.TempDir(), server: srv, url: s.URL, clock: &clock{now: noon}, disk: &testDisk{free: 1 << 40}, notes: &noted{}, log: &noted{}}
	r.o = Options{
		DataDir: r.dir, Version: "3.8.8", Launcher: "3.5.0", Managed: true, StateLevel: 1, Cloud: client,
		Connection: func() (cloud.Connection, error) { return cloud.Connection{Host: s.URL, Token: "t"}, nil },
		Log:        slog.New(slog.NewTextHandler(r.log, nil)), Now: r.clock.Now, disk: r.disk,
		limits: limits{stall: time.Hour, whole: 24 * time.Hour, pickup: time.Minute, lost: 10 * time.Second, firstRetry: time.Millisecond, lastRetry: 2 * time.Millisecond, look: time.Millisecond},
	}
	r.restart()
	return r
}

// restart is the next process on the same folder.
func (r *rig) restart() { r.Service = New(r.o) }

const commandID = "c-101"

func content(version string) json.RawMessage {
	return json.RawMessage(`{"version":"` + version + `","assetId":"a-557","updateLauncher":false,"backupFolders":"cache/*"}`)
}

// runs carries out the command.
func (r *rig) runs(ctx context.Context) (string, error) {
	return r.Run(ctx, commandID, content("v3.9.0"), r.notes.note)
}

// stopped runs the command until the launcher was asked, then stops the process, and returns the request.
func (r *rig) stopped() handover.Request {
	r.t.Helper()
	ctx, cancel := context.WithCancel(r.t.Context())
	defer cancel()
	watch := task.New(ctx, nil)
	watch.Go("stop once asked", func(ctx context.Context) error {
		for ctx.Err() == nil {
			if _, there, err := handover.ReadRequest(r.dir); there && err == nil {
				cancel()
			}
			time.Sleep(time.Millisecond)
		}
		return nil
	})
	text, err := r.runs(ctx)
	if !errors.Is(err, context.Canceled) {
		r.t.Fatalf("it ended with %q, %v\n%s", text, err, r.log)
	}
	request, there, err := handover.ReadRequest(r.dir)
	if !there || err != nil {
		r.t.Fatalf("there is no request: %v", err)
	}
	return request
}

// launcherSays writes what the launcher keeps.
func (r *rig) launcherSays(phase string, v handover.Versions) {
	r.t.Helper()
	text, err := json.Marshal(map[string]any{"level": 1, "phase": phase, "launcherVersion": "3.5.0", "upgrades": v})
	if err == nil {
		err = os.WriteFile(filepath.Join(r.dir, "launcher.json"), text, 0o600)
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

// left lists the folder update.
func (r *rig) left() []string {
	r.t.Helper()
	entries, err := os.ReadDir(handover.Dir(r.dir))
	if err != nil && !os.IsNotExist(err) {
		r.t.Fatal(err)
	}
	names := []string{}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// handedOver checks that the release as it is served was handed over.
func (r *rig) handedOver(request handover.Request) {
	r.t.Helper()
	got, err := os.ReadFile(filepath.Join(handover.Dir(r.dir), request.Package))
	if err != nil || !bytes.Equal(got, r.server.content) {
		r.t.Fatalf("%d bytes are handed over, %d are served: %v", len(got), len(r.server.content), err)
	}
	if request.CommandID != commandID || request.Version != "3.9.0" || request.BackupFolders != "cache/*" || request.UpdateLauncher || len(request.SHA256) != 64 {
		r.t.Errorf("the request is %+v", request)
	}
	if names := r.left(); len(names) != 2 {
		r.t.Errorf("the folder holds %q", names)
	}
}

// fails runs the command, which must end with an error that says parts.
func (r *rig) fails(parts ...string) error {
	r.t.Helper()
	text, err := r.runs(r.t.Context())
	if err == nil {
		r.t.Fatalf("it succeeded: %s", text)
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			r.t.Errorf("it does not say %q: %v", p, err)
		}
	}
	if _, there, _ := handover.ReadRequest(r.dir); there {
		r.t.Error("the launcher was asked all the same")
	}
	return err
}

func serves(t *testing.T) *server {
	t.Helper()
	return &server{content: pack(t, "3.9.0", 300_000), etag: `"v1"`}
}

func isKept(names []string) string { return fmt.Sprint(names) }
