// Package sftp is how connectors reach SFTP servers (protocol/data-plane.md, sections 5.3 and 6.7). It promises that a
// server is the one that was reached the first time, that every exchange ends, that a transfer that was cut goes on where
// it was cut, and that no error shows a password, a passphrase or a key. It guards against servers that were replaced by
// somebody else, that hang, trickle, or say what is not true.
package sftp

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"oibus/agent/connector/folder"
	"oibus/agent/connector/setting"
)

// Settings are those of a connection, as in the manifests.
type Settings struct {
	Host           string         `json:"host"`
	Port           setting.Number `json:"port"`
	Authentication string         `json:"authentication"`
	Username       string         `json:"username"`
	Password       string         `json:"password"`
	PrivateKey     string         `json:"privateKey"` // a file
	Passphrase     string         `json:"passphrase"`

	// Patience is how long the server may stand still, 0 for folder.Patience.
	Patience time.Duration `json:"-"`
}

// Check says what is wrong with the settings.
func (s *Settings) Check() error {
	switch {
	case strings.TrimSpace(s.Host) == "":
		return errors.New("the host is not specified")
	case s.Port < 1 || s.Port > 65535:
		return fmt.Errorf("the port %v is not between 1 and 65535", float64(s.Port))
	case s.Authentication != byPassword && s.Authentication != byKey:
		return fmt.Errorf("the authentication %q is neither %s nor %s", s.Authentication, byPassword, byKey)
	}
	return nil
}

// Ways to authenticate.
const (
	byPassword = "password"
	byKey      = "private-key"
)

// Address is host:port, as people know it.
func (s *Settings) Address() string {
	return strings.TrimSpace(s.Host) + ":" + strconv.FormatInt(s.Port.Int(), 10)
}

// endpoint is Address as the network wants it.
func (s *Settings) endpoint() string {
	return net.JoinHostPort(strings.Trim(strings.TrimSpace(s.Host), "[]"), strconv.FormatInt(s.Port.Int(), 10))
}

// clean makes an error fit to be shown.
func (s *Settings) clean(err error) error { return folder.Clean(err, s.Password, s.Passphrase) }

// longestKey bounds the file of a private key.
const longestKey = 1 << 20

// methods are the ways of authentication that the settings ask for.
func (s *Settings) methods() ([]ssh.AuthMethod, error) {
	if s.Authentication == byKey {
		signer, err := s.signer()
		if err != nil {
			return nil, err
		}
		return []ssh.AuthMethod{ssh.PublicKeys(signer)}, nil
	}
	// Many servers ask for the password as the one hidden answer to a question.
	answer := func(_, _ string, questions []string, echos []bool) ([]string, error) {
		if len(questions) == 0 {
			return nil, nil
		}
		if len(questions) > 1 || echos[0] {
			return nil, errors.New("the server asks for more than a password")
		}
		return []string{s.Password}, nil
	}
	return []ssh.AuthMethod{ssh.Password(s.Password), ssh.KeyboardInteractive(answer)}, nil
}

// signer reads the private key.
func (s *Settings) signer() (ssh.Signer, error) {
	text, err := readKey(s.PrivateKey)
	if err != nil {
		return nil, err
	}
	var signer ssh.Signer
	if s.Passphrase == "" {
		signer, err = ssh.ParsePrivateKey(text)
	} else if signer, err = ssh.ParsePrivateKeyWithPassphrase(text, []byte(s.Passphrase)); err != nil {
		if plain, plainErr := ssh.ParsePrivateKey(text); plainErr == nil { // a passphrase that is not needed
			signer, err = plain, nil
		}
	}
	if err != nil {
		return nil, fmt.Errorf("cannot use the private key %q: %w", s.PrivateKey, keyTrouble(text, err))
	}
	return signer, nil
}

func readKey(path string) (text []byte, err error) {
	if strings.TrimSpace(path) == "" {
		return nil, errors.New("the file of the private key is not specified")
	}
	info, err := os.Stat(path)
	if err == nil && (!info.Mode().IsRegular() || info.Size() > longestKey) {
		err = errors.New("it is no file of a key")
	}
	if err == nil {
		text, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the private key: %w", folder.Fail(err, "open", path))
	}
	return text, nil
}

// keyTrouble words what is wrong with a key, and what helps.
func keyTrouble(text []byte, err error) error {
	var missing *ssh.PassphraseMissingError
	switch {
	case errors.As(err, &missing):
		return errors.New("it is protected: give its passphrase")
	case strings.HasPrefix(string(text), "PuTTY-User-Key-File"):
		return errors.New("it is a key of PuTTY: export it as an OpenSSH key")
	case strings.Contains(string(text), "BEGIN ENCRYPTED PRIVATE KEY"):
		return errors.New("it is protected in the form PKCS #8: convert it with `ssh-keygen -p -f FILE`")
	case strings.HasPrefix(string(text), "ssh-"):
		return errors.New("it is the public key: name the file of the private one")
	}
	return err
}
