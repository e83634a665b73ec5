package platform

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

func TestAChildOutOfReachIsNotInTheGroupOfThisProcessAndMayEndInOrder(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	dir := t.TempDir()
	cmd := exec.CommandContext(ctx, "sh", "-c", `trap 'echo in order >ended; exit 0' TERM; : >ready; while :; do sleep 0.05; done`)
	cmd.Dir = dir
	OutOfReach(cmd)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(filepath.Join(dir, "ready")); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("it is not ready")
		}
	}
	group, err := syscall.Getpgid(cmd.Process.Pid)
	if err != nil || group != cmd.Process.Pid || group == syscall.Getpgrp() {
		t.Errorf("its group is %d, %v", group, err)
	}
	cancel()
	_ = cmd.Wait() // it was cancelled
	if text, err := os.ReadFile(filepath.Join(dir, "ended")); err != nil || string(text) != "in order\n" {
		t.Errorf("%q, %v", text, err)
	}
}
