package installer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"oibus/platform"
)

// machine is what the verbs need of the computer. Tests put a made-up one in its place.
type machine interface {
	Folders() platform.Folders
	Administrator() error // nil when this process may manage services
	HasServiceManager() error
	Query(ctx context.Context, service string) (platform.ServiceStatus, error)
	Install(ctx context.Context, s platform.ServiceSpec) error
	Enable(ctx context.Context, service string) error
	Remove(ctx context.Context, service string) error
	Start(ctx context.Context, service string) error
	Stop(ctx context.Context, service string) error
	Restart(ctx context.Context, service string) error
	EnsureUser(ctx context.Context, home string) error
	GiveFolder(dir, service string) error
	ProtectFolder(dir string) error
	WriteSettings(path string, text []byte) error
	// AsOwner does something with no more rights than the owner of the folder has.
	AsOwner(dir string, do func() error) error
	// Run runs a program of OIBus likewise, to its end, and returns what it printed.
	Run(ctx context.Context, dir, program string, args ...string) (string, error)
	// Import lets the agent import: as the owner of the folder, who may then read what others own; without a folder, as
	// this process. It returns what it printed.
	Import(ctx context.Context, dir, program string, args ...string) (string, error)
	// Definitions lists the services that lead to a folder.
	Definitions(ctx context.Context) ([]platform.ServiceDefinition, error)
	Definition(ctx context.Context, service string) (platform.ServiceDefinition, error) // of one, wherever it leads
	Disable(ctx context.Context, service string) error
	StartOf(ctx context.Context, service string) (platform.ServiceStart, error)
	SetStart(ctx context.Context, service string, start platform.ServiceStart) error
	// SharesNames says whether a service can make room for another one of its name: then KeepUnit keeps what it was, Unshadow
	// lets the one of a package count, and RestoreUnit puts it back.
	SharesNames() bool
	KeepUnit(service string) error
	Unshadow(ctx context.Context, service string) error
	RestoreUnit(ctx context.Context, service string) error
	FreeSpace(dir string) (uint64, error)
	View(ctx context.Context, service string) (platform.ServiceView, error) // what it can see of the files of this machine
	Here() (string, error)                                                  // the folder of this program
	Now() time.Time
}

// realMachine is this computer.
type realMachine struct{}

func (realMachine) Folders() platform.Folders { return platform.SystemFolders() }

func (realMachine) Administrator() error {
	if !platform.IsAdministrator() {
		return &rightsError{fmt.Sprintf("this needs the rights of %s", platform.Administrator)}
	}
	return nil
}

func (realMachine) HasServiceManager() error { return platform.HasServiceManager() }

func (realMachine) Query(ctx context.Context, service string) (platform.ServiceStatus, error) {
	return platform.QueryService(ctx, service)
}

func (realMachine) Install(ctx context.Context, s platform.ServiceSpec) error {
	return platform.InstallService(ctx, s)
}

func (realMachine) Enable(ctx context.Context, service string) error {
	return platform.EnableService(ctx, service)
}

func (realMachine) Remove(ctx context.Context, service string) error {
	return platform.RemoveService(ctx, service)
}

func (realMachine) Start(ctx context.Context, service string) error {
	return platform.StartService(ctx, service)
}

func (realMachine) Stop(ctx context.Context, service string) error {
	return platform.StopService(ctx, service)
}

func (realMachine) Restart(ctx context.Context, service string) error {
	return platform.RestartService(ctx, service)
}

func (realMachine) EnsureUser(ctx context.Context, home string) error {
	return platform.EnsureServiceUser(ctx, home)
}

func (realMachine) GiveFolder(dir, service string) error { return platform.GiveFolder(dir, service) }

func (realMachine) ProtectFolder(dir string) error { return platform.ProtectFolder(dir) }

func (realMachine) WriteSettings(path string, text []byte) error {
	return platform.WriteSettings(path, text)
}

func (realMachine) AsOwner(dir string, do func() error) error { return platform.AsOwnerOf(dir, do) }

// runLimit bounds the runs of programs that only do one thing.
const runLimit = time.Minute

func (realMachine) Run(ctx context.Context, dir, program string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, runLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = dir
	if err := platform.RunAsOwnerOf(dir, cmd); err != nil {
		return "", err
	}
	platform.OutOfReach(cmd)
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s: %w: %s", filepath.Base(program), err, lastLine(string(out)))
	}
	return string(out), err
}

// importLimit bounds an import: hours are enough for millions of files on a slow disk.
const importLimit = 6 * time.Hour

func (realMachine) Import(ctx context.Context, dir, program string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, importLimit)
	defer cancel()
	var complaint strings.Builder
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stderr = &complaint
	if dir != "" {
		cmd.Dir = dir
		if err := platform.ReadAllAsOwnerOf(dir, cmd); err != nil {
			return "", err
		}
	}
	platform.OutOfReach(cmd)
	out, err := cmd.Output()
	if err != nil && complaint.Len() > 0 {
		err = errors.New(strings.TrimSpace(complaint.String()))
	}
	return string(out), err
}

func (realMachine) Definitions(ctx context.Context) ([]platform.ServiceDefinition, error) {
	return platform.ServiceDefinitions(ctx)
}

func (realMachine) Definition(ctx context.Context, service string) (platform.ServiceDefinition, error) {
	return platform.DefinitionOfService(ctx, service)
}

func (realMachine) Disable(ctx context.Context, service string) error {
	return platform.DisableService(ctx, service)
}

func (realMachine) StartOf(ctx context.Context, service string) (platform.ServiceStart, error) {
	return platform.StartOfService(ctx, service)
}

func (realMachine) SetStart(ctx context.Context, service string, start platform.ServiceStart) error {
	return platform.SetStartOfService(ctx, service, start)
}

func (realMachine) SharesNames() bool { return platform.SharesNames }

func (realMachine) KeepUnit(service string) error { return platform.KeepUnit(service) }

func (realMachine) Unshadow(ctx context.Context, service string) error {
	return platform.ShadowsNoUnit(ctx, service)
}

func (realMachine) RestoreUnit(ctx context.Context, service string) error {
	return platform.RestoreUnit(ctx, service)
}

func (realMachine) FreeSpace(dir string) (uint64, error) {
	free, _, err := platform.DiskFree(dir)
	return free, err
}

func (realMachine) View(ctx context.Context, service string) (platform.ServiceView, error) {
	return platform.ViewOfService(ctx, service)
}

func (realMachine) Here() (string, error) {
	self, err := os.Executable()
	if err == nil {
		self, err = filepath.EvalSymlinks(self)
	}
	if err != nil {
		return "", fmt.Errorf("cannot tell where this program is: %w", err)
	}
	return filepath.Dir(self), nil
}

func (realMachine) Now() time.Time { return time.Now() }

// lastLine is the end of what a program complained about.
func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}
