//go:build !linux

package harness

import "syscall"

// withParent ends nothing on this system: only the clean-up of a test ends its programs.
func withParent() *syscall.SysProcAttr { return nil }
