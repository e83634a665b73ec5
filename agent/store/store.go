// Package store keeps the agent's state as JSON files in one folder. It promises that what was saved is there after
// a kill or a power cut, whole; that the previous generation of each document is kept; and that a file that is
// empty, zero-filled, truncated or not what it should be is put aside under a name that says so, reported, and
// never silently reset nor a reason not to start. It guards against the half-written and the rotten file.
package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"oibus/platform"
)

// SchemaLevel is the level of the state written by this version. A file of a higher level was written by a newer
// version, and is refused.
const SchemaLevel = 1

// ErrNewerState says that the state was written by a newer version: start that version, or restore a backup.
var ErrNewerState = errors.New("the state was written by a newer version of OIBus")

const (
	folder         = "state"
	docSuffix      = ".json"
	previousSuffix = ".json.previous"
	corruptMark    = ".corrupt-"
	filePerm       = 0o600
	dirPerm        = 0o700
)

// Incident is a file that was not as it should be, and what was done about it.
type Incident struct {
	File   string    `json:"file"`   // relative to the state folder
	Reason string    `json:"reason"` // what was wrong
	Action string    `json:"action"` // what was done, and where the bad file is now
	At     time.Time `json:"at"`
}

// Store is the state folder. It is safe for concurrent use; two savers of one document must agree among themselves
// on the order.
type Store struct {
	dir   string
	fresh bool // there was no state before: a first start
	now   func() time.Time

	mu        sync.Mutex
	incidents []Incident
	facts     sync.Mutex // held while a document of Facts is read or written
}

// Open uses the folder state below dataDir, creating it if it is missing.
func Open(dataDir string) (*Store, error) {
	s := &Store{dir: filepath.Join(dataDir, folder), now: time.Now}
	if _, err := os.Stat(s.dir); errors.Is(err, fs.ErrNotExist) {
		s.fresh = true
	}
	if err := os.MkdirAll(s.dir, dirPerm); err != nil {
		return nil, fmt.Errorf("cannot create the state folder: %w", err)
	}
	err := filepath.WalkDir(s.dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			return platform.CleanTemp(path)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("cannot clean the state folder: %w", err)
	}
	return s, nil
}

// Dir is the state folder.
func (s *Store) Dir() string { return s.dir }

// Fresh says whether this is a first start: there was no state folder.
func (s *Store) Fresh() bool { return s.fresh }

// Incidents lists what was found wrong since Open.
func (s *Store) Incidents() []Incident {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Incident(nil), s.incidents...)
}

// Report adds to the incidents one that was found elsewhere in the data folder.
func (s *Store) Report(file, reason, action string) { s.report(file, reason, action) }

func (s *Store) report(file, reason, action string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.incidents = append(s.incidents, Incident{File: file, Reason: reason, Action: action, At: s.now()})
}

// document is what a JSON file holds.
type document struct {
	Schema int             `json:"schema"`
	Data   json.RawMessage `json:"data"`
}

// Load reads the document name ("engine", "souths/k3JdQ9") and says whether it was there. When it is missing, or
// neither it nor its previous generation can be used, def is returned.
func Load[T any](s *Store, name string, def T) (T, bool, error) {
	path, err := s.path(name)
	if err != nil {
		return def, false, err
	}
	var bad *unusable
	v, err := read[T](path + docSuffix)
	switch {
	case err == nil:
		return v, true, nil
	case errors.Is(err, ErrNewerState):
		return def, false, err
	case errors.As(err, &bad):
		return previous(s, name, path, s.putAside(name+docSuffix, bad.reason), def)
	}
	if _, err := os.Lstat(path + previousSuffix); err == nil {
		return previous(s, name, path, func(used string) { s.report(name+docSuffix, "missing", used) }, def)
	}
	return def, false, nil
}

// previous loads the previous generation of a document whose current one cannot be used, makes it current, and
// passes what was done to report.
func previous[T any](s *Store, name, path string, report func(used string), def T) (T, bool, error) {
	v, err := read[T](path + previousSuffix)
	var bad *unusable
	switch {
	case errors.Is(err, ErrNewerState):
		return def, false, err
	case errors.As(err, &bad):
		report("started without it")
		s.putAside(name+previousSuffix, bad.reason)("started without it")
		return def, false, nil
	case err != nil: // missing
		report("started without it, there is no previous generation")
		return def, false, nil
	}
	report("used the previous generation")
	return v, true, Save(s, name, v)
}

// checked is a value that knows whether it can be used as it was read.
type checked interface{ Check() error }

// unusable says why a file that is there cannot be used.
type unusable struct{ reason string }

func (e *unusable) Error() string { return e.reason }

// read returns fs.ErrNotExist, ErrNewerState, or *unusable.
func read[T any](path string) (v T, err error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return v, err
	}
	if err != nil {
		return v, &unusable{"unreadable: " + err.Error()}
	}
	var doc document
	if err := json.Unmarshal(data, &doc); err != nil {
		return v, &unusable{describe(data, err)}
	}
	if doc.Schema > SchemaLevel {
		return v, fmt.Errorf("cannot read %q: %w: it has schema level %d, this version knows %d", path, ErrNewerState, doc.Schema, SchemaLevel)
	}
	if doc.Schema < 1 || doc.Data == nil || string(doc.Data) == "null" {
		return v, &unusable{"not a state document"}
	}
	if err := json.Unmarshal(doc.Data, &v); err != nil {
		return v, &unusable{"unexpected content: " + err.Error()}
	}
	if c, ok := any(v).(checked); ok {
		if err := c.Check(); err != nil {
			return v, &unusable{"unexpected content: " + err.Error()}
		}
	}
	return v, nil
}

func describe(data []byte, err error) string {
	switch {
	case len(data) == 0:
		return "empty"
	case strings.Trim(string(data), "\x00") == "":
		return fmt.Sprintf("filled with %d zero bytes", len(data))
	}
	return "not JSON: " + err.Error()
}

// putAside renames a bad file to *.corrupt-<time>, and returns a function that reports it with what replaced it.
func (s *Store) putAside(file, reason string) (report func(used string)) {
	path := filepath.Join(s.dir, filepath.FromSlash(file))
	aside := path + corruptMark + s.now().UTC().Format("20060102T150405.000000000Z")
	action := "put aside as " + filepath.Base(aside)
	if err := os.Rename(path, aside); err != nil {
		action = "could not put it aside: " + err.Error()
	}
	return func(used string) { s.report(file, reason, action+"; "+used) }
}

// Save writes the document name. When it returns nil the document is durable, and the one that it replaces is kept
// as the previous generation.
func Save[T any](s *Store, name string, v T) error {
	path, err := s.path(name)
	if err != nil {
		return err
	}
	data, err := json.Marshal(v)
	if err == nil {
		data, err = json.MarshalIndent(document{Schema: SchemaLevel, Data: data}, "", "  ")
	}
	if err != nil {
		return fmt.Errorf("cannot encode state document %q: %w", name, err)
	}
	if err := os.MkdirAll(filepath.Dir(path), dirPerm); err != nil {
		return fmt.Errorf("cannot create the folder of state document %q: %w", name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.withRoom(func() error {
		return platform.WriteFileKeeping(path+docSuffix, path+previousSuffix, append(data, '\n'), filePerm)
	})
}

// Remove deletes the document name and its previous generation. A missing document is no error.
func Remove(s *Store, name string) error {
	path, err := s.path(name)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, suffix := range []string{previousSuffix, docSuffix} {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("cannot remove state document %q: %w", name, err)
		}
	}
	if _, err := os.Lstat(filepath.Dir(path)); err != nil {
		return nil // the folder was never made, nothing was removed
	}
	return platform.SyncDir(filepath.Dir(path))
}

// List returns the names of the documents in a folder of the store, sorted, each with the folder in front. A
// document of which only the previous generation is left is listed too.
func List(s *Store, folder string) ([]string, error) {
	path, err := s.path(folder)
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot list state folder %q: %w", folder, err)
	}
	var names []string
	seen := map[string]bool{}
	for _, e := range entries {
		base, ok := strings.CutSuffix(e.Name(), docSuffix)
		if !ok {
			base, ok = strings.CutSuffix(e.Name(), previousSuffix)
		}
		if ok && !seen[base] {
			seen[base] = true
			names = append(names, folder+"/"+base)
		}
	}
	return names, nil
}

// path is where the document or folder name is, without suffix. Names come from identifiers, some of which the
// cloud chose: none may leave the folder.
func (s *Store) path(name string) (string, error) {
	local := filepath.FromSlash(name)
	if !filepath.IsLocal(local) || local == "." || strings.ContainsAny(name, `\:`) {
		return "", fmt.Errorf("cannot use %q as the name of a state document", name)
	}
	return filepath.Join(s.dir, local), nil
}
