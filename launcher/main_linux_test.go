package launcher

import (
	"os/exec"
	"os/signal"
	"syscall"
)

// detach puts a process where a signal to the process group does not reach it.
func detach(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }

func ignoreSignals() { signal.Ignore(syscall.SIGINT, syscall.SIGQUIT) }
