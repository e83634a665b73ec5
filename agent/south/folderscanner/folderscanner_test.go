package folderscanner

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
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"oibus/agent/connector"
	"oibus/agent/content"
	"oibus/agent/south"
)

var noon = time.Date(2024, 1, 15, 12, 0, 0, 0, time.UTC)

// fakeMemory remembers in memory and counts what is written.
type fakeMemory struct {
	values map[string]json.RawMessage
	writes int
	err    error
}

func (m *fakeMemory) Get(key string) (json.RawMessage, bool)  { v, ok := m.values[key]; return v, ok }
func (m *fakeMemory) All() iter.Seq2[string, json.RawMessage] { return maps.All(maps.Clone(m.values)) }
func (m *fakeMemory) Set(changes map[string]json.RawMessage) error {
	if m.err != nil {
		return m.err
	}
	for k, v := range changes {
		if m.writes++; v == nil {
			delete(m.values, k)
		} else {
			m.values[k] = v
		}
	}
	return nil
}

// bench is a folder, a South on it, and what it emitted.
type bench struct {
	t        *testing.T
	dir      string
	scanner  *Scanner
	item     map[string]any
	memory   *fakeMemory
	sent     map[string]string
	order    []string
	refuse   error
	reading  func(name string) // while a content is read
	keepText bool
	log      bytes.Buffer
}

func newBench(t *testing.T, settings map[string]any) *bench {
	t.Helper()
	b := &bench{t: t, dir: t.TempDir(), memory: &fakeMemory{values: map[string]json.RawMessage{}}, sent: map[string]string{}, keepText: true,
		item: map[string]any{"regex": ".*", "minAge": 1000, "preserveFiles": true, "ignoreModifiedDate": false, "maxFiles": 0, "maxSize": 0, "recursive": false}}
	all := map[string]any{"inputFolder": b.dir, "compression": false, "username": nil, "password": nil, "domain": nil}
	maps.Copy(all, settings)
	raw, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	b.scanner, err = build(south.Env{Env: connector.Env{ID: "s", Name: "FS", Settings: raw, TempDir: t.TempDir(), Log: slog.New(slog.NewTextHandler(&b.log, nil)),
		Host: connector.Host{Now: func() time.Time { return noon }}}})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bench) write(name, text string, age time.Duration) string {
	b.t.Helper()
	path := filepath.Join(b.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		b.t.Fatal(err)
	}
	if err := os.Chtimes(path, noon.Add(-age), noon.Add(-age)); err != nil {
		b.t.Fatal(err)
	}
	return path
}

func (b *bench) emit(_ context.Context, c content.Content, items []south.Item) error {
	if b.refuse != nil {
		return b.refuse
	}
	if c.Kind != content.Any || len(items) != 1 {
		b.t.Errorf("got kind %s for %d items", c.Kind, len(items))
	}
	r, err := c.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	if b.reading != nil {
		b.reading(c.FileName)
	}
	if !b.keepText {
		_, err := io.Copy(io.Discard, r)
		b.order = append(b.order, c.FileName)
		return err
	}
	raw, err := io.ReadAll(r)
	b.sent[c.FileName] = string(raw)
	b.order = append(b.order, c.FileName)
	return err
}

// scan reads the item once and returns the names sent, in order.
func (b *bench) scan() ([]string, json.RawMessage, error) {
	b.t.Helper()
	raw, err := json.Marshal(b.item)
	if err != nil {
		b.t.Fatal(err)
	}
	b.order = nil
	last, err := b.scanner.Read(b.t.Context(), south.DirectQuery{Items: []south.Item{{ID: "i", Name: "item", Settings: raw}}, Emit: b.emit, Memory: b.memory})
	return b.order, last, err
}

func (b *bench) want(names ...string) {
	b.t.Helper()
	got, _, err := b.scan()
	if err != nil || !slices.Equal(got, names) {
		b.t.Errorf("sent %q, %v; want %q", got, err, names)
	}
}

func TestNewAndChangedFilesAreSentOnceInOrder(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.item["recursive"] = true
	b.write("b.csv", "b", time.Hour)
	b.write("Z.csv", "Z", time.Hour)
	b.write("a/z.csv", "z", time.Hour)
	b.write("a.csv", "a", time.Hour)
	b.write("young.csv", "y", 500*time.Millisecond)
	b.write("old.txt", "o", time.Second)
	b.item["regex"] = `\.csv$|^old`
	b.want("Z.csv", "a/z.csv", "a.csv", "b.csv", "old.txt")
	b.want()
	b.write("a/z.csv", "z2", time.Minute)
	b.want("a/z.csv")
	if b.sent["a/z.csv"] != "z2" || b.memory.writes != 6 {
		t.Errorf("got %v with %d writes", b.sent, b.memory.writes)
	}
	b.item["recursive"] = false
	b.want()
	b.item["recursive"] = true
	b.want()
}

func TestNumbersThatArriveAsTextMeanWhatTheySay(t *testing.T) {
	t.Parallel()
	b := newBench(t, map[string]any{"compression": "false"})
	b.item["minAge"], b.item["maxFiles"], b.item["preserveFiles"] = "1000", "1", "true"
	b.write("a", "a", time.Hour)
	b.write("b", "b", time.Hour)
	b.want("a")
	b.want("b")
	b.want()
}

func TestWithoutTheDateEveryFileIsSentAtEveryScan(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.item["ignoreModifiedDate"] = true
	b.write("a", "a", time.Hour)
	b.want("a")
	b.want("a")
	if b.memory.writes != 1 {
		t.Errorf("%d writes of the same", b.memory.writes)
	}
}

func TestFilesAreDeletedOnlyOnceTheyWereTaken(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.item["preserveFiles"] = false
	a, c := b.write("a", "a", time.Hour), b.write("b", "b", time.Hour)
	b.refuse = errors.New("no north wants it")
	if _, _, err := b.scan(); !errors.Is(err, b.refuse) {
		t.Errorf("got %v", err)
	}
	for _, path := range []string{a, c} {
		if _, err := os.Stat(path); err != nil {
			t.Errorf("deleted although it was not taken: %v", err)
		}
	}
	b.refuse = nil
	b.want("a", "b")
	for _, path := range []string{a, c} {
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("still there: %v", err)
		}
	}
	b.want()
	if len(b.memory.values) != 0 {
		t.Errorf("remembered %v", b.memory.values)
	}
}

func TestACrashBetweenTakingAndRememberingCostsOneFile(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	for _, name := range []string{"a", "b", "c"} {
		b.write(name, name, time.Hour)
	}
	b.reading = func(name string) {
		if name == "b" {
			b.memory.err = errors.New("killed")
		}
	}
	if got, _, err := b.scan(); err == nil || len(got) != 2 {
		t.Errorf("got %q, %v", got, err)
	}
	b.memory.err, b.reading = nil, nil
	b.want("b", "c")
}

func TestAFileThatChangesWhileItIsReadIsSentAgain(t *testing.T) {
	t.Parallel()
	for _, preserve := range []bool{true, false} {
		for _, compression := range []bool{true, false} {
			b := newBench(t, map[string]any{"compression": compression})
			b.item["preserveFiles"] = preserve
			path := b.write("a", "first", time.Hour)
			b.reading = func(string) { b.write("a", "second, longer", 30*time.Minute) }
			if got, _, err := b.scan(); err != nil || len(got) != 1 {
				t.Errorf("got %q, %v", got, err)
			}
			b.reading = nil
			if _, err := os.Stat(path); err != nil {
				t.Fatalf("the changed file was deleted: %v", err)
			}
			if got, _, err := b.scan(); err != nil || len(got) != 1 {
				t.Errorf("preserve %t, compression %t: got %q, %v", preserve, compression, got, err)
			}
		}
	}
}

func TestAFileTooLargeForOneScanIsSentAlone(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.item["maxSize"] = 1
	b.keepText = false
	b.write("a", strings.Repeat("x", 700_000), time.Hour)
	b.write("b", strings.Repeat("x", 700_000), time.Hour)
	b.write("c", strings.Repeat("x", 3_000_000), time.Hour)
	b.write("d", "x", time.Hour)
	b.want("a")
	b.want("b")
	b.want("c")
	if !strings.Contains(b.log.String(), "sent alone") {
		t.Errorf("no warning: %s", b.log.String())
	}
	b.want("d")
	b.want()
}

func TestLinksAndOtherThingsArePassedOver(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.item["recursive"] = true
	b.write("a", "a", time.Hour)
	if err := os.Symlink(filepath.Join(b.dir, "a"), filepath.Join(b.dir, "link")); err != nil {
		t.Skip("no links here: ", err)
	}
	if err := os.Symlink(b.dir, filepath.Join(b.dir, "loop")); err != nil {
		t.Fatal(err)
	}
	b.want("a")
}

func TestAFileThatCannotBeReadHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	if os.Geteuid() == 0 || runtime.GOOS == "windows" {
		t.Skip("permissions do not bind this user")
	}
	b := newBench(t, nil)
	if err := os.Chmod(b.write("a", "a", time.Hour), 0); err != nil {
		t.Fatal(err)
	}
	b.write("b", "b", time.Hour)
	got, _, err := b.scan()
	if !slices.Equal(got, []string{"b"}) || err == nil || !strings.Contains(err.Error(), "EACCES: permission denied, open") {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestCompressedFilesHoldTheSame(t *testing.T) {
	t.Parallel()
	b := newBench(t, map[string]any{"compression": true})
	text := strings.Repeat("hello ", 1000)
	b.write("a.csv", text, time.Hour)
	b.want("a.csv.gz")
	z, err := gzip.NewReader(strings.NewReader(b.sent["a.csv.gz"]))
	if err != nil {
		t.Fatal(err)
	}
	if raw, err := io.ReadAll(z); err != nil || string(raw) != text {
		t.Errorf("got %d bytes, %v", len(raw), err)
	}
	if left, err := os.ReadDir(b.scanner.temp); err != nil || len(left) != 0 {
		t.Errorf("left %v, %v", left, err)
	}
	b.write("b.csv", text, time.Hour)
	b.scanner.temp = filepath.Join(b.scanner.temp, "gone")
	b.want("b.csv") // raw
}

func TestFilesThatAreGoneAreForgottenUnlessAllAre(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.item["recursive"] = true
	for _, name := range []string{"a", "b", "sub/c"} {
		b.write(name, name, time.Hour)
	}
	b.want("a", "b", "sub/c")
	_ = os.Remove(filepath.Join(b.dir, "b"))
	b.want()
	if _, known := b.memory.values["b"]; known || len(b.memory.values) != 2 {
		t.Errorf("remembered %v", b.memory.values)
	}
	away := b.dir + "-away" // as a share that is not mounted
	if err := os.Rename(b.dir, away); err != nil {
		t.Fatal(err)
	}
	if _, _, err := b.scan(); err == nil {
		t.Error("no error without the folder")
	}
	if err := os.Mkdir(b.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	b.want()
	if err := os.Remove(b.dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(away, b.dir); err != nil {
		t.Fatal(err)
	}
	b.want()
}

func TestTheLastValueNamesTheFilesSent(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.write("b", "b", time.Hour)
	b.write("a", "a", time.Hour-250*time.Microsecond)
	_, last, err := b.scan()
	if want := `[{"filename":"b","modifiedTime":1705316400000},{"filename":"a","modifiedTime":1705316400000.25}]`; err != nil || string(last) != want {
		t.Errorf("got %s, %v; want %s", last, err, want)
	}
	if _, last, _ := b.scan(); last != nil {
		t.Errorf("nothing new: got %s", last)
	}
}

func TestManyFilesAreQuick(t *testing.T) {
	if testing.Short() {
		t.Skip("a lot of work, which the race detector only makes slow")
	}
	t.Parallel()
	if testing.Short() {
		t.Skip("makes many files")
	}
	const files = 5_000
	b := newBench(t, nil)
	b.keepText = false
	for i := range files {
		b.write(fmt.Sprintf("file-%06d.csv", i), "x", time.Hour)
	}
	b.item["regex"] = `^file-\d+(?=\.csv)`
	if got, last, err := b.scan(); err != nil || len(got) != files || len(last) > 64<<10 {
		t.Fatalf("sent %d, last value of %d bytes, %v", len(got), len(last), err)
	}
	start, writes := time.Now(), b.memory.writes
	b.want()
	if took := time.Since(start); took > 20*time.Second || b.memory.writes != writes {
		t.Errorf("a scan without news took %v and %d writes", took, b.memory.writes-writes)
	}
}

func TestAHostileExpressionIsAnErrorAndNotAHang(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.item["regex"] = `^(a+)+$`
	b.write(strings.Repeat("a", 100)+"!", "x", time.Hour)
	b.write(strings.Repeat("a", 101)+"!", "x", time.Hour)
	if _, _, err := b.scan(); err == nil || !strings.Contains(err.Error(), "takes more than") {
		t.Errorf("got %v", err)
	}
}

func TestTheTestReportsTheFolder(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.write("a", "a", time.Hour)
	report, err := b.scanner.Test(t.Context())
	raw, _ := json.Marshal(report)
	quoted, _ := json.Marshal(b.dir)
	if want := `{"items":[{"key":"Folder","value":` + string(quoted) + `},{"key":"Files","value":"1"}]}`; err != nil || string(raw) != want {
		t.Errorf("got %s, %v; want %s", raw, err, want)
	}
	nope, file := filepath.Join(b.dir, "nope"), filepath.Join(b.dir, "a")
	for folder, want := range map[string]string{
		nope: `Folder "` + nope + `" does not exist: ENOENT: no such file or directory, access '` + nope + `'`,
		file: file + " is not a directory",
	} {
		if _, err := newBench(t, map[string]any{"inputFolder": folder}).scanner.Test(t.Context()); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestTheTestOfAnItemListsWhatItWouldFind(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.write("sample.csv", "a", time.Hour)
	b.write("sub/x.csv", "a", time.Hour)
	b.write("young.csv", "a", 0)
	result, err := b.scanner.TestItem(t.Context(), south.TestRequest{Item: south.Item{Name: "csv", Settings: json.RawMessage(`{"regex":".*\\.csv","minAge":100}`)}})
	if err != nil {
		t.Fatal(err)
	}
	r, err := result.Content.Open()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(r)
	want := `[{"pointId":"csv","timestamp":"2024-01-15T11:00:00.000Z","data":{"value":"sample.csv"}}]`
	if err != nil || string(raw) != want || result.Content.Kind != content.TimeValues {
		t.Errorf("got %s, %v", raw, err)
	}
}

func TestAShareWithAUserNeedsWindows(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("this is Windows")
	}
	b := newBench(t, map[string]any{"username": "u", "password": "p"})
	b.scanner.folder = `\\server\share`
	if _, err := b.scanner.Test(t.Context()); err == nil || !strings.Contains(err.Error(), "Windows only") {
		t.Errorf("got %v", err)
	}
}

func TestLargeFilesTakeLittleMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("a lot of work, which the race detector only makes slow")
	}
	for _, compression := range []bool{false, true} {
		b := newBench(t, map[string]any{"compression": compression})
		b.keepText = false
		path := b.write("big", "", time.Hour)
		if err := os.Truncate(path, 64<<20); err != nil {
			t.Fatal(err)
		}
		_ = os.Chtimes(path, noon.Add(-time.Hour), noon.Add(-time.Hour))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if got, _, err := b.scan(); err != nil || len(got) != 1 {
			t.Fatalf("got %q, %v", got, err)
		}
		runtime.ReadMemStats(&after)
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 4<<20 {
			t.Errorf("compression %t: %d bytes were allocated", compression, grown)
		}
	}
}
