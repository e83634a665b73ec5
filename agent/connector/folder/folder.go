// Package folder is what the connectors that read and write files, here or on other machines, have in common: errors of
// the file system in the reference's words, names of files made from those of contents, expressions that names match,
// access to Windows shares, and the patience with other machines. It promises that a name that comes with a content leads
// nowhere but into its folder, and that nothing takes for ever. It guards against contents named to overwrite something
// else, and against texts of foreign machines that show a secret.
package folder

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"oibus/platform"
)

// Stamp writes an instant as the variable @CurrentDate.
func Stamp(t time.Time) string {
	return strings.ReplaceAll(t.UTC().Format("2006_01_02_15_04_05.000"), ".", "_")
}

// Split splits the last element of a name of a content, which may hold sub-folders of any system, into its base and
// its extension.
func Split(name string) (base, extension string) {
	name = name[strings.LastIndexAny(name, `/\`)+1:]
	if dot := strings.LastIndexByte(name, '.'); dot > 0 {
		return name[:dot], name[dot:]
	}
	return name, ""
}

// Plain makes text, such as the name of a connector, a part of a file name: it cannot lead to another folder.
func Plain(text string) string {
	return strings.NewReplacer("/", "-", `\`, "-", "\x00", "-").Replace(text)
}

// Inside joins a name that settings gave, which may hold sub-folders, to dir. The last element becomes one that this
// system accepts. A name that leads out of dir, or names no file, is an error.
func Inside(dir, name string) (string, error) {
	sub, last := filepath.Split(filepath.FromSlash(name))
	if last == "" || last == "." || last == ".." {
		last = "content"
	}
	local := filepath.Join(sub, platform.SafeFileName(last))
	if !filepath.IsLocal(local) {
		return "", errors.New("the file name leads out of the folder")
	}
	return filepath.Join(dir, local), nil
}

// errorNames are the names and words that the reference shows for errors of the file system.
var errorNames = []struct {
	is         error
	name, text string
}{
	{fs.ErrNotExist, "ENOENT", "no such file or directory"},
	{syscall.EPERM, "EPERM", "operation not permitted"},
	{fs.ErrPermission, "EACCES", "permission denied"},
	{fs.ErrExist, "EEXIST", "file already exists"},
	{syscall.ENOTDIR, "ENOTDIR", "not a directory"},
	{syscall.EISDIR, "EISDIR", "illegal operation on a directory"},
	{syscall.ENOSPC, "ENOSPC", "no space left on device"},
	{syscall.EROFS, "EROFS", "read-only file system"},
	{syscall.EMFILE, "EMFILE", "too many open files"},
	{syscall.ENAMETOOLONG, "ENAMETOOLONG", "name too long"},
	{syscall.EIO, "EIO", "i/o error"},
	{syscall.EBUSY, "EBUSY", "resource busy or locked"},
}

// Error is an error of the file system with the reference's text.
type Error struct {
	text string
	err  error
}

func (e *Error) Error() string { return e.text }

// Unwrap gives the error of the system.
func (e *Error) Unwrap() error { return e.err }

// Fail words err, which the call named call on path returned, as the reference does. Under systemd, whose unit keeps the
// service away from most of the machine, it says also how to open the folder.
func Fail(err error, call, path string) error {
	if err == nil {
		return nil
	}
	for _, e := range errorNames {
		if errors.Is(err, e.is) {
			return &Error{e.name + ": " + e.text + ", " + call + " '" + path + "'" + remedy(err, path, underUnit()), err}
		}
	}
	return err
}

// underUnit says whether this program was started by a unit of systemd, which tells it by this variable.
var underUnit = sync.OnceValue(func() bool { return os.Getenv("INVOCATION_ID") != "" })

// remedy says what a person can do about an error that looks like the work of the unit, see HARDENING in man oibus.
func remedy(err error, path string, underUnit bool) string {
	switch {
	case !underUnit:
	case errors.Is(err, syscall.EROFS):
		return "; the service may write into its data folder only: open this one with ReadWritePaths= in its unit (man oibus, HARDENING)"
	case errors.Is(err, fs.ErrPermission) && platform.InHome(path):
		return "; home folders are hidden from the service: use another folder, or ProtectHome=no in its unit (man oibus, HARDENING)"
	}
	return ""
}
