package installer

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"oibus/platform"
)

var importVerb = verb{
	name: "import", args: "FILE | --from FOLDER", summary: "take over a configuration: of a file of export, or of an OIBus 3.8",
	help: `
Replaces the configuration by that of a file. OIBus is stopped for the moment; what it had is kept beside it, and put
back when it does not start with the new one. It keeps its identity, its users and its registration, unless the file was
saved with --whole. The settings file of this machine stays; the one of the other machine is in the zip file to compare.

  sudo oibus-installer import line4.zip --instance line5
  sudo oibus-installer import /mnt/safe/oibus.zip

With --from it brings over the site of an OIBus 3.8, out of its data folder: configuration, identity and registration,
secrets, users, how far was read, caches. That folder is only read, and its OIBus must not run any more; install
--switch-from does the whole move, with the services, and is what you want on the machine of that OIBus. A dry run says
what comes, what changes and what cannot come, and touches nothing. All comes or nothing, also when the power fails. An
OIBus in which something is configured is refused without --replace, which puts what it has into before-import-TIME.

  sudo oibus-installer import --from /mnt/old/OIBusData --dry-run
  sudo oibus-installer import --from /mnt/old/OIBusData --instance line5 --json`,
	setup: func(o *flag.FlagSet) action {
		t := targetOptions(o)
		other := siteImport{m: realMachine{}}
		o.StringVar(&other.from, "from", "", "data `FOLDER` of an OIBus 3.8")
		o.BoolVar(&other.dryRun, "dry-run", false, "with --from: only say what would come over")
		o.BoolVar(&other.replace, "replace", false, "with --from: put aside the configuration that is there")
		return func(ctx context.Context, args []string) (answer, error) {
			file, err := importSource(args, other)
			if err != nil {
				return nil, err
			}
			m := realMachine{}
			i, err := t.find(m)
			var absent *absentError
			if errors.As(err, &absent) && other.dryRun {
				i, err = newInstance(m.Folders(), t.name) // where it would be
			}
			if err != nil {
				return nil, err
			}
			if i.Service != "" {
				if err := m.Administrator(); err != nil {
					return nil, err
				}
			}
			if other.from != "" {
				return other.run(ctx, i)
			}
			return alone(m, "importing "+file, func() (answer, error) { return importInto(ctx, m, i, file) })
		}
	},
}

// importSource is the file to import, "" when it is another OIBus.
func importSource(args []string, other siteImport) (string, error) {
	switch {
	case other.from != "":
		return "", none(args)
	case other.dryRun || other.replace:
		return "", badUsage("--dry-run and --replace need --from, the data folder of an OIBus 3.8")
	}
	return one(args, "the file to import, or --from,")
}

// Limits on what is imported: far more than a site with 100,000 items has, far less than fills a disk.
const (
	maxImportFiles = 20_000
	maxImportFile  = 64 << 20
	maxImportAll   = 512 << 20
)

// imported is a configuration that was read whole and found good.
type imported struct {
	head  exportHead
	files map[string][]byte // by path in the data folder
}

func readImport(r io.ReaderAt, size int64) (*imported, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, err
	}
	if len(z.File) > maxImportFiles {
		return nil, fmt.Errorf("%d files are more than the limit of %d", len(z.File), maxImportFiles)
	}
	im := &imported{files: map[string][]byte{}}
	for left, n := int64(maxImportAll), 0; n < len(z.File); n++ {
		text, err := readEntry(z.File[n], min(left, maxImportFile))
		if err == nil {
			err = im.take(z.File[n].Name, text)
		}
		if err != nil {
			return nil, fmt.Errorf("%q: %w", z.File[n].Name, err)
		}
		left -= int64(len(text))
	}
	return im, im.check()
}

func readEntry(f *zip.File, limit int64) ([]byte, error) {
	if !f.Mode().IsRegular() {
		return nil, errors.New("it is not a file")
	}
	in, err := f.Open()
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(in, limit+1))
	if err == nil && int64(len(text)) > limit {
		err = fmt.Errorf("it has more than the limit of %d bytes", limit)
	}
	return text, errors.Join(err, in.Close())
}

// take sorts a file in. What does not belong to a configuration is refused.
func (im *imported) take(name string, text []byte) error {
	switch {
	case name == exportName:
		return json.Unmarshal(text, &im.head)
	case name == settingsName:
		return nil
	case path.Clean(name) != name || !fs.ValidPath(name) || strings.ContainsAny(name, "\\:\x00") || !exportable(name, true):
		return errors.New("it does not belong to a configuration")
	case strings.HasPrefix(name, stateFolder+"/") && !isDocument(text):
		return errors.New("it is not a document of OIBus")
	}
	if _, twice := im.files[name]; twice {
		return errors.New("it is there twice")
	}
	im.files[name] = text
	return nil
}

func isDocument(text []byte) bool {
	var d struct {
		Schema int             `json:"schema"`
		Data   json.RawMessage `json:"data"`
	}
	return json.Unmarshal(text, &d) == nil && d.Schema > 0 && len(d.Data) > 0
}

func (im *imported) check() error {
	switch {
	case im.head.Level == 0:
		return errors.New("it was not made by oibus-installer export")
	case im.head.Level > exportLevel:
		return fmt.Errorf("its level is %d, this program knows %d: use that of version %s", im.head.Level, exportLevel, im.head.Version)
	case im.files["state/engine.json"] == nil:
		return errors.New("the engine settings are missing")
	}
	for name := range im.files {
		if !exportable(name, im.head.Whole) {
			return fmt.Errorf("%q belongs to the identity of another OIBus", name)
		}
	}
	return nil
}

// importInto replaces the configuration of an instance, and undoes that when it does not start with it.
func importInto(ctx context.Context, m machine, i instance, file string) (answer, error) {
	im, err := openImport(file)
	if err != nil {
		return nil, fmt.Errorf("cannot import %s: %w", file, err)
	}
	running, err := pause(ctx, m, i)
	if err != nil {
		return nil, err
	}
	kept := stateFolder + ".before-import-" + m.Now().UTC().Format("20060102T150405Z")
	err = m.AsOwner(i.Data, func() error { return replaceState(i.Data, kept, im) })
	if err == nil && running {
		if err = startAndWait(ctx, m, i); err != nil {
			err = errors.Join(fmt.Errorf("it does not start with the new configuration, the old one is put back: %w", err), undoImport(ctx, m, i, kept))
		}
	}
	if err != nil {
		if running {
			err = errors.Join(err, m.Start(ctx, i.Service))
		}
		return nil, fmt.Errorf("cannot import %s: %w", file, forbidden(m, err))
	}
	return importAnswer{Files: len(im.files), From: im.head.Version, Kept: filepath.Join(i.Data, kept), Whole: im.head.Whole}, nil
}

func openImport(file string) (*imported, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	var im *imported
	if err == nil {
		im, err = readImport(f, info.Size())
	}
	return im, errors.Join(err, f.Close())
}

func startAndWait(ctx context.Context, m machine, i instance) error {
	if err := m.Start(ctx, i.Service); err != nil {
		return err
	}
	_, err := connect(ctx, m, i)
	return err
}

func undoImport(ctx context.Context, m machine, i instance, kept string) error {
	err := m.Stop(ctx, i.Service)
	return errors.Join(err, m.AsOwner(i.Data, func() error {
		for _, folder := range wholeFolders {
			if err := putBack(i.Data, folder, kept); err != nil {
				return err
			}
		}
		return nil
	}))
}

// suffixOfKept is what a folder is called while the import may be undone.
func keptName(folder, kept string) string {
	return folder + strings.TrimPrefix(kept, stateFolder)
}

func putBack(data, folder, kept string) error {
	old := filepath.Join(data, keptName(folder, kept))
	if _, err := os.Lstat(old); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := os.RemoveAll(filepath.Join(data, folder)); err != nil {
		return err
	}
	return os.Rename(old, filepath.Join(data, folder))
}

// replaceState keeps the folders that are replaced under another name and writes the new ones: all is there before
// anything is renamed.
func replaceState(data, kept string, im *imported) error {
	if err := im.adopt(data); err != nil {
		return err
	}
	folders := []string{stateFolder}
	if im.head.Whole {
		folders = wholeFolders
	}
	for _, folder := range folders {
		if err := im.write(data, folder); err != nil {
			return err
		}
	}
	for _, folder := range folders {
		at := filepath.Join(data, folder)
		if err := os.Rename(at, filepath.Join(data, keptName(folder, kept))); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := os.Rename(at+newSuffix, at); err != nil {
			return err
		}
	}
	return platform.SyncDir(data)
}

const newSuffix = ".importing"

// write makes a folder, under another name for now.
func (im *imported) write(data, folder string) error {
	fresh := filepath.Join(data, folder+newSuffix)
	if err := errors.Join(os.RemoveAll(fresh), os.Mkdir(fresh, 0o700)); err != nil {
		return err
	}
	for name, text := range im.files {
		rest, ok := strings.CutPrefix(name, folder+"/")
		if !ok {
			continue
		}
		to := filepath.Join(fresh, filepath.FromSlash(rest))
		err := os.MkdirAll(filepath.Dir(to), 0o700)
		if err == nil {
			err = platform.WriteFile(to, text, 0o600)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// adopt gives the configuration the identity of the OIBus that takes it over, unless it brings its own.
func (im *imported) adopt(data string) error {
	if im.head.Whole {
		return nil
	}
	own, err := os.ReadFile(filepath.Join(data, stateFolder, "engine.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return errors.New("this OIBus has never run: start it once, so that it has an identity of its own")
	}
	if err == nil {
		im.files["state/engine.json"], err = mergeEngine(own, im.files["state/engine.json"])
	}
	if err != nil {
		return err
	}
	for _, name := range identity {
		text, err := os.ReadFile(filepath.Join(data, stateFolder, name))
		if err == nil {
			im.files[stateFolder+"/"+name] = text
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// mergeEngine is the engine that was there with the settings of the other.
func mergeEngine(own, other []byte) ([]byte, error) {
	var mine, theirs struct {
		Schema int                        `json:"schema"`
		Data   map[string]json.RawMessage `json:"data"`
	}
	if err := errors.Join(json.Unmarshal(own, &mine), json.Unmarshal(other, &theirs)); err != nil {
		return nil, fmt.Errorf("cannot read the engine settings: %w", err)
	}
	if theirs.Data["settings"] == nil || mine.Data == nil {
		return nil, errors.New("the engine settings are missing")
	}
	mine.Schema, mine.Data["settings"] = theirs.Schema, theirs.Data["settings"]
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	err := e.Encode(mine)
	return b.Bytes(), err
}

type importAnswer struct {
	Files int    `json:"files"`
	From  string `json:"fromVersion"`
	Kept  string `json:"kept"`
	Whole bool   `json:"whole"`
}

func (a importAnswer) text() string {
	return fmt.Sprintf("Imported: %d files, saved by version %s\nWhat was there before is in %s\n", a.Files, a.From, a.Kept)
}
