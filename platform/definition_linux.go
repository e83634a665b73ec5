package platform

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

func samePath(a, b string) bool { return a == b }

// unitsAtOnce is how many units systemctl is asked for in one command line.
const unitsAtOnce = 200

// ServiceDefinitions lists the services of this machine that lead to a folder.
func ServiceDefinitions(ctx context.Context) ([]ServiceDefinition, error) {
	out, err := systemctl(ctx, "list-unit-files", "--type=service", "--no-legend", "--plain", "--no-pager")
	if err != nil {
		return nil, fmt.Errorf("cannot list the services: %w", err)
	}
	var names []string
	for line := range strings.Lines(out) {
		if fields := strings.Fields(line); len(fields) > 0 && !strings.Contains(fields[0], "@") {
			names = append(names, fields[0])
		}
	}
	var list []ServiceDefinition
	for len(names) > 0 {
		n := min(len(names), unitsAtOnce)
		out, err := systemctl(ctx, append([]string{"show", "--property=" + definitionProperties}, names[:n]...)...)
		if err != nil {
			return nil, fmt.Errorf("cannot ask for the services: %w", err)
		}
		for block := range strings.SplitSeq(out, "\n\n") {
			if d := parseDefinition(block, readEnvironment); len(d.Data) > 0 {
				list = append(list, d)
			}
		}
		names = names[n:]
	}
	return list, nil
}

// DefinitionOfService is what the service manager was told about one service, which need not lead to a folder. It is empty
// when there is none, or when it is masked.
func DefinitionOfService(ctx context.Context, name string) (ServiceDefinition, error) {
	out, err := systemctl(ctx, "show", "--property="+definitionProperties, name+".service")
	if err != nil {
		return ServiceDefinition{}, fmt.Errorf("cannot ask for the service %q: %w", name, err)
	}
	return parseDefinition(out, readEnvironment), nil
}

// definitionProperties are those that parseDefinition reads.
const definitionProperties = "Id,ExecStart,WorkingDirectory,Environment,EnvironmentFiles"

// parseDefinition understands what systemctl shows of a service. environment reads a file of variables.
func parseDefinition(properties string, environment func(path string) map[string]string) ServiceDefinition {
	p := map[string]string{}
	for line := range strings.Lines(properties) {
		key, value, _ := strings.Cut(strings.TrimRight(line, "\n"), "=")
		if _, twice := p[key]; !twice { // of several commands the first one
			p[key] = value
		}
	}
	d := ServiceDefinition{Name: strings.TrimSuffix(p["Id"], ".service")}
	_, command, found := strings.Cut(p["ExecStart"], "argv[]=")
	if !found {
		return d
	}
	command, _, _ = strings.Cut(command, " ; ")
	variables := variablesOf(strings.Fields(p["Environment"]))
	for file := range strings.SplitSeq(p["EnvironmentFiles"], ")") {
		path, _, _ := strings.Cut(strings.TrimSpace(file), " (")
		if path != "" {
			for name, value := range environment(path) {
				variables[name] = value
			}
		}
	}
	var words []string
	for _, word := range unquoted(command) {
		words = append(words, os.Expand(word, func(name string) string { return variables[name] }))
	}
	if len(words) == 0 {
		return d
	}
	d.Program = words[0]
	d.Data = dataFolders(words, strings.TrimPrefix(strings.TrimPrefix(p["WorkingDirectory"], "!"), "-"))
	return d
}

// unquoted are the words of a command line as systemctl shows it.
func unquoted(command string) (words []string) {
	word, quote, any := "", rune(0), false
	for _, c := range command {
		switch {
		case quote == 0 && (c == '"' || c == '\''):
			quote, any = c, true
		case c == quote:
			quote = 0
		case quote == 0 && c == ' ':
			if any {
				words = append(words, word)
			}
			word, any = "", false
		default:
			word, any = word+string(c), true
		}
	}
	if any {
		words = append(words, word)
	}
	return words
}

// maxEnvironment bounds what is read of a file of variables.
const maxEnvironment = 1 << 20

func readEnvironment(path string) map[string]string {
	f, err := os.Open(path)
	if err != nil {
		return nil // the service does not start without it either
	}
	text, err := io.ReadAll(io.LimitReader(f, maxEnvironment))
	if errors.Join(err, f.Close()) != nil {
		return nil
	}
	return variablesOf(strings.Split(string(text), "\n"))
}

func variablesOf(lines []string) map[string]string {
	variables := map[string]string{}
	for _, line := range lines {
		line = strings.TrimSpace(line)
		if name, value, ok := strings.Cut(line, "="); ok && !strings.HasPrefix(line, "#") {
			variables[name] = strings.Trim(value, `"'`)
		}
	}
	return variables
}

// DisableService lets a service start with the machine no more. One that is not there is no error. systemctl takes the
// link to a unit file away with it, and knows no service of that name then: it is put back.
func DisableService(ctx context.Context, name string) error {
	s, err := QueryService(ctx, name)
	if err == nil && s.State != ServiceAbsent {
		var link string
		if link, err = linkOf(unitPath(name)); err == nil {
			_, err = systemctl(ctx, "disable", "--quiet", name+".service")
		}
		if err == nil {
			err = relink(ctx, name, link)
		}
	}
	if err != nil {
		return fmt.Errorf("cannot keep the service %q from starting with the machine: %w", name, err)
	}
	return nil
}

// linkOf is what a unit file is a link to, "" when it is none.
func linkOf(path string) (string, error) {
	link, err := os.Readlink(path)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.EINVAL) || link == os.DevNull { // a masked service has no unit
		return "", nil
	}
	return link, err
}

// relink puts the link to the unit file of a service back, when there was one and it is gone.
func relink(ctx context.Context, name, link string) error {
	made, err := linkAgain(unitPath(name), link)
	if made {
		_, err = systemctl(ctx, "daemon-reload")
	}
	if err != nil {
		return fmt.Errorf("cannot link the unit of the service %q to %s again: %w", name, link, err)
	}
	return nil
}

func linkAgain(path, link string) (made bool, err error) {
	if link == "" {
		return false, nil
	}
	err = os.Symlink(link, path)
	if errors.Is(err, os.ErrExist) {
		return false, nil
	}
	if err == nil {
		err = SyncDir(filepath.Dir(path))
	}
	return err == nil, err
}

// replacedSuffix ends the names of unit files that have made room for another one of their name. systemd does not look
// at such a file.
const replacedSuffix = ".replaced-by-oibus"

// ownSuffix ends the name of the folder of drop-in files of this OIBus while the other service has its name.
const ownSuffix = ".of-oibus"

// SharesNames says whether a service can make room for another one of its name.
const SharesNames = true

// KeepUnit keeps a copy of the unit of a service, for RestoreUnit, and moves its drop-in files out of the way of a unit
// that is written in its place, and of those that were made for that one before. Done again it changes nothing. What lies
// elsewhere than in the folder of administrators needs no room: a unit there goes before it.
func KeepUnit(name string) error {
	path := unitPath(name)
	if _, err := os.Lstat(path + replacedSuffix); err == nil {
		return nil
	}
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	err := keepDropIns(path + ".d")
	if err == nil {
		err = keepUnitFile(path)
	}
	if err != nil {
		return fmt.Errorf("cannot make room for a service of the name %q: %w", name, err)
	}
	return nil
}

// keepUnitFile copies a unit file, as a link when it is one.
func keepUnitFile(path string) error {
	link, err := linkOf(path)
	if err != nil {
		return err
	}
	if link != "" {
		_, err = linkAgain(path+replacedSuffix, link)
		return err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return WriteFile(path+replacedSuffix, text, 0o644)
}

// keepDropIns puts the drop-in files of the other service aside, an empty folder when there are none.
func keepDropIns(dir string) error {
	if _, err := os.Lstat(dir + replacedSuffix); errors.Is(err, os.ErrNotExist) {
		err := os.Rename(dir, dir+replacedSuffix)
		if errors.Is(err, os.ErrNotExist) {
			err = os.Mkdir(dir+replacedSuffix, 0o755)
		}
		if err != nil {
			return err
		}
	}
	return renameIfThere(dir+ownSuffix, dir)
}

// restoreDropIns puts them back, and aside what was made for the service that has taken the place.
func restoreDropIns(dir string) error {
	if _, err := os.Lstat(dir + replacedSuffix); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	err := renameIfThere(dir, dir+ownSuffix)
	if err == nil {
		err = os.Rename(dir+replacedSuffix, dir)
	}
	if err == nil {
		_ = os.Remove(dir) // fails when there is something in it
	}
	return err
}

func renameIfThere(from, to string) error {
	if _, err := os.Lstat(from); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return os.Rename(from, to)
}

// ShadowsNoUnit removes the unit of which KeepUnit has a copy, so that the one that a package brought under the same name
// counts.
func ShadowsNoUnit(ctx context.Context, name string) error {
	err := removeIfThere(unitPath(name))
	if err == nil {
		_, err = systemctl(ctx, "daemon-reload")
	}
	if err != nil {
		return fmt.Errorf("cannot make room for the service %q: %w", name, err)
	}
	return nil
}

// RestoreUnit puts back what KeepUnit has kept, in place of what is there. Without anything kept it does nothing.
func RestoreUnit(ctx context.Context, name string) error {
	path := unitPath(name)
	err := restoreDropIns(path + ".d")
	if err == nil {
		err = renameIfThere(path+replacedSuffix, path)
	}
	if err == nil {
		err = SyncDir(filepath.Dir(path))
	}
	if err == nil {
		_, err = systemctl(ctx, "daemon-reload")
	}
	if err != nil {
		return fmt.Errorf("cannot put the service %q back: %w", name, err)
	}
	return nil
}

// ReadAllAsOwnerOf lets a command run as the owner of a folder, who may also read what others own: what it makes belongs
// to that owner, and nothing else can be changed by it.
func ReadAllAsOwnerOf(dir string, cmd *exec.Cmd) error {
	uid, gid, other, err := otherOwner(dir)
	if err != nil || !other {
		return err
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Credential:  &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid), Groups: []uint32{uint32(gid)}},
		AmbientCaps: []uintptr{unix.CAP_DAC_READ_SEARCH},
	}
	return nil
}
