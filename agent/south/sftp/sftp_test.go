package sftp

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"oibus/agent/connector"
	"oibus/agent/content"
	"oibus/agent/south"
	"oibus/testing/harness"
	"oibus/testing/peers/files/sftpserver"
)

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

const password = "s3cret"

// bench is a server with a folder, a South on it, and what it emitted.
type bench struct {
	t      *testing.T
	server *sftpserver.Server
	dir    string
	south  *South
	item   map[string]any
	memory memory
	sent   map[string]string
	order  []string
	refuse error
	log    bytes.Buffer

	mu   sync.Mutex
	lost []error
}

func newBench(t *testing.T, change map[string]any) *bench {
	t.Helper()
	b := &bench{t: t, dir: t.TempDir(), server: sftpserver.Start(t, sftpserver.Options{Password: password}), memory: memory{}, sent: map[string]string{}}
	b.item = map[string]any{"remoteFolder": b.dir, "regex": ".*", "minAge": 100, "preserveFiles": true, "ignoreModifiedDate": false, "maxFiles": 0, "maxSize": 0, "recursive": false}
	all := map[string]any{"host": b.server.Host, "port": b.server.Port, "authentication": "password", "username": "u", "password": password,
		"privateKey": nil, "passphrase": nil, "compression": false, "retryInterval": 1234}
	maps.Copy(all, change)
	raw, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	b.south, err = build(south.Env{Lost: b.note, Env: connector.Env{ID: "s", Name: "SFTP", Settings: raw, TempDir: t.TempDir(), Memory: memory{},
		Log: slog.New(slog.NewTextHandler(&b.log, nil)), Host: connector.Host{Now: time.Now}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.south.Disconnect(context.Background()) })
	return b
}

func (b *bench) note(err error, after time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if after != 1234*time.Millisecond {
		err = fmt.Errorf("after %v: %w", after, err)
	}
	b.lost = append(b.lost, err)
}

func (b *bench) losses() []error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.lost)
}

func (b *bench) connect() *bench {
	b.t.Helper()
	if err := b.south.Disconnect(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	if err := b.south.Connect(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	return b
}

func (b *bench) write(name, text string, age time.Duration) string {
	b.t.Helper()
	path := filepath.Join(b.dir, filepath.FromSlash(name))
	at := time.Now().Add(-age)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644), os.Chtimes(path, at, at)); err != nil {
		b.t.Fatal(err)
	}
	return path
}

func (b *bench) emit(_ context.Context, c content.Content, _ []south.Item) error {
	if b.refuse != nil {
		return b.refuse
	}
	r, err := c.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	raw, err := io.ReadAll(r)
	b.sent[c.FileName] = string(raw)
	b.order = append(b.order, c.FileName)
	return err
}

func (b *bench) items() []south.Item {
	raw, err := json.Marshal(b.item)
	if err != nil {
		b.t.Fatal(err)
	}
	return []south.Item{{ID: "i", Name: "item", Settings: raw}}
}

func (b *bench) scan() ([]string, json.RawMessage, error) {
	b.t.Helper()
	b.order = nil
	last, err := b.south.Read(b.t.Context(), south.DirectQuery{Items: b.items(), Emit: b.emit, Memory: b.memory})
	return b.order, last, err
}

func (b *bench) want(names ...string) {
	b.t.Helper()
	if got, _, err := b.scan(); err != nil || !slices.Equal(got, names) {
		b.t.Errorf("sent %q, %v; want %q", got, err, names)
	}
}

func TestFilesAreSentOnceUnderFlatNames(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil).connect()
	b.item["recursive"], b.item["regex"] = true, `^[a-z]\.csv$`
	b.write("b.csv", "b", time.Hour)
	b.write("sub/a.csv", "a", time.Hour)
	b.write("sub/deep/c.csv", "c", time.Hour)
	b.write("other.txt", "o", time.Hour)
	b.write("y.csv", "young", -time.Hour)
	b.want("b.csv", "sub_a.csv", "sub_deep_c.csv")
	b.want()
	b.write("sub/a.csv", "newer", time.Minute)
	b.want("sub_a.csv")
	if b.sent["sub_a.csv"] != "newer" || len(b.memory) != 3 {
		t.Errorf("sent %q, remembered %v", b.sent, b.memory)
	}
}

func TestFoldersThatMatchAreNoFiles(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil).connect()
	b.write("a", "a", time.Hour)
	b.write("folder/x", "x", time.Hour)
	if err := os.Symlink(filepath.Join(b.dir, "a"), filepath.Join(b.dir, "link")); err != nil {
		t.Skip("no links here: ", err)
	}
	b.want("a")
}

func TestFilesAreRemovedOnlyOnceTheyWereTaken(t *testing.T) {
	t.Parallel()
	b := newBench(t, map[string]any{"compression": true}).connect()
	b.item["preserveFiles"] = false
	path := b.write("a.csv", "text", time.Hour)
	b.refuse = errors.New("no north wants it")
	if _, _, err := b.scan(); !errors.Is(err, b.refuse) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("it was removed: %v", err)
	}
	b.refuse = nil
	b.want("a.csv.gz")
	z, err := gzip.NewReader(strings.NewReader(b.sent["a.csv.gz"]))
	if err != nil {
		t.Fatal(err)
	}
	if raw, err := io.ReadAll(z); err != nil || string(raw) != "text" {
		t.Errorf("got %q, %v", raw, err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it is still there: %v", err)
	}
	if left, err := os.ReadDir(b.south.temp); err != nil || len(left) != 0 {
		t.Errorf("left %v, %v", left, err)
	}
}

func TestATransferThatWasCutGoesOn(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil).connect()
	text := strings.Repeat("0123456789", 300_000)
	b.write("big", text, time.Hour)
	b.server.CutAfter.Store(2_000_000)
	if got, _, err := b.scan(); err == nil || len(got) != 0 {
		t.Fatalf("sent %q, %v", got, err)
	}
	harness.Until(t, time.Minute, "the loss is told", func() bool { return len(b.losses()) > 0 })
	if err := b.losses()[0]; err.Error() != "SFTP client closed unexpectedly. Reconnecting in 1234 ms" {
		t.Errorf("got %v", err)
	}
	if _, _, err := b.scan(); err == nil || err.Error() != "SFTP client is not connected" {
		t.Errorf("got %v", err)
	}
	b.connect()
	const left = 2_000_000 // the whole does not come through
	b.server.CutAfter.Store(left)
	b.want("big")
	if b.sent["big"] != text {
		t.Errorf("got %d bytes", len(b.sent["big"]))
	}
}

func TestAFileThatChangedAfterACutBeginsAnew(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil).connect()
	b.write("big", strings.Repeat("0123456789", 300_000), time.Hour)
	b.server.CutAfter.Store(2_000_000)
	if _, _, err := b.scan(); err == nil {
		t.Fatal("no error")
	}
	b.server.CutAfter.Store(0)
	text := strings.Repeat("abcdefghij", 300_000)
	b.write("big", text, time.Minute)
	b.connect().want("big")
	if b.sent["big"] != text {
		t.Error("two files were mixed")
	}
}

func TestAFileThatStillGrowsIsNotSent(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil).connect()
	path := b.write("growing", "1", time.Hour)
	at := time.Now().Add(-time.Hour)
	text, calls := "1", 0
	b.south.now = func() time.Time { // the clock of the server is an hour behind: the age says nothing
		if calls++; calls == 3 {
			text += "2"
			if err := errors.Join(os.WriteFile(path, []byte(text), 0o644), os.Chtimes(path, at, at)); err != nil {
				t.Error(err)
			}
		}
		return time.Now()
	}
	if got, _, err := b.scan(); err == nil || len(got) != 0 || calls < 3 {
		t.Fatalf("sent %q, %v after %d looks at the clock", got, err, calls)
	}
	b.want("growing")
	if b.sent["growing"] != "12" {
		t.Errorf("got %q", b.sent)
	}
}

func TestAFileThatCannotBeReadHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil).connect()
	b.write("a", "a", time.Hour)
	b.write("b", "b", time.Hour)
	fetch := b.south.downloads
	fetch.Temp = filepath.Join(fetch.Temp, "gone")
	if got, _, err := b.scan(); err == nil || len(got) != 0 || !strings.Contains(err.Error(), "2 of 2") {
		t.Errorf("sent %q, %v", got, err)
	}
}

func TestTheTestsTellWhatTheReferenceTells(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	report, err := b.south.Test(t.Context())
	raw, _ := json.Marshal(report)
	if want := fmt.Sprintf(`{"items":[{"key":"Host","value":"127.0.0.1:%d"},{"key":"Username","value":"u"}]}`, b.server.Port); err != nil || string(raw) != want {
		t.Errorf("got %s, %v; want %s", raw, err, want)
	}
	b.write("a.csv", "a", time.Hour)
	b.write("sub/b.csv", "b", time.Hour)
	b.item["regex"], b.item["recursive"] = `\.csv$`, true
	result, err := b.south.TestItem(t.Context(), south.TestRequest{Item: b.items()[0]})
	if err != nil {
		t.Fatal(err)
	}
	r, err := result.Content.Open()
	if err != nil {
		t.Fatal(err)
	}
	if raw, err := io.ReadAll(r); err != nil || !strings.Contains(string(raw), `{"value":"a.csv"}`) || !strings.Contains(string(raw), `{"value":"sub/b.csv"}`) {
		t.Errorf("got %s, %v", raw, err)
	}
	wrong := newBench(t, map[string]any{"password": "wr0ng"})
	_, err = wrong.south.Test(t.Context())
	if want := fmt.Sprintf(`Access error on "127.0.0.1:%d": `, wrong.server.Port); err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "wr0ng") {
		t.Errorf("got %v", err)
	}
	if err := wrong.south.Connect(t.Context()); err == nil || len(wrong.losses()) != 1 {
		t.Errorf("got %v, told %v", err, wrong.losses())
	}
}

func TestSettingsAreChecked(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{`{}`, `{"host":"h","port":0,"authentication":"password"}`, `{"host":"h","port":22,"authentication":"none"}`, `[]`, `{"host":7}`} {
		if _, err := build(south.Env{Env: connector.Env{Settings: json.RawMessage(raw)}}); err == nil {
			t.Errorf("%s: no error", raw)
		}
	}
}
