//go:build unix

package mqtt

import (
	"syscall"
)

func askToSave(pid int) error { return syscall.Kill(pid, syscall.SIGUSR1) }
