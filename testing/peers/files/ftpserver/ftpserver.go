// Package ftpserver is a small FTP server for tests, in the process of the test, that can be made to misbehave. It
// promises to end with its test. It guards against clients that only work with servers that behave.
package ftpserver

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"net"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// File is a file of a Server.
type File struct {
	Text     string
	Modified time.Time
}

// Options say how a Server behaves.
type Options struct {
	User, Password string
	Old            bool // it knows neither MLSD nor EPSV, and its listings show times of another zone, without seconds
	Plain          bool // besides, it knows neither MDTM nor SIZE
}

// Server is a running server on loopback. Its files are in memory, under absolute names; what has others below it is a folder.
type Server struct {
	Host string
	Port int

	o        Options
	listener net.Listener
	work     sync.WaitGroup

	mu    sync.Mutex
	files map[string]File
	conns map[net.Conn]bool
	count map[string]int
	sent  int
	// replace gives another answer to a command than it should get: what it returns is written as it is. nil, or "", is
	// the right answer.
	replace func(command, argument string) string
	cut     int             // bytes of the next file after which everything is cut, 0 for none
	listing func(io.Writer) // is written instead of a listing
}

// Start starts a server that ends with its test.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	s := &Server{o: o, files: map[string]File{}, conns: map[net.Conn]bool{}, count: map[string]int{}}
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
	s.work.Go(func() {
		for {
			c, err := s.listener.Accept()
			if err != nil {
				return
			}
			s.hold(c, true)
			s.work.Go(func() {
				defer s.hold(c, false)
				(&session{s: s, c: c, r: bufio.NewReader(c), dir: "/"}).serve()
			})
		}
	})
	t.Cleanup(func() {
		_ = s.listener.Close()
		s.Cut()
		s.work.Wait()
	})
	return s
}

// Put stores a file, Delete removes one, Get looks for one.
func (s *Server) Put(name, text string, modified time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files[name] = File{text, modified.UTC().Truncate(time.Second)}
}

// Get looks for a file.
func (s *Server) Get(name string) (File, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, ok := s.files[name]
	return f, ok
}

// Lie lets f answer commands; "" is the right answer.
func (s *Server) Lie(f func(command, argument string) string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.replace = f
}

// List lets f write what listings say.
func (s *Server) List(f func(io.Writer)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listing = f
}

// CutNext cuts everything after n bytes of the next file.
func (s *Server) CutNext(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cut = n
}

// Count is how often a command was given.
func (s *Server) Count(command string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count[command]
}

// Sent is how many bytes of files were sent.
func (s *Server) Sent() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sent
}

// Cut ends all connections.
func (s *Server) Cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		_ = c.Close() // it is gone either way
	}
}

func (s *Server) hold(c net.Conn, yes bool) {
	if !yes {
		_ = c.Close() // it is gone either way
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conns[c] = yes; !yes {
		delete(s.conns, c)
	}
}

// session is one control connection.
type session struct {
	s       *Server
	c       net.Conn
	r       *bufio.Reader
	dir     string
	user    string
	offset  int
	passive net.Listener
}

func (c *session) say(format string, args ...any) { fmt.Fprintf(c.c, format+"\r\n", args...) }

func (c *session) serve() {
	defer func() {
		if c.passive != nil {
			_ = c.passive.Close()
		}
	}()
	c.say("220 hello")
	for {
		text, err := c.r.ReadString('\n')
		if err != nil {
			return
		}
		command, argument, _ := strings.Cut(strings.TrimRight(text, "\r\n"), " ")
		c.s.mu.Lock()
		c.s.count[command]++
		replace := c.s.replace
		c.s.mu.Unlock()
		if replace != nil {
			if answer := replace(command, argument); answer != "" {
				if _, err := io.WriteString(c.c, answer); err != nil {
					return
				}
				continue
			}
		}
		c.answer(command, argument)
	}
}

func (c *session) answer(command, argument string) {
	switch command {
	case "USER":
		c.user = argument
		c.say("331 and the password?")
	case "PASS":
		if c.s.o.User != "" && (c.user != c.s.o.User || argument != c.s.o.Password) {
			c.say("530 %s is not the password of %s", argument, c.user) // some servers do say such a thing
			return
		}
		c.say("230 come in")
	case "FEAT":
		c.say("211-Features:\r\n%s211 End", c.features())
	case "TYPE", "OPTS", "NOOP":
		c.say("200 yes")
	case "PWD":
		c.say("257 %q", c.dir)
	case "CWD":
		c.change(argument)
	case "EPSV", "PASV":
		c.listen(command)
	case "REST":
		c.offset, _ = strconv.Atoi(argument)
		c.say("350 from there on")
	case "MLSD", "LIST":
		c.list()
	case "MLST":
		c.describe(argument)
	case "SIZE", "MDTM", "DELE", "RETR":
		c.file(command, argument)
	case "QUIT":
		c.say("221 bye")
	default:
		c.say("502 what is %s?", command)
	}
}

func (c *session) features() string {
	switch {
	case c.s.o.Plain:
		return " UTF8\r\n"
	case c.s.o.Old:
		return " MDTM\r\n SIZE\r\n"
	}
	return " MDTM\r\n SIZE\r\n MLST type*;size*;modify*;\r\n EPSV\r\n REST STREAM\r\n"
}

func (c *session) absolute(name string) string {
	if path.IsAbs(name) {
		return path.Clean(name)
	}
	return path.Join(c.dir, name)
}

func (c *session) change(name string) {
	dir := strings.TrimSuffix(c.absolute(name), "/") + "/"
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	for file := range c.s.files {
		if strings.HasPrefix(file, dir) {
			c.dir = path.Clean(dir)
			c.say("250 there")
			return
		}
	}
	if dir == "/" || dir == "/empty/" {
		c.dir = path.Clean(dir)
		c.say("250 there")
		return
	}
	c.say("550 no such folder")
}

func (c *session) listen(command string) {
	if c.passive != nil {
		_ = c.passive.Close()
	}
	var err error
	if c.passive, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		c.say("425 no")
		return
	}
	port := c.passive.Addr().(*net.TCPAddr).Port
	switch {
	case command == "PASV":
		c.say("227 Entering Passive Mode (192,0,2,1,%d,%d).", port>>8, port&255) // an address that leads nowhere, as behind NAT
	case c.s.o.Old:
		c.say("500 what?")
	default:
		c.say("229 Entering Extended Passive Mode (|||%d|)", port)
	}
}

// data opens a data connection for use.
func (c *session) data(use func(io.Writer) bool) {
	if c.passive == nil {
		c.say("425 use PASV")
		return
	}
	c.say("150 here it comes")
	conn, err := c.passive.Accept()
	if err != nil {
		c.say("426 no")
		return
	}
	c.s.hold(conn, true)
	whole := use(conn)
	c.s.hold(conn, false)
	if whole {
		c.say("226 done")
	} else {
		c.say("426 not done")
	}
}

func (c *session) list() {
	c.s.mu.Lock()
	files, listing := maps.Clone(c.s.files), c.s.listing
	c.s.mu.Unlock()
	prefix := strings.TrimSuffix(c.dir, "/") + "/"
	c.data(func(w io.Writer) bool {
		if listing != nil {
			listing(w)
			return true
		}
		if !c.s.o.Old {
			fmt.Fprintf(w, "type=cdir;modify=20240101000000; .\r\ntype=pdir;modify=20240101000000; ..\r\n")
		} else {
			fmt.Fprintf(w, "total 2\r\n")
		}
		folders := map[string]bool{}
		for _, name := range slices.Sorted(maps.Keys(files)) {
			rest, ok := strings.CutPrefix(name, prefix)
			if !ok {
				continue
			}
			if folder, _, below := strings.Cut(rest, "/"); below {
				if !folders[folder] {
					folders[folder] = true
					c.line(w, folder, nil)
				}
				continue
			}
			f := files[name]
			c.line(w, rest, &f)
		}
		return true
	})
}

func (c *session) line(w io.Writer, name string, f *File) {
	switch {
	case f == nil && c.s.o.Old:
		fmt.Fprintf(w, "drwxr-xr-x 2 0 0 4096 Jan 01 2024 %s\r\n", name)
	case f == nil:
		fmt.Fprintf(w, "type=dir;modify=20240101000000; %s\r\n", name)
	case c.s.o.Old:
		at := f.Modified.Add(3 * time.Hour) // the zone of the server
		format := "Jan _2 15:04"
		if time.Since(f.Modified) > 180*24*time.Hour {
			format = "Jan _2  2006"
		}
		fmt.Fprintf(w, "-rw-r--r-- 1 0 0 %d %s %s\r\n", len(f.Text), at.Format(format), name)
	default:
		fmt.Fprintf(w, "type=file;size=%d;modify=%s; %s\r\n", len(f.Text), f.Modified.Format("20060102150405"), name)
	}
}

func (c *session) describe(name string) {
	f, ok := c.s.Get(c.absolute(name))
	if !ok {
		c.say("550 no such file")
		return
	}
	c.say("250-here\r\n type=file;size=%d;modify=%s; %s\r\n250 End", len(f.Text), f.Modified.Format("20060102150405"), name)
}

func (c *session) file(command, name string) {
	f, ok := c.s.Get(c.absolute(name))
	switch {
	case c.s.o.Plain && (command == "SIZE" || command == "MDTM"):
		c.say("502 what is %s?", command)
	case !ok:
		c.say("550 no such file")
	case command == "SIZE":
		c.say("213 %d", len(f.Text))
	case command == "MDTM":
		c.say("213 %s", f.Modified.Format("20060102150405"))
	case command == "DELE":
		c.s.mu.Lock()
		delete(c.s.files, c.absolute(name))
		c.s.mu.Unlock()
		c.say("250 gone")
	default:
		c.retrieve(f)
	}
}

func (c *session) retrieve(f File) {
	text := f.Text[min(c.offset, len(f.Text)):]
	c.offset = 0
	c.s.mu.Lock()
	cut := c.s.cut
	c.s.cut = 0
	if cut > 0 {
		text = text[:min(cut, len(text))]
	}
	c.s.sent += len(text)
	c.s.mu.Unlock()
	c.data(func(w io.Writer) bool {
		if _, err := io.WriteString(w, text); err != nil {
			return false
		}
		if cut > 0 {
			_ = c.c.Close() // as when the server is killed
		}
		return true
	})
}
