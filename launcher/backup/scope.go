package backup

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// The folders of the data folder that have a rule of their own. Everything else is saved unless a pattern leaves it
// out.
var (
	// content is what was collected, by connector: what a trial adds to it is never lost.
	content = []string{"cache", "error", "archive"}
	// always are saved whatever the pattern says: an agent whose state was written by a newer version does not start
	// (weakness W-54 of the reference).
	always = []string{"state", "secrets"}
	// never are saved: they do not belong to a version, or are what upgrades are made with.
	never = []string{"logs", "update", "versions", "backup", RescuedFolder}
)

// The files at the top of the data folder that belong to the launcher or to the running process.
const (
	launcherPrefix = "launcher."
	lockSuffix     = ".lock"
	tempSuffix     = ".oibus-tmp"
)

// inPlace are the ends of the names of files that are changed where they are, and so must not be saved by a second
// name. All other files of state and content are written once, or appended to only by the process that made them, or
// replaced by renaming a new one over them.
var inPlace = []string{".log", ".db", ".db-wal", ".db-shm", ".tmp"}

// Scope says which part of a data folder belongs to a backup.
type Scope struct {
	pattern   *regexp.Regexp // nil is everything
	separator string
	exclude   []string
}

// NewScope returns the scope of a pattern with the meaning that the reference gives it (protocol/control-plane.md,
// section 9.4): a regular expression, searched for anywhere in the path of each file and folder below the data folder,
// with a separator in front; a folder must match itself for what is in it to be looked at. An empty pattern is
// everything, and so is one that is not understood: then the error says so, and the scope can be used all the same.
// exclude are paths, with slashes, below the data folder that do not belong to it, such as installed programs.
func NewScope(pattern string, exclude ...string) (Scope, error) {
	return newScope(pattern, string(os.PathSeparator), exclude)
}

func newScope(pattern, separator string, exclude []string) (Scope, error) {
	s := Scope{separator: separator, exclude: exclude}
	if pattern == "" {
		return s, nil
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return s, fmt.Errorf("the pattern %q of the folders to save is not understood, all are saved: %w", pattern, err)
	}
	s.pattern = re
	return s, nil
}

// has says whether the file or folder at path, with slashes, belongs to the backup, given that the folder around it
// does.
func (s Scope) has(path string) bool {
	top, _, nested := strings.Cut(path, "/")
	switch {
	case slices.Contains(never, top), slices.Contains(s.exclude, path), strings.HasSuffix(path, tempSuffix):
		return false
	case !nested && (strings.HasPrefix(path, launcherPrefix) || strings.HasSuffix(path, lockSuffix)):
		return false
	case s.pattern == nil, slices.Contains(always, top):
		return true
	}
	return s.pattern.MatchString(s.separator + strings.ReplaceAll(path, "/", s.separator))
}

// isContent says whether path is in one of the folders of what was collected.
func isContent(path string) bool {
	top, _, _ := strings.Cut(path, "/")
	return slices.Contains(content, top)
}

// mayLink says whether a second name is as good as a copy, since nobody changes the file at path in place.
func mayLink(path string) bool {
	top, _, nested := strings.Cut(path, "/")
	if !nested || top != "state" && !isContent(path) {
		return false
	}
	return !slices.ContainsFunc(inPlace, func(end string) bool { return strings.HasSuffix(path, end) })
}

// Exclude returns the paths of those programs that lie in the data folder, as in an unpacked archive that is its own
// data folder, for NewScope.
func Exclude(dataDir string, programs ...string) []string {
	var list []string
	for _, program := range programs {
		rel, err := filepath.Rel(dataDir, program)
		if err != nil || !filepath.IsLocal(rel) {
			continue
		}
		top, _, _ := strings.Cut(filepath.ToSlash(rel), "/")
		list = append(list, top)
	}
	return list
}
