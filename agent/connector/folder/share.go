package folder

import (
	"errors"
	"strings"
	"sync"

	"oibus/platform"
)

// Share is a Windows share that is opened with credentials of its own. It belongs to one connector, and is used by one
// goroutine at a time.
type Share struct {
	Username string `json:"username"`
	Password string `json:"password"`
	Domain   string `json:"domain"`

	held string // the share that is open
}

// Open opens the share that dir lies on, if it lies on one and there are credentials, and opens it again when it was
// open: a share may have been closed by others. Its error shows no password.
func (s *Share) Open(dir string) error {
	root := shareOf(dir)
	if s.Username == "" || root == "" {
		return nil
	}
	user := s.Username
	if s.Domain != "" {
		user = s.Domain + `\` + user
	}
	err := platform.ConnectShare(root, user, s.Password)
	switch {
	case err == nil:
		s.hold(root)
		return nil
	case s.Password == "":
		return err
	}
	return errors.New(strings.ReplaceAll(err.Error(), s.Password, mask))
}

// Close closes what Open opened, unless another connector uses the same share.
func (s *Share) Close() error {
	root := s.held
	if root == "" {
		return nil
	}
	s.held = ""
	shares.Lock()
	defer shares.Unlock()
	if shares.users[root]--; shares.users[root] > 0 {
		return nil
	}
	delete(shares.users, root)
	return platform.DisconnectShare(root)
}

// shares counts the connectors that use a share: the connection to it is one for the whole process.
var shares = struct {
	sync.Mutex
	users map[string]int
}{users: map[string]int{}}

func (s *Share) hold(root string) {
	root = strings.ToLower(root)
	if s.held != "" {
		return
	}
	s.held = root
	shares.Lock()
	defer shares.Unlock()
	shares.users[root]++
}

// shareOf is \\server\share of a path on a share, "" for any other.
func shareOf(dir string) string {
	path := strings.ReplaceAll(dir, "/", `\`)
	rest, ok := strings.CutPrefix(path, `\\`)
	if !ok {
		return ""
	}
	parts := strings.SplitN(rest, `\`, 3)
	if len(parts) < 2 || parts[0] == "" || parts[0] == "?" || parts[0] == "." || parts[1] == "" {
		return ""
	}
	return `\\` + parts[0] + `\` + parts[1]
}
