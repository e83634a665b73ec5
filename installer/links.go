package installer

import (
	"os"
	"path/filepath"
	"strings"
)

// linkedPrograms are the ones that a person types.
var linkedPrograms = []string{"oibus-installer", "oibus-launcher", "oibus"}

// linkPrograms lets a person type the programs of an archive, where this system has a folder for that and nothing else
// has the name. Without the links all works, under the whole path: that they cannot be made is no failure.
func linkPrograms(m machine, programs string) {
	for name, link := range linksOf(m, programs) {
		if _, err := os.Lstat(link); err == nil || commandOf(link) {
			continue // also a link of ours that is there already
		}
		_ = os.Symlink(name, link)
	}
}

// unlinkPrograms removes the links that lead to these programs.
func unlinkPrograms(m machine, programs string) {
	for name, link := range linksOf(m, programs) {
		if to, err := os.Readlink(link); err == nil && to == name {
			_ = os.Remove(link)
		}
	}
}

// linksOf are the links by the programs that they lead to; none for programs in a folder of somebody's choice.
func linksOf(m machine, programs string) map[string]string {
	links := map[string]string{}
	f := m.Folders()
	if f.Links == "" || !samePath(programs, f.Programs) {
		return links
	}
	for _, name := range linkedPrograms {
		at := filepath.Join(programs, name)
		if name == "oibus" {
			at = filepath.Join(programs, "binaries", name)
		}
		links[at] = filepath.Join(f.Links, name)
	}
	return links
}

// commandOf says whether a package of the system has a program of that name, in the folder beside the local one.
func commandOf(link string) bool {
	_, err := os.Lstat(filepath.Join(filepath.Dir(filepath.Dir(filepath.Dir(link))), "bin", filepath.Base(link)))
	return err == nil
}

// command is what a person types for this program.
func command(m machine, i instance) string {
	at := filepath.Join(i.Programs, "oibus-installer"+programSuffix(i.Programs))
	if to, err := os.Readlink(linksOf(m, i.Programs)[at]); err == nil && to == at {
		return "oibus-installer"
	}
	if _, err := os.Stat(filepath.Join(i.Programs, packagedName)); err == nil || i.ManagedBy != "" {
		return "oibus-installer"
	}
	if strings.Contains(at, " ") {
		return `"` + at + `"`
	}
	return at
}
