package platform

import (
	"os/exec"
	"syscall"
	"time"
)

// endLimit is how long a program may take to end when its context has.
const endLimit = 10 * time.Second

// OutOfReach keeps what a person types to end this process, such as Ctrl-C, from ending a child of it, too: this process
// decides. When the context of the child ends it is asked to end, and can put in order what it has begun.
func OutOfReach(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	cmd.WaitDelay = endLimit
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
}
