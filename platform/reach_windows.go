package platform

import (
	"os/exec"
	"syscall"

	"golang.org/x/sys/windows"
)

// OutOfReach keeps what a person types to end this process, such as Ctrl-C, from ending a child of it, too: this process
// decides.
func OutOfReach(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.CreationFlags |= windows.CREATE_NEW_PROCESS_GROUP
}
