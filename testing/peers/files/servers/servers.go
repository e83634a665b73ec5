// Package servers starts file servers of others, each for one test and with a configuration of its own: OpenSSH and
// vsftpd. It promises that they end with the test, all their sessions included, and that nothing of the system is changed.
package servers

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"oibus/testing/harness"
)

// Secrets of the servers.
const (
	Passphrase = "pa55 phrase" // of the key "protected", which opens OpenSSH beside the key "key"
	Password   = "s3cret"      // of vsftpd
)

// Server is a foreign server that shows a folder.
type Server struct {
	Peer     *harness.Peer
	Dir      string         // the folder, on this machine
	Remote   string         // the folder, for clients
	Settings map[string]any // of a South
	Base     string         // a folder with its configuration
	Port     int

	t     testing.TB
	owner func(path string)
}

// Kill ends the server with all its sessions, as a power cut does.
func (s *Server) Kill() { s.Killer()() }

// Killer looks for what is to be killed, so that it is done quickly when it is.
func (s *Server) Killer() func() {
	s.t.Helper()
	tree := descendants(s.t, s.Peer.Pid())
	return func() {
		for _, pid := range append(tree, descendants(s.t, s.Peer.Pid())...) { // and those of the last moment
			if p, err := os.FindProcess(pid); err == nil {
				_ = p.Kill() // it may have ended
			}
		}
		s.Peer.Kill()
	}
}

// descendants are the processes that a process has started, and those that they have.
func descendants(t testing.TB, pid int) (all []int) {
	t.Helper()
	entries, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	children := map[int][]int{}
	for _, path := range entries {
		raw, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		text := string(raw)
		fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
		parent, err := strconv.Atoi(fields[1])
		if err != nil {
			t.Fatal(err)
		}
		child, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			t.Fatal(err)
		}
		children[parent] = append(children[parent], child)
	}
	for queue := []int{pid}; len(queue) > 0; queue = queue[1:] {
		all = append(all, children[queue[0]]...)
		queue = append(queue, children[queue[0]]...)
	}
	return all
}

func write(t testing.TB, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

// newKey writes a private key and returns its public part as a line.
func newKey(t testing.TB, path, passphrase string) string {
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
	write(t, path, string(pem.EncodeToMemory(block)), 0o600)
	public, err := ssh.NewPublicKey(pub)
	if err != nil {
		t.Fatal(err)
	}
	return string(ssh.MarshalAuthorizedKey(public))
}

// StartSSH starts OpenSSH with SFTP.
func StartSSH(t testing.TB) *Server {
	t.Helper()
	program := harness.FindPeer(t, "sshd")
	if os.Geteuid() == 0 {
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil { // which its service makes otherwise
			t.Skipf("there is no /run/sshd: %v", err)
		}
	}
	base, port := t.TempDir(), harness.FreePort(t)
	newKey(t, filepath.Join(base, "host"), "")
	write(t, filepath.Join(base, "authorized"), newKey(t, filepath.Join(base, "key"), "")+newKey(t, filepath.Join(base, "protected"), Passphrase), 0o600)
	write(t, filepath.Join(base, "config"), strings.Join([]string{
		"Port " + strconv.Itoa(port), "ListenAddress 127.0.0.1", "HostKey " + filepath.Join(base, "host"), "PidFile none", "StrictModes no", "UsePAM no",
		"AuthorizedKeysFile " + filepath.Join(base, "authorized"), "PermitRootLogin yes", "Subsystem sftp internal-sftp", "LogLevel ERROR", "MaxStartups 100",
	}, "\n")+"\n", 0o600)
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{t: t, Base: base, Port: port, Dir: filepath.Join(base, "files"), owner: func(string) {}}
	s.Remote = s.Dir
	if err := os.Mkdir(s.Dir, 0o755); err != nil {
		t.Fatal(err)
	}
	s.Settings = map[string]any{"host": "127.0.0.1", "port": port, "authentication": "private-key", "username": me.Username, "privateKey": filepath.Join(base, "key"),
		"passphrase": nil, "password": nil, "compression": false, "retryInterval": 100}
	s.Peer = harness.StartPeer(t, harness.PeerOptions{Path: program, Args: []string{"-D", "-e", "-f", filepath.Join(base, "config")}, Address: "127.0.0.1:" + strconv.Itoa(port)})
	t.Cleanup(s.Kill)
	return s
}

// StartFTP starts vsftpd. Its users are those of the system, so the one here is the anonymous one, of whom it may want a
// password too.
func StartFTP(t testing.TB, more ...string) *Server {
	t.Helper()
	program := harness.FindPeer(t, "vsftpd")
	account, err := user.Lookup("ftp")
	if err != nil || os.Geteuid() != 0 {
		t.Skipf("vsftpd has to be started as root, and needs the user ftp of its package")
	}
	base, port, passive := t.TempDir(), harness.FreePort(t), harness.FreePort(t)
	root := filepath.Join(base, "root")
	s := &Server{t: t, Base: base, Port: port, Dir: filepath.Join(root, "in"), Remote: "/in"}
	uid, errUID := strconv.Atoi(account.Uid)
	gid, errGID := strconv.Atoi(account.Gid)
	s.owner = func(path string) {
		if err := os.Chown(path, uid, gid); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(errUID, errGID, os.Chmod(base, 0o755), os.MkdirAll(s.Dir, 0o755), os.Mkdir(filepath.Join(base, "empty"), 0o755)); err != nil {
		t.Fatal(err)
	}
	s.owner(s.Dir)
	write(t, filepath.Join(base, "passwords"), Password+"\n", 0o644)
	write(t, filepath.Join(base, "config"), strings.Join(append([]string{
		"listen=YES", "listen_address=127.0.0.1", fmt.Sprintf("listen_port=%d", port), "background=NO", "anonymous_enable=YES", "local_enable=NO", "write_enable=YES",
		"anon_root=" + root, "anon_upload_enable=YES", "anon_other_write_enable=YES", "anon_world_readable_only=NO", "secure_email_list_enable=YES",
		"email_password_file=" + filepath.Join(base, "passwords"), "secure_chroot_dir=" + filepath.Join(base, "empty"), "seccomp_sandbox=NO", "isolate=NO", "isolate_network=NO",
		"connect_from_port_20=NO", fmt.Sprintf("pasv_min_port=%d", passive), fmt.Sprintf("pasv_max_port=%d", passive+50), "pasv_address=127.0.0.1",
	}, more...), "\n")+"\n", 0o600)
	s.Settings = map[string]any{"host": "127.0.0.1", "port": port, "authentication": "password", "username": "anonymous", "password": Password, "compression": false, "retryInterval": 100}
	s.Peer = harness.StartPeer(t, harness.PeerOptions{Path: program, Args: []string{filepath.Join(base, "config")}, Address: "127.0.0.1:" + strconv.Itoa(port)})
	t.Cleanup(s.Kill)
	return s
}

// Put makes a file of a certain age in the folder.
func (s *Server) Put(name string, raw []byte, age time.Duration) string {
	s.t.Helper()
	path := filepath.Join(s.Dir, filepath.FromSlash(name))
	at := time.Now().Add(-age)
	err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, raw, 0o644), os.Chtimes(path, at, at))
	if err != nil {
		s.t.Fatal(err)
	}
	for dir := path; dir != s.Dir; dir = filepath.Dir(dir) {
		s.owner(dir)
	}
	return path
}
