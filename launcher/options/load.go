package options

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/BurntSushi/toml"
)

// maxFile bounds oibus.toml: a bigger file is not one that a person wrote.
const maxFile = 1 << 20

// Load reads the table [launcher] of the file at path and ignores all others, which are the agent's. A file that does
// not exist gives the defaults.
func Load(path string) (Options, error) {
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return Default(), nil
	}
	if err == nil && info.Size() > maxFile {
		err = fmt.Errorf("%d bytes are more than the limit of %d", info.Size(), maxFile)
	}
	var text []byte
	if err == nil {
		text, err = os.ReadFile(path)
	}
	if err != nil {
		return Options{}, fmt.Errorf("cannot read %s: %w", path, err)
	}
	return Parse(path, text)
}

// Parse is Load for a text; path is for the errors only.
func Parse(path string, text []byte) (Options, error) {
	file := struct {
		Launcher Options `toml:"launcher"`
	}{Launcher: Default()}
	meta, err := toml.Decode(string(text), &file)
	if err != nil {
		return Options{}, located(path, err)
	}
	for _, key := range meta.Undecoded() {
		if key[0] == Table {
			return Options{}, fmt.Errorf("%s:%d: %s: there is no such key", path, Line(text, key...), key)
		}
	}
	if err := file.Launcher.Validate(); err != nil {
		var bad *Error
		if errors.As(err, &bad) {
			return Options{}, fmt.Errorf("%s:%d: %w", path, Line(text, strings.Split(bad.Key, ".")...), err)
		}
		return Options{}, err
	}
	return file.Launcher, nil
}

// mistyped is how the library words a value of the wrong type.
var mistyped = regexp.MustCompile(`^toml: line (\d+) \(last key "([^"]*)"\): (.*)$`)

// located words an error of the library as all others: file, line, key.
func located(path string, err error) error {
	var wrong toml.ParseError
	switch parts := mistyped.FindStringSubmatch(err.Error()); {
	case parts != nil:
		return fmt.Errorf("%s:%s: %s: %s", path, parts[1], parts[2], parts[3])
	case !errors.As(err, &wrong):
		return fmt.Errorf("%s: %s", path, strings.TrimPrefix(err.Error(), "toml: "))
	case wrong.LastKey != "":
		return fmt.Errorf("%s:%d: %s: %s", path, wrong.Position.Line, wrong.LastKey, wrong.Message)
	}
	return fmt.Errorf("%s:%d: %s", path, wrong.Position.Line, wrong.Message)
}

// Line finds the line, from 1, on which a text in TOML sets the key, or opens the table, with the given full name; for
// a key that it cannot find it is the line of the nearest table around it, or 1. It is for messages to a person: it
// reads line by line and does not look into inline tables or texts of several lines.
func Line(text []byte, key ...string) int {
	best, bestDepth := 1, 0
	table := []string{}
	for i, line := range strings.Split(string(text), "\n") {
		line = strings.TrimSpace(line)
		var found []string
		if inner, ok := strings.CutPrefix(line, "["); ok {
			inner, _, _ = strings.Cut(strings.TrimPrefix(inner, "["), "]")
			table = splitKey(inner)
			found = table
		} else if name, _, ok := strings.Cut(line, "="); ok && !strings.HasPrefix(line, "#") {
			found = append(append([]string{}, table...), splitKey(name)...)
		}
		if depth := len(found); depth > bestDepth && isPrefix(found, key) {
			best, bestDepth = i+1, depth
		}
	}
	return best
}

func splitKey(name string) []string {
	parts := strings.Split(name, ".")
	for i, part := range parts {
		parts[i] = strings.Trim(strings.TrimSpace(part), `"'`)
	}
	return parts
}

func isPrefix(prefix, of []string) bool {
	if len(prefix) > len(of) {
		return false
	}
	for i, part := range prefix {
		if part != of[i] {
			return false
		}
	}
	return true
}
