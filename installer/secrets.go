package installer

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"oibus/platform"
)

// A secret never stands on a command line, where every user of the machine can read it: it comes from a file, from the
// standard input, from the environment, or from the keyboard.

// secretSource says where a secret comes from.
type secretSource struct {
	what     string // for the question
	file     string // "-" is the standard input
	variable string // of the environment
	ask      bool
	given    string // by the Windows installer only
}

// asked says whether the command line speaks of the secret.
func (s *secretSource) asked() bool { return s.file != "" || s.ask || s.given != "" }

// maxSecret bounds what is read.
const maxSecret = 1024

func secretOptions(o *flag.FlagSet, name, what, variable string) *secretSource {
	s := &secretSource{what: what, variable: variable}
	o.StringVar(&s.file, name+"-file", "", "`FILE` that holds "+what+", - for the standard input; "+variable+" in the environment does too")
	o.BoolVar(&s.ask, "ask-"+name, false, "ask for "+what+" at the keyboard")
	return s
}

// read returns the secret, "" when none is given.
func (s *secretSource) read() (string, error) {
	var text []byte
	var err error
	switch {
	case s.given != "":
		return s.given, nil
	case s.file == "-":
		text, err = io.ReadAll(io.LimitReader(os.Stdin, maxSecret+1))
	case s.file != "":
		text, err = readFile(s.file)
	case s.ask:
		var typed string
		typed, err = platform.AskSecret(s.what + ": ")
		text = []byte(typed)
	default:
		text = []byte(os.Getenv(s.variable))
	}
	secret := strings.TrimRight(string(text), "\r\n")
	switch {
	case err != nil:
		return "", fmt.Errorf("cannot read %s: %w", s.what, err)
	case len(secret) > maxSecret:
		return "", fmt.Errorf("cannot use %s: it has more than %d bytes", s.what, maxSecret)
	case secret == "" && (s.file != "" || s.ask):
		return "", fmt.Errorf("cannot use %s: it is empty", s.what)
	}
	return secret, nil
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	return text, errors.Join(err, f.Close())
}
