package platform

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
	"golang.org/x/sys/windows/svc/mgr"
)

const servicesKey = `SYSTEM\CurrentControlSet\Services`

func samePath(a, b string) bool { return strings.EqualFold(a, b) }

// ServiceDefinitions lists the services of this machine that lead to a folder: by their own command line, or by what
// NSSM, which the reference runs under, was told.
func ServiceDefinitions(context.Context) ([]ServiceDefinition, error) {
	root, err := registry.OpenKey(registry.LOCAL_MACHINE, servicesKey, registry.READ)
	if err != nil {
		return nil, fmt.Errorf("cannot list the services: %w", err)
	}
	names, err := root.ReadSubKeyNames(-1)
	if err = errors.Join(err, root.Close()); err != nil {
		return nil, fmt.Errorf("cannot list the services: %w", err)
	}
	var list []ServiceDefinition
	for _, name := range names {
		if d := definitionOf(name); len(d.Data) > 0 {
			list = append(list, d)
		}
	}
	return list, nil
}

// DefinitionOfService is what the service manager was told about one service, which need not lead to a folder. It is empty
// when there is none.
func DefinitionOfService(_ context.Context, name string) (ServiceDefinition, error) {
	return definitionOf(name), nil
}

// definitionOf reads one service. One that goes away meanwhile has nothing.
func definitionOf(name string) ServiceDefinition {
	d := ServiceDefinition{Name: name}
	own := values(servicesKey+`\`+name, "ImagePath", "DataDir")
	if own["ImagePath"] == "" {
		return d
	}
	nssm := values(servicesKey+`\`+name+`\Parameters`, "Application", "AppParameters", "AppDirectory")
	words, workingDir := wordsOf(own["ImagePath"]), ""
	if nssm["Application"] != "" && nssm["AppDirectory"] != "" {
		words, workingDir = append([]string{nssm["Application"]}, wordsOf(nssm["AppParameters"])...), nssm["AppDirectory"]
	}
	if len(words) > 0 {
		d.Program = words[0]
	}
	d.Data = dataFolders(words, workingDir)
	if own["DataDir"] != "" {
		d.Data = append(d.Data, filepath.Clean(own["DataDir"]))
	}
	return d
}

// values reads texts of a key, "" for those that are not there.
func values(path string, names ...string) map[string]string {
	found := map[string]string{}
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, path, registry.QUERY_VALUE)
	if err != nil {
		return found
	}
	for _, name := range names {
		text, kind, err := key.GetStringValue(name)
		if err == nil && kind == registry.EXPAND_SZ {
			if expanded, err := registry.ExpandString(text); err == nil {
				text = expanded
			}
		}
		found[name] = text
	}
	_ = key.Close() // it was only read
	return found
}

func wordsOf(command string) []string {
	if command == "" {
		return nil
	}
	words, err := windows.DecomposeCommandLine(command)
	if err != nil {
		return nil
	}
	return words
}

// DisableService lets a service start with the machine no more, nor by hand. One that is not there is no error.
func DisableService(_ context.Context, name string) error {
	err := withService(name, windows.SERVICE_CHANGE_CONFIG, func(s *mgr.Service) error {
		return windows.ChangeServiceConfig(s.Handle, windows.SERVICE_NO_CHANGE, windows.SERVICE_DISABLED, windows.SERVICE_NO_CHANGE, nil, nil, nil, nil, nil, nil, nil)
	})
	if err != nil && !errors.Is(err, ErrNoService) {
		return fmt.Errorf("cannot keep the service %q from starting: %w", name, err)
	}
	return nil
}

// SharesNames says whether a service can make room for another one of its name.
const SharesNames = false

var errNames = errors.New("two services cannot have one name on Windows")

// KeepUnit is for systems where a service is a file.
func KeepUnit(string) error { return errNames }

// ShadowsNoUnit is for systems where a service is a file.
func ShadowsNoUnit(context.Context, string) error { return errNames }

// RestoreUnit has nothing to put back.
func RestoreUnit(context.Context, string) error { return nil }

// ReadAllAsOwnerOf lets a command run as this process does.
func ReadAllAsOwnerOf(string, *exec.Cmd) error { return nil }
