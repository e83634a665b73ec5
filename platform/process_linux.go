package platform

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

const executableSuffix = ""

// killRounds bounds the search for processes that were started while their parents were being killed.
const killRounds = 20

// tree is a process group. What left the group is found by its mark.
//
// No parent-death signal is used: it is bound to the thread that started the child, not to the process, and would
// end the child without a graceful stop. The end of its standard input tells the child that its owner has died.
type tree struct{}

func newTree() (tree, error) { return tree{}, nil }

func (tree) prepare(cmd *exec.Cmd, notify *os.File) (number string, err error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.ExtraFiles = []*os.File{notify}
	return "3", nil
}

func (tree) adopt(*os.Process) error { return nil }

func (tree) interrupt(p *os.Process) error { return unlessEnded(p.Signal(os.Interrupt)) }

func (tree) abort(p *os.Process) error { return unlessEnded(p.Signal(syscall.SIGQUIT)) }

func (tree) close() error { return nil }

func (tree) kill(pid int, mark string) error {
	return errors.Join(unlessEnded(unix.Kill(-pid, unix.SIGKILL)), KillMarked(mark, pid))
}

func unlessEnded(err error) error {
	if errors.Is(err, os.ErrProcessDone) || errors.Is(err, unix.ESRCH) {
		return nil
	}
	return err
}

// Marked lists the processes that carry the mark in their environment.
func Marked(mark string) []int {
	if mark == "" {
		return nil
	}
	files, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		return nil
	}
	var pids []int
	wanted := []byte(MarkVariable + "=" + mark + "\x00")
	for _, file := range files {
		// A process that ended meanwhile or belongs to another user is none of ours.
		env, err := os.ReadFile(file)
		if err != nil || !bytes.Contains(env, wanted) {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file))); err == nil && pid != os.Getpid() {
			pids = append(pids, pid)
		}
	}
	return pids
}

// KillMarked ends all processes that carry the mark, and those that they start meanwhile. It does not wait for child,
// which its owner waits for.
func KillMarked(mark string, child int) error {
	var failed error
	for range killRounds {
		pids := Marked(mark)
		if len(pids) == 0 {
			return nil
		}
		failed = nil
		for _, pid := range pids {
			failed = errors.Join(failed, unlessEnded(unix.Kill(pid, unix.SIGKILL)))
			if pid != child {
				reap(pid)
			}
		}
	}
	if failed != nil {
		return fmt.Errorf("cannot end the process tree: %w", failed)
	}
	return nil
}

// reap keeps no zombie when this process is the first of its container and inherited the orphan. Of others' children
// it learns that they are none of its own, which is fine.
func reap(pid int) {
	_, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil)
}

// OpenInherited opens the notify pipe that StartChild passed under number.
func OpenInherited(number string) (*os.File, error) {
	fd, err := strconv.Atoi(number)
	if err != nil || fd < 3 {
		return nil, fmt.Errorf("%q is not the number of an inherited file", number)
	}
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return nil, fmt.Errorf("cannot use inherited file %d: %w", fd, err)
	}
	if stat.Mode&unix.S_IFMT != unix.S_IFIFO {
		return nil, fmt.Errorf("inherited file %d is not a pipe", fd)
	}
	unix.CloseOnExec(fd)
	return os.NewFile(uintptr(fd), "launcher"), nil
}
