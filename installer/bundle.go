package installer

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"oibus/launcher/diagnostics"
	"oibus/platform"
)

const (
	// agentBundleLimit bounds the archive that an agent makes, agentEntryLimit one file in it, agentEntries their number.
	agentBundleLimit = 128 << 20
	agentEntryLimit  = 64 << 20
	agentEntries     = 1000
)

// bundleJob makes an archive for who helps. What lies in the data folder is read with no more rights than the service
// has: it could have put a link to anything there.
type bundleJob struct {
	m        machine
	file     string
	user     string
	password *secretSource
}

func (j *bundleJob) options(o *flag.FlagSet) {
	o.StringVar(&j.file, "bundle", "", "zip `FILE` to make for who helps; it must not be there yet")
	o.StringVar(&j.user, "user", "", "for --bundle, `NAME` of a user of the page (default: the first one)")
	j.password = secretOptions(o, "password", "the password of that user", "OIBUS_PASSWORD")
}

// run examines an instance and writes all that it finds. It works without the agent, too, and says what is missing then.
func (j bundleJob) run(ctx context.Context, i instance) (answer, error) {
	path, err := filepath.Abs(j.file)
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot make the bundle: %w", err)
	}
	a := examine(ctx, j.m, i)
	err = j.write(ctx, f, i, a)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("cannot make the bundle: %w", errors.Join(err, os.Remove(path)))
	}
	a.Bundle = path
	return a, nil
}

func (j bundleJob) write(ctx context.Context, w io.Writer, i instance, a *doctorAnswer) error {
	ofAgent, err := j.askAgent(ctx, i)
	if err != nil {
		a.BundleLacks = err.Error()
		ofAgent = []diagnostics.Part{{Name: "agent", Write: func(io.Writer) error { return err }}}
	}
	return j.m.AsOwner(platform.Existing(i.Data), func() error {
		parts := []diagnostics.Part{diagnostics.JSON("doctor.json", func() (any, error) { return a.shareable(), nil })}
		if _, err := os.Stat(i.Settings); !errors.Is(err, fs.ErrNotExist) {
			parts = append(parts, diagnostics.Settings(i.Settings))
		}
		parts = append(parts, diagnostics.Folder(ctx, i.Data)...)
		return diagnostics.Write(w, j.m.Now(), append(parts, without(ofAgent, parts)...))
	})
}

// shareable is what was found without the code that lets somebody activate this OIBus.
func (a *doctorAnswer) shareable() *doctorAnswer {
	b := *a
	if a.code == "" {
		return &b
	}
	b.Findings = slices.Clone(a.Findings)
	for n := range b.Findings {
		b.Findings[n].Text = strings.ReplaceAll(b.Findings[n].Text, a.code, "***")
	}
	return &b
}

// without leaves out what an agent reads from the same files.
func without(ofAgent, here []diagnostics.Part) []diagnostics.Part {
	return slices.DeleteFunc(ofAgent, func(p diagnostics.Part) bool {
		return slices.ContainsFunc(here, func(own diagnostics.Part) bool { return p.Name == agentFolder+own.Name })
	})
}

// agentFolder is where in the archive the files are that the agent has made.
const agentFolder = "agent/"

// askAgent gets what the running agent says of itself.
func (j bundleJob) askAgent(ctx context.Context, i instance) ([]diagnostics.Part, error) {
	w, err := readWeb(j.m, i)
	if err != nil {
		return nil, err
	}
	l, err := newLocal(w)
	if err != nil {
		return nil, err
	}
	if !l.answers(ctx) {
		return nil, fmt.Errorf("%s does not answer", w.url())
	}
	if err := logIn(j.m, l, i, j.user, j.password); err != nil {
		return nil, err
	}
	request, err := l.request(ctx, http.MethodGet, "/api/page/diagnostics", nil)
	if err != nil {
		return nil, err
	}
	archive, err := l.answer(request, agentBundleLimit)
	if err != nil {
		return nil, err
	}
	return agentParts(archive)
}

// agentParts are the files of the archive that an agent has made.
func agentParts(archive []byte) (parts []diagnostics.Part, err error) {
	z, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		return nil, fmt.Errorf("cannot read the diagnostics of OIBus: %w", err)
	}
	if len(z.File) > agentEntries {
		return nil, fmt.Errorf("cannot read the diagnostics of OIBus: %d files are more than the limit of %d", len(z.File), agentEntries)
	}
	for _, f := range z.File {
		if !fs.ValidPath(f.Name) || strings.Contains(f.Name, `\`) {
			continue // a folder, or nothing that OIBus writes
		}
		parts = append(parts, diagnostics.Part{Name: agentFolder + f.Name, Write: func(w io.Writer) error {
			r, err := f.Open()
			if err != nil {
				return err
			}
			_, err = io.Copy(w, io.LimitReader(r, agentEntryLimit))
			return errors.Join(err, r.Close())
		}})
	}
	return parts, nil
}
