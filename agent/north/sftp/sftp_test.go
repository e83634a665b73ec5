package sftp

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"oibus/agent/connector"
	"oibus/agent/content"
	"oibus/agent/north"
	"oibus/testing/peers/files/sftpserver"
)

var noon = time.Date(2024, 1, 15, 12, 0, 0, 7_000_000, time.UTC)

const password = "s3cret"

type memory map[string]json.RawMessage

func (m memory) Get(key string) (json.RawMessage, bool)       { v, ok := m[key]; return v, ok }
func (m memory) Set(changes map[string]json.RawMessage) error { maps.Copy(m, changes); return nil }

func built(t *testing.T, server *sftpserver.Server, dir string, remembered connector.Memory, change map[string]any) *North {
	t.Helper()
	all := map[string]any{"host": server.Host, "port": server.Port, "authentication": "password", "username": "u", "password": password, "privateKey": nil,
		"passphrase": nil, "remoteFolder": dir, "prefix": "", "suffix": ""}
	maps.Copy(all, change)
	raw, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	n, err := build(north.Env{Env: connector.Env{ID: "a1B2c3", Name: "N/1", Settings: raw, Memory: remembered, Log: slog.New(slog.DiscardHandler),
		Host: connector.Host{Now: func() time.Time { return noon }}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Disconnect(context.Background()) })
	return n
}

func delivery(name, text string) north.Delivery {
	return north.Delivery{Kind: content.Any, Name: name, Size: int64(len(text)), Created: noon,
		Open: func() io.ReadCloser { return io.NopCloser(strings.NewReader(text)) }}
}

func names(t *testing.T, dir string) (list []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

func TestContentsBecomeFilesUnderDecoratedNames(t *testing.T) {
	t.Parallel()
	server := sftpserver.Start(t, sftpserver.Options{Password: password})
	for _, c := range []struct{ prefix, suffix, name, want string }{
		{"@ConnectorName-", "-@CurrentDate", "report.csv", "N-1-report-2024_01_15_12_00_00_007.csv"},
		{"", "", "sub/x.tar.gz", "x.tar.gz"}, {"", "", "../..", "content"}, {"", "", "", "content"}, {"p", "s", `..\..\evil.sh`, "pevils.sh"},
	} {
		dir := t.TempDir()
		n := built(t, server, dir, memory{}, map[string]any{"prefix": c.prefix, "suffix": c.suffix})
		if err := n.Connect(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := n.Send(t.Context(), delivery(c.name, "text")); err != nil {
			t.Errorf("%q: %v", c.name, err)
		}
		if got := names(t, dir); !slices.Equal(got, []string{c.want}) {
			t.Errorf("%q: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestAPrefixMayNameASubFolderAndNotLeaveTheFolder(t *testing.T) {
	t.Parallel()
	server, dir := sftpserver.Start(t, sftpserver.Options{Password: password}), t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := built(t, server, dir, memory{}, map[string]any{"prefix": "sub/"}).Send(t.Context(), delivery("x", "text")); err != nil {
		t.Error(err)
	}
	if got := names(t, filepath.Join(dir, "sub")); !slices.Equal(got, []string{"x"}) {
		t.Errorf("got %q", got)
	}
	if err := built(t, server, dir, memory{}, map[string]any{"prefix": "../"}).Send(t.Context(), delivery("x", "text")); err == nil {
		t.Error("the file left the folder")
	}
}

func TestATargetThatIsThereIsReplaced(t *testing.T) {
	t.Parallel()
	for _, bare := range []bool{false, true} {
		server, dir := sftpserver.Start(t, sftpserver.Options{Password: password, Bare: bare}), t.TempDir()
		n := built(t, server, dir, memory{}, nil)
		for _, text := range []string{"first, longer", "second"} {
			if err := n.Send(t.Context(), delivery("x.csv", text)); err != nil {
				t.Fatal(err)
			}
		}
		if raw, err := os.ReadFile(filepath.Join(dir, "x.csv")); err != nil || string(raw) != "second" || len(names(t, dir)) != 1 {
			t.Errorf("got %q, %v among %q", raw, err, names(t, dir))
		}
		if server.Logins() != 1 {
			t.Errorf("%d connections were made", server.Logins())
		}
	}
}

func TestAnUploadThatWasCutGoesOnUnderTheSameName(t *testing.T) {
	t.Parallel()
	server, dir := sftpserver.Start(t, sftpserver.Options{Password: password}), t.TempDir()
	n := built(t, server, dir, memory{}, map[string]any{"suffix": "-@CurrentDate"})
	text := strings.Repeat("0123456789", 500_000)
	if err := n.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	server.CutTaken.Store(3_000_000)
	err := n.Send(t.Context(), delivery("big", text))
	if _, again := north.IsAgain(err); !again {
		t.Fatalf("got %v", err)
	}
	if got := names(t, dir); len(got) != 1 || !strings.HasPrefix(got[0], ".oibus-") || n.begun.written == 0 {
		t.Fatalf("there is %q, %d bytes were written", got, n.begun.written)
	}
	server.CutTaken.Store(int64(len(text)) - 1_000_000) // less than the whole goes through
	if err := n.Send(t.Context(), delivery("big", text)); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "big-2024_01_15_12_00_00_007"))
	if err != nil || !bytes.Equal(raw, []byte(text)) || len(names(t, dir)) != 1 {
		t.Errorf("%d bytes, %v among %q", len(raw), err, names(t, dir))
	}
}

func TestWhatAKilledUploadLeftIsRemovedAndNothingElse(t *testing.T) {
	t.Parallel()
	server, dir, remembered := sftpserver.Start(t, sftpserver.Options{Password: password}), t.TempDir(), memory{}
	n := built(t, server, dir, remembered, nil)
	if err := n.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{n.temporary, filepath.Join(dir, ".oibus-a1B2c3-other.tmp"), filepath.Join(dir, "x.csv")} {
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := built(t, server, dir, remembered, nil).Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := names(t, dir); !slices.Equal(got, []string{".oibus-a1B2c3-other.tmp", "x.csv"}) {
		t.Errorf("got %q", got)
	}
}

func TestARefusalIsNoErrorOfTheConnection(t *testing.T) {
	t.Parallel()
	server := sftpserver.Start(t, sftpserver.Options{Password: password})
	n := built(t, server, filepath.Join(t.TempDir(), "nope"), nil, nil)
	err := n.Send(t.Context(), delivery("x", "text"))
	if _, again := north.IsAgain(err); err == nil || again || !n.client.Alive() {
		t.Errorf("got %v", err)
	}
	server.Cut()
	<-n.client.Gone()
	if err := n.Send(t.Context(), delivery("x", "text")); err == nil || server.Logins() != 2 {
		t.Errorf("it has not connected again: %v, %d logins", err, server.Logins())
	}
	wrong := built(t, server, "/", nil, map[string]any{"password": "wr0ng"})
	err = wrong.Send(t.Context(), delivery("x", "text"))
	if _, again := north.IsAgain(err); !again || strings.Contains(err.Error(), "wr0ng") {
		t.Errorf("got %v", err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestAContentThatCannotBeReadIsNotWritten(t *testing.T) {
	t.Parallel()
	server, dir := sftpserver.Start(t, sftpserver.Options{Password: password}), t.TempDir()
	n := built(t, server, dir, memory{}, nil)
	broken := errors.New("disk broken")
	d := delivery("x.csv", "half and half")
	d.Open = func() io.ReadCloser { return io.NopCloser(io.MultiReader(strings.NewReader("half"), failing{broken})) }
	if err := n.Send(t.Context(), d); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	if err := n.Disconnect(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := names(t, dir); len(got) != 0 {
		t.Errorf("got %q", got)
	}
}

func TestTheTestTellsWhatTheReferenceTells(t *testing.T) {
	t.Parallel()
	server, dir := sftpserver.Start(t, sftpserver.Options{Password: password}), t.TempDir()
	report, err := built(t, server, dir, nil, nil).Test(t.Context())
	raw, _ := json.Marshal(report)
	quoted, _ := json.Marshal(dir)
	address := fmt.Sprintf("127.0.0.1:%d", server.Port)
	if want := `{"items":[{"key":"Host","value":"` + address + `"},{"key":"Remote Folder","value":` + string(quoted) + `}]}`; err != nil || string(raw) != want {
		t.Errorf("got %s, %v; want %s", raw, err, want)
	}
	file, nope := filepath.Join(dir, "file"), filepath.Join(dir, "nope")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for remote, want := range map[string]string{
		nope: `Remote target "` + nope + `" does not exist or the user does not have the right permissions`,
		file: `Remote target "` + file + `" is not a folder`,
	} {
		if _, err := built(t, server, remote, nil, nil).Test(t.Context()); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	_, err = built(t, server, dir, nil, map[string]any{"password": "wr0ng"}).Test(t.Context())
	if want := `Access error on "` + dir + `" on "` + address + `": `; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %v, want %s…", err, want)
	}
}

func TestSettingsAreChecked(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{`{}`, `{"host":"h","port":22,"authentication":"password"}`, `{"host":"h","port":99999,"authentication":"password","remoteFolder":"/"}`, `[]`} {
		if _, err := build(north.Env{Env: connector.Env{Settings: json.RawMessage(raw)}}); err == nil {
			t.Errorf("%s: no error", raw)
		}
	}
}

func FuzzTarget(f *testing.F) {
	f.Add("../x.csv", "@ConnectorName-", "")
	f.Add("..", "", "/..")
	f.Add("a\x00b", "/../../", "")
	f.Fuzz(func(t *testing.T, name, prefix, suffix string) {
		n := &North{settings: settings{RemoteFolder: "/in/put"}}
		n.names.Prefix, n.names.Suffix, n.names.Now = prefix, suffix, func() time.Time { return noon }
		if target, err := n.target(name); err == nil && (!strings.HasPrefix(target, "/in/put/") || strings.Contains(target, "\x00")) {
			t.Errorf("got %q", target)
		}
	})
}
