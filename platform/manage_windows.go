package platform

import (
	"context"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf16"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/eventlog"
	"golang.org/x/sys/windows/svc/mgr"
)

const (
	// managerLimit bounds the wait for a service to start or stop, which takes at most the limits of the launcher.
	managerLimit = 3 * time.Minute
	managerPoll  = 200 * time.Millisecond
	// EventSource is under which name the service writes to the event log.
	EventSource = "OIBus"
)

// requiredPrivileges is all that the service may do beyond using its own files and the network: pass through folders.
const requiredPrivileges = "SeChangeNotifyPrivilege"

// SystemFolders are where things belong on this system. The folders are asked for, since the environment of a service
// is not always right.
func SystemFolders() Folders {
	programs := known(windows.FOLDERID_ProgramFiles, `C:\Program Files`)
	data := known(windows.FOLDERID_ProgramData, `C:\ProgramData`)
	registry := filepath.Join(data, "OIBus Installer")
	return Folders{
		Programs: filepath.Join(programs, "OIBus"), Data: filepath.Join(data, "OIBus"), Instances: filepath.Join(data, "OIBus-"),
		Registry: registry, Lock: filepath.Join(registry, "installer.lock"), Service: "OIBus", Unfit: "\"\n\r%",
	}
}

func known(folder *windows.KNOWNFOLDERID, otherwise string) string {
	path, err := windows.KnownFolderPath(folder, windows.KF_FLAG_DEFAULT)
	if err != nil {
		return otherwise
	}
	return path
}

// Administrator is what a person must be to manage services, in the words of this system.
const Administrator = "an administrator (open the terminal with Run as administrator)"

// IsAdministrator says whether this process may manage services.
func IsAdministrator() bool {
	h, err := windows.OpenSCManager(nil, nil, windows.SC_MANAGER_CREATE_SERVICE)
	if err != nil {
		return false
	}
	_ = windows.CloseServiceHandle(h)
	return true
}

// HasServiceManager says why services cannot be managed here, nil when they can.
func HasServiceManager() error { return nil }

// withService opens a service for what is to be done with it.
func withService(name string, access uint32, do func(s *mgr.Service) error) (err error) {
	manager, err := windows.OpenSCManager(nil, nil, windows.SC_MANAGER_CONNECT)
	if err != nil {
		return fmt.Errorf("cannot reach the service manager: %w", err)
	}
	defer func() { err = errors.Join(err, windows.CloseServiceHandle(manager)) }()
	text, err := windows.UTF16PtrFromString(name)
	if err != nil {
		return err
	}
	h, err := windows.OpenService(manager, text, access)
	if errors.Is(err, windows.ERROR_SERVICE_DOES_NOT_EXIST) {
		return ErrNoService
	}
	if err != nil {
		return err
	}
	s := &mgr.Service{Name: name, Handle: h}
	defer func() { err = errors.Join(err, s.Close()) }()
	return do(s)
}

// QueryService asks the service manager for a service. One that does not exist is ServiceAbsent.
func QueryService(_ context.Context, name string) (ServiceStatus, error) {
	var status ServiceStatus
	err := withService(name, windows.SERVICE_QUERY_STATUS|windows.SERVICE_QUERY_CONFIG, func(s *mgr.Service) error {
		q, err := s.Query()
		if err != nil {
			return err
		}
		status = ServiceStatus{State: stateOf(q), PID: int(q.ProcessId)}
		if status.State == ServiceFailed {
			status.Detail = fmt.Sprintf("it ended with code %d", max(q.Win32ExitCode, q.ServiceSpecificExitCode))
		}
		start, err := startType(s)
		status.AtBoot = start == mgr.StartAutomatic
		return err
	})
	if errors.Is(err, ErrNoService) {
		return ServiceStatus{State: ServiceAbsent}, nil
	}
	if err != nil {
		return status, fmt.Errorf("cannot ask for the service %q: %w", name, err)
	}
	return status, nil
}

// startType asks for no more than that: not every system knows all that mgr asks for.
func startType(s *mgr.Service) (uint32, error) {
	size := uint32(1024)
	for {
		buffer := make([]byte, size)
		config := (*windows.QUERY_SERVICE_CONFIG)(unsafe.Pointer(&buffer[0]))
		err := windows.QueryServiceConfig(s.Handle, config, size, &size)
		if err == nil {
			return config.StartType, nil
		}
		if !errors.Is(err, windows.ERROR_INSUFFICIENT_BUFFER) || size <= uint32(len(buffer)) {
			return 0, err
		}
	}
}

func stateOf(q svc.Status) ServiceState {
	switch q.State {
	case svc.Running, svc.Paused:
		return ServiceRunning
	case svc.StartPending, svc.ContinuePending:
		return ServiceStarting
	case svc.StopPending, svc.PausePending:
		return ServiceStopping
	}
	if q.Win32ExitCode != 0 && q.Win32ExitCode != uint32(windows.ERROR_SERVICE_NEVER_STARTED) {
		return ServiceFailed
	}
	return ServiceStopped
}

// serviceAccount is the account of a service of its own, which Windows makes with the service and which has no rights
// but those of every user.
func serviceAccount(name string) string { return `NT SERVICE\` + name }

// InstallService registers a service that starts with the machine, or renews its registration, without starting it.
func InstallService(_ context.Context, s ServiceSpec) error {
	err := register(s)
	if err == nil {
		err = withService(s.Name, windows.SERVICE_ALL_ACCESS, func(registered *mgr.Service) error {
			return errors.Join(setRecovery(registered), limit(registered))
		})
	}
	if err == nil {
		err = addEventSource()
	}
	if err != nil {
		return fmt.Errorf("cannot register the service: %w", err)
	}
	return nil
}

func register(s ServiceSpec) error {
	err := withService(s.Name, windows.SERVICE_ALL_ACCESS, func(old *mgr.Service) error { return renew(old, s) })
	if !errors.Is(err, ErrNoService) {
		return err
	}
	m, err := mgr.Connect()
	if err != nil {
		return err
	}
	made, err := m.CreateService(s.Name, s.Program, mgr.Config{
		ServiceType: windows.SERVICE_WIN32_OWN_PROCESS, StartType: mgr.StartAutomatic, ErrorControl: mgr.ErrorNormal,
		DisplayName: s.DisplayName, Description: s.Description, ServiceStartName: serviceAccount(s.Name),
	}, s.Args...)
	if err == nil {
		err = made.Close()
	}
	return errors.Join(err, m.Disconnect())
}

// renew changes what is ours of a registration. mgr.UpdateConfig would also take away the identity that an MSI has given
// to the service, and the delay of its start that a person has.
func renew(old *mgr.Service, s ServiceSpec) error {
	var texts [4]*uint16
	for i, text := range []string{commandLine(s.Program, s.Args), serviceAccount(s.Name), s.DisplayName, s.Description} {
		var err error
		if texts[i], err = windows.UTF16PtrFromString(text); err != nil {
			return err
		}
	}
	err := windows.ChangeServiceConfig(old.Handle, windows.SERVICE_WIN32_OWN_PROCESS, mgr.StartAutomatic, mgr.ErrorNormal,
		texts[0], nil, nil, nil, texts[1], nil, texts[2])
	if err != nil {
		return err
	}
	description := windows.SERVICE_DESCRIPTION{Description: texts[3]}
	return windows.ChangeServiceConfig2(old.Handle, windows.SERVICE_CONFIG_DESCRIPTION, (*byte)(unsafe.Pointer(&description)))
}

func commandLine(program string, args []string) string {
	words := []string{windows.EscapeArg(program)}
	for _, a := range args {
		words = append(words, windows.EscapeArg(a))
	}
	return strings.Join(words, " ")
}

// setRecovery starts the service again when it ends by itself, for ever.
func setRecovery(s *mgr.Service) error {
	again := func(after time.Duration) mgr.RecoveryAction {
		return mgr.RecoveryAction{Type: mgr.ServiceRestart, Delay: after}
	}
	const day = 24 * 60 * 60
	if err := s.SetRecoveryActions([]mgr.RecoveryAction{again(2 * time.Second), again(5 * time.Second), again(30 * time.Second)}, day); err != nil {
		return fmt.Errorf("cannot set what happens when it fails: %w", err)
	}
	return optional("also after an end with an error it starts again", s.SetRecoveryActionsOnNonCrashFailures(true))
}

// limit gives a service an identity that folders can be given to, and takes all privileges from it but those it needs.
func limit(s *mgr.Service) error {
	identity := uint32(windows.SERVICE_SID_TYPE_UNRESTRICTED)
	err := windows.ChangeServiceConfig2(s.Handle, windows.SERVICE_CONFIG_SERVICE_SID_INFO, (*byte)(unsafe.Pointer(&identity)))
	list := append(utf16.Encode([]rune(requiredPrivileges)), 0, 0)
	info := struct{ privileges *uint16 }{&list[0]}
	return errors.Join(optional("the service has an identity of its own", err), optional("the service has hardly any privileges",
		windows.ChangeServiceConfig2(s.Handle, windows.SERVICE_CONFIG_REQUIRED_PRIVILEGES_INFO, (*byte)(unsafe.Pointer(&info)))))
}

// optional lets pass, and logs, that a service manager does not know a property at all, which Wine answers to some of
// them. Every Windows that OIBus runs on knows them: there nothing passes.
func optional(property string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, windows.ERROR_INVALID_LEVEL):
		slog.Info("this service manager knows nothing of a property of services; the service is registered without it", "property", property)
		return nil
	}
	return fmt.Errorf("cannot set that %s: %w", property, err)
}

func addEventSource() error {
	err := eventlog.InstallAsEventCreate(EventSource, eventlog.Error|eventlog.Warning|eventlog.Info)
	if err != nil && !strings.Contains(err.Error(), "already exists") {
		return fmt.Errorf("cannot register with the event log: %w", err)
	}
	return nil
}

// EnableService lets a registered service start with the machine.
func EnableService(_ context.Context, name string) error {
	return withService(name, windows.SERVICE_ALL_ACCESS, func(s *mgr.Service) error { return setStartType(s, windows.SERVICE_AUTO_START) })
}

func setStartType(s *mgr.Service, start uint32) error {
	return windows.ChangeServiceConfig(s.Handle, windows.SERVICE_NO_CHANGE, start, windows.SERVICE_NO_CHANGE, nil, nil, nil, nil, nil, nil, nil)
}

// startTypes are the numbers of the service manager.
var startTypes = map[StartType]uint32{StartAutomatic: windows.SERVICE_AUTO_START, StartManual: windows.SERVICE_DEMAND_START, StartDisabled: windows.SERVICE_DISABLED}

// StartOfService is how a service starts.
func StartOfService(_ context.Context, name string) (start ServiceStart, err error) {
	err = withService(name, windows.SERVICE_QUERY_CONFIG, func(s *mgr.Service) error {
		number, err := startType(s)
		for word, n := range startTypes {
			if n == number {
				start.Type = word
			}
		}
		return err
	})
	if err != nil {
		err = fmt.Errorf("cannot ask how the service %q starts: %w", name, err)
	}
	return start, err
}

// SetStartOfService lets a service start as it did.
func SetStartOfService(_ context.Context, name string, start ServiceStart) error {
	number, ok := startTypes[start.Type]
	err := fmt.Errorf("the start type %q is not known", start.Type)
	if ok {
		err = withService(name, windows.SERVICE_CHANGE_CONFIG, func(s *mgr.Service) error { return setStartType(s, number) })
	}
	if err != nil {
		return fmt.Errorf("cannot set how the service %q starts: %w", name, err)
	}
	return nil
}

// RemoveService stops a service and removes its registration. One that is not there is no error.
func RemoveService(ctx context.Context, name string) error {
	err := StopService(ctx, name)
	if err == nil {
		err = withService(name, windows.DELETE, func(s *mgr.Service) error { return s.Delete() })
	}
	if err != nil && !errors.Is(err, ErrNoService) {
		return fmt.Errorf("cannot remove the service %q: %w", name, err)
	}
	return nil
}

// StartService starts a service and waits until it runs.
func StartService(ctx context.Context, name string) error {
	err := withService(name, windows.SERVICE_START, func(s *mgr.Service) error { return s.Start() })
	if errors.Is(err, windows.ERROR_SERVICE_ALREADY_RUNNING) {
		err = nil
	}
	if err == nil {
		err = awaitState(ctx, name, ServiceRunning)
	}
	if err != nil {
		return fmt.Errorf("cannot start the service %q: %w; the event viewer and logs in its data folder tell more", name, err)
	}
	return nil
}

// StopService stops a service and waits for its end.
func StopService(ctx context.Context, name string) error {
	err := withService(name, windows.SERVICE_STOP, func(s *mgr.Service) error {
		_, err := s.Control(svc.Stop)
		return err
	})
	if errors.Is(err, windows.ERROR_SERVICE_NOT_ACTIVE) {
		err = nil
	}
	if err == nil {
		err = awaitState(ctx, name, ServiceStopped)
	}
	if err != nil {
		return fmt.Errorf("cannot stop the service %q: %w", name, err)
	}
	return nil
}

// RestartService stops and starts a service.
func RestartService(ctx context.Context, name string) error {
	if err := StopService(ctx, name); err != nil {
		return err
	}
	return StartService(ctx, name)
}

// awaitState waits until the service runs or, also by a failure, does not.
func awaitState(ctx context.Context, name string, want ServiceState) error {
	ctx, cancel := context.WithTimeout(ctx, managerLimit)
	defer cancel()
	tick := time.NewTicker(managerPoll)
	defer tick.Stop()
	for {
		s, err := QueryService(ctx, name)
		ended := s.State == ServiceStopped || s.State == ServiceFailed
		switch {
		case err != nil:
			return err
		case s.State == want || want == ServiceStopped && ended:
			return nil
		case want == ServiceRunning && ended:
			return errors.New("it ended at once")
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("it is still %s after %s", s.State, managerLimit)
		}
	}
}

// EnsureServiceUser has nothing to do on Windows, which makes the account of a service with it.
func EnsureServiceUser(context.Context, string) error { return nil }

// serviceSID is the identity of the account of a service, which follows from its name also before there is one.
func serviceSID(name string) string {
	var text []byte
	for _, unit := range utf16.Encode([]rune(strings.ToUpper(name))) {
		text = binary.LittleEndian.AppendUint16(text, unit)
	}
	sum := sha1.Sum(text) // as Windows computes it: it protects nothing
	sid := "S-1-5-80"
	for i := 0; i < len(sum); i += 4 {
		sid += fmt.Sprintf("-%d", binary.LittleEndian.Uint32(sum[i:]))
	}
	return sid
}

// Access lists in the security descriptor definition language. P: nothing is inherited from above.
const (
	systemAndAdministrators = "(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)"
	serviceModifies         = "(A;OICI;0x1301bf;;;%s)"
	everybodyReads          = "(A;OICI;0x1200a9;;;BU)"
)

// GiveFolder makes a folder, when it is missing, that only the service of that name and administrators can use.
func GiveFolder(dir, service string) error {
	return protected(dir, "D:P"+systemAndAdministrators+fmt.Sprintf(serviceModifies, serviceSID(service)))
}

// ProtectFolder makes a folder that only administrators change and everybody reads.
func ProtectFolder(dir string) error {
	return protected(dir, "D:P"+systemAndAdministrators+everybodyReads)
}

func protected(dir, access string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("cannot make %q: %w", dir, err)
	}
	descriptor, err := windows.SecurityDescriptorFromString(access)
	if err != nil {
		return fmt.Errorf("cannot say who may use %q: %w", dir, err)
	}
	list, _, err := descriptor.DACL()
	if err == nil {
		err = windows.SetNamedSecurityInfo(dir, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION|windows.PROTECTED_DACL_SECURITY_INFORMATION, nil, nil, list, nil)
	}
	if err != nil {
		return fmt.Errorf("cannot set who may use %q: %w", dir, err)
	}
	return nil
}

// WriteSettings writes a settings file. It lies in the data folder, whose access list counts.
func WriteSettings(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("cannot write the settings: %w", err)
	}
	return WriteFile(path, text, 0o644)
}

// AsOwnerOf does something: on Windows what is made in a data folder inherits the access list of the folder.
func AsOwnerOf(_ string, do func() error) error { return do() }

// RunAsOwnerOf lets a command run as this process does.
func RunAsOwnerOf(string, *exec.Cmd) error { return nil }
