package platform

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	unitFolder = "/etc/systemd/system"
	// serviceUser is the user of all instances.
	serviceUser = "oibus"
	// managerLimit bounds a call of systemctl, which waits for services to start and stop.
	managerLimit = 3 * time.Minute
)

// SystemFolders are where things belong on this system.
func SystemFolders() Folders {
	return Folders{
		Programs: "/opt/oibus", Data: "/var/lib/oibus", Instances: "/var/lib/oibus-instances/",
		Settings: "/etc/oibus", Links: "/usr/local/bin", Registry: "/etc/oibus", Lock: "/run/oibus-installer.lock", Service: "oibus", Unfit: "\"\n\r% \\$",
	}
}

// IsAdministrator says whether this process may manage services.
func IsAdministrator() bool { return os.Geteuid() == 0 }

// Administrator is what a person must be to manage services, in the words of this system.
const Administrator = "root (use sudo)"

func systemctl(ctx context.Context, args ...string) (string, error) {
	return command(ctx, "systemctl", args...)
}

// command runs a program of the system and returns what it printed; its error has what it complained about.
func command(ctx context.Context, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, managerLimit)
	defer cancel()
	var complaint strings.Builder
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stderr = &complaint
	OutOfReach(cmd)
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(complaint.String()))
	}
	return string(out), err
}

// HasServiceManager says why services cannot be managed here, nil when they can.
func HasServiceManager() error {
	if _, err := os.Stat("/run/systemd/system"); err != nil {
		return errors.New("systemd does not run here: start oibus-launcher --config FOLDER by other means")
	}
	return nil
}

// QueryService asks the service manager for a service. One that does not exist is ServiceAbsent.
func QueryService(ctx context.Context, name string) (ServiceStatus, error) {
	out, err := systemctl(ctx, "show", "--property=LoadState,ActiveState,UnitFileState,MainPID,NRestarts,StatusText,Result", name+".service")
	if err != nil {
		return ServiceStatus{}, fmt.Errorf("cannot ask for the service %q: %w", name, err)
	}
	return parseUnit(out), nil
}

func parseUnit(properties string) ServiceStatus {
	p := map[string]string{}
	for line := range strings.Lines(properties) {
		key, value, _ := strings.Cut(strings.TrimRight(line, "\n"), "=")
		p[key] = value
	}
	s := ServiceStatus{State: ServiceStopped, AtBoot: p["UnitFileState"] == "enabled", Detail: p["StatusText"]}
	s.PID, _ = strconv.Atoi(p["MainPID"])
	s.Restarts, _ = strconv.Atoi(p["NRestarts"])
	switch {
	case p["LoadState"] == "not-found":
		return ServiceStatus{State: ServiceAbsent}
	case p["ActiveState"] == "active", p["ActiveState"] == "reloading":
		s.State = ServiceRunning
	case p["ActiveState"] == "activating":
		s.State = ServiceStarting
	case p["ActiveState"] == "deactivating":
		s.State = ServiceStopping
	case p["ActiveState"] == "failed":
		s.State, s.Detail = ServiceFailed, p["Result"]
	}
	return s
}

// InstallService registers a service that starts with the machine, or renews its registration, without starting it.
func InstallService(ctx context.Context, s ServiceSpec) error {
	if err := WriteFile(unitPath(s.Name), []byte(s.Unit), 0o644); err != nil {
		return err
	}
	if _, err := systemctl(ctx, "daemon-reload"); err != nil {
		return fmt.Errorf("cannot register the service: %w", err)
	}
	return EnableService(ctx, s.Name)
}

// EnableService lets a registered service start with the machine.
func EnableService(ctx context.Context, name string) error {
	if _, err := systemctl(ctx, "enable", "--quiet", name+".service"); err != nil {
		return fmt.Errorf("cannot let the service start with the machine: %w", err)
	}
	return nil
}

// StartOfService is how a service starts.
func StartOfService(ctx context.Context, name string) (ServiceStart, error) {
	start := ServiceStart{Type: StartManual}
	s, err := QueryService(ctx, name)
	if err == nil && s.AtBoot {
		start.Type = StartAutomatic
	}
	if err == nil {
		start.Link, err = linkOf(unitPath(name))
	}
	return start, err
}

// SetStartOfService lets a service start as it did, also when the link to its unit file is gone meanwhile.
func SetStartOfService(ctx context.Context, name string, start ServiceStart) error {
	if err := relink(ctx, name, start.Link); err != nil {
		return err
	}
	if start.Type == StartAutomatic {
		return EnableService(ctx, name)
	}
	if s, err := QueryService(ctx, name); err != nil || !s.AtBoot {
		return err
	}
	return DisableService(ctx, name)
}

func unitPath(name string) string { return filepath.Join(unitFolder, name+".service") }

// RemoveService stops a service and removes its registration. One that is not there is no error.
func RemoveService(ctx context.Context, name string) error {
	if _, err := os.Stat(unitPath(name)); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	_, err := systemctl(ctx, "disable", "--quiet", "--now", name+".service")
	if err == nil {
		err = os.RemoveAll(unitPath(name) + ".d")
	}
	if err == nil {
		err = removeIfThere(unitPath(name))
	}
	if err == nil {
		_, err = systemctl(ctx, "daemon-reload")
	}
	if err != nil {
		return fmt.Errorf("cannot remove the service %q: %w", name, err)
	}
	_, _ = systemctl(ctx, "reset-failed", name+".service") // it need not have failed
	return nil
}

// StartService starts a service and waits until it serves. One that was given up is tried again.
func StartService(ctx context.Context, name string) error {
	_, _ = systemctl(ctx, "reset-failed", name+".service") // it need not have failed
	return serviceVerb(ctx, "start", name)
}

// StopService stops a service and waits for its end.
func StopService(ctx context.Context, name string) error { return serviceVerb(ctx, "stop", name) }

// RestartService stops and starts a service.
func RestartService(ctx context.Context, name string) error { return serviceVerb(ctx, "restart", name) }

func serviceVerb(ctx context.Context, verb, name string) error {
	s, err := QueryService(ctx, name)
	if err == nil && s.State == ServiceAbsent {
		err = ErrNoService
	}
	if err == nil {
		_, err = systemctl(ctx, verb, name+".service")
	}
	if err != nil {
		return fmt.Errorf("cannot %s the service %q: %w; journalctl -u %s tells more", verb, name, err, name)
	}
	return nil
}

// EnsureServiceUser makes the system user that the services run as, when it is missing.
func EnsureServiceUser(ctx context.Context, home string) error {
	if _, err := user.Lookup(serviceUser); err == nil {
		return nil
	}
	_, err := command(ctx, "useradd", "--system", "--user-group", "--home-dir", home, "--no-create-home",
		"--shell", "/usr/sbin/nologin", "--comment", "OIBus agent", serviceUser)
	if err != nil {
		return fmt.Errorf("cannot make the user %q: %w", serviceUser, err)
	}
	return nil
}

func serviceIDs() (uid, gid int, err error) {
	u, err := user.Lookup(serviceUser)
	if err != nil {
		return 0, 0, fmt.Errorf("cannot find the user of the service: %w", err)
	}
	uid, err = strconv.Atoi(u.Uid)
	if err == nil {
		gid, err = strconv.Atoi(u.Gid)
	}
	return uid, gid, err
}

// GiveFolder makes a folder, when it is missing, that only the service of that name and administrators can use.
func GiveFolder(dir, _ string) error {
	uid, gid, err := serviceIDs()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return fmt.Errorf("cannot make the folder above %q: %w", dir, err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("cannot make %q: %w", dir, err)
	}
	if info, err := os.Lstat(dir); err != nil || !info.IsDir() {
		return fmt.Errorf("cannot use %q as a data folder: it is not a folder", dir)
	}
	return giveTree(dir, uid, gid)
}

// giveTree changes the owner of what does not belong to the service yet, without following links.
func giveTree(dir string, uid, gid int) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("cannot open %q: %w", dir, err)
	}
	err = walkRoot(root, ".", func(name string, info os.FileInfo) error {
		if st, ok := info.Sys().(*syscall.Stat_t); ok && int(st.Uid) == uid && int(st.Gid) == gid {
			return nil
		}
		return root.Lchown(name, uid, gid)
	})
	if err = errors.Join(err, root.Close()); err != nil {
		return fmt.Errorf("cannot give %q to the service: %w", dir, err)
	}
	return nil
}

func walkRoot(root *os.Root, name string, visit func(name string, info os.FileInfo) error) error {
	info, err := root.Lstat(name)
	if err == nil {
		err = visit(name, info)
	}
	if err != nil || !info.IsDir() {
		return err
	}
	f, err := root.Open(name)
	if err != nil {
		return err
	}
	names, err := f.Readdirnames(-1)
	err = errors.Join(err, f.Close())
	for _, child := range names {
		err = errors.Join(err, walkRoot(root, filepath.Join(name, child), visit))
	}
	return err
}

// WriteSettings writes a settings file that the service reads and only administrators change.
func WriteSettings(path string, text []byte) error {
	_, gid, err := serviceIDs()
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o755)
	}
	if err == nil {
		err = WriteFile(path, text, 0o640)
	}
	if err == nil {
		err = os.Chown(path, 0, gid)
	}
	if err != nil {
		return fmt.Errorf("cannot write the settings: %w", err)
	}
	return nil
}

// ProtectFolder makes a folder that only administrators change and everybody reads.
func ProtectFolder(dir string) error { return os.MkdirAll(dir, 0o755) }

// AsOwnerOf does something with the rights of the owner of a folder, when this process has more: what the service put
// there cannot then trick it into touching anything else, and what is made belongs to the service.
func AsOwnerOf(dir string, do func() error) error {
	uid, gid, other, err := otherOwner(dir)
	if err != nil || !other {
		return errors.Join(err, doIf(err == nil, do))
	}
	groups, err := os.Getgroups()
	if err != nil {
		return fmt.Errorf("cannot act as the owner of %q: %w", dir, err)
	}
	err = syscall.Setgroups([]int{gid})
	if err == nil {
		err = syscall.Setresgid(-1, gid, -1)
	}
	if err == nil {
		err = syscall.Setresuid(-1, uid, -1)
	}
	if err == nil {
		err = do()
	} else {
		err = fmt.Errorf("cannot act as the owner of %q: %w", dir, err)
	}
	return errors.Join(err, syscall.Setresuid(-1, 0, -1), syscall.Setresgid(-1, 0, -1), syscall.Setgroups(groups))
}

func doIf(on bool, do func() error) error {
	if !on {
		return nil
	}
	return do()
}

func otherOwner(dir string) (uid, gid int, other bool, err error) {
	info, err := os.Stat(dir)
	if err != nil {
		return 0, 0, false, fmt.Errorf("cannot use the data folder: %w", err)
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || os.Geteuid() != 0 || st.Uid == 0 {
		return 0, 0, false, nil
	}
	return int(st.Uid), int(st.Gid), true, nil
}

// RunAsOwnerOf lets a command run as the owner of a folder, when this process has more rights.
func RunAsOwnerOf(dir string, cmd *exec.Cmd) error {
	uid, gid, other, err := otherOwner(dir)
	if err != nil || !other {
		return err
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid), Groups: []uint32{uint32(gid)}}}
	return nil
}
