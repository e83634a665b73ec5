package handover

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"oibus/platform"
)

// Names of an import in the data folder.
const (
	ImportFolder = "import"        // where everything is made
	ImportReady  = "ready"         // in it: everything is there
	ImportAside  = "before-import" // begins the name of the folder of what was there before, which ends with the instant
	ImportNote   = "imported.json" // what an import of another OIBus has brought: it is the last that is put in place
)

// ImportParts are the folders that an import may make and put in the place of what was there.
var ImportParts = []string{"state", "secrets", "cache", "certs"}

// Import is what the mark of an import says that is to be done. A mark that says nothing is that of another OIBus: its
// note has the folder Aside.
type Import struct {
	Aside string `json:"aside,omitempty"` // folder of what is replaced
	// To take the import back: the parts that were there before, and those that were not.
	Back []string `json:"back,omitempty"`
	Gone []string `json:"gone,omitempty"`
}

// FinishImport ends an import into dir that was interrupted: when everything was made it is put in place, or taken back,
// as the mark says; otherwise what was made is removed. Who uses the data folder calls it before reading anything.
func FinishImport(dir string) error {
	staging := filepath.Join(dir, ImportFolder)
	mark, err := os.ReadFile(filepath.Join(staging, ImportReady))
	if errors.Is(err, fs.ErrNotExist) {
		return os.RemoveAll(staging)
	}
	if err != nil {
		return fmt.Errorf("cannot look for an interrupted import: %w", err)
	}
	i, err := readImport(mark, staging)
	if err == nil {
		err = i.finish(dir, staging)
	}
	if err != nil {
		return fmt.Errorf("cannot put in place what was imported: %w", err)
	}
	if err := platform.SyncDir(dir); err != nil {
		return err
	}
	return os.RemoveAll(staging)
}

// ImportInterrupted says whether there is an import in dir that FinishImport would put in place or take back.
func ImportInterrupted(dir string) bool { return exists(filepath.Join(dir, ImportFolder, ImportReady)) }

// NewImport is what is to be done with everything that was made in dir, for PlaceImport.
func NewImport(dir string, at time.Time) Import {
	i := Import{Aside: NewAside(dir, at)}
	for _, part := range ImportParts {
		switch made := exists(filepath.Join(dir, ImportFolder, part)); {
		case made && exists(filepath.Join(dir, part)):
			i.Back = append(i.Back, part)
		case made:
			i.Gone = append(i.Gone, part)
		}
	}
	return i
}

// PlaceImport puts in place what was made. Once its mark is written, FinishImport goes on with it after a crash.
func PlaceImport(dir string, i Import) error { return mark(dir, Import{Aside: i.Aside}) }

// TakeBackImport puts back what an import has replaced, as far as that was put in place. FinishImport goes on with it
// after a crash.
func TakeBackImport(dir string, i Import) error {
	if err := os.MkdirAll(filepath.Join(dir, ImportFolder), 0o700); err != nil {
		return fmt.Errorf("cannot take back what was imported: %w", err)
	}
	return mark(dir, i)
}

func mark(dir string, i Import) error {
	text, err := json.Marshal(i)
	if err == nil {
		err = platform.WriteFile(filepath.Join(dir, ImportFolder, ImportReady), text, filePerm)
	}
	if err != nil {
		return fmt.Errorf("cannot mark what was imported: %w", err)
	}
	return FinishImport(dir)
}

// NewAside is a name for what is put aside that nothing has yet.
func NewAside(dir string, at time.Time) string {
	name := ImportAside + "-" + at.UTC().Format(ImportStamp)
	for n := 2; exists(filepath.Join(dir, name)); n++ {
		name = fmt.Sprintf("%s-%s-%d", ImportAside, at.UTC().Format(ImportStamp), n)
	}
	return name
}

// ImportStamp is an instant in the name of a folder.
const ImportStamp = "20060102T150405Z"

// readImport reads a mark, and the note of the import of another OIBus.
func readImport(mark []byte, staging string) (i Import, err error) {
	if len(mark) == 0 {
		mark, err = os.ReadFile(filepath.Join(staging, ImportNote))
		if errors.Is(err, fs.ErrNotExist) { // it is in place: nothing else is left to do
			mark, err = []byte("{}"), nil
		}
	}
	if err == nil {
		err = json.Unmarshal(mark, &i)
	}
	if i.Aside == "" { // of an import that an earlier version has begun
		i.Aside = ImportAside
	}
	strange := func(part string) bool { return !slices.Contains(ImportParts, part) }
	if err == nil && (!filepath.IsLocal(i.Aside) || slices.ContainsFunc(i.Back, strange) || slices.ContainsFunc(i.Gone, strange)) {
		err = fmt.Errorf("%q says what no import says", mark)
	}
	return i, err
}

func (i Import) finish(dir, staging string) error {
	aside := filepath.Join(dir, i.Aside)
	if len(i.Back)+len(i.Gone) > 0 {
		return i.takeBack(dir, aside)
	}
	for _, part := range ImportParts {
		if err := replace(filepath.Join(dir, part), filepath.Join(staging, part), filepath.Join(aside, part)); err != nil {
			return err
		}
	}
	err := os.Rename(filepath.Join(staging, ImportNote), filepath.Join(dir, ImportNote))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// takeBack puts back what is aside. What is not aside is in its place, still or again.
func (i Import) takeBack(dir, aside string) error {
	for _, part := range i.Gone {
		if err := os.RemoveAll(filepath.Join(dir, part)); err != nil {
			return err
		}
	}
	for _, part := range i.Back {
		if !exists(filepath.Join(aside, part)) {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, part)); err != nil {
			return err
		}
		if err := os.Rename(filepath.Join(aside, part), filepath.Join(dir, part)); err != nil {
			return err
		}
	}
	_ = os.Remove(aside) // it stays when there is anything in it
	return nil
}

// replace puts aside what is at place, and made in its place. When made is gone, that has been done. Nothing that is aside
// is ever removed: it may hold what was not sent yet.
func replace(place, made, aside string) error {
	if !exists(made) {
		return nil
	}
	if exists(place) {
		if exists(aside) {
			return fmt.Errorf("%q is in the way", aside)
		}
		if err := os.MkdirAll(filepath.Dir(aside), 0o700); err != nil {
			return err
		}
		if err := os.Rename(place, aside); err != nil {
			return err
		}
	}
	return os.Rename(made, place)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
