package release

import (
	"strings"
	"unicode/utf8"
)

// isDevice tells the names that Windows takes for a device in any folder, with any extension.
func isDevice(base string) bool {
	switch base = strings.ToLower(base); base {
	case "con", "prn", "aux", "nul", "conin$", "conout$", "clock$":
		return true
	}
	number, isPort := strings.CutPrefix(base, "com")
	if !isPort {
		number, isPort = strings.CutPrefix(base, "lpt")
	}
	return isPort && len(number) == 1 && isNumber(number)
}

// checkName refuses the names that would leave the folder or mean different files on different systems. Only printable
// ASCII passes: other letters can be written in two ways that one file system tells apart and another does not.
func checkName(name string, limit int) error {
	if len(name) > limit {
		return refuse(name[:limit]+"…", "has a name of %d bytes, the limit is %d", len(name), limit)
	}
	if reason := badText(name); reason != "" {
		return refuse(name, "%s", reason)
	}
	if strings.HasPrefix(name, "/") {
		return refuse(name, "has an absolute path")
	}
	for _, element := range strings.Split(name, "/") {
		if reason := badElement(element); reason != "" {
			return refuse(name, "%s", reason)
		}
	}
	return nil
}

func badText(name string) string {
	switch {
	case name == "":
		return "has an empty name"
	case !utf8.ValidString(name):
		return "has a name that is not UTF-8"
	case strings.Contains(name, `\`):
		return "has a backslash in its name"
	case strings.Contains(name, ":"):
		return "has a colon in its name, which means a drive or a stream on Windows"
	case strings.ContainsAny(name, `<>"|?*`):
		return "has a character in its name that Windows does not allow"
	}
	for i := range len(name) {
		if name[i] < ' ' || name[i] > '~' {
			return "has a character in its name that is not printable ASCII"
		}
	}
	return ""
}

func badElement(element string) string {
	base, _, _ := strings.Cut(element, ".")
	switch {
	case element == "":
		return "has an empty folder name in its path"
	case element == "." || element == "..":
		return "has a path that leaves its folder"
	case strings.HasSuffix(element, ".") || strings.HasSuffix(element, " "):
		return "has a name that ends with a dot or a space, which Windows drops"
	case isDevice(strings.TrimRight(base, " ")):
		return "has the name of a Windows device"
	}
	return ""
}

// nameSet finds names that are there twice, on some system or other. The key is the name in lower case.
type nameSet map[string]spelling

type spelling struct {
	name   string
	folder bool
	listed bool // not just known as the folder of another name
}

// add takes in a name that passed checkName, and the folders around it.
func (s nameSet) add(name string, folder bool) error {
	for i := range len(name) {
		if name[i] == '/' {
			if err := s.addOne(name, spelling{name: name[:i], folder: true}); err != nil {
				return err
			}
		}
	}
	return s.addOne(name, spelling{name: name, folder: folder, listed: true})
}

func (s nameSet) addOne(entry string, n spelling) error {
	key := strings.ToLower(n.name)
	known, there := s[key]
	switch {
	case !there:
		s[key] = n
		return nil
	case known.name != n.name:
		return refuse(entry, "differs from %q only in upper and lower case", known.name)
	case known.folder != n.folder:
		return refuse(entry, "makes %q both a file and a folder", n.name)
	case known.listed && n.listed:
		return refuse(entry, "is there twice")
	}
	known.listed = known.listed || n.listed
	s[key] = known
	return nil
}
