package scan

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
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

	"oibus/agent/content"
	"oibus/agent/south"
)

type fakeMemory map[string]json.RawMessage

func (m fakeMemory) Get(key string) (json.RawMessage, bool)  { v, ok := m[key]; return v, ok }
func (m fakeMemory) All() iter.Seq2[string, json.RawMessage] { return maps.All(maps.Clone(m)) }
func (m fakeMemory) Set(changes map[string]json.RawMessage) error {
	maps.Copy(m, changes)
	return nil
}

// far is a folder on another machine, whose files are fetched several at once.
type far struct {
	t      *testing.T
	temp   string
	names  []string
	atOnce int
	fail   map[string]error
	meet   chan struct{} // is closed when as many are being fetched as may be; nil: they do not wait for each other

	mu      sync.Mutex
	fetched []string
	removed []string
}

func (f *far) AtOnce(File) int { return f.atOnce }

func (f *far) List(context.Context, string, func(string) (bool, error)) (entries []Entry, err error) {
	for _, name := range f.names {
		entries = append(entries, Entry{Name: name, Kind: Regular, Size: megabyte, Modified: time.Unix(1, 0)})
	}
	return entries, nil
}

func (f *far) Fetch(_ context.Context, file File) (Local, File, error) {
	f.mu.Lock()
	if f.fetched = append(f.fetched, file.Name); f.meet != nil && len(f.fetched) == f.atOnce {
		close(f.meet)
	}
	err := f.fail[file.Name]
	f.mu.Unlock()
	if f.meet != nil {
		<-f.meet
	}
	path := filepath.Join(f.temp, file.Name)
	if err == nil {
		err = os.WriteFile(path, []byte(file.Name), 0o600)
	}
	return Local{Path: path, Copy: true}, file, err
}

func (f *far) Unchanged(context.Context, File) error { return nil }

func (f *far) Remove(_ context.Context, file File) error {
	f.removed = append(f.removed, file.Name)
	return nil
}

// read scans f once and returns what was sent.
func (f *far) read(item string, refuse string) (sent []string, err error) {
	i, err := Decode(south.Item{Settings: json.RawMessage(item)})
	if err != nil {
		f.t.Fatal(err)
	}
	f.temp = f.t.TempDir()
	same := func(name string) string { return name }
	s := &Scanner{Folder: f, Item: i, Log: slog.New(slog.DiscardHandler), Now: time.Now, Temp: f.temp, Match: same, Called: same}
	_, err = s.Read(f.t.Context(), south.DirectQuery{Memory: fakeMemory{}, Emit: func(_ context.Context, c content.Content, _ []south.Item) error {
		if c.FileName == refuse {
			return errors.New("refused")
		}
		sent = append(sent, c.FileName)
		return nil
	}}, south.Item{})
	left, readErr := os.ReadDir(f.temp)
	if readErr != nil || len(left) != 0 {
		f.t.Errorf("left %v, %v", left, readErr)
	}
	return sent, err
}

func letters(n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprintf("%c", 'a'+i))
	}
	return names
}

func TestFilesAreFetchedAtOnceAndSentInOrder(t *testing.T) {
	t.Parallel()
	f := &far{t: t, names: letters(12), atOnce: 4, meet: make(chan struct{})}
	sent, err := f.read(`{"preserveFiles":false}`, "")
	if err != nil || !slices.Equal(sent, f.names) || !slices.Equal(f.removed, f.names) {
		t.Errorf("sent %q, %v, removed %q", sent, err, f.removed)
	}
}

func TestWhatIsFetchedAheadKeepsTheLimits(t *testing.T) {
	t.Parallel()
	for item, want := range map[string]string{
		`{"preserveFiles":true,"maxFiles":3}`:               "bde", // a and c are not to be had
		`{"preserveFiles":true,"maxSize":2}`:                "bd",
		`{"preserveFiles":true,"maxFiles":99,"maxSize":99}`: "bdefghij",
	} {
		f := &far{t: t, names: letters(10), atOnce: 4, fail: map[string]error{"a": ErrPassed, "c": errors.New("broken")}}
		sent, err := f.read(item, "")
		if strings.Join(sent, "") != want || err == nil || !strings.Contains(err.Error(), `"c": broken`) {
			t.Errorf("%s: sent %q, %v", item, sent, err)
		}
		if len(f.fetched) > len(want)+2 {
			t.Errorf("%s: fetched %q", item, f.fetched)
		}
	}
}

func TestAnErrorEndsFetchingAhead(t *testing.T) {
	t.Parallel()
	f := &far{t: t, names: letters(20), atOnce: 4, fail: map[string]error{"c": &LostError{fs.ErrClosed}}}
	if sent, err := f.read(`{"preserveFiles":true}`, ""); !errors.Is(err, fs.ErrClosed) || len(sent) != 2 || len(f.fetched) > 7 {
		t.Errorf("sent %q, fetched %q, %v", sent, f.fetched, err)
	}
	f = &far{t: t, names: letters(20), atOnce: 4}
	if sent, err := f.read(`{"preserveFiles":true}`, "b"); err == nil || len(sent) != 1 || len(f.fetched) > 6 {
		t.Errorf("sent %q, fetched %q, %v", sent, f.fetched, err)
	}
}
