package platform

import (
	"path"
	"slices"
	"strings"
	"unicode"
)

// Sight is what a service can do with what lies at a path, as far as the service manager decides it.
type Sight int

// The sights, from the best to the worst.
const (
	SightFull  Sight = iota // what its account may do
	SightRead               // read only
	SightOwn                // it has a folder of its own at that path, in which it does not see what others put there
	SightEmpty              // nothing, unless it is bound there
	SightNone               // nothing, whatever is bound there
)

// ServiceView is what the service manager lets a service see of the files of its machine. The zero one hides nothing.
type ServiceView struct {
	places []viewPlace
}

type viewPlace struct {
	path  string
	sight Sight
}

func (v *ServiceView) add(sight Sight, paths ...string) {
	for _, p := range paths {
		v.places = append(v.places, viewPlace{path.Clean(p), sight})
	}
}

// At says what the service sees at an absolute path: what was said of the nearest folder above counts, unless all below
// one is out of reach.
func (v ServiceView) At(file string) Sight {
	file = path.Clean(file)
	found, longest := SightFull, -1
	for _, p := range v.places {
		if !within(file, p.path) {
			continue
		}
		if p.sight == SightNone {
			return SightNone
		}
		if len(p.path) >= longest {
			found, longest = p.sight, len(p.path)
		}
	}
	return found
}

func within(file, folder string) bool {
	return file == folder || strings.HasPrefix(file, strings.TrimSuffix(folder, "/")+"/")
}

// homes are where ProtectHome= counts.
var homes = []string{"/home", "/root", "/run/user"}

// InHome says whether an absolute path lies where ProtectHome= counts.
func InHome(file string) bool {
	return slices.ContainsFunc(homes, func(home string) bool { return within(path.Clean(file), home) })
}

// ParseView understands what systemctl shows of a unit (systemd.exec, Sandboxing).
func ParseView(properties string) ServiceView {
	p := map[string]string{}
	for line := range strings.Lines(properties) {
		key, value, _ := strings.Cut(strings.TrimRight(line, "\n"), "=")
		p[key] = value
	}
	list := func(key string) (paths []string) {
		for _, word := range strings.Fields(p[key]) {
			if word = strings.TrimLeft(word, "-+"); strings.HasPrefix(word, "/") {
				paths = append(paths, word)
			}
		}
		return paths
	}
	target := func(key string) (paths []string) { // of SOURCE:TARGET:OPTIONS, or PATH:OPTIONS
		for _, word := range list(key) {
			parts := strings.Split(word, ":")
			if len(parts) > 1 && strings.HasPrefix(parts[1], "/") {
				parts = parts[1:]
			}
			paths = append(paths, parts[0])
		}
		return paths
	}
	var v ServiceView
	switch p["ProtectSystem"] {
	case "strict":
		v.add(SightRead, "/")
		v.add(SightFull, append([]string{"/dev", "/proc", "/sys"}, homes...)...)
	case "full":
		v.add(SightRead, "/usr", "/boot", "/efi", "/etc")
	case "yes":
		v.add(SightRead, "/usr", "/boot", "/efi")
	}
	switch p["ProtectHome"] {
	case "yes":
		v.add(SightNone, homes...)
	case "read-only":
		v.add(SightRead, homes...)
	case "tmpfs":
		v.add(SightEmpty, homes...)
	}
	if slices.Contains([]string{"yes", "connected", "disconnected"}, p["PrivateTmp"]) {
		v.add(SightOwn, "/tmp", "/var/tmp")
	}
	for kind, above := range map[string]string{"State": "/var/lib/", "Cache": "/var/cache/", "Logs": "/var/log/", "Runtime": "/run/"} {
		for _, name := range strings.Fields(p[kind+"Directory"]) {
			v.add(SightFull, above+name)
		}
	}
	v.add(SightRead, list("ReadOnlyPaths")...)
	v.add(SightFull, list("ReadWritePaths")...)
	v.add(SightNone, list("InaccessiblePaths")...)
	v.add(SightEmpty, target("TemporaryFileSystem")...)
	v.add(SightRead, target("BindReadOnlyPaths")...)
	v.add(SightFull, target("BindPaths")...)
	return v
}

// Opening are the lines of a drop-in file that let the service use a folder, also below what is hidden from it. A folder that is
// not there then, or goes, is no reason not to start. None says that another folder is better.
func (v ServiceView) Opening(folder string, write bool) (lines []string) {
	bind := "BindReadOnlyPaths=-"
	if write {
		bind = "BindPaths=-"
	}
	switch sight := v.At(folder); {
	case strings.ContainsFunc(folder, func(c rune) bool {
		return !unicode.IsGraphic(c) || unicode.IsSpace(c) || strings.ContainsRune("\"'\\%:", c)
	}):
		// would have to be written otherwise, or would be another line
	case sight == SightRead && write:
		lines = []string{"ReadWritePaths=-" + folder}
	case sight == SightNone && v.homesClosed(folder):
		lines = []string{"ProtectHome=tmpfs", bind + folder}
	case sight == SightEmpty:
		lines = []string{bind + folder}
	}
	return lines
}

// homesClosed says whether it is as a home that a folder is out of reach, which can be changed for one below it.
func (v ServiceView) homesClosed(folder string) bool {
	closed := 0
	for _, p := range v.places {
		if p.sight == SightNone && within(folder, p.path) {
			if !slices.Contains(homes, p.path) {
				return false
			}
			closed++
		}
	}
	return closed > 0
}
