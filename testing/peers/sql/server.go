// Package sql starts PostgreSQL and MariaDB for tests and measurements, each on loopback, in a folder of its own, for as
// long as it is needed. It promises that nothing of the machine's own databases is touched and that nothing is left. Its tests
// play the South connectors against them. It guards against a driver that means something else than its words.
package sql

import (
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"testing"

	"oibus/testing/harness"
)

// Of the servers: who the connectors are, and which database is theirs.
const (
	User     = "oibus"
	Password = "S3cret@/:%pw"
	Database = "plant"
)

// Server is a database server.
type Server struct {
	*harness.Peer
	Port int
	Data string // its folder
}

// Address is where it listens.
func (s *Server) Address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port)) }

// StartPostgreSQL starts a server whose only user is User, with an empty database postgres. The zone of its sessions is not
// that of the agent, and not UTC.
func StartPostgreSQL(t testing.TB) *Server {
	t.Helper()
	initdb := harness.FindPeer(t, "initdb")
	dir := folder(t, "postgres")
	s := &Server{Port: harness.FreePort(t), Data: filepath.Join(dir, "data")}
	secret := filepath.Join(dir, "password")
	if err := os.WriteFile(secret, []byte(Password), 0o644); err != nil { // the user of the server reads it
		t.Fatal(err)
	}
	run(t, as(t, "postgres", initdb, "-D", s.Data, "-U", User, "-N", "-E", "UTF8", "--locale=C", "-A", "scram-sha-256", "--pwfile="+secret))
	s.start(t, as(t, "postgres", filepath.Join(filepath.Dir(initdb), "postgres"), "-D", s.Data, "-p", strconv.Itoa(s.Port),
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off", "-c", "timezone=Asia/Kolkata"))
	return s
}

// StartMariaDB starts a server whose user root has no password. The zone of its sessions is not that of the agent, and not UTC.
func StartMariaDB(t testing.TB) *Server {
	t.Helper()
	install, server := harness.FindPeer(t, "mariadb-install-db"), harness.FindPeer(t, "mariadbd", "mysqld")
	dir := folder(t, "mysql")
	s := &Server{Port: harness.FreePort(t), Data: filepath.Join(dir, "data")}
	run(t, as(t, "mysql", install, "--no-defaults", "--datadir="+s.Data, "--auth-root-authentication-method=normal", "--skip-test-db"))
	s.start(t, as(t, "mysql", server, "--no-defaults", "--datadir="+s.Data, "--port="+strconv.Itoa(s.Port), "--bind-address=127.0.0.1",
		"--socket="+filepath.Join(dir, "s"), "--innodb-flush-log-at-trx-commit=0", "--default-time-zone=+05:30", "--skip-name-resolve"))
	return s
}

func (s *Server) start(t testing.TB, words []string) {
	t.Helper()
	s.Peer = harness.StartPeer(t, harness.PeerOptions{Path: words[0], Args: words[1:], Address: s.Address()})
}

// folder makes one that the user of a server may use.
func folder(t testing.TB, owner string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "oibus-sql-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if os.Getuid() != 0 {
		return dir
	}
	account, err := user.Lookup(owner)
	if err != nil {
		t.Skipf("there is no user %s on this machine", owner)
	}
	uid, uidErr := strconv.Atoi(account.Uid)
	gid, gidErr := strconv.Atoi(account.Gid)
	if uidErr != nil || gidErr != nil {
		t.Skipf("the user %s has no number", owner)
	}
	if err := os.Chown(dir, uid, gid); err != nil {
		t.Fatal(err)
	}
	return dir
}

// as is a command that is run as another user, when the test is run as root.
func as(t testing.TB, owner, path string, args ...string) []string {
	t.Helper()
	if os.Getuid() != 0 {
		return append([]string{path}, args...)
	}
	return append([]string{harness.FindPeer(t, "setpriv"), "--reuid=" + owner, "--regid=" + owner, "--clear-groups", path}, args...)
}

func run(t testing.TB, words []string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), words[0], words[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", words, err, out)
	}
}
