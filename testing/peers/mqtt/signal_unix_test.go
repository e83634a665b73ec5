//go:build unix

package mqtt

import (
	"syscall"
	"testing"
)

func askToSave(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
}
