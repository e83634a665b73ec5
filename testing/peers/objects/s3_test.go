package objects

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"oibus/agent/north"
	"oibus/agent/north/awss3"
	"oibus/testing/harness"
)

const (
	s3Region = "eu-west-3"
	s3Bucket = "the-bucket"
	s3Key    = "S3RVER" // s3rver knows no other
)

// store is a server that speaks the protocol of Amazon S3. The connector reaches it as Amazon's, through a proxy.
type store struct {
	*harness.Peer
	strict bool // signatures, clocks and contents are checked
	proxy  string
	line   *harness.Line
	file   func(key string) string // where an object is kept
	root   string
}

// newStore starts versitygw, which checks signatures, or s3rver, which npm has.
func newStore(t testing.TB) *store {
	t.Helper()
	s := &store{root: t.TempDir()}
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(harness.FreePort(t)))
	o := harness.PeerOptions{Address: address, Dir: s.root}
	if path := filepath.Join(harness.Root(t), "dist", "peers", "bin", "versitygw"); exists(path) {
		s.strict = true
		s.file = func(key string) string { return filepath.Join(s.root, s3Bucket, filepath.FromSlash(key)) }
		if err := os.Mkdir(filepath.Join(s.root, s3Bucket), 0o755); err != nil {
			t.Fatal(err)
		}
		side := t.TempDir()
		o.Path, o.Args = path, []string{"--port", address, "--access", s3Key, "--secret", s3Key, "--region", s3Region, "--quiet",
			"--virtual-domain", "s3." + s3Region + ".amazonaws.com", "posix", "--sidecar", side, s.root}
	} else {
		s.file = func(key string) string {
			return filepath.Join(s.root, s3Bucket, filepath.FromSlash(key)+"._S3rver_object")
		}
		host, port, _ := net.SplitHostPort(address)
		o.Path, o.Args = harness.FindPeer(t, "node"), []string{filepath.Join(harness.FindModule(t, "s3rver"), "bin", "s3rver.js"), "--silent",
			"--address", host, "--port", port, "--directory", s.root, "--configure-bucket", s3Bucket}
	}
	s.Peer = harness.StartPeer(t, o)
	s.line = harness.NewLine(t, address)
	s.proxy = amazon(t, s.line.Address)
	return s
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// amazon is a proxy behind which each host is the server at address.
func amazon(t testing.TB, address string) (url string) {
	t.Helper()
	domain := "s3." + s3Region + ".amazonaws.com"
	cert, _, _ := certificate(t, domain, "*."+domain)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer c.Close()
				tunnel(c, address, cert)
			})
		}
	})
	t.Cleanup(func() { _ = listener.Close(); all.Wait() })
	return "http://" + listener.Addr().String()
}

// tunnel does what a proxy is asked to do with CONNECT, and plays the host.
func tunnel(c net.Conn, address string, cert tls.Certificate) {
	r, err := http.ReadRequest(bufio.NewReader(c))
	if err != nil || r.Method != http.MethodConnect || r.Header.Get("Proxy-Authorization") == "" {
		_, _ = io.WriteString(c, "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
		return
	}
	if _, err := io.WriteString(c, "HTTP/1.1 200 Connected\r\n\r\n"); err != nil {
		return
	}
	client := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{cert}})
	server, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err != nil {
		return
	}
	var both sync.WaitGroup
	for from, to := range map[net.Conn]net.Conn{client: server, server: client} {
		both.Go(func() {
			_, _ = io.Copy(to, from) // ends when either side does
			_ = to.Close()
		})
	}
	both.Wait()
}

func (s *store) settings(changes map[string]any) map[string]any {
	all := map[string]any{"bucket": s3Bucket, "region": s3Region, "folder": "line 1/données+&=", "accessKey": s3Key, "secretKey": s3Key,
		"useProxy": true, "proxyUrl": s.proxy, "proxyUsername": "u", "proxyPassword": "proxy-password"}
	maps.Copy(all, changes)
	return all
}

// stored is what is kept of an object, nil for nothing.
func (s *store) stored(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(s.file("line 1/données+&=/" + name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return text
}

func TestS3StoresFilesOfAllSizesUnderTheirNames(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	n := built(t, awss3.Type, s.settings(nil), memory{}, io.Discard)
	report, err := n.Test(t.Context())
	if got := facts(report); err != nil || got["Bucket"] != s3Bucket || got["Region"] != s3Region {
		t.Fatalf("got %v, %v", got, err)
	}
	for name, size := range map[string]int{"empty.csv": 0, "one.csv": 1, "sub/folder/ü b+c%41~!'()*.json": 1000, "whole part.bin": 8 << 20, "parts.bin": 21<<20 + 7} {
		text := filling(uint64(size), size)
		if err := n.Send(t.Context(), delivery(name, text, 0, nil)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !bytes.Equal(s.stored(t, name), text) {
			t.Errorf("%s is not what was sent", name)
		}
	}
	if err := n.Send(t.Context(), delivery("one.csv", []byte("other"), 0, nil)); err != nil || string(s.stored(t, "one.csv")) != "other" {
		t.Errorf("a file is not replaced: %v", err)
	}
}

func TestS3TellsWhatIsWrongWithoutTheKeys(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	cases := []struct {
		changes map[string]any
		want    string
	}{
		{map[string]any{"bucket": "another-bucket"}, "NoSuchBucket"},
		{map[string]any{"accessKey": "nobody"}, "access key"},
		{map[string]any{"proxyPassword": ""}, "407"},
	}
	if s.strict {
		cases = append(cases, cases[0])
		cases[3].changes, cases[3].want = map[string]any{"secretKey": "another secret"}, "SignatureDoesNotMatch"
	}
	for _, c := range cases {
		n := built(t, awss3.Type, s.settings(c.changes), nil, io.Discard)
		_, err := n.Test(t.Context())
		if err == nil || !strings.HasPrefix(err.Error(), "Error testing Amazon S3 connection: ") || !strings.Contains(strings.ToLower(err.Error()), strings.ToLower(c.want)) || strings.Contains(err.Error(), "another secret") {
			t.Errorf("%v: got %v", c.changes, err)
		}
		if _, again := north.IsAgain(n.Send(t.Context(), delivery("x", []byte("x"), 0, nil))); !again {
			t.Errorf("%v: a file would go to the error folder", c.changes)
		}
	}
}

func TestS3IsWholeOrNotThereWhenTheServerIsKilled(t *testing.T) {
	t.Parallel()
	s3Killed(t, 2)
}

func TestS3SweepOfKills(t *testing.T) {
	t.Parallel()
	sweep(t)
	s3Killed(t, 20)
}

// s3Killed kills the server at many places of an upload. The North is another one each time, as after a restart.
func s3Killed(t *testing.T, rounds int) {
	s := newStore(t)
	const size = 20 << 20
	m := memory{}
	for i := range rounds {
		name, text := fmt.Sprintf("file-%d.bin", i), filling(uint64(i), size)
		n := built(t, awss3.Type, s.settings(nil), m, io.Discard)
		err := n.Send(t.Context(), delivery(name, text, size*(2*i+1)/(2*rounds), s.Kill))
		if _, again := north.IsAgain(err); !again {
			t.Fatalf("round %d: got %v", i, err)
		}
		if left := s.stored(t, name); left != nil {
			t.Fatalf("round %d: %d bytes are there before all were sent", i, len(left))
		}
		s.Restart()
		n = built(t, awss3.Type, s.settings(nil), m, io.Discard)
		if err := n.Send(t.Context(), delivery(name, text, 0, nil)); err != nil {
			t.Fatalf("round %d: %v", i, err)
		}
		if !bytes.Equal(s.stored(t, name), text) {
			t.Fatalf("round %d: what is there is not what was sent", i)
		}
	}
	files, err := os.ReadDir(filepath.Dir(s.file("line 1/données+&=/x")))
	if err != nil || len(m) != 0 {
		t.Fatalf("%v, %v is remembered", err, m)
	}
	count := 0
	for _, f := range files {
		if strings.HasPrefix(f.Name(), "file-") && (s.strict || strings.HasSuffix(f.Name(), "object")) {
			count++
		}
	}
	if count != rounds {
		t.Errorf("%d objects are there, %d were sent", count, rounds)
	}
}
