package platform

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

const executableSuffix = ".exe"

// killedCode is the exit code of processes that were ended with their job.
const killedCode = 137

// tree is a job object: all that the child starts belongs to it, and it ends with its last handle, so with this
// process, however that ends.
type tree struct{ job windows.Handle }

func newTree() (tree, error) {
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return tree{}, fmt.Errorf("cannot create a job object: %w", err)
	}
	info := windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION{}
	info.BasicLimitInformation.LimitFlags = windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE
	_, err = windows.SetInformationJobObject(job, windows.JobObjectExtendedLimitInformation,
		uintptr(unsafe.Pointer(&info)), uint32(unsafe.Sizeof(info)))
	if err != nil {
		_ = windows.CloseHandle(job)
		return tree{}, fmt.Errorf("cannot limit a job object: %w", err)
	}
	return tree{job: job}, nil
}

// prepare gives the child no window and its own process group: a Ctrl-C at the console is for this process, which
// then stops the child.
func (tree) prepare(cmd *exec.Cmd, notify *os.File) (number string, err error) {
	handle := windows.Handle(notify.Fd())
	if err := windows.SetHandleInformation(handle, windows.HANDLE_FLAG_INHERIT, windows.HANDLE_FLAG_INHERIT); err != nil {
		return "", fmt.Errorf("cannot let the pipe be inherited: %w", err)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		CreationFlags:              windows.CREATE_NEW_PROCESS_GROUP | windows.CREATE_NO_WINDOW,
		AdditionalInheritedHandles: []syscall.Handle{syscall.Handle(handle)},
	}
	return strconv.FormatUint(uint64(handle), 10), nil
}

func (t tree) adopt(p *os.Process) error {
	var assigned error
	err := p.WithHandle(func(handle uintptr) {
		assigned = windows.AssignProcessToJobObject(t.job, windows.Handle(handle))
	})
	if err == nil {
		err = assigned
	}
	if err != nil {
		return fmt.Errorf("cannot put the process into its job object: %w", err)
	}
	return nil
}

func (tree) interrupt(*os.Process) error { return nil }

func (tree) abort(*os.Process) error { return nil }

func (t tree) kill(int, string) error {
	if err := windows.TerminateJobObject(t.job, killedCode); err != nil {
		return fmt.Errorf("cannot end the process tree: %w", err)
	}
	return nil
}

func (t tree) close() error { return windows.CloseHandle(t.job) }

// Marked finds nothing on Windows, where a job object ends the children of a process that died.
func Marked(string) []int { return nil }

// KillMarked has nothing to do on Windows.
func KillMarked(string, int) error { return nil }

// OpenInherited opens the notify pipe that StartChild passed under number.
func OpenInherited(number string) (*os.File, error) {
	value, err := strconv.ParseUint(number, 10, 32) // handles have 32 significant bits, on 64-bit systems too
	if err != nil || value == 0 {
		return nil, fmt.Errorf("%q is not the number of an inherited handle", number)
	}
	handle := windows.Handle(value)
	kind, err := windows.GetFileType(handle)
	if err != nil {
		return nil, fmt.Errorf("cannot use inherited handle %d: %w", value, err)
	}
	if kind != windows.FILE_TYPE_PIPE {
		return nil, fmt.Errorf("inherited handle %d is not a pipe", value)
	}
	if err := windows.SetHandleInformation(handle, windows.HANDLE_FLAG_INHERIT, 0); err != nil {
		return nil, fmt.Errorf("cannot keep handle %d from being inherited further: %w", value, err)
	}
	return os.NewFile(uintptr(handle), "launcher"), nil
}
