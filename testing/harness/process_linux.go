package harness

import "syscall"

// withParent ends the program when the tests end without their clean-up: by a panic, or because they took too long.
func withParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
