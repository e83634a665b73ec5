package store

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The tests of a full disk need root: a tmpfs of 96 MB.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "mount", "-t", "tmpfs", "-o", "size=96m", "tmpfs", dir).CombinedOutput(); err != nil {
		t.Skipf("a small disk needs root and mount: %v %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", "-l", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v %s", err, out)
		}
	})
	return dir
}

func TestOnAFullDiskTheReserveKeepsTheStateWritable(t *testing.T) {
	dir := smallDisk(t)
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Replenish(); err != nil || !s.HasReserve() {
		t.Fatalf("no reserve: %v", err)
	}
	l, err := OpenLog(s, "journal", func([]byte) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	save(t, s, "engine", thing{"before", 1})
	filler := filepath.Join(dir, "filler")
	if err := exec.CommandContext(t.Context(), "dd", "if=/dev/zero", "of="+filler, "bs=64k").Run(); err == nil {
		t.Fatal("the disk did not get full")
	}
	if err := l.Append(strings.Repeat("x", 128<<10)); err != nil {
		t.Fatalf("the log: %v", err)
	}
	if s.HasReserve() {
		t.Error("the reserve is still there: the disk was not full")
	}
	save(t, s, "engine", thing{"while full", 2})
	if err := s.Replenish(); err != nil || s.HasReserve() {
		t.Errorf("the reserve was made on a full disk: %v", err)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	if err := s.Replenish(); err != nil || !s.HasReserve() {
		t.Errorf("the reserve was not made again: %v", err)
	}
	if v, _ := load(t, s, "engine"); v.Name != "while full" {
		t.Errorf("loaded %v", v)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestASaveOnADiskThatStaysFullFailsAndKeepsTheDocument(t *testing.T) {
	dir := smallDisk(t)
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	save(t, s, "engine", thing{"kept", 1})
	if err := exec.CommandContext(t.Context(), "dd", "if=/dev/zero", "of="+filepath.Join(dir, "filler"), "bs=4k").Run(); err == nil {
		t.Fatal("the disk did not get full")
	}
	if err := Save(s, "engine", thing{"lost", 2}); err == nil {
		t.Skip("this file system found room for a small file on a full disk")
	}
	if v, _ := load(t, s, "engine"); v.Name != "kept" || len(s.Incidents()) != 0 {
		t.Errorf("loaded %v, incidents %v", v, s.Incidents())
	}
}
