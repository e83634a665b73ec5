package installer

import (
	"archive/zip"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"oibus/platform"
)

var exportVerb = verb{
	name: "export", args: "FILE", summary: "save the configuration into a zip file",
	help: `
Saves what OIBus is configured with: engine settings, scan modes, connectors, items, certificates, filters, and a copy of
the settings file. Its identity stays out, users, registration and keys, so that the file makes a second OIBus alike, not
the same one twice; passwords of connectors are sealed with a key of this machine and must be entered again where the
file is imported. With --whole the identity, the users, the key and how far was read go along: to move this OIBus, which
must then not run any more. What waits in its caches does not: let that be sent before. Such a file holds secrets, only
its owner can read it: keep it as one keeps a password.

  sudo oibus-installer export line4.zip --instance line4
  sudo oibus-installer export --whole /mnt/safe/oibus.zip`,
	setup: func(o *flag.FlagSet) action {
		t := targetOptions(o)
		whole := o.Bool("whole", false, "with identity, users and keys")
		return func(ctx context.Context, args []string) (answer, error) {
			file, err := one(args, "the file to write")
			if err != nil {
				return nil, err
			}
			m := realMachine{}
			i, err := t.find(m)
			if err != nil {
				return nil, err
			}
			return export(m, i, file, *whole)
		}
	},
}

// What a file of a configuration may hold, besides the description.
const (
	exportName  = "oibus-export.json"
	exportLevel = 1
	stateFolder = "state"
)

// exportHead describes the file.
type exportHead struct {
	Level   int       `json:"level"`
	Version string    `json:"version"` // of the program that wrote it
	Created time.Time `json:"created"`
	Whole   bool      `json:"whole"`
}

// identity are the documents that make an OIBus this one.
var identity = []string{"registration.json", "users.json", "sessions.json", "identity.json"}

// progress are the logs of what this OIBus has done: its commands, and how far was read.
var progress = []string{"commands.log", "tracking.log", "history-tracking.log"}

// export writes the file, readable for its owner only.
func export(m machine, i instance, file string, whole bool) (answer, error) {
	out, err := filepath.Abs(file)
	if err == nil {
		err = settle(m, i)
	}
	if err != nil {
		return nil, forbidden(m, err)
	}
	f, err := os.OpenFile(out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot write the file: %w", err)
	}
	a := &exportAnswer{File: out, Whole: whole}
	z := zip.NewWriter(f)
	err = addBytes(z, exportName, exportHead{exportLevel, platform.Version, m.Now().UTC(), whole})
	if err == nil {
		err = m.AsOwner(i.Data, func() error { return a.addFiles(z, i, whole) })
	}
	if err == nil {
		err = addSettingsFile(z, i)
	}
	if err = errors.Join(err, z.Close(), f.Sync(), f.Close()); err != nil {
		return nil, errors.Join(fmt.Errorf("cannot save the configuration: %w", forbidden(m, err)), os.Remove(out))
	}
	return a, nil
}

func addBytes(z *zip.Writer, name string, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	w, err := z.Create(name)
	if err == nil {
		_, err = w.Write(append(text, '\n'))
	}
	return err
}

func addSettingsFile(z *zip.Writer, i instance) error {
	text, err := readBounded(i.Settings)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	w, err := z.Create(settingsName)
	if err == nil {
		_, err = w.Write(text)
	}
	return err
}

func (a *exportAnswer) addFiles(z *zip.Writer, i instance, whole bool) error {
	folders := []string{stateFolder}
	if whole {
		folders = wholeFolders
	}
	for _, folder := range folders {
		if err := a.addFolder(z, i.Data, folder, whole); err != nil {
			return err
		}
	}
	if a.Files == 0 {
		return fmt.Errorf("there is no configuration in %s yet", i.Data)
	}
	return nil
}

// addFolder adds what belongs to a configuration, without following links.
func (a *exportAnswer) addFolder(z *zip.Writer, data, folder string, whole bool) error {
	root, err := os.OpenRoot(data)
	if err != nil {
		return err
	}
	err = fs.WalkDir(root.FS(), folder, func(name string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && name == folder {
			return nil
		}
		if err != nil || !d.Type().IsRegular() || !exportable(name, whole) || holdsItems(name) {
			return err
		}
		return a.addOwned(z, root, name)
	})
	return errors.Join(err, root.Close())
}

// addOwned adds a file with the items that belong to it. A connector that is deleted meanwhile is left out.
func (a *exportAnswer) addOwned(z *zip.Writer, root *os.Root, name string) error {
	o, err := readOwned(func(name string) ([]byte, error) { return readEntire(root, name) }, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case o.itemsName == "":
		return a.addFile(z, name, o.document)
	}
	return errors.Join(a.addFile(z, name, o.document), a.addFile(z, o.itemsName, o.items))
}

// addFile adds what import accepts.
func (a *exportAnswer) addFile(z *zip.Writer, name string, text []byte) error {
	if err := checkContent(name, text); err != nil {
		return fmt.Errorf("%q: %w: restart OIBus, which puts aside what is damaged", name, err)
	}
	a.Files++
	w, err := z.Create(name)
	if err == nil {
		_, err = w.Write(text)
	}
	return err
}

// wholeFolders are those of an OIBus with its identity.
var wholeFolders = []string{stateFolder, "secrets", "certs"}

// exportable says whether a file, by its path in the data folder, belongs to a configuration.
func exportable(name string, whole bool) bool {
	folder, rest, _ := strings.Cut(name, "/")
	base := path.Base(name)
	if strings.Contains(base, ".corrupt-") || strings.HasPrefix(base, ".") {
		return false
	}
	switch folder {
	case stateFolder:
		if strings.HasSuffix(base, logSuffix) {
			return isItemLog(name) || whole && slices.Contains(progress, rest)
		}
		return strings.HasSuffix(base, ".json") && (whole || !slices.Contains(identity, rest) && !strings.HasPrefix(rest, "commands"))
	case "secrets", "certs":
		return whole && !strings.Contains(rest, "/")
	}
	return false
}

type exportAnswer struct {
	File  string `json:"file"`
	Files int    `json:"files"`
	Whole bool   `json:"whole"`
}

func (a *exportAnswer) text() string {
	text := fmt.Sprintf("Saved: %d files into %s\n", a.Files, a.File)
	if a.Whole {
		return text + "It holds secrets and the identity of this OIBus: where it is imported, this one must not run any more.\n"
	}
	return text
}
