package ftp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"oibus/agent/connector"
	"oibus/agent/content"
	"oibus/agent/south"
	"oibus/testing/peers/files/ftpserver"
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

// bench is a server, a South on it, and what it emitted.
type bench struct {
	t      *testing.T
	server *ftpserver.Server
	south  *South
	item   map[string]any
	memory memory
	sent   map[string]string
	order  []string
	refuse error

	mu   sync.Mutex
	lost []error
}

func newBench(t *testing.T, o ftpserver.Options, change map[string]any) *bench {
	t.Helper()
	o.User, o.Password = "u", password
	b := &bench{t: t, server: ftpserver.Start(t, o), memory: memory{}, sent: map[string]string{}}
	b.item = map[string]any{"remoteFolder": "/in", "regex": ".*", "minAge": 100, "preserveFiles": true, "ignoreModifiedDate": false, "maxFiles": 0, "maxSize": 0, "recursive": false}
	all := map[string]any{"host": b.server.Host, "port": b.server.Port, "authentication": "password", "username": "u", "password": password, "compression": false, "retryInterval": 1234}
	maps.Copy(all, change)
	raw, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	b.south, err = build(south.Env{Lost: b.note, Env: connector.Env{ID: "s", Name: "FTP", Settings: raw, TempDir: t.TempDir(),
		Log: slog.New(slog.DiscardHandler), Host: connector.Host{Now: time.Now}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.south.Disconnect(context.Background()) })
	return b
}

func (b *bench) note(err error, _ time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
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

func (b *bench) put(name, text string, age time.Duration) {
	b.server.Put(name, text, time.Now().Add(-age))
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

func (b *bench) scan() ([]string, error) {
	b.t.Helper()
	b.order = nil
	_, err := b.south.Read(b.t.Context(), south.DirectQuery{Items: b.items(), Emit: b.emit, Memory: b.memory})
	return b.order, err
}

func (b *bench) want(names ...string) {
	b.t.Helper()
	if got, err := b.scan(); err != nil || !slices.Equal(got, names) {
		b.t.Errorf("sent %q, %v; want %q", got, err, names)
	}
}

// servers are the kinds that there are.
var servers = map[string]ftpserver.Options{"modern": {}, "old": {Old: true}, "plain": {Old: true, Plain: true}}

func TestFilesAreSentOnceUnderFlatNames(t *testing.T) {
	t.Parallel()
	for name, o := range servers {
		b := newBench(t, o, nil).connect()
		b.item["recursive"], b.item["regex"] = true, `^[a-z]\.csv$`
		b.put("/in/b.csv", "b", 48*time.Hour)
		b.put("/in/sub/a.csv", "a", 400*24*time.Hour)
		b.put("/in/sub/deep/c.csv", "c", 48*time.Hour)
		b.put("/in/other.txt", "o", 48*time.Hour)
		b.want("b.csv", "sub_a.csv", "sub_deep_c.csv")
		b.want()
		b.put("/in/sub/a.csv", "newer", 47*time.Hour)
		b.want("sub_a.csv")
		b.want()
		if b.sent["sub_a.csv"] != "newer" || len(b.memory) != 3 {
			t.Errorf("%s: sent %q, remembered %v", name, b.sent, b.memory)
		}
	}
}

func TestTheTimeOfAYoungFileIsAskedFor(t *testing.T) {
	t.Parallel()
	b := newBench(t, ftpserver.Options{Old: true}, nil).connect()
	b.item["minAge"] = 3_600_000
	b.put("/in/young", "y", time.Minute)
	b.put("/in/rests", "r", 2*time.Hour) // in the listing it is of the future
	b.item["regex"] = "^(young|rests)$"
	b.south.now = fast(b.south.now)
	b.want("rests")
}

// fast is a clock by which a rest is over at once: each look at it is a second later.
func fast(now func() time.Time) func() time.Time {
	looks := time.Duration(0)
	return func() time.Time { looks++; return now().Add(looks * time.Second) }
}

func TestAFileOfAnotherSizeIsAnotherFileWhereTimesAreRough(t *testing.T) {
	t.Parallel()
	b := newBench(t, ftpserver.Options{Old: true}, nil).connect()
	at := time.Now().Add(-48 * time.Hour).Truncate(time.Minute)
	b.server.Put("/in/f", "1", at)
	b.want("f")
	b.server.Put("/in/f", "22", at.Add(time.Second))
	b.want("f")
	b.want()
}

func TestFilesAreRemovedOnlyOnceTheyWereTaken(t *testing.T) {
	t.Parallel()
	for name, o := range servers {
		b := newBench(t, o, map[string]any{"compression": true}).connect()
		b.item["preserveFiles"] = false
		b.put("/in/a.csv", "text", 48*time.Hour)
		b.refuse = errors.New("no north wants it")
		if _, err := b.scan(); !errors.Is(err, b.refuse) {
			t.Errorf("%s: got %v", name, err)
		}
		if _, there := b.server.Get("/in/a.csv"); !there {
			t.Fatalf("%s: it was removed", name)
		}
		b.refuse = nil
		b.want("a.csv.gz")
		fetched := 1
		if o.Plain { // nothing tells that the copy is still the same
			fetched = 2
		}
		if _, there := b.server.Get("/in/a.csv"); there || b.server.Count("RETR") != fetched {
			t.Errorf("%s: there %t, fetched %d times", name, there, b.server.Count("RETR"))
		}
	}
}

func TestATransferThatWasCutGoesOn(t *testing.T) {
	t.Parallel()
	for name, o := range servers {
		b := newBench(t, o, nil).connect()
		text := strings.Repeat("0123456789", 100_000)
		b.put("/in/big", text, 48*time.Hour)
		b.server.CutNext(600_000)
		if got, err := b.scan(); err == nil || len(got) != 0 || len(b.losses()) != 1 {
			t.Fatalf("%s: sent %q, %v, told %v", name, got, err, b.losses())
		}
		b.connect().want("big")
		resumed := b.server.Sent() < 1_100_000
		if b.sent["big"] != text || resumed != !o.Plain {
			t.Errorf("%s: got %d bytes, the server sent %d", name, len(b.sent["big"]), b.server.Sent())
		}
	}
}

func TestAFileThatGrowsWhileItIsFetchedIsNotSent(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]ftpserver.Options{"modern": {}, "old": {Old: true}} {
		b := newBench(t, o, nil).connect()
		b.put("/in/f", "text", 48*time.Hour)
		b.put("/in/g", "text", 48*time.Hour)
		b.server.Lie(func(command, argument string) string {
			if command == "RETR" && argument == "/in/f" {
				b.put("/in/f", "text and more", 47*time.Hour)
			}
			return ""
		})
		if got, err := b.scan(); err == nil || !slices.Equal(got, []string{"g"}) {
			t.Errorf("%s: sent %q, %v", name, got, err)
		}
		b.server.Lie(nil)
		b.want("f")
		if b.sent["f"] != "text and more" {
			t.Errorf("%s: sent %q", name, b.sent)
		}
	}
}

// lies are servers that do not tell the truth: what they answer to a command.
var lies = map[string]map[string]string{
	"a size that is none":        {"SIZE": "213 many\r\n"},
	"a port that is none":        {"EPSV": "500 no\r\n", "PASV": "227 )(\r\n"},
	"a port without a bracket":   {"EPSV": "229 |||\r\n", "PASV": "227 (1,2,3\r\n"},
	"an answer to nothing":       {"RETR": "\r\n\r\nwhat?\r\n"},
	"an end that was not asked":  {"CWD": "421 enough\r\n"},
	"a file that is none":        {"RETR": "550 no\r\n"},
	"a time that is none":        {"MDTM": "213 20249999\r\n"},
	"an answer that never stops": {"CWD": "250-" + strings.Repeat("x", mostAnswer+10)},
	"lines that never stop":      {"CWD": "250-x\r\n" + strings.Repeat(" x\r\n", mostAnswer/3)},
}

func TestServersThatLieAreErrors(t *testing.T) {
	t.Parallel()
	for name, answers := range lies {
		b := newBench(t, ftpserver.Options{Old: true}, nil)
		b.south.settings.patience = 2 * time.Second
		b.connect()
		b.put("/in/f", "text", 2*time.Hour)
		b.server.Lie(func(command, _ string) string { return answers[command] })
		if got, err := b.scan(); err == nil || len(got) != 0 {
			t.Errorf("%s: sent %q, %v", name, got, err)
		}
	}
}

func TestServersThatStandStillAreGivenUp(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"CWD", "EPSV", "MLSD", "RETR", "MLST"} {
		b := newBench(t, ftpserver.Options{}, nil)
		b.south.settings.patience = 200 * time.Millisecond
		b.connect()
		b.put("/in/f", "text", 48*time.Hour)
		b.server.Lie(func(c, _ string) string {
			if c == command {
				return "2" // and no more
			}
			return ""
		})
		got, err := b.scan()
		if err == nil || len(got) != 0 || !strings.Contains(err.Error(), "stands still") || len(b.losses()) != 1 {
			t.Errorf("%s: sent %q, %v", command, got, err)
		}
	}
	b := newBench(t, ftpserver.Options{}, nil)
	b.south.settings.patience = 200 * time.Millisecond
	b.server.Lie(func(string, string) string { return " " })
	if _, err := b.south.Test(t.Context()); err == nil || !strings.Contains(err.Error(), "stands still") {
		t.Errorf("got %v", err)
	}
}

func TestAListingThatTricklesIsGivenUp(t *testing.T) {
	t.Parallel()
	b := newBench(t, ftpserver.Options{}, nil)
	b.south.settings.patience = 200 * time.Millisecond
	b.connect()
	b.put("/in/f", "text", 48*time.Hour)
	b.server.List(func(w io.Writer) {
		for _, err := io.WriteString(w, "x"); err == nil; _, err = io.WriteString(w, "x") {
			time.Sleep(10 * time.Millisecond)
		}
	})
	if _, err := b.scan(); err == nil || !strings.Contains(err.Error(), "stands still") {
		t.Errorf("got %v", err)
	}
}

func TestNamesThatLeadElsewhereAreNotFollowed(t *testing.T) {
	t.Parallel()
	b := newBench(t, ftpserver.Options{}, nil).connect()
	b.item["recursive"] = true
	b.put("/in/f", "text", 48*time.Hour)
	b.put("/secret", "secret", 48*time.Hour)
	b.server.List(func(w io.Writer) {
		for _, name := range []string{"..", ".", "../secret", "/secret", "f", "f", "a\x00b"} {
			fmt.Fprintf(w, "type=file;size=4;modify=20240101000000; %s\r\n", name)
		}
		fmt.Fprintf(w, "type=dir;modify=20240101000000; ..\r\nnonsense\r\n;;; x\r\n")
	})
	if got, _ := b.scan(); len(got) > 1 || b.server.Count("RETR") > 1 {
		t.Errorf("sent %q", got)
	}
}

func TestAFolderThatLeadsInCirclesEnds(t *testing.T) {
	t.Parallel()
	b := newBench(t, ftpserver.Options{}, nil).connect()
	b.item["recursive"] = true
	b.server.Lie(func(command, _ string) string {
		if command == "CWD" {
			return "250 there\r\n"
		}
		return ""
	})
	b.server.List(func(w io.Writer) { fmt.Fprintf(w, "type=dir;modify=20240101000000; again\r\n") })
	if _, err := b.scan(); err == nil || !strings.Contains(err.Error(), "too many") {
		t.Errorf("got %v", err)
	}
}

func TestTheTestsTellWhatTheReferenceTells(t *testing.T) {
	t.Parallel()
	b := newBench(t, ftpserver.Options{}, nil)
	report, err := b.south.Test(t.Context())
	raw, _ := json.Marshal(report)
	if want := fmt.Sprintf(`{"items":[{"key":"Host","value":"127.0.0.1:%d"},{"key":"Username","value":"u"}]}`, b.server.Port); err != nil || string(raw) != want {
		t.Errorf("got %s, %v; want %s", raw, err, want)
	}
	b.put("/in/a.csv", "a", 48*time.Hour)
	b.put("/in/sub/b.csv", "b", 48*time.Hour)
	b.put("/in/c.csv/x", "x", 48*time.Hour)
	b.item["regex"] = `\.csv$`
	result, err := b.south.TestItem(t.Context(), south.TestRequest{Item: b.items()[0]})
	if err != nil {
		t.Fatal(err)
	}
	r, err := result.Content.Open()
	if err != nil {
		t.Fatal(err)
	}
	if raw, err := io.ReadAll(r); err != nil || strings.Count(string(raw), "pointId") != 2 || !strings.Contains(string(raw), `{"value":"c.csv"}`) {
		t.Errorf("got %s, %v", raw, err)
	}
	if b.server.Count("DELE")+b.server.Count("RETR") != 0 {
		t.Error("the test had an effect")
	}
}

func TestAnErrorOfTheServerShowsNoPassword(t *testing.T) {
	t.Parallel()
	b := newBench(t, ftpserver.Options{}, map[string]any{"username": "x"})
	_, err := b.south.Test(t.Context())
	if want := fmt.Sprintf(`Access error on "127.0.0.1:%d": 530 "******** is not the password of x"`, b.server.Port); err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
	if err := b.south.Connect(t.Context()); err == nil || len(b.losses()) != 1 {
		t.Errorf("got %v", err)
	}
	if _, err := b.scan(); err == nil || err.Error() != "FTP client is not connected" {
		t.Errorf("got %v", err)
	}
}

func TestSettingsAreChecked(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{`{}`, `{"host":"h","port":0,"authentication":"none"}`, `{"host":"h","port":21,"authentication":"x"}`, `[]`, `{"host":7}`} {
		if _, err := build(south.Env{Env: connector.Env{Settings: json.RawMessage(raw)}}); err == nil {
			t.Errorf("%s: no error", raw)
		}
	}
}

func FuzzAnswers(f *testing.F) {
	for _, answers := range lies {
		for command, answer := range answers {
			if len(answer) < 1000 {
				f.Add(command, answer)
			}
		}
	}
	f.Add("FEAT", "211-\r\n \r\n211 x\r\n")
	f.Add("PWD", "257 \"\r\n")
	f.Add("MLST", "250-\r\n x\r\n250 \r\n")
	f.Fuzz(func(t *testing.T, command, answer string) {
		b := newBench(t, ftpserver.Options{}, nil)
		b.south.settings.patience = 100 * time.Millisecond
		b.put("/in/f", "text", 48*time.Hour)
		b.server.Lie(func(c, _ string) string {
			if c == command {
				return answer
			}
			return ""
		})
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		if b.south.Connect(ctx) == nil {
			_, _ = b.scan()
		}
		if ctx.Err() != nil {
			t.Error("it takes for ever")
		}
		if text, sent := b.sent["f"]; sent && text != "text" {
			t.Errorf("sent %q", text)
		}
	})
}

func FuzzListings(f *testing.F) {
	f.Add(false, "type=file;size=4;modify=20240101000000; ../f\r\n")
	f.Add(true, "-rw-r--r-- 1 0 0 4 Jan 01 2024 f\r\nlrwxrwxrwx 1 0 0 4 Jan 01 2024 f -> g\r\n")
	f.Add(true, "01-02-24  03:04PM <DIR> x\r\n;=; \r\n")
	f.Fuzz(func(t *testing.T, old bool, listing string) {
		b := newBench(t, ftpserver.Options{Old: old}, nil)
		b.south.settings.patience = time.Second
		b.put("/in/f", "text", 48*time.Hour)
		b.put("/other", "secret", 48*time.Hour)
		b.server.List(func(w io.Writer) { _, _ = io.WriteString(w, listing) })
		b.connect()
		_, _ = b.scan()
		for name, text := range b.sent {
			if text != "text" {
				t.Errorf("sent %q as %q", text, name)
			}
		}
	})
}
