package sftp

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"oibus/agent/connector/setting"
	"oibus/testing/peers/files/sftpserver"
)

type memory struct {
	mu     sync.Mutex
	values map[string]json.RawMessage
}

func newMemory() *memory { return &memory{values: map[string]json.RawMessage{}} }

func (m *memory) Get(key string) (json.RawMessage, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v, ok := m.values[key]
	return v, ok
}

func (m *memory) Set(changes map[string]json.RawMessage) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.Copy(m.values, changes)
	return nil
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

const password = "s3cret"

func settingsOf(s *sftpserver.Server) Settings {
	return Settings{Host: s.Host, Port: setting.Number(s.Port), Authentication: byPassword, Username: "u", Password: password}
}

func connect(t *testing.T, s *sftpserver.Server) *Client {
	t.Helper()
	c, err := Dial(t.Context(), settingsOf(s), Trust{Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestTheFirstHostKeyIsRememberedAndAnotherOneRefused(t *testing.T) {
	t.Parallel()
	server := sftpserver.Start(t, sftpserver.Options{Password: password})
	trust := Trust{Memory: newMemory(), Log: quiet()}
	reach := func(trust Trust) error {
		c, err := Dial(t.Context(), settingsOf(server), trust)
		if err == nil {
			err = c.Close()
		}
		return err
	}
	if err := reach(Trust{Memory: trust.Memory, Test: true, Log: quiet()}); err != nil || len(trust.all()) != 0 {
		t.Fatalf("a test: %v, remembered %v", err, trust.all())
	}
	for range 2 {
		if err := reach(trust); err != nil {
			t.Fatal(err)
		}
	}
	first, second := trust.known(address(server)), sftpserver.NewKey(t)
	server.SetKeys(second)
	logins := server.Logins()
	for _, test := range []bool{false, true} {
		err := reach(Trust{Memory: trust.Memory, Test: test, Log: quiet()})
		var changed *ChangedKeyError
		if !errors.As(err, &changed) || !strings.Contains(err.Error(), ssh.FingerprintSHA256(first)) || !strings.Contains(err.Error(), ssh.FingerprintSHA256(second.PublicKey())) {
			t.Errorf("got %v", err)
		}
	}
	if server.Logins() != logins {
		t.Error("somebody else was sent the password")
	}
	if err := reach(Trust{Memory: trust.Memory, Any: true, Log: quiet()}); err != nil {
		t.Errorf("although any key may be shown: %v", err)
	}
	if err := reach(trust); err != nil {
		t.Errorf("the new key was not remembered: %v", err)
	}
	if err := reach(Trust{Log: quiet()}); err != nil {
		t.Errorf("without a memory: %v", err)
	}
}

func address(server *sftpserver.Server) string {
	s := settingsOf(server)
	return s.Address()
}

func TestAServerWithSeveralKeysIsKnownByTheOneItShowedFirst(t *testing.T) {
	t.Parallel()
	known := sftpserver.NewKey(t)
	rsa := rsaSigner(t)
	server := sftpserver.Start(t, sftpserver.Options{Password: password, Keys: []ssh.Signer{known}})
	trust := Trust{Memory: newMemory(), Log: quiet()}
	for _, keys := range [][]ssh.Signer{{known}, {rsa, known}} {
		server.SetKeys(keys...)
		c, err := Dial(t.Context(), settingsOf(server), trust)
		if err != nil {
			t.Fatal(err)
		}
		_ = c.Close()
	}
}

func TestThePasswordIsAlsoAnAnswer(t *testing.T) {
	t.Parallel()
	server := sftpserver.Start(t, sftpserver.Options{Password: password, Ask: true})
	if !connect(t, server).Alive() {
		t.Error("it is not connected")
	}
}

// keyFile writes a private key, protected or not, and returns its public part too.
func keyFile(t *testing.T, passphrase string) (path string, public ssh.PublicKey) {
	t.Helper()
	pub, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var block *pem.Block
	if passphrase == "" {
		block, err = ssh.MarshalPrivateKey(private, "")
	} else {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(private, "", []byte(passphrase))
	}
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	if public, err = ssh.NewPublicKey(pub); err != nil {
		t.Fatal(err)
	}
	return path, public
}

func TestPrivateKeysLetInAlsoProtectedOnes(t *testing.T) {
	t.Parallel()
	paths, servers := map[string]string{}, map[string]*sftpserver.Server{}
	for _, passphrase := range []string{"", "p4ss"} { // protecting one takes long, which is its purpose
		path, public := keyFile(t, passphrase)
		paths[passphrase], servers[passphrase] = path, sftpserver.Start(t, sftpserver.Options{Authorized: public})
	}
	for _, c := range []struct{ protected, passphrase, want string }{
		{"", "", ""}, {"p4ss", "p4ss", ""}, {"", "p4ss", ""}, {"p4ss", "", "give its passphrase"}, {"p4ss", "wr0ng", "cannot use the private key"},
	} {
		s := settingsOf(servers[c.protected])
		s.Authentication, s.PrivateKey, s.Passphrase = byKey, paths[c.protected], c.passphrase
		client, err := Dial(t.Context(), s, Trust{Log: quiet()})
		if err == nil {
			_ = client.Close()
		}
		if (err == nil) != (c.want == "") || err != nil && (!strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "wr0ng")) {
			t.Errorf("%+v: got %v", c, err)
		}
	}
}

func TestKeysThatCannotBeUsedSayWhatHelps(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for text, want := range map[string]string{
		"PuTTY-User-Key-File-3: ssh-ed25519\n":                  "export it as an OpenSSH key",
		"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAA==\n":         "ssh-keygen -p",
		"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAA user@machine": "it is the public key",
		"": "no key found",
	} {
		path := filepath.Join(dir, "key")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s := Settings{Host: "h", Port: 22, Authentication: byKey, PrivateKey: path}
		if _, err := s.signer(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20s: got %v", text, err)
		}
	}
	for _, path := range []string{"", dir, filepath.Join(dir, "nope")} {
		if _, err := readKey(path); err == nil {
			t.Errorf("%q: no error", path)
		}
	}
}

func TestAWrongPasswordIsNotShown(t *testing.T) {
	t.Parallel()
	server := sftpserver.Start(t, sftpserver.Options{Password: "another"})
	_, err := Dial(t.Context(), settingsOf(server), Trust{Log: quiet()})
	if err == nil || strings.Contains(err.Error(), password) || !strings.Contains(err.Error(), "unable to authenticate") {
		t.Errorf("got %v", err)
	}
}

func TestServersThatSayNothingAreGivenUp(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]sftpserver.Options{"silent": {Silent: true}, "mute": {Password: password, Mute: true}} {
		s := settingsOf(sftpserver.Start(t, o))
		s.Patience = 300 * time.Millisecond
		c, err := Dial(t.Context(), s, Trust{Log: quiet()})
		if err == nil {
			_, err = c.List(t.Context(), "/")
			if err == nil || !strings.Contains(err.Error(), "stands still") || !c.Lost(err) {
				t.Errorf("%s: got %v", name, err)
			}
			_ = c.Close()
			continue
		}
		if !strings.Contains(err.Error(), "did not let in") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestATransferEndsWithItsContext(t *testing.T) {
	t.Parallel()
	c := connect(t, sftpserver.Start(t, sftpserver.Options{Password: password}))
	path := filepath.Join(t.TempDir(), "f")
	ctx, cancel := context.WithCancel(t.Context())
	_, err := c.Put(ctx, path, 0, readerFunc(func(b []byte) (int, error) {
		cancel()
		return len(b), nil
	}))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

func TestFilesGoAndComeAlsoInParts(t *testing.T) {
	t.Parallel()
	for _, bare := range []bool{false, true} {
		c := connect(t, sftpserver.Start(t, sftpserver.Options{Password: password, Bare: bare}))
		dir := t.TempDir()
		text := bytes.Repeat([]byte("0123456789"), 100_000)
		temporary, target := filepath.Join(dir, ".t"), filepath.Join(dir, "target")
		if n, err := c.Put(t.Context(), temporary, 0, bytes.NewReader(text[:400_000])); n != 400_000 || err != nil {
			t.Fatal(n, err)
		}
		if n, err := c.Put(t.Context(), temporary, 300_000, bytes.NewReader(text[300_000:])); n != int64(len(text)) || err != nil {
			t.Fatal(n, err)
		}
		for range 2 { // the second time in the place of a file
			if err := c.Move(t.Context(), temporary, target); err != nil {
				t.Fatalf("bare %t: %v", bare, err)
			}
			if raw, err := os.ReadFile(target); err != nil || !bytes.Equal(raw, text) {
				t.Fatalf("%d bytes, %v", len(raw), err)
			}
			if err := os.WriteFile(temporary, text, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		var got bytes.Buffer
		if err := c.Get(t.Context(), target, 123_456, int64(len(text)), &got); err != nil || !bytes.Equal(got.Bytes(), text[123_456:]) {
			t.Errorf("%d bytes, %v", got.Len(), err)
		}
		got.Reset()
		if err := c.Get(t.Context(), target, 999_000, int64(len(text)), &got); err != nil || got.Len() != 1000 {
			t.Errorf("the end: %d bytes, %v", got.Len(), err)
		}
		got.Reset()
		if err := c.Get(t.Context(), target, 999_000, int64(len(text))+10, &got); err != nil || got.Len() != 1000 {
			t.Errorf("beyond the end: %d bytes, %v", got.Len(), err)
		}
		if found, err := c.List(t.Context(), dir); err != nil || len(found) != 2 {
			t.Errorf("%v, %v", found, err)
		}
		if err := c.Remove(t.Context(), filepath.Join(dir, "nope")); err != nil {
			t.Errorf("a file that is gone: %v", err)
		}
		if _, err := c.List(t.Context(), filepath.Join(dir, "nope")); !errors.Is(err, os.ErrNotExist) || c.Lost(err) {
			t.Errorf("got %v", err)
		}
	}
}

func TestAConnectionThatIsCutIsLost(t *testing.T) {
	t.Parallel()
	server := sftpserver.Start(t, sftpserver.Options{Password: password})
	c := connect(t, server)
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, make([]byte, 1<<20), 0o644); err != nil {
		t.Fatal(err)
	}
	server.CutAfter.Store(300_000)
	var got bytes.Buffer
	err := c.Get(t.Context(), path, 0, 1<<20, &got)
	if err == nil || !c.Lost(err) || got.Len() >= 1<<20 {
		t.Errorf("%v after %d bytes", err, got.Len())
	}
	<-c.Gone()
	if err := c.Get(t.Context(), path, 0, 1<<20, io.Discard); !c.Lost(err) {
		t.Errorf("got %v", err)
	}
}

func FuzzHostKeys(f *testing.F) {
	f.Add("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAA")
	f.Add(`{"h:22":"x"}`)
	f.Fuzz(func(_ *testing.T, line string) {
		trust := Trust{Memory: &memory{values: map[string]json.RawMessage{hostKeys: json.RawMessage(line)}}}
		_ = trust.algorithms("h:22")
		_, _ = parseHostKey(line)
	})
}
