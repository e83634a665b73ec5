//go:build unix

package opcua

import "syscall"

// stop holds a process without ending it.
func stop(pid int) error { return syscall.Kill(pid, syscall.SIGSTOP) }
