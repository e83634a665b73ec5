package installer

import (
	"context"
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
	Here() (string, error) // the folder of this program
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
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s: %w: %s", filepath.Base(program), err, lastLine(string(out)))
	}
	return string(out), err
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
