package platform

import "os/exec"

// HideWindow keeps a child process from opening a window.
func HideWindow(*exec.Cmd) {}

// NeededEnvironment is what programs cannot start without.
func NeededEnvironment() []string { return nil }
