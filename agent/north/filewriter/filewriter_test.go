package filewriter

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"oibus/agent/connector"
	"oibus/agent/content"
	"oibus/agent/north"
)

var noon = time.Date(2024, 1, 15, 12, 0, 0, 7_000_000, time.UTC)

func built(t *testing.T, dir, prefix, suffix string) *Writer {
	t.Helper()
	raw, err := json.Marshal(map[string]any{"outputFolder": dir, "prefix": prefix, "suffix": suffix, "username": nil, "password": nil, "domain": nil})
	if err != nil {
		t.Fatal(err)
	}
	w, err := build(north.Env{Env: connector.Env{ID: "a1B2c3", Name: "FW/1", Settings: raw, Host: connector.Host{Now: func() time.Time { return noon }}}})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func delivery(name, text string) north.Delivery {
	return north.Delivery{Kind: content.Any, Name: name, Size: int64(len(text)),
		Open: func() io.ReadCloser { return io.NopCloser(strings.NewReader(text)) }}
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

func TestNamesAreDecoratedAsByTheReference(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ prefix, suffix, name, want string }{
		{"@ConnectorName-", "-@CurrentDate", "report.csv", "FW-1-report-2024_01_15_12_00_00_007.csv"},
		{"", "", "sub/x.tar.gz", "x.tar.gz"},
		{"", "-@CurrentDate-@CurrentDate", ".hid", ".hid-2024_01_15_12_00_00_007-@CurrentDate"},
		{"p", "s", `..\..\evil.sh`, "pevils.sh"},
		{"", "", "../..", "content"},
		{"", "", "", "content"},
	} {
		dir := t.TempDir()
		if err := built(t, dir, c.prefix, c.suffix).Send(t.Context(), delivery(c.name, "text")); err != nil {
			t.Errorf("%q: %v", c.name, err)
			continue
		}
		if got := names(t, dir); len(got) != 1 || got[0] != c.want {
			t.Errorf("%q: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestAPrefixMayNameASubFolderAndNotLeaveTheFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := built(t, dir, "sub/", "").Send(t.Context(), delivery("x", "text")); err != nil {
		t.Fatal(err)
	}
	if got := names(t, filepath.Join(dir, "sub")); len(got) != 1 || got[0] != "x" {
		t.Errorf("got %q", got)
	}
	if err := built(t, dir, "../", "").Send(t.Context(), delivery("x", "text")); err == nil {
		t.Error("the file left the folder")
	}
}

func TestContentsOfTheSameMillisecondGetDifferentNames(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := built(t, dir, "", "-@CurrentDate")
	for range 3 {
		if err := w.Send(t.Context(), delivery("x.csv", "text")); err != nil {
			t.Fatal(err)
		}
	}
	if got := names(t, dir); len(got) != 3 {
		t.Errorf("got %q", got)
	}
}

func TestATargetThatIsThereIsReplacedAsAWhole(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := built(t, dir, "", "")
	for _, text := range []string{"first, longer", "second"} {
		if err := w.Send(t.Context(), delivery("x.csv", text)); err != nil {
			t.Fatal(err)
		}
	}
	if raw, err := os.ReadFile(filepath.Join(dir, "x.csv")); err != nil || string(raw) != "second" {
		t.Errorf("got %q, %v", raw, err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestNothingHalfStaysBehind(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := built(t, dir, "", "")
	broken := errors.New("disk broken")
	d := delivery("x.csv", "")
	d.Open = func() io.ReadCloser { return io.NopCloser(io.MultiReader(strings.NewReader("half"), failing{broken})) }
	if err := w.Send(t.Context(), d); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.Send(ctx, delivery("x.csv", "text")); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if got := names(t, dir); len(got) != 0 {
		t.Errorf("got %q", got)
	}
}

func TestWhatACrashLeftIsRemovedAndNothingElse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := built(t, dir, "", "")
	for _, name := range []string{w.temporary("XYZ"), ".oibus-other1-XYZ.tmp", "x.csv"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := names(t, dir); len(got) != 2 {
		t.Errorf("got %q", got)
	}
	if err := built(t, filepath.Join(dir, "nope"), "", "").Connect(t.Context()); err != nil {
		t.Errorf("a folder that is not there: %v", err)
	}
}

func TestTheTestReportsTheFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "x"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	report, err := built(t, dir, "", "").Test(t.Context())
	raw, _ := json.Marshal(report)
	quoted, _ := json.Marshal(dir)
	if want := `{"items":[{"key":"Output Folder","value":` + string(quoted) + `},{"key":"Files","value":"1"}]}`; err != nil || string(raw) != want {
		t.Errorf("got %s, %v; want %s", raw, err, want)
	}
	nope := filepath.Join(dir, "nope")
	_, err = built(t, nope, "", "").Test(t.Context())
	want := `Write access error on "` + nope + `": ENOENT: no such file or directory, open '` + filepath.Join(nope, ".oibus-write-test") + `'`
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if got := names(t, dir); len(got) != 1 {
		t.Errorf("the test left %q", got)
	}
}

func TestSettingsAreChecked(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{`{}`, `{"outputFolder":" "}`, `{"outputFolder":7}`, `[]`} {
		if _, err := build(north.Env{Env: connector.Env{Settings: json.RawMessage(raw)}}); err == nil {
			t.Errorf("%s: no error", raw)
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestLargeFilesTakeLittleMemory(t *testing.T) {
	dir := t.TempDir()
	w := built(t, dir, "", "")
	d := delivery("big", "")
	d.Open = func() io.ReadCloser { return io.NopCloser(io.LimitReader(zeros{}, 64<<20)) }
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if err := w.Send(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 1<<20 {
		t.Errorf("%d bytes were allocated", grown)
	}
}
