// Package sftpserver is a small SFTP server for tests, in the process of the test, that can be made to misbehave. It
// promises to end with its test. It guards against clients that only work with servers that behave.
package sftpserver

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

// Options say how a Server behaves.
type Options struct {
	Keys       []ssh.Signer  // of the server; nil makes one
	Password   string        // of every user, "" lets nobody in by password
	Ask        bool          // the password is the answer to a question
	Authorized ssh.PublicKey // lets every user in
	Bare       bool          // no extensions of SFTP
	Mute       bool          // nothing is answered once SFTP has begun
	Silent     bool          // nothing is said from the beginning
}

// Server is a running server on loopback. It shows the files of the machine.
type Server struct {
	Host string
	Port int

	options  Options
	config   *ssh.ServerConfig
	listener net.Listener
	work     sync.WaitGroup
	logins   atomic.Int64
	// CutAfter is how many bytes the server still sends before it cuts the connection, 0 for any number; CutTaken the same
	// of what it takes.
	CutAfter, CutTaken atomic.Int64

	mu    sync.Mutex
	conns map[net.Conn]bool
}

// NewKey makes a key.
func NewKey(t testing.TB) ssh.Signer {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

// Start starts a server that ends with its test.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	if o.Keys == nil {
		o.Keys = []ssh.Signer{NewKey(t)}
	}
	s := &Server{options: o, conns: map[net.Conn]bool{}}
	s.configure()
	var err error
	if s.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	host, port, err := net.SplitHostPort(s.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s.Host = host
	if s.Port, err = strconv.Atoi(port); err != nil {
		t.Fatal(err)
	}
	s.work.Go(s.accept)
	t.Cleanup(func() {
		_ = s.listener.Close()
		s.Cut()
		s.work.Wait()
	})
	return s
}

func (s *Server) configure() {
	o := s.options
	s.config = &ssh.ServerConfig{}
	refused := errors.New("refused")
	check := func(password string) (*ssh.Permissions, error) {
		if o.Password == "" || password != o.Password {
			return nil, refused
		}
		return nil, nil
	}
	if o.Ask {
		s.config.KeyboardInteractiveCallback = func(_ ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
			answers, err := ask("", "", []string{"Password: "}, []bool{false})
			if err != nil || len(answers) != 1 {
				return nil, refused
			}
			return check(answers[0])
		}
	} else {
		s.config.PasswordCallback = func(_ ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) { return check(string(password)) }
	}
	s.config.PublicKeyCallback = func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		if o.Authorized == nil || !bytes.Equal(key.Marshal(), o.Authorized.Marshal()) {
			return nil, refused
		}
		return nil, nil
	}
	for _, key := range o.Keys {
		s.config.AddHostKey(key)
	}
}

// SetKeys gives the server other keys, as after a new installation.
func (s *Server) SetKeys(keys ...ssh.Signer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.options.Keys = keys
	s.configure()
}

// Logins is how many connections were let in.
func (s *Server) Logins() int64 { return s.logins.Load() }

// Cut ends all connections.
func (s *Server) Cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		_ = c.Close() // it is gone either way
	}
}

func (s *Server) accept() {
	for {
		c, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.conns[c] = true
		config := s.config
		s.mu.Unlock()
		s.work.Go(func() {
			defer func() {
				_ = c.Close() // it is gone either way
				s.mu.Lock()
				delete(s.conns, c)
				s.mu.Unlock()
			}()
			if s.options.Silent {
				_, _ = io.Copy(io.Discard, c) // ends when the client gives up
				return
			}
			s.serve(c, config)
		})
	}
}

func (s *Server) serve(c net.Conn, config *ssh.ServerConfig) {
	conn, channels, requests, err := ssh.NewServerConn(c, config)
	if err != nil {
		return
	}
	s.logins.Add(1)
	defer conn.Close()
	s.work.Go(func() {
		for r := range requests {
			if r.WantReply && !s.options.Mute {
				_ = r.Reply(false, nil) // the client is gone otherwise
			}
		}
	})
	for offered := range channels {
		channel, requests, err := offered.Accept()
		if err != nil {
			return
		}
		s.work.Go(func() {
			for r := range requests {
				if r.WantReply {
					_ = r.Reply(r.Type == "subsystem", nil) // the client is gone otherwise
				}
			}
		})
		s.work.Go(func() { s.files(c, channel) })
	}
}

// files is the SFTP of one channel.
func (s *Server) files(c net.Conn, channel ssh.Channel) {
	defer channel.Close()
	server, err := sftp.NewServer(&stream{Channel: channel, s: s, conn: c})
	if err != nil {
		return
	}
	_ = server.Serve() // ends when the client does
}

// stream is what a client and the server say.
type stream struct {
	ssh.Channel
	s     *Server
	conn  net.Conn
	begun bool
}

func (st *stream) Write(b []byte) (int, error) {
	if !st.begun && len(b) > 9 && st.s.options.Bare { // the first packet is the version, with the extensions behind
		if _, err := st.Channel.Write(append([]byte{0, 0, 0, 5}, b[4:9]...)); err != nil {
			return 0, err
		}
		st.begun = true
		return len(b), nil
	}
	if st.begun && st.s.options.Mute {
		return len(b), nil
	}
	st.begun = true
	if st.spend(&st.s.CutAfter, len(b)) {
		return 0, io.ErrClosedPipe
	}
	return st.Channel.Write(b)
}

func (st *stream) Read(b []byte) (int, error) {
	n, err := st.Channel.Read(b)
	if st.spend(&st.s.CutTaken, n) {
		return 0, io.EOF
	}
	return n, err
}

// spend takes n from what is left, and cuts the connection when nothing is.
func (st *stream) spend(left *atomic.Int64, n int) bool {
	before := left.Load()
	if before <= 0 || left.Add(-int64(n)) > 0 {
		return false
	}
	left.Store(0)
	_ = st.conn.Close() // as when the server is killed
	return true
}
