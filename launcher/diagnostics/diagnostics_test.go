package diagnostics

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// unpack reads an archive.
func unpack(t *testing.T, data []byte) map[string]string {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		r.Close()
		files[f.Name] = string(text)
	}
	return files
}

func archive(t *testing.T, parts ...Part) map[string]string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, time.Unix(1_700_000_000, 0), parts); err != nil {
		t.Fatal(err)
	}
	return unpack(t, b.Bytes())
}

func TestWhatLooksLikeASecretIsMasked(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		`"password": "s3cret",`:                           `"password": "***",`,
		`{"proxyPassword":"a\"b","host":"h"}`:             `{"proxyPassword":"***","host":"h"}`,
		`"secretAccessKey" : "AKIA"`:                      `"secretAccessKey" : "***"`,
		`password = "x"`:                                  `password = "***"`,
		`password_file = "/etc/p"`:                        `password_file = "/etc/p"`,
		`"authTokenDuration": "7d"`:                       `"authTokenDuration": "7d"`,
		`"password": ""`:                                  `"password": ""`,
		`"password": null`:                                `"password": null`,
		`GET https://user:pass@host/x?y`:                  `GET https://user:***@host/x?y`,
		`opc.tcp://10.0.0.5:4840/a`:                       `opc.tcp://10.0.0.5:4840/a`,
		`Authorization: Bearer abcdefgh.ijkl`:             `Authorization: Bearer ***`,
		`authorization=Basic dXNlcjpwYXNz`:                `authorization=Basic ***`,
		`hash $argon2id$v=19$m=65536$abc$def end`:         `hash *** end`,
		`"pem": "-----BEGIN PRIVATE KEY-----\nMII\nabc="`: `"pem": "***`,
		`a line about a key and a password`:               `a line about a key and a password`,
	} {
		if got := string(Mask([]byte(line))); !strings.HasPrefix(got, want) || strings.Contains(got, "MII") {
			t.Errorf("%s\nbecomes %s\nnot     %s", line, got, want)
		}
	}
	key := "before\n-----BEGIN RSA PRIVATE KEY-----\nMIIabc\ndef=\n-----END RSA PRIVATE KEY-----\nafter"
	if got := archive(t, Bytes("x", []byte(key)))["x"]; !strings.HasPrefix(got, "before\n***") || !strings.HasSuffix(got, "after") || strings.Contains(got, "MII") || strings.Contains(got, "def=") {
		t.Errorf("got %s", got)
	}
}

func TestAPartThatFailsDoesNotKeepTheOthersOut(t *testing.T) {
	t.Parallel()
	files := archive(t, Bytes("a", []byte("A")), Part{"b", func(w io.Writer) error { io.WriteString(w, "half"); return errors.New("no disk") }}, JSON("c", func() (any, error) { return 7, nil }))
	if files["a"] != "A" || files["b"] != "half" || files["c"] != "7\n" || files[Problems] != "b: no disk\n" {
		t.Errorf("got %v", files)
	}
	if err := Write(broken{}, time.Now(), []Part{Bytes("a", bytes.Repeat([]byte(strings.Repeat("x", 1023)+"\n"), 1<<11))}); err == nil {
		t.Error("a reader that went away is not noticed")
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("gone") }

func TestAFolderIsToldWithItsLogsAndWithoutContents(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	some := "a log line with password=\"x\" in it\n" + strings.Repeat("a log line that has nothing to hide\n", 99)
	long := strings.Repeat(some, logLimit/len(some)+1)
	put("logs/journal.jsonl", long+"the newest\n")
	put("logs/oia.cursor", "7")
	put("state/users.json", "$argon2id$x")
	put("secrets/key", "S3CRET")
	put("cache/n1/file.csv", "CONTENT")
	put("launcher.json", `{"phase":"idle","token":"T0KEN"}`)
	put("oibus.toml", "[web]\npassword = \"T0ML\"\n")
	files := archive(t, append(append(Folder(t.Context(), dir), Settings(filepath.Join(dir, "oibus.toml"))), Process()...)...)
	for name, want := range map[string]string{
		"logs/journal.jsonl": "the newest", "disk/files.txt": "1 files              7 bytes in cache", "state/launcher.json": `"phase": "idle"`,
		"disk/space.json": "freeBytes", "settings/oibus.toml": `password = "***"`, "process/goroutines.txt": "goroutine profile",
		"process/about.json": "version", "process/memory.json": "goroutines", "process/build.txt": "",
	} {
		if text, ok := files[name]; !ok || !strings.Contains(text, want) {
			t.Errorf("%s: %.300q", name, text)
		}
	}
	if first, _, _ := strings.Cut(files["logs/journal.jsonl"], "\n"); !strings.HasSuffix(first, "are left out)") || len(files["logs/journal.jsonl"]) > 2*logLimit {
		t.Errorf("the log begins with %q and has %d bytes", first, len(files["logs/journal.jsonl"]))
	}
	for name, text := range files {
		for _, secret := range []string{"argon2id", "S3CRET", "CONTENT", "T0KEN", "T0ML", `"x"`} {
			if strings.Contains(text, secret) {
				t.Errorf("%s has %s", name, secret)
			}
		}
	}
	if files := archive(t, Folder(t.Context(), filepath.Join(dir, "nowhere"))...); !strings.Contains(files[Problems], "logs") {
		t.Errorf("got %v", files)
	}
}

func FuzzMask(f *testing.F) {
	f.Add([]byte("\"password\": \"x\"\n-----BEGIN PRIVATE KEY-----\n"))
	f.Add([]byte("https://a:b@c\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		var b bytes.Buffer
		m := &mask{w: &b}
		if _, err := m.Write(text); err != nil {
			t.Fatal(err)
		}
		if err := m.flush(); err != nil {
			t.Fatal(err)
		}
		if again := Mask(bytes.Clone(b.Bytes())); len(again) > 3*len(text)+100 {
			t.Errorf("%d bytes became %d", len(text), len(again))
		}
	})
}
