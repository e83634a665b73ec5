package installer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"oibus/launcher/diagnostics"
	"oibus/platform"
)

// pathUse is a file or folder of this machine that a connector uses.
type pathUse struct {
	connector string // as a person calls it
	enabled   bool
	path      string
	folder    bool // path is one
	write     bool
	removes   bool // it takes files away after they were read
}

// connectors finds what connectors are told to use and the service is kept away from, and how to let it in. What the
// account of the service may do there is another matter, of which the connectors themselves tell.
func (a *doctorAnswer) connectors(ctx context.Context, m machine, i instance) {
	if i.Service == "" {
		return
	}
	view, err := m.View(ctx, i.Service)
	if errors.Is(err, errors.ErrUnsupported) {
		return
	}
	before, count := len(a.Findings), 0
	if err == nil {
		err = m.AsOwner(platform.Existing(i.Data), func() error {
			uses, err := pathUses(i.Data)
			for _, u := range uses {
				a.connector(view, u)
			}
			count = len(uses)
			return err
		})
	}
	switch {
	case a.hidden(m, err):
	case err != nil:
		a.add(warning, "connectors", "cannot look at what they use: "+err.Error(), "")
	case count > 0 && len(a.Findings) == before:
		a.add(good, "connectors", fmt.Sprintf("the service is let into all that they use, in %d places", count), "")
	}
	if len(a.DropIn) > 0 {
		a.DropIn = append([]string{"[Service]"}, a.DropIn...)
		a.DropInFile = "/etc/systemd/system/" + i.Service + ".service.d/connectors.conf"
	}
}

// connector looks at one path.
func (a *doctorAnswer) connector(view platform.ServiceView, u pathUse) {
	at, shown, text := u.path, u.path, ""
	if resolved, err := filepath.EvalSymlinks(u.path); err == nil {
		at = resolved
	}
	if strings.ContainsFunc(shown, unicode.IsControl) { // OIAnalytics could have sent anything
		shown = strconv.Quote(shown)
	}
	switch sight := view.At(at); {
	case sight == platform.SightOwn:
		text = "sees only its own files in " + shown + ": the service has such a folder for itself"
	case sight > platform.SightRead:
		text = "cannot get at " + shown + ": it is hidden from the service"
	case sight == platform.SightRead && u.write:
		text = "cannot write into " + shown + ": the service may only read there"
	case sight == platform.SightRead && u.removes:
		text = "cannot remove from " + shown + " what it has read: the service may only read there"
	default:
		return
	}
	folder := at
	if !u.folder {
		folder = filepath.Dir(at)
	}
	lines, advice, how := view.Opening(folder, u.write || u.removes), "let the service in with the lines at the end", problem
	if len(lines) == 0 {
		advice = "use another folder, or change the unit of the service: man oibus, HARDENING"
	}
	for _, line := range lines {
		if !slices.Contains(a.DropIn, line) {
			a.DropIn = append(a.DropIn, line)
		}
	}
	if !u.enabled {
		how = warning
	}
	a.add(how, "connectors", u.connector+" "+text, advice)
}

// pathUses reads which paths the connectors of an instance use, those of history queries too, sorted by folder of state.
func pathUses(data string) (uses []pathUse, err error) {
	for _, kind := range []struct{ dir, name string }{{"souths", "the South"}, {"norths", "the North"}, {"history", "the history query"}} {
		files, err := filepath.Glob(filepath.Join(data, "state", kind.dir, "*.json"))
		if err != nil {
			return uses, err
		}
		for _, file := range files {
			id := strings.TrimSuffix(filepath.Base(file), ".json")
			var c struct {
				Name    string          `json:"name"`
				Enabled bool            `json:"enabled"`
				Status  string          `json:"status"`
				Set     json.RawMessage `json:"settings"`
				South   struct {
					Set json.RawMessage `json:"settings"`
				} `json:"south"`
				North struct {
					Set json.RawMessage `json:"settings"`
				} `json:"north"`
			}
			if err := readDocument(data, kind.dir+"/"+id, &c); err != nil {
				return uses, err
			}
			like := pathUse{connector: fmt.Sprintf("%s %q", kind.name, c.Name), enabled: c.Enabled || c.Status == "RUNNING",
				removes: removes(filepath.Join(data, "state", kind.dir, id+".*.log"))}
			for _, settings := range []json.RawMessage{c.Set, c.South.Set, c.North.Set} {
				uses = append(uses, pathsIn(settings, data, like)...)
			}
		}
	}
	return uses, nil
}

// removes says whether there is an item that does not preserve the files that it reads.
func removes(items string) bool {
	files, err := filepath.Glob(items)
	return err == nil && slices.ContainsFunc(files, func(file string) bool {
		text, err := readBounded(file)
		return err == nil && (strings.Contains(string(text), `"preserveFiles":false`) || strings.Contains(string(text), `"preserveFiles":"false"`))
	})
}

// pathsIn are the paths in settings, at any depth. Those that are not absolute begin in the data folder.
func pathsIn(settings json.RawMessage, data string, like pathUse) (uses []pathUse) {
	diagnostics.EachPath(settings, func(key, path string) {
		u := like
		u.folder, u.write = strings.HasSuffix(key, "Folder"), key == "outputFolder"
		u.removes = like.removes && key == "inputFolder"
		if u.path = filepath.Clean(path); !filepath.IsAbs(path) {
			u.path = filepath.Join(data, path)
		}
		if !strings.HasPrefix(u.path, filepath.Clean(data)+string(os.PathSeparator)) {
			uses = append(uses, u)
		}
	})
	slices.SortFunc(uses, func(a, b pathUse) int { return strings.Compare(a.path, b.path) })
	return uses
}
