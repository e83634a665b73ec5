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
	"slices"
	"strings"
	"time"

	"oibus/launcher/handover"
	"oibus/platform"
)

var importVerb = verb{
	name: "import", args: "FILE | --from FOLDER", summary: "take over a configuration: of a file of export, or of an OIBus 3.8",
	help: `
Replaces the configuration by that of a file. OIBus is stopped for the moment; what it had is kept in before-import-TIME,
and put back when it does not start with the new one. It keeps its identity, its users and its registration, unless the
file was saved with --whole. The settings file of this machine stays; the one of the other machine is in the zip file to
compare. All comes or nothing, also when the power fails.

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

// Limits on what is imported: far more than a site with 100,000 items has, far less than fills a disk. A log of items may
// be more than twice what its items need.
const (
	maxImportFiles = 20_000
	maxImportFile  = 256 << 20
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
	}
	if err := checkContent(name, text); err != nil {
		return err
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
	for name, text := range im.files {
		if !exportable(name, im.head.Whole) {
			return fmt.Errorf("%q belongs to the identity of another OIBus", name)
		}
		if items, err := itemsOf(name, text); err != nil {
			return err
		} else if items != "" && im.files[items] == nil {
			return fmt.Errorf("the items of %q are missing, they would be in %q: export it again, with this version", name, items)
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
	var placed handover.Import
	err = m.AsOwner(i.Data, func() error { placed, err = im.place(i.Data, m.Now()); return err })
	if err == nil && running {
		if err = startAndWait(ctx, m, i); err != nil {
			running, err = undoImport(ctx, m, i, placed, err)
		}
	}
	if err != nil {
		if running {
			err = errors.Join(err, m.Start(context.WithoutCancel(ctx), i.Service))
		}
		return nil, fmt.Errorf("cannot import %s: %w", file, forbidden(m, err))
	}
	return importAnswer{Files: len(im.files), From: im.head.Version, Kept: filepath.Join(i.Data, placed.Aside), Whole: im.head.Whole}, nil
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

// undoImport puts back what was there before a configuration that does not start, also when a person cuts that short, and
// says whether OIBus is to be started again. Folders are not changed under an OIBus that runs.
func undoImport(ctx context.Context, m machine, i instance, placed handover.Import, reason error) (again bool, err error) {
	err = m.Stop(context.WithoutCancel(ctx), i.Service)
	if err == nil {
		err = m.AsOwner(i.Data, func() error {
			return locked(i.Data, func() error { return handover.TakeBackImport(i.Data, placed) })
		})
	}
	if ctx.Err() != nil {
		reason = errInterrupted
	}
	if err != nil {
		return false, fmt.Errorf("it does not start with the new configuration: %w; the old one is not put back: %w: stop OIBus, and move what is in %s into %s",
			reason, err, filepath.Join(i.Data, placed.Aside), i.Data)
	}
	return true, fmt.Errorf("it does not start with the new configuration, the old one is put back: %w", reason)
}

// locked does something to a data folder that no agent uses, and in which no import is left half done.
func locked(data string, do func() error) error {
	unlock, err := platform.LockDir(data)
	if err != nil {
		return fmt.Errorf("cannot use the data folder %q: %w", data, err)
	}
	if err = handover.FinishImport(data); err == nil {
		err = do()
	}
	return errors.Join(err, unlock())
}

// settle ends an import that was interrupted, as the agent does at its start.
func settle(m machine, i instance) error {
	return m.AsOwner(i.Data, func() error {
		if !handover.ImportInterrupted(i.Data) {
			return nil
		}
		return locked(i.Data, func() error { return nil })
	})
}

// place puts the configuration in the place of what is there: all is made before anything is renamed, and what is renamed
// then is gone on with after a crash, by whoever uses the data folder next.
func (im *imported) place(data string, at time.Time) (placed handover.Import, err error) {
	err = locked(data, func() error {
		if err := im.adopt(data); err != nil {
			return err
		}
		folders := []string{stateFolder}
		if im.head.Whole {
			folders = wholeFolders
		}
		for _, folder := range folders {
			if err := im.write(filepath.Join(data, handover.ImportFolder), folder); err != nil {
				return errors.Join(err, handover.FinishImport(data)) // which removes what was made
			}
		}
		placed = handover.NewImport(data, at)
		if err := handover.PlaceImport(data, placed); err != nil {
			return errors.Join(err, handover.TakeBackImport(data, placed))
		}
		return nil
	})
	return placed, err
}

// write makes a folder, durably.
func (im *imported) write(staging, folder string) error {
	fresh := filepath.Join(staging, folder)
	if err := os.MkdirAll(fresh, 0o700); err != nil {
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
	return filepath.WalkDir(fresh, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			err = platform.SyncDir(path)
		}
		return err
	})
}

// adopt gives the configuration the identity of the OIBus that takes it over, and what that has done, unless it brings
// its own. A connector that it had, too, goes on where it was.
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
	for _, name := range slices.Concat(identity, progress) {
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
