package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"oibus/launcher/release"
	"oibus/platform"
)

// documents is how many there are in the state of each version. A version has one that the version before does not have,
// and has not one that the other has.
const documents = 6

// document is one of the state.
type document struct {
	Schema int    `json:"schema"`
	Writer string `json:"writer"`
	Count  int    `json:"count"`
}

// state is what a version must find as it left it: documents that are replaced, and a log that grows in place.
type state struct {
	a     *agent
	count int
	log   *os.File
}

func (s *state) dir() string { return filepath.Join(s.a.dir, "state") }

// openState looks whether the state is that of one version, not newer than this one, and makes it that of this one.
func openState(a *agent) (*state, error) {
	s := &state{a: a}
	if err := os.MkdirAll(s.dir(), 0o700); err != nil {
		return nil, err
	}
	if err := platform.CleanTemp(s.dir()); err != nil {
		return nil, err
	}
	s.compare()
	older, err := s.check()
	if err != nil {
		return nil, err
	}
	if older {
		a.event("converts the state")
	}
	if err := s.convert(); err != nil {
		return nil, err
	}
	s.log, err = os.OpenFile(filepath.Join(s.dir(), "tracked.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	return s, err
}

// names are those of the documents of a version.
func names(version string) []string {
	list := []string{"new-in-" + version + ".json"}
	for n := range documents {
		list = append(list, fmt.Sprintf("doc-%d.json", n))
	}
	return list
}

// check reads all documents. One of a newer version, or none where there should be one, is what no upgrade may leave.
func (s *state) check() (older bool, err error) {
	files, err := filepath.Glob(filepath.Join(s.dir(), "*.json"))
	if err != nil {
		return false, err
	}
	var found []string
	for _, path := range files {
		text, err := os.ReadFile(path)
		var d document
		if err == nil {
			err = json.Unmarshal(text, &d)
		}
		if err != nil {
			s.a.event("WRONG: %s: %v", filepath.Base(path), err)
			return false, err
		}
		found = append(found, filepath.Base(path))
		s.count = max(s.count, d.Count)
		if order, err := release.CompareVersions(d.Writer, s.a.version); err != nil || order > 0 {
			s.a.event("WRONG: %s was written by version %s", filepath.Base(path), d.Writer)
		}
		older = older || d.Writer != s.a.version
	}
	want := names(s.a.version)
	slices.Sort(want)
	if !older && len(found) > 0 && !slices.Equal(found, want) {
		s.a.event("WRONG: the state has %v", found)
	}
	return older, nil
}

// convert writes each document, and removes those of the version before. The last one to be written is the one that
// tells that it was done.
func (s *state) convert() error {
	want := names(s.a.version)
	for _, name := range append(want[1:], want[0]) {
		if err := s.write(name); err != nil {
			return err
		}
	}
	files, err := filepath.Glob(filepath.Join(s.dir(), "new-in-*.json"))
	for _, path := range files {
		if filepath.Base(path) != want[0] {
			err = errors.Join(err, os.Remove(path))
		}
	}
	return errors.Join(err, platform.SyncDir(s.dir()))
}

func (s *state) write(name string) error {
	text, err := json.Marshal(document{Schema: 1, Writer: s.a.version, Count: s.count})
	if err != nil {
		return err
	}
	return platform.WriteFile(filepath.Join(s.dir(), name), text, 0o600)
}

// change replaces a document and appends to the log.
func (s *state) change() error {
	s.count++
	if err := s.write(fmt.Sprintf("doc-%d.json", s.count%documents)); err != nil {
		return err
	}
	_, err := fmt.Fprintf(s.log, "%s %d\n", s.a.version, s.count)
	return errors.Join(err, s.log.Sync())
}

// leftName is the file that says how the state was when this version stopped in order.
func (s *state) leftName() string { return filepath.Join(s.a.ctl, "left-"+s.a.version) }

// leave notes how the state is.
func (s *state) leave() {
	sum, err := s.sum()
	if err == nil {
		err = platform.WriteFile(s.leftName(), []byte(sum), 0o600)
	}
	if err != nil {
		s.a.event("cannot note the state: %v", err)
	}
}

// compare looks whether the state is as this version left it. The note is good for one start: a version that does not
// stop in order leaves none.
func (s *state) compare() {
	note, err := os.ReadFile(s.leftName())
	if err != nil {
		return
	}
	switch sum, err := s.sum(); {
	case err != nil:
		s.a.event("cannot compare the state: %v", err) // the power is being cut
	case sum != string(note):
		s.a.event("WRONG: the state is not as it was left, it was\n%s\nit is\n%s", note, sum)
	}
	if err := os.Remove(s.leftName()); err != nil {
		s.a.event("cannot forget the state: %v", err)
	}
}

// sum lists the files of the state with their checksums.
func (s *state) sum() (string, error) {
	var list strings.Builder
	err := filepath.WalkDir(s.dir(), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		sum := sha256.Sum256(text)
		fmt.Fprintf(&list, "%s %d %s\n", strings.TrimPrefix(path, s.dir()), len(text), hex.EncodeToString(sum[:4]))
		return err
	})
	return list.String(), err
}
