package harness

import (
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// PeersVariable, when it is "required", makes a test fail that lacks the foreign program it needs, instead of being skipped.
const PeersVariable = "OIBUS_PEERS"

// peerLimit is how long a foreign program may take to answer, or to end.
const peerLimit = 3 * time.Minute

// folders where servers lie that are not on the PATH of everybody.
var peerFolders = []string{"/usr/sbin", "/usr/libexec", "/usr/lib/postgresql/*/bin"}

// FindPeer is the path of the first of the named programs that this machine has. The test is skipped when it has none.
func FindPeer(t testing.TB, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
		for _, folder := range peerFolders {
			found, err := filepath.Glob(filepath.Join(folder, name))
			if err != nil {
				t.Fatal(err)
			}
			if len(found) > 0 {
				return found[len(found)-1]
			}
		}
	}
	lacking(t, names[0])
	return ""
}

// FindModule is the folder of a package of npm that `./build.sh peers` has fetched. The test is skipped when it is not there.
func FindModule(t testing.TB, name string) string {
	t.Helper()
	folder := filepath.Join(Root(t), "dist", "peers", "node_modules", name)
	if _, err := os.Stat(folder); err != nil {
		lacking(t, name)
	}
	return folder
}

func lacking(t testing.TB, name string) {
	t.Helper()
	if os.Getenv(PeersVariable) == "required" {
		t.Fatalf("%s is not on this machine, see ./build.sh peers", name)
	}
	t.Skipf("%s is not on this machine: ./build.sh peers installs it", name)
}

// Peer is a foreign program, such as a server of a protocol. It ends with its test.
type Peer struct {
	t       testing.TB
	o       PeerOptions
	process *process
	output  *tail
}

// PeerOptions say how a Peer is started. As root, a program that refuses to be root is started by setpriv, which becomes it.
type PeerOptions struct {
	Path    string
	Args    []string
	Env     []string // besides the environment of the test
	Dir     string
	Address string // the host:port that takes connections once it is ready; "" when it has none
}

// StartPeer starts a foreign program and waits until it takes connections.
func StartPeer(t testing.TB, o PeerOptions) *Peer {
	t.Helper()
	p := &Peer{t: t, o: o, output: &tail{}}
	p.Restart()
	t.Cleanup(func() { p.process.kill() })
	return p
}

// Restart starts the program again after Kill or Stop.
func (p *Peer) Restart() {
	p.t.Helper()
	p.process = startProcess(p.t, p.output, append(os.Environ(), p.o.Env...), p.o.Dir, p.o.Path, p.o.Args...)
	if p.o.Address == "" {
		return
	}
	Until(p.t, peerLimit, p.o.Path+" answers", func() bool {
		if !p.process.running() {
			p.t.Fatalf("%s has ended:\n%s", p.o.Path, p.output)
		}
		c, err := net.DialTimeout("tcp", p.o.Address, time.Second)
		return err == nil && c.Close() == nil
	})
}

// Kill ends the program at once, as SIGKILL does.
func (p *Peer) Kill() { p.process.kill() }

// Stop asks the program to end, and waits until it has.
func (p *Peer) Stop() {
	p.t.Helper()
	p.process.interrupt()
	ctx, cancel := context.WithTimeout(context.Background(), peerLimit)
	defer cancel()
	if _, err := p.process.wait(ctx); err != nil {
		p.t.Fatalf("%v\n%s", err, p.output)
	}
}

// Pid is the process of the program.
func (p *Peer) Pid() int { return p.process.cmd.Process.Pid }

// Output is the end of what the program wrote.
func (p *Peer) Output() string { return p.output.String() }

// Line is a TCP connection between a client and a server that can be cut.
type Line struct {
	Address string // where clients connect

	target string
	mu     sync.Mutex
	open   map[net.Conn]bool
	cut    bool
}

// NewLine listens on loopback and passes on what arrives to target.
func NewLine(t testing.TB, target string) *Line {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &Line{Address: listener.Addr().String(), target: target, open: map[net.Conn]bool{}}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			all.Go(func() { l.pass(c) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		l.Cut()
		all.Wait()
	})
	return l
}

// Cut ends what is connected and refuses what comes, until Mend.
func (l *Line) Cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = true
	for c := range l.open {
		_ = c.Close() // it is gone either way
	}
	clear(l.open)
}

// Mend lets clients connect again.
func (l *Line) Mend() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = false
}

func (l *Line) hold(c net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cut {
		_ = c.Close()
		return false
	}
	l.open[c] = true
	return true
}

func (l *Line) pass(client net.Conn) {
	if !l.hold(client) {
		return
	}
	server, err := net.DialTimeout("tcp", l.target, 5*time.Second)
	if err != nil {
		_ = client.Close()
		return
	}
	if !l.hold(server) {
		return
	}
	var both sync.WaitGroup
	for from, to := range map[net.Conn]net.Conn{client: server, server: client} {
		both.Go(func() {
			_, _ = io.Copy(to, from) // ends when either side ends, which is what a line does
			_ = to.Close()
		})
	}
	both.Wait()
}
