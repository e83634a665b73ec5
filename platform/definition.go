package platform

import (
	"path/filepath"
	"strings"
)

// ServiceDefinition is what the service manager was told about a service, as far as it leads to data of an OIBus.
type ServiceDefinition struct {
	Name    string
	Program string   // that runs, behind a wrapper such as NSSM too; "" when it is not known
	Data    []string // folders that its command line and its working directory lead to, made absolute
}

// LeadsTo says whether the service works on a folder.
func (d ServiceDefinition) LeadsTo(dir string) bool {
	for _, data := range d.Data {
		if SameFolder(data, dir) {
			return true
		}
	}
	return false
}

// SameFolder says whether two paths are one folder, also by a link.
func SameFolder(a, b string) bool {
	if samePath(filepath.Clean(a), filepath.Clean(b)) {
		return true
	}
	x, err := filepath.EvalSymlinks(a)
	if err != nil {
		return false
	}
	y, err := filepath.EvalSymlinks(b)
	return err == nil && samePath(x, y)
}

// dataFolders are those that a command line leads to, for a launcher or an agent of OIBus: the folder of --config, or
// without it the working directory, below which the agent of the reference then works in binaries
// (protocol/control-plane.md, section 11.2). Other programs, such as a script that starts OIBus, are known by their
// working directory alone.
func dataFolders(words []string, workingDir string) (folders []string) {
	absolute := func(path string) string {
		if !filepath.IsAbs(path) {
			path = filepath.Join(workingDir, path)
		}
		return filepath.Clean(path)
	}
	for n, word := range words {
		value, joined := strings.CutPrefix(word, "--config=")
		if !joined && word == "--config" && n+1 < len(words) {
			value = words[n+1]
		}
		if value = strings.Trim(value, `"'`); (joined || word == "--config") && value != "" && (workingDir != "" || filepath.IsAbs(value)) {
			folders = append(folders, absolute(value))
		}
	}
	if len(folders) == 0 && workingDir != "" {
		folders = append(folders, filepath.Clean(workingDir), filepath.Join(workingDir, "binaries"))
	}
	return folders
}
